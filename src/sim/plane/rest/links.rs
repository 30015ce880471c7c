//! Links on work items. No webhook tells of them.

use axum::http::Method;
use serde_json::json;
use uuid::Uuid;

use super::fields::Fields;
use super::{Call, wrong_method};
use crate::sim::plane::answer::{Answer, Reply};
use crate::sim::plane::page::page;
use crate::sim::plane::records::Link;
use crate::sim::plane::render;
use crate::sim::plane::webhooks::Background;
use crate::sim::plane::world::World;

/// `…/links/`.
pub(super) fn all(world: &mut World, call: &Call, project: Uuid, item: Uuid) -> Reply {
    match call.method {
        Method::GET => {
            let links = world.links.iter().rev().filter(|link| link.item == item);
            page(call, links.map(|link| render::link(world, link, call.zone())).collect())
        }
        Method::POST => create(world, call, project, item),
        _ => Err(wrong_method(call)),
    }
}

/// `…/links/{id}/`.
pub(super) fn one(world: &mut World, call: &Call, item: Uuid, id: Uuid) -> Reply {
    let link = world.links.iter().find(|link| link.id == id && link.item == item);
    let link = link.cloned().ok_or_else(Answer::not_found)?;
    match call.method {
        Method::GET => Ok(Answer::ok(render::link(world, &link, call.zone()))),
        Method::PATCH => change(world, call, link),
        Method::DELETE => {
            world.links.retain(|link| link.id != id);
            world.later(Background::Touch(item));
            Ok(Answer::no_content())
        }
        _ => Err(wrong_method(call)),
    }
}

fn create(world: &mut World, call: &Call, project: Uuid, item: Uuid) -> Reply {
    let fields = Fields::of(call)?;
    let url = address(&fields)?.ok_or_else(|| Answer::field("url", "This field is required."))?;
    if world.item(item).is_none() {
        return Err(Answer::bad_request("The payload is not valid"));
    }
    refuse_twin(world, item, &url, None)?;
    let link = Link {
        id: world.uuid(),
        project,
        item,
        url,
        title: fields.short_text("title")?.flatten(),
        metadata: json!({}),
        created_by: Some(call.reader.id),
        stamps: world.fresh_stamps(),
    };
    let mut shown = link.clone();
    shown.stamps.updated_by = Some(call.reader.id);
    let answer = Answer::created(render::link(world, &shown, call.zone()));
    world.later(Background::Touch(item));
    world.later(Background::FetchLink(link.id));
    world.links.push(link);
    Ok(answer)
}

fn change(world: &mut World, call: &Call, mut link: Link) -> Reply {
    let fields = Fields::of(call)?;
    if let Some(url) = address(&fields)? {
        refuse_twin(world, link.item, &url, Some(link.id))?;
        link.url = url;
        world.later(Background::FetchLink(link.id));
    }
    if let Some(title) = fields.short_text("title")? {
        link.title = title;
    }
    link.stamps.updated_at = world.stamp();
    link.stamps.updated_by = Some(call.reader.id);
    let answer = Answer::ok(render::link(world, &link, call.zone()));
    world.later(Background::Touch(link.item));
    if let Some(place) = world.links.iter_mut().find(|place| place.id == link.id) {
        *place = link;
    }
    Ok(answer)
}

fn address(fields: &Fields) -> Result<Option<String>, Answer> {
    let url = fields.free_text("url")?;
    let web = |url: &String| url.starts_with("http://") || url.starts_with("https://");
    if url.as_ref().is_some_and(|url| !web(url)) {
        return Err(Answer::field("url", "Invalid URL format."));
    }
    Ok(url)
}

fn refuse_twin(world: &World, item: Uuid, url: &str, but: Option<Uuid>) -> Result<(), Answer> {
    let mut links = world.links.iter();
    if links.any(|link| link.item == item && link.url == url && Some(link.id) != but) {
        return Err(Answer::bad_request("URL already exists for this Issue"));
    }
    Ok(())
}
