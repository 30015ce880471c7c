//! The writes of a plan to GitHub, and what is known of Plane's people without asking for them.
//!
//! They come last, after Plane has all of it: a token that may not write delays nothing else. Each is
//! recorded, made, and settled from GitHub's answer before the next, as those to Plane are. GitHub
//! wants a second between two writes; nobody sleeps on that, so the second write of one issue is
//! planned anew after the wait.

use std::collections::{BTreeMap, BTreeSet};

use tracing::warn;

use super::hand::Hand;
use super::{IssueSync, Report, stored};
use crate::clients::github::write::Written;
use crate::config::{Direction, RepositoryName};
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::store::intents::{IntentEnd, IntentId};
use crate::store::links::IssueLink;
use crate::sync::github::Account;
use crate::sync::mapping::Resolved;
use crate::sync::plan::{Assigning, LinkStatus, Write, WriteBack, settle_people, still_wanted};
use crate::sync::plane::Project;
use crate::work_items::WorkItem;

impl IssueSync {
    /// Whether anything goes back to any GitHub from repositories of that direction.
    pub fn writes_back(&self, direction: Direction) -> bool {
        let may_write = self.github.as_ref().is_some_and(|g| g.rests().next().is_some());
        direction == Direction::Both && may_write && self.plane.is_some()
    }

    /// What goes back to GitHub from a repository of that direction.
    pub fn write_back(&self, repository: &RepositoryName, direction: Direction) -> WriteBack {
        let writer = self.github.as_ref().and_then(|github| github.writer(repository));
        let may_write = writer.is_some();
        match direction {
            Direction::Both if may_write && self.plane.is_some() => WriteBack::Assignees,
            Direction::Both | Direction::GithubToPlane => WriteBack::Nothing,
        }
    }

    /// Who is assigned in Plane as its webhooks told; `None` where they told nothing.
    pub(super) async fn people_told(
        &self,
        link: &IssueLink,
    ) -> Result<Option<BTreeSet<String>>, Failure> {
        let Some(item) = &link.item else { return Ok(None) };
        let item = WorkItemRef::new(format!("plane:{item}"));
        let known = self.store.work_item(&item).await.map_err(|e| stored(&e))?;
        Ok(known.as_ref().and_then(people_of))
    }
}

/// An account of which nothing but its login is known.
fn account(login: &str) -> Account {
    Account { id: 0, login: login.to_owned() }
}

/// The ids of those who are assigned to an item of Plane.
pub(super) fn people_of(item: &WorkItem) -> Option<BTreeSet<String>> {
    let state = item.state.as_ref().filter(|_| item.deleted_at.is_none())?;
    Some(state.assignees.iter().map(|person| person.id.clone()).collect())
}

impl Hand<'_> {
    /// Whether a webhook of Plane's about people tells nothing new: they are as both sides last
    /// agreed, so that neither has to be asked.
    pub(super) fn is_agreed_on(&self) -> bool {
        let base = &self.link.base;
        let is_known = base.people.is_some() && self.link.status == LinkStatus::Ok;
        is_known && self.left_open.is_empty() && self.people.as_ref() == Some(&base.plane.assignees)
    }

    /// Makes the writes to GitHub in their order.
    pub(super) async fn write_to_github(&mut self, writes: Vec<Write>) -> Result<(), Failure> {
        for write in writes {
            if let Some(write) = still_wanted(write, &self.in_plane) {
                self.write_people(&write).await?;
            }
        }
        Ok(())
    }

    async fn write_people(&mut self, write: &Write) -> Result<(), Failure> {
        let Write::ChangeAssignees { repository, number, assigning, people } = write else {
            return Err(Failure::permanent(format!("a bug: {} is none of GitHub", write.kind())));
        };
        let repository: RepositoryName = repository.parse().map_err(|_| {
            Failure::permanent(format!("a bug: GitHub calls the repository “{repository}”"))
        })?;
        let Some(writer) = self.sync.github.as_ref().and_then(|g| g.writer(&repository)) else {
            return Ok(());
        };
        if let Some(failure) = writer.held_up() {
            return Err(failure);
        }
        let intent = self.intend(write, None).await?;
        let logins: Vec<&str> = people.keys().map(String::as_str).collect();
        let sent = writer.change_assignees(&repository, *number, *assigning, &logins).await;
        let issue = match sent {
            Ok(Written::Taken(issue)) => Some(issue),
            Ok(Written::Refused { words }) => {
                warn!(
                    link.id = self.link.id.0,
                    "GitHub does not take the assignees of {repository}#{number}: {words}"
                );
                None
            }
            Err(failure) => {
                self.not_sent(intent, &failure).await?;
                return Err(failure);
            }
        };
        let unchanged = || match assigning {
            Assigning::Add => Vec::new(),
            Assigning::Remove => logins.iter().map(|login| account(login)).collect(),
        };
        let assigned = issue.as_ref().map_or_else(unchanged, |issue| issue.assignees.clone());
        let settled = settle_people(&self.link.base, write, &assigned);
        self.report.findings.extend(settled.findings);
        self.link.base = settled.base;
        if let Some(issue) = issue {
            self.report.wrote_to_github(write, self.cause.as_ref());
            // A copy that is behind this answer counts as none.
            self.link.github_updated_at = self.link.github_updated_at.max(Some(issue.updated_at));
            self.report.asked = Some(issue);
        }
        self.save(&[], &[IntentEnd::Settled { id: intent, answer: None }]).await
    }

    /// What had to wait was not sent: nothing is to be looked for.
    async fn not_sent(&self, intent: IntentId, failure: &Failure) -> Result<(), Failure> {
        let Failure::Quota { reason, .. } = failure else { return Ok(()) };
        self.save(&[], &[IntentEnd::Abandoned { id: intent, reason: reason.clone() }]).await
    }

    /// So that people see who is assigned in Plane and is nobody on GitHub, and say who they are.
    pub(super) async fn note_unmapped_members(&self, project: &Project) -> Result<(), Failure> {
        let unmapped = match self.write_back {
            WriteBack::Assignees => {
                let mapping = Resolved::new(&self.mapping, project);
                let told = self.link.base.github.assignees.values().flatten();
                let told: BTreeSet<&String> = told.collect();
                let mut alone = self.link.base.plane.assignees.clone();
                alone.retain(|id| !told.contains(id));
                mapping.unmapped_members(&alone)
            }
            WriteBack::Nothing => BTreeMap::new(),
        };
        let now = self.sync.clock.now();
        let noted = self.sync.store.note_unmapped_members(self.link.id, &unmapped, now);
        noted.await.map_err(|e| stored(&e))
    }

    /// That a webhook of Plane's has nothing to carry over.
    pub(super) fn nothing_of_plane(&mut self) {
        self.report = Report::idle("its assignees are as both sides last agreed");
    }
}
