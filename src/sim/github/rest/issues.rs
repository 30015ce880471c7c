//! Issues, and pull requests as far as they are read.

use chrono::DateTime;
use serde_json::Value;

use super::super::changes::{Change, CloseReason, IssueEdit, NewIssue, NewState};
use super::super::state::{Issue, User};
use super::super::tokens::PushAccess;
use super::super::{SimError, json};
use super::answer::{Answer, page};
use super::{Caller, Request, number_in};

/// Assignees of one issue, and of one request.
const MOST_ASSIGNEES: usize = 10;

pub(super) fn route(
    request: &Request<'_>,
    method: &str,
    path: &[&str],
) -> Result<Answer, SimError> {
    match (method, path) {
        ("GET", []) => list(request),
        ("POST", []) => create(request),
        ("GET", [number]) => show(request, number_in(number)?, 200),
        ("GET", [number, "parent"]) => parent(request, number_in(number)?),
        ("PATCH", [number]) => update(request, number_in(number)?),
        ("POST", [number, "assignees"]) => change_assignees(request, number, Assigning::Add),
        ("DELETE", [number, "assignees"]) => change_assignees(request, number, Assigning::Remove),
        _ => Err(SimError::NoIssue),
    }
}

pub(super) fn show(request: &Request<'_>, number: u64, status: u16) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    Ok(Answer::new(status, json::issue(&state.instance, here, here.shown(number)?)))
}

/// An issue without a parent is answered like one that is not there.
fn parent(request: &Request<'_>, number: u64) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let issue = state.repository(request.repository()?)?.shown(number)?;
    let place = issue.parent.as_ref().ok_or(SimError::NoIssue)?;
    let there = state.repository(place.repository)?;
    Ok(Answer::ok(json::issue(&state.instance, there, there.shown(place.number)?)))
}

pub(super) fn show_pull_request(request: &Request<'_>, number: &str) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    let issue = here.issue(number_in(number)?)?;
    json::pull_request(&state.instance, here, issue).map(Answer::ok).ok_or(SimError::NoIssue)
}

/// As pull requests; by what asks for them nothing is hidden.
pub(super) fn list_pull_requests(request: &Request<'_>) -> Result<Answer, SimError> {
    let query = |key: &str| request.query.get(key).map(String::as_str);
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    let wanted = |issue: &&Issue| match query("state") {
        Some("all") => true,
        Some("closed") => issue.closed.is_some(),
        _ => issue.closed.is_none(),
    };
    let mut found: Vec<&Issue> =
        here.issues().filter(|i| i.pull.is_some()).filter(wanted).collect();
    let time = |issue: &Issue| match query("sort") {
        Some("updated") => issue.updated_at,
        _ => issue.created_at,
    };
    found.sort_by_key(|issue| (time(issue), issue.number));
    if query("direction") != Some("asc") {
        found.reverse();
    }
    let shown = |issue: &&Issue| json::pull_request(&state.instance, here, issue);
    let all: Vec<Value> = found.iter().filter_map(shown).collect();
    drop(state);
    Ok(page(request, &all))
}

fn list(request: &Request<'_>) -> Result<Answer, SimError> {
    let query = |key: &str| request.query.get(key).map(String::as_str);
    let since = query("since").and_then(|t| DateTime::parse_from_rfc3339(t).ok());
    let wanted = |issue: &&Issue| {
        let state = match query("state") {
            Some("all") => true,
            Some("closed") => issue.closed.is_some(),
            _ => issue.closed.is_none(),
        };
        state && since.is_none_or(|since| issue.updated_at >= since)
    };
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    let mut found: Vec<&Issue> = here.issues().filter(wanted).collect();
    let time = |issue: &Issue| match query("sort") {
        Some("updated") => issue.updated_at,
        _ => issue.created_at,
    };
    found.sort_by_key(|issue| (time(issue), issue.number));
    if query("direction") != Some("asc") {
        found.reverse();
    }
    let shown = |issue: &Issue| {
        if issue.hidden { Value::Null } else { json::issue(&state.instance, here, issue) }
    };
    let all: Vec<Value> = found.into_iter().map(shown).collect();
    drop(state);
    Ok(page(request, &all))
}

