//! The timeline in words: one block a cause, with what was done because of it, step by step.

use std::collections::HashMap;

use super::super::Mark;
use super::super::deliveries::address;
use super::super::spans::{day, exact, length, when};
use super::entries::{Difference, difference, ending, heading};
use crate::board::cut;
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::sources::Source;
use crate::store::deliveries::Delivery;
use crate::timeline::{Cause, EntryOutcome, TimelineEntry, WriteEntry, WriteStanding};
use crate::work_items::System;

/// The causes of one day, newest first.
pub(super) struct Day {
    pub(super) name: String,
    pub(super) causes: Vec<Block>,
}

/// One cause in words.
pub(super) struct Block {
    /// What tells it from the others over refreshes.
    pub(super) key: String,
    pub(super) mark: Mark,
    pub(super) time: String,
    pub(super) exact: String,
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) tag: &'static str,
    pub(super) heading: String,
    pub(super) verdict: String,
    pub(super) steps: Vec<Step>,
    /// Nothing came of it: its steps are folded.
    pub(super) folded: bool,
}

/// One thing that was done.
pub(super) struct Step {
    at: Timestamp,
    pub(super) icon: &'static str,
    pub(super) tone: &'static str,
    pub(super) verb: String,
    pub(super) text: String,
    /// Address and words of its delivery.
    pub(super) link: Option<(String, String)>,
    pub(super) changes: Vec<Difference>,
    pub(super) took: String,
}

const JETBRIDGE: Mark = Mark { letters: "JB", name: "Jetbridge", class: "mark-jb" };

/// By day, in the order given.
pub(super) fn days(causes: Vec<Cause>, deliveries: &[Delivery], now: Timestamp) -> Vec<Day> {
    let deliveries: HashMap<(Source, &DeliveryId), &Delivery> =
        deliveries.iter().map(|d| ((d.source, &d.delivery_id), d)).collect();
    let mut days: Vec<Day> = Vec::new();
    for cause in causes {
        let name = day(cause.at, now);
        let delivery = cause.by.as_ref().and_then(|(s, id)| deliveries.get(&(*s, id)).copied());
        let block = Block::new(&cause, delivery, now);
        match days.last_mut().filter(|last| last.name == name) {
            Some(last) => last.causes.push(block),
            None => days.push(Day { name, causes: vec![block] }),
        }
    }
    days
}

impl Block {
    fn new(cause: &Cause, delivery: Option<&Delivery>, now: Timestamp) -> Self {
        let last = cause.entries.last();
        let made = || cause.writes.iter().filter(|w| w.standing != WriteStanding::Abandoned);
        let to = |system| made().any(|write| write.system == system);
        let written = match (to(System::Plane), to(System::Github)) {
            (true, true) => "written to both",
            (false, true) => "written to GitHub",
            (_, false) => "written to Plane",
        };
        let made = made().next().is_some();
        let (tone, icon, tag) = match last.map(|entry| entry.outcome) {
            None | Some(EntryOutcome::Applied) if made => ("is-good", "ok", written),
            None => ("is-off", "ignored", "not written"),
            Some(outcome) => ending(outcome),
        };
        let mut steps: Vec<Step> = Vec::new();
        steps.extend(cause.by.as_ref().map(|by| received(by, delivery, cause)));
        for (number, entry) in cause.entries.iter().enumerate() {
            let is_last = number + 1 == cause.entries.len();
            // The verdict says why already.
            if !is_last || !entry.changes.is_empty() || entry.outcome == EntryOutcome::Replayed {
                steps.push(attempted(entry, is_last));
            }
        }
        steps.extend(cause.writes.iter().map(wrote));
        if steps.len() > 1 {
            steps[1..].sort_by_key(|step| step.at);
        }
        let said = |entry: &TimelineEntry| matches!(entry.outcome, EntryOutcome::Applied);
        let telling = cause.entries.iter().find(|e| said(e) && !e.changes.is_empty()).or(last);
        Self {
            key: cause.by.as_ref().map_or_else(|| exact(cause.at), |(s, id)| format!("{s}/{id}")),
            mark: cause.by.as_ref().map_or(JETBRIDGE, |(source, _)| (*source).into()),
            time: when(cause.at, now),
            exact: exact(cause.at),
            tone,
            icon,
            tag,
            heading: telling.map_or_else(|| "Brought in step by hand".to_owned(), heading),
            verdict: last.map_or_else(
                || "A person asked for it, or it was made before deliveries were noted with their writes.".to_owned(),
                |entry| entry.reason.clone(),
            ),
            folded: !made && cause.entries.iter().all(|e| e.outcome == EntryOutcome::Ignored),
            steps,
        }
    }
}

