//! What other settings would write for the issues that are linked, reckoned from what is known of
//! both sides, without asking for any of them.
//!
//! A mapping counts for what changes from then on; for labels and people that had no counterpart
//! it counts at once. This says which issues that concerns, before it is put in place.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::IssueSync;
use super::memory::Memory;
use super::placing::placed_by;
use super::stored;
use crate::config::{Direction, RepositoryName, RepositorySettings, WorkspaceSlug};
use crate::failure::Failure;
use crate::store::links::IssueLink;
use crate::sync::github::{Account, Issue, IssueLabel, IssueState, Milestoned};
use crate::sync::home::PlacedBy;
use crate::sync::mapping::Mapping;
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
    /// Those for which another project is newly wanted: their items stay where they are.
    pub staying: u64,
    /// What is carried over otherwise than before and is not reckoned here, in words.
    pub unreckoned: Vec<&'static str>,
}

/// What no link tells beforehand: an item's milestone, and how its pull requests stand.
fn unreckoned(before: &RepositorySettings, after: &RepositorySettings) -> Vec<&'static str> {
    let milestones = (before.milestones != after.milestones).then_some("milestones");
    let (was, is) = (Mapping::from(before), Mapping::from(after));
    let pulls = (was.pull_states() != is.pull_states()).then_some("pull requests");
    milestones.into_iter().chain(pulls).collect()
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
        (own, workspace): (Option<Uuid>, Option<&WorkspaceSlug>),
        before: Manner<'_>,
        after: Manner<'_>,
    ) -> Result<Option<Foreseen>, Failure> {
        let Some(plane) = &self.plane else { return Ok(None) };
        let unreckoned = unreckoned(before.settings, after.settings);
        let own = own.map(|project| project.to_string());
        let (mut followed, mut named) = (Vec::with_capacity(2), Vec::from_iter(own.clone()));
        for Manner { direction, settings } in [before, after] {
            let one =
                self.settings.with(&repository.host(), settings).await.map_err(|e| stored(&e))?;
            named.extend(one.rulebook.projects().iter().map(Uuid::to_string));
            followed.push((one, self.write_back(repository, direction)));
        }
        let mut seen = BTreeSet::new();
        named.retain(|project| seen.insert(project.clone()));
        if named.is_empty() {
            return Ok(None);
        }
        let named = named.into_iter().map(|id| (id, workspace.cloned())).collect();
        let ruled = followed.iter().any(|(one, _)| placed_by(&one.rulebook) == PlacedBy::Rules);
        let by = if ruled { PlacedBy::Rules } else { PlacedBy::Repository };
        let known = self.known_projects(plane, repository, named, by).await?;
        let memory = |(followed, back)| Memory::new(followed, own.clone(), known.clone(), back);
        let memories: Vec<_> = followed.into_iter().map(memory).collect();
        let [before, after] = &memories[..] else { return Ok(None) };
        let goes_back = before.writes_back() || after.writes_back();
        let mut foreseen = Foreseen { unreckoned, ..Foreseen::default() };
        for link in self.homes(repository, before).await? {
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
            let elsewhere = |memory: &Memory| memory.wants_elsewhere(&issue, &link);
            if elsewhere(after).is_some_and(|project| elsewhere(before) != Some(project)) {
                foreseen.staying += 1;
            }
            let unseen = |why| vec![why];
            let known = before.outstanding(&issue, &link, twin.as_ref()).unwrap_or_else(unseen);
            let new: Vec<_> =
                after.outstanding(&issue, &link, twin.as_ref()).unwrap_or_else(unseen);
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

    /// Of each issue the link that counts.
    async fn homes(
        &self,
        repository: &RepositoryName,
        memory: &Memory,
    ) -> Result<Vec<IssueLink>, Failure> {
        let links = self.store.links_of_repository(repository, MOST).await;
        let links = links.map_err(|e| stored(&e))?;
        let mut by_issue: BTreeMap<u64, Vec<IssueLink>> = BTreeMap::new();
        let newest_first: Vec<u64> = links.iter().map(|link| link.key.github_issue).collect();
        for link in links {
            by_issue.entry(link.key.github_issue).or_default().push(link);
        }
        let homes = newest_first.iter().filter_map(|issue| memory.home(by_issue.remove(issue)?));
        Ok(homes.collect())
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
                id: None,
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
        milestone: Milestoned::Unsaid,
        parent: None,
    }
}
