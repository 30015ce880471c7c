//! Whether what Plane tells of a linked item is our own writing that comes back, or a person's
//! doing. Judged by state, not by author: the API key may be a person's.
//!
//! A webhook may show what we wrote before our last write: late, repeated, replayed. So one that
//! is no newer than our last write may show anything that we ever wrote to the item; a newer one
//! has to show what we wrote last.
//!
//! Deliberately absent: consequences. This is for people; what is to be carried over `people` finds.

use std::time::Duration;

use super::{Processor, Reading};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::sources::Source;
use crate::store::StoreResult;
use crate::store::jobs::{End, Finished};
use crate::store::ties::Tie;
use crate::sync::plan::{ItemField, Recognized, recognize};
use crate::sync::plane::Item;
use crate::work_items::Change;

/// How far Plane's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(2);

impl Processor {
    /// The links of the items that these deliveries show: one query, and none where nothing of
    /// ours is shown.
    pub(super) async fn ties(&self, readings: &[Reading]) -> StoreResult<Vec<Tie>> {
        let issues: Vec<_> = readings.iter().filter_map(issue_of).collect();
        if issues.is_empty() || self.sync.plane.is_none() {
            return Ok(Vec::new());
        }
        self.store.ties_of(&issues).await
    }
}

fn issue_of(reading: &Reading) -> Option<WorkItemRef> {
    let issue = reading.shown.as_ref()?.external_id.as_ref()?;
    Some(WorkItemRef::new(format!("github:{issue}")))
}

/// The linked item that a delivery of Plane's shows, with its link.
pub(super) fn shown<'a>(reading: &'a Reading, ties: &'a [Tie]) -> Option<(&'a Item, &'a Tie)> {
    let (item, issue) = (reading.shown.as_ref()?, issue_of(reading)?);
    let is_its =
        |tie: &&Tie| tie.issue == issue && tie.item.as_ref().is_none_or(|id| *id == item.id);
    let tie = ties.iter().find(is_its).filter(|_| reading.job.source == Source::Plane)?;
    Some((item, tie))
}

/// Adds to a delivery's result whose doing it shows.
pub(super) fn remark(reading: &Reading, ties: &[Tie], finished: &mut Finished) {
    let (Some((item, tie)), Ok(told)) = (shown(reading, ties), &reading.told) else { return };
    let Change::State(snapshot) = &told.item else { return };
    let remark = whose(item, snapshot.updated_at, tie);
    finished.entry.reason = format!("{}; {remark}", finished.entry.reason);
    if let End::Done { result } = &mut finished.end {
        result.clone_from(&finished.entry.reason);
    }
}

fn whose(item: &Item, updated_at: Timestamp, tie: &Tie) -> String {
    let mut written = tie.open.clone();
    if tie.last_settled.is_some_and(|at| updated_at <= at + SKEW) {
        written.extend_from_slice(&tie.settled);
    }
    match recognize(item, &tie.base, &written) {
        Recognized::Echo => "as Jetbridge wrote it".to_owned(),
        Recognized::Change(fields) => {
            let names: Vec<_> = fields.into_iter().map(ItemField::as_str).collect();
            format!("not as Jetbridge wrote it: {}", names.join(", "))
        }
    }
}
