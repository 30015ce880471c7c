//! From what Plane says to what a work item is. Pure: no I/O, no clock; names that a payload does
//! not have come in as [`Names`], and what they can't fill in is listed in `missing`.
//!
//! The words of `missing` depend on the payload and the names alone: of two snapshots with the
//! same time the one that misses less wins, so they take part in the decision.

use std::collections::HashMap;

use super::payload::{Action, Assignee, Event, Item, Priority, State};
use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::sources::fields::missing;
use crate::sync::plane;
use crate::work_items::{
    Change, Extent, Kind, Label, Person, Readiness, Snapshot, Stage, StateGroup, System, Text,
    TextFormat, Tombstone,
};

/// A name that a payload leaves out and Plane's API knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// The project's identifier (`SYNC`).
    Project {
        /// The project's id.
        project: String,
    },
    /// A state's name and group.
    State {
        /// The project's id.
        project: String,
        /// The state's id.
        id: String,
    },
    /// The group of a state of which only the name is known.
    StateNamed {
        /// The project's id.
        project: String,
        /// The state's name.
        name: String,
    },
    /// A label's name.
    Label {
        /// The project's id.
        project: String,
        /// The label's id.
        id: String,
    },
    /// A user's display name.
    Member {
        /// A project that the user is or was a member of.
        project: String,
        /// The user's id.
        id: String,
    },
}

/// Whether names can be looked up at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lookup {
    /// There is no API key.
    #[default]
    Off,
    /// Plane's API is asked.
    On,
}

/// A state's name and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateName {
    /// The project's id.
    pub project: String,
    /// Its name.
    pub name: String,
    /// Its group, in Plane's word.
    pub group: String,
}

/// A label's name and color.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelName {
    /// Its name.
    pub name: String,
    /// `#rrggbb`.
    pub color: Option<String>,
}

/// What is known of Plane's names, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Whether unknown ones could be looked up.
    pub lookup: Lookup,
    /// Identifiers by project id.
    pub projects: HashMap<String, String>,
    /// States by id.
    pub states: HashMap<String, StateName>,
    /// Labels by id.
    pub labels: HashMap<String, LabelName>,
    /// Display names by user id.
    pub members: HashMap<String, String>,
}

impl Names {
    /// Whether the need is met.
    pub fn knows(&self, need: &Need) -> bool {
        match need {
            Need::Project { project } => self.projects.contains_key(project),
            Need::State { id, .. } => self.states.contains_key(id),
            Need::StateNamed { project, name } => self.state_named(project, name).is_some(),
            Need::Label { id, .. } => self.labels.contains_key(id),
            Need::Member { id, .. } => self.members.contains_key(id),
        }
    }

    fn state_named(&self, project: &str, name: &str) -> Option<&StateName> {
        let same = |s: &&StateName| s.project == project && s.name == name;
        // Two may have the name, one of them deleted: any, but always the same one.
        self.states.iter().filter(|(_, s)| same(s)).min_by_key(|(id, _)| *id).map(|(_, s)| s)
    }

    /// Why a name is not known, for `missing`.
    fn why(&self) -> &'static str {
        match self.lookup {
            Lookup::Off => "no Plane API key is set",
            Lookup::On => "Plane's API did not say",
        }
    }
}

/// The states of a new Plane project, for projects of which no states are known.
const DEFAULT_STATES: [(&str, StateGroup); 5] = [
    ("Backlog", StateGroup::Backlog),
    ("Todo", StateGroup::Unstarted),
    ("In Progress", StateGroup::Started),
    ("Done", StateGroup::Completed),
    ("Cancelled", StateGroup::Cancelled),
];

/// Which names have to be looked up to tell all of the item.
pub fn needs(event: &Event) -> Vec<Need> {
    let Event::WorkItem(event) = event else { return Vec::new() };
    let item = &event.item;
    let Some(project) = item.project.clone() else { return Vec::new() };
    if event.action == Action::Delete && !is_whole(item) {
        return Vec::new();
    }
    let mut needs = Vec::new();
    if item.identifier.is_none() && item.sequence.is_some() {
        needs.push(Need::Project { project: project.clone() });
    }
    let known_group = |s: &State| s.group.as_deref().and_then(group_of).is_some();
    match item.state.clone() {
        Some(state) if state.name.is_some() && known_group(&state) => {}
        Some(State { id: Some(id), .. }) => {
            needs.push(Need::State { project: project.clone(), id });
        }
        Some(State { name: Some(name), .. }) => {
            needs.push(Need::StateNamed { project: project.clone(), name });
        }
        _ => {}
    }
    for assignee in item.assignees.iter().flatten() {
        if let Assignee { id: Some(id), name: None } = assignee {
            needs.push(Need::Member { project: project.clone(), id: id.clone() });
        }
    }
    for label in item.labels.iter().flatten() {
        if let (Some(id), None) = (&label.id, &label.name) {
            needs.push(Need::Label { project: project.clone(), id: id.clone() });
        }
    }
    needs
}

