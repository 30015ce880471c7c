//! The board's rows column by column, as they are stored and as they would be, so that a difference
//! can be named. `ingested_at` takes no part: when a row was last written here follows from nothing
//! that is kept.
//!
//! Stored values are taken as they are: a damaged row shall be told of, not be an error.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::FromRow;

use super::finished_rows::{comment_row, item_row};
use super::time::{At, to_text};
use crate::comments::Comment;
use crate::ids::WorkItemRef;
use crate::work_items::{Snapshot, Text, WorkItem};

/// A row's values by the names of their columns.
pub type Columns = BTreeMap<String, Value>;

const WRITTEN: &str = "ingested_at";

/// The columns of an item as it would be stored.
pub fn columns_of_item(item: &WorkItem) -> Columns {
    columns(serde_json::to_value(item_row(item)).unwrap_or_default())
}

/// The columns of a comment as it would be stored.
pub fn columns_of_comment(comment: &Comment) -> Columns {
    columns(serde_json::to_value(comment_row(comment)).unwrap_or_default())
}

fn columns(row: Value) -> Columns {
    let Value::Object(row) = row else { return Columns::new() };
    row.into_iter().filter(|(column, _)| column != WRITTEN).collect()
}

/// An item as it is stored.
#[derive(Debug, Clone)]
pub struct StoredItem {
    /// Which one.
    pub item: WorkItemRef,
    /// All columns.
    pub columns: Columns,
    /// The item that the row makes; `None` where it makes none.
    pub whole: Option<WorkItem>,
}

/// A comment as it is stored.
#[derive(Debug, Clone)]
pub struct StoredComment {
    /// All columns.
    pub columns: Columns,
    /// The comment.
    pub whole: Comment,
}

#[derive(FromRow)]
pub(super) struct ItemRow {
    work_item_ref: String,
    system: String,
    external_id: String,
    project_ref: String,
    title: String,
    status: String,
    assignee: Option<String>,
    url: Option<String>,
    updated_at: At,
    key: Option<String>,
    kind: String,
    state_group: Option<String>,
    labels: String,
    assignees: String,
    priority: Option<String>,
    created_at: Option<At>,
    completed_at: Option<At>,
    deleted_at: Option<At>,
    ingested_at: At,
    missing: String,
    state: Option<String>,
    description: Option<String>,
    description_format: Option<String>,
    moved_to: Option<String>,
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn time(at: At) -> Value {
    to_text(at.0).into()
}

macro_rules! by_name {
    ($($column:literal: $value:expr),+ $(,)?) => {
        BTreeMap::from([$(($column.to_owned(), Value::from($value))),+])
    };
}

impl From<ItemRow> for StoredItem {
    fn from(row: ItemRow) -> Self {
        let whole = whole(&row);
        let columns = by_name! {
            "work_item_ref": row.work_item_ref.as_str(), "system": row.system, "external_id": row.external_id,
            "project_ref": row.project_ref, "title": row.title, "status": row.status, "assignee": row.assignee,
            "url": row.url, "updated_at": time(row.updated_at), "key": row.key, "kind": row.kind,
            "state_group": row.state_group, "labels": json(&row.labels), "assignees": json(&row.assignees),
            "priority": row.priority, "created_at": row.created_at.map(time), "completed_at": row.completed_at.map(time),
            "deleted_at": row.deleted_at.map(time), "missing": json(&row.missing),
            "state": row.state.as_deref().map(json), "description": row.description,
            "description_format": row.description_format, "moved_to": row.moved_to,
        };
        Self { item: WorkItemRef::new(row.work_item_ref), columns, whole }
    }
}

fn whole(row: &ItemRow) -> Option<WorkItem> {
    let mut state: Option<Snapshot> =
        row.state.as_deref().map(serde_json::from_str).transpose().ok()?;
    if let (Some(state), Some(text), Some(format)) =
        (&mut state, &row.description, &row.description_format)
    {
        state.description = Some(Text { format: format.parse().ok()?, text: text.clone() });
    }
    Some(WorkItem {
        item: WorkItemRef::new(row.work_item_ref.as_str()),
        system: row.system.parse().ok()?,
        external_id: row.external_id.clone(),
        project_ref: row.project_ref.clone(),
        state,
        deleted_at: row.deleted_at.map(|at| at.0),
        moved_to: row.moved_to.clone().map(WorkItemRef::new),
        ingested_at: row.ingested_at.0,
    })
}

impl From<Comment> for StoredComment {
    /// A comment's columns say no more than the comment does.
    fn from(whole: Comment) -> Self {
        Self { columns: columns_of_comment(&whole), whole }
    }
}
