//! The second stage of a milestone's delivery: the module or cycle that it has in Plane says what
//! it says now. Which items are in it their issues' own deliveries tell.

use super::{Processor, guarded, with_json};
use crate::failure::Failure;
use crate::ids::{JobId, Lane};
use crate::jobs::sync_issue::Report;
use crate::sources::github::normalize::sync_milestone;
use crate::sources::github::payload::{MilestoneAction, parse};
use crate::store::jobs::ClaimedJob;
use crate::sync::github::Milestone;

/// What a lane of a milestone begins with in the second stage.
const LANE: &str = "sync:github:milestone:";

/// The event that tells of milestones.
pub(super) const EVENT: &str = "milestone";

/// The lane of a milestone's second stage, from that of its first.
pub(super) fn lane(job: &ClaimedJob) -> Option<Lane> {
    let id = job.lane.as_ref()?.as_str().strip_prefix("github:milestone:")?;
    Some(Lane::new(format!("{LANE}{id}")))
}

/// Whether jobs of this lane tell of a milestone.
pub(super) fn is_its(lane: &Lane) -> bool {
    lane.as_str().starts_with(LANE)
}

impl Processor {
    /// Brings the bundle of the one milestone that `jobs` tell of in step.
    pub(super) async fn carry_milestone(&self, jobs: &[ClaimedJob]) -> Result<Report, Failure> {
        let Some((milestone, action)) = said(jobs)? else {
            return Err(Failure::permanent("a bug: its deliveries tell of no milestone"));
        };
        let repository = self.repository_of(jobs, None).await?;
        let cause = jobs.last().map(|job| (job.source, job.delivery_id.clone()));
        let class = jobs.iter().map(|job| job.class).min().unwrap_or_default();
        let sync = self.sync.clone().in_class(class);
        sync.follow_milestone(&repository, &milestone, action, cause).await
    }
}

/// The newest state among some deliveries, and whether the milestone is gone.
fn said(jobs: &[ClaimedJob]) -> Result<Option<(Milestone, MilestoneAction)>, Failure> {
    let mut newest: Option<(Milestone, JobId)> = None;
    let mut action = MilestoneAction::Written;
    for job in jobs {
        let event =
            guarded(|| with_json(job, |json| parse(&job.github_host, &job.event_type, json)))?;
        let Some((happened, milestone)) = sync_milestone(&event) else { continue };
        if happened == MilestoneAction::Deleted {
            action = happened;
        }
        let is_newer = |(known, at): &(Milestone, JobId)| {
            (known.updated_at, at.0) <= (milestone.updated_at, job.id.0)
        };
        if newest.as_ref().is_none_or(is_newer) {
            newest = Some((milestone, job.id));
        }
    }
    Ok(newest.map(|(milestone, _)| (milestone, action)))
}
