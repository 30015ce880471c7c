//! GraphQL, as far as one question goes: which issues a pull request closes. Anything else is refused
//! in GitHub's manner, with a 200 and words. It has a budget of its own, which headers name.

use std::collections::BTreeSet;

use axum::http::{Method, Uri};
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::quota::Verdict;
use super::super::state::{Issue, Repository, State};
use super::super::tokens::Access;
use super::super::{Inner, SimError};
use super::Caller;
use super::answer::Answer;
use crate::sources::github::closing;

/// GitHub's greatest page.
const LARGEST_PAGE: u64 = 100;

/// Whether a request is meant for it.
pub(super) fn is_asked(uri: &Uri) -> bool {
    matches!(uri.path(), "/graphql" | "/api/graphql")
}

/// The budget of a token, apart from REST's.
pub(in super::super) fn budget(token: &str) -> String {
    format!("graphql {token}")
}

pub(super) fn answer(
    sim: &Inner,
    caller: &Caller,
    token: &str,
    method: &Method,
    body: &Bytes,
) -> Answer {
    let Caller::Known(known) = caller else {
        return Answer::message(401, "This endpoint requires you to be authenticated.");
    };
    if sim.desk().graphql_is_off || method != Method::POST {
        return Answer::message(404, "Not Found");
    }
    let (verdict, limits) = {
        let mut desk = sim.desk();
        let quota = desk.quota(&budget(token));
        (quota.count(sim.now()), quota.headers_of("graphql"))
    };
    let answer = match verdict {
        Verdict::Primary => complaint("RATE_LIMITED", "API rate limit exceeded for user ID 1."),
        Verdict::Secondary { retry_after } => Answer::secondary_limit(retry_after),
        Verdict::Pass => match serde_json::from_slice::<Value>(body) {
            Ok(question) => asked(sim, known.pull_requests, &question),
            Err(_) => Answer::message(400, "Problems parsing JSON"),
        },
    };
    answer.with_headers(limits)
}

fn asked(sim: &Inner, may: Access, question: &Value) -> Answer {
    let query = question["query"].as_str().unwrap_or_default();
    if !query.contains("closingIssuesReferences(first: $most)") {
        return complaint("undefinedField", "This server knows closingIssuesReferences alone");
    }
    let variables = &question["variables"];
    let (owner, name) = (variables["owner"].as_str(), variables["name"].as_str());
    let most = variables["most"].as_u64().unwrap_or_default();
    if most > LARGEST_PAGE {
        let words = format!(
            "Requesting {most} records on the `closingIssuesReferences` connection exceeds the `first` limit of 100 records."
        );
        return complaint("EXCESSIVE_PAGINATION", &words);
    }
    if may < Access::Read {
        return complaint("FORBIDDEN", "Resource not accessible by personal access token");
    }
    let state = sim.lock();
    let found = state.find_repository(owner.unwrap_or_default(), name.unwrap_or_default());
    let number = variables["number"].as_u64().unwrap_or_default();
    // A former name is followed without a word.
    let (Ok(id) | Err(SimError::RepositoryMoved { repository: id })) = found else {
        return complaint("NOT_FOUND", "Could not resolve to a Repository.");
    };
    let pull = state.repository(id).and_then(|here| Ok((here, here.shown(number)?)));
    let Some((here, pull)) = pull.ok().filter(|(_, issue)| issue.pull.is_some()) else {
        return complaint("NOT_FOUND", "Could not resolve to a PullRequest.");
    };
    let all = references(&state, here, pull);
    let total = all.len();
    let most = usize::try_from(most).unwrap_or_default();
    let nodes = all.into_iter().take(most);
    let nodes: Vec<Value> = nodes
        .map(|(name, number)| json!({"number": number, "repository": {"nameWithOwner": name}}))
        .collect();
    let references = json!({"totalCount": total, "nodes": nodes});
    let pull = json!({"closingIssuesReferences": references});
    Answer::ok(json!({"data": {"repository": {"pullRequest": pull}}}))
}

/// Those that its text names and those that were linked by hand, as far as they are there.
fn references(state: &State, here: &Repository, pull: &Issue) -> BTreeSet<(String, u64)> {
    let body = pull.body.as_deref().unwrap_or_default();
    let named = closing::issues(&here.full_name(), "", body).into_iter().filter_map(|key| {
        let (name, number) = key.rsplit_once('#')?;
        Some((state.named(name).ok()?, number.parse().ok()?))
    });
    let linked = pull.pull.iter().flat_map(|half| half.linked.iter().copied());
    let of = |(repository, number): (u64, u64)| {
        let there = state.repository(repository).ok()?;
        there.issue(number).ok()?;
        Some((there.full_name(), number))
    };
    named.chain(linked).filter_map(of).collect()
}

fn complaint(kind: &str, words: &str) -> Answer {
    Answer::ok(json!({
        "data": null,
        "errors": [{"type": kind, "path": ["repository"], "message": words}],
    }))
}
