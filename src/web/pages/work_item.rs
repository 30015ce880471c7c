//! One item: what is known of it, what is missing, and everything that happened to it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, Redirect};
use serde_json::Value;

use super::spans::{self, day, exact, when};
use super::{Caller, Frame, Mark, Problem, Section, WebState, group_icon, render};
use crate::board::{Face, cut, group_name, short_key};
use crate::clock::Timestamp;
use crate::comments::Comment;
use crate::ids::WorkItemRef;
use crate::store::links::IssueLink;
use crate::sync::plan::LinkStatus;
use crate::timeline::{EntryOutcome, TimelineEntry};
use crate::work_items::{FieldChange, Snapshot, System, WorkItem};

/// Entries of the timeline that are shown.
const ENTRIES: i64 = 200;
/// Comments that are shown.
const COMMENTS: i64 = 200;
/// Characters of a value before and after a change.
const VALUE: usize = 400;

#[derive(Template)]
#[template(path = "work_item.html")]
struct ItemPage {
    frame: Frame,
    item: WorkItem,
    key: String,
    title: String,
    tab_title: String,
    mark: Mark,
    days: Vec<Day>,
    entries: usize,
    complete: bool,
    comments: Vec<Remark>,
    twins: Vec<Twin>,
    /// The newest entry that changed it.
    because: Option<Entry>,
    now: Timestamp,
}

impl ItemPage {
    fn state(&self) -> Option<&Snapshot> {
        self.item.state.as_ref()
    }

    fn icon(&self) -> &'static str {
        group_icon(self.state().and_then(|s| s.state_group))
    }

    fn group(&self) -> &'static str {
        group_name(self.state().and_then(|s| s.state_group))
    }

    /// Only what a browser may follow.
    fn source_link(&self) -> Option<&str> {
        self.state().and_then(|s| s.url.as_deref()).filter(|url| is_web_address(url))
    }

    fn missing(&self) -> &[String] {
        self.state().map_or(&[], |s| &s.missing)
    }

    /// What would make the missing known.
    fn remedy(&self) -> &'static str {
        match self.item.system {
            System::Plane => "with plane.api_key set, Jetbridge asks Plane",
            System::Github => "the next event of another kind will",
        }
    }

    fn faces(&self) -> Vec<Face> {
        self.state().map(|s| s.assignees.iter().map(Face::from).collect()).unwrap_or_default()
    }
}

/// A comment in words.
struct Remark {
    author: String,
    time: String,
    exact: String,
    text: String,
    /// Only what a browser may follow.
    link: Option<String>,
}

impl Remark {
    fn new(comment: Comment, now: Timestamp) -> Self {
        let said = comment.said;
        let at = said.created_at.unwrap_or(said.updated_at);
        Self {
            author: said.author.unwrap_or_else(|| "a deleted account".to_owned()),
            time: when(at, now),
            exact: exact(at),
            text: said.text.text,
            link: said.url.filter(|url| is_web_address(url)),
        }
    }
}

/// The same item on the other side.
struct Twin {
    item: WorkItemRef,
    mark: Mark,
    tone: &'static str,
    icon: &'static str,
    status: &'static str,
    synced_at: Option<Timestamp>,
    error: Option<String>,
}

impl Twin {
    fn new(link: &IssueLink, of: &WorkItem) -> Option<Self> {
        let (tone, icon, status) = match link.status {
            LinkStatus::Ok => ("is-good", "ok", "in step"),
            LinkStatus::Pending => ("is-wait", "clock", "not linked yet"),
            LinkStatus::Conflict => ("is-warn", "failed", "conflict"),
            LinkStatus::Broken => ("is-bad", "dead", "broken"),
        };
        let (tone, icon, status) = match (&link.last_error, link.status) {
            (Some(_), LinkStatus::Ok) => ("is-warn", "attempt", "behind"),
            _ => (tone, icon, status),
        };
        let other = match of.system {
            System::Plane => System::Github,
            System::Github => System::Plane,
        };
        Some(Self {
            item: link.twin_of(&of.item)?,
            mark: other.into(),
            tone,
            icon,
            status,
            synced_at: link.synced_at,
            error: link.last_error.clone(),
        })
    }
}

