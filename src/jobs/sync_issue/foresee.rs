//! What other settings would write for the issues that are linked, reckoned from what is known of
//! both sides, without asking for any of them.
//!
//! A mapping counts for what changes from then on; for labels and people that had no counterpart
//! it counts at once. This says which issues that concerns, before it is put in place.

use std::sync::Arc;

use super::IssueSync;
use super::asking::refused;
use super::memory::Memory;
use super::stored;
use crate::config::{Direction, RepositoryName, RepositorySettings};
use crate::failure::Failure;
use crate::store::links::IssueLink;
use crate::sync::github::{Account, Issue, IssueLabel, IssueState};
use crate::work_items::{Snapshot, StateGroup};

/// Links that are reckoned for one repository.
const MOST: i64 = 2_000;
/// Issues that are shown.
const SHOWN: usize = 5;

/// What other settings would write for the issues that are linked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// Links that were looked at, at most two thousand of the newest.
    pub links: u64,
    /// Those for which something would be written that is not written with the present ones.
    pub changing: u64,
    /// The first of these: key, and what.
    pub samples: Vec<(String, Vec<String>)>,
}

/// How a repository is kept in step, or would be.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// Who may change whom.
    pub direction: Direction,
    /// The rest.
    pub settings: &'a RepositorySettings,
}

impl IssueSync {
    /// What `after` would write that `before` would not, for issues linked with a project; `None`
    /// where nothing is written to Plane.
    ///
    /// # Errors
    /// When Plane can't be asked for the project, or the database can't be read.
    pub async fn foresee(
        &self,
        repository: &RepositoryName,
        project: &str,
        before: Manner<'_>,
        after: Manner<'_>,
    ) -> Result<Option<Foreseen>, Failure> {
        let Some(plane) = &self.plane else { return Ok(None) };
        let project_now = self.projects.project(plane, project).await.map_err(|r| refused(&r))?;
        let mut memories = Vec::with_capacity(2);
        for Manner { direction, settings } in [before, after] {
            let followed = self.settings.with(settings).await.map_err(|e| stored(&e))?;
            let write_back = self.write_back(direction);
            memories.push(Memory::new(followed, Arc::clone(&project_now), write_back));
        }
        let [before, after] = &memories[..] else { return Ok(None) };
        let links = self.store.links_of_repository(repository, project, MOST).await;
        let goes_back = before.writes_back() || after.writes_back();
        let mut foreseen = Foreseen::default();
        for link in links.map_err(|e| stored(&e))? {
            foreseen.links += 1;
            let item = self.store.work_item(&link.issue_ref()).await.map_err(|e| stored(&e))?;
            let twin = match link.twin_of(&link.issue_ref()).filter(|_| goes_back) {
                Some(twin) => self.store.work_item(&twin).await.map_err(|e| stored(&e))?,
                None => None,
            };
            let Some(state) = item.filter(|item| item.deleted_at.is_none()).and_then(|i| i.state)
            else {
                continue;
            };
            let issue = issue_of(&state, &link);
            let known = before.outstanding(&issue, &link, twin.as_ref());
            let new: Vec<_> = after.outstanding(&issue, &link, twin.as_ref());
            let new: Vec<_> = new.into_iter().filter(|write| !known.contains(write)).collect();
            if new.is_empty() {
                continue;
            }
            foreseen.changing += 1;
            if foreseen.samples.len() < SHOWN {
                let key = format!("{}#{}", link.key.repository, link.key.number);
                foreseen.samples.push((state.key.unwrap_or(key), new));
            }
        }
        Ok(Some(foreseen))
    }
}

/// The issue as the board knows it. What differs from GitHub's own words (the exact reason of a
/// close) weighs the same before and after.
pub fn issue_of(state: &Snapshot, link: &IssueLink) -> Issue {
    Issue {
        id: link.key.github_issue,
        number: link.key.number,
        repository: state.project_ref.clone(),
        repository_id: None,
        title: state.title.clone(),
        body: link.markdown.clone(),
        state: match state.state_group {
            Some(StateGroup::Completed) => IssueState::Completed,
            Some(StateGroup::Cancelled) => IssueState::NotPlanned,
            _ => IssueState::Open,
        },
        labels: state
            .labels
            .iter()
            .map(|label| IssueLabel {
                name: label.name.clone(),
                color: label.color.as_ref().map(|c| c.trim_start_matches('#').to_owned()),
            })
            .collect(),
        assignees: state
            .assignees
            .iter()
            .filter_map(|person| {
                Some(Account { id: person.id.parse().ok()?, login: person.name.clone()? })
            })
            .collect(),
        author: None,
        html_url: link.base.link_url.clone().or(state.url.clone()).unwrap_or_default(),
        pull_request: false,
        created_at: state.created_at.unwrap_or(state.updated_at),
        updated_at: state.updated_at,
        closed_at: None,
    }
}
