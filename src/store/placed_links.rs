//! Into which of Plane's projects an issue's work item is made, and which one is wanted for it since.
//!
//! Whoever changes it holds the link. A link is moved to another project only while nothing stands
//! for the issue there: as long as no item is made, or once a person asks and the item is gone. All
//! that was agreed on is then forgotten with it, and its comments wait to be carried over anew.

use super::cards::refresh;
use super::changes::REVISE;
use super::links::{FENCE, LinkId, Save};
use super::rows::to_json;
use super::time::At;
use super::{Database, Store, StoreResult, on_reader};
use crate::clock::Timestamp;
use crate::config::WorkspaceSlug;
use crate::ids::Lease;

/// Where an issue's work item is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewPlace<'a> {
    /// Plane's project.
    pub project: &'a str,
    /// The rule that says so; `None` for the repository's own project.
    pub by: Option<&'a str>,
    /// The project's workspace; `None` for `plane.workspace`.
    pub workspace: Option<&'a WorkspaceSlug>,
}

/// A row that was made and left: nobody holds it, and nothing was ever begun with it.
const MAKE_ROOM: &str = "DELETE FROM issue_links WHERE plane_project = $2 AND id <> $1
    AND github_issue_id = (SELECT github_issue_id FROM issue_links WHERE id = $1)
    AND plane_item_id IS NULL AND (lease IS NULL OR lease_until < $3)
    AND NOT EXISTS (SELECT 1 FROM write_intents i WHERE i.issue_link = issue_links.id)";
const TAKEN: &str = "SELECT count(*) FROM issue_links WHERE plane_project = $2 AND id <> $1
    AND github_issue_id = (SELECT github_issue_id FROM issue_links WHERE id = $1)";
const REFS: &str = "SELECT github_ref, plane_ref FROM issue_links WHERE id = $1";
const PLACE: &str =
    "UPDATE issue_links SET plane_project = $2, placed_by = $3, plane_workspace = $4, wanted_project = NULL,
    plane_item_id = NULL, plane_ref = NULL, base = NULL, markdown = NULL, github_updated_at = NULL,
    github_arrival = NULL, synced_at = NULL, status = 'pending' WHERE id = $1";
const FORGET_MIRRORS: &str = "UPDATE comment_links SET plane_comment_id = NULL, status = 'pending'
    WHERE issue_link = $1 AND status <> 'deleted'";
const WANT: &str = "UPDATE issue_links SET wanted_project = $2 WHERE id = $1";
const BEGUN: &str = "SELECT count(*) FROM write_intents WHERE issue_link = $1";

impl Store {
    /// From now on the link's item is to be made in that project. [`Save::Lost`] where the link is
    /// no longer ours, or another one of the stands for that project.
    pub async fn place_link(
        &self,
        link: LinkId,
        lease: Lease,
        place: NewPlace<'_>,
        now: Timestamp,
    ) -> StoreResult<Save> {
        let token = lease.0.to_string();
        macro_rules! place_link {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let fence = sqlx::query(FENCE).bind(link.0).bind(token);
                let is_ours = fence.execute(&mut *transaction).await?.rows_affected() == 1;
                let room = sqlx::query(MAKE_ROOM).bind(link.0).bind(place.project).bind(At(now));
                room.execute(&mut *transaction).await?;
                let taken: i64 = sqlx::query_scalar(TAKEN)
                    .bind(link.0)
                    .bind(place.project)
                    .fetch_one(&mut *transaction)
                    .await?;
                if !is_ours || taken > 0 {
                    transaction.rollback().await?;
                    return Ok(Save::Lost);
                }
                let before: (String, Option<String>) =
                    sqlx::query_as(REFS).bind(link.0).fetch_one(&mut *transaction).await?;
                let moved = sqlx::query(PLACE).bind(link.0).bind(place.project).bind(place.by);
                let moved = moved.bind(place.workspace.map(WorkspaceSlug::as_str));
                moved.execute(&mut *transaction).await?;
                sqlx::query(FORGET_MIRRORS).bind(link.0).execute(&mut *transaction).await?;
                let refs: Vec<String> = [Some(before.0), before.1].into_iter().flatten().collect();
                refresh::$dialect(&mut transaction, refs.clone(), Vec::new()).await?;
                let revise = sqlx::query(REVISE.$dialect).bind(to_json(&refs)?);
                revise.execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        let _turn = self.turn().await;
        match &self.database {
            Database::Postgres(pool) => place_link!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                place_link!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        self.tell_changed();
        Ok(Save::Committed)
    }

    /// Keeps which other project is wanted for a link's item; `None` for the one where it is.
    pub async fn want_project(
        &self,
        link: LinkId,
        lease: Lease,
        project: Option<&str>,
    ) -> StoreResult<Save> {
        let token = lease.0.to_string();
        macro_rules! want {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let fence = sqlx::query(FENCE).bind(link.0).bind(token);
                if fence.execute(&mut *transaction).await?.rows_affected() == 0 {
                    transaction.rollback().await?;
                    return Ok(Save::Lost);
                }
                let want = sqlx::query(WANT).bind(link.0).bind(project);
                want.execute(&mut *transaction).await?;
                let refs: (String, Option<String>) =
                    sqlx::query_as(REFS).bind(link.0).fetch_one(&mut *transaction).await?;
                let refs: Vec<String> = [Some(refs.0), refs.1].into_iter().flatten().collect();
                let revise = sqlx::query(REVISE.$dialect).bind(to_json(&refs)?);
                revise.execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => want!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                want!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        self.tell_changed();
        Ok(Save::Committed)
    }

    /// Whether any write was ever recorded for a link: then it may have been made.
    pub async fn has_begun(&self, link: LinkId) -> StoreResult<bool> {
        let count: i64 = on_reader!(self, pool => sqlx::query_scalar(BEGUN).bind(link.0)
            .fetch_one(pool).await?);
        Ok(count > 0)
    }
}
