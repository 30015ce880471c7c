//! What a Plane webhook says, in types, whichever of the three dialects it is written in.
//!
//! The rule: what is not there stays `None`, what is there and can't be read is a permanent
//! failure that names its path. Names are not looked up here and nothing is decided; that is
//! `normalize`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::canary;
use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::sources::fields::{EXPECTED_ID, Object, id_of, missing, text_of, unexpected};
use crate::sync::plane::EXTERNAL_SOURCE;

/// One delivery's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A work item was created, changed or deleted.
    WorkItem(Box<WorkItemEvent>),
    /// The canary's item, which is on no board.
    Canary,
    /// Anything else, under the name that Plane gives it.
    Other {
        /// `project.created`, shortened where it is long.
        name: String,
    },
}

impl Event {
    /// The project that it is about, as far as it is told.
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::WorkItem(event) => event.item.project.as_deref(),
            Self::Canary | Self::Other { .. } => None,
        }
    }
}

/// What happened to a work item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `created` and `updated`: here is a state.
    Upsert,
    /// `deleted`: it is gone.
    Delete,
}

/// A work item and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItemEvent {
    /// What happened.
    pub action: Action,
    /// The item, as far as the payload tells.
    pub item: Item,
    /// When Plane was asked for it; `None` for what it sent.
    pub found_at: Option<Timestamp>,
}

/// A work item as a payload tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where the payload has it: `data`, `issue` or `previous_attributes`.
    pub path: &'static str,
    /// The item's id.
    pub id: String,
    /// The project's id.
    pub project: Option<String>,
    /// The project's identifier (`SYNC`), where the payload has it.
    pub identifier: Option<String>,
    /// The number in the project.
    pub sequence: Option<u64>,
    /// The title.
    pub name: Option<String>,
    /// The state.
    pub state: Option<State>,
    /// In the payload's order; `None` where it has no such list.
    pub assignees: Option<Vec<Assignee>>,
    /// In the payload's order; `None` where it has no such list.
    pub labels: Option<Vec<Label>>,
    /// The priority's word and whether the payload speaks of it at all.
    pub priority: Priority,
    /// GitHub's id of the issue that it stands for, where Jetbridge made it.
    pub github_issue: Option<String>,
    /// The description as Plane keeps it, unsanitised.
    pub description_html: Option<String>,
    /// An address of the item, unchecked.
    pub url: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it changed last.
    pub updated_at: Option<Timestamp>,
    /// When it came into a completed state.
    pub completed_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// A state: all of it, only its id, or only its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its group, in Plane's word.
    pub group: Option<String>,
}

/// An assignee: id, name, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignee {
    /// The user's id.
    pub id: Option<String>,
    /// The display name.
    pub name: Option<String>,
}

/// A label: id, name, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Its id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its color.
    pub color: Option<String>,
}

/// What a payload says of an item's priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Priority {
    /// Nothing.
    Unsaid,
    /// That there is none.
    Unset,
    /// This word.
    Word(String),
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A work item itself, not something that hangs on it.
    WorkItem,
    /// Anything else.
    Other,
}

/// An event's name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventName {
    /// What it is about.
    pub subject: Subject,
    /// What happened, where it is one of the three that we act on.
    pub action: Option<Action>,
}

impl EventName {
    /// Reads `issue` with the action beside it (v1), `workitem.created` (v2), `issue.created`
    /// (contract), and the names of enumerations that a Python server may let through
    /// (`WORKITEM_CREATED`, `WorkItemEvent.CREATED`).
    pub fn of(event: &str, action: Option<&str>) -> Self {
        let other = Self { subject: Subject::Other, action: None };
        if event.len() > LONGEST_NAME {
            return other;
        }
        let mut words = words_of(event);
        let verb = match action {
            Some(action) => {
                let action = action.to_ascii_lowercase();
                // Some say it twice: `workitem.created` with `created` beside it.
                words.pop_if(|last| *last == action);
                Some(action)
            }
            None => words.pop_if(|last| matches!(last.as_str(), "created" | "updated" | "deleted")),
        };
        let subject = match words.concat().as_str() {
            "issue" | "workitem" => Subject::WorkItem,
            _ => return other,
        };
        let action = match verb.as_deref() {
            Some("created" | "updated") => Some(Action::Upsert),
            Some("deleted") => Some(Action::Delete),
            _ => None,
        };
        Self { subject, action }
    }
}

