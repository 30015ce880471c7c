//! What a work item is, and which of two states of it wins. Pure: no I/O, no clock.
//!
//! An item is the join of everything ever told about it: of all snapshots the highest in
//! `Snapshot::rank` (newest `updated_at` first, of those that tell everything), and the earliest
//! tombstone if there is one, with the greatest place that a tombstone says it moved to. An item without any snapshot has the greatest project that a tombstone names.
//! What only pull requests have is kept beside the snapshot and joined for itself (`pulls`).
//! Maxima and minima do not care for order or repetition, so neither do the rows.
//!
//! Deliberately absent: events. `created` and `updated` are both "here is a state".

mod pulls;
mod words;

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
pub use pulls::{Closes, Course, PullFacts, PullStanding, Review, Verdict};
pub use words::{Kind, StateGroup, System, TextFormat, UnknownWord};

/// `status` of an item whose source says that it is gone.
pub const DELETED: &str = "deleted";
/// `status` of an item whose state's name is not known (an id without a name).
pub const UNKNOWN: &str = "unknown";

/// Characters of a value that the timeline keeps.
const LONGEST_VALUE: usize = 500;

/// A person at an item, in the source's words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// The id at the source.
    pub id: String,
    /// `display_name` or `login`; `None` while only the id is known.
    pub name: Option<String>,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// Its name; the id where only that is known.
    pub name: String,
    /// `#rrggbb`.
    pub color: Option<String>,
}

/// What a person wrote, as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// How.
    pub format: TextFormat,
    /// The source text.
    pub text: String,
}

/// Whether a snapshot tells the whole state. Some events carry an item with fields left out that
/// it has; such a one is better than nothing, and no reason to forget anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Fields are left out.
    Partial,
    /// Everything there is to say at this time.
    #[default]
    Whole,
}

/// Where in an item's life a snapshot was taken: sources that count in seconds tell several
/// states with one time, and then the usual course of things decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// As it was made.
    First,
    /// Any time after that, or not known.
    #[default]
    Later,
    /// Closed.
    Ended,
    /// Open again.
    Resumed,
}

/// Whether a pull request waits for reviews already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    /// It does, or is none.
    #[default]
    Ready,
    /// Its author still works on it.
    Draft,
}

/// What goes without saying is not stored.
fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One state of one item, as its source told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `{system}:{external id}`.
    pub item: WorkItemRef,
    /// Where it lives.
    pub system: System,
    /// Its id there.
    pub external_id: String,
    /// What it is there.
    pub kind: Kind,
    /// The project's id (Plane) or `owner/name` (GitHub).
    pub project_ref: String,
    /// `SYNC-12`; `None` while the project's identifier is not known.
    pub key: Option<String>,
    /// The title, as written.
    pub title: String,
    /// The state's name; `None` while only its id is known.
    pub status: Option<String>,
    /// The state's group.
    pub state_group: Option<StateGroup>,
    /// In the source's order; the first is `assignee`.
    pub assignees: Vec<Person>,
    /// In the source's order.
    pub labels: Vec<Label>,
    /// Plane's `urgent`, `high`, `medium`, `low`, `none`.
    pub priority: Option<String>,
    /// Where a person opens it.
    pub url: Option<String>,
    /// When it was made at the source.
    pub created_at: Option<Timestamp>,
    /// When it came into a completed state.
    pub completed_at: Option<Timestamp>,
    /// The source's own time of this state.
    pub updated_at: Timestamp,
    /// What the payload does not say and nobody could fill in, in words for people.
    pub missing: Vec<String>,
    /// Whether it tells the whole state.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub extent: Extent,
    /// When in the item's life it was taken.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub stage: Stage,
    /// Whether a pull request is a draft.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub readiness: Readiness,
    /// Of a pull request: its reviews and its way there. Takes no part in the rank.
    #[serde(default, skip_serializing_if = "PullFacts::is_empty")]
    pub pull: PullFacts,
    /// When the source was asked for it; `None` for one that a webhook brought, which is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// What stands below the title. Kept in columns of its own, since lists need none of it.
    #[serde(skip)]
    pub description: Option<Text>,
}

