//! The figures of this process for `/metrics`. What the database knows (queue depth, dead jobs)
//! is asked when they are scraped, so that it is right whichever process is asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::Timestamp;
use crate::figures::{LagBucket, Lags};
use crate::spool::SpoolState;

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

/// Labels of deliveries that ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndedAs {
    /// Whose delivery.
    pub source: &'static str,
    /// `done`, `ignored`, `retried` or `failed`.
    pub outcome: &'static str,
}

/// A repository as the only label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfRepository {
    /// `owner/name`.
    pub repository: String,
}

/// A source as the only label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfSource {
    /// Whose.
    pub source: &'static str,
}

/// Labels of requests to other systems.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Remote {
    /// `plane` or `github`.
    pub client: &'static str,
    /// `ok`, `refused` (4xx), `limited` (a rate limit), `failed` (5xx) or `no_answer`.
    pub result: &'static str,
}

/// A client as the only label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfClient {
    /// Whose limit.
    pub client: String,
}

/// A kind as the only label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfKind {
    /// Of what kind.
    pub kind: &'static str,
}

/// Labels of deliveries that were missing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfOutcome {
    /// `waiting`, `came`, `given_up` or `expired`.
    pub outcome: &'static str,
}

/// Labels of waiting jobs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfStage {
    /// `read` or `sync`.
    pub stage: &'static str,
}

/// Labels of database connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfState {
    /// `open`, `idle` or `most`.
    pub state: &'static str,
}

/// Labels of requests by their class.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Asked {
    /// `plane` or `github`.
    pub client: &'static str,
    /// `live`, `replay`, `reconcile` or `backfill`.
    pub class: &'static str,
}

/// A class as the only label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfClass {
    /// `live`, `replay`, `reconcile` or `backfill`.
    pub class: &'static str,
}

/// Requests to other systems, counted by whoever makes them.
#[derive(Debug, Clone, Default)]
pub struct RemoteFigures {
    /// By what came of them.
    pub requests: Family<Remote, Counter>,
    /// By whose they were.
    pub asked: Family<Asked, Counter>,
}

/// A histogram for each value of a label.
pub type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Times that are counted so that percentiles of the last minutes can be told.
#[derive(Debug)]
pub struct Times([AtomicU64; 64]);

impl Default for Times {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; 64])
    }
}

impl Times {
    /// Counts one.
    pub fn observe(&self, time: Duration) {
        let at = usize::from(LagBucket::of(time).index()).min(self.0.len() - 1);
        self.0[at].fetch_add(1, Ordering::Relaxed);
    }

    /// All since the start, less those of `before`.
    pub fn since(&self, before: &[u64; 64]) -> Lags {
        let mut lags = Lags::default();
        for (at, (now, before)) in self.counts().iter().zip(before).enumerate() {
            let index = i64::try_from(at).unwrap_or(i64::MAX);
            lags.add(LagBucket::from_index(index), now.saturating_sub(*before));
        }
        lags
    }

