//! From what GitHub says to what an item and a comment are. Pure: no I/O, no clock.
//!
//! A payload that leaves out what the item has (`issues.pinned` without state and labels) makes a
//! partial snapshot, which never takes the place of a whole one.

use std::collections::BTreeMap;

use super::payload::{
    self, Account, CommentAction, CommentEvent, Event, IssueAction, IssueEvent, LabelAction,
    LabelEvent, Merge, MilestoneAction, Nature, PullRequestAction, PullRequestEvent, Repository,
    SubIssueEvent, Thing,
};
use crate::clock::Timestamp;
use crate::comments::{CommentChange, Saying};
use crate::failure::Failure;
use crate::ids::{CommentRef, WorkItemRef};
use crate::sources::Told;
use crate::sources::fields::missing;
use crate::sync::github::{self, IssueState};
use crate::sync::labels::{Happened, LabelFace, LabelStep};
use crate::sync::parents::ParentWord;
use crate::work_items::{
    Change, Course, Extent, Kind, Label, Person, PullFacts, Readiness, Review, Snapshot, Stage,
    StateGroup, System, Text, TextFormat, Tombstone, Verdict,
};

/// What the event says of an item and of a comment on it.
///
/// # Errors
/// A permanent failure when a pull request's repository has no numeric id: nothing else names it
/// for good.
pub fn normalize(event: &Event) -> Result<Told, Failure> {
    match event {
        Event::Issue(event) => issue(event).map(Told::from),
        Event::Comment(event) => comment(event),
        Event::PullRequest(event) => pull_request(event).map(Told::from),
        Event::SubIssue(event) => sub_issue(event).map(Told::from),
        Event::Milestone(event) => {
            let reason = format!("read: the milestone “{}”", event.milestone.title);
            Ok(Change::Nothing { reason }.into())
        }
        Event::Label(event) => Ok(Change::Nothing { reason: what_happened(event) }.into()),
        Event::Other { name } => {
            Ok(Change::Nothing { reason: format!("ignored: nothing is done with {name}") }.into())
        }
    }
}

fn what_happened(event: &LabelEvent) -> String {
    let name = &event.label.name;
    match (event.action, &event.name_from) {
        (LabelAction::Created, _) => {
            format!("the label “{name}” was made, of which the board shows nothing")
        }
        (LabelAction::Deleted, _) => {
            format!("the label “{name}” was deleted, of which the board shows nothing")
        }
        (LabelAction::Changed, Some(from)) => format!("the label “{from}” was renamed to “{name}”"),
        (LabelAction::Changed, None) => format!("the label “{name}” was changed"),
    }
}

fn issue(event: &IssueEvent) -> Result<Change, Failure> {
    let IssueEvent { action, repository, issue, found_at } = event;
    let name = Name::of(repository, issue)?;
    let stage = if *action == IssueAction::Opened { Stage::First } else { Stage::Later };
    let asked_at = *found_at;
    let snapshot = Snapshot { asked_at, ..snapshot(&name, repository, issue, stage) };
    let snapshot = Box::new(snapshot);
    let moved_to = match action {
        IssueAction::Opened | IssueAction::Changed => return Ok(Change::State(snapshot)),
        IssueAction::Deleted => None,
        IssueAction::Transferred { to } => to.map(|id| WorkItemRef::new(format!("github:{id}"))),
    };
    let tombstone = Tombstone {
        item: name.item,
        system: System::Github,
        external_id: name.external_id,
        project_ref: Some(repository.full_name.clone()),
        at: issue.updated_at,
        moved_to,
    };
    Ok(Change::Gone(tombstone, Some(snapshot)))
}

/// The sub-issue's own repository tells of it, too.
fn sub_issue(event: &SubIssueEvent) -> Result<Change, Failure> {
    let SubIssueEvent { repository, place, issue, .. } = event;
    if !is_its(repository, place) {
        let reason =
            format!("ignored: the sub-issue's own repository {} tells it", place.full_name);
        return Ok(Change::Nothing { reason });
    }
    let name = Name::of(place, issue)?;
    Ok(Change::State(Box::new(snapshot(&name, place, issue, Stage::Later))))
}