impl Snapshot {
    /// Total order over snapshots of one item: a whole one before a partial one; then the newest
    /// first; of two with the same time the one that says more, then the one that was asked for
    /// last, then the one that stands later in the usual course of things, then the one with more people and labels (bursts rather add than take away); of two
    /// that are equal in all this, the greater text, so that every order of arrival picks the same.
    fn rank(&self, other: &Self) -> Ordering {
        let text = |snapshot: &Self| {
            let alone = Self { pull: PullFacts::default(), ..snapshot.clone() };
            serde_json::to_string(&alone).unwrap_or_default()
        };
        let entries = |snapshot: &Self| snapshot.labels.len() + snapshot.assignees.len();
        self.extent
            .cmp(&other.extent)
            .then_with(|| self.updated_at.cmp(&other.updated_at))
            .then_with(|| other.missing.len().cmp(&self.missing.len()))
            .then_with(|| self.asked_at.cmp(&other.asked_at))
            .then_with(|| self.stage.cmp(&other.stage))
            .then_with(|| entries(self).cmp(&entries(other)))
            .then_with(|| self.description.cmp(&other.description))
            .then_with(|| text(self).cmp(&text(other)))
    }

    /// How a pull request stands; `None` for everything else.
    pub fn pull_standing(&self) -> Option<PullStanding> {
        (self.kind == Kind::PullRequest)
            .then(|| self.pull.standing(self.state_group, self.readiness))
    }
}

/// The source says that an item is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Which one.
    pub item: WorkItemRef,
    /// Where it lived.
    pub system: System,
    /// Its id there.
    pub external_id: String,
    /// The project, where the source still says it.
    pub project_ref: Option<String>,
    /// When it went, by the source's time where it says one.
    pub at: Timestamp,
    /// The item that it became, where it was moved rather than deleted.
    pub moved_to: Option<WorkItemRef>,
}

/// What one delivery says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A state of an item.
    State(Box<Snapshot>),
    /// An item is gone; some payloads carry its last state.
    Gone(Tombstone, Option<Box<Snapshot>>),
    /// Nothing for us, and why.
    Nothing {
        /// One line for people.
        reason: String,
    },
}

impl Change {
    /// The item that it is about.
    pub fn item(&self) -> Option<&WorkItemRef> {
        match self {
            Self::State(snapshot) => Some(&snapshot.item),
            Self::Gone(tombstone, _) => Some(&tombstone.item),
            Self::Nothing { .. } => None,
        }
    }
}

/// Everything known of one item: the winning snapshot, the tombstone, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    /// `{system}:{external id}`.
    pub item: WorkItemRef,
    /// Where it lives.
    pub system: System,
    /// Its id there.
    pub external_id: String,
    /// The project's id, empty where a bare tombstone did not say it.
    pub project_ref: String,
    /// The winning snapshot; `None` for an item that was only ever told to be gone.
    pub state: Option<Snapshot>,
    /// When it went.
    pub deleted_at: Option<Timestamp>,
    /// The item that it became, where it was moved rather than deleted.
    pub moved_to: Option<WorkItemRef>,
    /// When this row was last written here.
    pub ingested_at: Timestamp,
}

impl WorkItem {
    /// What `ops.work_items.status` says.
    pub fn status(&self) -> &str {
        if self.deleted_at.is_some() {
            return DELETED;
        }
        self.state.as_ref().and_then(|s| s.status.as_deref()).unwrap_or(UNKNOWN)
    }

    /// What `ops.work_items.updated_at` says: the source's time of the newest state, or of the
    /// deletion where no state is known.
    pub fn updated_at(&self) -> Timestamp {
        let state = self.state.as_ref().map(|s| s.updated_at);
        state.or(self.deleted_at).unwrap_or(self.ingested_at)
    }
}

