//! What a GitHub webhook says, in types.
//!
//! The rule: what is not there stays `None` (some events leave fields out), what is there and
//! can't be read is a permanent failure that names its path, and an action that is not known here
//! is "something changed". Nothing is decided; that is `normalize`.

mod beside;
mod hosts;
mod labels;

use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::config::GithubHost;
use crate::failure::Failure;
use crate::sources::fields::{Object, missing, unexpected};
use crate::sync::github::{Milestoned, key_of_address};

pub use beside::{MilestoneAction, MilestoneEvent, SubIssueEvent};
use beside::{milestone_event, milestoned, sub_issue_event};

pub use labels::{Label, LabelAction, LabelEvent};

/// One delivery's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `issues`.
    Issue(Box<IssueEvent>),
    /// `issue_comment`, also in a pull request's conversation.
    Comment(Box<CommentEvent>),
    /// `pull_request`, and `pull_request_review` with what was said.
    PullRequest(Box<PullRequestEvent>),
    /// `label`: of the repository, not of an issue.
    Label(Box<LabelEvent>),
    /// `milestone`.
    Milestone(Box<MilestoneEvent>),
    /// `sub_issues`.
    SubIssue(Box<SubIssueEvent>),
    /// Anything else.
    Other {
        /// Its name.
        name: String,
    },
}

/// What happened to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueAction {
    /// It was made.
    Opened,
    /// It is gone.
    Deleted,
    /// It is gone from this repository.
    Transferred {
        /// The numeric id that it has now.
        to: Option<u64>,
    },
    /// Its state is another one.
    Changed,
}

/// What happened to a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentAction {
    /// It was written or changed.
    Written,
    /// It is gone.
    Deleted,
}

/// What happened to a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullRequestAction {
    /// It was made.
    Opened,
    /// Its state is another one.
    Changed,
}

/// An issue and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueEvent {
    /// What happened.
    pub action: IssueAction,
    /// Where.
    pub repository: Repository,
    /// The issue.
    pub issue: Thing,
    /// When GitHub was asked for it; `None` for what it sent.
    pub found_at: Option<Timestamp>,
}

/// A comment, what happened to it, and the issue that it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentEvent {
    /// What happened.
    pub action: CommentAction,
    /// Where.
    pub repository: Repository,
    /// The issue, or the issue half of a pull request.
    pub issue: Thing,
    /// The comment.
    pub comment: Comment,
    /// When GitHub was asked for it; `None` for what it sent.
    pub found_at: Option<Timestamp>,
}

/// A pull request and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestEvent {
    /// What happened.
    pub action: PullRequestAction,
    /// Where.
    pub repository: Repository,
    /// The pull request.
    pub pull_request: Thing,
    /// The branch that is to be merged.
    pub branch: Option<String>,
    /// Whose review is asked for: ids of people and, as `team:7`, of teams.
    pub asked: Vec<String>,
    /// What a reviewer said, where the event tells of that.
    pub review: Option<Review>,
}

/// A review of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The numeric id.
    pub id: u64,
    /// Who wrote it; `None` for a deleted account.
    pub author: Option<Account>,
    /// `approved`, `changes_requested`, `commented`, `dismissed`.
    pub state: Option<String>,
    /// When it was submitted; `None` while it is being written.
    pub submitted_at: Option<Timestamp>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// GitHub's numeric id.
    pub id: Option<u64>,
    /// `owner/name` at this moment.
    pub full_name: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// GitHub's numeric id.
    pub id: u64,
    /// The login.
    pub login: String,
}

