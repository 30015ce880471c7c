//! What is told beside issues and pull requests: milestones, and whose sub-issue an issue is.

use super::{NUMBER, Nature, Repository, THING, Thing, repository_at, thing_of};
use crate::failure::Failure;
use crate::sources::fields::{Object, missing};
use crate::sync::github::{Milestone, Milestoned};
use crate::sync::parents::ParentIssue;

/// A milestone and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MilestoneEvent {
    /// What happened.
    pub action: MilestoneAction,
    /// Where.
    pub repository: Repository,
    /// The milestone.
    pub milestone: Milestone,
}

/// What happened to a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MilestoneAction {
    /// It was made or changed.
    Written,
    /// It is gone.
    Deleted,
}

/// A sub-issue and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubIssueEvent {
    /// Whose event it is: of the sub-issue's repository, or of its parent's.
    pub repository: Repository,
    /// Where the sub-issue is.
    pub place: Repository,
    /// The sub-issue.
    pub issue: Thing,
    /// Its parent from then on.
    pub parent: Option<ParentIssue>,
}

const MILESTONE: &[&str] =
    &["id", "number", "title", "description", "due_on", "created_at", "updated_at"];

pub(super) fn milestone_event(
    top: &Object<'_>,
    action: &str,
    repository: Repository,
) -> Result<MilestoneEvent, Failure> {
    let action = match action {
        "deleted" => MilestoneAction::Deleted,
        _ => MilestoneAction::Written,
    };
    let fields = top
        .object("milestone", MILESTONE)?
        .ok_or_else(|| missing("milestone", "the milestone as an object"))?;
    Ok(MilestoneEvent { action, repository, milestone: milestone_of(&fields)? })
}

/// What a payload says of the milestone of an issue.
pub(super) fn milestoned(fields: &Object<'_>) -> Result<Milestoned, Failure> {
    if !fields.has("milestone") {
        return Ok(Milestoned::Unsaid);
    }
    Ok(match fields.object("milestone", MILESTONE)? {
        Some(milestone) => Milestoned::In(milestone_of(&milestone)?),
        None => Milestoned::Nowhere,
    })
}

fn milestone_of(fields: &Object<'_>) -> Result<Milestone, Failure> {
    let required = |name: &str, expected| missing(&fields.path_of(name), expected);
    Ok(Milestone {
        id: fields.github_id("id")?.ok_or_else(|| required("id", NUMBER))?,
        number: fields.number("number")?.ok_or_else(|| required("number", NUMBER))?,
        title: fields.text("title")?.ok_or_else(|| required("title", "the title as text"))?,
        description: fields.text("description")?,
        due_on: fields.time("due_on")?,
        created_at: fields.time("created_at")?,
        updated_at: fields.time("updated_at")?.ok_or_else(|| {
            required("updated_at", "a time, without which newer can't be told from older")
        })?,
    })
}

/// Each change is told twice: to the repository of the sub-issue, and to that of its parent, which
/// names the other one's beside.
pub(super) fn sub_issue_event(
    top: &Object<'_>,
    action: &str,
    repository: Repository,
) -> Result<SubIssueEvent, Failure> {
    let thing = |name: &'static str| -> Result<Option<Thing>, Failure> {
        let fields = top.object(name, THING)?;
        fields.map(|fields| thing_of(&fields, Nature::Issue)).transpose()
    };
    let issue =
        thing("sub_issue")?.ok_or_else(|| missing("sub_issue", "the sub-issue as an object"))?;
    let place = repository_at(top, "sub_issue_repo")?.unwrap_or_else(|| repository.clone());
    let parent = if action.ends_with("_removed") {
        None
    } else {
        let parent = thing("parent_issue")?
            .ok_or_else(|| missing("parent_issue", "the parent as an object"))?;
        let of = repository_at(top, "parent_issue_repo")?.unwrap_or_else(|| repository.clone());
        Some(ParentIssue { id: parent.id, key: format!("{}#{}", of.full_name, parent.number) })
    };
    Ok(SubIssueEvent { repository, place, issue, parent })
}
