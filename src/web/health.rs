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
use crate::alarms::Kind;
use crate::canary::Canary;
use crate::clock::Timestamp;
use crate::health::{CANARY_TOLD, Recovery};
use crate::metrics::{
    Asked, Metrics, OfClass, OfClient, OfKind, OfOutcome, OfRepository, OfSource, OfStage, OfState,
};
use crate::quota::Class;
use crate::store::alarms::RaisedAlarm;
use crate::store::drift::Standing;
use crate::store::queue_now::{ClassWaiting, Waiting};
use crate::store::quota_accounts::KeptAccount;
use crate::store::quotas::QuotaNow;
use crate::store::stats::QueueStats;
use crate::store::{StoreResult, Tables};

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
    let problem = why_not_ready(&state).await;
    let spooled = state.spool.as_ref().and_then(|spool| spool.state().said());
    let (status, mut body) = match problem {
        None => (StatusCode::OK, json!({"ok": true})),
        Some(problem) => {
            let problems: Vec<_> =
                [Some(problem), spooled.as_deref()].into_iter().flatten().collect();
            (StatusCode::SERVICE_UNAVAILABLE, json!({"ok": false, "problems": problems}))
        }
    };
    if let Some(spooled) = spooled {
        body["spool"] = spooled.into();
    }
    (status, Json(body)).into_response()
}

async fn why_not_ready(state: &WebState) -> Option<&'static str> {
    match state.store.tables() {
        Tables::BeingMade => {
            return Some("the database's tables are being brought up to this version");
        }
        Tables::Unknown => return Some("the database does not answer"),
        Tables::Ready => {}
    }
    match queue(state).await {
        Some(Ok(queue)) if queue.oldest_due_seconds.is_some_and(|s| s >= STANDSTILL_SECONDS) => {
            Some("the queue does not move")
        }
        Some(Ok(_)) => None,
        Some(Err(_)) | None => Some("the database does not answer"),
    }
}

