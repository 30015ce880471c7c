//! The writes to both sides as an item's timeline tells them. They are recorded and ended by
//! `store/intents`.

use sqlx::FromRow;
use sqlx::types::Json;

use super::delivery_search::{Search, Value, run_search};
use super::time::At;
use super::{Store, StoreError, StoreResult, on_reader, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sync::plan::Write;
use crate::timeline::{TimelineEntry, WriteEntry};

/// Writes of one part of a timeline.
const MOST: i64 = 500;

#[derive(FromRow)]
struct Row {
    source: Option<String>,
    delivery_id: Option<String>,
    kind: String,
    write: Json<Write>,
    status: String,
    reason: Option<String>,
    intended_at: At,
    made_at: Option<At>,
    ended_at: Option<At>,
}

impl TryFrom<Row> for WriteEntry {
    type Error = StoreError;
    fn try_from(row: Row) -> StoreResult<Self> {
        let source = row.source.map(|source| source.parse());
        let source = source.transpose().map_err(|e| unreadable("source", e))?;
        Ok(Self {
            cause: source.zip(row.delivery_id.map(DeliveryId::new)),
            system: row.write.0.system(),
            kind: row.kind,
            what: row.write.0.to_string(),
            standing: row.status.parse().map_err(|e| unreadable("write", e))?,
            reason: row.reason,
            intended_at: row.intended_at.0,
            ended_at: row.made_at.or(row.ended_at).map(|at| at.0),
        })
    }
}

impl Store {
    /// The writes that belong to this part of the timeline of `items`: those of its deliveries,
    /// and those that a person asked for between its oldest entry and `until`.
    pub async fn writes_beside(
        &self,
        items: &[WorkItemRef],
        entries: &[TimelineEntry],
        until: Option<Timestamp>,
    ) -> StoreResult<Vec<WriteEntry>> {
        let Some(oldest) = entries.iter().map(|entry| entry.at).min() else {
            return Ok(Vec::new());
        };
        let mut search = Search::default();
        let refs: Vec<_> = items.iter().map(|item| search.text(item.as_str())).collect();
        let mut ids: Vec<&str> = entries.iter().map(|e| e.delivery_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let ids: Vec<_> = ids.into_iter().map(|id| search.text(id)).collect();
        let (refs, ids) = (refs.join(", "), ids.join(", "));
        let oldest = search.bind(Value::Time(oldest));
        let until =
            until.map(|until| format!(" AND w.intended_at < {}", search.bind(Value::Time(until))));
        let (until, most) = (until.unwrap_or_default(), search.number(MOST));
        let text = format!(
            "SELECT w.source, w.delivery_id, w.kind, w.write, w.status, w.reason, w.intended_at, w.made_at, w.ended_at
            FROM write_intents w
            WHERE w.issue_link IN (SELECT l.id FROM issue_links l WHERE l.github_ref IN ({refs}) OR l.plane_ref IN ({refs}))
                AND (w.delivery_id IN ({ids}) OR (w.delivery_id IS NULL AND w.intended_at >= {oldest}{until}))
            ORDER BY w.id DESC LIMIT {most}"
        );
        let rows: Vec<Row> = on_reader!(self, pool => run_search!(query_as, search, text, pool));
        rows.into_iter().map(WriteEntry::try_from).collect()
    }
}
