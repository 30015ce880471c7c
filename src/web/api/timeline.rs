//! The timeline's shape, the same for items and deliveries.

use serde::Serialize;
use utoipa::ToSchema;

use crate::timeline;
use chrono::{DateTime, Utc};

/// One attempt, or what a person did.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct TimelineEntry {
    /// The item it was about, where that is known.
    #[schema(required)]
    work_item_ref: Option<String>,
    /// Whose delivery.
    source: &'static str,
    /// Which delivery.
    delivery_id: String,
    /// Which attempt, from 1; 0 for what is none.
    attempt: i64,
    /// When.
    at: DateTime<Utc>,
    /// `applied`, `ignored`, `retry`, `waiting`, `dead` or `replayed`.
    outcome: &'static str,
    /// Why, one line for people.
    reason: String,
    /// What changed.
    changes: Vec<FieldChange>,
}

/// One field before and after.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct FieldChange {
    /// Its name.
    field: String,
    /// Before; null for a new item.
    from: serde_json::Value,
    /// After.
    to: serde_json::Value,
}

impl From<timeline::TimelineEntry> for TimelineEntry {
    fn from(entry: timeline::TimelineEntry) -> Self {
        let change = |c: crate::work_items::FieldChange| FieldChange {
            field: c.field,
            from: c.from,
            to: c.to,
        };
        Self {
            work_item_ref: entry.item.map(|item| item.to_string()),
            source: entry.source.as_str(),
            delivery_id: entry.delivery_id.to_string(),
            attempt: entry.attempt,
            at: entry.at,
            outcome: entry.outcome.as_str(),
            reason: entry.reason,
            changes: entry.changes.into_iter().map(change).collect(),
        }
    }
}
