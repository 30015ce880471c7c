//! Reading GitHub's deliveries: the payload says all that the board shows.

use super::{Reading, guarded, with_json};
use crate::sources::github::normalize::normalize;
use crate::sources::github::payload::parse;
use crate::store::jobs::ClaimedJob;

pub(super) fn read(job: ClaimedJob) -> Reading {
    let told = guarded(|| with_json(&job, |json| normalize(&parse(&job.event_type, json)?)));
    Reading { job, told, incomplete: None, shown: None, read_with: None }
}