/// Longest event name that is read, in bytes, and kept, in characters.
const LONGEST_NAME: usize = 100;

/// An event's whole name as it is stored and shown: in Plane's words, on one line, not long.
pub(super) fn full_name(event: &str, action: Option<&str>) -> String {
    let mut name: String = one_line(event).collect();
    if let Some(action) = action
        && name.rsplit_once('.').is_none_or(|(_, last)| last != action)
    {
        name.push('.');
        name.extend(one_line(action));
        if let Some((end, _)) = name.char_indices().nth(LONGEST_NAME) {
            name.truncate(end);
        }
    }
    if name.is_empty() { "unknown".to_owned() } else { name }
}

fn one_line(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME)
}

/// The words of a name in lower case, without those that only say that it is an event's.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let starts_word = c.is_ascii_uppercase() && before.is_ascii_lowercase();
        if starts_word || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.retain(|word| !matches!(word.as_str(), "" | "event" | "events" | "webhook" | "type"));
    words
}

const TOP: &[&str] = &[
    "event",
    "action",
    "entity_id",
    "data",
    "issue",
    "project",
    "project_id",
    "previous_attributes",
    FOUND_AT,
];
/// Where a body of our own making says when Plane was asked.
pub(super) const FOUND_AT: &str = "found_at";
const ITEM: &[&str] = &[
    "id",
    "name",
    "state",
    "state_id",
    "assignees",
    "assignee_ids",
    "labels",
    "label_ids",
    "project",
    "project_id",
    "priority",
    "sequence_id",
    "url",
    "created_at",
    "updated_at",
    "completed_at",
    "deleted_at",
    "external_source",
    "external_id",
    "description_html",
];

/// Reads a payload's JSON text.
///
/// # Errors
/// A permanent failure that says which field can't be read and what belongs there.
pub fn parse(json: &[u8]) -> Result<Event, Failure> {
    let text = std::str::from_utf8(json)
        .map_err(|_| Failure::permanent("unreadable payload: expected JSON in UTF-8"))?;
    let top = Object::root(text, TOP)
        .map_err(|e| {
            let place = format!("line {} column {}", e.line(), e.column());
            Failure::permanent(format!("unreadable payload: not JSON at {place}"))
        })?
        .ok_or_else(|| {
            Failure::permanent("unreadable payload: expected an object with event and data")
        })?;
    let event = top
        .word("event")?
        .ok_or_else(|| missing("event", "the event's name, such as issue.updated"))?;
    let action = top.word("action")?;
    match EventName::of(&event, action.as_deref()) {
        EventName { subject: Subject::WorkItem, action: Some(action) } => {
            if is_canary(&top)? {
                return Ok(Event::Canary);
            }
            let (item, found_at) = (read_item(&top, action)?, top.time(FOUND_AT)?);
            Ok(Event::WorkItem(Box::new(WorkItemEvent { action, item, found_at })))
        }
        _ => Ok(Event::Other { name: full_name(&event, action.as_deref()) }),
    }
}

/// Whether it is about the item that is there for nothing but its webhooks.
fn is_canary(top: &Object<'_>) -> Result<bool, Failure> {
    let Some(fields) = top.object("data", ITEM)? else { return Ok(false) };
    let source = fields.value("external_source").and_then(text_of);
    Ok(source.is_some_and(|source| source == canary::EXTERNAL_SOURCE))
}

