//! What a finished batch leaves in the tables, as rows for the statements of `store/jobs`: the
//! job's and its delivery's new state, the item, the timeline's line.

use serde::Serialize;

use super::jobs::{Counted, End, Finished};
use super::time::to_text;
use crate::comments::Comment;
use crate::ids::WorkItemRef;
use crate::timeline::TimelineEntry;
use crate::work_items::{FieldChange, Kind, Label, Person, Snapshot, StateGroup, WorkItem};

#[derive(Serialize)]
pub(super) struct FinishedRow<'a> {
    id: i64,
    status: &'static str,
    delivery_status: &'static str,
    attempts: u32,
    counted: u8,
    error: Option<&'a str>,
    result: Option<&'a str>,
    available_at: Option<String>,
    finished_at: Option<String>,
    stage: Option<&'static str>,
    lane: Option<&'a str>,
    place: Option<i64>,
    source: &'static str,
    delivery_id: &'a str,
    work_item_ref: Option<&'a str>,
    names: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct ItemRow<'a> {
    work_item_ref: &'a str,
    system: &'static str,
    external_id: &'a str,
    project_ref: &'a str,
    title: &'a str,
    status: &'a str,
    assignee: Option<&'a str>,
    url: Option<&'a str>,
    updated_at: String,
    key: Option<&'a str>,
    kind: Kind,
    state_group: Option<&'static str>,
    labels: &'a [Label],
    assignees: &'a [Person],
    priority: Option<&'a str>,
    created_at: Option<String>,
    completed_at: Option<String>,
    deleted_at: Option<String>,
    ingested_at: String,
    missing: &'a [String],
    state: Option<&'a Snapshot>,
    description: Option<&'a str>,
    description_format: Option<&'static str>,
    moved_to: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct CommentRow<'a> {
    comment_ref: &'a str,
    work_item_ref: &'a str,
    system: &'static str,
    external_id: &'a str,
    author: Option<&'a str>,
    body: &'a str,
    body_format: &'static str,
    url: Option<&'a str>,
    created_at: Option<String>,
    updated_at: String,
    deleted_at: Option<String>,
    ingested_at: String,
}

#[derive(Serialize)]
pub(super) struct EntryRow<'a> {
    pub(super) work_item_ref: Option<&'a str>,
    pub(super) source: &'static str,
    pub(super) delivery_id: &'a str,
    pub(super) attempt: i64,
    pub(super) at: String,
    pub(super) outcome: &'static str,
    pub(super) reason: &'a str,
    pub(super) changes: &'a [FieldChange],
}

/// `names` is the key of what it was read with, where that is to be kept.
pub(super) fn finished_row<'a>(finished: &'a Finished, names: Option<&'a str>) -> FinishedRow<'a> {
    let at = to_text(finished.entry.at);
    let counted = match &finished.end {
        End::Done { .. } | End::Dead { .. } => Counted::Attempt,
        End::Again { counted, .. } => *counted,
        End::Handed { .. } => Counted::Waiting,
    };
    let attempts = match (&finished.end, counted) {
        (End::Handed { .. }, _) => 0,
        (_, Counted::Attempt) => finished.attempts,
        (_, Counted::Waiting) => finished.attempts.saturating_sub(1),
    };
    let row = FinishedRow {
        id: finished.id.0,
        status: "queued",
        delivery_status: "received",
        attempts,
        counted: u8::from(counted == Counted::Attempt),
        error: None,
        result: None,
        available_at: None,
        finished_at: None,
        stage: None,
        lane: None,
        place: None,
        source: finished.entry.source.as_str(),
        delivery_id: finished.entry.delivery_id.as_str(),
        work_item_ref: finished.entry.item.as_ref().map(WorkItemRef::as_str),
        names,
    };
    match &finished.end {
        End::Done { result } => FinishedRow {
            status: "done",
            delivery_status: "processed",
            result: Some(result),
            finished_at: Some(at),
            ..row
        },
        End::Handed { result, lane, place } => FinishedRow {
            result: Some(result),
            available_at: Some(at),
            stage: Some("sync"),
            lane: Some(lane.as_str()),
            place: place.map(|place| place.0),
            ..row
        },
        End::Again { at, error, counted } => FinishedRow {
            delivery_status: match counted {
                Counted::Attempt => "failed",
                Counted::Waiting => "received",
            },
            error: Some(error),
            available_at: Some(to_text(*at)),
            ..row
        },
        End::Dead { error } => FinishedRow {
            status: "dead",
            delivery_status: "failed",
            error: Some(error),
            finished_at: Some(at),
            ..row
        },
    }
}

pub(super) fn item_row(item: &WorkItem) -> ItemRow<'_> {
    let state = item.state.as_ref();
    let description = state.and_then(|s| s.description.as_ref());
    ItemRow {
        work_item_ref: item.item.as_str(),
        system: item.system.as_str(),
        external_id: &item.external_id,
        project_ref: &item.project_ref,
        title: state.map_or("", |s| &s.title),
        status: item.status(),
        assignee: state.and_then(|s| s.assignees.first()).and_then(|p| p.name.as_deref()),
        url: state.and_then(|s| s.url.as_deref()),
        updated_at: to_text(item.updated_at()),
        key: state.and_then(|s| s.key.as_deref()),
        kind: state.map_or(Kind::Issue, |s| s.kind),
        state_group: state.and_then(|s| s.state_group).map(StateGroup::as_str),
        labels: state.map_or(&[], |s| &s.labels),
        assignees: state.map_or(&[], |s| &s.assignees),
        priority: state.and_then(|s| s.priority.as_deref()),
        created_at: state.and_then(|s| s.created_at).map(to_text),
        completed_at: state.and_then(|s| s.completed_at).map(to_text),
        deleted_at: item.deleted_at.map(to_text),
        ingested_at: to_text(item.ingested_at),
        missing: state.map_or(&[], |s| &s.missing),
        state,
        description: description.map(|d| d.text.as_str()),
        description_format: description.map(|d| d.format.as_str()),
        moved_to: item.moved_to.as_ref().map(WorkItemRef::as_str),
    }
}

pub(super) fn comment_row(comment: &Comment) -> CommentRow<'_> {
    let said = &comment.said;
    CommentRow {
        comment_ref: said.comment.as_str(),
        work_item_ref: said.item.as_str(),
        system: said.system.as_str(),
        external_id: &said.external_id,
        author: said.author.as_deref(),
        body: &said.text.text,
        body_format: said.text.format.as_str(),
        url: said.url.as_deref(),
        created_at: said.created_at.map(to_text),
        updated_at: to_text(said.updated_at),
        deleted_at: comment.deleted_at.map(to_text),
        ingested_at: to_text(comment.ingested_at),
    }
}

pub(super) fn entry_row(entry: &TimelineEntry) -> EntryRow<'_> {
    EntryRow {
        work_item_ref: entry.item.as_ref().map(WorkItemRef::as_str),
        source: entry.source.as_str(),
        delivery_id: entry.delivery_id.as_str(),
        attempt: entry.attempt,
        at: to_text(entry.at),
        outcome: entry.outcome.as_str(),
        reason: &entry.reason,
        changes: &entry.changes,
    }
}