/// The item as the sync sees it: of those that stand for a GitHub issue, where the payload tells
/// all that is kept in step, by ids.
pub fn sync_item(event: &Event) -> Option<plane::Item> {
    let Event::WorkItem(event) = event else { return None };
    let item = &event.item;
    if event.action == Action::Delete || item.deleted_at.is_some() {
        return None;
    }
    Some(plane::Item {
        id: item.id.clone(),
        name: item.name.clone()?,
        description_html: item.description_html.clone()?,
        state: Some(item.state.as_ref()?.id.clone()?),
        labels: item
            .labels
            .as_ref()?
            .iter()
            .map(|label| label.id.clone())
            .collect::<Option<_>>()?,
        assignees: item.assignees.as_ref()?.iter().map(|a| a.id.clone()).collect::<Option<_>>()?,
        priority: match &item.priority {
            Priority::Word(word) => word.parse().ok(),
            Priority::Unset | Priority::Unsaid => None,
        },
        external_id: Some(item.github_issue.clone()?),
        external_source: Some(plane::EXTERNAL_SOURCE.to_owned()),
    })
}

/// What the event says about a work item.
///
/// `workspace` is the workspace's slug and `web_url` Plane's address for people, for items whose
/// payload has no `url`; `received_at` dates a deletion that has no time of its own.
///
/// # Errors
/// A permanent failure when a state has no title or no `updated_at`: without the one there is
/// nothing to show, without the other nobody can tell whether it is newer.
pub fn normalize(
    event: &Event,
    names: &Names,
    workspace: Option<&str>,
    web_url: Option<&str>,
    received_at: Timestamp,
) -> Result<Change, Failure> {
    let event = match event {
        Event::WorkItem(event) => event,
        Event::Canary => {
            return Ok(Change::Nothing {
                reason: "ignored: the canary shows that Plane's webhooks come".to_owned(),
            });
        }
        Event::Other { name } => {
            return Ok(Change::Nothing {
                reason: format!("ignored: {name} is not about a work item's state"),
            });
        }
    };
    let item = &event.item;
    let site = Site { workspace, web_url };
    let gone = event.action == Action::Delete || item.deleted_at.is_some();
    if !gone {
        let snapshot = Snapshot { asked_at: event.found_at, ..snapshot(item, names, site)? };
        return Ok(Change::State(Box::new(snapshot)));
    }
    let tombstone = Tombstone {
        item: item_ref(item),
        system: System::Plane,
        external_id: item.id.clone(),
        project_ref: item.project.clone(),
        at: item.deleted_at.or(item.updated_at).unwrap_or(received_at),
        moved_to: None,
    };
    let last = is_whole(item).then(|| snapshot(item, names, site)).transpose()?;
    Ok(Change::Gone(tombstone, last.map(Box::new)))
}

/// Whether a deleted item's payload tells enough to be shown.
fn is_whole(item: &Item) -> bool {
    item.name.is_some()
        && item.updated_at.is_some()
        && item.project.is_some()
        && item.state.is_some()
}

fn item_ref(item: &Item) -> WorkItemRef {
    WorkItemRef::new(format!("plane:{}", item.id))
}

/// Where people open Plane.
#[derive(Debug, Clone, Copy)]
struct Site<'a> {
    workspace: Option<&'a str>,
    web_url: Option<&'a str>,
}

fn snapshot(item: &Item, names: &Names, site: Site<'_>) -> Result<Snapshot, Failure> {
    let at = |field: &str| format!("{}.{field}", item.path);
    let title = item.name.clone().ok_or_else(|| missing(&at("name"), "the title as text"))?;
    let updated_at = item.updated_at.ok_or_else(|| {
        missing(&at("updated_at"), "a time, without which newer can't be told from older")
    })?;
    let mut gaps = Vec::new();
    if item.project.is_none() {
        gaps.push("project (not in the payload)".to_owned());
    }
    let (key, url) = address(item, names, site, &mut gaps);
    let (status, state_group) = state(item, names, &mut gaps);
    let assignees = assignees(item, names, &mut gaps);
    let labels = labels(item, names, &mut gaps);
    if item.priority == Priority::Unsaid {
        gaps.push("priority (not in the payload)".to_owned());
    }
    Ok(Snapshot {
        item: item_ref(item),
        system: System::Plane,
        external_id: item.id.clone(),
        kind: Kind::Issue,
        project_ref: item.project.clone().unwrap_or_default(),
        key,
        title,
        status,
        state_group,
        assignees,
        labels,
        priority: match &item.priority {
            Priority::Word(word) => Some(word.clone()),
            Priority::Unset | Priority::Unsaid => None,
        },
        url,
        created_at: item.created_at,
        completed_at: item.completed_at,
        updated_at,
        missing: gaps,
        extent: Extent::Whole,
        stage: Stage::Later,
        readiness: Readiness::Ready,
        pull: crate::work_items::PullFacts::default(),
        asked_at: None,
        description: description_of(item),
    })
}

