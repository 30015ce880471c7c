//! Reading GitHub's deliveries: the payload says all that the board shows.

use super::{Reading, guarded, with_json};
use crate::sources::github::normalize::normalize;
use crate::sources::github::payload::parse;
use crate::store::jobs::ClaimedJob;

pub(super) fn read(job: ClaimedJob) -> Reading {
    let parsed = |json: &[u8]| normalize(&parse(&job.github_host, &job.event_type, json)?);
    let told = guarded(|| with_json(&job, parsed));
    Reading { job, told, incomplete: None, shown: None, read_with: None }
}
