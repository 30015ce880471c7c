//! How records look in answers and in webhooks, which differ: an answer has ids where a webhook
//! has objects, and tells times in the reader's time zone.

use chrono::{FixedOffset, SecondsFormat};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::config::User;
use super::records::{Bundle, Comment, Item, Label, Link, Project, State};
use super::world::{World, person};
use crate::clock::Timestamp;
use crate::sync::milestones::BundleKind;

/// In whose time zone times are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zone(FixedOffset);

impl Zone {
    /// Webhooks'.
    pub fn utc() -> Self {
        Self::east(0)
    }

    pub fn of(user: &User) -> Self {
        Self::east(user.utc_offset_minutes)
    }

    fn east(minutes: i32) -> Self {
        let offset = FixedOffset::east_opt(minutes.saturating_mul(60));
        Self(offset.unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc)))
    }

    /// Microseconds are left out where there are none.
    fn time(self, time: Timestamp) -> String {
        let form = match time.timestamp_subsec_micros() {
            0 => SecondsFormat::Secs,
            _ => SecondsFormat::Micros,
        };
        time.with_timezone(&self.0).to_rfc3339_opts(form, true)
    }

    fn maybe(self, time: Option<Timestamp>) -> Option<String> {
        time.map(|time| self.time(time))
    }
}

