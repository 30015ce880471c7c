//! Which of an issue's due deliveries are a reason to bring it in step, by its repository's filter.
//!
//! The filter decides when an issue is carried over, not what of it: one delivery that passes brings
//! the issue over as it is now. Those that don't pass end as processed with the reason. What was
//! carried over before stays as it is in Plane; the board shows what GitHub says all the same.

use super::carry_labels::LABEL;
use super::{Processor, carry_milestone, ended, entry, guarded, with_json};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::jobs::settings::Followed;
use crate::jobs::sync_issue::broken;
use crate::rules::{Admission, Rulebook};
use crate::sources::Source;
use crate::sources::github::facts::facts;
use crate::store::StoreResult;
use crate::store::jobs::{ClaimedJob, Counted, End, Finished};
use crate::timeline::{EntryOutcome, LEFT_OUT};

/// What a filter says of a delivery.
pub(super) enum Judged {
    /// It is a reason.
    Admitted,
    /// It is none, and why.
    LeftOut(String),
    /// The filter came to nothing for it.
    Broken(Failure),
}

/// Each delivery, in their order; all come from one repository.
pub(super) fn judged(jobs: &[ClaimedJob], of: Option<&(RepositoryName, Followed)>) -> Vec<Judged> {
    let Some((name, followed)) = of.filter(|(_, followed)| followed.rulebook.has_filter()) else {
        return jobs.iter().map(|_| Judged::Admitted).collect();
    };
    jobs.iter().map(|job| one(job, name, &followed.rulebook)).collect()
}

/// Whether a filter speaks of GitHub's deliveries of an event: those that are about no issue are
/// never left out.
pub(in crate::jobs) fn is_filtered(event: &str) -> bool {
    ![LABEL, carry_milestone::EVENT].contains(&event)
}

fn one(job: &ClaimedJob, name: &RepositoryName, rulebook: &Rulebook) -> Judged {
    if job.source != Source::Github || !is_filtered(&job.event_type) {
        return Judged::Admitted;
    }
    match admission(job, name, rulebook) {
        Ok(Admission::Admitted) => Judged::Admitted,
        Ok(Admission::LeftOut) => Judged::LeftOut(format!("{LEFT_OUT}the filter of {name}")),
        Err(failure) => Judged::Broken(failure),
    }
}

/// The end of a delivery that a filter left out, as long as nothing beside it is tried again. What
/// it tells is part of what is carried over with the one that passed, so it waits with that one:
/// else the next attempt would know an older state.
pub(super) fn left_out(
    job: &ClaimedJob,
    item: Option<WorkItemRef>,
    why: &str,
    beside: Option<&Finished>,
    now: Timestamp,
) -> Finished {
    if let Some(Finished { end: End::Again { at, error, .. }, .. }) = beside {
        let error = format!("waits with what passed the filter: {error}");
        let entry = entry(job, item, now, EntryOutcome::Waiting, error.clone());
        return ended(job, End::Again { at: *at, error, counted: Counted::Waiting }, entry);
    }
    let entry = entry(job, item, now, EntryOutcome::Ignored, why.to_owned());
    ended(job, End::Done { result: why.to_owned() }, entry)
}

impl Processor {
    /// How the repository of these jobs is kept in step.
    pub(super) async fn followed_by(
        &self,
        jobs: &[ClaimedJob],
    ) -> StoreResult<Option<(RepositoryName, Followed)>> {
        let name = jobs.iter().rev().find_map(|job| job.repository.as_ref()?.parse().ok());
        let Some(name) = name else { return Ok(None) };
        let followed = self.sync.settings.of(&name).await?;
        Ok(Some((name, followed)))
    }
}

fn admission(
    job: &ClaimedJob,
    name: &RepositoryName,
    rulebook: &Rulebook,
) -> Result<Admission, Failure> {
    let facts = |json: &[u8]| facts(&job.github_host, &job.event_type, name.as_str(), json);
    let read = || with_json(job, facts);
    let facts = guarded(read)?;
    rulebook.admits(&facts).map_err(|b| broken(&b, name.as_str()))
}
