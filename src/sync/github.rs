//! GitHub's side: an issue and its comments as they are now, whoever told it (webhook, REST, MCP).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::GithubHost;

/// An issue or the issue half of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// GitHub's numeric id: survives a rename of the repository; a transfer makes a new one.
    pub id: u64,
    /// The number people see, unique in its repository.
    pub number: u64,
    /// `owner/name`, as GitHub writes it at this moment.
    pub repository: String,
    /// GitHub's numeric id of the repository, where it was told.
    pub repository_id: Option<u64>,
    /// The title, as written.
    pub title: String,
    /// The Markdown, exactly as written; `None` where there is none.
    pub body: Option<String>,
    /// Open, or closed and why.
    pub state: IssueState,
    /// In GitHub's order.
    pub labels: Vec<IssueLabel>,
    /// In GitHub's order.
    pub assignees: Vec<Account>,
    /// Who opened it; `None` for a deleted account.
    pub author: Option<Account>,
    /// Where a person opens it.
    pub html_url: String,
    /// Whether it is a pull request's issue half.
    pub pull_request: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// GitHub's time of this state, in whole seconds.
    pub updated_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The milestone that it is in.
    #[serde(default)]
    pub milestone: Milestoned,
    /// `owner/name#12` of the issue whose sub-issue it is, where that was told. Nothing told may
    /// be none, or a teller that knows no sub-issues.
    #[serde(default)]
    pub parent: Option<String>,
}

/// `owner/name#12` of an issue's API address.
pub fn key_of_address(address: &str) -> Option<String> {
    let (before, number) = address.rsplit_once("/issues/")?;
    let number: u64 = number.parse().ok()?;
    let (before, name) = before.rsplit_once('/')?;
    let owner = before.rsplit('/').next()?;
    Some(format!("{owner}/{name}#{number}"))
}

/// Which milestone an issue is in, as far as that was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestoned {
    /// Whoever told of the issue did not say.
    #[default]
    Unsaid,
    /// In none.
    Nowhere,
    /// In this one.
    In(Milestone),
}

/// A milestone of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Milestone {
    /// GitHub's time of this state, in whole seconds.
    pub updated_at: Timestamp,
    /// GitHub's numeric id.
    pub id: u64,
    /// The number in its repository.
    pub number: u64,
    /// The title, as written.
    pub title: String,
    /// The text, where there is one.
    pub description: Option<String>,
    /// The day on which it is due.
    pub due_on: Option<Timestamp>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// Open, or closed and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueState {
    /// Open for the first time.
    Open,
    /// Open again (`state_reason: reopened`).
    Reopened,
    /// Closed as done; also a close whose reason was not told or is not known here.
    Completed,
    /// Closed as not planned.
    NotPlanned,
    /// Closed as a duplicate.
    Duplicate,
}

impl IssueState {
    /// From GitHub's `state` and `state_reason`; words that are not known here count as the
    /// state's usual reason.
    pub fn of(state: &str, reason: Option<&str>) -> Self {
        match (state, reason) {
            ("closed", Some("not_planned")) => Self::NotPlanned,
            ("closed", Some("duplicate")) => Self::Duplicate,
            ("closed", _) => Self::Completed,
            (_, Some("reopened")) => Self::Reopened,
            _ => Self::Open,
        }
    }

    /// Whether it is closed, for whatever reason.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Open | Self::Reopened => false,
            Self::Completed | Self::NotPlanned | Self::Duplicate => true,
        }
    }
}

/// A label of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueLabel {
    /// GitHub's numeric id, which survives a rename; `None` where it was not told, and for one that a
    /// rule made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Its name; GitHub takes no notice of case.
    pub name: String,
    /// Six hexadecimal digits without `#`, where told.
    pub color: Option<String>,
}

/// A GitHub account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// GitHub's numeric id.
    pub id: u64,
    /// The login, which its owner may change.
    pub login: String,
}

/// A comment on an issue or in a pull request's conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// GitHub's numeric id.
    pub id: u64,
    /// The Markdown, exactly as written.
    pub body: String,
    /// Who wrote it; `None` for a deleted account.
    pub author: Option<Account>,
    /// Where a person opens it.
    pub html_url: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

// What a server tells, as told among all servers.

impl Issue {
    /// The same, told by a server; `repository` has its name already.
    #[must_use]
    pub fn on(self, host: &GithubHost) -> Self {
        Self {
            id: host.id(self.id),
            repository_id: self.repository_id.map(|id| host.id(id)),
            labels: self.labels.into_iter().map(|label| label.on(host)).collect(),
            assignees: self.assignees.into_iter().map(|account| account.on(host)).collect(),
            author: self.author.map(|account| account.on(host)),
            milestone: self.milestone.on(host),
            parent: self.parent.map(|key| host.named(key)),
            ..self
        }
    }
}

impl IssueLabel {
    /// The same, told by a server.
    #[must_use]
    pub fn on(self, host: &GithubHost) -> Self {
        Self { id: self.id.map(|id| host.id(id)), ..self }
    }
}

impl Account {
    /// The same, told by a server.
    #[must_use]
    pub fn on(self, host: &GithubHost) -> Self {
        Self { id: host.id(self.id), ..self }
    }
}

impl Comment {
    /// The same, told by a server.
    #[must_use]
    pub fn on(self, host: &GithubHost) -> Self {
        let author = self.author.map(|account| account.on(host));
        Self { id: host.id(self.id), author, ..self }
    }
}

impl Milestone {
    /// The same, told by a server.
    #[must_use]
    pub fn on(self, host: &GithubHost) -> Self {
        Self { id: host.id(self.id), ..self }
    }
}

impl Milestoned {
    /// The same, told by a server.
    #[must_use]
    pub fn on(self, host: &GithubHost) -> Self {
        match self {
            Self::In(milestone) => Self::In(milestone.on(host)),
            Self::Unsaid | Self::Nowhere => self,
        }
    }
}
