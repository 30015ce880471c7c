//! Comments: of one issue, and each by its id.

use serde_json::Value;

use super::super::{SimError, json};
use super::answer::{Answer, page};
use super::{Request, number_in};

pub(super) fn route(request: &Request<'_>, method: &str, id: &str) -> Result<Answer, SimError> {
    let repository = request.repository()?;
    let id = id.parse().map_err(|_| SimError::NoComment)?;
    match method {
        "GET" => show(request, id, 200),
        "PATCH" => {
            let body = request.text("body").unwrap_or_default();
            let edit = |change: &mut super::super::changes::Change<'_>| {
                change.edit_comment(repository, id, body)
            };
            request.sim.change(request.login(), edit)?;
            show(request, id, 200)
        }
        "DELETE" => {
            request.sim.change(request.login(), |c| c.delete_comment(repository, id))?;
            Ok(Answer::nothing(204))
        }
        _ => Err(SimError::NoComment),
    }
}

pub(super) fn route_of_issue(
    request: &Request<'_>,
    method: &str,
    number: &str,
) -> Result<Answer, SimError> {
    let (repository, number) = (request.repository()?, number_in(number)?);
    match method {
        "GET" => list(request, number),
        "POST" => {
            let body = request.text("body").unwrap_or_default();
            let id =
                request.sim.change(request.login(), |c| c.comment(repository, number, body))?;
            show(request, id, 201)
        }
        _ => Err(SimError::NoIssue),
    }
}

fn list(request: &Request<'_>, number: u64) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    let issue = here.issue(number)?;
    let all: Vec<Value> =
        issue.comments.iter().map(|c| json::comment(&state.instance, here, issue, c)).collect();
    drop(state);
    Ok(page(request, &all))
}

fn show(request: &Request<'_>, id: u64, status: u16) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let repository = request.repository()?;
    let issue = state.issue(repository, state.issue_of_comment(repository, id)?)?;
    let here = state.repository(repository)?;
    let comment = json::comment(&state.instance, here, issue, issue.comment(id)?);
    Ok(Answer::new(status, comment))
}
