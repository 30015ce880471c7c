//! Reading the timeline.

use sqlx::FromRow;
use sqlx::types::Json;

use super::delivery_search::{Search, run_search};
use super::time::At;
use super::{Store, StoreError, StoreResult, on_reader, unreadable};
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::timeline::TimelineEntry;
use crate::work_items::FieldChange;

#[derive(FromRow)]
struct Row {
    work_item_ref: Option<String>,
    source: String,
    delivery_id: String,
    attempt: i64,
    at: At,
    outcome: String,
    reason: String,
    changes: Json<Vec<FieldChange>>,
}

#[derive(FromRow)]
struct PlacedRow {
    id: i64,
    #[sqlx(flatten)]
    entry: Row,
}

impl TryFrom<Row> for TimelineEntry {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            item: row.work_item_ref.map(WorkItemRef::new),
            source: row.source.parse().map_err(|e| unreadable("source", e))?,
            delivery_id: DeliveryId::new(row.delivery_id),
            attempt: row.attempt,
            at: row.at.0,
            outcome: row.outcome.parse().map_err(|e| unreadable("outcome", e))?,
            reason: row.reason,
            changes: row.changes.0,
        })
    }
}

impl Store {
    /// The newest `limit` entries of one item, newest first.
    pub async fn item_timeline(
        &self,
        item: &WorkItemRef,
        limit: i64,
    ) -> StoreResult<Vec<TimelineEntry>> {
        const OF_ITEM: &str =
            "SELECT work_item_ref, source, delivery_id, attempt, at, outcome, reason, changes
            FROM timeline WHERE work_item_ref = $1 ORDER BY id DESC LIMIT $2";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF_ITEM)
            .bind(item.as_str()).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(TimelineEntry::try_from).collect()
    }

    /// The newest `limit` entries of some items that belong together, newest first, each with its
    /// place; only those older than the place `before`, where it is given.
    pub async fn history(
        &self,
        items: &[WorkItemRef],
        before: Option<i64>,
        limit: i64,
    ) -> StoreResult<Vec<(i64, TimelineEntry)>> {
        // Each item's newest by its own index, and the newest of those.
        let mut search = Search::default();
        let (before, limit) = (search.number(before.unwrap_or(i64::MAX)), search.number(limit));
        let parts: Vec<String> = items
            .iter()
            .enumerate()
            .map(|(number, item)| {
                let item = search.text(item.as_str());
                format!(
                    "SELECT * FROM (SELECT id, work_item_ref, source, delivery_id, attempt, at, outcome, reason, changes
                    FROM timeline WHERE work_item_ref = {item} AND id < {before} ORDER BY id DESC LIMIT {limit}) part{number}"
                )
            })
            .collect();
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!(
            "SELECT * FROM ({}) found ORDER BY id DESC LIMIT {limit}",
            parts.join(" UNION ALL ")
        );
        let rows: Vec<PlacedRow> =
            on_reader!(self, pool => run_search!(query_as, search, text, pool));
        rows.into_iter().map(|row| Ok((row.id, row.entry.try_into()?))).collect()
    }

    /// Every attempt at one delivery, oldest first.
    pub async fn delivery_timeline(
        &self,
        source: Source,
        id: &DeliveryId,
    ) -> StoreResult<Vec<TimelineEntry>> {
        const OF_DELIVERY: &str =
            "SELECT work_item_ref, source, delivery_id, attempt, at, outcome, reason, changes
            FROM timeline WHERE delivery_id = $1 AND source = $2 ORDER BY id";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF_DELIVERY)
            .bind(id.as_str()).bind(source.as_str()).fetch_all(pool).await?);
        rows.into_iter().map(TimelineEntry::try_from).collect()
    }
}
