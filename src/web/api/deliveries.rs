//! Deliveries: listed, and shown with their payload and every attempt.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::parameters::{MOST_LIMIT, Parameters, USUAL_LIMIT};
use super::timeline::TimelineEntry;
use super::{Address, Page, cursor, page_of};
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::{Encoding, Source};
use crate::store::deliveries::{self, DeliveryCursor, DeliveryFilter};
use crate::web::error::{Problem, ProblemBody};
use crate::web::state::WebState;
use chrono::{DateTime, Utc};

/// A delivery without its body.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the columns' names")]
pub(in crate::web) struct Delivery {
    /// Who sent it.
    source: &'static str,
    /// The sender's id of it.
    delivery_id: String,
    /// The sender's word for what happened.
    event_type: String,
    /// GitHub's word for what happened to it; null for Plane, whose event type says it.
    #[schema(required)]
    action: Option<String>,
    /// `owner/name` of the repository that it comes from, as configured; null for Plane.
    #[schema(required)]
    repository: Option<String>,
    /// `received`, `processed` or `failed`.
    status: &'static str,
    /// Attempts made, over all replays.
    attempts: i64,
    /// Why the last attempt failed.
    #[schema(required)]
    last_error: Option<String>,
    /// What came of it.
    #[schema(required)]
    result: Option<String>,
    /// The item that it is about, once that is known.
    #[schema(required)]
    work_item_ref: Option<String>,
    /// How the body is written: `json` or `form`.
    encoding: String,
    /// Length of the body.
    body_bytes: i64,
    /// SHA-256 of the exact body, lower-case hex.
    body_sha256: String,
    /// When it was committed.
    received_at: DateTime<Utc>,
    /// When it was worked off.
    #[schema(required)]
    processed_at: Option<DateTime<Utc>>,
    /// `webhook` for what was sent; `reconcile` or `backfill` for what was found by asking.
    origin: &'static str,
}

/// A delivery with its payload and its history.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct DeliveryDetail {
    #[serde(flatten)]
    delivery: Delivery,
    /// What it says, as sent; null where that is not JSON or was dropped by retention.
    #[schema(required, value_type = Option<serde_json::Value>)]
    payload: Option<Box<RawValue>>,
    /// When retention dropped its body, so that it can’t be replayed; null where the body is kept.
    #[schema(required)]
    body_dropped_at: Option<DateTime<Utc>>,
    /// Every attempt, oldest first.
    timeline: Vec<TimelineEntry>,
}

impl From<deliveries::Delivery> for Delivery {
    fn from(delivery: deliveries::Delivery) -> Self {
        Self {
            source: delivery.source.as_str(),
            delivery_id: delivery.delivery_id.to_string(),
            event_type: delivery.event_type,
            action: delivery.action,
            repository: delivery.repository,
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            last_error: delivery.last_error,
            result: delivery.result,
            work_item_ref: delivery.item.map(|item| item.to_string()),
            encoding: delivery.encoding,
            body_bytes: delivery.body_bytes,
            body_sha256: delivery.body_sha256,
            received_at: delivery.received_at,
            processed_at: delivery.processed_at,
            origin: delivery.origin.as_str(),
        }
    }
}

/// What [`list`] takes; for the documentation, read by [`filter`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters, which are read by name")]
pub(in crate::web) struct ListParameters {
    /// `plane` or `github`.
    source: Option<String>,
    /// `received`, `processed` or `failed`.
    status: Option<String>,
    /// The exact event type.
    event: Option<String>,
    /// `webhook`, `reconcile` or `backfill`: sent, or found by asking.
    origin: Option<String>,
    /// `owner/name` of a configured repository; Plane’s deliveries have none.
    repository: Option<String>,
    /// The `work_item_ref` of the item that they are about.
    item: Option<String>,
    /// Received then or later, RFC 3339.
    since: Option<String>,
    /// Received before then, RFC 3339.
    until: Option<String>,
    /// The beginning of the delivery’s id, the reference or the key of its item, or words of the
    /// error of one that failed or waits.
    q: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Deliveries on the page, 1 to 200; 50 if not given.
    limit: Option<u32>,
}

pub(super) const FILTER_PARAMETERS: &str =
    "source, status, event, origin, repository, item, since, until, q, limit";

/// Reads the filter that listing and replaying share.
pub(super) fn filter(given: &mut Parameters) -> Result<DeliveryFilter, Problem> {
    Ok(DeliveryFilter {
        source: given.word("source")?,
        status: given.word("status")?,
        event: given.text("event")?,
        origin: given.word("origin")?,
        repository: given.text("repository")?,
        item: given.text("item")?.map(WorkItemRef::new),
        since: given.time("since")?,
        until: given.time("until")?,
        text: given.text("q")?,
        chosen: Vec::new(),
    })
}

/// Deliveries, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/deliveries",
    tag = "deliveries",
    operation_id = "listDeliveries",
    params(ListParameters),
    responses(
        (status = 200, description = "One page.", body = Page<Delivery>),
        (status = 400, description = "A parameter is not known or can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Page<Delivery>>, Problem> {
    let mut given = Parameters::parse(uri.query())?;
    let filter = filter(&mut given)?;
    let after = given
        .cursor()?
        .map(|(received_at, id)| DeliveryCursor { received_at, delivery_id: DeliveryId::new(id) });
    let limit = given.limit(USUAL_LIMIT, MOST_LIMIT)?;
    given.finish(&format!("{FILTER_PARAMETERS}, cursor"))?;
    let one_more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let rows = state.store.deliveries(&filter, after.as_ref(), one_more).await?;
    let cursor = |d: &deliveries::Delivery| cursor::encode(d.received_at, d.delivery_id.as_str());
    Ok(Json(page_of(rows, limit, cursor, Delivery::from)))
}

/// One delivery with its payload and every attempt at it.
#[utoipa::path(
    get,
    path = "/api/v1/deliveries/{source}/{delivery_id}",
    tag = "deliveries",
    operation_id = "showDelivery",
    params(
        ("source" = String, Path, description = "Who sent it: `plane` or `github`."),
        ("delivery_id" = String, Path, description = "The sender’s id of it."),
    ),
    responses(
        (status = 200, description = "The delivery.", body = DeliveryDetail),
        (status = 404, description = "There is no such delivery.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn show(
    State(state): State<WebState>,
    Address((source, id)): Address<(String, DeliveryId)>,
    uri: Uri,
) -> Result<Json<DeliveryDetail>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let source: Source = source.parse().map_err(|_| unknown_delivery())?;
    let found = state.store.delivery(source, &id).await?;
    let (delivery, body) = found.ok_or_else(unknown_delivery)?;
    let timeline = state.store.delivery_timeline(source, &id).await?;
    let body_dropped_at = match &body {
        Some(_) => None,
        None => state.store.body_dropped_at(source, &id).await?,
    };
    Ok(Json(DeliveryDetail {
        body_dropped_at,
        payload: body.and_then(|body| payload(&delivery.encoding, &body)),
        timeline: timeline.into_iter().map(TimelineEntry::from).collect(),
        delivery: delivery.into(),
    }))
}

pub(super) fn unknown_delivery() -> Problem {
    Problem::not_found("No delivery has this source and id; /api/v1/deliveries lists them.")
}

/// The JSON text as it was sent, no number rounded and no member moved.
fn payload(encoding: &str, body: &[u8]) -> Option<Box<RawValue>> {
    let form = encoding == Encoding::Form.as_str();
    let encoding = if form { Encoding::Form } else { Encoding::Json };
    let json = encoding.json_of(body)?;
    serde_json::from_slice(&json).ok()
}
