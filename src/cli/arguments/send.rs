//! What may be typed after `send`.

use clap::{Args, Subcommand, ValueEnum};

use crate::config::RepositoryName;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SendCommand {
    /// A webhook as Plane sends it, signed with the configured secret
    Plane(SendPlaneArguments),
    /// A webhook as GitHub sends it, signed with the configured secret
    Github(SendGithubArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SendGithubArguments {
    /// What it is about
    #[arg(value_enum)]
    pub(in crate::cli) event: GithubEvent,
    /// Where to post it [default: where serve listens]
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) to: Option<String>,
    /// What happened, such as edited or closed [default: opened, or created for a comment]
    #[arg(long, value_name = "WORD")]
    pub(in crate::cli) action: Option<String>,
    /// Whose issue [default: the first configured repository]
    #[arg(long, value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: Option<RepositoryName>,
    /// The number of the issue or pull request, to tell a story about one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) number: u32,
    /// Its title
    #[arg(long, default_value = "Sample issue")]
    pub(in crate::cli) title: String,
    /// The comment's text
    #[arg(long, default_value = "A comment by `jetbridge send github`.")]
    pub(in crate::cli) comment: String,
}

/// A sample's event, in GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum GithubEvent {
    /// An issue
    #[value(name = "issues")]
    Issues,
    /// A comment on an issue
    #[value(name = "issue_comment")]
    IssueComment,
    /// A pull request
    #[value(name = "pull_request")]
    PullRequest,
    /// What GitHub sends to try a hook out
    #[value(name = "ping")]
    Ping,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SendPlaneArguments {
    /// What happened
    #[arg(value_enum)]
    pub(in crate::cli) event: PlaneEvent,
    /// Where to post it [default: where serve listens]
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) to: Option<String>,
    /// The work item's id, to tell a story about one [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) id: Option<uuid::Uuid>,
    /// The work item's title
    #[arg(long, default_value = "Sample work item")]
    pub(in crate::cli) title: String,
    /// The work item's state
    #[arg(long, value_enum, ignore_case = true, default_value_t = SampleState::Todo)]
    pub(in crate::cli) state: SampleState,
}

/// A sample's event, in the words of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PlaneEvent {
    /// A work item was made
    #[value(name = "issue.created")]
    IssueCreated,
    /// A work item was changed
    #[value(name = "issue.updated")]
    IssueUpdated,
    /// A work item is gone
    #[value(name = "issue.deleted")]
    IssueDeleted,
    /// Somebody commented
    #[value(name = "issue_comment.created")]
    CommentCreated,
}

/// The states of a new Plane project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SampleState {
    #[value(name = "Backlog")]
    Backlog,
    #[value(name = "Todo")]
    Todo,
    #[value(name = "In Progress")]
    InProgress,
    #[value(name = "Done")]
    Done,
    #[value(name = "Cancelled")]
    Cancelled,
}
