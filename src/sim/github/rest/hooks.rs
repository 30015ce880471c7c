//! Hooks and their deliveries: looked at, and sent again while they are kept.

use serde_json::{Value, json};

use super::super::hooks::{Delivery, DeliveryEnd, NewHook};
use super::super::{SimError, views};
use super::Request;
use super::answer::{Answer, link, page};
use crate::sources::Encoding;

/// What a list of deliveries gives unless asked for more or less.
const DEFAULT_PAGE: usize = 30;

pub(super) fn route(
    request: &Request<'_>,
    method: &str,
    path: &[&str],
) -> Result<Answer, SimError> {
    match (method, path) {
        ("GET", []) => list(request),
        ("POST", []) => create(request),
        ("GET", [hook]) => show(request, id_in(hook)?, 200),
        ("POST", [hook, "pings"]) => ping(request, id_in(hook)?),
        ("GET", [hook, "deliveries"]) => deliveries(request, id_in(hook)?),
        ("GET", [hook, "deliveries", id]) => delivery(request, id_in(hook)?, id_in(id)?),
        ("POST", [hook, "deliveries", id, "attempts"]) => {
            redeliver(request, id_in(hook)?, id_in(id)?)
        }
        _ => Err(SimError::NoHook),
    }
}

fn id_in(text: &str) -> Result<u64, SimError> {
    text.parse().map_err(|_| SimError::NoHook)
}

fn list(request: &Request<'_>) -> Result<Answer, SimError> {
    let place = request.hook_place()?;
    let state = request.sim.lock();
    let path = state.path_of(&place)?;
    let all = state.hooks_at(&place)?.iter().map(|h| h.json(&state.instance, &path));
    let all: Vec<Value> = all.collect();
    drop(state);
    Ok(page(request, &all))
}

fn create(request: &Request<'_>) -> Result<Answer, SimError> {
    let repository = request.repository()?;
    let config = &request.body["config"];
    let Some(url) = config["url"].as_str().filter(|url| url.starts_with("http")) else {
        return Err(SimError::invalid("Hook", "url", "missing_field"));
    };
    let encoding = match config["content_type"].as_str() {
        Some("json") => Encoding::Json,
        _ => Encoding::Form,
    };
    let hook = NewHook {
        url: url.to_owned(),
        secret: config["secret"].as_str().filter(|s| !s.is_empty()).map(str::to_owned),
        encoding,
        events: request.names("events").unwrap_or_else(|| vec!["push".to_owned()]),
    };
    let id = request.sim.change(request.login(), |change| change.add_hook(repository, hook))?;
    show(request, id, 201)
}

fn show(request: &Request<'_>, hook: u64, status: u16) -> Result<Answer, SimError> {
    let place = request.hook_place()?;
    let state = request.sim.lock();
    let path = state.path_of(&place)?;
    Ok(Answer::new(status, state.hook(&place, hook)?.json(&state.instance, &path)))
}

fn ping(request: &Request<'_>, hook: u64) -> Result<Answer, SimError> {
    let repository = request.repository()?;
    request.sim.change(request.login(), |change| change.ping_hook(repository, hook))?;
    Ok(Answer::nothing(204))
}

/// The newest first; `cursor` is the id to go on below.
fn deliveries(request: &Request<'_>, hook: u64) -> Result<Answer, SimError> {
    let wanted = |d: &&Delivery| {
        let code = match &d.end {
            DeliveryEnd::Answered { status, .. } => *status,
            DeliveryEnd::TimedOut | DeliveryEnd::NotConnected => 0,
        };
        match request.query.get("status").map(String::as_str) {
            Some("success") => d.succeeded(),
            Some("failure") => (400..=599).contains(&code),
            _ => true,
        }
    };
    let below = request.query.get("cursor").and_then(|c| c.parse().ok()).unwrap_or(u64::MAX);
    let size = request.number_in_query("per_page").unwrap_or(DEFAULT_PAGE).clamp(1, 100);
    let (since, place) = (request.sim.deliveries_since(), request.hook_place()?);
    let state = request.sim.lock();
    let all = &state.hook(&place, hook)?.deliveries;
    let mut found: Vec<(u64, Value)> = all
        .iter()
        .rev()
        .filter(|d| d.id < below && d.delivered_at >= since)
        .filter(wanted)
        .take(size + 1)
        .map(|d| (d.id, d.json()))
        .collect();
    drop(state);
    let more = found.len() > size;
    found.truncate(size);
    let last = found.last().map(|(id, _)| *id);
    let entries: Vec<Value> = found.into_iter().map(|(_, json)| json).collect();
    let answer = Answer::ok(json!(entries));
    match last.filter(|_| more) {
        Some(last) => {
            let next = link(request, "next", &[("cursor", last.to_string())]);
            Ok(answer.with_headers([("link", next)]))
        }
        None => Ok(answer),
    }
}

fn delivery(request: &Request<'_>, hook: u64, id: u64) -> Result<Answer, SimError> {
    let (since, place) = (request.sim.deliveries_since(), request.hook_place()?);
    let state = request.sim.lock();
    let hook = state.hook(&place, hook)?;
    let found = hook.deliveries.iter().find(|d| d.id == id && d.delivered_at >= since);
    let found = found.ok_or(SimError::NoHook)?;
    Ok(Answer::ok(found.full_json(&hook.settings.url)))
}

fn redeliver(request: &Request<'_>, hook: u64, id: u64) -> Result<Answer, SimError> {
    let (since, place) = (request.sim.deliveries_since(), request.hook_place()?);
    let state = request.sim.lock();
    let deliveries = &state.hook(&place, hook)?.deliveries;
    let found = deliveries.iter().find(|d| d.id == id && d.delivered_at >= since);
    let found = found.ok_or(SimError::NoHook)?;
    request.sim.outbox.push([views::parcel_of(found, &place, hook)]);
    Ok(Answer::new(202, json!({})))
}
