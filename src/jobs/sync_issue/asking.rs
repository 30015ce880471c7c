//! What Plane is asked for while an issue is brought in step, and what its refusals mean there.

use std::sync::Arc;

use tracing::warn;

use super::hand::Hand;
use super::{FORBIDDEN, IssueSync, stored};
use crate::clients::plane::{Found, PlaneClient, Refusal};
use crate::failure::Failure;
use crate::sync::plane::{Item, ItemComment, Project};

impl IssueSync {
    /// A project as it was at most ten minutes ago, without the marks of labels that were left to
    /// others.
    pub(super) async fn project_of(
        &self,
        plane: &PlaneClient,
        project: &str,
    ) -> Result<Arc<Project>, Failure> {
        self.asked_project(plane, project).await?.map_err(|refusal| refused(&refusal))
    }

    /// The same, with what Plane refused for whoever knows more of the project.
    pub(super) async fn asked_project(
        &self,
        plane: &PlaneClient,
        project: &str,
    ) -> Result<Result<Arc<Project>, Refusal>, Failure> {
        if let Some(known) = self.projects.known(project) {
            return Ok(Ok(known));
        }
        let left = self.store.left_labels(project).await.map_err(|e| stored(&e))?;
        let asked = match self.projects.project(plane, project).await {
            Ok(asked) if !left.is_empty() => asked,
            asked => return Ok(asked),
        };
        for label in &left {
            self.projects.leave_label(project, label);
        }
        Ok(Ok(self.projects.known(project).unwrap_or(asked)))
    }
}

impl IssueSync {
    /// Whether the key shows a project. One that a rule names may be hidden, and the others go on.
    pub(super) async fn is_shown(
        &self,
        plane: &PlaneClient,
        project: &str,
    ) -> Result<bool, Failure> {
        match self.asked_project(plane, project).await? {
            Ok(_) => Ok(true),
            Err(Refusal::NoAccess | Refusal::NotFound) => Ok(false),
            Err(refusal) => Err(refused(&refusal)),
        }
    }
}

impl Hand<'_> {
    pub(super) async fn project(&self) -> Result<Arc<Project>, Failure> {
        let project = &self.link.key.plane_project;
        let known = self.sync.asked_project(&self.plane, project).await?;
        known.map_err(|refusal| self.place_refused(&refusal))
    }

    pub(super) async fn fetch_item(&self, id: &str) -> Result<Option<Item>, Failure> {
        let project = &self.link.key.plane_project;
        self.plane.fetch_item(project, id).await.map_err(|r| refused(&r))
    }

    pub(super) async fn find_item(&self) -> Result<Option<Item>, Failure> {
        let key = &self.link.key;
        let issue = key.github_issue.to_string();
        let found = self.plane.find_item_by_external(&key.plane_project, &issue).await;
        Ok(match found.map_err(|r| refused(&r))? {
            Found::None => None,
            Found::One(item) => Some(item),
            Found::Several { oldest, others } => {
                warn!(issue = %issue, count = others.len(), "Plane has {} more items for issue {issue}; the oldest is kept in step, delete the others: {}", others.len(), others.join(", "));
                Some(oldest)
            }
        })
    }

    pub(super) async fn list_comments(&self, item: &str) -> Result<Vec<ItemComment>, Failure> {
        let project = &self.link.key.plane_project;
        self.plane.list_comments(project, item).await.map_err(|r| refused(&r))
    }
}

/// What a refusal of Plane means for a sync: a key or a membership is put right by a person, which
/// takes a while, so it waits longest.
pub(super) fn refused(refusal: &Refusal) -> Failure {
    match refusal.failure() {
        Failure::Permanent { reason } if matches!(refusal, Refusal::BadKey | Refusal::NoAccess) => {
            Failure::Retry { reason, after: Some(FORBIDDEN) }
        }
        other => other,
    }
}