    /// All since the start, to be subtracted later.
    pub fn counts(&self) -> [u64; 64] {
        std::array::from_fn(|at| self.0[at].load(Ordering::Relaxed))
    }
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
    /// Seconds that a commit of deliveries took.
    pub commit_seconds: Histogram,
    /// Seconds from a request's head to its answer, for stored deliveries.
    pub accept_seconds: Histogram,
    /// The same times, for the health page.
    pub accept_times: Times,
    /// The same times as in `commit_seconds`, for the health page.
    pub commit_times: Times,
    /// Requests that were refused, for the health page.
    pub refused: AtomicU64,
    /// Bytes of bodies being received or committed.
    pub bytes_in_flight: Gauge,
    /// Finished attempts.
    pub attempts: Family<Attempt, Counter>,
    /// Live connections that are open.
    pub live_connections: Family<LiveKind, Gauge>,
    /// Messages sent over live connections.
    pub live_messages: Family<LiveKind, Counter>,
    /// Deliveries that ended.
    pub ended: Family<EndedAs, Counter>,
    /// Seconds from a delivery's commit, or the wish to run it again, to its end.
    pub lag_seconds: Histograms<OfSource>,
    /// Jobs that one commit finished.
    pub finish_rows: Histogram,
    /// Seconds that deciding and finishing a batch took.
    pub finish_seconds: Histogram,
    /// Batches in work.
    pub batches_in_work: Gauge,
    /// Writes to Plane and GitHub.
    pub sync_writes: Family<OfKind, Counter>,
    /// Requests to other systems.
    pub remote: RemoteFigures,
    /// Seconds until a class may ask again, as last told to any process.
    pub quota_wait_seconds: Family<Asked, Gauge>,
    /// Jobs that wait for other systems, by class.
    pub quota_waiting_jobs: Family<OfClass, Gauge>,
    /// Whether another system is not asked, since it does not answer.
    pub circuit_open: Family<OfClient, Gauge>,
    /// Jobs that wait, as of the last scrape.
    pub queue_waiting: Family<OfStage, Gauge>,
    /// Age of the oldest due job in seconds, as of the last scrape.
    pub queue_oldest_seconds: Family<OfStage, Gauge>,
    /// Requests left, as last told to any process.
    pub quota_remaining: Family<OfClient, Gauge>,
    /// Whether nothing may be asked, as last told to any process.
    pub quota_used_up: Family<OfClient, Gauge>,
    /// Alarms that are raised.
    pub alarms: Family<OfKind, Gauge>,
    /// Deliveries that were missing in the last week, as of the last scrape.
    pub recover_deliveries: Family<OfOutcome, Gauge>,
    /// Repositories whose lost deliveries can't be looked for, as of the last scrape.
    pub recover_problems: Gauge,
    /// When lost deliveries were last looked for, seconds since 1970; 0: never.
    pub recover_looked_at: Gauge,
    /// Seconds from the canary's last touch to Plane's webhook; nothing while none came.
    pub canary_webhook: Family<OfSource, Gauge<f64, AtomicU64>>,
    /// Share of a repository's items that is in sync, as was last found out.
    pub in_sync_ratio: Family<OfRepository, Gauge<f64, AtomicU64>>,
    /// Items of a repository that are not.
    pub drift_items: Family<OfRepository, Gauge>,
    /// Database connections of this process.
    pub connections: Family<OfState, Gauge>,
    /// When the process started, seconds since 1970.
    pub started: Gauge,
    /// Jobs queued, as of the last scrape.
    pub queue_queued: Gauge,
    /// Jobs being worked on, as of the last scrape.
    pub queue_claimed: Gauge,
    /// Dead jobs, as of the last scrape.
    pub queue_dead: Gauge,
    /// Age of the oldest due job in milliseconds, as of the last scrape.
    pub queue_oldest_ms: Gauge,
    /// What lies in the spool, as of the last scrape.
    pub spool: SpoolGauges,
}

/// The spool of this process; all 0 where there is none.
#[derive(Debug, Default)]
pub struct SpoolGauges {
    /// Whether newcomers go into it.
    active: Gauge,
    deliveries: Gauge,
    bytes: Gauge,
    max_bytes: Gauge,
    oldest_ms: Gauge,
    appended: Counter,
    drained: Counter,
    set_aside: Gauge,
    damaged: Gauge,
}

impl SpoolGauges {
    /// Takes the figures over.
    pub fn set(&self, state: &SpoolState, now: Timestamp) {
        let figure = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let age = state.oldest.map(|oldest| (now - oldest).num_milliseconds().max(0));
        self.active.set(i64::from(state.since.is_some()));
        self.deliveries.set(figure(state.deliveries));
        self.bytes.set(figure(state.bytes));
        self.max_bytes.set(figure(state.max_bytes));
        self.oldest_ms.set(age.unwrap_or(0));
        self.appended.inc_by(state.appended.saturating_sub(self.appended.get()));
        self.drained.inc_by(state.drained.saturating_sub(self.drained.get()));
        self.set_aside.set(figure(state.set_aside));
        self.damaged.set(figure(state.damaged));
    }

