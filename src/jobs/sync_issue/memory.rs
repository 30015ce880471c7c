//! What is left to be written for an issue, reckoned from what Plane last answered: the same plan
//! as a sync would make, without asking Plane for the item. Where assignees go both ways, who is
//! assigned in Plane is what its webhooks told last.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::asking::refused;
use super::github_writes::people_of;
use super::hand::broken;
use super::planning::{merged, remembered_item, rendered};
use super::{IssueSync, stored};
use crate::failure::Failure;
use crate::jobs::settings::Followed;
use crate::rules::{Admission, Rulebook, Verdict};
use crate::sources::Verified;
use crate::sources::github::facts::facts;
use crate::store::links::IssueLink;
use crate::store::repositories::Repository;
use crate::sync::github::Issue;
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::plan::{Sides, WhenGone, WriteBack, plan};
use crate::sync::plane::Project;
use crate::work_items::WorkItem;

/// What an issue's twin is reckoned with: one for a repository.
#[derive(Debug, Clone)]
pub struct Memory {
    mapping: Mapping,
    project: Arc<Project>,
    rulebook: Arc<Rulebook>,
    write_back: WriteBack,
}

impl IssueSync {
    /// Plane's project with its states, labels and members, and whose words mean what; `None` where
    /// nothing is written to Plane.
    ///
    /// # Errors
    /// When Plane can't be asked.
    pub async fn memory_of(
        &self,
        repository: &Repository,
        project: &str,
    ) -> Result<Option<Memory>, Failure> {
        let Some(plane) = &self.plane else { return Ok(None) };
        let project = self.projects.project(plane, project).await.map_err(|r| refused(&r))?;
        let followed = self.settings.of(&repository.name).await.map_err(|e| stored(&e))?;
        let write_back = self.write_back(repository.direction);
        Ok(Some(Memory::new(followed, project, write_back)))
    }
}

/// What a repository's filter and rules would make of a delivery that is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It brings its issue in step.
    Open,
    /// The filter or a rule leaves it out, which is as it should be.
    LeftOut,
    /// The filter or a rule comes to nothing for it: a person has to mend that.
    Broken(String),
}

impl Memory {
    /// What would become of a delivery about `issue` in the second stage, once it was put in.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn way(&self, repository: &str, found: &Verified, issue: &Issue) -> Result<Way, Failure> {
        if self.rulebook.is_empty() {
            return Ok(Way::Open);
        }
        if self.rulebook.has_filter() {
            let facts = facts(found.event_type(), repository, found.body())?;
            match self.rulebook.admits(&facts) {
                Ok(Admission::Admitted) => {}
                Ok(Admission::LeftOut) => return Ok(Way::LeftOut),
                Err(why) => return Ok(Way::Broken(broken(&why, repository).to_string())),
            }
        }
        Ok(match self.rulebook.applied(repository, issue) {
            Ok(Verdict::Carried(_)) => Way::Open,
            Ok(Verdict::Dropped { .. }) => Way::LeftOut,
            Err(why) => Way::Broken(broken(&why, repository).to_string()),
        })
    }

    pub(super) fn new(followed: Followed, project: Arc<Project>, write_back: WriteBack) -> Self {
        let Followed { mapping, rulebook, .. } = followed;
        Self { mapping, project, rulebook, write_back }
    }

    /// Whether people of Plane's go back to GitHub.
    pub fn writes_back(&self) -> bool {
        self.write_back == WriteBack::Assignees
    }

    /// What is left to be written to either side, one line each; nothing where both are in step.
    /// `twin` is the item as Plane's webhooks told it.
    pub fn outstanding(
        &self,
        issue: &Issue,
        link: &IssueLink,
        twin: Option<&WorkItem>,
    ) -> Vec<String> {
        let people = twin.filter(|_| self.writes_back()).and_then(people_of);
        self.outstanding_with(issue, link, people.as_ref())
    }

    /// As [`Memory::outstanding`], with those who are assigned in Plane by id.
    pub fn outstanding_with(
        &self,
        issue: &Issue,
        link: &IssueLink,
        people: Option<&BTreeSet<String>>,
    ) -> Vec<String> {
        let Some(known) = link.link() else { return Vec::new() };
        let carried = match self.rulebook.applied(&link.key.repository, issue) {
            Ok(Verdict::Carried(carried)) => carried,
            Ok(Verdict::Dropped { .. }) => return Vec::new(),
            Err(broken) => return vec![broken.to_string()],
        };
        let issue = &carried.issue;
        let (rendered, item) = (rendered(issue), remembered_item(&known, issue, people));
        let planned = plan(&Sides {
            issue,
            ruled: &carried.ruled,
            rendered: &rendered,
            link: Some(&known),
            item: Some(&item),
            pulls: None,
            mapping: Resolved::new(&self.mapping, &self.project),
            merge: &merged,
            when_gone: WhenGone::MarkBroken,
            write_back: self.write_back,
        });
        planned.writes.iter().map(ToString::to_string).collect()
    }
}
