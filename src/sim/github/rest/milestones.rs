//! Milestones as far as they are read; an issue is put into one by a change of the issue.

use serde_json::Value;

use super::super::{SimError, json};
use super::answer::{Answer, page};
use super::{Request, number_in};

pub(super) fn route(
    request: &Request<'_>,
    method: &str,
    path: &[&str],
) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    match (method, path) {
        ("GET", []) => {
            let all = here.milestones.iter();
            let all: Vec<Value> = all.map(|m| json::milestone(&state.instance, here, m)).collect();
            drop(state);
            Ok(page(request, &all))
        }
        ("GET", [number]) => {
            let found = here.milestone(number_in(number)?)?;
            Ok(Answer::ok(json::milestone(&state.instance, here, found)))
        }
        _ => Err(SimError::NoMilestone),
    }
}
