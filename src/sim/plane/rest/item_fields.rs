//! What a request says about a work item: what Plane refuses, and what it drops without a word.

use chrono::DateTime;
use uuid::Uuid;

use super::fields::{Fields, Maybe};
use crate::clock::{Timestamp, to_micros};
use crate::sim::plane::answer::Answer;
use crate::sim::plane::config::Role;
use crate::sim::plane::html;
use crate::sim::plane::records::Item;
use crate::sim::plane::world::World;

const PRIORITIES: [&str; 5] = ["urgent", "high", "medium", "low", "none"];

/// The fields that count; `state_id`, `label_ids` and whatever else is unknown are not among
/// them.
#[derive(Debug)]
pub(super) struct ItemFields {
    pub name: Option<String>,
    pub description_html: Option<String>,
    pub priority: Option<String>,
    pub state: Maybe<Uuid>,
    pub labels: Option<Vec<Uuid>>,
    pub assignees: Option<Vec<Uuid>>,
    pub start_date: Maybe<String>,
    pub target_date: Maybe<String>,
    pub archived_at: Maybe<String>,
    pub external_id: Maybe<String>,
    pub external_source: Maybe<String>,
    pub parent: Maybe<Uuid>,
    pub created_by: Option<Uuid>,
    pub created_at: Option<Timestamp>,
    pub is_draft: Option<bool>,
    pub sequence_id: Option<u64>,
}

impl ItemFields {
    pub fn of(fields: &Fields, world: &World, project: Uuid) -> Result<Self, Answer> {
        let read = Self {
            name: fields.name("name")?,
            description_html: description(fields)?,
            priority: fields.choice("priority", &PRIORITIES)?,
            state: fields.reference("state", |id| world.state(id).is_some())?,
            labels: fields
                .references("labels", |id| world.label(id).is_some())?
                .map(|ids| of_project(world, project, ids)),
            assignees: fields
                .references("assignees", |id| world.user(id).is_some())?
                .map(|ids| assignable(world, project, ids)),
            start_date: fields.date("start_date")?,
            target_date: fields.date("target_date")?,
            archived_at: fields.date("archived_at")?,
            external_id: fields.short_text("external_id")?,
            external_source: fields.short_text("external_source")?,
            parent: fields.reference("parent", |id| world.item(id).is_some())?,
            created_by: fields.reference("created_by", |id| world.user(id).is_some())?.flatten(),
            created_at: moment(fields),
            is_draft: fields.flag("is_draft")?,
            sequence_id: fields.number("sequence_id")?,
        };
        read.refuse_foreign_state(world, project)?;
        let parent = read.parent.flatten().and_then(|id| world.item(id));
        if parent.is_some_and(|parent| parent.project != project) {
            return Err(whole("Parent is not valid issue_id please pass a valid issue_id"));
        }
        if let (Some(Some(start)), Some(Some(target))) = (&read.start_date, &read.target_date)
            && start > target
        {
            return Err(whole("Start date cannot exceed target date"));
        }
        Ok(read)
    }

    fn refuse_foreign_state(&self, world: &World, project: Uuid) -> Result<(), Answer> {
        let state = self.state.flatten().and_then(|id| world.state(id));
        if state.is_some_and(|state| state.project != project) {
            return Err(whole("State is not valid please pass a valid state_id"));
        }
        Ok(())
    }

    /// Writes what a PATCH may write.
    pub fn apply(self, world: &mut World, id: Uuid) {
        if let Some(state) = self.state {
            let Some(project) = world.item(id).map(|item| item.project) else { return };
            let state = state.unwrap_or_else(|| world.default_state(project));
            world.enter_state(id, state);
        }
        let Some(item) = world.item_mut(id) else { return };
        set(&mut item.name, self.name);
        set(&mut item.description_html, self.description_html);
        set(&mut item.priority, self.priority);
        set(&mut item.labels, self.labels);
        set(&mut item.assignees, self.assignees);
        set(&mut item.start_date, self.start_date);
        set(&mut item.target_date, self.target_date);
        set(&mut item.archived_at, self.archived_at);
        set(&mut item.external.id, self.external_id);
        set(&mut item.external.source, self.external_source);
        set(&mut item.parent, self.parent);
        set(&mut item.created_by, self.created_by);
        set(&mut item.is_draft, self.is_draft);
        set(&mut item.sequence_id, self.sequence_id);
    }

    /// Writes what a POST may write onto a new item; who made it comes later.
    pub fn fill(self, item: &mut Item) {
        set(&mut item.name, self.name);
        set(&mut item.description_html, self.description_html);
        set(&mut item.priority, self.priority);
        set(&mut item.labels, self.labels);
        set(&mut item.assignees, self.assignees);
        set(&mut item.start_date, self.start_date);
        set(&mut item.target_date, self.target_date);
        set(&mut item.external.id, self.external_id);
        set(&mut item.external.source, self.external_source);
        set(&mut item.parent, self.parent);
        set(&mut item.is_draft, self.is_draft);
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

pub(super) fn whole(words: &str) -> Answer {
    Answer::field("non_field_errors", words)
}

fn description(fields: &Fields) -> Result<Option<String>, Answer> {
    let Some(html) = fields.free_text("description_html")? else { return Ok(None) };
    html::stored(&html).map(Some).map_err(|_| whole("Invalid HTML passed"))
}

/// Labels of another project are dropped. The order is always that of the ids.
fn of_project(world: &World, project: Uuid, mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.retain(|id| world.label(*id).is_some_and(|label| label.project == project));
    ids.sort_unstable();
    ids
}

/// Whoever is no member, or a guest, is dropped. The order is always that of the ids.
fn assignable(world: &World, project: Uuid, mut ids: Vec<Uuid>) -> Vec<Uuid> {
    ids.retain(|id| world.role_in(project, *id).is_some_and(|role| role >= Role::Member));
    ids.sort_unstable();
    ids
}

fn moment(fields: &Fields) -> Option<Timestamp> {
    let time = fields.value("created_at")?.as_str()?;
    DateTime::parse_from_rfc3339(time).ok().map(|time| to_micros(time.to_utc()))
}
