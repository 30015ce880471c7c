//! Reading deliveries of all sources: listed and counted by a filter (`store/delivery_search`), one
//! with its body.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::delivery_search::{Half, Search, run_search};
use super::time::At;
use super::{Store, StoreError, StoreResult, on_reader, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::{Origin, Source};

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
    /// Whether it was sent, or found by asking.
    pub origin: Origin,
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
    /// How they came to be.
    pub origin: Option<Origin>,
    /// `owner/name` as configured, whatever the case.
    pub repository: Option<String>,
    /// The item that they are about.
    pub item: Option<WorkItemRef>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received before then.
    pub until: Option<Timestamp>,
    /// The beginning of their id, the reference or key of their item, or words of the error of
    /// one that failed or waits.
    pub text: Option<String>,
    /// These alone; any if there is none.
    pub chosen: Vec<(Source, DeliveryId)>,
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
    origin: String,
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
            origin: row.origin.parse().map_err(|e| unreadable("origin", e))?,
        })
    }
}

const ONE: &str = "
    SELECT source, delivery_id, event_type, status, attempts, last_error, result, work_item_ref, encoding, body_bytes,
        body_sha256, received_at, processed_at, action, repository, origin
    FROM deliveries WHERE source = $1 AND delivery_id = $2";

impl Store {
    /// Newest first.
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        limit: i64,
    ) -> StoreResult<Vec<Delivery>> {
        let mut search = Search::default();
        let halves = search.halves(filter, after);
        let limit = search.number(limit);
        let newest =
            |received: &str| format!("ORDER BY {received} DESC, delivery_id LIMIT {limit}");
        let halves = halves.into_iter().map(|(half, conditions)| {
            let Half { columns, table, received, .. } = half;
            let order = newest(&format!("d.{received}"));
            format!(
                "SELECT * FROM (SELECT {columns} FROM {table} d WHERE {conditions} {order}) {table}"
            )
        });
        let halves: Vec<String> = halves.collect();
        if halves.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!(
            "SELECT * FROM ({}) found {}",
            halves.join(" UNION ALL "),
            newest("received_at")
        );
        let rows: Vec<Row> = on_reader!(self, pool => run_search!(query_as, search, text, pool));
        rows.into_iter().map(Delivery::try_from).collect()
    }

    /// How many there are, counted up to `most`.
    pub async fn count_deliveries(&self, filter: &DeliveryFilter, most: i64) -> StoreResult<i64> {
        let mut search = Search::default();
        let halves = search.halves(filter, None);
        let most = search.number(most);
        let halves = halves.into_iter().map(|(half, conditions)| {
            let table = half.table;
            format!("SELECT * FROM (SELECT 1 AS one FROM {table} d WHERE {conditions} LIMIT {most}) {table}")
        });
        let halves: Vec<String> = halves.collect();
        if halves.is_empty() {
            return Ok(0);
        }
        let text = format!(
            "SELECT count(*) FROM (SELECT * FROM ({}) found LIMIT {most}) counted",
            halves.join(" UNION ALL ")
        );
        let counts: Vec<i64> =
            on_reader!(self, pool => run_search!(query_scalar, search, text, pool));
        Ok(counts.into_iter().sum())
    }

    /// The event types that there are, in the order of the alphabet: one step of the index each.
    pub async fn event_types(&self) -> StoreResult<Vec<String>> {
        const TYPES: &str = "
            WITH RECURSIVE p (event) AS (
                SELECT min(event_type) FROM plane_webhook_deliveries
                UNION SELECT (SELECT min(event_type) FROM plane_webhook_deliveries WHERE event_type > p.event)
                FROM p WHERE p.event IS NOT NULL
            ), g (event) AS (
                SELECT min(event_type) FROM github_webhook_events
                UNION SELECT (SELECT min(event_type) FROM github_webhook_events WHERE event_type > g.event)
                FROM g WHERE g.event IS NOT NULL
            )
            SELECT event FROM (SELECT event FROM p UNION SELECT event FROM g) both_sources
            WHERE event IS NOT NULL ORDER BY event LIMIT 200";
        Ok(on_reader!(self, pool => sqlx::query_scalar(TYPES).fetch_all(pool).await?))
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