/// One field before and after, for the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field's name, as in the API.
    pub field: String,
    /// Before; null for a new item.
    pub from: Value,
    /// After.
    pub to: Value,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The item is new or differs: store `item`.
    Apply {
        /// The item as it shall be stored.
        item: Box<WorkItem>,
        /// What differs, in the fields' natural order.
        changes: Vec<FieldChange>,
        /// One line for people.
        reason: String,
    },
    /// Nothing to store.
    Ignore {
        /// One line for people.
        reason: String,
    },
}

/// Joins a change into what is known of its item.
///
/// `now` becomes `ingested_at` of what is applied; it takes no part in the decision.
pub fn decide(current: Option<&WorkItem>, change: &Change, now: Timestamp) -> Decision {
    match change {
        Change::Nothing { reason } => Decision::Ignore { reason: reason.clone() },
        Change::State(snapshot) => join(current, Some(snapshot), None, now),
        Change::Gone(tombstone, snapshot) => {
            join(current, snapshot.as_deref(), Some(tombstone), now)
        }
    }
}

fn join(
    current: Option<&WorkItem>,
    snapshot: Option<&Snapshot>,
    tombstone: Option<&Tombstone>,
    now: Timestamp,
) -> Decision {
    let known = current.and_then(|c| c.state.as_ref());
    let newer = snapshot.filter(|s| known.is_none_or(|k| s.rank(k).is_gt()));
    let gone_before = current.and_then(|c| c.deleted_at);
    let gone_now = tombstone.map(|t| t.at).filter(|at| gone_before.is_none_or(|b| *at < b));
    let moved_before = current.and_then(|c| c.moved_to.as_ref());
    let moved_now = tombstone
        .and_then(|t| t.moved_to.as_ref())
        .filter(|place| moved_before.is_none_or(|before| *place > before));
    let project_before = current.map_or("", |c| c.project_ref.as_str());
    let project_now = tombstone
        .and_then(|t| t.project_ref.as_deref())
        .filter(|project| known.is_none() && newer.is_none() && *project > project_before);
    let pull = known.zip(snapshot).map(|(known, told)| known.pull.joined(&told.pull));
    let pull_now = pull.filter(|pull| known.is_some_and(|known| known.pull != *pull));
    let is_nothing = newer.is_none() && gone_now.is_none() && project_now.is_none();
    if is_nothing && moved_now.is_none() && pull_now.is_none() {
        return Decision::Ignore { reason: why_ignored(known, snapshot, tombstone) };
    }
    let Some(mut item) = current.cloned().or_else(|| blank(snapshot, tombstone, now)) else {
        return Decision::Ignore { reason: "says nothing of any item".to_owned() };
    };
    if let Some(snapshot) = newer {
        let mut snapshot = snapshot.clone();
        if let Some(known) = known {
            snapshot.pull = known.pull.joined(&snapshot.pull);
        }
        item.project_ref.clone_from(&snapshot.project_ref);
        item.state = Some(snapshot);
    } else if let Some(project) = project_now {
        project.clone_into(&mut item.project_ref);
    }
    if let (Some(pull), Some(state)) = (pull_now, &mut item.state) {
        state.pull = pull;
    }
    item.deleted_at = gone_now.or(gone_before);
    if let Some(place) = moved_now {
        item.moved_to = Some(place.clone());
    }
    item.ingested_at = now;
    let changes = differences(current, &item);
    let reason = why_applied(current, &item, gone_now.is_some());
    Decision::Apply { item: Box::new(item), changes, reason }
}

fn blank(
    snapshot: Option<&Snapshot>,
    tombstone: Option<&Tombstone>,
    now: Timestamp,
) -> Option<WorkItem> {
    let (item, system, external_id) = match (snapshot, tombstone) {
        (Some(s), _) => (&s.item, s.system, &s.external_id),
        (None, Some(t)) => (&t.item, t.system, &t.external_id),
        (None, None) => return None,
    };
    Some(WorkItem {
        item: item.clone(),
        system,
        external_id: external_id.clone(),
        project_ref: String::new(),
        state: None,
        deleted_at: None,
        moved_to: None,
        ingested_at: now,
    })
}