fn with(mut body: Value, more: Value) -> Value {
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

/// What REST and webhooks show alike of a work item.
fn item_core(world: &World, item: &Item, zone: Zone) -> Value {
    json!({
        "id": item.id,
        "created_at": zone.time(item.stamps.created_at),
        "updated_at": zone.time(item.stamps.updated_at),
        "deleted_at": null,
        "point": null,
        "name": item.name,
        "description_html": item.description_html,
        "description_binary": null,
        "priority": item.priority,
        "start_date": item.start_date,
        "target_date": item.target_date,
        "sequence_id": item.sequence_id,
        "sort_order": item.sort_order,
        "completed_at": zone.maybe(item.completed_at),
        "archived_at": item.archived_at,
        "is_draft": item.is_draft,
        "external_source": item.external.source,
        "external_id": item.external.id,
        "created_by": item.created_by,
        "updated_by": item.stamps.updated_by,
        "project": item.project,
        "workspace": world.workspace_of(item.project),
        "parent": item.parent,
        "estimate_point": null,
        "type": null,
    })
}

/// A work item as REST answers it.
pub(super) fn item(world: &World, item: &Item, zone: Zone) -> Value {
    let ids = json!({
        "type_id": null,
        "state": item.state,
        "labels": item.labels,
        "assignees": item.assignees,
    });
    with(item_core(world, item, zone), ids)
}

/// A work item as a webhook carries it.
pub(super) fn item_data(world: &World, item: &Item) -> Value {
    let labels = item
        .labels
        .iter()
        .filter_map(|id| world.label(*id))
        .map(|label| json!({ "id": label.id, "name": label.name, "color": label.color }));
    let objects = json!({
        "labels": labels.collect::<Vec<_>>(),
        "assignees": item.assignees.iter().map(|id| world.person(*id)).collect::<Vec<_>>(),
        "state": short_state(world, item.state),
        "description": item.description_json,
        "description_json": item.description_json,
        "description_stripped": stripped(&item.description_html),
    });
    with(item_core(world, item, Zone::utc()), objects)
}

fn short_state(world: &World, id: Uuid) -> Value {
    world.state(id).map_or(Value::Null, |state| {
        json!({ "id": state.id, "name": state.name, "color": state.color, "group": state.group })
    })
}

/// The text without its tags, as Plane keeps it for its search.
fn stripped(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in html.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Puts objects where `expand` asks for them.
pub(super) fn expand(world: &World, mut body: Value, names: &str, zone: Zone) -> Value {
    for name in names.split(',') {
        let Some(value) = body.get(name).cloned() else { continue };
        body[name] = match name {
            "state" => id_of(&value).map_or(Value::Null, |id| short_state(world, id)),
            "created_by" | "updated_by" => id_of(&value).map_or(value, |id| world.person(id)),
            "assignees" => each(&value, |id| world.person(id)),
            "labels" => {
                each(&value, |id| world.label(id).map_or(Value::Null, |l| label(world, l, zone)))
            }
            "project" => id_of(&value)
                .and_then(|id| world.projects.iter().find(|project| project.id == id))
                .map_or(value, short_project),
            _ => value,
        };
    }
    body
}

fn id_of(value: &Value) -> Option<Uuid> {
    value.as_str().and_then(|id| id.parse().ok())
}

fn each(list: &Value, show: impl Fn(Uuid) -> Value) -> Value {
    let ids = list.as_array().into_iter().flatten().filter_map(id_of);
    Value::Array(ids.map(show).collect())
}

fn short_project(project: &Project) -> Value {
    json!({
        "id": project.id,
        "identifier": project.identifier,
        "name": project.name,
        "cover_image": null,
        "icon_prop": null,
        "emoji": null,
        "description": project.description,
        "cover_image_url": null,
    })
}

/// Leaves only what `fields` asks for.
pub(super) fn trim_to(body: Value, fields: &str) -> Value {
    let Value::Object(body) = body else { return body };
    let wanted = |name: &String| fields.split(',').any(|field| field == name);
    Value::Object(body.into_iter().filter(|(name, _)| wanted(name)).collect::<Map<_, _>>())
}

/// A comment as a webhook carries it and as a write answers it.
pub(super) fn comment(world: &World, comment: &Comment, zone: Zone) -> Value {
    json!({
        "id": comment.id,
        "created_at": zone.time(comment.stamps.created_at),
        "updated_at": zone.time(comment.stamps.updated_at),
        "deleted_at": null,
        "comment_html": comment.comment_html,
        "attachments": [],
        "access": comment.access,
        "external_source": comment.external.source,
        "external_id": comment.external.id,
        "edited_at": zone.maybe(comment.edited_at),
        "created_by": comment.created_by,
        "updated_by": comment.stamps.updated_by,
        "project": comment.project,
        "workspace": world.workspace_of(comment.project),
        "description": comment.description,
        "issue": comment.item,
        "actor": comment.actor,
        "parent": null,
    })
}

/// A comment as a read answers it.
pub(super) fn read_comment(world: &World, read: &Comment, zone: Zone) -> Value {
    with(comment(world, read, zone), json!({ "is_member": true }))
}

pub(super) fn link(world: &World, link: &Link, zone: Zone) -> Value {
    json!({
        "id": link.id,
        "created_at": zone.time(link.stamps.created_at),
        "updated_at": zone.time(link.stamps.updated_at),
        "deleted_at": null,
        "title": link.title,
        "url": link.url,
        "metadata": link.metadata,
        "created_by": link.created_by,
        "updated_by": link.stamps.updated_by,
        "project": link.project,
        "workspace": world.workspace_of(link.project),
        "issue": link.item,
    })
}

pub(super) fn label(world: &World, label: &Label, zone: Zone) -> Value {
    json!({
        "id": label.id,
        "created_at": zone.time(label.stamps.created_at),
        "updated_at": zone.time(label.stamps.updated_at),
        "deleted_at": null,
        "name": label.name,
        "description": label.description,
        "color": label.color,
        "sort_order": label.sort_order,
        "external_source": label.external.source,
        "external_id": label.external.id,
        "created_by": label.created_by,
        "updated_by": label.stamps.updated_by,
        "workspace": world.workspace_of(label.project),
        "project": label.project,
        "parent": null,
    })
}

/// A module or a cycle, as webhooks carry it and most answers show it.
pub(super) fn bundle(world: &World, bundle: &Bundle, zone: Zone) -> Value {
    let core = json!({
        "id": bundle.id,
        "created_at": zone.time(bundle.stamps.created_at),
        "updated_at": zone.time(bundle.stamps.updated_at),
        "deleted_at": null,
        "name": bundle.name,
        "description": bundle.description,
        "start_date": bundle.first,
        "view_props": {},
        "sort_order": 65_535.0,
        "external_source": bundle.external.source,
        "external_id": bundle.external.id,
        "archived_at": null,
        "logo_props": {},
        "created_by": bundle.created_by,
        "updated_by": bundle.stamps.updated_by,
        "project": bundle.project,
        "workspace": world.workspace_of(bundle.project),
    });
    let own = match bundle.kind {
        BundleKind::Module => json!({
            "description_text": null,
            "description_html": null,
            "target_date": bundle.last,
            "status": "planned",
            "lead": null,
            "members": [],
        }),
        BundleKind::Cycle => json!({
            "end_date": bundle.last,
            "progress_snapshot": {},
            "timezone": "UTC",
            "version": 1,
            "owned_by": bundle.created_by,
        }),
    };
    with(core, own)
}

/// One in a list or asked for alone, where its items are counted.
pub(super) fn counted_bundle(world: &World, counted: &Bundle, zone: Zone) -> Value {
    let total = counted.items.len();
    with(bundle(world, counted, zone), json!({ "total_issues": total }))
}

/// A module as a change of it is answered: without its id.
pub(super) fn changed_module(bundle: &Bundle) -> Value {
    json!({
        "name": bundle.name,
        "description": bundle.description,
        "start_date": bundle.first,
        "target_date": bundle.last,
        "status": "planned",
        "lead": null,
        "external_source": bundle.external.source,
        "external_id": bundle.external.id,
    })
}

pub(super) fn state(world: &World, state: &State, zone: Zone) -> Value {
    json!({
        "id": state.id,
        "created_at": zone.time(state.stamps.created_at),
        "updated_at": zone.time(state.stamps.updated_at),
        "deleted_at": null,
        "name": state.name,
        "description": "",
        "color": state.color,
        "slug": state.slug,
        "sequence": state.sequence,
        "group": state.group,
        "is_triage": false,
        "default": state.default,
        "external_source": state.external.source,
        "external_id": state.external.id,
        "created_by": state.created_by,
        "updated_by": state.stamps.updated_by,
        "project": state.project,
        "workspace": world.workspace_of(state.project),
    })
}

/// A project as a webhook carries it.
pub(super) fn project_data(world: &World, project: &Project, zone: Zone) -> Value {
    json!({
        "id": project.id,
        "cover_image_url": null,
        "created_at": zone.time(project.stamps.created_at),
        "updated_at": zone.time(project.stamps.updated_at),
        "deleted_at": null,
        "name": project.name,
        "description": project.description,
        "description_text": null,
        "description_html": null,
        "network": 2,
        "identifier": project.identifier,
        "emoji": null,
        "icon_prop": null,
        "module_view": project.switches.modules,
        "cycle_view": project.switches.cycles,
        "issue_views_view": false,
        "page_view": true,
        "intake_view": false,
        "is_time_tracking_enabled": false,
        "is_issue_type_enabled": false,
        "guest_view_all_features": false,
        "cover_image": null,
        "archive_in": 0,
        "close_in": 0,
        "logo_props": { "icon": { "name": "rocket", "color": "#5e6ad2" }, "in_use": "icon" },
        "archived_at": null,
        "timezone": "UTC",
        "external_source": project.external.source,
        "external_id": project.external.id,
        "created_by": project.created_by,
        "updated_by": project.stamps.updated_by,
        "workspace": world.workspace_of(project.id),
        "default_assignee": null,
        "project_lead": null,
        "cover_image_asset": null,
        "estimate": null,
        "default_state": null,
    })
}

/// A project as REST answers it to one user.
pub(super) fn project(world: &World, project: &Project, reader: &User) -> Value {
    let role = world.role_in(project.id, reader.id);
    let members = world.memberships.iter().filter(|m| m.project == project.id && m.active);
    let about_reader = json!({
        "total_members": members.count(),
        "total_cycles": 0,
        "total_modules": 0,
        "is_member": role.is_some(),
        "member_role": role.map(|role| role as u8),
        "is_deployed": false,
    });
    with(project_data(world, project, Zone::of(reader)), about_reader)
}

/// A project in the list of projects, which says its place too.
pub(super) fn listed_project(world: &World, listed: &Project, reader: &User) -> Value {
    with(project(world, listed, reader), json!({ "sort_order": 65_535.0 }))
}

/// A member of the workspace, where the role is told.
pub(super) fn workspace_member(user: &User) -> Value {
    with(person(user), json!({ "role": user.role.map(|role| role as u8) }))
}