/// `None` where the payload does not tell it; Plane's own empty paragraph is a text like any other.
fn description_of(item: &Item) -> Option<Text> {
    let text = item.description_html.clone()?;
    Some(Text { format: TextFormat::Html, text })
}

/// The key (`SYNC-12`), and the payload's url or else the one that the key leads to.
fn address(
    item: &Item,
    names: &Names,
    site: Site<'_>,
    gaps: &mut Vec<String>,
) -> (Option<String>, Option<String>) {
    let looked_up = item.project.as_ref().and_then(|project| names.projects.get(project));
    let identifier = item.identifier.as_ref().or(looked_up);
    let key = match (identifier, item.sequence) {
        (Some(identifier), Some(sequence)) => Ok(format!("{identifier}-{sequence}")),
        (None, Some(_)) => Err(names.why()),
        (_, None) => Err("the payload has no sequence_id"),
    };
    let given = item.url.as_deref().filter(|url| is_web_address(url)).map(str::to_owned);
    let url = match (&key, given) {
        (_, Some(given)) => Ok(given),
        (Err(why), None) => Err(*why),
        (Ok(key), None) => match (site.web_url, site.workspace) {
            (Some(web_url), Some(workspace)) => {
                Ok(format!("{}/{workspace}/browse/{key}/", web_url.trim_end_matches('/')))
            }
            (None, _) => Err("plane.web_url is not set"),
            (_, None) => Err("plane.workspace is not set"),
        },
    };
    match (&key, &url) {
        (Err(why), Err(_)) => gaps.push(format!("key and url ({why})")),
        (Err(why), Ok(_)) => gaps.push(format!("key ({why})")),
        (Ok(_), Err(why)) => gaps.push(format!("url ({why})")),
        (Ok(_), Ok(_)) => {}
    }
    (key.ok(), url.ok())
}

fn is_web_address(url: &str) -> bool {
    let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
    (lower.starts_with("https://") || lower.starts_with("http://"))
        && !url.contains(|c: char| c.is_control() || c.is_whitespace())
}

/// The state's name and group: the payload's, else the directory's, else (for the group) what the
/// name means in a new project.
fn state(
    item: &Item,
    names: &Names,
    gaps: &mut Vec<String>,
) -> (Option<String>, Option<StateGroup>) {
    let Some(state) = &item.state else {
        gaps.push("state (not in the payload)".to_owned());
        return (None, None);
    };
    let by_id = state.id.as_ref().and_then(|id| names.states.get(id));
    let name = state.name.clone().or_else(|| by_id.map(|s| s.name.clone()));
    let by_name = match (&item.project, &name) {
        (Some(project), Some(name)) => names.state_named(project, name),
        _ => None,
    };
    let told = state.group.as_deref().and_then(group_of);
    let looked_up = || by_id.or(by_name).and_then(|s| group_of(&s.group));
    let usual = || {
        let name = name.as_deref()?;
        DEFAULT_STATES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, group)| *group)
    };
    let group = told.or_else(looked_up).or_else(usual);
    match (&name, group) {
        (None, _) => gaps.push(format!("state name ({})", names.why())),
        (Some(_), None) => gaps.push(format!("state group ({})", names.why())),
        (Some(_), Some(_)) => {}
    }
    (name, group)
}

/// Plane's word for a group; its intake counts as backlog.
fn group_of(word: &str) -> Option<StateGroup> {
    if word == "triage" { Some(StateGroup::Backlog) } else { word.parse().ok() }
}

fn assignees(item: &Item, names: &Names, gaps: &mut Vec<String>) -> Vec<Person> {
    let Some(assignees) = &item.assignees else {
        gaps.push("assignees (not in the payload)".to_owned());
        return Vec::new();
    };
    let people: Vec<Person> = assignees
        .iter()
        .map(|Assignee { id, name }| {
            let looked_up = || id.as_ref().and_then(|id| names.members.get(id)).cloned();
            let name = name.clone().or_else(looked_up);
            let id = id.clone().or_else(|| name.clone()).unwrap_or_default();
            Person { id, name }
        })
        .collect();
    if people.iter().any(|person| person.name.is_none()) {
        gaps.push(format!("names of assignees ({})", names.why()));
    }
    people
}

fn labels(item: &Item, names: &Names, gaps: &mut Vec<String>) -> Vec<Label> {
    let Some(labels) = &item.labels else {
        gaps.push("labels (not in the payload)".to_owned());
        return Vec::new();
    };
    let mut unknown = false;
    let labels = labels
        .iter()
        .map(|label| {
            let looked_up = label.id.as_ref().and_then(|id| names.labels.get(id));
            let name = label.name.clone().or_else(|| looked_up.map(|l| l.name.clone()));
            unknown |= name.is_none();
            let color = label.color.clone().or_else(|| looked_up.and_then(|l| l.color.clone()));
            Label { name: name.or_else(|| label.id.clone()).unwrap_or_default(), color }
        })
        .collect();
    if unknown {
        gaps.push(format!("names of labels ({})", names.why()));
    }
    labels
}