/// Figures of the process, and of the database as it is now. Without a database they are left out
/// where there is a spool to tell of, and the scrape fails where there is none, so that an old
/// depth is never taken for the present one.
async fn metrics(State(state): State<WebState>) -> Result<Response, Problem> {
    let reading = async {
        state.store.tables_are_ready().await;
        Stored::read(&state).await
    };
    let stored = timeout(PATIENCE, reading).await;
    show_connections(&state);
    if let Some(spool) = &state.spool {
        state.metrics.spool.set(&spool.state(), state.clock.now());
    }
    let text = match stored {
        Ok(Ok(stored)) => {
            stored.show(&state.metrics, state.clock.now());
            state.metrics.to_text()
        }
        Err(_) | Ok(Err(_)) if state.spool.is_some() => state.metrics.to_text_of_the_process(),
        Err(_) => return Err(Problem::new(ProblemKind::StoreUnavailable, "Scrape again later.")),
        Ok(Err(error)) => return Err(error.into()),
    };
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// What the database knows, whichever process did it.
struct Stored {
    queue: QueueStats,
    waiting: Vec<Waiting>,
    quotas: Vec<QuotaNow>,
    accounts: Vec<KeptAccount>,
    classes: Vec<ClassWaiting>,
    alarms: Vec<RaisedAlarm>,
    recovery: Recovery,
    canary: Option<Canary>,
    ledgers: Vec<Standing>,
}

impl Stored {
    async fn read(state: &WebState) -> StoreResult<Self> {
        let (store, now) = (&state.store, state.clock.now());
        Ok(Self {
            queue: store.queue_stats(now).await?,
            waiting: store.waiting_by_source().await?,
            quotas: store.quotas(now - Duration::from_hours(1)).await?,
            accounts: store.kept_accounts().await?,
            classes: store.waiting_by_class(now).await?,
            alarms: store.alarms().await?,
            recovery: Recovery::read(store, now).await?,
            canary: store.last_canary(now - CANARY_TOLD).await?,
            ledgers: store.drift_ledgers().await?,
        })
    }

    fn show(&self, metrics: &Metrics, now: Timestamp) {
        metrics.queue_queued.set(self.queue.queued);
        metrics.queue_claimed.set(self.queue.claimed);
        metrics.queue_dead.set(self.queue.dead);
        let age = Duration::try_from_secs_f64(self.queue.oldest_due_seconds.unwrap_or_default());
        let age = age.unwrap_or_default().as_millis();
        metrics.queue_oldest_ms.set(i64::try_from(age).unwrap_or(i64::MAX));
        for stage in ["read", "sync"] {
            let jobs = || self.waiting.iter().filter(|w| w.stage == stage);
            let label = OfStage { stage };
            let oldest = jobs().filter_map(|w| w.oldest).min().map(|at| (now - at).num_seconds());
            metrics.queue_waiting.get_or_create(&label).set(jobs().map(|w| w.queued).sum());
            metrics.queue_oldest_seconds.get_or_create(&label).set(oldest.unwrap_or(0).max(0));
        }
        show_recovery(&self.recovery, metrics);
        metrics.canary_webhook.clear();
        if let Some(after) = self.canary.as_ref().and_then(|canary| canary.heard_after) {
            let plane = OfSource { source: "plane" };
            metrics.canary_webhook.get_or_create(&plane).set(after.as_secs_f64());
        }
        metrics.quota_remaining.clear();
        metrics.quota_used_up.clear();
        for QuotaNow { seen, .. } in &self.quotas {
            let label = OfClient { client: seen.client.clone() };
            if let Some(remaining) = seen.remaining {
                metrics.quota_remaining.get_or_create(&label).set(remaining);
            }
            let used_up = seen.used_up && seen.resets_at.is_none_or(|at| at > now);
            metrics.quota_used_up.get_or_create(&label).set(i64::from(used_up));
        }
        self.show_remotes(metrics, now);
        self.show_drift(metrics);
        for kind in Kind::ALL.map(Kind::as_str) {
            let raised = self.alarms.iter().filter(|alarm| alarm.kind == kind).count();
            let raised = i64::try_from(raised).unwrap_or(i64::MAX);
            metrics.alarms.get_or_create(&OfKind { kind }).set(raised);
        }
    }
}

impl Stored {
    fn show_remotes(&self, metrics: &Metrics, now: Timestamp) {
        metrics.quota_wait_seconds.clear();
        metrics.circuit_open.clear();
        for kept in &self.accounts {
            let (account, client) = (&kept.account, kept.account.remote.as_str());
            let open = i64::from(!account.breaker.is_closed());
            metrics.circuit_open.get_or_create(&OfClient { client: kept.client() }).set(open);
            if kept.server.is_some() {
                continue;
            }
            for class in Class::ALL {
                let held = account.look(class, now);
                let wait = held.map_or(0, |held| (held.until - now).num_seconds().max(1));
                let label = Asked { client, class: class.as_str() };
                metrics.quota_wait_seconds.get_or_create(&label).set(wait);
            }
        }
        for class in Class::ALL {
            let waiting = self.classes.iter().find(|waiting| waiting.class == class);
            let label = OfClass { class: class.as_str() };
            let jobs = waiting.map_or(0, |waiting| waiting.jobs);
            metrics.quota_waiting_jobs.get_or_create(&label).set(jobs);
        }
    }
}

fn show_recovery(recovery: &Recovery, metrics: &Metrics) {
    let figure = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let counts = recovery.counts;
    for (outcome, count) in [
        ("waiting", counts.waiting),
        ("came", counts.came),
        ("given_up", counts.given_up),
        ("expired", counts.expired),
    ] {
        metrics.recover_deliveries.get_or_create(&OfOutcome { outcome }).set(figure(count));
    }
    metrics.recover_problems.set(figure(recovery.problems().count() as u64));
    metrics.recover_looked_at.set(recovery.looked_at().map_or(0, |at| at.timestamp()));
}

impl Stored {
    fn show_drift(&self, metrics: &Metrics) {
        metrics.in_sync_ratio.clear();
        metrics.drift_items.clear();
        for Standing { ledger, .. } in self.ledgers.iter().filter(|s| s.ledger.proven_at.is_some())
        {
            let label = OfRepository { repository: ledger.repository.clone() };
            let differing = i64::try_from(ledger.differing).unwrap_or(i64::MAX);
            metrics.in_sync_ratio.get_or_create(&label).set(ledger.share().ratio());
            metrics.drift_items.get_or_create(&label).set(differing);
        }
    }
}

fn show_connections(state: &WebState) {
    let (open, idle, most) = state.store.connections();
    for (name, count) in [("open", open), ("idle", idle), ("most", most)] {
        let label = OfState { state: name };
        state.metrics.connections.get_or_create(&label).set(i64::from(count));
    }
}

/// `None` when the database takes too long.
async fn queue(state: &WebState) -> Option<StoreResult<QueueStats>> {
    timeout(PATIENCE, state.store.queue_stats(state.clock.now())).await.ok()
}
