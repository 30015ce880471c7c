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
    /// What was written to either side because of it, oldest first.
    writes: Vec<WriteEntry>,
}

/// A write to Plane, or of assignees to GitHub.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct WriteEntry {
    /// `create_item`, `update_item`, `create_label`, `create_link`, `enter_bundle` or
    /// `leave_bundle` (modules and cycles), `set_parent`, `create_comment`, `update_comment` or
    /// `delete_comment`; to GitHub `assign` or `unassign`.
    kind: String,
    /// What was to be written, one line for people.
    what: String,
    /// `intended`, `made`, `settled` or `abandoned`.
    status: &'static str,
    /// Why it was not made, where it was not.
    #[schema(required)]
    reason: Option<String>,
    /// When it was recorded, before it was made.
    intended_at: DateTime<Utc>,
    /// When its outcome was known.
    #[schema(required)]
    ended_at: Option<DateTime<Utc>>,
}

impl From<timeline::WriteEntry> for WriteEntry {
    fn from(write: timeline::WriteEntry) -> Self {
        Self {
            kind: write.kind,
            what: write.what,
            status: write.standing.as_str(),
            reason: write.reason,
            intended_at: write.intended_at,
            ended_at: write.ended_at,
        }
    }
}

impl TimelineEntry {
    /// With the writes that it led to.
    pub(super) fn with(mut self, mut writes: Vec<timeline::WriteEntry>) -> Self {
        writes.sort_by_key(|write| write.intended_at);
        self.writes = writes.into_iter().map(WriteEntry::from).collect();
        self
    }
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

impl From<crate::work_items::FieldChange> for FieldChange {
    fn from(change: crate::work_items::FieldChange) -> Self {
        Self { field: change.field, from: change.from, to: change.to }
    }
}

impl From<timeline::TimelineEntry> for TimelineEntry {
    fn from(entry: timeline::TimelineEntry) -> Self {
        Self {
            work_item_ref: entry.item.map(|item| item.to_string()),
            source: entry.source.as_str(),
            delivery_id: entry.delivery_id.to_string(),
            attempt: entry.attempt,
            at: entry.at,
            outcome: entry.outcome.as_str(),
            reason: entry.reason,
            changes: entry.changes.into_iter().map(FieldChange::from).collect(),
            writes: Vec::new(),
        }
    }
}
