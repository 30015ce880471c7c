//! Projects and their members, and who the key belongs to.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fields::Fields;
use super::{Call, wrong_method};
use crate::sim::plane::answer::{Answer, Reply};
use crate::sim::plane::config::Role;
use crate::sim::plane::page::page;
use crate::sim::plane::records::{External, Project};
use crate::sim::plane::render;
use crate::sim::plane::webhooks::Entity;
use crate::sim::plane::world::{World, person};

/// `users/me/`.
pub(super) fn me(call: &Call) -> Reply {
    match call.method {
        Method::GET => Ok(Answer::ok(person(&call.reader))),
        _ => Err(wrong_method(call)),
    }
}

/// `…/members/` of the workspace: not paged, with roles.
pub(super) fn workspace_members(world: &World, call: &Call) -> Reply {
    if call.method != Method::GET {
        return Err(wrong_method(call));
    }
    let members = world.users.iter().rev().filter(|user| user.role.is_some());
    Ok(Answer::ok(members.map(render::workspace_member).collect()))
}

/// `…/projects/`.
pub(super) fn all(world: &mut World, call: &Call) -> Reply {
    match call.method {
        Method::GET => {
            let reader = &call.reader;
            let mine = |project: &&Project| {
                world.workspace_of(project.id) == call.workspace
                    && world.role_in(project.id, reader.id).is_some()
            };
            let projects = world.projects.iter().filter(mine);
            page(call, projects.map(|p| render::listed_project(world, p, reader)).collect())
        }
        Method::POST => create(world, call),
        _ => Err(wrong_method(call)),
    }
}

fn create(world: &mut World, call: &Call) -> Reply {
    let fields = Fields::of(call)?;
    let required = |field: &str| Answer::field(field, "This field is required.");
    let name = fields.name("name")?.ok_or_else(|| required("name"))?;
    let identifier = fields.name("identifier")?.ok_or_else(|| required("identifier"))?;
    let taken = |project: &Project| project.name == name || project.identifier == identifier;
    let mut here = world.projects.iter().filter(|p| world.workspace_of(p.id) == call.workspace);
    if here.any(taken) {
        return Err(Answer::name_taken("The project name is already taken"));
    }
    let description = fields.free_text("description")?.unwrap_or_default();
    let external = External {
        id: fields.short_text("external_id")?.flatten(),
        source: fields.short_text("external_source")?.flatten(),
    };
    let id = world.add_project(call.workspace, &identifier, &name, call.reader.id);
    if let Some(project) = world.projects.iter_mut().find(|project| project.id == id) {
        (project.description, project.external) = (description, external);
    }
    world.tell_created(Entity::Project(id), call.reader.id);
    let project = found(world, id)?;
    Ok(Answer::created(render::project(world, project, &call.reader)))
}

fn found(world: &World, id: Uuid) -> Result<&Project, Answer> {
    world.projects.iter().find(|project| project.id == id).ok_or_else(Answer::not_found)
}

/// `…/projects/{id}/`.
pub(super) fn one(world: &mut World, call: &Call, id: Uuid) -> Reply {
    match call.method {
        Method::GET => {
            let body = render::project(world, found(world, id)?, &call.reader);
            Ok(Answer::ok(match call.parameter("fields") {
                Some(fields) => render::trim_to(body, fields),
                None => body,
            }))
        }
        Method::PATCH => change(world, call, id),
        Method::DELETE => {
            world.projects.retain(|project| project.id != id);
            world.memberships.retain(|membership| membership.project != id);
            world.states.retain(|state| state.project != id);
            world.labels.retain(|label| label.project != id);
            world.items.retain(|item| item.project != id);
            world.comments.retain(|comment| comment.project != id);
            world.links.retain(|link| link.project != id);
            world.bundles.retain(|bundle| bundle.project != id);
            world.tell_deleted(Entity::Project(id), call.reader.id);
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

fn change(world: &mut World, call: &Call, id: Uuid) -> Reply {
    let fields = Fields::of(call)?;
    let name = fields.name("name")?;
    let description = fields.free_text("description")?;
    let (cycles, modules) = (fields.flag("cycle_view")?, fields.flag("module_view")?);
    let before = render::project_data(world, found(world, id)?, call.zone());
    let now = world.stamp();
    if let Some(project) = world.projects.iter_mut().find(|project| project.id == id) {
        project.name = name.unwrap_or_else(|| project.name.clone());
        project.description = description.unwrap_or_else(|| project.description.clone());
        project.switches.cycles = cycles.unwrap_or(project.switches.cycles);
        project.switches.modules = modules.unwrap_or(project.switches.modules);
        project.stamps.updated_at = now;
        project.stamps.updated_by = Some(call.reader.id);
    }
    world.tell_changes(Entity::Project(id), &before, fields.iter(), call.reader.id);
    let project = found(world, id)?;
    Ok(Answer::ok(render::project(world, project, &call.reader)))
}

/// `…/members/` of a project: not paged, without roles, and with those who were removed.
pub(super) fn members(world: &mut World, call: &Call, project: Uuid) -> Reply {
    match call.method {
        Method::GET => {
            let places = world.memberships.iter().rev().filter(|m| m.project == project);
            Ok(Answer::ok(places.map(|place| world.person(place.user)).collect::<Value>()))
        }
        Method::POST => add_member(world, call, project),
        _ => Err(wrong_method(call)),
    }
}

fn add_member(world: &mut World, call: &Call, project: Uuid) -> Reply {
    let fields = Fields::of(call)?;
    let user = fields.reference("member", |id| world.user(id).is_some())?.flatten();
    let user = user.ok_or_else(|| Answer::field("member", "This field is required."))?;
    let role = match fields.number("role")? {
        Some(20) => Role::Admin,
        Some(15) => Role::Member,
        Some(5) | None => Role::Guest,
        Some(other) => {
            return Err(Answer::field("role", format!("\"{other}\" is not a valid choice.")));
        }
    };
    if world.memberships.iter().any(|m| m.project == project && m.user == user) {
        return Err(Answer::bad_request("The payload is not valid"));
    }
    let id = world.add_membership(project, user, role);
    Ok(Answer::created(json!({ "id": id, "member": user, "role": role as u8 })))
}

/// `…/members/{id}/`, by the id of the membership.
pub(super) fn member(world: &mut World, call: &Call, project: Uuid, id: Uuid) -> Reply {
    let mut places = world.memberships.iter_mut();
    let place = places.find(|place| place.id == id && place.project == project && place.active);
    let place = place.ok_or_else(Answer::not_found)?;
    match call.method {
        Method::DELETE => {
            place.active = false;
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}