fn is_its(one: &Repository, other: &Repository) -> bool {
    match (one.id, other.id) {
        (Some(one), Some(other)) => one == other,
        _ => one.full_name.eq_ignore_ascii_case(&other.full_name),
    }
}

fn pull_request(event: &PullRequestEvent) -> Result<Change, Failure> {
    let PullRequestEvent { action, repository, pull_request, .. } = event;
    let name = Name::of(repository, pull_request)?;
    let stage = match action {
        PullRequestAction::Opened => Stage::First,
        PullRequestAction::Changed => Stage::Later,
    };
    let snapshot = snapshot(&name, repository, pull_request, stage);
    Ok(Change::State(Box::new(Snapshot { pull: pull_facts(event), ..snapshot })))
}

fn pull_facts(event: &PullRequestEvent) -> PullFacts {
    let PullRequestEvent { pull_request, branch, asked, review, .. } = event;
    let course = Course {
        at: pull_request.updated_at,
        asked: asked.iter().cloned().collect(),
        readiness: if pull_request.draft { Readiness::Draft } else { Readiness::Ready },
        branch: branch.clone().filter(|branch| !branch.is_empty()),
    };
    let reviews: BTreeMap<_, _> = review.iter().filter_map(verdict).collect();
    PullFacts { course: Some(course), reviews, closes: None }
}

/// Who said what of the whole; `None` for remarks, and for a review that is not submitted yet.
fn verdict(review: &payload::Review) -> Option<(String, Review)> {
    let verdict = match review.state.as_deref()? {
        state if state.eq_ignore_ascii_case("approved") => Verdict::Approved,
        state if state.eq_ignore_ascii_case("changes_requested") => Verdict::ChangesRequested,
        state if state.eq_ignore_ascii_case("dismissed") => Verdict::Dismissed,
        _ => return None,
    };
    // Accounts that were deleted all become one and the same.
    let author = review.author.as_ref().map_or_else(String::new, |author| author.id.to_string());
    Some((author, Review { at: review.submitted_at?, id: review.id, verdict }))
}

fn comment(event: &CommentEvent) -> Result<Told, Failure> {
    let CommentEvent { action, repository, issue, comment, found_at } = event;
    let name = Name::of(repository, issue)?;
    let said = Saying {
        comment: CommentRef::new(format!("github:{}", comment.id)),
        item: name.item.clone(),
        system: System::Github,
        external_id: comment.id.to_string(),
        author: comment.author.as_ref().map(|author| author.login.clone()),
        text: Text { format: TextFormat::Markdown, text: comment.body.clone() },
        url: comment.html_url.clone(),
        created_at: comment.created_at,
        updated_at: comment.updated_at,
    };
    // GitHub does not say when a comment was deleted, but that changes the issue.
    let gone_at = match action {
        CommentAction::Written => None,
        CommentAction::Deleted => Some(comment.updated_at.max(issue.updated_at)),
    };
    let asked_at = *found_at;
    let snapshot = Snapshot { asked_at, ..snapshot(&name, repository, issue, Stage::Later) };
    Ok(Told {
        item: Change::State(Box::new(snapshot)),
        comment: Some(CommentChange { said, gone_at }),
    })
}

/// What names an item for good.
struct Name {
    item: WorkItemRef,
    external_id: String,
    kind: Kind,
}

impl Name {
    fn of(repository: &Repository, thing: &Thing) -> Result<Self, Failure> {
        let (external_id, kind) = match thing.nature {
            Nature::Issue => (thing.id.to_string(), Kind::Issue),
            Nature::PullRequest(_) => {
                let id = repository
                    .id
                    .ok_or_else(|| missing("repository.id", "GitHub's number of the repository"))?;
                (format!("pull_request:{id}:{}", thing.number), Kind::PullRequest)
            }
        };
        Ok(Self { item: WorkItemRef::new(format!("github:{external_id}")), external_id, kind })
    }
}

