//! What a card says: kept with the card as JSON, so that a page reads one row a card.
//!
//! Nothing here depends on the moment: ages are said when the page is made.

use std::fmt;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::health::Health;
use super::words::{cut, drawable, hue, initials};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::work_items::{Kind, Label, Person, PullStanding, StateGroup, System};

/// A card's title is cut after this many characters; the item's page has all of it.
pub(super) const TITLE: usize = 300;
/// Labels on one card; the others are counted.
pub(super) const LABELS: usize = 6;
/// Faces on one card; the others are counted.
pub(super) const FACES: usize = 4;
/// Pull requests on one card; the others are counted.
pub(super) const PULLS: usize = 4;
/// An open item without a change for this long is called stale.
pub const STALE: TimeDelta = TimeDelta::days(14);

/// One card: an item, or an issue and its twin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its name for good: the reference where it has a twin, else the item's own.
    pub card: WorkItemRef,
    /// The item in whose column it stands.
    pub lead: WorkItemRef,
    /// The items that it shows, GitHub's first.
    pub sides: Vec<Side>,
    /// Issue or pull request.
    pub kind: Kind,
    /// The title, cut.
    pub title: String,
    /// The state's name, where it is known.
    pub status: Option<String>,
    /// The state's group.
    pub group: Option<StateGroup>,
    /// The first labels of both sides.
    pub labels: Vec<Label>,
    /// How many labels are left out.
    pub more_labels: usize,
    /// The first assignees of the leading side.
    pub people: Vec<Face>,
    /// How many assignees are left out.
    pub more_people: usize,
    /// Pull requests that close it or name it.
    pub pulls: Vec<Pull>,
    /// How many pull requests are left out.
    pub more_pulls: usize,
    /// How both sides stand; `None` for an item without a twin and without trouble.
    pub health: Option<Health>,
    /// What is not known of it, in words.
    pub missing: Vec<String>,
    /// The source's time of the newest change of either side.
    pub updated_at: Timestamp,
    /// Since when it stands in its column, as far as is known.
    pub state_since: Timestamp,
}

impl Card {
    /// Whether it is open and was left alone for too long.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        match self.group {
            Some(StateGroup::Completed | StateGroup::Cancelled) => Freshness::Fresh,
            _ if now - self.updated_at < STALE => Freshness::Fresh,
            _ => Freshness::Stale,
        }
    }
}

/// An item that a card shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Which.
    pub item: WorkItemRef,
    /// Where it lives.
    pub system: System,
    /// `SYNC-12`, `owner/name#12`, or the beginning of its id.
    pub key: String,
}

impl Side {
    /// `owner/name` and `#12`: the first part may be shortened where room is scarce.
    pub fn parts(&self) -> (&str, &str) {
        match self.key.rfind('#') {
            Some(at) => self.key.split_at(at),
            None => ("", &self.key),
        }
    }
}

/// Whether an open item has been left alone for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Changed of late, or closed.
    Fresh,
    /// Open, and not changed for two weeks.
    Stale,
}

/// A pull request on an issue's card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Which.
    pub item: WorkItemRef,
    /// `#12`.
    pub number: String,
    /// Its title, cut.
    #[serde(default)]
    pub title: String,
    /// How it stands.
    pub state: PullState,
}

/// How a pull request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullState {
    /// Open.
    Open,
    /// Open and not ready for review.
    Draft,
    /// Somebody is asked to review it.
    Review,
    /// A reviewer wants it changed.
    Changes,
    /// Reviewed, and nobody wants it changed.
    Approved,
    /// Merged.
    Merged,
    /// Closed without being merged.
    Closed,
}

impl PullState {
    /// The words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Draft => "draft",
            Self::Review => "in review",
            Self::Changes => "changes requested",
            Self::Approved => "approved",
            Self::Merged => "merged",
            Self::Closed => "closed",
        }
    }

    /// One word, for class names.
    pub fn class(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Changes => "changes",
            Self::Open | Self::Draft | Self::Approved | Self::Merged | Self::Closed => {
                self.as_str()
            }
        }
    }
}

impl From<PullStanding> for PullState {
    fn from(standing: PullStanding) -> Self {
        match standing {
            PullStanding::Draft => Self::Draft,
            PullStanding::Opened => Self::Open,
            PullStanding::ReviewRequested => Self::Review,
            PullStanding::ChangesRequested => Self::Changes,
            PullStanding::Approved => Self::Approved,
            PullStanding::Merged => Self::Merged,
            PullStanding::Closed => Self::Closed,
        }
    }
}

impl fmt::Display for PullState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Face {
    /// The name; the id where only that is known.
    pub name: String,
    /// One or two letters.
    pub initials: String,
    /// 1 to 6, always the same for the same id.
    pub hue: u32,
}

impl From<&Person> for Face {
    fn from(person: &Person) -> Self {
        let name = name_of(person);
        Self { name: cut(name, TITLE), initials: initials(name), hue: hue(&person.id) }
    }
}

/// A person's name, or the id where only that is known.
pub(super) fn name_of(person: &Person) -> &str {
    person.name.as_deref().filter(|n| !n.trim().is_empty()).unwrap_or(&person.id)
}

/// A label as it is drawn.
pub(super) fn shown(label: &Label) -> Label {
    Label { name: cut(&label.name, 80), color: drawable(label.color.as_deref()).map(str::to_owned) }
}
