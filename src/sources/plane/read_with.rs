//! What reading a payload of Plane's depends on besides the payload: names that were looked up, and
//! addresses that were configured. Kept beside the delivery, so that reading it again says the same.
//! Pure: no I/O, no clock.
//!
//! Deliberately absent: what else the directory knows. Only names that the payload needs take part,
//! so that most deliveries of a project share one text.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::normalize::{LabelName, Lookup, Names, StateName};

/// All that takes part in a reading besides body and time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadWith {
    /// The names that the payload leaves out.
    pub names: Names,
    /// The workspace's slug.
    pub workspace: Option<String>,
    /// Plane's address for people.
    pub web_url: Option<String>,
}

/// The text's shape: sorted, so that equal ones are equal texts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    looked_up: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    web_url: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    projects: BTreeMap<String, String>,
    /// Project, name, group.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    states: BTreeMap<String, (String, String, String)>,
    /// Name, color.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, (String, Option<String>)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    members: BTreeMap<String, String>,
}

fn sorted<V: Clone, W>(map: &HashMap<String, V>, keep: impl Fn(V) -> W) -> BTreeMap<String, W> {
    map.iter().map(|(id, value)| (id.clone(), keep(value.clone()))).collect()
}

impl ReadWith {
    /// As text, the same for the same.
    pub fn to_text(&self) -> String {
        let Names { lookup, projects, states, labels, members } = &self.names;
        let kept = Kept {
            looked_up: *lookup == Lookup::On,
            workspace: self.workspace.clone(),
            web_url: self.web_url.clone(),
            projects: sorted(projects, |p| p),
            states: sorted(states, |s: StateName| (s.project, s.name, s.group)),
            labels: sorted(labels, |l: LabelName| (l.name, l.color)),
            members: sorted(members, |m| m),
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// From such a text.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        let kept: Kept = serde_json::from_str(text)?;
        let state = |(id, (project, name, group))| (id, StateName { project, name, group });
        let label = |(id, (name, color))| (id, LabelName { name, color });
        Ok(Self {
            names: Names {
                lookup: if kept.looked_up { Lookup::On } else { Lookup::Off },
                projects: kept.projects.into_iter().collect(),
                states: kept.states.into_iter().map(state).collect(),
                labels: kept.labels.into_iter().map(label).collect(),
                members: kept.members.into_iter().collect(),
            },
            workspace: kept.workspace,
            web_url: kept.web_url,
        })
    }
}

/// A text's short name: 16 hexadecimal digits of its SHA-256.
pub fn key_of(text: &str) -> String {
    let mut key = hex::encode(Sha256::digest(text.as_bytes()));
    key.truncate(16);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_with_comes_back_from_its_text_and_equal_ones_are_equal_texts() {
        let map = |ids: &[&str]| -> HashMap<String, String> {
            ids.iter().map(|id| ((*id).to_owned(), format!("name of {id}"))).collect()
        };
        let with = |ids: &[&str]| {
            let state = StateName {
                project: "p".to_owned(),
                name: "Todo".to_owned(),
                group: "unstarted".to_owned(),
            };
            let label = LabelName { name: "bug".to_owned(), color: None };
            ReadWith {
                names: Names {
                    lookup: Lookup::On,
                    projects: map(ids),
                    states: HashMap::from([("s".to_owned(), state)]),
                    labels: HashMap::from([("l".to_owned(), label)]),
                    members: map(ids),
                },
                workspace: Some("acme".to_owned()),
                web_url: None,
            }
        };
        let (one, other) = (with(&["a", "b", "c", "d"]), with(&["d", "c", "b", "a"]));
        assert_eq!(one.to_text(), other.to_text());
        assert_eq!(ReadWith::from_text(&one.to_text()).unwrap(), one);
        assert_eq!(key_of(&one.to_text()).len(), 16);
        assert_ne!(key_of(&one.to_text()), key_of(&ReadWith::default().to_text()));
    }
}
