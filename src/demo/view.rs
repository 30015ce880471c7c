//! What the script is shown: both simulators as they are now.

use std::collections::HashMap;

use uuid::Uuid;

use super::Demo;
use super::cast::PLACES;
use super::script::{IssueName, IssueSeen, OwnItem, PullSeen, Scene, Twin};
use crate::sim::plane::Item;
use crate::sync::github::Issue;

/// How a pull request's text names the issue that its merge closes.
pub(super) const CLOSES: &str = "Closes #";

impl Demo {
    /// Everything that exists.
    pub fn scene(&self) -> Scene {
        let mut scene = Scene { loose_ends: self.loose_ends.clone(), ..Scene::default() };
        let states = self.plane.states().into_iter().map(|state| (state.id, state.name));
        let states: HashMap<_, _> = states.collect();
        let (mut twins, mut own) = (HashMap::new(), Vec::new());
        for item in self.plane.items() {
            match (item.external.source.as_deref(), item.external.id.clone()) {
                (Some("github"), Some(id)) => drop(twins.insert(id, item)),
                _ => own.push(item),
            }
        }
        for (place, there) in PLACES.iter().enumerate() {
            // The repository is there from the beginning.
            for issue in self.github.issues(there.repository).unwrap_or_default() {
                let name = IssueName { place, number: issue.number };
                if issue.pull_request {
                    scene.pulls.push(pull_seen(name, &issue));
                } else {
                    let twin = twins.get(&issue.id.to_string());
                    let twin = twin.map(|item| self.twin(item, &states));
                    scene.issues.push(self.issue_seen(name, issue, twin));
                }
            }
        }
        scene.own_items = own.iter().filter_map(|item| self.own_item(item)).collect();
        scene
    }

    fn issue_seen(&self, name: IssueName, issue: Issue, twin: Option<Twin>) -> IssueSeen {
        let comments = self.github.comments(PLACES[name.place].repository, name.number);
        IssueSeen {
            name,
            open: !issue.state.is_closed(),
            labels: issue.labels.iter().map(|label| label.name.clone()).collect(),
            assignees: issue.assignees.iter().map(|account| account.login.clone()).collect(),
            comments: comments.unwrap_or_default().iter().map(|comment| comment.id).collect(),
            changed: issue.updated_at,
            twin,
            body: issue.body.unwrap_or_default(),
            title: issue.title,
        }
    }

    fn twin(&self, item: &Item, states: &HashMap<Uuid, String>) -> Twin {
        Twin {
            item: item.id,
            state: states.get(&item.state).cloned().unwrap_or_default(),
            comments: self.plane.comments(item.id).len(),
        }
    }

    fn own_item(&self, item: &Item) -> Option<OwnItem> {
        let place = self.projects.iter().position(|project| *project == Some(item.project))?;
        Some(OwnItem { item: item.id, number: item.sequence_id, place })
    }

    /// An item as people call it.
    pub(super) fn key(&self, item: Uuid) -> String {
        let Some(item) = self.plane.item(item) else { return "(deleted)".to_owned() };
        let place = self.projects.iter().position(|project| *project == Some(item.project));
        let project = place.and_then(|place| PLACES[place].project).map_or("?", |(key, _)| key);
        format!("{project}-{}", item.sequence_id)
    }
}

fn pull_seen(name: IssueName, issue: &Issue) -> PullSeen {
    let text = issue.body.as_deref().unwrap_or_default();
    let digits = text.split_once(CLOSES).map(|(_, rest)| rest).unwrap_or_default();
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    let closes = digits.parse().ok().map(|number| IssueName { number, ..name });
    PullSeen { name, open: !issue.state.is_closed(), closes }
}