/// An issue, a pull request, or a pull request's issue half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// The numeric id: of the issue, or of the pull request in `pull_request` events.
    pub id: u64,
    /// The number people see.
    pub number: u64,
    /// The title.
    pub title: String,
    /// The Markdown; `Some(None)` where the payload says that there is none.
    pub body: Option<Option<String>>,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// Why it was closed.
    pub state_reason: Option<String>,
    /// `None` where the payload has no such list.
    pub labels: Option<Vec<Label>>,
    /// `None` where the payload has no such list.
    pub assignees: Option<Vec<Account>>,
    /// Who opened it.
    pub author: Option<Account>,
    /// Where a person opens it.
    pub html_url: Option<String>,
    /// When it was opened.
    pub created_at: Option<Timestamp>,
    /// GitHub's time of this state.
    pub updated_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The milestone that it is in.
    pub milestone: Milestoned,
    /// `owner/name#12` of its parent, where told.
    pub parent: Option<String>,
    /// Whether it is a pull request that its author still works on.
    pub draft: bool,
    /// Issue or pull request.
    pub nature: Nature,
}

/// What a [`Thing`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// An issue.
    Issue,
    /// A pull request or its issue half.
    PullRequest(Merge),
}

/// Whether a pull request was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// It was.
    Merged,
    /// It was not.
    Unmerged,
    /// The payload does not say.
    Unsaid,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The numeric id.
    pub id: u64,
    /// The Markdown.
    pub body: String,
    /// Who wrote it.
    pub author: Option<Account>,
    /// Where a person opens it.
    pub html_url: Option<String>,
    /// When it was written.
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

const TOP: &[&str] = &[
    "action",
    "issue",
    "pull_request",
    "review",
    "comment",
    "label",
    "milestone",
    "sub_issue",
    "sub_issue_repo",
    "parent_issue",
    "parent_issue_repo",
    "repository",
    "changes",
    FOUND_AT,
];
/// Where a body of our own making says when GitHub was asked.
pub(super) const FOUND_AT: &str = "found_at";
const THING: &[&str] = &[
    "id",
    "number",
    "title",
    "body",
    "state",
    "state_reason",
    "labels",
    "assignees",
    "user",
    "html_url",
    "created_at",
    "updated_at",
    "closed_at",
    "milestone",
    "parent_issue_url",
    "pull_request",
    "merged",
    "merged_at",
    "draft",
    "head",
    "requested_reviewers",
    "requested_teams",
];
const REVIEW: &[&str] = &["id", "user", "state", "submitted_at"];
const COMMENT: &[&str] = &["id", "body", "user", "html_url", "created_at", "updated_at"];
const NUMBER: &str = "GitHub's number as a whole number";

/// Reads a payload's JSON text that came from a server; `event` is what `X-GitHub-Event` said.
///
/// # Errors
/// A permanent failure that says which field can't be read and what belongs there.
pub fn parse(host: &GithubHost, event: &str, json: &[u8]) -> Result<Event, Failure> {
    parse_own(event, json).map(|event| event.on(host))
}

fn parse_own(event: &str, json: &[u8]) -> Result<Event, Failure> {
    if !super::EVENTS.contains(&event) {
        return Ok(Event::Other { name: event.to_owned() });
    }
    let text = std::str::from_utf8(json)
        .map_err(|_| Failure::permanent("unreadable payload: expected JSON in UTF-8"))?;
    let top = Object::root(text, TOP)
        .map_err(|e| {
            let place = format!("line {} column {}", e.line(), e.column());
            Failure::permanent(format!("unreadable payload: not JSON at {place}"))
        })?
        .ok_or_else(|| Failure::permanent("unreadable payload: expected an object"))?;
    let repository = repository_of(&top)?;
    let action = top.word("action")?.unwrap_or_default();
    let found_at = top.time(FOUND_AT)?;
    Ok(match event {
        "issues" => Event::Issue(Box::new(IssueEvent {
            action: issue_action(&top, &action)?,
            repository,
            issue: issue_of(&top)?,
            found_at,
        })),
        "issue_comment" => {
            let action =
                if action == "deleted" { CommentAction::Deleted } else { CommentAction::Written };
            let comment = comment_of(&top, action)?;
            Event::Comment(Box::new(CommentEvent {
                action,
                repository,
                issue: issue_of(&top)?,
                comment,
                found_at,
            }))
        }
        "label" => Event::Label(Box::new(labels::event(&top, &action, repository)?)),
        "milestone" => Event::Milestone(Box::new(milestone_event(&top, &action, repository)?)),
        "sub_issues" => Event::SubIssue(Box::new(sub_issue_event(&top, &action, repository)?)),
        "pull_request_review" => {
            let review = Some(review_of(&top)?);
            let event = pull_request_event(&top, PullRequestAction::Changed, repository)?;
            Event::PullRequest(Box::new(PullRequestEvent { review, ..event }))
        }
        _ => {
            let action = match action.as_str() {
                "opened" => PullRequestAction::Opened,
                _ => PullRequestAction::Changed,
            };
            Event::PullRequest(Box::new(pull_request_event(&top, action, repository)?))
        }
    })
}

