//! Which of Plane's labels stand for which of GitHub's, and what is told of a repository's labels.
//!
//! It is to labels what `links` is to issues: who works on a label holds its row under a lease, and
//! says what it is about to write before it writes. Deliberately absent: a history of writes, which
//! the deliveries' own timeline has, and what follows from any of it (`sync/labels`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::link_rows::{database_id, github_id};
use super::links::Save;
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::ids::{DeliveryId, Lease, RepositorySyncId};
use crate::sync::labels::{LabelLink, LabelWrite, Standing};

/// Deliveries about labels that are read for one repository: the newest.
const MOST_TOLD: i64 = 5_000;

/// Which label, and which project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelKey {
    /// GitHub's numeric id.
    pub github: u64,
    /// Plane's id of the project.
    pub project: String,
    /// Whose label it is.
    pub repository: RepositorySyncId,
}

/// A write that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelIntent {
    /// What.
    pub write: LabelWrite,
    /// What is known once it is made; without Plane's id where that is not known yet.
    pub link: LabelLink,
    /// The delivery that it is made for.
    pub delivery_id: Option<DeliveryId>,
}

/// What is known of a label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelRow {
    /// The tie, once there is one.
    pub link: Option<LabelLink>,
    /// What an earlier attempt intended and did not settle.
    pub open: Option<LabelIntent>,
}

/// A delivery about a label.
#[derive(Debug, Clone, FromRow)]
pub struct ToldLabel {
    /// `json` or `form`.
    pub encoding: String,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// The server that told it; `None` for that of `github.api_url`.
    pub github_host: Option<String>,
}

#[derive(FromRow)]
struct Row {
    github_label_id: i64,
    link: Option<String>,
    intent: Option<String>,
}

fn text<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|e| unreadable("label link", e))
}

fn read<T: for<'a> Deserialize<'a>>(text: Option<String>) -> StoreResult<Option<T>> {
    let read = |text: String| serde_json::from_str(&text).map_err(|e| unreadable("label link", e));
    text.map(read).transpose()
}

impl Row {
    fn known(self) -> StoreResult<(u64, LabelRow)> {
        let row = LabelRow { link: read(self.link)?, open: read(self.intent)? };
        Ok((github_id(self.github_label_id)?, row))
    }
}

fn standing(link: &LabelLink) -> &'static str {
    match link.standing {
        Standing::Followed => "followed",
        Standing::Left => "left",
        Standing::Ended => "ended",
    }
}