fn snapshot(name: &Name, repository: &Repository, thing: &Thing, stage: Stage) -> Snapshot {
    let mut gaps = Vec::new();
    let mut gap = |is_there: bool, what: &str| {
        if !is_there {
            gaps.push(format!("{what} (not in the payload)"));
        }
    };
    gap(thing.state.is_some(), "state");
    gap(thing.labels.is_some(), "labels");
    gap(thing.assignees.is_some(), "assignees");
    gap(thing.body.is_some(), "description");
    let state_group = state_group(thing);
    gap(state_group.is_some() || thing.state.is_none(), "state group");
    let label = |label: &super::payload::Label| Label {
        name: label.name.clone(),
        color: label.color.as_ref().map(|color| format!("#{color}")),
    };
    let person = |account: &Account| Person {
        id: account.id.to_string(),
        name: Some(account.login.clone()),
    };
    let description = thing.body.clone().flatten().filter(|body| !body.is_empty());
    Snapshot {
        item: name.item.clone(),
        system: System::Github,
        external_id: name.external_id.clone(),
        kind: name.kind,
        project_ref: repository.full_name.clone(),
        key: Some(format!("{}#{}", repository.full_name, thing.number)),
        title: thing.title.clone(),
        status: thing.state.clone(),
        state_group,
        assignees: thing.assignees.iter().flatten().map(person).collect(),
        labels: thing.labels.iter().flatten().map(label).collect(),
        priority: None,
        url: thing.html_url.clone(),
        created_at: thing.created_at,
        completed_at: thing.closed_at.filter(|_| state_group == Some(StateGroup::Completed)),
        updated_at: thing.updated_at,
        extent: if gaps.is_empty() { Extent::Whole } else { Extent::Partial },
        missing: gaps,
        stage: stage.max(stage_of(thing)),
        readiness: if thing.draft { Readiness::Draft } else { Readiness::Ready },
        pull: PullFacts::default(),
        asked_at: None,
        description: description.map(|text| Text { format: TextFormat::Markdown, text }),
    }
}

fn stage_of(thing: &Thing) -> Stage {
    match (thing.state.as_deref(), thing.state_reason.as_deref()) {
        (Some("closed"), _) => Stage::Ended,
        (_, Some("reopened")) => Stage::Resumed,
        _ => Stage::First,
    }
}

/// An issue that GitHub was asked for, as a snapshot: with the same time it counts more than what
/// webhooks told.
pub fn asked(issue: &github::Issue, at: Timestamp) -> Snapshot {
    let label = |label: &github::IssueLabel| Label {
        name: label.name.clone(),
        color: label.color.as_ref().map(|color| format!("#{color}")),
    };
    let person = |account: &github::Account| Person {
        id: account.id.to_string(),
        name: Some(account.login.clone()),
    };
    let state_group = group_of(issue.state);
    let body = issue.body.clone().filter(|body| !body.is_empty());
    Snapshot {
        item: WorkItemRef::new(format!("github:{}", issue.id)),
        system: System::Github,
        external_id: issue.id.to_string(),
        kind: Kind::Issue,
        project_ref: issue.repository.clone(),
        key: Some(format!("{}#{}", issue.repository, issue.number)),
        title: issue.title.clone(),
        status: Some(if issue.state.is_closed() { "closed" } else { "open" }.to_owned()),
        state_group: Some(state_group),
        assignees: issue.assignees.iter().map(person).collect(),
        labels: issue.labels.iter().map(label).collect(),
        priority: None,
        url: Some(issue.html_url.clone()),
        created_at: Some(issue.created_at),
        completed_at: issue.closed_at.filter(|_| state_group == StateGroup::Completed),
        updated_at: issue.updated_at,
        missing: Vec::new(),
        extent: Extent::Whole,
        stage: Stage::Later,
        readiness: Readiness::Ready,
        pull: PullFacts::default(),
        asked_at: Some(at),
        description: body.map(|text| Text { format: TextFormat::Markdown, text }),
    }
}

/// The column of an issue.
fn group_of(state: IssueState) -> StateGroup {
    match state {
        IssueState::Open | IssueState::Reopened => StateGroup::Unstarted,
        IssueState::Completed => StateGroup::Completed,
        IssueState::NotPlanned | IssueState::Duplicate => StateGroup::Cancelled,
    }
}

