//! What the MCP server's answers mean.
//!
//! The protocol gives an error no status, only a text, and the server writes GitHub's status
//! into it in a fixed pattern (`failed to get issue: GET URL: 404 Not Found []`). So this is the
//! one place of the project where the meaning of an error is read off its words, once, into the
//! table that REST has too.

use std::time::Duration;

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::github::payload::{CommentPayload, IssuePayload};
use super::super::github::refusal::{Refusal, Signs, says_rate_limit};
use super::super::github::{Fetched, Fidelity, IssueSketch};
use super::super::github_rest::found_or_moved;
use crate::clock::{Timestamp, to_micros};
use crate::config::RepositoryName;
use crate::sync::github::{Comment, IssueState};

/// The newer servers' issue: no id, names instead of things, altered text.
#[derive(Debug, Deserialize)]
struct SketchPayload {
    number: u64,
    state: String,
    state_reason: Option<String>,
    html_url: Option<String>,
    #[serde(default)]
    labels: Vec<Named>,
    #[serde(default)]
    assignees: Vec<Named>,
    updated_at: Timestamp,
}

/// A name, or a thing that has one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Named {
    Plain(String),
    Label { name: String },
    Account { login: String },
}

impl From<Named> for String {
    fn from(named: Named) -> Self {
        match named {
            Named::Plain(name) | Named::Label { name } | Named::Account { login: name } => name,
        }
    }
}

/// The text of an answer as what was asked for.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    serde_json::from_str(text).map_err(|_| Refusal::Unreadable {
        what: "the MCP server answered with something else than was asked for".to_owned(),
    })
}

/// An issue out of an answer's text.
pub(super) fn issue(
    text: &str,
    fidelity: Fidelity,
    repository: &RepositoryName,
    number: u64,
) -> Result<Fetched, Refusal> {
    if fidelity == Fidelity::Verbatim
        && let Ok(issue) = serde_json::from_str::<IssuePayload>(text)
    {
        return Ok(found_or_moved(issue, repository, number));
    }
    let told: SketchPayload = read(text)?;
    let place = told.html_url.as_deref().and_then(repository_of_page);
    if let Some(place) = place.filter(|place| place != repository || told.number != number) {
        return Ok(Fetched::MovedTo { repository: place, number: told.number });
    }
    Ok(Fetched::Sketched(IssueSketch {
        number: told.number,
        state: IssueState::of(&told.state, told.state_reason.as_deref()),
        labels: told.labels.into_iter().map(String::from).collect(),
        assignees: told.assignees.into_iter().map(String::from).collect(),
        updated_at: to_micros(told.updated_at),
    }))
}

/// `https://github.com/OWNER/NAME/issues/9`.
fn repository_of_page(url: &str) -> Option<RepositoryName> {
    let mut parts = url.rsplit('/');
    let (_number, _kind) = (parts.next()?, parts.next()?);
    let (name, owner) = (parts.next()?, parts.next()?);
    format!("{owner}/{name}").parse().ok()
}

/// One page of comments. The older servers write `null` for none.
pub(super) fn comments(text: &str) -> Result<Vec<Comment>, Refusal> {
    let page: Option<Vec<CommentPayload>> = read(text)?;
    Ok(page.unwrap_or_default().into_iter().map(Comment::from).collect())
}

/// What the text of an error means, told at `now`.
pub(super) fn refusal(text: &str, now: Timestamp) -> Refusal {
    if let Some((status, message)) = status_in(text) {
        let signs = Signs { message: message.to_owned(), wait: wait_in(message, now), needs: None };
        return Refusal::of(status, signs);
    }
    // The newer servers give GitHub's limits words of their own.
    if says_rate_limit(text) {
        return Refusal::limited(wait_in(text, now));
    }
    if text.starts_with("missing required parameter") || text.contains("not found: tool") {
        let what = "GitHub's MCP server does not understand the question: install the official github-mcp-server, or set github.token";
        return Refusal::Incapable { what: what.to_owned() };
    }
    Refusal::Unavailable { what: "the MCP server could not ask it".to_owned() }
}

/// Status and words out of `…: METHOD URL: STATUS WORDS`.
fn status_in(text: &str) -> Option<(u16, &str)> {
    let (_, rest) = ["GET", "POST", "PATCH", "PUT", "DELETE"]
        .iter()
        .find_map(|method| text.split_once(&format!("{method} http")))?;
    // The address may hold colons, but none before a space.
    let (_, rest) = rest.split_once(": ")?;
    let (status, words) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = status.parse().ok().filter(|status| (100..=599).contains(status))?;
    Some((status, words.trim().trim_end_matches("[]").trim()))
}

/// How long it says to wait.
fn wait_in(text: &str, now: Timestamp) -> Option<Duration> {
    let after = |word: &str| text.split_once(word).map(|(_, rest)| rest);
    if let Some(rest) = after("[rate reset in ") {
        return go_duration(rest);
    }
    if let Some(rest) = after("Retry after ") {
        return go_duration(rest);
    }
    let until = after("until ")?.get(..19)?;
    let until = NaiveDateTime::parse_from_str(until, "%Y-%m-%d %H:%M:%S").ok()?.and_utc();
    Some((until - now).to_std().unwrap_or_default())
}

/// `59m59s`, `1h0m0s`, `1.5s`: as Go writes durations; ends at the first other character.
fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut number = String::new();
    let mut found = None;
    for c in text.chars() {
        let unit = match c {
            '0'..='9' | '.' => {
                number.push(c);
                continue;
            }
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => break,
        };
        let Ok(value) = number.parse::<f64>() else { break };
        total += Duration::try_from_secs_f64(value * unit).ok()?;
        found = Some(total);
        number.clear();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T00:39:49Z".parse().unwrap()
    }

    fn limited(seconds: u64) -> Refusal {
        Refusal::Limited { wait: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_newer_servers_words_for_limits_are_understood() {
        let cases = [
            ("failed to update issue: GitHub API rate limit exceeded. Retry after 59m0s.", 3541),
            ("failed to update issue: GitHub secondary rate limit exceeded. Retry after 1m0s.", 61),
            ("GitHub secondary rate limit exceeded. Wait before retrying.", 60),
        ];
        for (text, seconds) in cases {
            assert_eq!(refusal(text, now()), limited(seconds), "{text}");
        }
    }

    #[test]
    fn a_connection_that_failed_is_tried_again() {
        let text = r#"failed to get issue: Get "http://127.0.0.1/api/v3/repos/o/r/issues/1": dial tcp 127.0.0.1:80: connect: connection refused"#;
        assert!(matches!(refusal(text, now()), Refusal::Unavailable { .. }));
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let seconds = |text| go_duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("1h0m0s."), Some(3600.0));
        assert_eq!(seconds("59m59s]"), Some(3599.0));
        assert_eq!(seconds("1.5s"), Some(1.5));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("99999999999999999999h"), None);
    }

    #[test]
    fn a_number_in_a_text_is_no_status() {
        for text in ["issue 404 is odd", "GET nothing: 404", "GET http://h/: 999 x", ""] {
            assert_eq!(status_in(text), None, "{text}");
        }
        assert_eq!(status_in("x: GET http://h:8/a: 502  []"), Some((502, "")));
    }
}