fn repository_of(top: &Object<'_>) -> Result<Repository, Failure> {
    repository_at(top, "repository")?
        .ok_or_else(|| missing("repository", "an object with full_name"))
}

fn repository_at(top: &Object<'_>, name: &str) -> Result<Option<Repository>, Failure> {
    let Some(fields) = top.object(name, &["id", "full_name"])? else { return Ok(None) };
    let full_name = fields
        .id("full_name")?
        // Another server's begins with that, and can't be told by this one.
        .filter(|name| name.matches('/').count() == 1)
        .ok_or_else(|| missing(&fields.path_of("full_name"), "owner/name as text"))?;
    Ok(Some(Repository { id: fields.github_id("id")?, full_name }))
}

fn issue_action(top: &Object<'_>, action: &str) -> Result<IssueAction, Failure> {
    Ok(match action {
        "opened" => IssueAction::Opened,
        "deleted" => IssueAction::Deleted,
        "transferred" => {
            let changes = top.object("changes", &["new_issue"])?;
            let issue = changes.map(|c| c.object("new_issue", &["id"])).transpose()?.flatten();
            let to = issue.map(|issue| issue.github_id("id")).transpose()?.flatten();
            IssueAction::Transferred { to }
        }
        _ => IssueAction::Changed,
    })
}

fn issue_of(top: &Object<'_>) -> Result<Thing, Failure> {
    let fields =
        top.object("issue", THING)?.ok_or_else(|| missing("issue", "the issue as an object"))?;
    let nature = match fields.object("pull_request", &["merged_at"])? {
        None => Nature::Issue,
        Some(half) if half.value("merged_at").is_some() => Nature::PullRequest(Merge::Merged),
        Some(half) if half.has("merged_at") => Nature::PullRequest(Merge::Unmerged),
        Some(_) => Nature::PullRequest(Merge::Unsaid),
    };
    thing_of(&fields, nature)
}

fn pull_request_event(
    top: &Object<'_>,
    action: PullRequestAction,
    repository: Repository,
) -> Result<PullRequestEvent, Failure> {
    let fields = top
        .object("pull_request", THING)?
        .ok_or_else(|| missing("pull_request", "the pull request as an object"))?;
    let head = fields.object("head", &["ref"])?;
    let branch = head.map(|head| head.text("ref")).transpose()?.flatten();
    let people = entries(&fields, "requested_reviewers", account_of)?.unwrap_or_default();
    let teams = entries(&fields, "requested_teams", |path, value| {
        let team = Object::at(path.to_owned(), value, &["id"])?;
        team.github_id("id")?.ok_or_else(|| unexpected(path, "a team with its id", value))
    })?;
    let asked = people.into_iter().map(|account| account.id.to_string());
    let teams = teams.unwrap_or_default().into_iter().map(|team| format!("team:{team}"));
    let asked = asked.chain(teams).collect();
    let pull_request = pull_request_of(&fields)?;
    Ok(PullRequestEvent { action, repository, pull_request, branch, asked, review: None })
}

