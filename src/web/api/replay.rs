//! Running deliveries again, one or all that match.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::Address;
use super::body::read_body;
use super::deliveries::{FILTER_PARAMETERS, filter, unknown_delivery};
use super::parameters::Parameters;
use crate::ids::DeliveryId;
use crate::sources::Source;
use crate::store::deliveries::DeliveryStatus;
use crate::store::jobs::Replayed;
use crate::web::auth::Target;
use crate::web::error::{Problem, ProblemBody, ProblemKind};
use crate::web::state::WebState;

/// Deliveries that one call queues again.
const MOST_AT_ONCE: usize = 1000;

/// A delivery is queued again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Queued {
    /// Whose.
    source: &'static str,
    /// Which one.
    delivery_id: String,
    /// Always `queued`.
    status: &'static str,
}

/// How many deliveries were queued again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct QueuedCount {
    /// Queued again by this call.
    queued: u32,
    /// Left alone, since they are being worked on.
    running: u32,
}

/// Which deliveries to run again.
#[derive(ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the body, which is read by name")]
pub(in crate::web) struct ReplayFilter {
    /// `plane` or `github`.
    source: Option<String>,
    /// `received`, `processed` or `failed`; `failed` if not given.
    status: Option<String>,
    /// The exact event type.
    event: Option<String>,
    /// `owner/name` of a configured repository; Plane’s deliveries have none.
    repository: Option<String>,
    /// The `work_item_ref` of the item that they are about.
    item: Option<String>,
    /// Received then or later, RFC 3339.
    since: Option<String>,
    /// Received before then, RFC 3339.
    until: Option<String>,
    /// At most so many, 1 to 1000; 1000 if not given.
    limit: Option<u32>,
}

/// Runs one delivery again, whatever its end was.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/{source}/{delivery_id}/replay",
    tag = "deliveries",
    operation_id = "replayDelivery",
    params(
        ("source" = String, Path, description = "Who sent it: `plane` or `github`."),
        ("delivery_id" = String, Path, description = "The sender’s id of it."),
    ),
    responses(
        (status = 202, description = "It is queued.", body = Queued),
        (status = 404, description = "There is no such delivery.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is being worked on at this moment.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn one(
    State(state): State<WebState>,
    Address((source, id)): Address<(String, DeliveryId)>,
    uri: Uri,
) -> Result<(StatusCode, Json<Queued>), Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let source: Source = source.parse().map_err(|_| unknown_delivery())?;
    match state.store.replay(source, &id, state.clock.now()).await? {
        Replayed::Queued => {
            state.wake.work_is_due();
            let delivery_id = id.to_string();
            let queued = Queued { source: source.as_str(), delivery_id, status: "queued" };
            Ok((StatusCode::ACCEPTED, Json(queued)))
        }
        Replayed::Running => {
            let detail =
                "The delivery is being worked on at this moment: look at how it ends first.";
            Err(Problem::new(ProblemKind::Conflict, detail))
        }
        Replayed::Unknown => Err(unknown_delivery()),
    }
}

/// Runs all matching deliveries again, newest first, up to 1000 a call.
#[utoipa::path(
    post,
    path = "/api/v1/deliveries/replay",
    tag = "deliveries",
    operation_id = "replayDeliveries",
    description = "The filter is a JSON body or the query, not both. Repeat the call until `queued` is 0.",
    params(ReplayFilter),
    request_body(content = Option<ReplayFilter>, content_type = "application/json"),
    responses(
        (status = 202, description = "They are queued.", body = QueuedCount),
        (status = 400, description = "A part of the filter is not known or can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn matching(
    State(state): State<WebState>,
    uri: Uri,
    body: Body,
) -> Result<(StatusCode, Extension<Target>, Json<QueuedCount>), Problem> {
    let mut given = parameters(&uri, &read_body(body).await?)?;
    let mut filter = filter(&mut given)?;
    let limit = given.limit(MOST_AT_ONCE, MOST_AT_ONCE)?;
    given.finish(FILTER_PARAMETERS)?;
    let mut count = QueuedCount { queued: 0, running: 0 };
    filter.status.get_or_insert(DeliveryStatus::Failed);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut replayed = Ok(());
    for delivery in state.store.deliveries(&filter, None, limit).await? {
        let now = state.clock.now();
        match state.store.replay(delivery.source, &delivery.delivery_id, now).await {
            Ok(Replayed::Queued) => count.queued += 1,
            Ok(Replayed::Running) => count.running += 1,
            // Retention may take one away meanwhile.
            Ok(Replayed::Unknown) => {}
            Err(failed) => {
                replayed = Err(failed);
                break;
            }
        }
    }
    if count.queued > 0 {
        state.wake.work_is_due();
    }
    replayed?;
    let target = Target(format!("{} queued, {} in work", count.queued, count.running));
    Ok((StatusCode::ACCEPTED, Extension(target), Json(count)))
}

fn parameters(uri: &Uri, body: &[u8]) -> Result<Parameters, Problem> {
    if body.trim_ascii().is_empty() {
        return Parameters::parse(uri.query());
    }
    if uri.query().is_some_and(|query| !query.is_empty()) {
        let detail = "Give the filter in the body or in the query, not in both.";
        return Err(Problem::new(ProblemKind::BadRequest, detail));
    }
    Parameters::from_json(body)
}
