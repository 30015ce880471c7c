//! What is left to be written for an issue, reckoned from what Plane last answered: the same plan
//! as a sync would make, without asking Plane for the item.

use std::sync::Arc;

use super::hand::broken;
use super::{IssueSync, stored};
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::jobs::settings::Followed;
use crate::rules::{Admission, Rulebook, Verdict};
use crate::sources::Verified;
use crate::sources::github::facts::facts;
use crate::store::links::IssueLink;
use crate::sync::github::Issue;
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::markdown;
use crate::sync::merge::{Merge, merge};
use crate::sync::plan::{Base, Link, Rendered, Sides, TextMerge, WhenGone, plan};
use crate::sync::plane::{EXTERNAL_SOURCE, Item, Project};

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
        let project = self.project_of(plane, project).await?;
        let followed = self.settings.of(repository).await.map_err(|e| stored(&e))?;
        Ok(Some(Memory::new(followed, project)))
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

pub(super) fn rendered(issue: &Issue) -> Rendered {
    let title = markdown::title(&issue.title);
    Rendered {
        title: title.text,
        title_cut: title.cut,
        description_html: markdown::issue_description(issue),
    }
}

/// The item as Plane last answered it.
pub(super) fn remembered_item(link: &Link, issue: &Issue) -> Item {
    let Base { plane, .. } = &link.base;
    Item {
        id: link.item.clone(),
        name: plane.name.clone(),
        description_html: plane.description_html.clone(),
        state: plane.state.clone(),
        labels: plane.labels.clone(),
        assignees: plane.assignees.clone(),
        priority: plane.priority,
        external_id: Some(issue.id.to_string()),
        external_source: Some(EXTERNAL_SOURCE.to_owned()),
    }
}

pub(super) fn merged(base: &str, ours: &str, theirs: &str) -> TextMerge {
    match merge(base, ours, theirs) {
        Merge::Merged { html } => TextMerge::Merged(html),
        Merge::Conflict { places } => {
            let blocks: Vec<_> = places.iter().map(|place| (place.block + 1).to_string()).collect();
            TextMerge::Conflict(format!("in block {}", blocks.join(", ")))
        }
    }
}