/// Finds the item: `issue` (contract), `data` (v1, v2), or `previous_attributes` where a deletion
/// leaves `data` empty (v2).
fn read_item(top: &Object<'_>, action: Action) -> Result<Item, Failure> {
    let mut candidates = vec!["issue", "data"];
    if action == Action::Delete {
        candidates.push("previous_attributes");
    }
    let mut bare = None;
    for path in candidates {
        let Some(fields) = top.object(path, ITEM)? else { continue };
        if fields.id("id")?.is_some() {
            return item_of(top, &fields, path);
        }
        if fields.has("name") || fields.has("updated_at") {
            bare = Some((path, fields));
        }
    }
    let place = if top.has("issue") { "issue" } else { "data" };
    match (top.id("entity_id")?, bare) {
        (Some(_), Some((path, fields))) => item_of(top, &fields, path),
        (Some(id), None) if action == Action::Delete => {
            let project = project_of(top, None)?;
            Ok(Item { project: project.0, identifier: project.1, ..Item::empty(place, id) })
        }
        _ if top.value(place).is_none() => Err(missing(place, "the work item as an object")),
        _ => Err(missing(&format!("{place}.id"), EXPECTED_ID)),
    }
}

fn item_of(top: &Object<'_>, fields: &Object<'_>, path: &'static str) -> Result<Item, Failure> {
    let id = match fields.id("id")? {
        Some(id) => id,
        None => top.id("entity_id")?.ok_or_else(|| missing(&fields.path_of("id"), EXPECTED_ID))?,
    };
    let (project, identifier) = project_of(top, Some(fields))?;
    let github_issue = github_issue_of(fields);
    let description = fields.value("description_html");
    Ok(Item {
        github_issue,
        description_html: description.and_then(text_of).map(Cow::into_owned),
        path,
        id,
        project,
        identifier,
        sequence: fields.number("sequence_id")?,
        name: fields.text("name")?,
        state: state_of(fields)?,
        assignees: assignees_of(fields)?,
        labels: labels_of(fields)?,
        priority: match fields.word("priority")? {
            Some(word) => Priority::Word(word),
            None if fields.has("priority") => Priority::Unset,
            None => Priority::Unsaid,
        },
        url: fields.word("url")?,
        created_at: fields.time("created_at")?,
        updated_at: fields.time("updated_at")?,
        completed_at: fields.time("completed_at")?,
        deleted_at: fields.time("deleted_at")?,
    })
}

impl Item {
    fn empty(path: &'static str, id: String) -> Self {
        Self {
            path,
            id,
            project: None,
            identifier: None,
            sequence: None,
            name: None,
            state: None,
            assignees: None,
            labels: None,
            priority: Priority::Unsaid,
            github_issue: None,
            description_html: None,
            url: None,
            created_at: None,
            updated_at: None,
            completed_at: None,
            deleted_at: None,
        }
    }
}

/// The project's id and identifier: beside the item (contract), in it as an object or an id (v1),
/// or as `project_id` (v2).
fn project_of(
    top: &Object<'_>,
    item: Option<&Object<'_>>,
) -> Result<(Option<String>, Option<String>), Failure> {
    for holder in [Some(top), item].into_iter().flatten() {
        let Some(value) = holder.value("project") else { continue };
        if let Some(id) = id_of(value) {
            return Ok((Some(id).filter(|id| !id.is_empty()), None));
        }
        let project = Object::at(holder.path_of("project"), value, &["id", "identifier"])?;
        return Ok((project.id("id")?, project.word("identifier")?));
    }
    let id = item.map(|item| item.id("project_id")).transpose()?.flatten();
    Ok((if id.is_some() { id } else { top.id("project_id")? }, None))
}

/// What can't be read here is no reason to fail: nothing is shown of it.
fn github_issue_of(fields: &Object<'_>) -> Option<String> {
    let source = fields.value("external_source").and_then(text_of)?;
    let id = (source == EXTERNAL_SOURCE).then(|| fields.value("external_id")).flatten()?;
    id_of(id).filter(|id| !id.is_empty())
}

