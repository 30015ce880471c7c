//! An issue, a comment and an account as GitHub's REST API writes them, and as those MCP servers
//! pass them on that alter nothing. Lenient: what is missing is none.

use serde::{Deserialize, Deserializer};

use crate::clock::{Timestamp, to_micros};
use crate::config::{GithubHost, RepositoryName};
use crate::sync::github::{
    Account, Comment, Issue, IssueLabel, IssueState, Milestone, Milestoned, key_of_address,
};

/// An account.
#[derive(Debug, Deserialize)]
pub(in crate::clients) struct AccountPayload {
    id: u64,
    login: String,
}

impl From<AccountPayload> for Account {
    fn from(account: AccountPayload) -> Self {
        Self { id: account.id, login: account.login }
    }
}

/// A label.
#[derive(Debug, Deserialize)]
pub(in crate::clients) struct LabelPayload {
    id: Option<u64>,
    name: String,
    color: Option<String>,
}

impl From<LabelPayload> for IssueLabel {
    fn from(label: LabelPayload) -> Self {
        Self { id: label.id, name: label.name, color: label.color }
    }
}

/// An issue.
#[derive(Debug, Deserialize)]
pub(in crate::clients) struct IssuePayload {
    id: u64,
    number: u64,
    title: String,
    body: Option<String>,
    state: String,
    state_reason: Option<String>,
    #[serde(default)]
    labels: Vec<LabelPayload>,
    #[serde(default)]
    assignees: Vec<AccountPayload>,
    user: Option<AccountPayload>,
    html_url: String,
    repository_url: Option<String>,
    url: Option<String>,
    pull_request: Option<serde::de::IgnoredAny>,
    created_at: Timestamp,
    updated_at: Timestamp,
    closed_at: Option<Timestamp>,
    parent_issue_url: Option<String>,
    #[serde(default)]
    milestone: GivenMilestone,
}

/// Tells null from absent.
#[derive(Debug, Default)]
enum GivenMilestone {
    /// Not given.
    #[default]
    Absent,
    /// One, or none.
    Given(Option<MilestonePayload>),
}

impl<'de> Deserialize<'de> for GivenMilestone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Given)
    }
}

/// A milestone.
#[derive(Debug, Deserialize)]
pub(in crate::clients) struct MilestonePayload {
    id: u64,
    number: u64,
    title: String,
    description: Option<String>,
    due_on: Option<Timestamp>,
    created_at: Option<Timestamp>,
    updated_at: Timestamp,
}

impl From<MilestonePayload> for Milestone {
    fn from(milestone: MilestonePayload) -> Self {
        Self {
            updated_at: to_micros(milestone.updated_at),
            id: milestone.id,
            number: milestone.number,
            title: milestone.title,
            description: milestone.description,
            due_on: milestone.due_on.map(to_micros),
            created_at: milestone.created_at.map(to_micros),
        }
    }
}

impl IssuePayload {
    /// Where it says that it is: the last parts of its API address.
    pub(in crate::clients) fn repository(&self, host: &GithubHost) -> Option<RepositoryName> {
        let of_issue = || self.url.as_deref()?.rsplit_once("/issues/").map(|(before, _)| before);
        let url = self.repository_url.as_deref().or_else(of_issue)?;
        let (before, name) = url.rsplit_once('/')?;
        let owner = before.rsplit('/').next()?;
        RepositoryName::on(host, &format!("{owner}/{name}")).ok()
    }

    pub(in crate::clients) fn number(&self) -> u64 {
        self.number
    }

    /// The issue, in `repository` as GitHub writes its name.
    pub(in crate::clients) fn into_issue(self, repository: &RepositoryName) -> Issue {
        let issue = Issue {
            id: self.id,
            number: self.number,
            repository: repository.to_string(),
            repository_id: None,
            title: self.title,
            body: self.body,
            state: IssueState::of(&self.state, self.state_reason.as_deref()),
            labels: self.labels.into_iter().map(IssueLabel::from).collect(),
            assignees: self.assignees.into_iter().map(Account::from).collect(),
            author: self.user.map(Account::from),
            html_url: self.html_url,
            pull_request: self.pull_request.is_some(),
            created_at: to_micros(self.created_at),
            updated_at: to_micros(self.updated_at),
            closed_at: self.closed_at.map(to_micros),
            milestone: match self.milestone {
                GivenMilestone::Absent => Milestoned::Unsaid,
                GivenMilestone::Given(None) => Milestoned::Nowhere,
                GivenMilestone::Given(Some(milestone)) => Milestoned::In(milestone.into()),
            },
            parent: self.parent_issue_url.as_deref().and_then(key_of_address),
        };
        issue.on(&repository.host())
    }
}

/// A comment.
#[derive(Debug, Deserialize)]
pub(in crate::clients) struct CommentPayload {
    id: u64,
    body: Option<String>,
    user: Option<AccountPayload>,
    #[serde(default)]
    html_url: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<CommentPayload> for Comment {
    fn from(comment: CommentPayload) -> Self {
        Self {
            id: comment.id,
            body: comment.body.unwrap_or_default(),
            author: comment.user.map(Account::from),
            html_url: comment.html_url,
            created_at: to_micros(comment.created_at),
            updated_at: to_micros(comment.updated_at),
        }
    }
}
