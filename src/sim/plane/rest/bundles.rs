//! Modules and cycles, and the items in them. No webhook tells of the latter.
//!
//! That modules that are switched off are refused in a cycle's words is not recorded.

use axum::http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fields::{Fields, Maybe};
use super::item_fields::whole;
use super::items::shown;
use super::{Call, wrong_method};
use crate::clock::Timestamp;
use crate::sim::plane::answer::{Answer, Reply};
use crate::sim::plane::page::page;
use crate::sim::plane::records::{Bundle, External};
use crate::sim::plane::render;
use crate::sim::plane::webhooks::Entity;
use crate::sim::plane::world::World;
use crate::sync::milestones::BundleKind;

/// `…/modules/` and `…/cycles/`.
pub(super) fn all(world: &mut World, call: &Call, project: Uuid, kind: BundleKind) -> Reply {
    match call.method {
        Method::GET => {
            let all = world.bundles.iter().rev();
            let all = all.filter(|b| b.project == project && b.kind == kind && !b.archived);
            page(call, all.map(|b| render::counted_bundle(world, b, call.zone())).collect())
        }
        Method::POST => create(world, call, project, kind),
        _ => Err(wrong_method(call)),
    }
}

/// `…/modules/{id}/` and `…/cycles/{id}/`.
pub(super) fn one(
    world: &mut World,
    call: &Call,
    project: Uuid,
    kind: BundleKind,
    id: Uuid,
) -> Reply {
    let bundle = found(world, project, kind, id)?.clone();
    match call.method {
        Method::GET if bundle.archived => Err(Answer::not_found()),
        Method::GET => Ok(Answer::ok(render::counted_bundle(world, &bundle, call.zone()))),
        Method::PATCH => change(world, call, bundle),
        Method::DELETE => {
            world.bundles.retain(|bundle| bundle.id != id);
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

fn found(world: &World, project: Uuid, kind: BundleKind, id: Uuid) -> Result<&Bundle, Answer> {
    let found = world.bundle(id).filter(|b| b.project == project && b.kind == kind);
    found.ok_or_else(Answer::not_found)
}

fn entity(bundle: &Bundle) -> Entity {
    match bundle.kind {
        BundleKind::Module => Entity::Module(bundle.id),
        BundleKind::Cycle => Entity::Cycle(bundle.id),
    }
}

/// A cycle is told its days and keeps moments.
fn days(fields: &Fields, kind: BundleKind) -> Result<(Maybe<String>, Maybe<String>), Answer> {
    let first = fields.date("start_date")?;
    match kind {
        BundleKind::Module => Ok((first, fields.date("target_date")?)),
        BundleKind::Cycle => {
            let moment = |day: Maybe<String>, time: &str| {
                day.map(|day| day.map(|day| format!("{day}T{time}Z")))
            };
            Ok((moment(first, "00:00:01"), moment(fields.date("end_date")?, "23:59:00")))
        }
    }
}

fn refuse_days(kind: BundleKind, first: Option<&str>, last: Option<&str>) -> Result<(), Answer> {
    match (kind, first, last) {
        (BundleKind::Cycle, Some(_), None) | (BundleKind::Cycle, None, Some(_)) => {
            let words = "Both start date and end date are either required or are to be null";
            Err(Answer::bad_request(words))
        }
        (BundleKind::Cycle, Some(first), Some(last)) if first > last => {
            Err(whole("Start date cannot exceed end date"))
        }
        (BundleKind::Module, Some(first), Some(last)) if first > last => {
            Err(whole("Start date cannot exceed target date"))
        }
        _ => Ok(()),
    }
}

fn create(world: &mut World, call: &Call, project: Uuid, kind: BundleKind) -> Reply {
    let fields = Fields::of(call)?;
    let name = fields.name("name")?;
    let name = name.ok_or_else(|| Answer::field("name", "This field is required."))?;
    let switches = world.projects.iter().find(|p| p.id == project).map(|p| p.switches);
    let is_on = switches.is_some_and(|on| match kind {
        BundleKind::Module => on.modules,
        BundleKind::Cycle => on.cycles,
    });
    if !is_on {
        return Err(whole(&format!("{} are not enabled for this project", kind.feature())));
    }
    let (first, last) = days(&fields, kind)?;
    let (first, last) = (first.flatten(), last.flatten());
    refuse_days(kind, first.as_deref(), last.as_deref())?;
    let external = External {
        id: fields.short_text("external_id")?.flatten(),
        source: fields.short_text("external_source")?.flatten(),
    };
    let mut same = world.bundles.iter().filter(|b| b.project == project && b.kind == kind);
    if let Some(twin) = same.find(|b| b.external.is(&external)) {
        let what = if kind == BundleKind::Module { "Module" } else { "Cycle" };
        let words = format!("{what} with the same external id and external source already exists");
        return Err(Answer::conflict(&words, twin.id));
    }
    refuse_name(world, project, kind, &name, None)?;
    let description = fields.free_text("description")?.unwrap_or_default();
    let id = insert(world, project, call.reader.id, kind, name);
    let bundle = world.bundle_mut(id).ok_or_else(Answer::broken)?;
    (bundle.description, bundle.external) = (description, external);
    (bundle.first, bundle.last) = (first, last);
    let bundle = bundle.clone();
    world.tell_created(entity(&bundle), call.reader.id);
    Ok(Answer::created(render::bundle(world, &bundle, call.zone())))
}

/// One with nothing but its name.
pub(in crate::sim::plane) fn insert(
    world: &mut World,
    project: Uuid,
    by: Uuid,
    kind: BundleKind,
    name: String,
) -> Uuid {
    let id = world.uuid();
    let stamps = world.fresh_stamps();
    world.bundles.push(Bundle {
        id,
        project,
        kind,
        name,
        description: String::new(),
        first: None,
        last: None,
        external: External::default(),
        archived: false,
        items: Vec::new(),
        created_by: by,
        stamps,
    });
    id
}

/// Names of modules are unique, those of cycles are not.
fn refuse_name(
    world: &World,
    project: Uuid,
    kind: BundleKind,
    name: &str,
    but: Option<Uuid>,
) -> Result<(), Answer> {
    let is_same =
        |b: &&Bundle| b.project == project && b.kind == kind && b.name == name && Some(b.id) != but;
    let twin = world.bundles.iter().find(is_same).filter(|_| kind == BundleKind::Module);
    match twin {
        None => Ok(()),
        Some(_) => Err(Answer::bad_request("Module with this name already exists")),
    }
}

fn has_ended(world: &World, bundle: &Bundle) -> bool {
    let ends = bundle.last.as_ref().filter(|_| bundle.kind == BundleKind::Cycle);
    let ends: Option<Timestamp> = ends.and_then(|ends| ends.parse().ok());
    ends.is_some_and(|ends| ends < world.now())
}

fn change(world: &mut World, call: &Call, mut bundle: Bundle) -> Reply {
    let fields = Fields::of(call)?;
    if bundle.archived {
        let words = format!("Archived {} cannot be edited", bundle.kind);
        return Err(Answer::bad_request(&words));
    }
    if has_ended(world, &bundle) {
        let words = "The Cycle has already been completed so it cannot be edited";
        return Err(Answer::bad_request(words));
    }
    let before = render::bundle(world, &bundle, call.zone());
    if let Some(name) = fields.name("name")? {
        refuse_name(world, bundle.project, bundle.kind, &name, Some(bundle.id))?;
        bundle.name = name;
    }
    if let Some(text) = fields.free_text("description")? {
        bundle.description = text;
    }
    let (first, last) = days(&fields, bundle.kind)?;
    bundle.first = first.unwrap_or(bundle.first);
    bundle.last = last.unwrap_or(bundle.last);
    refuse_days(bundle.kind, bundle.first.as_deref(), bundle.last.as_deref())?;
    bundle.stamps.updated_at = world.stamp();
    bundle.stamps.updated_by = Some(call.reader.id);
    let answer = match bundle.kind {
        BundleKind::Module => render::changed_module(&bundle),
        BundleKind::Cycle => render::bundle(world, &bundle, call.zone()),
    };
    let entity = entity(&bundle);
    if let Some(place) = world.bundle_mut(bundle.id) {
        *place = bundle;
    }
    world.tell_changes(entity, &before, fields.iter(), call.reader.id);
    Ok(Answer::ok(answer))
}

/// `…/module-issues/` and `…/cycle-issues/`.
pub(super) fn items(
    world: &mut World,
    call: &Call,
    project: Uuid,
    kind: BundleKind,
    id: Uuid,
) -> Reply {
    let bundle = found(world, project, kind, id)?.clone();
    match call.method {
        Method::GET => {
            let items = bundle.items.iter().filter_map(|id| world.item(*id));
            let listed = items.filter(|item| item.archived_at.is_none());
            page(call, listed.map(|item| shown(world, call, item)).collect())
        }
        Method::POST => {
            let fields = Fields::of(call)?;
            let items = fields.references("issues", |id| world.item(id).is_some())?;
            let items = items.unwrap_or_default();
            if items.is_empty() {
                let words = match kind {
                    BundleKind::Module => "Issues are required",
                    BundleKind::Cycle => "Work items are required",
                };
                return Err(Answer::bad_request(words));
            }
            if has_ended(world, &bundle) {
                let words = "The Cycle has already been completed so no new issues can be added";
                return Err(Answer::bad_request(words));
            }
            for item in &items {
                world.enter_bundle(id, *item);
            }
            let kept = world.bundle(id).map(|bundle| bundle.items.clone()).unwrap_or_default();
            let entry = |item: Uuid| json!({ "id": item, kind.as_str(): id, "issue": item });
            Ok(Answer::ok(kept.into_iter().map(entry).collect::<Value>()))
        }
        _ => Err(wrong_method(call)),
    }
}

/// `…/module-issues/{item}/` and `…/cycle-issues/{item}/`; a module does not say of one.
pub(super) fn item(
    world: &mut World,
    call: &Call,
    project: Uuid,
    (kind, id): (BundleKind, Uuid),
    item: Uuid,
) -> Reply {
    let is_in = found(world, project, kind, id)?.items.contains(&item);
    match (&call.method, kind) {
        (&Method::GET, BundleKind::Cycle) if is_in => {
            Ok(Answer::ok(json!({ "id": item, "cycle": id, "issue": item })))
        }
        (&Method::GET, BundleKind::Cycle) => Err(Answer::not_found()),
        (&Method::DELETE, _) => {
            if world.leave_bundle(id, item) {
                Ok(Answer::no_content())
            } else {
                Err(Answer::not_found())
            }
        }
        _ => Err(wrong_method(call)),
    }
}
