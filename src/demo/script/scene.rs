//! What exists, as far as the script has to know it.

use uuid::Uuid;

use crate::clock::Timestamp;

/// An issue or a pull request by its repository's place in [`crate::demo::cast::PLACES`] and its
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssueName {
    /// Which repository.
    pub place: usize,
    /// Which number.
    pub number: u64,
}

/// An issue at GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSeen {
    /// Which one.
    pub name: IssueName,
    /// Its title.
    pub title: String,
    /// Its Markdown.
    pub body: String,
    /// Whether it is open.
    pub open: bool,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Logins.
    pub assignees: Vec<String>,
    /// Ids of its comments.
    pub comments: Vec<u64>,
    /// When it last changed.
    pub changed: Timestamp,
    /// What stands for it in Plane.
    pub twin: Option<Twin>,
}

/// An issue's item in Plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Its id.
    pub item: Uuid,
    /// The name of its state.
    pub state: String,
    /// Comments, mirrored ones too.
    pub comments: usize,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSeen {
    /// Which one.
    pub name: IssueName,
    /// Whether it is open.
    pub open: bool,
    /// The issue that its merge closes.
    pub closes: Option<IssueName>,
}

/// An item that somebody wrote in Plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnItem {
    /// Its id.
    pub item: Uuid,
    /// Its number in its project.
    pub number: u64,
    /// Its project's place.
    pub place: usize,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// GitHub loses a webhook, and never sends it again by itself.
    LostWebhook,
    /// A webhook arrives twice.
    DoubledWebhook,
    /// A webhook arrives after the one that follows it.
    OvertakenWebhook,
    /// Plane answers 502 a few times.
    PlaneDown,
    /// Plane does what it is asked to, and its answer gets lost.
    LostAnswer,
    /// Plane says that it was asked too often.
    PlaneLimit,
    /// GitHub says that it was asked too often.
    GithubLimit,
    /// A proxy refuses a write: a dead delivery, which waits for a replay.
    DeadDelivery,
    /// Both sides changed one paragraph.
    Conflict(IssueName),
}

/// Something that waits for somebody to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LooseEnd {
    /// What.
    pub trouble: Trouble,
    /// Since which step.
    pub since: u64,
}

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// By repository and number.
    pub issues: Vec<IssueSeen>,
    /// By repository and number.
    pub pulls: Vec<PullSeen>,
    /// The oldest first.
    pub own_items: Vec<OwnItem>,
    /// What is not mended yet.
    pub loose_ends: Vec<LooseEnd>,
}

impl Scene {
    /// Whether somebody will come back to this issue to mend it.
    pub fn is_in_trouble(&self, name: IssueName) -> bool {
        self.loose_ends.iter().any(|end| end.trouble == Trouble::Conflict(name))
    }

    pub(super) fn open_issues(&self) -> impl Iterator<Item = &IssueSeen> {
        self.issues.iter().filter(|issue| issue.open && !self.is_in_trouble(issue.name))
    }
}