fn received(
    (source, id): &(Source, DeliveryId),
    delivery: Option<&Delivery>,
    cause: &Cause,
) -> Step {
    let event = delivery.map_or_else(|| "delivery".to_owned(), |d| cut(&d.event(), 60));
    let short: String = id.as_str().chars().take(8).collect();
    let oldest = cause.entries.first().map_or(cause.at, |entry| entry.at);
    let at = delivery.map_or(oldest, |d| d.received_at);
    Step {
        at,
        icon: "inbox",
        tone: "",
        verb: "received".to_owned(),
        text: format!("delivery {short}"),
        link: Some((address(*source, id), event)),
        changes: Vec::new(),
        took: at.format("%H:%M:%S%.3f").to_string(),
    }
}

fn attempted(entry: &TimelineEntry, is_last: bool) -> Step {
    let (icon, tone, verb) = match entry.outcome {
        EntryOutcome::Applied if entry.changes.is_empty() => ("decision", "", "decided".to_owned()),
        EntryOutcome::Applied => ("diff", "", "changed".to_owned()),
        EntryOutcome::Ignored => ("decision", "", "decided".to_owned()),
        EntryOutcome::Retry => ("attempt", "is-warn", format!("try {}", entry.attempt)),
        EntryOutcome::Dead => ("dead", "is-bad", format!("try {}", entry.attempt)),
        EntryOutcome::Waiting => ("clock", "is-wait", "waited".to_owned()),
        EntryOutcome::Replayed => ("person", "", "replayed".to_owned()),
    };
    Step {
        at: entry.at,
        icon,
        tone,
        verb,
        text: if is_last { String::new() } else { entry.reason.clone() },
        link: None,
        changes: entry.changes.iter().map(difference).collect(),
        took: entry.at.format("%H:%M:%S").to_string(),
    }
}

fn wrote(write: &WriteEntry) -> Step {
    let (icon, tone, verb) = match write.standing {
        WriteStanding::Settled | WriteStanding::Made => ("write", "is-good", "wrote"),
        WriteStanding::Intended => ("write", "is-wait", "writing"),
        WriteStanding::Abandoned => ("ignored", "is-off", "left"),
    };
    let reason = write.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let took = write.ended_at.filter(|_| write.standing != WriteStanding::Abandoned);
    Step {
        at: write.intended_at,
        icon,
        tone,
        verb: verb.to_owned(),
        text: cut(&(write.what.clone() + &reason), 400),
        link: None,
        changes: Vec::new(),
        took: took.map(|ended| length(write.intended_at, ended)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> Timestamp {
        format!("2026-11-22T01:00:{second:02}Z").parse().unwrap()
    }

    fn entry(outcome: EntryOutcome, second: u32) -> TimelineEntry {
        TimelineEntry {
            item: None,
            source: Source::Github,
            delivery_id: DeliveryId::new("d40c6b97-1"),
            attempt: 1,
            at: at(second),
            outcome,
            reason: "why".to_owned(),
            changes: Vec::new(),
        }
    }

    fn cause(entries: Vec<TimelineEntry>, writes: Vec<WriteEntry>) -> Cause {
        let by = Some((Source::Github, DeliveryId::new("d40c6b97-1")));
        Cause { by, entries, writes, at: at(30) }
    }

    #[test]
    fn what_came_to_nothing_is_folded_and_what_was_written_says_so() {
        let ignored =
            Block::new(&cause(vec![entry(EntryOutcome::Ignored, 1)], Vec::new()), None, at(40));
        assert!(ignored.folded);
        assert_eq!(
            (ignored.tag, ignored.verdict.as_str(), ignored.steps.len()),
            ("ignored", "why", 1)
        );
        let write = WriteEntry {
            cause: None,
            system: System::Plane,
            kind: "update_item".to_owned(),
            what: "change the work item's title".to_owned(),
            standing: WriteStanding::Settled,
            reason: None,
            intended_at: at(2),
            ended_at: Some(at(3)),
        };
        let entries = vec![entry(EntryOutcome::Retry, 1), entry(EntryOutcome::Applied, 4)];
        let written = Block::new(&cause(entries, vec![write]), None, at(40));
        let verbs: Vec<_> = written.steps.iter().map(|step| step.verb.as_str()).collect();
        assert_eq!(
            (written.folded, written.tag, verbs),
            (false, "written to Plane", vec!["received", "try 1", "wrote"])
        );
    }
}