/// The column of the board; `None` where the payload does not tell which.
fn state_group(thing: &Thing) -> Option<StateGroup> {
    let state = thing.state.as_deref()?;
    match (thing.nature, state) {
        (Nature::Issue, "open" | "closed") => {
            Some(group_of(IssueState::of(state, thing.state_reason.as_deref())))
        }
        (Nature::PullRequest(_), "open") => Some(StateGroup::Started),
        (Nature::PullRequest(Merge::Merged), "closed") => Some(StateGroup::Completed),
        (Nature::PullRequest(Merge::Unmerged), "closed") => Some(StateGroup::Cancelled),
        _ => None,
    }
}

/// The issue as the sync sees it; `None` for a pull request's own event, which does not tell the
/// issue half's id, and where the payload leaves out what the issue has.
pub fn sync_issue(event: &Event) -> Option<github::Issue> {
    let (repository, issue) = match event {
        Event::Issue(event) => (&event.repository, &event.issue),
        Event::Comment(event) => (&event.repository, &event.issue),
        Event::SubIssue(event) => (&event.place, &event.issue),
        Event::PullRequest(_) | Event::Label(_) | Event::Milestone(_) | Event::Other { .. } => {
            return None;
        }
    };
    let label = |label: &super::payload::Label| github::IssueLabel {
        id: label.id,
        name: label.name.clone(),
        color: label.color.clone(),
    };
    Some(github::Issue {
        id: issue.id,
        number: issue.number,
        repository: repository.full_name.clone(),
        repository_id: repository.id,
        title: issue.title.clone(),
        body: issue.body.clone()?,
        state: IssueState::of(issue.state.as_deref()?, issue.state_reason.as_deref()),
        labels: issue.labels.as_ref()?.iter().map(label).collect(),
        assignees: issue.assignees.as_ref()?.iter().map(sync_account).collect(),
        author: issue.author.as_ref().map(sync_account),
        html_url: issue.html_url.clone()?,
        pull_request: issue.nature != Nature::Issue,
        created_at: issue.created_at?,
        updated_at: issue.updated_at,
        closed_at: issue.closed_at,
        milestone: issue.milestone.clone(),
        parent: issue.parent.clone(),
    })
}

/// What an event says of an issue's parent; `arrival` tells two of one time apart.
pub fn sync_parent(event: &Event, arrival: i64) -> Option<ParentWord> {
    let Event::SubIssue(event) = event else { return None };
    let (parent, at) = (event.parent.clone(), event.issue.updated_at);
    Some(ParentWord { parent, at, arrival })
}

/// The milestone that an event is about, with what happened to it.
pub fn sync_milestone(event: &Event) -> Option<(MilestoneAction, github::Milestone)> {
    let Event::Milestone(event) = event else { return None };
    Some((event.action, event.milestone.clone()))
}

/// What a `label` event says, as the sync sees it.
pub fn sync_label(event: &Event) -> Option<LabelStep> {
    let Event::Label(event) = event else { return None };
    Some(LabelStep {
        id: event.id,
        happened: match event.action {
            LabelAction::Created => Happened::Created,
            LabelAction::Deleted => Happened::Deleted,
            LabelAction::Changed => Happened::Edited,
        },
        face: LabelFace::new(&event.label.name, event.label.color.as_deref()),
        name_from: event.name_from.clone(),
        color_from: event
            .color_from
            .as_deref()
            .and_then(|from| LabelFace::new("", Some(from)).color),
    })
}

/// The comment as the sync sees it, with what happened to it.
pub fn sync_comment(event: &Event) -> Option<(CommentAction, github::Comment)> {
    let Event::Comment(event) = event else { return None };
    let comment = &event.comment;
    let said = github::Comment {
        id: comment.id,
        body: comment.body.clone(),
        author: comment.author.as_ref().map(sync_account),
        html_url: comment.html_url.clone().unwrap_or_default(),
        created_at: comment.created_at.unwrap_or(comment.updated_at),
        updated_at: comment.updated_at,
    };
    Some((event.action, said))
}

fn sync_account(account: &Account) -> github::Account {
    github::Account { id: account.id, login: account.login.clone() }
}
