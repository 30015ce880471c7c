//! What an event says in the words that filters speak. Pure: no I/O, no clock.
//!
//! The same reading as everywhere, plus the two words that nothing else needs: what happened, and
//! whose doing it was.

use super::normalize::{sync_comment, sync_issue};
use super::payload::{Account, Event, Nature, Thing, parse};
use crate::config::GithubHost;
use crate::failure::Failure;
use crate::rules::{CommentFacts, Facts, IssueFacts};
use crate::sources::fields::Object;

/// The facts of a delivery from a server; `event` is what `X-GitHub-Event` said, `repository` what
/// it is configured as.
///
/// # Errors
/// As [`parse`].
pub fn facts(
    host: &GithubHost,
    event: &str,
    repository: &str,
    json: &[u8],
) -> Result<Facts, Failure> {
    let parsed = parse(host, event, json)?;
    let text = std::str::from_utf8(json).unwrap_or_default();
    let top = Object::root(text, &["action", "sender"]).ok().flatten();
    let word = |name| top.as_ref().and_then(|top| top.word(name).ok().flatten());
    let sender = top.as_ref().and_then(|top| top.object("sender", &["login"]).ok().flatten());
    let comment = sync_comment(&parsed).map(|(_, comment)| CommentFacts::from(&comment));
    Ok(Facts {
        event: event.to_owned(),
        action: word("action").unwrap_or_default(),
        sender: sender.and_then(|s| s.word("login").ok().flatten()).unwrap_or_default(),
        repository: repository.to_owned(),
        issue: issue(&parsed),
        comment: comment.unwrap_or_default(),
    })
}

/// What is told of the issue or the pull request, however little it is.
fn issue(event: &Event) -> IssueFacts {
    if let Some(issue) = sync_issue(event) {
        return IssueFacts::from(&issue);
    }
    let thing: &Thing = match event {
        Event::Issue(event) => &event.issue,
        Event::Comment(event) => &event.issue,
        Event::PullRequest(event) => &event.pull_request,
        Event::SubIssue(event) => &event.issue,
        Event::Label(_) | Event::Milestone(_) | Event::Other { .. } => {
            return IssueFacts::default();
        }
    };
    let login = |account: &Account| account.login.clone();
    IssueFacts {
        number: i64::try_from(thing.number).unwrap_or(i64::MAX),
        title: thing.title.clone(),
        body: thing.body.clone().flatten().unwrap_or_default(),
        state: thing.state.clone().unwrap_or_default(),
        state_reason: thing.state_reason.clone().unwrap_or_default(),
        labels: thing.labels.iter().flatten().map(|label| label.name.clone()).collect(),
        assignees: thing.assignees.iter().flatten().map(login).collect(),
        author: thing.author.as_ref().map(login).unwrap_or_default(),
        pull_request: thing.nature != Nature::Issue,
        url: thing.html_url.clone().unwrap_or_default(),
    }
    .bounded()
}
