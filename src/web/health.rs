//! For orchestrators and Prometheus. The open endpoints tell whether all is well and name what
//! is not, nothing more; figures are for those who may use the API.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::time::timeout;

use super::error::{Problem, ProblemKind, fallback_method};
use super::route_table::Routes;
use super::state::WebState;
use crate::access::Scope;
use crate::store::StoreResult;
use crate::store::stats::QueueStats;

/// The database must answer within this.
const PATIENCE: Duration = Duration::from_secs(2);
/// A queue whose oldest due job is older does not move.
const STANDSTILL_SECONDS: f64 = 300.0;
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/healthz` and `/readyz`, open to everyone.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/healthz", get(healthz).fallback(fallback_method))
        .route("/readyz", get(readyz).fallback(fallback_method))
}

/// `/metrics`, for those who may use the API.
pub fn metrics_routes() -> Routes {
    Routes::needing(Scope::Viewer).get("/metrics", metrics)
}

async fn healthz() -> Response {
    Json(json!({"ok": true})).into_response()
}

async fn readyz(State(state): State<WebState>) -> Response {
    let problems = match queue(&state).await {
        Some(Ok(queue)) if queue.oldest_due_seconds.is_some_and(|s| s >= STANDSTILL_SECONDS) => {
            vec!["the queue does not move"]
        }
        Some(Ok(_)) => Vec::new(),
        Some(Err(_)) | None => vec!["the database does not answer"],
    };
    if problems.is_empty() {
        return Json(json!({"ok": true})).into_response();
    }
    let body = Json(json!({"ok": false, "problems": problems}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// Figures of the process, and of the queue as it is now; without a database the scrape fails,
/// so that an old depth is never taken for the present one.
async fn metrics(State(state): State<WebState>) -> Result<Response, Problem> {
    let Some(queue) = queue(&state).await else {
        return Err(Problem::new(ProblemKind::StoreUnavailable, "Scrape again later."));
    };
    let queue = queue?;
    let metrics = &state.metrics;
    metrics.queue_queued.set(queue.queued);
    metrics.queue_claimed.set(queue.claimed);
    metrics.queue_dead.set(queue.dead);
    let age = Duration::try_from_secs_f64(queue.oldest_due_seconds.unwrap_or_default());
    let age = age.unwrap_or_default().as_millis();
    metrics.queue_oldest_ms.set(i64::try_from(age).unwrap_or(i64::MAX));
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], metrics.to_text()).into_response())
}

/// `None` when the database takes too long.
async fn queue(state: &WebState) -> Option<StoreResult<QueueStats>> {
    timeout(PATIENCE, state.store.queue_stats(state.clock.now())).await.ok()
}
