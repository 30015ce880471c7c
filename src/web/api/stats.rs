//! The figures at a glance.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::Parameters;
use crate::clock::Timestamp;
use crate::spool::SpoolState;
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
    /// Where deliveries wait while the database is away; null in a process without it.
    #[schema(required)]
    spool: Option<SpoolStats>,
}

/// The spool of the process that answers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct SpoolStats {
    /// Since when deliveries go into it; null while they go to the database.
    #[schema(required, value_type = Option<String>)]
    since: Option<Timestamp>,
    /// Deliveries that wait in it.
    deliveries: u64,
    /// Bytes that it takes on disk.
    bytes: u64,
    /// Bytes that it may take; 0 where it takes no more in.
    max_bytes: u64,
    /// When the oldest that waits was received.
    #[schema(required, value_type = Option<String>)]
    oldest_received_at: Option<Timestamp>,
    /// Deliveries that went into it since the start of the process.
    appended: u64,
    /// Deliveries that went from it into the database since the start of the process.
    drained: u64,
    /// Deliveries that the database will never take, kept in files of their own.
    set_aside: u64,
    /// Files that could not be read whole, kept for a person.
    damaged: u64,
}

impl From<SpoolState> for SpoolStats {
    fn from(state: SpoolState) -> Self {
        Self {
            since: state.since,
            deliveries: state.deliveries,
            bytes: state.bytes,
            max_bytes: state.max_bytes,
            oldest_received_at: state.oldest,
            appended: state.appended,
            drained: state.drained,
            set_aside: state.set_aside,
            damaged: state.damaged,
        }
    }
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
        spool: state.spool.as_ref().map(|spool| spool.state().into()),
    }))
}

fn delivery_count(count: stats::DeliveryCount) -> DeliveryCount {
    let stats::DeliveryCount { source, event_type, status, count } = count;
    DeliveryCount { source, event_type, status, count }
}
