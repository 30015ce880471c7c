//! One entry for each attempt at a delivery: what it decided and why. Pure types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::work_items::FieldChange;

/// How an attempt ended, or what a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryOutcome {
    /// The item was changed.
    Applied,
    /// Nothing to change, for the given reason.
    Ignored,
    /// Failed; will be tried again.
    Retry,
    /// Waits for a quota; not an attempt.
    Waiting,
    /// Failed for good: visible and replayable.
    Dead,
    /// Queued again by a person or by a repeated delivery.
    Replayed,
}

impl EntryOutcome {
    const ALL: [Self; 6] =
        [Self::Applied, Self::Ignored, Self::Retry, Self::Waiting, Self::Dead, Self::Replayed];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Ignored => "ignored",
            Self::Retry => "retry",
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Replayed => "replayed",
        }
    }
}

impl fmt::Display for EntryOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EntryOutcome {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|o| o.as_str() == text)
            .ok_or_else(|| format!("unknown outcome “{text}”"))
    }
}

/// One line of an item's or a delivery's history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineEntry {
    /// The item; `None` for a delivery that is about none, or that could not be read.
    pub item: Option<WorkItemRef>,
    /// Whose delivery.
    pub source: Source,
    /// Which delivery.
    pub delivery_id: DeliveryId,
    /// Which attempt, from 1; 0 for what is none (`replayed`).
    pub attempt: i64,
    /// When.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: EntryOutcome,
    /// Why, one line for people.
    pub reason: String,
    /// What changed.
    pub changes: Vec<FieldChange>,
}
