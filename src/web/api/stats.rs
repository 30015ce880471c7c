//! The figures at a glance.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::Parameters;
use crate::store::stats;
use crate::web::error::Problem;
use crate::web::state::WebState;

/// What is stored, what waits, how long it takes.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Stats {
    /// Deliveries by source, event and status.
    deliveries: Vec<DeliveryCount>,
    /// The queue.
    queue: Queue,
    /// From receipt to the end of processing; null while nothing has been processed.
    #[schema(required)]
    lag: Option<Lag>,
}

/// How many deliveries of one kind there are.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct DeliveryCount {
    /// Who sent them.
    source: String,
    /// The sender's word for what happened.
    event_type: String,
    /// `received`, `processed` or `failed`.
    status: String,
    /// How many.
    count: i64,
}

/// The queue at a glance.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Queue {
    /// Jobs that wait.
    queued: i64,
    /// Jobs being worked on.
    claimed: i64,
    /// Jobs that failed for good.
    dead: i64,
    /// Seconds since the oldest due job became due.
    #[schema(required)]
    oldest_due_seconds: Option<f64>,
}

/// Milliseconds, over the newest processed deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Lag {
    /// Half of them took no longer.
    p50_ms: f64,
    /// 95 of 100 took no longer.
    p95_ms: f64,
    /// 99 of 100 took no longer.
    p99_ms: f64,
    /// How many these figures are of.
    samples: usize,
}

/// Counts, queue and lag.
#[utoipa::path(
    get,
    path = "/api/v1/stats",
    tag = "figures",
    operation_id = "showStats",
    responses((status = 200, description = "The figures as of now.", body = Stats))
)]
pub(in crate::web) async fn show(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Stats>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let counts = state.store.delivery_counts().await?;
    let queue = state.store.queue_stats(state.clock.now()).await?;
    let lag = state.store.lag().await?;
    Ok(Json(Stats {
        deliveries: counts.into_iter().map(delivery_count).collect(),
        queue: Queue {
            queued: queue.queued,
            claimed: queue.claimed,
            dead: queue.dead,
            oldest_due_seconds: queue.oldest_due_seconds,
        },
        lag: lag.map(|lag| Lag {
            p50_ms: lag.p50_ms,
            p95_ms: lag.p95_ms,
            p99_ms: lag.p99_ms,
            samples: lag.samples,
        }),
    }))
}

fn delivery_count(count: stats::DeliveryCount) -> DeliveryCount {
    let stats::DeliveryCount { source, event_type, status, count } = count;
    DeliveryCount { source, event_type, status, count }
}
