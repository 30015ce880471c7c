//! What a plan or an answer shows that a person should know: each a typed value with its line
//! for the timeline.

use serde::{Deserialize, Serialize};

use crate::sync::github::IssueState;
use crate::sync::mapping::{Resolved, STATE_KEYS};
use crate::sync::milestones::BundleKind;
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
    /// Plane's project has its modules or cycles switched off.
    #[error(
        "{feature} are switched off in Plane's project, so the milestone “{milestone}” stays on GitHub: switch them on in the project's settings (Features), then jetbridge sync", feature = kind.feature()
    )]
    BundlesOff { kind: BundleKind, milestone: String },
    /// A bundle of the milestone's name was there.
    #[error("the milestone “{name}” goes by the {kind} of that name, which Plane already had")]
    BundleAdopted { kind: BundleKind, name: String },
    /// The bundle of a milestone is gone from Plane.
    #[error(
        "the {kind} of the milestone “{milestone}” is gone from Plane (deleted or archived) and was not made again: jetbridge sync makes it again"
    )]
    BundleGone { kind: BundleKind, milestone: String },
    /// Plane does not take what is to be done with a bundle.
    #[error("Plane does not take it for the {kind} “{name}”: {words}")]
    BundleRefused { kind: BundleKind, name: String, words: String },
    /// A person changed fields of a bundle that GitHub then changed, too.
    #[error(
        "the {kind} “{name}” was changed in Plane, so GitHub's new {} stays on GitHub", fields.join(", ")
    )]
    BundleKept { kind: BundleKind, name: String, fields: Vec<String> },
    /// A person put the item into another cycle.
    #[error(
        "the work item stays in the cycle “{cycle}”, chosen in Plane, and does not go into “{milestone}”"
    )]
    CycleKept { cycle: String, milestone: String },
    /// The parent has no item yet.
    #[error("its parent {parent} has no work item yet: it goes under that as soon as there is one")]
    ParentWaits { parent: String },
    /// The parent has no item in this project and will have none.
    #[error(
        "its parent {parent} is not kept in this project of Plane, so the work item goes under none"
    )]
    ParentElsewhere { parent: String },
    /// A person put the item under another one.
    #[error(
        "the work item stays under the parent that was chosen in Plane, and not under {parent}"
    )]
    ParentKept { parent: String },
    /// The parent's item is below this one.
    #[error(
        "the work item of {parent} is below this one in Plane, so it can't become its parent: change that in Plane first"
    )]
    ParentCircle { parent: String },
    /// Plane does not take the parent.
    #[error("Plane does not take the parent {parent}: {words}")]
    ParentRefused { parent: String, words: String },
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
    /// Another project is wanted for the item than the one that it was made in.
    #[error(
        "{by} wants it in Plane's project {wanted}, and Plane can't move a work item: it stays in {project}; to have it there, delete it in Plane and run jetbridge sync {key}"
    )]
    StaysInProject { by: String, wanted: String, project: String, key: String },
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
    /// A label's name was changed on both sides.
    #[error(
        "the label “{plane}” was named so in Plane and stays, though GitHub's is “{github}” now"
    )]
    LabelNameKept { plane: String, github: String },
    /// A label's color was changed on both sides.
    #[error("the color of the label “{name}” was chosen in Plane and stays")]
    LabelColorKept { name: String },
    /// Plane has another label of the new name.
    #[error(
        "Plane has another label “{name}”: the one that Jetbridge made stays as it is, and the issues go over with their next change"
    )]
    LabelNameTaken { name: String },
    /// Another label of the repository has the new name in Plane.
    #[error(
        "“{name}” is another label's name in Plane, which has to be told of first: it is looked at again then"
    )]
    LabelWaits { name: String },
    /// Another repository of the same project uses the label, too.
    #[error(
        "{repository} uses Plane's label “{name}”, too: it stays as it is, and the issues here get another one with their next change"
    )]
    LabelShared { name: String, repository: String },
    /// The mapping names the label as the counterpart of another one.
    #[error(
        "labels of the repository name Plane's label “{name}”: it stays as it is, and the issues get another one with their next change"
    )]
    LabelNamed { name: String },
    /// It was left to others before.
    #[error("Plane's label for “{name}” is others' as well and stays as it is")]
    LabelLeft { name: String },
    /// The mapping says something else of it.
    #[error("labels of the repository say what “{name}” is in Plane: no label is made or renamed")]
    LabelMapped { name: String },
    /// A person made the label in Plane, or it is another repository's.
    #[error("Plane's label for “{name}” was not made for it: it stays as it is named and colored")]
    LabelNotOurs { name: String },
    /// Plane has no such label, and nothing says that it should.
    #[error("Plane has no label for “{name}”: the first issue that carries it brings one")]
    LabelUnused { name: String },
    /// A person deleted it in Plane.
    #[error("Plane's label for “{name}” was deleted there and is not made again by itself")]
    LabelGone { name: String },
    /// Plane does not take it.
    #[error("Plane does not take the label “{name}”: {words}")]
    LabelRefused { name: String, words: String },
    /// It was deleted on GitHub.
    #[error(
        "the label “{name}” was deleted on GitHub: the items lose it issue by issue, and what Plane has of it stays, since other items may have it"
    )]
    LabelDeleted { name: String },
    /// Rules say which labels an item has.
    #[error("rules of the repository set the labels: they are made and given issue by issue")]
    LabelsRuled,
    /// The key does not show a project that a rule names.
    #[error(
        "Plane does not show the project {project}, which a rule names, so nothing is done there: make the API key's user a member of it, and check the repository's plane_workspace"
    )]
    ProjectHidden { project: String },
    /// GitHub did not tell which issues are linked with a pull request.
    #[error(
        "GitHub did not tell which issues are linked with it ({why}): what its text names counts"
    )]
    LinksNotTold { why: String },
    /// More issues are linked than are read.
    #[error("{total} issues are linked with it on GitHub: the first {read} count")]
    LinksCut { total: u64, read: u64 },
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