fn state_of(fields: &Object<'_>) -> Result<Option<State>, Failure> {
    if let Some(value) = fields.value("state") {
        if let Some(text) = text_of(value) {
            let is_id = uuid::Uuid::parse_str(&text).is_ok();
            let text = Some(text.into_owned()).filter(|t| !t.is_empty());
            let (id, name) = if is_id { (text, None) } else { (None, text) };
            return Ok(Some(State { id, name, group: None }));
        }
        let state = Object::at(fields.path_of("state"), value, &["id", "name", "group"])?;
        let name = state.text("name")?.filter(|name| !name.is_empty());
        return Ok(Some(State { id: state.id("id")?, name, group: state.word("group")? }));
    }
    Ok(fields.id("state_id")?.map(|id| State { id: Some(id), ..State::default() }))
}

fn assignees_of(fields: &Object<'_>) -> Result<Option<Vec<Assignee>>, Failure> {
    entries(fields, "assignees", "assignee_ids", |path, value| {
        if let Some(id) = id_of(value) {
            return Ok(Assignee { id: Some(id), name: None });
        }
        let person = Object::at(path.clone(), value, &["id", "display_name"])?;
        let name = person.text("display_name")?.filter(|name| !name.is_empty());
        let assignee = Assignee { id: person.id("id")?, name };
        if assignee.id.is_none() && assignee.name.is_none() {
            return Err(unexpected(&path, "an id or a display_name", value));
        }
        Ok(assignee)
    })
}

fn labels_of(fields: &Object<'_>) -> Result<Option<Vec<Label>>, Failure> {
    entries(fields, "labels", "label_ids", |path, value| {
        if let Some(id) = id_of(value) {
            return Ok(Label { id: Some(id), name: None, color: None });
        }
        let label = Object::at(path.clone(), value, &["id", "name", "color"])?;
        let name = label.text("name")?.filter(|name| !name.is_empty());
        let label = Label { id: label.id("id")?, name, color: label.word("color")? };
        if label.id.is_none() && label.name.is_none() {
            return Err(unexpected(&path, "an id or a name", value));
        }
        Ok(label)
    })
}

/// A list under its first name or, with ids only, its second.
fn entries<T>(
    fields: &Object<'_>,
    name: &str,
    ids: &str,
    read: impl Fn(String, &RawValue) -> Result<T, Failure>,
) -> Result<Option<Vec<T>>, Failure> {
    let list = match fields.list(name)? {
        Some(list) => Some(list),
        None => fields.list(ids)?,
    };
    match list {
        Some(list) => list
            .into_iter()
            .map(|(path, value)| read(path, value))
            .collect::<Result<_, _>>()
            .map(Some),
        None if fields.has(name) || fields.has(ids) => Ok(Some(Vec::new())),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_in_every_spelling() {
        let upsert = EventName { subject: Subject::WorkItem, action: Some(Action::Upsert) };
        let delete = EventName { subject: Subject::WorkItem, action: Some(Action::Delete) };
        assert_eq!(EventName::of("issue", Some("created")), upsert);
        assert_eq!(EventName::of("issue", Some("deleted")), delete);
        for event in [
            "issue.created",
            "workitem.updated",
            "work_item.updated",
            "WORKITEM_CREATED",
            "WORK_ITEM_UPDATED",
            "WorkItemEvent.CREATED",
            "WebhookEvent.WORKITEM_CREATED",
            "EventType.ISSUE_UPDATED",
            "work-item.created",
        ] {
            assert_eq!(EventName::of(event, None), upsert, "{event}");
        }
        assert_eq!(EventName::of("WORKITEM_DELETED", None), delete);
    }

    #[test]
    fn what_hangs_on_a_work_item_is_not_the_work_item() {
        for event in [
            "issue_comment",
            "workitem.comment.created",
            "WORKITEM_COMMENT_DELETED",
            "workitem.archived",
            "project",
            "",
            "…",
        ] {
            assert_eq!(EventName::of(event, None).subject, Subject::Other, "{event}");
        }
        let nothing = EventName { subject: Subject::WorkItem, action: None };
        assert_eq!(EventName::of("issue", None), nothing);
        assert_eq!(EventName::of("issue", Some("archived")), nothing);
    }
}
