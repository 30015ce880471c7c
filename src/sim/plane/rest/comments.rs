//! Comments: stored as sent, looked through by nobody. A create is not atomic, neither against
//! others nor in itself.

use axum::http::Method;
use chrono::DateTime;
use uuid::Uuid;

use super::fields::Fields;
use super::{Call, Handled, wrong_method};
use crate::clock::to_micros;
use crate::sim::plane::answer::{Answer, Reply};
use crate::sim::plane::page::page;
use crate::sim::plane::records::{Comment, External, Stamps};
use crate::sim::plane::render::{self, Zone};
use crate::sim::plane::webhooks::{Background, Entity};
use crate::sim::plane::world::World;

const DUPLICATE: &str =
    "Work item comment with the same external id and external source already exists";

/// `…/comments/`.
pub(super) fn all(
    world: &mut World,
    call: &Call,
    project: Uuid,
    item: Uuid,
) -> Result<Handled, Answer> {
    match call.method {
        Method::GET => {
            let mut comments: Vec<&Comment> =
                world.comments.iter().filter(|comment| comment.item == item).collect();
            comments.sort_by_key(|comment| std::cmp::Reverse(comment.stamps.created_at));
            let zone = call.zone();
            let shown = comments.into_iter().map(|c| render::read_comment(world, c, zone));
            page(call, shown.collect()).map(Handled::Answer)
        }
        Method::POST => create(world, call, project, item),
        _ => Err(wrong_method(call)),
    }
}

/// `…/comments/{id}/`.
pub(super) fn one(world: &mut World, call: &Call, item: Uuid, id: Uuid) -> Reply {
    let comment = world.comment(id).filter(|comment| comment.item == item);
    let comment = comment.cloned().ok_or_else(Answer::not_found)?;
    match call.method {
        Method::GET => Ok(Answer::ok(render::read_comment(world, &comment, call.zone()))),
        Method::PATCH => change(world, call, &comment),
        Method::DELETE => {
            world.comments.retain(|comment| comment.id != id);
            world.later(Background::Touch(item));
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

/// What a POST says.
struct Said {
    html: String,
    access: String,
    external: External,
    created_by: Option<String>,
    created_at: Option<String>,
}

impl Said {
    fn of(fields: &Fields) -> Result<Self, Answer> {
        let text = |name: &str| fields.value(name).and_then(|v| v.as_str()).map(str::to_owned);
        Ok(Self {
            html: fields.free_text("comment_html")?.unwrap_or_else(|| "<p></p>".to_owned()),
            access: access(fields)?.unwrap_or_else(|| "INTERNAL".to_owned()),
            external: External {
                id: fields.short_text("external_id")?.flatten(),
                source: fields.short_text("external_source")?.flatten(),
            },
            created_by: text("created_by"),
            created_at: text("created_at"),
        })
    }
}

fn access(fields: &Fields) -> Result<Option<String>, Answer> {
    fields.choice("access", &["INTERNAL", "EXTERNAL"])
}

fn create(world: &mut World, call: &Call, project: Uuid, item: Uuid) -> Result<Handled, Answer> {
    let said = Said::of(&Fields::of(call)?)?;
    if let Some(existing) = world.comment_twin(project, &said.external) {
        return Err(Answer::conflict(DUPLICATE, existing));
    }
    if world.item(item).is_none() {
        return Err(Answer::bad_request("The payload is not valid"));
    }
    let (reader, zone) = (call.reader.id, call.zone());
    Ok(Handled::Checked(Box::new(move |world| store(world, project, item, reader, said, zone))))
}

/// Stores first, and looks at `created_by` and `created_at` only then: a refusal leaves the
/// comment behind, and nobody is told of it.
fn store(
    world: &mut World,
    project: Uuid,
    item: Uuid,
    reader: Uuid,
    said: Said,
    zone: Zone,
) -> Reply {
    let (html, access, external) = (said.html, said.access, said.external);
    let id = insert(world, project, item, reader, html);
    let by = match said.created_by.as_deref().map(Uuid::try_parse) {
        None => None,
        Some(Ok(user)) if world.user(user).is_some() => Some(user),
        Some(_) => {
            finish(world, id, |comment| (comment.access, comment.external) = (access, external));
            return Err(Answer::bad_request("The payload is not valid"));
        }
    };
    let at = said.created_at.as_deref().map(DateTime::parse_from_rfc3339);
    finish(world, id, |comment| {
        (comment.access, comment.external) = (access, external);
        comment.created_by = by.or(comment.created_by);
        if let Some(Ok(at)) = at {
            comment.stamps.created_at = to_micros(at.to_utc());
        }
    });
    if let Some(Err(_)) = at {
        return Err(Answer::bad_request("Please provide valid detail"));
    }
    // The answer shows a writer and an actor that are not what is stored.
    let mut shown = world.comment(id).cloned().ok_or_else(Answer::broken)?;
    shown.stamps.updated_by = Some(reader);
    shown.actor = by.unwrap_or(reader);
    let answer = Answer::created(render::comment(world, &shown, zone));
    world.later(Background::Touch(item));
    world.tell_created(Entity::Comment(id), reader);
    Ok(answer)
}

fn finish(world: &mut World, id: Uuid, write: impl FnOnce(&mut Comment)) {
    if let Some(comment) = world.comment_mut(id) {
        write(comment);
    }
}

/// A comment with nothing said about it but its text.
pub(in crate::sim::plane) fn insert(
    world: &mut World,
    project: Uuid,
    item: Uuid,
    by: Uuid,
    html: String,
) -> Uuid {
    let (id, description) = (world.uuid(), world.uuid());
    let stamps: Stamps = world.fresh_stamps();
    world.comments.push(Comment {
        id,
        project,
        item,
        comment_html: html,
        access: "INTERNAL".to_owned(),
        external: External::default(),
        actor: by,
        created_by: Some(by),
        edited_at: None,
        stamps,
        description,
    });
    id
}

/// Any member may change anybody's.
fn change(world: &mut World, call: &Call, comment: &Comment) -> Reply {
    let raw = Fields::of(call)?;
    let html = raw.free_text("comment_html")?;
    let access = access(&raw)?;
    let external_id = raw.short_text("external_id")?;
    let external_source = raw.short_text("external_source")?;
    let wanted = External {
        id: external_id.clone().unwrap_or_else(|| comment.external.id.clone()),
        source: external_source.clone().unwrap_or_else(|| comment.external.source.clone()),
    };
    if wanted != comment.external
        && let Some(existing) = world.comment_twin(comment.project, &wanted)
    {
        return Err(Answer::conflict(DUPLICATE, existing));
    }
    let before = render::comment(world, comment, call.zone());
    let now = world.stamp();
    finish(world, comment.id, |comment| {
        comment.comment_html = html.unwrap_or_else(|| comment.comment_html.clone());
        comment.access = access.unwrap_or_else(|| comment.access.clone());
        comment.external = wanted;
        comment.stamps.updated_at = now;
        comment.stamps.updated_by = Some(call.reader.id);
    });
    let changed = world.comment(comment.id).ok_or_else(Answer::not_found)?;
    let answer = Answer::ok(render::comment(world, changed, call.zone()));
    world.later(Background::Touch(comment.item));
    world.tell_changes(Entity::Comment(comment.id), &before, raw.iter(), call.reader.id);
    Ok(answer)
}
