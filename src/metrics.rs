//! The figures of this process for `/metrics`. What the database knows (queue depth, dead jobs)
//! is asked when they are scraped, so that it is right whichever process is asked.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Labels of requests at a webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Received {
    /// Which source's endpoint.
    pub source: &'static str,
    /// `accepted`, `duplicate`, `requeued`, or why it was refused.
    pub outcome: &'static str,
}

/// Labels of finished attempts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Attempt {
    /// Whose delivery.
    pub source: &'static str,
    /// The timeline's word for the end.
    pub outcome: &'static str,
}

/// Labels of live connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LiveKind {
    /// `websocket` for programs, `events` for pages.
    pub kind: &'static str,
}

/// All figures, each with the registry that prints it.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests at the webhook endpoints.
    pub received: Family<Received, Counter>,
    /// Deliveries whose id was known with another body.
    pub conflicting_ids: Counter,
    /// Deliveries in one commit.
    pub commit_rows: Histogram,
    /// Seconds from a request's head to its answer, for stored deliveries.
    pub accept_seconds: Histogram,
    /// Bytes of bodies being received or committed.
    pub bytes_in_flight: Gauge,
    /// Finished attempts.
    pub attempts: Family<Attempt, Counter>,
    /// Seconds from a delivery's commit to the end of its attempt.
    pub lag_seconds: Histogram,
    /// Live connections that are open.
    pub live_connections: Family<LiveKind, Gauge>,
    /// Messages sent over live connections.
    pub live_messages: Family<LiveKind, Counter>,
    /// Jobs queued, as of the last scrape.
    pub queue_queued: Gauge,
    /// Jobs being worked on, as of the last scrape.
    pub queue_claimed: Gauge,
    /// Dead jobs, as of the last scrape.
    pub queue_dead: Gauge,
    /// Age of the oldest due job in milliseconds, as of the last scrape.
    pub queue_oldest_ms: Gauge,
}

const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
const ROWS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("jetbridge"),
            received: Family::default(),
            conflicting_ids: Counter::default(),
            commit_rows: Histogram::new(ROWS),
            accept_seconds: Histogram::new(SECONDS),
            bytes_in_flight: Gauge::default(),
            attempts: Family::default(),
            lag_seconds: Histogram::new(SECONDS),
            live_connections: Family::default(),
            live_messages: Family::default(),
            queue_queued: Gauge::default(),
            queue_claimed: Gauge::default(),
            queue_dead: Gauge::default(),
            queue_oldest_ms: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("webhook_requests", "Requests at the webhook endpoints", self.received.clone());
        r.register(
            "delivery_id_conflicts",
            "Deliveries whose id was known with another body",
            self.conflicting_ids.clone(),
        );
        r.register(
            "commit_deliveries",
            "Deliveries that shared one commit",
            self.commit_rows.clone(),
        );
        r.register_with_unit(
            "accept",
            "From a request's head to its answer",
            Unit::Seconds,
            self.accept_seconds.clone(),
        );
        r.register_with_unit(
            "in_flight",
            "Bodies being received or committed",
            Unit::Bytes,
            self.bytes_in_flight.clone(),
        );
        r.register("attempts", "Finished attempts at deliveries", self.attempts.clone());
        r.register_with_unit(
            "lag",
            "From a delivery's commit to the end of its attempt",
            Unit::Seconds,
            self.lag_seconds.clone(),
        );
        r.register(
            "live_connections",
            "Live connections that are open",
            self.live_connections.clone(),
        );
        r.register(
            "live_messages",
            "Messages sent over live connections",
            self.live_messages.clone(),
        );
        r.register("queue_jobs_queued", "Jobs that wait", self.queue_queued.clone());
        r.register("queue_jobs_claimed", "Jobs being worked on", self.queue_claimed.clone());
        r.register("queue_jobs_dead", "Jobs that failed for good", self.queue_dead.clone());
        r.register(
            "queue_oldest_due_milliseconds",
            "Age of the oldest due job",
            self.queue_oldest_ms.clone(),
        );
    }

    /// All figures in the `OpenMetrics` text form.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
