//! Configuration as code: the repositories that a file names, held against those in the database,
//! and put in place.
//!
//! The rule: a plan is the difference, and carrying it out twice changes nothing the second time.
//! What the file does not name is left alone, unless it is asked to be removed. What the service's
//! own configuration file names belongs to that file: another one may not say something else of it.
//!
//! Deliberately absent: what a changed mapping would write to Plane (`jobs/sync_issue/foresee`).

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use crate::config::{RepositoryConfig, RepositoryName, RepositorySettings, WorkspaceSlug};
use crate::store::repositories::{Origin, Repository};

/// What becomes of repositories that a file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// They stay.
    Keep,
    /// Those that people added are removed; what they sent stays.
    Remove,
}

/// What carrying out a file would do, repository by repository.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// In the file's order, then what is removed.
    pub steps: Vec<Step>,
    /// Those that are as the file says.
    pub unchanged: Vec<RepositoryName>,
}

/// What happens to one repository.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It is not configured yet.
    Add(Box<RepositoryConfig>),
    /// It differs.
    Change {
        /// As it shall be.
        to: Box<RepositoryConfig>,
        /// How it is kept in step now.
        from: Box<RepositorySettings>,
        /// What differs, by key.
        differences: Vec<Difference>,
    },
    /// It is no longer wanted.
    Remove(RepositoryName),
}

/// One key before and after; `None` is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// As in the file: `labels.bug`.
    pub key: String,
    /// Before.
    pub from: Option<String>,
    /// After.
    pub to: Option<String>,
}

/// The service's own configuration file says something else of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} stands in the service's configuration file and says something else there: change it there and start again, or apply that very file"
)]
pub struct SaidElsewhere(pub RepositoryName);

/// What `wanted` would change of `present`. `configured` is what the service's own configuration
/// file names; empty where that is the file itself. `wanted` names none twice: no configuration
/// does.
///
/// # Errors
/// When the file contradicts the service's own.
pub fn plan(
    wanted: &[RepositoryConfig],
    present: &[(Repository, RepositorySettings)],
    configured: &[RepositoryName],
    unnamed: Unnamed,
) -> Result<Plan, SaidElsewhere> {
    let mut plan = Plan::default();
    for wanted_one in wanted {
        let name = &wanted_one.name;
        let Some((known, settings)) = present.iter().find(|(known, _)| known.name == *name) else {
            plan.steps.push(Step::Add(Box::new(wanted_one.clone())));
            continue;
        };
        let differences = differences(&keys_of(known, settings), &keys_of_config(wanted_one));
        if differences.is_empty() {
            plan.unchanged.push(name.clone());
        } else if configured.contains(name) {
            return Err(SaidElsewhere(name.clone()));
        } else {
            let (to, from) = (Box::new(wanted_one.clone()), Box::new(settings.clone()));
            plan.steps.push(Step::Change { to, from, differences });
        }
    }
    if unnamed == Unnamed::Remove {
        let is_named = |name: &RepositoryName| wanted.iter().any(|wanted| wanted.name == *name);
        let added = present.iter().filter(|(known, _)| known.origin == Origin::Manual);
        let gone = added.filter(|(known, _)| !is_named(&known.name));
        plan.steps.extend(gone.map(|(known, _)| Step::Remove(known.name.clone())));
    }
    Ok(plan)
}

impl Plan {
    /// What is put, and what is removed.
    pub fn parts(&self) -> (Vec<&RepositoryConfig>, Vec<&RepositoryName>) {
        let puts = self.steps.iter().filter_map(|step| match step {
            Step::Add(to) | Step::Change { to, .. } => Some(&**to),
            Step::Remove(_) => None,
        });
        let removes = self.steps.iter().filter_map(|step| match step {
            Step::Remove(name) => Some(name),
            Step::Add(_) | Step::Change { .. } => None,
        });
        (puts.collect(), removes.collect())
    }
}

/// Each key that is set, with its value as it is written.
pub type Keys = BTreeMap<String, String>;

/// What a file says of a repository, key by key.
pub fn keys_of_config(config: &RepositoryConfig) -> Keys {
    let place = (config.plane_project, config.plane_workspace.as_ref());
    keys(place, config.direction.as_str(), &config.settings())
}

fn keys_of(repository: &Repository, settings: &RepositorySettings) -> Keys {
    let place = (repository.plane_project, repository.plane_workspace.as_ref());
    keys(place, repository.direction.as_str(), settings)
}

