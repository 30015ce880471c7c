//! One entry for each attempt at a delivery: what it decided and why. Pure types.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::work_items::{FieldChange, System};

/// What stands before the reason why an issue is not carried over, on purpose; the timeline is where
/// that is kept.
pub const LEFT_OUT: &str = "not written to Plane: left out by ";

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

/// A write to either side that was meant to be made, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WriteEntry {
    /// The delivery that it was for; `None` for one that a person asked for.
    pub cause: Option<(Source, DeliveryId)>,
    /// Which side it is to.
    pub system: System,
    /// The word under which it is recorded: `update_item`.
    pub kind: String,
    /// What was to be written, one line for people.
    pub what: String,
    /// What came of it.
    pub standing: WriteStanding,
    /// Why it was not made, where it was not.
    pub reason: Option<String>,
    /// When it was recorded, before it was made.
    pub intended_at: Timestamp,
    /// When its outcome was known.
    pub ended_at: Option<Timestamp>,
}

/// How far a write has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteStanding {
    /// Recorded; it may or may not have been made.
    Intended,
    /// Plane answered.
    Made,
    /// Its outcome is what both sides agree on.
    Settled,
    /// Not made.
    Abandoned,
}

impl WriteStanding {
    const ALL: [Self; 4] = [Self::Intended, Self::Made, Self::Settled, Self::Abandoned];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Made => "made",
            Self::Settled => "settled",
            Self::Abandoned => "abandoned",
        }
    }
}

impl FromStr for WriteStanding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|standing| standing.as_str() == text)
            .ok_or_else(|| format!("unknown standing “{text}”"))
    }
}

/// Everything that one cause led to: a delivery, or a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The delivery; `None` for what a person asked for.
    pub by: Option<(Source, DeliveryId)>,
    /// What was decided and tried, oldest first.
    pub entries: Vec<TimelineEntry>,
    /// What was written, oldest first.
    pub writes: Vec<WriteEntry>,
    /// The newest moment of all that.
    pub at: Timestamp,
}

/// Writes that a person asked for belong together when no more than this lies between them.
const TOGETHER: TimeDelta = TimeDelta::minutes(2);

/// Puts entries and writes together by what caused them, the newest first. A write whose delivery
/// is not among the entries is left out: it stands with that delivery.
pub fn causes(entries: Vec<TimelineEntry>, writes: Vec<WriteEntry>) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for entry in entries {
        let by = Some((entry.source, entry.delivery_id.clone()));
        let at = entry.at;
        match causes.iter_mut().find(|cause| cause.by == by) {
            Some(cause) => {
                cause.at = cause.at.max(at);
                cause.entries.push(entry);
            }
            None => causes.push(Cause { by, entries: vec![entry], writes: Vec::new(), at }),
        }
    }
    let mut by_hand: Vec<Cause> = Vec::new();
    let mut writes = writes;
    writes.sort_by_key(|write| write.intended_at);
    for write in writes {
        let at = write.ended_at.unwrap_or(write.intended_at);
        let place = if write.cause.is_some() {
            causes.iter_mut().find(|cause| cause.by == write.cause)
        } else {
            let is_near = |cause: &&mut Cause| write.intended_at - cause.at <= TOGETHER;
            by_hand.last_mut().filter(is_near)
        };
        match place {
            Some(cause) => {
                cause.at = cause.at.max(at);
                cause.writes.push(write);
            }
            None if write.cause.is_none() => {
                by_hand.push(Cause { by: None, entries: Vec::new(), writes: vec![write], at });
            }
            None => {}
        }
    }
    causes.append(&mut by_hand);
    for cause in &mut causes {
        // They came newest first, and those of one moment stay in their order.
        cause.entries.reverse();
        cause.entries.sort_by_key(|entry| entry.at);
    }
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.at));
    causes
}

/// The writes of each entry, in the entries' order: a write belongs to the attempt of its delivery
/// that ended first after it was recorded, else to the newest one.
pub fn writes_of_each(entries: &[TimelineEntry], writes: Vec<WriteEntry>) -> Vec<Vec<WriteEntry>> {
    let mut of_each: Vec<Vec<WriteEntry>> = vec![Vec::new(); entries.len()];
    for write in writes {
        let Some((source, delivery)) = &write.cause else { continue };
        let is_its = |e: &TimelineEntry| e.source == *source && e.delivery_id == *delivery;
        let its = || entries.iter().enumerate().filter(|(_, entry)| is_its(entry));
        let after = its().filter(|(_, e)| e.at >= write.intended_at).min_by_key(|(_, e)| e.at);
        if let Some((place, _)) = after.or_else(|| its().max_by_key(|(_, e)| e.at)) {
            of_each[place].push(write);
        }
    }
    of_each
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> Timestamp {
        format!("2026-11-22T01:00:{second:02}Z").parse().unwrap()
    }

    fn entry(delivery: &str, second: u32) -> TimelineEntry {
        TimelineEntry {
            item: None,
            source: Source::Github,
            delivery_id: DeliveryId::new(delivery),
            attempt: 1,
            at: at(second),
            outcome: EntryOutcome::Applied,
            reason: String::new(),
            changes: Vec::new(),
        }
    }

    fn write(delivery: Option<&str>, second: u32) -> WriteEntry {
        WriteEntry {
            cause: delivery.map(|id| (Source::Github, DeliveryId::new(id))),
            system: System::Plane,
            kind: "update_item".to_owned(),
            what: "change it".to_owned(),
            standing: WriteStanding::Settled,
            reason: None,
            intended_at: at(second),
            ended_at: Some(at(second)),
        }
    }

    #[test]
    fn what_one_delivery_led_to_is_one_cause_and_the_newest_stands_first() {
        let entries = vec![entry("b", 30), entry("a", 20), entry("a", 5), entry("b", 4)];
        let writes = vec![
            write(Some("a"), 12),
            write(Some("elsewhere"), 13),
            write(None, 50),
            write(None, 40),
        ];
        let causes = causes(entries, writes);
        let names: Vec<_> =
            causes.iter().map(|c| c.by.as_ref().map(|(_, id)| id.as_str())).collect();
        assert_eq!(names, [None, Some("b"), Some("a")]);
        assert_eq!(causes[0].writes.len(), 2, "what a person asked for stands together");
        let times: Vec<_> = causes[2].entries.iter().map(|e| e.at).collect();
        assert_eq!((times, causes[2].writes.len()), (vec![at(5), at(20)], 1));
    }

    #[test]
    fn a_write_belongs_to_the_attempt_that_ended_first_after_it() {
        let entries = [entry("a", 30), entry("a", 20), entry("b", 15), entry("a", 5)];
        let writes =
            vec![write(Some("a"), 12), write(Some("a"), 40), write(Some("c"), 12), write(None, 1)];
        let counts: Vec<_> = writes_of_each(&entries, writes).iter().map(Vec::len).collect();
        assert_eq!(counts, [1, 1, 0, 0]);
    }
}
