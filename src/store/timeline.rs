//! Reading the timeline.

use sqlx::FromRow;
use sqlx::types::Json;

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