impl Store {
    /// What is known of a repository's labels in a project, by GitHub's ids; also what was left by one
    /// that was taken out, which may be this one before it came back.
    pub async fn label_rows(
        &self,
        project: &str,
        repository: RepositorySyncId,
    ) -> StoreResult<BTreeMap<u64, LabelRow>> {
        const OF: &str = "SELECT github_label_id, link, intent FROM label_links
            WHERE plane_project = $1 AND (repository_sync = $2 OR repository_sync IS NULL)";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF).bind(project)
            .bind(repository.0).fetch_all(pool).await?);
        rows.into_iter().map(Row::known).collect()
    }

    /// Plane's ids of the labels of a project that were left to others.
    pub async fn left_labels(&self, project: &str) -> StoreResult<Vec<String>> {
        const LEFT: &str = "SELECT plane_label_id FROM label_links
            WHERE plane_project = $1 AND standing = 'left' AND plane_label_id IS NOT NULL";
        Ok(on_reader!(self, pool => sqlx::query_scalar(LEFT).bind(project).fetch_all(pool).await?))
    }

    /// Takes a label for us until `until`, making its row where there is none; `None` while somebody
    /// else has it.
    pub async fn hold_label(
        &self,
        key: &LabelKey,
        lease: Lease,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<LabelRow>> {
        const HOLD: &str = "
            INSERT INTO label_links (github_label_id, plane_project, repository_sync, lease, lease_until)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (github_label_id, plane_project) DO UPDATE SET
                repository_sync = excluded.repository_sync, lease = excluded.lease, lease_until = excluded.lease_until
            WHERE label_links.lease IS NULL OR label_links.lease_until < $6 OR label_links.lease = excluded.lease
            RETURNING github_label_id, link, intent";
        let id = database_id(key.github)?;
        let row: Option<Row> = on_writer!(self, pool => sqlx::query_as(HOLD).bind(id)
            .bind(&key.project).bind(key.repository.0).bind(lease.0.to_string())
            .bind(At(until)).bind(At(now)).fetch_optional(pool).await?);
        Ok(row.map(Row::known).transpose()?.map(|(_, row)| row))
    }

    /// Records a write that is about to be made, and holds the label until `until`, if it is ours.
    pub async fn intend_label(
        &self,
        key: &LabelKey,
        lease: Lease,
        intent: &LabelIntent,
        until: Timestamp,
    ) -> StoreResult<Save> {
        const INTEND: &str = "UPDATE label_links SET intent = $4, lease_until = $5
            WHERE github_label_id = $1 AND plane_project = $2 AND lease = $3";
        let (id, intent) = (database_id(key.github)?, text(intent)?);
        let kept = on_writer!(self, pool => sqlx::query(INTEND).bind(id).bind(&key.project)
            .bind(lease.0.to_string()).bind(intent).bind(At(until))
            .execute(pool).await?.rows_affected());
        Ok(Save::of(kept))
    }

    /// Writes what is known from now on, ends what was intended and lets go, if it is still ours.
    pub async fn settle_label(
        &self,
        key: &LabelKey,
        lease: Lease,
        link: Option<&LabelLink>,
        now: Timestamp,
    ) -> StoreResult<Save> {
        const SETTLE: &str = "
            UPDATE label_links SET plane_label_id = $4, standing = $5, link = $6, changed_at = $7,
                intent = NULL, lease = NULL, lease_until = NULL
            WHERE github_label_id = $1 AND plane_project = $2 AND lease = $3";
        let id = database_id(key.github)?;
        let link_text = link.map(text).transpose()?;
        let kept = on_writer!(self, pool => sqlx::query(SETTLE).bind(id).bind(&key.project)
            .bind(lease.0.to_string()).bind(link.map(|link| link.plane_label.as_str()))
            .bind(link.map_or("followed", standing)).bind(link_text.as_deref()).bind(At(now))
            .execute(pool).await?.rows_affected());
        Ok(Save::of(kept))
    }

    /// Lets go of a label, if it is still ours; what was intended stays open.
    pub async fn release_label(&self, key: &LabelKey, lease: Lease) -> StoreResult<()> {
        const RELEASE: &str = "UPDATE label_links SET lease = NULL, lease_until = NULL
            WHERE github_label_id = $1 AND plane_project = $2 AND lease = $3";
        let id = database_id(key.github)?;
        on_writer!(self, pool => sqlx::query(RELEASE).bind(id).bind(&key.project)
            .bind(lease.0.to_string()).execute(pool).await?.rows_affected());
        Ok(())
    }

    /// Notes a label that was made while an issue was brought in step. Whoever follows labels and
    /// holds the row knows it better.
    pub async fn note_label_made(
        &self,
        key: &LabelKey,
        link: &LabelLink,
        now: Timestamp,
    ) -> StoreResult<()> {
        const NOTE: &str = "
            INSERT INTO label_links (github_label_id, plane_project, repository_sync, plane_label_id, standing, link, changed_at)
            VALUES ($1, $2, $3, $4, 'followed', $5, $6)
            ON CONFLICT (github_label_id, plane_project) DO UPDATE SET repository_sync = excluded.repository_sync,
                plane_label_id = excluded.plane_label_id, standing = excluded.standing, link = excluded.link,
                changed_at = excluded.changed_at
            WHERE label_links.lease IS NULL OR label_links.lease_until < $6";
        let (id, link_text) = (database_id(key.github)?, text(link)?);
        on_writer!(self, pool => sqlx::query(NOTE).bind(id).bind(&key.project)
            .bind(key.repository.0).bind(&link.plane_label).bind(link_text).bind(At(now))
            .execute(pool).await?.rows_affected());
        Ok(())
    }

    /// What was told of a repository's labels, in the order of arrival.
    pub async fn told_labels(&self, repository: RepositorySyncId) -> StoreResult<Vec<ToldLabel>> {
        const TOLD: &str = "SELECT encoding, body, github_host FROM github_webhook_events
            WHERE repository_sync = $1 AND event_type = 'label' AND body IS NOT NULL
            ORDER BY created_at DESC, delivery_id DESC LIMIT $2";
        let mut told: Vec<ToldLabel> = on_reader!(self, pool => sqlx::query_as(TOLD)
            .bind(repository.0).bind(MOST_TOLD).fetch_all(pool).await?);
        told.reverse();
        Ok(told)
    }

    /// Names of the labels that issues of a repository carry.
    pub async fn carried_labels(&self, repository: &RepositoryName) -> StoreResult<Vec<String>> {
        const POSTGRES: &str = "SELECT DISTINCT l.label ->> 'name' FROM work_items w
            CROSS JOIN LATERAL jsonb_array_elements(w.labels) AS l(label)
            WHERE w.system = 'github' AND w.kind = 'issue' AND w.deleted_at IS NULL AND lower(w.project_ref) = $1";
        const SQLITE: &str = "SELECT DISTINCT l.value ->> 'name' FROM work_items w, json_each(w.labels) l
            WHERE w.system = 'github' AND w.kind = 'issue' AND w.deleted_at IS NULL AND lower(w.project_ref) = $1";
        let name = repository.as_str().to_lowercase();
        let names: Vec<Option<String>> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_scalar(POSTGRES).bind(name).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_scalar(SQLITE).bind(name).fetch_all(reader).await?
            }
        };
        Ok(names.into_iter().flatten().collect())
    }
}
