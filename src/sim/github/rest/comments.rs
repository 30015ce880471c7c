//! Comments: of one issue, and each by its id.

use chrono::DateTime;
use serde_json::Value;

use super::super::state::{Comment, Issue};
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

/// All comments of a repository, those on pull requests too.
pub(super) fn of_repository(request: &Request<'_>) -> Result<Answer, SimError> {
    let query = |key: &str| request.query.get(key).map(String::as_str);
    let since = query("since").and_then(|t| DateTime::parse_from_rfc3339(t).ok());
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    let shown = here.issues().filter(|issue| !issue.hidden);
    let all = shown.flat_map(|issue| issue.comments.iter().map(move |c| (issue, c)));
    let mut found: Vec<_> =
        all.filter(|(_, c)| !c.hidden && since.is_none_or(|since| c.updated_at >= since)).collect();
    let by_update = query("sort") == Some("updated");
    found.sort_by_key(|(_, c)| (if by_update { c.updated_at } else { c.created_at }, c.id));
    // Without `sort` GitHub takes no notice of the direction.
    if query("sort").is_some() && query("direction") != Some("asc") {
        found.reverse();
    }
    let all: Vec<Value> =
        found.into_iter().map(|(i, c)| json::comment(&state.instance, here, i, c)).collect();
    drop(state);
    Ok(page(request, &all))
}

fn list(request: &Request<'_>, number: u64) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    let issue = here.shown(number)?;
    let all: Vec<Value> =
        shown(issue).map(|c| json::comment(&state.instance, here, issue, c)).collect();
    drop(state);
    Ok(page(request, &all))
}

fn shown(issue: &Issue) -> impl Iterator<Item = &Comment> {
    issue.comments.iter().filter(|comment| !comment.hidden)
}

fn show(request: &Request<'_>, id: u64, status: u16) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let repository = request.repository()?;
    let here = state.repository(repository)?;
    let issue = here.shown(state.issue_of_comment(repository, id)?)?;
    let comment = issue.comment(id)?;
    if comment.hidden {
        return Err(SimError::NoComment);
    }
    let comment = json::comment(&state.instance, here, issue, comment);
    Ok(Answer::new(status, comment))
}