fn review_of(top: &Object<'_>) -> Result<Review, Failure> {
    let fields = top
        .object("review", REVIEW)?
        .ok_or_else(|| missing("review", "the review as an object"))?;
    Ok(Review {
        id: fields.github_id("id")?.ok_or_else(|| missing("review.id", NUMBER))?,
        author: author_of(&fields)?,
        state: fields.word("state")?,
        submitted_at: fields.time("submitted_at")?,
    })
}

fn pull_request_of(fields: &Object<'_>) -> Result<Thing, Failure> {
    let merged = fields.value("merged").is_some_and(|merged| merged.get() == "true");
    let merge = if merged || fields.value("merged_at").is_some() {
        Merge::Merged
    } else if fields.has("merged") || fields.has("merged_at") {
        Merge::Unmerged
    } else {
        Merge::Unsaid
    };
    thing_of(fields, Nature::PullRequest(merge))
}

fn thing_of(fields: &Object<'_>, nature: Nature) -> Result<Thing, Failure> {
    let required = |name: &str, expected| missing(&fields.path_of(name), expected);
    Ok(Thing {
        id: fields.github_id("id")?.ok_or_else(|| required("id", NUMBER))?,
        number: fields.number("number")?.ok_or_else(|| required("number", NUMBER))?,
        title: fields.text("title")?.ok_or_else(|| required("title", "the title as text"))?,
        body: if fields.has("body") { Some(fields.text("body")?) } else { None },
        state: fields.word("state")?,
        state_reason: fields.word("state_reason")?,
        labels: entries(fields, "labels", labels::label)?,
        assignees: entries(fields, "assignees", account_of)?,
        author: author_of(fields)?,
        html_url: fields.word("html_url")?,
        created_at: fields.time("created_at")?,
        updated_at: fields.time("updated_at")?.ok_or_else(|| {
            required("updated_at", "a time, without which newer can't be told from older")
        })?,
        closed_at: fields.time("closed_at")?,
        milestone: milestoned(fields)?,
        parent: fields.word("parent_issue_url")?.as_deref().and_then(key_of_address),
        draft: fields.value("draft").is_some_and(|draft| draft.get() == "true"),
        nature,
    })
}

fn comment_of(top: &Object<'_>, action: CommentAction) -> Result<Comment, Failure> {
    let fields = top
        .object("comment", COMMENT)?
        .ok_or_else(|| missing("comment", "the comment as an object"))?;
    let body = match (fields.text("body")?, action) {
        (Some(body), _) => body,
        (None, CommentAction::Deleted) => String::new(),
        (None, CommentAction::Written) => return Err(missing("comment.body", "text")),
    };
    let created_at = fields.time("created_at")?;
    Ok(Comment {
        id: fields.github_id("id")?.ok_or_else(|| missing("comment.id", NUMBER))?,
        body,
        author: author_of(&fields)?,
        html_url: fields.word("html_url")?,
        created_at,
        updated_at: fields
            .time("updated_at")?
            .or(created_at)
            .ok_or_else(|| missing("comment.updated_at", "a time"))?,
    })
}

/// `None` for an account that was deleted.
fn author_of(fields: &Object<'_>) -> Result<Option<Account>, Failure> {
    fields.value("user").map(|user| account_of(&fields.path_of("user"), user)).transpose()
}

fn account_of(path: &str, value: &RawValue) -> Result<Account, Failure> {
    let fields = Object::at(path.to_owned(), value, &["id", "login"])?;
    match (fields.github_id("id")?, fields.word("login")?) {
        (Some(id), Some(login)) => Ok(Account { id, login }),
        _ => Err(unexpected(path, "an account with id and login", value)),
    }
}

fn entries<T>(
    fields: &Object<'_>,
    name: &str,
    read: impl Fn(&str, &RawValue) -> Result<T, Failure>,
) -> Result<Option<Vec<T>>, Failure> {
    let Some(list) = fields.list(name)? else { return Ok(None) };
    list.into_iter().map(|(path, value)| read(&path, value)).collect::<Result<_, _>>().map(Some)
}