/// Maps entry by entry, all else as one value.
fn keys(
    (project, workspace): (Option<Uuid>, Option<&WorkspaceSlug>),
    direction: &str,
    settings: &RepositorySettings,
) -> Keys {
    let mut keys = Keys::from([("direction".to_owned(), direction.to_owned())]);
    keys.extend(project.map(|project| ("plane_project".to_owned(), project.to_string())));
    keys.extend(workspace.map(|slug| ("plane_workspace".to_owned(), slug.to_string())));
    let Ok(Value::Object(settings)) = serde_json::to_value(settings) else { return keys };
    for (key, value) in settings {
        match value {
            Value::Object(entries) => {
                keys.extend(
                    entries
                        .into_iter()
                        .map(|(name, value)| (format!("{key}.{name}"), text(&value))),
                );
            }
            value => {
                keys.insert(key, text(&value));
            }
        }
    }
    keys
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn differences(from: &Keys, to: &Keys) -> Vec<Difference> {
    let all: std::collections::BTreeSet<_> = from.keys().chain(to.keys()).collect();
    let differing = all.into_iter().filter(|key| from.get(*key) != to.get(*key));
    differing
        .map(|key| Difference {
            key: key.clone(),
            from: from.get(key).cloned(),
            to: to.get(key).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RepositorySyncId;

    fn config(text: &str) -> Vec<RepositoryConfig> {
        #[derive(serde::Deserialize)]
        struct File {
            repositories: Vec<RepositoryConfig>,
        }
        toml::from_str::<File>(text).unwrap().repositories
    }

    /// As the database has them once they are applied.
    fn applied(
        configs: &[RepositoryConfig],
        origin: Origin,
    ) -> Vec<(Repository, RepositorySettings)> {
        let row = |config: &RepositoryConfig| Repository {
            id: RepositorySyncId(1),
            name: config.name.clone(),
            github_id: Some(7),
            plane_project: config.plane_project,
            plane_workspace: config.plane_workspace.clone(),
            direction: config.direction,
            origin,
            created_at: "2026-11-22T02:00:00Z".parse().unwrap(),
        };
        let stored = |settings: RepositorySettings| {
            serde_json::from_value(serde_json::to_value(settings).unwrap()).unwrap()
        };
        configs.iter().map(|config| (row(config), stored(config.settings()))).collect()
    }

    const FILE: &str = "[[repositories]]\nname = 'octo/api'\nlabels = { bug = 'Bug', docs = 'Docs' }\n\
        milestones = 'module'\nrate_limit = 30\nrules = [{ when = 'true', drop = true }]\n[[repositories]]\nname = 'octo/web'\n";

    #[test]
    fn what_is_applied_already_is_no_step() {
        let wanted = config(FILE);
        for origin in [Origin::Manual, Origin::Config] {
            let plan = plan(&wanted, &applied(&wanted, origin), &[], Unnamed::Remove).unwrap();
            assert!(plan.steps.is_empty() && plan.unchanged.len() == 2, "{plan:?}");
        }
    }

    #[test]
    fn a_change_names_each_key_before_and_after() {
        let present = applied(&config(FILE), Origin::Manual);
        let wanted = config(
            "[[repositories]]\nname = 'Octo/API'\ndirection = 'both'\nlabels = { bug = 'Defect' }\n",
        );
        let plan = plan(&wanted, &present, &[], Unnamed::Keep).unwrap();
        let [Step::Change { differences, .. }] = &plan.steps[..] else { panic!("{plan:?}") };
        let said: Vec<_> = differences
            .iter()
            .map(|d| (d.key.as_str(), d.from.as_deref(), d.to.as_deref()))
            .collect();
        let rules = r#"[{"drop":true,"when":"true"}]"#;
        assert_eq!(
            said,
            [
                ("direction", Some("github-to-plane"), Some("both")),
                ("labels.bug", Some("Bug"), Some("Defect")),
                ("labels.docs", Some("Docs"), None),
                ("milestones", Some("module"), None),
                ("rate_limit", Some("30"), None),
                ("rules", Some(rules), None),
            ]
        );
    }

    #[test]
    fn only_what_people_added_is_removed_and_only_when_it_is_asked_for() {
        let mut present = applied(&config(FILE), Origin::Manual);
        present[0].0.origin = Origin::Registered;
        assert_eq!(plan(&[], &present, &[], Unnamed::Keep).unwrap(), Plan::default());
        let plan = plan(&[], &present, &[], Unnamed::Remove).unwrap();
        assert_eq!(plan.steps, [Step::Remove("octo/web".parse().unwrap())]);
    }

    #[test]
    fn a_file_that_contradicts_the_services_own_is_refused() {
        let wanted = config("[[repositories]]\nname = 'a/b'\n");
        let name: RepositoryName = "a/b".parse().unwrap();
        let present = applied(&wanted, Origin::Config);
        let own = std::slice::from_ref(&name);
        let same = plan(&wanted, &present, own, Unnamed::Keep).unwrap();
        assert_eq!(same.unchanged, own);
        let other = config("[[repositories]]\nname = 'a/b'\ndirection = 'both'\n");
        let refused = plan(&other, &present, own, Unnamed::Keep);
        assert_eq!(refused, Err(SaidElsewhere(name.clone())));
    }
}
