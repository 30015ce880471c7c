//! What a plan or an answer shows that a person should know: each a typed value with its line
//! for the timeline.

use serde::{Deserialize, Serialize};

use crate::sync::github::IssueState;
use crate::sync::mapping::{Resolved, STATE_KEYS};
use crate::sync::plane::Priority;
use crate::sync::pulls::PullsNow;

/// Something worth a line on the item's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "finding")]
#[expect(missing_docs, reason = "the fields' names and the line that they go into say it")]
pub enum Finding {
    /// Nobody in the project goes by this login.
    #[error(
        "nobody in Plane's project goes by GitHub's “{login}”: say who it is on the page People or in the repository's users"
    )]
    UnmappedUser { login: String },
    /// `users` names somebody who is not a member.
    #[error(
        "users maps “{login}” to “{name}”, who is no member of Plane's project: add them there or correct the name"
    )]
    NoSuchMember { login: String, name: String },
    /// More than one member goes by this name.
    #[error(
        "several members of Plane's project go by “{name}”: map “{login}” to an e-mail address in the repository's users"
    )]
    SeveralMembers { login: String, name: String },
    /// Nothing says who this member is on GitHub.
    #[error(
        "nothing says who Plane's “{name}” is on GitHub: say it on the page People or in the repository's users"
    )]
    UnmappedMember { name: String },
    /// GitHub took the write and left this account out.
    #[error(
        "{login} can't be assigned in {repository}: give {login} access there (if that is so of everybody, give it to github.token's user), then assign them anew or run jetbridge sync {repository}#{number}"
    )]
    NotAssignable { login: String, repository: String, number: u64 },
    /// An issue that is full.
    #[error(
        "GitHub takes no more than ten assignees and left {login} out: take somebody off {repository}#{number}, then assign them anew"
    )]
    NoRoomForAssignee { login: String, repository: String, number: u64 },
    /// GitHub took the write and left this account assigned.
    #[error(
        "GitHub left {login} assigned to {repository}#{number}: give github.token's user write access to {repository}, then run jetbridge sync {repository}#{number}"
    )]
    StillAssigned { login: String, repository: String, number: u64 },
    /// `states` names a state that the project does not have.
    #[error(
        "states.{key} is “{wanted}”, which Plane's project does not have: choose one of {}", existing.join(", ")
    )]
    NoSuchState { key: String, wanted: String, existing: Vec<String> },
    /// A rule wants a state that the project does not have.
    #[error(
        "a rule sets the state “{wanted}”, which Plane's project does not have: choose one of {}", existing.join(", ")
    )]
    NoRuledState { wanted: String, existing: Vec<String> },
    /// The project has no state of the group that is needed.
    #[error(
        "Plane's project has no state for {}: name one in the repository's states", words(*state)
    )]
    NoStateFits { state: IssueState },
    /// `states` has a key that means nothing.
    #[error(
        "states has the key “{key}”, which means nothing: use one of {}", STATE_KEYS.join(", ")
    )]
    UnknownStateKey { key: String },
    /// The title is longer than Plane takes.
    #[error("the title of {length} characters is longer than Plane takes and was cut")]
    TitleCut { length: usize },
    /// GitHub's new title replaced one that a person had written in Plane.
    #[error("GitHub's new title replaced “{was}”, which was written in Plane")]
    TitleOverridden { was: String },
    /// GitHub's new state replaced one that a person had chosen in Plane.
    #[error("GitHub's new state moved the item from “{was}”, chosen in Plane, to “{now}”")]
    StateOverridden { was: String, now: String },
    /// A priority that is newly wanted replaced one that a person had chosen in Plane.
    #[error("a rule or a label replaced the priority {was}, chosen in Plane, by {now}")]
    PriorityOverridden { was: Priority, now: Priority },
    /// Pull requests moved the item.
    #[error("{why}: moved from “{was}” to “{now}”")]
    MovedByPull { why: String, was: String, now: String },
    /// GitHub's new text was merged into one that a person had edited in Plane.
    #[error("GitHub's new text was merged into the description that was edited in Plane")]
    DescriptionMerged,
    /// Both sides changed the same part of the text: Plane's was left as it is.
    #[error(
        "both sides changed the description ({why}): Plane's was left as it is; bring the two together by hand"
    )]
    DescriptionConflict { why: String },
    /// The item was there before its link: its text differs and was left.
    #[error(
        "Plane's description differs from GitHub's and nothing says who changed it: it was left as it is"
    )]
    DescriptionLeft,
    /// The item was there before its link.
    #[error("linked with {item}, which Plane already had for this issue")]
    Adopted { item: String },
    /// The linked item is gone from Plane, and was not made again.
    #[error(
        "the linked item {item} is gone from Plane (deleted or archived) and was not made again"
    )]
    ItemGone { item: String },
    /// The issue was deleted on GitHub.
    #[error("the issue was deleted on GitHub; the item stays in Plane")]
    IssueDeleted,
    /// The issue now lives in another repository.
    #[error(
        "the issue was transferred to {}; the item stays in Plane", to.as_deref().unwrap_or("another repository")
    )]
    IssueTransferred { to: Option<String> },
    /// Plane took the write and left these labels out.
    #[error("Plane left out the labels {}", labels.join(", "))]
    LabelsDropped { labels: Vec<String> },
    /// Plane took the write and left these people out.
    #[error(
        "Plane left out the assignees {}: they need to be active members of the project", members.join(", ")
    )]
    AssigneesDropped { members: Vec<String> },
    /// Plane stored another title than was sent.
    #[error("Plane stored the title as “{stored}”")]
    TitleAltered { stored: String },
    /// Plane stored another text than was sent.
    #[error("Plane stored the description in another form than was sent")]
    DescriptionAltered,
    /// Plane stored another state than was sent.
    #[error(
        "Plane stored the state {} instead of {sent}", stored.as_deref().unwrap_or("(none)")
    )]
    StateAltered { sent: String, stored: Option<String> },
    /// A label could not be made.
    #[error(
        "the label “{name}” could not be made in Plane; it is tried again with the next change"
    )]
    LabelNotMade { name: String },
    /// GitHub's new text replaced a person's edit of a mirrored comment.
    #[error("GitHub's new text of comment {comment} replaced an edit that was made in Plane")]
    CommentOverridden { comment: u64 },
    /// A mirror was there before its link and held another text.
    #[error("Plane already had comment {comment} with another text: GitHub's was written")]
    CommentAdopted { comment: u64 },
    /// A comment is gone from GitHub; its mirror was edited by a person and stays.
    #[error("comment {comment} is gone from GitHub; in Plane it was edited by a person and stays")]
    CommentKept { comment: u64 },
    /// A mirror was deleted in Plane, and was not made again.
    #[error("comment {comment} was deleted in Plane and was not made again")]
    CommentGone { comment: u64 },
}

impl Finding {
    /// That an item was moved from one state to another, by id, because of how its pull requests
    /// stand.
    pub fn moved_by_pull(
        pulls: &PullsNow,
        from: Option<&str>,
        to: &str,
        mapping: Resolved<'_>,
    ) -> Self {
        let name = |id: &str| {
            mapping.state_by_id(id).map_or_else(|| id.to_owned(), |state| state.name.clone())
        };
        let why = match (&pulls.by, pulls.standing) {
            (Some(by), Some(standing)) => format!("pull request {by} is {standing}"),
            _ => "no pull request is about it any more".to_owned(),
        };
        Self::MovedByPull { why, was: from.map(name).unwrap_or_default(), now: name(to) }
    }
}

fn words(state: IssueState) -> &'static str {
    match state {
        IssueState::Open => "open issues",
        IssueState::Reopened => "reopened issues",
        IssueState::Completed => "completed issues",
        IssueState::NotPlanned => "issues that are not planned",
        IssueState::Duplicate => "duplicate issues",
    }
}
