//! Reading deliveries of all sources through the view `deliveries`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreError, StoreResult, on_reader, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// Committed, not yet worked off.
    Received,
    /// Worked off; `result` says what came of it.
    Processed,
    /// The last attempt failed; `last_error` says why.
    Failed,
}

impl DeliveryStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Received, Self::Processed, Self::Failed];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Processed => "processed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown status “{0}”: expected received, processed or failed")]
pub struct UnknownStatus(String);

impl FromStr for DeliveryStatus {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// A delivery without its body.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Who sent it.
    pub source: Source,
    /// The sender's id of it.
    pub delivery_id: DeliveryId,
    /// The sender's word for what happened.
    pub event_type: String,
    /// What happened to it, where the sender says it apart.
    pub action: Option<String>,
    /// The configured repository that it comes from, where there is one.
    pub repository: Option<String>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts made, over all replays.
    pub attempts: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// What came of it.
    pub result: Option<String>,
    /// The item that it is about, once that is known.
    pub item: Option<WorkItemRef>,
    /// How the body is written: `json` or `form`.
    pub encoding: String,
    /// Length of the body.
    pub body_bytes: i64,
    /// SHA-256 of the body, lower-case hex.
    pub body_sha256: String,
    /// When it was committed.
    pub received_at: Timestamp,
    /// When it was worked off.
    pub processed_at: Option<Timestamp>,
}

impl Delivery {
    /// The whole event in one word: `issue.updated`, `issues.opened`.
    pub fn event(&self) -> String {
        match &self.action {
            Some(action) => format!("{}.{action}", self.event_type),
            None => self.event_type.clone(),
        }
    }
}

/// Which deliveries to list; `None` is any.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Who sent them.
    pub source: Option<Source>,
    /// Where they stand.
    pub status: Option<DeliveryStatus>,
    /// The exact event type.
    pub event: Option<String>,
    /// `owner/name` as configured, whatever the case.
    pub repository: Option<String>,
    /// The item that they are about.
    pub item: Option<WorkItemRef>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received before then.
    pub until: Option<Timestamp>,
}

/// Where the next page of deliveries starts: after this one (newest first).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCursor {
    /// Its time.
    pub received_at: Timestamp,
    /// Its id, among those of the same time.
    pub delivery_id: DeliveryId,
}

#[derive(FromRow)]
struct Row {
    source: String,
    delivery_id: String,
    event_type: String,
    action: Option<String>,
    repository: Option<String>,
    status: String,
    attempts: i64,
    last_error: Option<String>,
    result: Option<String>,
    work_item_ref: Option<String>,
    encoding: String,
    body_bytes: i64,
    body_sha256: Vec<u8>,
    received_at: At,
    processed_at: Option<At>,
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            source: row.source.parse().map_err(|e| unreadable("source", e))?,
            delivery_id: DeliveryId::new(row.delivery_id),
            event_type: row.event_type,
            action: row.action,
            repository: row.repository,
            status: row.status.parse().map_err(|e| unreadable("status", e))?,
            attempts: row.attempts,
            last_error: row.last_error,
            result: row.result,
            item: row.work_item_ref.map(WorkItemRef::new),
            encoding: row.encoding,
            body_bytes: row.body_bytes,
            body_sha256: hex::encode(row.body_sha256),
            received_at: row.received_at.0,
            processed_at: row.processed_at.map(|at| at.0),
        })
    }
}

const LIST: &str = "
    SELECT source, delivery_id, event_type, status, attempts, last_error, result, work_item_ref, encoding, body_bytes,
        body_sha256, received_at, processed_at, action, repository
    FROM deliveries
    WHERE (CAST($1 AS text) IS NULL OR source = $1) AND (CAST($2 AS text) IS NULL OR status = $2)
      AND (CAST($3 AS text) IS NULL OR event_type = $3) AND (CAST($4 AS text) IS NULL OR work_item_ref = $4)
      AND ($5 IS NULL OR received_at >= $5) AND ($6 IS NULL OR received_at < $6)
      AND ($7 IS NULL OR received_at < $7 OR (received_at = $7 AND delivery_id > $8))
      AND (CAST($10 AS text) IS NULL OR lower(repository) = lower($10))
    ORDER BY received_at DESC, delivery_id LIMIT $9";

const ONE: &str = "
    SELECT source, delivery_id, event_type, status, attempts, last_error, result, work_item_ref, encoding, body_bytes,
        body_sha256, received_at, processed_at, action, repository
    FROM deliveries WHERE source = $1 AND delivery_id = $2";

impl Store {
    /// Newest first.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: i64,
    ) -> StoreResult<Vec<Delivery>> {
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(LIST)
            .bind(filter.source.map(Source::as_str))
            .bind(filter.status.map(DeliveryStatus::as_str))
            .bind(filter.event.as_deref())
            .bind(filter.item.as_ref().map(WorkItemRef::as_str))
            .bind(filter.since.map(At))
            .bind(filter.until.map(At))
            .bind(after.map(|a| At(a.received_at)))
            .bind(after.map(|a| a.delivery_id.as_str()))
            .bind(limit)
            .bind(filter.repository.as_deref())
            .fetch_all(pool)
            .await?);
        rows.into_iter().map(Delivery::try_from).collect()
    }

    /// One, with its exact body (`None` when it was dropped by retention).
    pub async fn delivery(
        &self,
        source: Source,
        id: &DeliveryId,
    ) -> StoreResult<Option<(Delivery, Option<Vec<u8>>)>> {
        const BODY: &str = "SELECT body FROM deliveries WHERE source = $1 AND delivery_id = $2";
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(ONE)
            .bind(source.as_str()).bind(id.as_str()).fetch_optional(pool).await?);
        let Some(row) = row else { return Ok(None) };
        let body: Option<Option<Vec<u8>>> = on_reader!(self, pool => sqlx::query_scalar(BODY)
            .bind(source.as_str()).bind(id.as_str()).fetch_optional(pool).await?);
        Ok(Some((row.try_into()?, body.flatten())))
    }
}
