//! What is left to be written for an issue, reckoned from what Plane last answered: the same plan
//! as a sync would make, without asking Plane for the item.

use std::sync::Arc;

use super::asking::refused;
use super::hand::{merged, remembered_item, rendered};
use super::{IssueSync, stored};
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::jobs::settings::Followed;
use crate::rules::{Rulebook, Verdict};
use crate::store::links::IssueLink;
use crate::sync::github::Issue;
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::plan::{Sides, WhenGone, plan};
use crate::sync::plane::Project;

/// What an issue's twin is reckoned with: one for a repository.
#[derive(Debug, Clone)]
pub struct Memory {
    mapping: Mapping,
    project: Arc<Project>,
    rulebook: Arc<Rulebook>,
}

impl IssueSync {
    /// Plane's project with its states, labels and members, and whose words mean what; `None` where
    /// nothing is written to Plane.
    ///
    /// # Errors
    /// When Plane can't be asked.
    pub async fn memory_of(
        &self,
        repository: &RepositoryName,
        project: &str,
    ) -> Result<Option<Memory>, Failure> {
        let Some(plane) = &self.plane else { return Ok(None) };
        let project = self.projects.project(plane, project).await.map_err(|r| refused(&r))?;
        let followed = self.settings.of(repository).await.map_err(|e| stored(&e))?;
        Ok(Some(Memory::new(followed, project)))
    }
}

impl Memory {
    pub(super) fn new(followed: Followed, project: Arc<Project>) -> Self {
        let Followed { mapping, rulebook, .. } = followed;
        Self { mapping, project, rulebook }
    }

    /// What is left to be written, one line each; nothing where both sides are in step.
    pub fn outstanding(&self, issue: &Issue, link: &IssueLink) -> Vec<String> {
        let Some(known) = link.link() else { return Vec::new() };
        let carried = match self.rulebook.applied(&link.key.repository, issue) {
            Ok(Verdict::Carried(carried)) => carried,
            Ok(Verdict::Dropped { .. }) => return Vec::new(),
            Err(broken) => return vec![broken.to_string()],
        };
        let issue = &carried.issue;
        let (rendered, item) = (rendered(issue), remembered_item(&known, issue));
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
        });
        planned.writes.iter().map(ToString::to_string).collect()
    }
}
