//! A webhook of Plane's that shows other people on a linked item than both sides last agreed on: the
//! second stage of its issue, where assignees go both ways.
//!
//! The rule: state decides, not whose doing it is. What shows the people that were last agreed on, or
//! that we are just writing, has nothing to carry over: our own writing comes back like that. While
//! somebody works on the link nobody knows what will be agreed on, so whatever comes then is looked at
//! again afterwards, which costs no request where it was an echo (`jobs/sync_issue`).
//!
//! Deliberately absent: what is written. The sync reads both sides itself.

use super::{Processor, Reading, echo};
use crate::clock::Timestamp;
use crate::ids::{Lane, WorkItemRef};
use crate::sources::Source;
use crate::store::jobs::{ClaimedJob, End, Finished};
use crate::store::ties::{Tie, TiedRepository};
use crate::sync::plan::{ItemField, Recognized, recognize};
use crate::sync::plane::Item;

impl Processor {
    /// Hands a delivery of Plane's on to the second stage of its issue, if it shows people who may
    /// have to be carried over.
    pub(super) fn hand_on_people(
        &self,
        reading: &Reading,
        ties: &[Tie],
        finished: &mut Finished,
        now: Timestamp,
    ) {
        let (End::Done { result }, Source::Plane) = (&finished.end, reading.job.source) else {
            return;
        };
        let Some((item, tie)) = echo::shown(reading, ties) else { return };
        let Some(TiedRepository { id, direction }) = tie.repository else { return };
        let goes_back = self.sync.writes_back(direction);
        if !goes_back || tie.item.is_none() || !(is_held(tie, now) || shows_others(item, tie)) {
            return;
        }
        let Some(issue) = tie.issue.as_str().strip_prefix("github:") else { return };
        let lane = Lane::new(format!("sync:github:issue:{issue}"));
        finished.end = End::Handed { result: result.clone(), lane, place: Some(id) };
    }
}

fn is_held(tie: &Tie, now: Timestamp) -> bool {
    tie.held_until.is_some_and(|until| until > now)
}

fn shows_others(item: &Item, tie: &Tie) -> bool {
    match recognize(item, &tie.base, &tie.open) {
        Recognized::Echo => false,
        Recognized::Change(fields) => fields.contains(&ItemField::Assignees),
    }
}

/// The item of each job's timeline entry, in their order: the one that its delivery is about.
pub(super) fn items_of(
    jobs: &[ClaimedJob],
    issue: Option<&WorkItemRef>,
    twin: Option<&WorkItemRef>,
) -> Vec<Option<WorkItemRef>> {
    let of = |job: &ClaimedJob| match job.source {
        Source::Github => issue.cloned(),
        Source::Plane => twin.cloned(),
    };
    jobs.iter().map(of).collect()
}