fn why_ignored(
    known: Option<&Snapshot>,
    snapshot: Option<&Snapshot>,
    tombstone: Option<&Tombstone>,
) -> String {
    match (known, snapshot) {
        _ if tombstone.is_some() => "ignored: already known to be deleted".to_owned(),
        (Some(known), Some(part)) if part.extent < known.extent => {
            format!("ignored: it leaves out what is known ({})", part.missing.join(", "))
        }
        (Some(known), Some(late)) if late.updated_at < known.updated_at => format!(
            "ignored: older than what is known ({} < {})",
            late.updated_at.format("%FT%T%.6fZ"),
            known.updated_at.format("%FT%T%.6fZ"),
        ),
        (Some(known), Some(same)) if known == same => {
            "ignored: this state is already known".to_owned()
        }
        _ => "ignored: another state with the same time is kept".to_owned(),
    }
}

fn why_applied(current: Option<&WorkItem>, item: &WorkItem, gone_now: bool) -> String {
    let verb = match current {
        _ if item.moved_to.is_some() && gone_now => "moved elsewhere at the source",
        _ if gone_now => "deleted at the source",
        None => "first seen",
        Some(_) if item.deleted_at.is_some() => "newer state of a deleted item",
        Some(_) => "newer than what was known",
    };
    match item.state.as_ref().map(|s| s.missing.as_slice()) {
        Some(missing) if !missing.is_empty() => format!("{verb}; missing: {}", missing.join(", ")),
        _ => verb.to_owned(),
    }
}

fn differences(before: Option<&WorkItem>, after: &WorkItem) -> Vec<FieldChange> {
    let before = before.map(fields);
    fields(after)
        .into_iter()
        .enumerate()
        .filter_map(|(i, (field, to))| {
            let from = before.as_ref().map_or(Value::Null, |b| b[i].1.clone());
            (from != to).then(|| FieldChange { field: field.to_owned(), from, to })
        })
        .map(FieldChange::cut)
        .collect()
}

impl FieldChange {
    /// Keeps the beginnings of long texts: a timeline is no archive of them.
    #[must_use]
    pub fn cut(self) -> Self {
        let cut = |value: Value| match value {
            Value::String(text) if text.chars().nth(LONGEST_VALUE).is_some() => {
                let start: String = text.chars().take(LONGEST_VALUE).collect();
                Value::String(start + "…")
            }
            other => other,
        };
        Self { field: self.field, from: cut(self.from), to: cut(self.to) }
    }
}

/// The fields that people care to see change, always in this order.
fn fields(item: &WorkItem) -> [(&'static str, Value); 12] {
    let state = item.state.as_ref();
    let names = |people: &[Person]| -> Vec<String> {
        people.iter().map(|p| p.name.clone().unwrap_or_else(|| p.id.clone())).collect()
    };
    let labels =
        |labels: &[Label]| -> Vec<String> { labels.iter().map(|l| l.name.clone()).collect() };
    [
        ("title", json!(state.map(|s| &s.title))),
        ("status", json!(item.status())),
        ("state_group", json!(state.and_then(|s| s.state_group))),
        ("assignees", json!(state.map(|s| names(&s.assignees)).unwrap_or_default())),
        ("labels", json!(state.map(|s| labels(&s.labels)).unwrap_or_default())),
        ("priority", json!(state.and_then(|s| s.priority.as_ref()))),
        ("project_ref", json!(item.project_ref)),
        ("key", json!(state.and_then(|s| s.key.as_ref()))),
        ("url", json!(state.and_then(|s| s.url.as_ref()))),
        ("description", json!(state.and_then(|s| s.description.as_ref()).map(|d| &d.text))),
        ("moved_to", json!(item.moved_to)),
        ("review", json!(state.and_then(Snapshot::pull_standing).and_then(reviewed))),
    ]
}

/// How the review of a pull request stands; the rest of its standing is its status.
fn reviewed(standing: PullStanding) -> Option<&'static str> {
    use PullStanding as P;
    match standing {
        P::ReviewRequested | P::ChangesRequested | P::Approved => Some(standing.as_str()),
        P::Draft | P::Opened | P::Closed | P::Merged => None,
    }
}