/// Labels and assignees of whoever may not push are dropped without a word.
pub(super) fn may_push(request: &Request<'_>) -> bool {
    matches!(&request.caller, Caller::Known(token) if token.push == PushAccess::Yes)
}

fn create(request: &Request<'_>) -> Result<Answer, SimError> {
    let repository = request.repository()?;
    let set = |key| request.names(key).filter(|_| may_push(request)).unwrap_or_default();
    let issue = NewIssue {
        title: request.text("title").unwrap_or_default().to_owned(),
        body: request.text("body").map(str::to_owned),
        labels: set("labels"),
        assignees: set("assignees"),
    };
    let number =
        request.sim.change(request.login(), |change| change.open_issue(repository, &issue))?;
    show(request, number, 201)
}

fn wanted_state(request: &Request<'_>) -> Result<Option<NewState>, SimError> {
    let refused = |field| Err(SimError::invalid("Issue", field, "invalid"));
    let reason = match request.text("state_reason") {
        None | Some("completed" | "reopened") => CloseReason::Completed,
        Some("not_planned") => CloseReason::NotPlanned,
        Some("duplicate") => CloseReason::Duplicate,
        Some(_) => return refused("state_reason"),
    };
    match request.text("state") {
        None => Ok(None),
        Some("open") => Ok(Some(NewState::Open)),
        Some("closed") => Ok(Some(NewState::Closed(reason))),
        Some(_) => refused("state"),
    }
}

fn update(request: &Request<'_>, number: u64) -> Result<Answer, SimError> {
    let repository = request.repository()?;
    let body = request.body.get("body").map(|b| b.as_str().map(str::to_owned));
    let edit = IssueEdit { title: request.text("title").map(str::to_owned), body };
    let state = wanted_state(request)?;
    let labels = request.names("labels").filter(|_| may_push(request));
    let people = request.names("assignees").filter(|_| may_push(request));
    let milestone = request.body.get("milestone").filter(|_| may_push(request));
    request.sim.change(request.login(), |change| {
        change.edit_issue(repository, number, &edit)?;
        if let Some(state) = state {
            change.set_state(repository, number, state)?;
        }
        if let Some(labels) = &labels {
            replace_labels(change, repository, number, labels)?;
        }
        if let Some(people) = &people {
            change.unassign(repository, number, |user| named(people, &user.login))?;
            change.assign(repository, number, people)?;
        }
        if let Some(milestone) = milestone {
            change.milestone_issue(repository, number, milestone.as_u64())?;
        }
        Ok(())
    })?;
    show(request, number, 200)
}

pub(super) fn named(names: &[String], name: &str) -> bool {
    names.iter().any(|n| n.to_lowercase() == name.to_lowercase())
}

pub(super) fn replace_labels(
    change: &mut Change<'_>,
    repository: u64,
    number: u64,
    labels: &[String],
) -> Result<(), SimError> {
    change.unlabel_issue(repository, number, |label| named(labels, &label.name))?;
    change.label_issue(repository, number, labels)
}

#[derive(Clone, Copy)]
enum Assigning {
    Add,
    Remove,
}

/// Who may not be assigned is left out without a word, and so is whoever is one too many.
fn change_assignees(
    request: &Request<'_>,
    number: &str,
    how: Assigning,
) -> Result<Answer, SimError> {
    let (repository, number) = (request.repository()?, number_in(number)?);
    let mut people = request.names("assignees").unwrap_or_default();
    if people.len() > MOST_ASSIGNEES {
        return Err(SimError::invalid("Issue", "assignees", "invalid"));
    }
    people.retain(|_| may_push(request));
    request.sim.change(request.login(), |change| match how {
        Assigning::Add => {
            let here = change.state.repository(repository)?;
            let assigned = &here.issue(number)?.assignees;
            let is_new = |login: &String| {
                !assigned.iter().any(|u| named(std::slice::from_ref(login), &u.login))
            };
            people.retain(|login| is_new(login) && !here.outsiders.contains(&login.to_lowercase()));
            people.truncate(MOST_ASSIGNEES.saturating_sub(assigned.len()));
            change.assign(repository, number, &people)
        }
        Assigning::Remove => {
            change.unassign(repository, number, |user: &User| !named(&people, &user.login))
        }
    })?;
    let status = match how {
        Assigning::Add => 201,
        Assigning::Remove => 200,
    };
    show(request, number, status)
}
