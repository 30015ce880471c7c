//! Work items. A create first looks for its external pair and then stores, and others may store
//! in between.

use std::cmp::Ordering;

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fields::Fields;
use super::item_fields::ItemFields;
use super::{Call, Handled, wrong_method};
use crate::sim::plane::answer::{Answer, Reply};
use crate::sim::plane::config::Role;
use crate::sim::plane::page::page;
use crate::sim::plane::records::{External, Item, Stamps};
use crate::sim::plane::render;
use crate::sim::plane::webhooks::{Background, Entity};
use crate::sim::plane::world::World;

const DUPLICATE: &str = "Issue with the same external id and external source already exists";

/// `…/work-items/`.
pub(super) fn all(world: &mut World, call: &Call, project: Uuid) -> Result<Handled, Answer> {
    match call.method {
        Method::GET => match (call.parameter("external_id"), call.parameter("external_source")) {
            (Some(id), Some(source)) => by_external(world, call, project, id, source),
            _ => list(world, call, project),
        }
        .map(Handled::Answer),
        Method::POST => create(world, call, project),
        _ => Err(wrong_method(call)),
    }
}

/// `…/work-items/{id}/`.
pub(super) fn one(world: &mut World, call: &Call, project: Uuid, id: Uuid) -> Reply {
    let item = world.item(id).filter(|item| item.project == project);
    match call.method {
        Method::GET => {
            let item = item.filter(|item| item.archived_at.is_none());
            item.map(|item| Answer::ok(shown(world, call, item))).ok_or_else(Answer::not_found)
        }
        Method::PATCH => {
            let item = item.cloned().ok_or_else(Answer::not_found)?;
            change(world, call, &item)
        }
        Method::DELETE => {
            let item = item.ok_or_else(Answer::not_found)?;
            let reader = call.reader.id;
            if item.created_by != reader && world.role_in(project, reader) != Some(Role::Admin) {
                return Err(Answer::not_yours("Only admin or creator can delete the work item"));
            }
            world.remove_item(id);
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

/// `…/work-items/SYNC-1/`.
pub(super) fn by_key(world: &World, call: &Call, key: &str) -> Reply {
    if call.method != Method::GET {
        return Err(wrong_method(call));
    }
    let (identifier, number) = key.rsplit_once('-').unwrap_or_default();
    let mut here = world.projects.iter().filter(|p| world.workspace_of(p.id) == call.workspace);
    let project = here.find(|project| project.identifier == identifier);
    let item = project.and_then(|project| {
        let mut items = world.items.iter();
        items.find(|item| item.project == project.id && item.sequence_id.to_string() == number)
    });
    item.map(|item| Answer::ok(shown(world, call, item))).ok_or_else(Answer::not_found)
}

/// `…/work-items/search/`.
pub(super) fn search(world: &World, call: &Call) -> Reply {
    if call.method != Method::GET {
        return Err(wrong_method(call));
    }
    let sought = call.parameter("search").unwrap_or_default().to_lowercase();
    let here = world.workspaces.iter().find(|known| known.id == call.workspace);
    let slug = here.map_or("", |workspace| workspace.slug.as_str());
    let found = world
        .items
        .iter()
        .filter(|item| world.workspace_of(item.project) == call.workspace)
        .filter(|item| world.role_in(item.project, call.reader.id).is_some())
        .filter(|item| !sought.is_empty() && item.name.to_lowercase().contains(&sought))
        .filter_map(|item| {
            let project = world.projects.iter().find(|project| project.id == item.project)?;
            Some(json!({
                "name": item.name,
                "id": item.id,
                "sequence_id": item.sequence_id,
                "project__identifier": project.identifier,
                "project_id": project.id,
                "workspace__slug": slug,
            }))
        });
    Ok(Answer::ok(json!({ "issues": found.collect::<Vec<_>>() })))
}

fn by_external(world: &World, call: &Call, project: Uuid, id: &str, source: &str) -> Reply {
    let external = External { id: Some(id.to_owned()), source: Some(source.to_owned()) };
    match world.twins(project, &external)[..] {
        [] => Err(Answer::not_found()),
        [id] => {
            let item = world.item(id).ok_or_else(Answer::not_found)?;
            Ok(Answer::ok(shown(world, call, item)))
        }
        _ => Err(Answer::broken()),
    }
}

fn list(world: &World, call: &Call, project: Uuid) -> Reply {
    let listed = world.items.iter().filter(|item| item.project == project);
    let mut items: Vec<&Item> =
        listed.filter(|item| item.archived_at.is_none() && !item.is_draft).collect();
    let order = call.parameter("order_by").unwrap_or("-created_at");
    let (field, downwards) = order.strip_prefix('-').map_or((order, false), |f| (f, true));
    let compare: fn(&Item, &Item) -> Ordering = match field {
        "created_at" => |a, b| a.stamps.created_at.cmp(&b.stamps.created_at),
        "updated_at" => |a, b| a.stamps.updated_at.cmp(&b.stamps.updated_at),
        "sequence_id" => |a, b| a.sequence_id.cmp(&b.sequence_id),
        "name" => |a, b| a.name.cmp(&b.name),
        "sort_order" => |a, b| a.sort_order.total_cmp(&b.sort_order),
        _ => return Err(Answer::broken()),
    };
    items.sort_by(|a, b| if downwards { compare(b, a) } else { compare(a, b) });
    page(call, items.into_iter().map(|item| shown(world, call, item)).collect())
}

pub(super) fn shown(world: &World, call: &Call, item: &Item) -> Value {
    let mut body = render::item(world, item, call.zone());
    if let Some(names) = call.parameter("expand") {
        body = render::expand(world, body, names, call.zone());
    }
    match call.parameter("fields") {
        Some(fields) => render::trim_to(body, fields),
        None => body,
    }
}

fn create(world: &mut World, call: &Call, project: Uuid) -> Result<Handled, Answer> {
    let fields = Fields::of(call)?;
    if fields.value("name").is_none() {
        return Err(Answer::field("name", "This field is required."));
    }
    let fields = ItemFields::of(&fields, world, project)?;
    let external = External {
        id: fields.external_id.clone().flatten(),
        source: fields.external_source.clone().flatten(),
    };
    if let Some(existing) = world.twins(project, &external).first() {
        return Err(Answer::conflict(DUPLICATE, *existing));
    }
    let (reader, zone) = (call.reader.id, call.zone());
    Ok(Handled::Checked(Box::new(move |world| {
        let (created_by, created_at) = (fields.created_by, fields.created_at);
        let id = insert(world, project, reader, fields);
        let item = world.item(id).ok_or_else(Answer::broken)?;
        let answer = Answer::created(render::item(world, item, zone));
        // Written over only after the answer was made.
        if let Some(item) = world.item_mut(id) {
            item.created_by = created_by.unwrap_or(item.created_by);
            item.stamps.created_at = created_at.unwrap_or(item.stamps.created_at);
        }
        world.later(Background::Touch(id));
        world.tell_created(Entity::Item(id), reader);
        Ok(answer)
    })))
}

fn insert(world: &mut World, project: Uuid, by: Uuid, fields: ItemFields) -> Uuid {
    let (id, stamps) = (world.uuid(), world.fresh_stamps());
    let state = fields.state.flatten().unwrap_or_else(|| world.default_state(project));
    let mut item = blank(world, project, by, id, stamps);
    fields.fill(&mut item);
    world.items.push(item);
    world.enter_state(id, state);
    id
}

/// An item with nothing said about it but its place.
pub(in crate::sim::plane) fn blank(
    world: &mut World,
    project: Uuid,
    by: Uuid,
    id: Uuid,
    stamps: Stamps,
) -> Item {
    let (sequence_id, sort_order) = world.next_place(project);
    Item {
        id,
        project,
        sequence_id,
        name: String::new(),
        description_html: "<p></p>".to_owned(),
        priority: "none".to_owned(),
        // None yet, so that entering the first one counts as entering it.
        state: Uuid::nil(),
        labels: Vec::new(),
        assignees: Vec::new(),
        external: External::default(),
        completed_at: None,
        archived_at: None,
        created_by: by,
        stamps,
        description_json: json!({}),
        start_date: None,
        target_date: None,
        parent: None,
        is_draft: false,
        sort_order,
    }
}

fn change(world: &mut World, call: &Call, item: &Item) -> Reply {
    let raw = Fields::of(call)?;
    let fields = ItemFields::of(&raw, world, item.project)?;
    refuse_twin(world, item, &fields)?;
    let before = render::item(world, item, call.zone());
    fields.apply(world, item.id);
    world.touch(item.id, Some(call.reader.id));
    let changed = world.item(item.id).ok_or_else(Answer::not_found)?;
    let answer = Answer::ok(render::item(world, changed, call.zone()));
    world.later(Background::Touch(item.id));
    world.tell_changes(Entity::Item(item.id), &before, raw.iter(), call.reader.id);
    Ok(answer)
}

/// Plane looks only when `external_id` itself is to change, and names the wrong item.
fn refuse_twin(world: &World, item: &Item, fields: &ItemFields) -> Result<(), Answer> {
    let Some(Some(id)) = &fields.external_id else { return Ok(()) };
    if item.external.id.as_ref() == Some(id) {
        return Ok(());
    }
    let source = fields.external_source.clone().unwrap_or_else(|| item.external.source.clone());
    let wanted = External { id: Some(id.clone()), source };
    if world.twins(item.project, &wanted).is_empty() {
        return Ok(());
    }
    Err(Answer::conflict(DUPLICATE, item.id))
}