    fn register(&self, r: &mut Registry) {
        let gauges = [
            ("spool_active", "1 while deliveries go into the spool", &self.active),
            ("spool_deliveries", "Accepted deliveries that wait in the spool", &self.deliveries),
            ("spool_disk_bytes", "What the spool takes on disk", &self.bytes),
            ("spool_max_bytes", "What it may take at most", &self.max_bytes),
            ("spool_oldest_milliseconds", "Age of the oldest that waits there", &self.oldest_ms),
            ("spool_set_aside", "Deliveries that the database never takes", &self.set_aside),
            ("spool_damaged_files", "Files of it that could not be read whole", &self.damaged),
        ];
        for (name, help, gauge) in gauges {
            r.register(name, help, gauge.clone());
        }
        r.register("spool_appended", "Deliveries that went into the spool", self.appended.clone());
        r.register(
            "spool_drained",
            "Deliveries that went from it into the database",
            self.drained.clone(),
        );
    }
}

const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
const ROWS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("jetbridge"),
            received: Family::default(),
            conflicting_ids: Counter::default(),
            commit_rows: Histogram::new(ROWS),
            commit_seconds: seconds(),
            accept_seconds: seconds(),
            accept_times: Times::default(),
            commit_times: Times::default(),
            refused: AtomicU64::default(),
            bytes_in_flight: Gauge::default(),
            attempts: Family::default(),
            live_connections: Family::default(),
            live_messages: Family::default(),
            ended: Family::default(),
            lag_seconds: Family::new_with_constructor(seconds),
            finish_rows: Histogram::new(ROWS),
            finish_seconds: seconds(),
            batches_in_work: Gauge::default(),
            sync_writes: Family::default(),
            remote: RemoteFigures::default(),
            quota_wait_seconds: Family::default(),
            quota_waiting_jobs: Family::default(),
            circuit_open: Family::default(),
            queue_waiting: Family::default(),
            queue_oldest_seconds: Family::default(),
            quota_remaining: Family::default(),
            quota_used_up: Family::default(),
            alarms: Family::default(),
            recover_deliveries: Family::default(),
            recover_problems: Gauge::default(),
            recover_looked_at: Gauge::default(),
            connections: Family::default(),
            canary_webhook: Family::default(),
            in_sync_ratio: Family::default(),
            drift_items: Family::default(),
            started: Gauge::default(),
            queue_queued: Gauge::default(),
            queue_claimed: Gauge::default(),
            queue_dead: Gauge::default(),
            queue_oldest_ms: Gauge::default(),
            spool: SpoolGauges::default(),
        };
        metrics.register_receiving();
        metrics.register_working();
        metrics.register_state();
        metrics
    }
}

impl Metrics {
    fn register_receiving(&mut self) {
        let r = &mut self.registry;
        r.register("webhook_requests", "Requests at the webhook endpoints", self.received.clone());
        let help = "Deliveries whose id was known with another body";
        r.register("delivery_id_conflicts", help, self.conflicting_ids.clone());
        let help = "Deliveries that shared one commit";
        r.register("commit_deliveries", help, self.commit_rows.clone());
        let help = "What a commit of deliveries took";
        r.register_with_unit("commit", help, Unit::Seconds, self.commit_seconds.clone());
        let help = "From a request's head to its answer";
        r.register_with_unit("accept", help, Unit::Seconds, self.accept_seconds.clone());
        let help = "Bodies being received or committed";
        r.register_with_unit("in_flight", help, Unit::Bytes, self.bytes_in_flight.clone());
    }

    fn register_working(&mut self) {
        let r = &mut self.registry;
        r.register("attempts", "Finished attempts at deliveries", self.attempts.clone());
        r.register("deliveries_ended", "Deliveries by how they ended", self.ended.clone());
        let help = "From a delivery's commit, or the wish to run it again, to its end";
        r.register_with_unit("lag", help, Unit::Seconds, self.lag_seconds.clone());
        r.register("finish_jobs", "Jobs that one commit finished", self.finish_rows.clone());
        let help = "What deciding and finishing a batch took";
        r.register_with_unit("finish", help, Unit::Seconds, self.finish_seconds.clone());
        r.register("batches_in_work", "Batches being worked on", self.batches_in_work.clone());
        r.register("sync_writes", "Writes to Plane and GitHub", self.sync_writes.clone());
        let help = "Requests to other systems by what came of them";
        r.register("remote_requests", help, self.remote.requests.clone());
        let help = "Requests to other systems by whose they were";
        r.register("remote_requests_by_class", help, self.remote.asked.clone());
    }