/// The entries of one day, newest first.
struct Day {
    name: String,
    entries: Vec<Entry>,
}

/// One entry in words.
pub(super) struct Entry {
    pub(super) mark: Mark,
    pub(super) source: &'static str,
    pub(super) delivery_id: String,
    pub(super) short_id: String,
    pub(super) attempt: i64,
    pub(super) time: String,
    pub(super) exact: String,
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) verdict: &'static str,
    pub(super) heading: String,
    pub(super) reason: String,
    pub(super) changes: Vec<Difference>,
}

/// One field before and after; `None` is nothing.
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

/// `GET /work-items/{item}`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    Path(item): Path<String>,
) -> Result<Html<String>, Problem> {
    let item = WorkItemRef::new(item);
    let known =
        if item.as_str().contains('\0') { None } else { web.store.work_item(&item).await? };
    let known =
        known.ok_or_else(|| Problem::not_found(format!("There is no work item {item}.")))?;
    let now = web.clock.now();
    let timeline = web.store.item_timeline(&item, ENTRIES).await?;
    let comments = web.store.item_comments(&item, COMMENTS).await?;
    let links = web.store.links_of(&item).await?;
    let applied = timeline.iter().find(|e| e.outcome == EntryOutcome::Applied);
    let key = short_key(&known);
    let title = known.state.as_ref().map(|s| s.title.clone()).unwrap_or_default();
    render(&ItemPage {
        frame: Frame::read(&web, Section::Boards, caller).await?,
        tab_title: cut(&key, 40),
        key,
        title,
        mark: known.system.into(),
        because: applied.map(|entry| Entry::new(entry, now)),
        entries: timeline.len(),
        complete: i64::try_from(timeline.len()).unwrap_or(ENTRIES) < ENTRIES,
        days: days(&timeline, now),
        comments: comments.into_iter().map(|comment| Remark::new(comment, now)).collect(),
        twins: links.iter().rev().filter_map(|link| Twin::new(link, &known)).collect(),
        item: known,
        now,
    })
}

/// `GET /work-items/{item}/timeline`: the same page, from there on.
pub(super) async fn show_timeline(Path(item): Path<String>) -> Redirect {
    let item: String =
        askama::filters::urlencode_strict(&item).map(|i| i.to_string()).unwrap_or_default();
    Redirect::to(&format!("/work-items/{item}#timeline"))
}

fn days(timeline: &[TimelineEntry], now: Timestamp) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for entry in timeline {
        let name = day(entry.at, now);
        let shown = Entry::new(entry, now);
        match days.last_mut().filter(|last| last.name == name) {
            Some(last) => last.entries.push(shown),
            None => days.push(Day { name, entries: vec![shown] }),
        }
    }
    days
}

impl Entry {
    pub(super) fn new(entry: &TimelineEntry, now: Timestamp) -> Self {
        let (tone, icon, verdict) = match entry.outcome {
            EntryOutcome::Applied => ("is-good", "ok", "applied"),
            EntryOutcome::Ignored => ("is-off", "ignored", "ignored"),
            EntryOutcome::Retry => ("is-warn", "attempt", "will be tried again"),
            EntryOutcome::Waiting => ("is-wait", "clock", "waits for quota"),
            EntryOutcome::Dead => ("is-bad", "dead", "failed for good"),
            EntryOutcome::Replayed => ("is-wait", "attempt", "queued again"),
        };
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
            heading: heading(entry),
            reason: entry.reason.clone(),
            changes: entry.changes.iter().map(difference).collect(),
        }
    }
}

fn heading(entry: &TimelineEntry) -> String {
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

fn difference(change: &FieldChange) -> Difference {
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

fn is_web_address(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
        && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_addresses_are_followed() {
        assert!(is_web_address("https://plane.example/a") && is_web_address("HTTP://x"));
        for bad in [
            "javascript:alert(1)",
            "javascript://%0aalert(1)",
            " https://x",
            "//x",
            "data:text/html,x",
            "java\nscript:x",
            "",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

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
