//! One attempt at a delivery in words: how it ended and why.

use serde_json::Value;

use super::super::Mark;
use super::super::spans::{exact, when};
use crate::board::cut;
use crate::clock::Timestamp;
use crate::timeline::{EntryOutcome, TimelineEntry};
use crate::work_items::FieldChange;

/// Characters of a value before and after a change.
const VALUE: usize = 400;

/// One entry in words.
pub(in super::super) struct Entry {
    pub(in super::super) mark: Mark,
    pub(in super::super) source: &'static str,
    pub(in super::super) delivery_id: String,
    pub(in super::super) short_id: String,
    pub(in super::super) attempt: i64,
    pub(in super::super) time: String,
    pub(in super::super) exact: String,
    pub(in super::super) tone: &'static str,
    pub(in super::super) icon: &'static str,
    pub(in super::super) verdict: &'static str,
    pub(in super::super) reason: String,
}

/// One field before and after; `None` is nothing.
pub(in super::super) struct Difference {
    pub(in super::super) field: String,
    pub(in super::super) from: Option<String>,
    pub(in super::super) to: Option<String>,
}

impl Entry {
    pub(in super::super) fn new(entry: &TimelineEntry, now: Timestamp) -> Self {
        let (tone, icon, verdict) = ending(entry.outcome);
        Self {
            mark: entry.source.into(),
            source: entry.source.as_str(),
            delivery_id: entry.delivery_id.to_string(),
            short_id: cut(entry.delivery_id.as_str(), 8),
            attempt: entry.attempt,
            time: when(entry.at, now),
            exact: exact(entry.at),
            tone,
            icon,
            verdict,
            reason: entry.reason.clone(),
        }
    }
}

/// Tone, icon and word of how an attempt ended.
pub(super) fn ending(outcome: EntryOutcome) -> (&'static str, &'static str, &'static str) {
    match outcome {
        EntryOutcome::Applied => ("is-good", "ok", "applied"),
        EntryOutcome::Ignored => ("is-off", "ignored", "ignored"),
        EntryOutcome::Retry => ("is-warn", "attempt", "will be tried again"),
        EntryOutcome::Waiting => ("is-wait", "clock", "waits for quota"),
        EntryOutcome::Dead => ("is-bad", "dead", "failed for good"),
        EntryOutcome::Replayed => ("is-wait", "attempt", "queued again"),
    }
}

pub(super) fn heading(entry: &TimelineEntry) -> String {
    match entry.outcome {
        EntryOutcome::Applied => changed_fields(&entry.changes),
        EntryOutcome::Ignored => "Nothing changed".to_owned(),
        EntryOutcome::Retry | EntryOutcome::Dead => format!("Attempt {} failed", entry.attempt),
        EntryOutcome::Waiting => "Waits its turn".to_owned(),
        EntryOutcome::Replayed => "Queued again".to_owned(),
    }
}

/// `Title and status changed`; a new item has all of them, and says so.
fn changed_fields(changes: &[FieldChange]) -> String {
    let names: Vec<String> = changes.iter().map(|c| field_name(&c.field)).collect();
    let is_new = changes.iter().any(|c| c.field == "status" && c.from.is_null());
    let text = match names.as_slice() {
        _ if is_new => "First seen".to_owned(),
        [] => "Stored".to_owned(),
        [one] => format!("{one} changed"),
        [one, other] => format!("{one} and {other} changed"),
        [one, rest @ ..] => format!("{one} and {} other fields changed", rest.len()),
    };
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn field_name(field: &str) -> String {
    match field {
        "state_group" => "state group".to_owned(),
        "project_ref" => "project".to_owned(),
        "moved_to" => "moved to".to_owned(),
        other => other.to_owned(),
    }
}

pub(in super::super) fn difference(change: &FieldChange) -> Difference {
    Difference { field: field_name(&change.field), from: said(&change.from), to: said(&change.to) }
}

/// A value in words; `None` for nothing.
fn said(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().filter_map(said).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    (!text.is_empty()).then(|| cut(&text, VALUE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_its_fields() {
        let change = |field: &str, from: Value| FieldChange {
            field: field.to_owned(),
            from,
            to: Value::Null,
        };
        let old = || Value::String("x".to_owned());
        assert_eq!(changed_fields(&[change("state_group", old())]), "State group changed");
        assert_eq!(
            changed_fields(&[change("title", old()), change("status", old())]),
            "Title and status changed"
        );
        assert_eq!(
            changed_fields(&[change("title", Value::Null), change("status", Value::Null)]),
            "First seen"
        );
    }

    #[test]
    fn an_empty_list_is_nothing() {
        assert_eq!(said(&Value::Array(Vec::new())), None);
        assert_eq!(said(&serde_json::json!(["a", "b"])).as_deref(), Some("a, b"));
    }
}
