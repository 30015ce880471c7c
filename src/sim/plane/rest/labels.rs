//! A project's labels. Names are unique, and case makes a difference.

use axum::http::Method;
use uuid::Uuid;

use super::fields::Fields;
use super::{Call, wrong_method};
use crate::sim::plane::answer::{Answer, Reply};
use crate::sim::plane::page::page;
use crate::sim::plane::records::{External, Label};
use crate::sim::plane::render;
use crate::sim::plane::world::World;

/// `…/labels/`.
pub(super) fn all(world: &mut World, call: &Call, project: Uuid) -> Reply {
    match call.method {
        Method::GET => {
            let labels = world.labels.iter().rev().filter(|label| label.project == project);
            page(call, labels.map(|label| render::label(world, label, call.zone())).collect())
        }
        Method::POST => create(world, call, project),
        _ => Err(wrong_method(call)),
    }
}

/// `…/labels/{id}/`.
pub(super) fn one(world: &mut World, call: &Call, project: Uuid, id: Uuid) -> Reply {
    let label = world.label(id).filter(|label| label.project == project);
    let mut label = label.cloned().ok_or_else(Answer::not_found)?;
    match call.method {
        Method::GET => Ok(Answer::ok(render::label(world, &label, call.zone()))),
        Method::PATCH => {
            let fields = Fields::of(call)?;
            if let Some(name) = fields.name("name")? {
                refuse_name(world, project, &name, Some(id))?;
                label.name = name;
            }
            label.color = fields.free_text("color")?.unwrap_or(label.color);
            label.stamps.updated_at = world.stamp();
            label.stamps.updated_by = Some(call.reader.id);
            let answer = Answer::ok(render::label(world, &label, call.zone()));
            if let Some(place) = world.labels.iter_mut().find(|place| place.id == id) {
                *place = label;
            }
            Ok(answer)
        }
        Method::DELETE => {
            world.labels.retain(|label| label.id != id);
            // Off the items too, of which nobody is told.
            for item in &mut world.items {
                item.labels.retain(|label| *label != id);
            }
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

fn create(world: &mut World, call: &Call, project: Uuid) -> Reply {
    let fields = Fields::of(call)?;
    let name = fields.name("name")?;
    let name = name.ok_or_else(|| Answer::field("name", "This field is required."))?;
    let external = External {
        id: fields.short_text("external_id")?.flatten(),
        source: fields.short_text("external_source")?.flatten(),
    };
    let mut labels = world.labels.iter();
    if let Some(twin) = labels.find(|l| l.project == project && l.external.is(&external)) {
        let words = "Label with the same external id and external source already exists";
        return Err(Answer::conflict(words, twin.id));
    }
    refuse_name(world, project, &name, None)?;
    let id = insert(world, project, call.reader.id, name);
    let color = fields.free_text("color")?.unwrap_or_default();
    let description = fields.free_text("description")?.unwrap_or_default();
    let label = world.labels.iter_mut().find(|label| label.id == id);
    let label = label.ok_or_else(Answer::broken)?;
    (label.color, label.description, label.external) = (color, description, external);
    let label = label.clone();
    Ok(Answer::created(render::label(world, &label, call.zone())))
}

/// A label with nothing but its name.
pub(in crate::sim::plane) fn insert(
    world: &mut World,
    project: Uuid,
    by: Uuid,
    name: String,
) -> Uuid {
    let id = world.uuid();
    let label = Label {
        id,
        project,
        name,
        color: String::new(),
        description: String::new(),
        sort_order: world.next_label_place(project),
        external: External::default(),
        created_by: by,
        stamps: world.fresh_stamps(),
    };
    world.labels.push(label);
    id
}

fn refuse_name(world: &World, project: Uuid, name: &str, but: Option<Uuid>) -> Result<(), Answer> {
    let mut labels = world.labels.iter();
    match labels.find(|l| l.project == project && l.name == name && Some(l.id) != but) {
        None => Ok(()),
        Some(twin) => {
            Err(Answer::conflict("Label with the same name already exists in the project", twin.id))
        }
    }
}
