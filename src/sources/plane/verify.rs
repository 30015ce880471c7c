//! From a request to a proved delivery: signature over the raw bytes, delivery id, JSON.
//!
//! This runs for every request before anything is stored, so it reads no more than the inbox
//! needs (event, event id, the entity for the lane) and keeps the order signature → id → JSON:
//! who can't sign learns nothing else. Deliberately absent: any judgment of the payload. A body
//! that is JSON and no work item is stored, and fails or is ignored later, visibly.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::payload::{EventName, Subject, full_name};
use crate::config::Secrets;
use crate::ids::{DeliveryId, EventId, Lane};
use crate::sources::fields::{LONGEST_ID, Object, first, id_of, text_of};
use crate::sources::signature::is_signed;
use crate::sources::{BodyHash, Encoding, Origin, RawDelivery, Rejection, Source, Verified};

/// Header of the signature: lower-case hex HMAC-SHA256 over the raw body.
pub const SIGNATURE_HEADER: &str = "X-Plane-Signature";
/// Header of the delivery's id.
pub const DELIVERY_HEADER: &str = "X-Plane-Delivery";
/// Header of the event.
pub const EVENT_HEADER: &str = "X-Plane-Event";

/// Proves that `body` was signed with one of `secrets` and makes it a delivery.
///
/// # Errors
/// In this order: the signature is missing or wrong; the delivery id is missing, empty or longer
/// than 200 bytes; the body is not JSON.
pub fn verify(
    raw: &RawDelivery<'_>,
    body: Bytes,
    secrets: &Secrets,
) -> Result<Verified, Rejection> {
    if !raw.signature.is_some_and(|signature| is_signed(&body, signature, secrets)) {
        return Err(Rejection::InvalidSignature);
    }
    let delivery_id = raw
        .delivery_id
        .filter(|id| !id.is_empty() && id.len() <= LONGEST_ID && !id.contains('\0'))
        .ok_or(Rejection::MissingHeader(DELIVERY_HEADER))?;
    let encoding = Encoding::of_content_type(raw.content_type);
    let probe = {
        let json = encoding.json_of(&body).ok_or(Rejection::InvalidJson)?;
        probe(&json, raw.event).ok_or(Rejection::InvalidJson)?
    };
    Ok(Verified {
        source: Source::Plane,
        delivery_id: DeliveryId::new(delivery_id),
        event_id: probe.event_id,
        event_type: probe.event_type,
        action: None,
        lane: probe.lane,
        repository: None,
        repository_sync: None,
        encoding,
        body_hash: BodyHash::of(&body),
        body,
        origin: Origin::Webhook,
    })
}

/// What the inbox must know of a body.
struct Probe {
    event_type: String,
    event_id: Option<EventId>,
    lane: Option<Lane>,
}

/// Reads the body's outermost fields; `None` when it is not JSON.
fn probe(json: &[u8], header: Option<&str>) -> Option<Probe> {
    let json = std::str::from_utf8(json).ok()?;
    let fields =
        &["event", "action", "event_id", "entity_id", "data", "issue", "previous_attributes"];
    let Some(top) = Object::root(json, fields).ok()? else {
        let event_type = full_name(header.unwrap_or_default(), None);
        return Some(Probe { event_type, event_id: None, lane: None });
    };
    let text = |name| top.value(name).and_then(text_of).filter(|text| !text.is_empty());
    let event = text("event").or(header.map(Cow::Borrowed)).unwrap_or_default();
    let action = text("action");
    let event_id = text("event_id").filter(|id| id.len() <= LONGEST_ID).map(EventId::new);
    let lane = entity_id(&top).and_then(|id| lane(&event, action.as_deref(), &id));
    Some(Probe { event_type: full_name(&event, action.as_deref()), event_id, lane })
}

/// The id of what the event is about, looked for where `payload` finds an item's.
fn entity_id(top: &Object<'_>) -> Option<String> {
    let id_in = |name| top.value(name).and_then(|holder: &RawValue| first(holder, "id"));
    let id = |value: Option<&RawValue>| {
        value.and_then(id_of).filter(|id| !id.is_empty() && id != "None")
    };
    id(id_in("issue"))
        .or_else(|| id(id_in("data")))
        .or_else(|| id(id_in("previous_attributes")))
        .or_else(|| id(top.value("entity_id")))
}

/// One lane for an item in all dialects; other entities have theirs by the event's own words.
fn lane(event: &str, action: Option<&str>, id: &str) -> Option<Lane> {
    match EventName::of(event, action).subject {
        Subject::WorkItem => Some(Lane::new(format!("plane:issue:{id}"))),
        Subject::Other if event.is_empty() => None,
        Subject::Other => {
            let whole = full_name(event, action);
            let entity = whole.rsplit_once('.').map_or(whole.as_str(), |(entity, _)| entity);
            Some(Lane::new(format!("plane:{entity}:{id}")))
        }
    }
}
