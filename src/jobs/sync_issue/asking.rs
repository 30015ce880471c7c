//! What Plane is asked for while an issue is brought in step, and what its refusals mean there.

use std::sync::Arc;

use tracing::warn;

use super::FORBIDDEN;
use super::hand::Hand;
use crate::clients::plane::{Found, Refusal};
use crate::failure::Failure;
use crate::sync::plane::{Item, ItemComment, Project};

impl Hand<'_> {
    pub(super) async fn project(&self) -> Result<Arc<Project>, Failure> {
        let project = &self.link.key.plane_project;
        let known = self.sync.projects.project(&self.plane, project).await;
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
