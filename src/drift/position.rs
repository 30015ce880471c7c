//! How far a walk over both sides has come, kept so that one that was killed goes on.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Whether a walk looks at what changed, or at everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Walk {
    /// At what changed since the last one.
    #[default]
    Changes,
    /// At everything, so that it is known what is gone.
    Full,
}

/// What a walk looks at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WalkStep {
    /// GitHub's issues and pull requests.
    #[default]
    Issues,
    /// The comments on them.
    Comments,
    /// Plane's work items.
    Items,
    /// What was not among them.
    Missing,
}

/// Where a repository's walk is, and where the last whole one ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Position {
    /// The newest time of an issue that was looked at by a walk that ended.
    pub issues: Option<Timestamp>,
    /// The same of a comment.
    pub comments: Option<Timestamp>,
    /// The same of a work item in Plane.
    pub items: Option<Timestamp>,
    /// GitHub's mark of the list of issues, as it was last answered.
    pub issues_mark: Option<Mark>,
    /// The same of comments.
    pub comments_mark: Option<Mark>,
    /// When the last whole walk that ended began: what it did not meet, nobody has met since.
    pub full: Option<Timestamp>,
    /// Whether the repository's issues were switched off when a walk last began.
    pub issues_off: bool,
    /// The walk that is under way.
    pub under_way: Option<UnderWay>,
}

/// GitHub's mark of a list that was short enough for one page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What changed since then.
    pub since: Timestamp,
    /// The `ETag`.
    pub etag: String,
}

/// A walk that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnderWay {
    /// When it began: what changed since may have passed it by.
    pub began_at: Option<Timestamp>,
    /// What it looks at.
    pub walk: Walk,
    /// What it looks at now.
    pub step: WalkStep,
    /// How far it is in that: of GitHub's lists the time.
    pub since: Option<Timestamp>,
    /// Of Plane's lists the project.
    pub project: Option<String>,
    /// Of Plane's list the page, of a hundred entries.
    pub page: u32,
    /// The newest times that it has met: of issues, comments, items.
    pub newest: [Option<Timestamp>; 3],
}