    fn register_state(&mut self) {
        let r = &mut self.registry;
        let help = "Live connections that are open";
        r.register("live_connections", help, self.live_connections.clone());
        let help = "Messages sent over live connections";
        r.register("live_messages", help, self.live_messages.clone());
        r.register("queue_jobs_queued", "Jobs that wait", self.queue_queued.clone());
        r.register("queue_jobs_claimed", "Jobs being worked on", self.queue_claimed.clone());
        r.register("queue_jobs_dead", "Jobs that failed for good", self.queue_dead.clone());
        let help = "Age of the oldest due job";
        r.register("queue_oldest_due_milliseconds", help, self.queue_oldest_ms.clone());
        self.spool.register(r);
        r.register("queue_waiting", "Jobs that wait, by stage", self.queue_waiting.clone());
        let help = "Age of the oldest due job, by stage";
        let ages = self.queue_oldest_seconds.clone();
        r.register_with_unit("queue_oldest_due", help, Unit::Seconds, ages);
        let help = "Requests that another system still allows, as last told to any process";
        r.register("quota_remaining", help, self.quota_remaining.clone());
        let help = "Whether another system allows no request at present";
        r.register("quota_used_up", help, self.quota_used_up.clone());
        let help = "Until jobs of a class may begin to ask another system again";
        let waits = self.quota_wait_seconds.clone();
        r.register_with_unit("quota_wait", help, Unit::Seconds, waits);
        let help = "Jobs that wait for other systems, by class";
        r.register("quota_waiting_jobs", help, self.quota_waiting_jobs.clone());
        let help = "Whether another system is not asked, since it does not answer";
        r.register("circuit_open", help, self.circuit_open.clone());
        r.register("alarms", "Alarms that are raised", self.alarms.clone());
        let help = "Webhooks of GitHub that never arrived, of the last seven days";
        r.register("recover_deliveries", help, self.recover_deliveries.clone());
        let help = "Repositories whose lost webhooks can't be looked for";
        r.register("recover_problems", help, self.recover_problems.clone());
        let help = "When lost webhooks were last looked for, since 1970";
        let looked_at = self.recover_looked_at.clone();
        r.register_with_unit("recover_looked_at", help, Unit::Seconds, looked_at);
        let help = "From the last touch of the canary to the webhook that followed";
        let canary = self.canary_webhook.clone();
        r.register_with_unit("canary_webhook", help, Unit::Seconds, canary);
        let help = "Share of both sides' items that is in sync, as was last found out, 0 to 1";
        r.register("in_sync_ratio", help, self.in_sync_ratio.clone());
        let help = "Items that are known not to be in sync";
        r.register("drift_items", help, self.drift_items.clone());
        let help = "Database connections of this process";
        r.register("database_connections", help, self.connections.clone());
        let help = "When the process started, since 1970";
        r.register_with_unit("process_start_time", help, Unit::Seconds, self.started.clone());
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        r.register("build", "Which Jetbridge this is", version);
    }

    /// All figures in the `OpenMetrics` text form.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// The same without what only the database knows, for when it does not answer: an old depth
    /// must never be taken for the present one.
    pub fn to_text_of_the_process(&self) -> String {
        const STORED: [&str; 8] = [
            "jetbridge_queue_",
            "jetbridge_quota_",
            "jetbridge_alarms",
            "jetbridge_recover_",
            "jetbridge_circuit_",
            "jetbridge_in_sync_",
            "jetbridge_drift_",
            "jetbridge_canary_",
        ];
        let is_stored = |line: &&str| {
            let name = ["# HELP ", "# TYPE ", "# UNIT "].iter().find_map(|w| line.strip_prefix(w));
            STORED.iter().any(|prefix| name.unwrap_or(line).starts_with(prefix))
        };
        let text = self.to_text();
        text.lines().filter(|line| !is_stored(line)).flat_map(|line| [line, "\n"]).collect()
    }
}
