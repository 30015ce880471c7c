//! Running deliveries again, one or all that match, and what that would reach.

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::body::read_body;
use super::deliveries::{self, FILTER_PARAMETERS, filter, unknown_delivery};
use super::parameters::Parameters;
use super::timeline::FieldChange;
use super::{Address, cursor};
use crate::ids::DeliveryId;
use crate::jobs::rebuild::{self, Forecast};
use crate::replay::{Counted, Preview, Progress, Selection, replay};
use crate::sources::Source;
use crate::store::deliveries::{DeliveryCursor, DeliveryStatus};
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
    queued: u64,
    /// Left alone, since they are being worked on.
    running: u64,
    /// Left alone, since their bodies are no longer kept.
    dropped: u64,
    /// Give it as `cursor`, with the same filter, to go on with the older ones; left out where
    /// there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What a replay would reach; nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ReplayPreview {
    /// Always true.
    preview: bool,
    /// Would be queued again.
    queued: i64,
    /// Would be left alone, since they are being worked on.
    running: i64,
    /// Would be left alone, since their bodies are no longer kept.
    dropped: i64,
    /// Whether there are more than were counted, 100,000 of each source.
    more: bool,
    /// Give it as `until` to replay these and none that arrive later.
    until: Option<DateTime<Utc>>,
    /// Those that would be queued, by where they stand.
    by_status: Vec<StatusCount>,
    /// Those that would be queued, by source and repository.
    by_repository: Vec<RepositoryCount>,
    /// The newest five of all that match.
    samples: Vec<deliveries::Delivery>,
    /// What the newest 300 of them, or as many as 4 MiB of bodies of each source hold, would change.
    forecast: ForecastBody,
}

/// What deliveries would change on the board if they were read now. What would be written to the
/// other side is decided when they run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Forecast)]
pub(in crate::web) struct ForecastBody {
    /// Deliveries that were read for it.
    read: u64,
    /// Those of them that tell what is known already.
    known: u64,
    /// Those that can’t be read, and would fail again.
    failing: u64,
    /// Items that would be new or differ.
    changing: u64,
    /// The first ten of these.
    items: Vec<ForeseenItem>,
}

/// An item that would be new or differ.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ForeseenItem {
    /// Its `work_item_ref`.
    #[serde(rename = "ref")]
    item: String,
    /// Its key, where it has one.
    #[schema(required)]
    key: Option<String>,
    /// Its title afterwards.
    #[schema(required)]
    title: Option<String>,
    /// Whether it is not there yet.
    new: bool,
    /// What would differ.
    changes: Vec<FieldChange>,
}

impl From<Forecast> for ForecastBody {
    fn from(forecast: Forecast) -> Self {
        let item = |foreseen: rebuild::ForeseenItem| ForeseenItem {
            item: foreseen.item.to_string(),
            key: foreseen.key,
            title: foreseen.title,
            new: foreseen.new,
            changes: foreseen.changes.into_iter().map(FieldChange::from).collect(),
        };
        Self {
            read: forecast.read,
            known: forecast.known,
            failing: forecast.failing,
            changing: forecast.changing,
            items: forecast.items.into_iter().map(item).collect(),
        }
    }
}

/// How many stand there.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct StatusCount {
    /// `received`, `processed` or `failed`.
    status: &'static str,
    /// How many.
    count: i64,
}

/// How many come from there.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct RepositoryCount {
    /// Who sent them.
    source: &'static str,
    /// `owner/name` as configured; null for Plane and for a repository that was removed.
    #[schema(required)]
    repository: Option<String>,
    /// How many.
    count: i64,
}

impl ReplayPreview {
    fn new(preview: Preview, selection: &Selection) -> Self {
        let status =
            |(status, count): (DeliveryStatus, i64)| StatusCount { status: status.as_str(), count };
        let origin = |(source, repository, count): (Source, Option<_>, i64)| RepositoryCount {
            source: source.as_str(),
            repository: repository.map(|name: crate::config::RepositoryName| name.to_string()),
            count,
        };
        Self {
            preview: true,
            queued: preview.queued,
            running: preview.running,
            dropped: preview.dropped,
            more: preview.extent == Counted::AtLeast,
            until: selection.until(),
            by_status: preview.by_status.into_iter().map(status).collect(),
            by_repository: preview.by_origin.into_iter().map(origin).collect(),
            samples: preview.samples.into_iter().map(Into::into).collect(),
            forecast: preview.forecast.into(),
        }
    }
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
    /// The beginning of the delivery’s id, the reference or the key of its item, or words of the
    /// error of one that failed or waits.
    q: Option<String>,
    /// The `next_cursor` of the call before.
    cursor: Option<String>,
    /// At most so many, 1 to 1000; 1000 if not given.
    limit: Option<u32>,
    /// `true` changes nothing and answers what a replay would reach.
    preview: Option<bool>,
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
        (status = 409, description = "It is being worked on at this moment, or its body is no longer kept.", body = ProblemBody, content_type = "application/problem+json"),
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
        Replayed::Dropped => {
            let at = state.store.body_dropped_at(source, &id).await?;
            let gone = match at {
                Some(at) => format!("was dropped by retention on {}", at.format("%FT%TZ")),
                None => "is no longer kept".to_owned(),
            };
            let detail = format!(
                "The body of the delivery {gone}, so there is nothing to run again: have its \
                 sender deliver it anew."
            );
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
    description = "The filter is a JSON body or the query, not both. With `preview=true` nothing is changed and the \
        answer says what would be. A replay of failed ones is complete when `queued` is 0; one of any other status \
        goes on with `cursor` until the answer has no `next_cursor`.",
    params(ReplayFilter),
    request_body(content = Option<ReplayFilter>, content_type = "application/json"),
    responses(
        (status = 200, description = "With `preview=true`: what a replay would reach.", body = ReplayPreview),
        (status = 202, description = "They are queued.", body = QueuedCount),
        (status = 400, description = "A part of the filter is not known or can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn matching(
    State(state): State<WebState>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let mut given = parameters(&uri, &read_body(body).await?)?;
    let mut filter = filter(&mut given)?;
    let limit = given.limit(MOST_AT_ONCE, MOST_AT_ONCE)?;
    let rest = given.cursor()?;
    let preview = given.is_set("preview")?;
    given.finish(&format!("{FILTER_PARAMETERS}, cursor, preview"))?;
    filter.status.get_or_insert(DeliveryStatus::Failed);
    let after = rest
        .map(|(received_at, id)| DeliveryCursor { received_at, delivery_id: DeliveryId::new(id) });
    let selection = Selection::new(filter, state.clock.now()).after(after);
    if preview {
        let preview = selection.preview(&state.store, &state.clock).await?;
        return Ok(Json(ReplayPreview::new(preview, &selection)).into_response());
    }
    let mut progress = Progress::default();
    let run = replay(&state.store, &state.clock, &selection, limit, &mut progress, |_| ());
    let done = run.await;
    if progress.queued > 0 {
        state.wake.work_is_due();
    }
    done?;
    let target = Target(progress.in_words());
    let next =
        progress.rest.map(|rest| cursor::encode(rest.received_at, rest.delivery_id.as_str()));
    let count = QueuedCount {
        queued: progress.queued,
        running: progress.running,
        dropped: progress.dropped,
        next_cursor: next,
    };
    Ok((StatusCode::ACCEPTED, Extension(target), Json(count)).into_response())
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
