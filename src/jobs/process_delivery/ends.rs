//! What the ends of a batch add to the figures. An attempt that will be repeated, and a delivery
//! that is handed on to the second stage, have not ended yet. What was found by asking is counted
//! nowhere: it would hide that nothing is sent any more.

use crate::figures::{Ended, Figure};
use crate::ids::WorkItemRef;
use crate::sources::{Origin, Source};
use crate::store::jobs::{ClaimedJob, End, Finished};
use crate::timeline::EntryOutcome;
use crate::work_items::WorkItem;

/// The figures of deliveries that were read; `item` tells the project of Plane's.
pub(super) fn figures<'a, 'b>(
    ended: impl IntoIterator<Item = (&'a ClaimedJob, &'a Finished)>,
    item: impl Fn(&WorkItemRef) -> Option<&'b WorkItem>,
) -> Vec<Figure> {
    let figure = |(job, finished): (&ClaimedJob, &Finished)| {
        if job.origin != Origin::Webhook {
            return None;
        }
        let project = || Some(item(finished.entry.item.as_ref()?)?.project_ref.clone());
        let place = match job.source {
            Source::Github => job.repository.clone(),
            Source::Plane => project(),
        };
        let ended = match (&finished.end, finished.entry.outcome) {
            (End::Done { .. }, EntryOutcome::Ignored) => Ended::Ignored,
            (End::Done { .. }, _) => done(job),
            (End::Dead { .. }, _) => Ended::Failed,
            (End::Handed { .. } | End::Again { .. }, _) => return None,
        };
        Some(of(job, finished, place, ended))
    };
    ended.into_iter().filter_map(figure).collect()
}

/// The figures of deliveries that were carried over. Those that had nothing left to write are done
/// all the same: their issue is in step; those that a filter left out are not.
pub(super) fn carried<'a>(
    ended: impl IntoIterator<Item = ((&'a ClaimedJob, &'a Finished), bool)>,
) -> Vec<Figure> {
    let figure = |((job, finished), is_left_out): ((&ClaimedJob, &Finished), bool)| {
        if job.origin != Origin::Webhook {
            return None;
        }
        let ended = match &finished.end {
            End::Done { .. } if is_left_out => Ended::Ignored,
            End::Done { .. } => done(job),
            End::Dead { .. } => Ended::Failed,
            End::Handed { .. } | End::Again { .. } => return None,
        };
        Some(of(job, finished, job.repository.clone(), ended))
    };
    ended.into_iter().filter_map(figure).collect()
}

fn done(job: &ClaimedJob) -> Ended {
    if job.attempt > 1 { Ended::Retried } else { Ended::Done }
}

fn of(job: &ClaimedJob, finished: &Finished, place: Option<String>, ended: Ended) -> Figure {
    let at = finished.entry.at;
    Figure {
        at,
        source: job.source,
        place: place.unwrap_or_default(),
        event: job.event_type.clone(),
        ended,
        lag: (at - job.since).to_std().unwrap_or_default(),
    }
}
