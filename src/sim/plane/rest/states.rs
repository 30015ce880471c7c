//! A project's states. A create is answered 200, unlike every other create.

use axum::http::Method;
use uuid::Uuid;

use super::fields::Fields;
use super::item_fields::whole;
use super::{Call, wrong_method};
use crate::sim::plane::answer::{Answer, Reply};
use crate::sim::plane::page::page;
use crate::sim::plane::records::{External, State};
use crate::sim::plane::render;
use crate::sim::plane::world::World;

const GROUPS: [&str; 6] = ["backlog", "unstarted", "started", "completed", "cancelled", "triage"];
/// Between one state's place and the next.
const SEQUENCE_STEP: f64 = 15_000.0;

/// `…/states/`.
pub(super) fn all(world: &mut World, call: &Call, project: Uuid) -> Reply {
    match call.method {
        Method::GET => {
            let states = world.states.iter().filter(|state| state.project == project);
            page(call, states.map(|state| render::state(world, state, call.zone())).collect())
        }
        Method::POST => create(world, call, project),
        _ => Err(wrong_method(call)),
    }
}

/// `…/states/{id}/`.
pub(super) fn one(world: &mut World, call: &Call, project: Uuid, id: Uuid) -> Reply {
    let state = world.state(id).filter(|state| state.project == project);
    let mut state = state.cloned().ok_or_else(Answer::not_found)?;
    match call.method {
        Method::GET => Ok(Answer::ok(render::state(world, &state, call.zone()))),
        Method::PATCH => {
            let fields = Fields::of(call)?;
            if let Some(name) = fields.name("name")? {
                (state.slug, state.name) = (slug(&name), name);
            }
            state.color = fields.free_text("color")?.unwrap_or(state.color);
            state.stamps.updated_at = world.stamp();
            state.stamps.updated_by = Some(call.reader.id);
            let answer = Answer::ok(render::state(world, &state, call.zone()));
            if let Some(place) = world.states.iter_mut().find(|place| place.id == id) {
                *place = state;
            }
            Ok(answer)
        }
        Method::DELETE if state.default => {
            Err(Answer::bad_request("Default state cannot be deleted"))
        }
        Method::DELETE if world.items.iter().any(|item| item.state == id) => {
            let words = "The state is not empty, only empty states can be deleted";
            Err(Answer::bad_request(words))
        }
        Method::DELETE => {
            world.states.retain(|state| state.id != id);
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

fn create(world: &mut World, call: &Call, project: Uuid) -> Reply {
    let fields = Fields::of(call)?;
    let required = |field: &str| Answer::field(field, "This field is required.");
    let name = fields.name("name")?.ok_or_else(|| required("name"))?;
    let color = fields.name("color")?.ok_or_else(|| required("color"))?;
    let group = fields.choice("group", &GROUPS)?.unwrap_or_else(|| "backlog".to_owned());
    if group == "triage" {
        return Err(whole("Cannot create triage state"));
    }
    let external = External {
        id: fields.short_text("external_id")?.flatten(),
        source: fields.short_text("external_source")?.flatten(),
    };
    let here = || world.states.iter().filter(|state| state.project == project);
    if let Some(twin) = here().find(|state| state.external.is(&external)) {
        let words = "State with the same external id and external source already exists";
        return Err(Answer::conflict(words, twin.id));
    }
    if let Some(twin) = here().find(|state| state.name == name) {
        let words = "State with the same name already exists in the project";
        return Err(Answer::conflict(words, twin.id));
    }
    let last = here().map(|state| state.sequence).fold(0.0, f64::max);
    let state = State {
        id: world.uuid(),
        project,
        slug: slug(&name),
        name,
        group,
        color,
        sequence: last + SEQUENCE_STEP,
        default: false,
        external,
        created_by: call.reader.id,
        stamps: world.fresh_stamps(),
    };
    let answer = Answer::ok(render::state(world, &state, call.zone()));
    world.states.push(state);
    Ok(answer)
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}
