//! Issues and pull requests as a person opens them, in plain words: where addresses of pages lead
//! to the fake itself, a click shows what it holds. No look of GitHub's, and nothing to act with.

use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};

use super::super::Inner;
use super::super::state::Issue;

/// `None` for what is no page: `/owner/name/issues/1`.
pub(super) fn page(sim: &Inner, uri: &Uri) -> Option<Response> {
    let parts: Vec<&str> = uri.path().split('/').skip(1).collect();
    let [owner, name, "issues" | "pull", number] = parts.as_slice() else { return None };
    let state = sim.lock();
    let here = state.repository(state.find_repository(owner, name).ok()?).ok()?;
    let issue = here.issue(number.parse().ok()?).ok()?;
    let text = text(&here.full_name(), issue);
    drop(state);
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Some(([(header::CONTENT_TYPE, plain)], text).into_response())
}

fn text(repository: &str, issue: &Issue) -> String {
    let names = |names: Vec<&str>| if names.is_empty() { "-".to_owned() } else { names.join(", ") };
    let labels = names(issue.labels.iter().map(|label| label.name.as_str()).collect());
    let people = names(issue.assignees.iter().map(|user| user.login.as_str()).collect());
    let mut text = format!(
        "This is a simulated GitHub: nothing here is real.\n\n{}\n{repository}#{}, {}, by {}\nlabels: {labels}\nassignees: {people}\n\n{}\n",
        issue.title,
        issue.number,
        issue.state(),
        issue.author.login,
        issue.body.as_deref().unwrap_or_default(),
    );
    for comment in &issue.comments {
        let (author, at) = (&comment.author.login, comment.created_at.format("%F %R UTC"));
        text += &format!("\n--- {author}, {at}\n\n{}\n", comment.body);
    }
    text
}
