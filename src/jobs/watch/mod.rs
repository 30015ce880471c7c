//! Looks after the figures: what every process says of itself, and what one of them does for all.
//!
//! Each process says every ten seconds that it is there, and what its clients heard of other
//! systems' limits. One of them, whichever holds the duty, samples the queue each minute, merges and
//! forgets figures, judges alarms and tells of them.
//!
//! Races, and what decides them:
//! - *Two processes that hold the duty at once* (a pause past its end). A minute's sample is an
//!   insert under its minute, merging puts back what it deleted itself, and raising an alarm is an
//!   insert that only one of them makes, with its notice in the same transaction.
//! - *A process that dies while it tells of an alarm.* The notice is due again a minute later; it
//!   may arrive twice, never not at all.

mod canary;
mod situation;
mod telling;

use std::collections::VecDeque;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use super::duty::{Turns, take_turns};
use super::settings::CurrentSettings;
use super::sync_issue::{IssueSync, in_workspace};
use crate::alarms::{self, Changed, RHYTHM};
use crate::clients::alarm_webhook::AlarmWebhook;
use crate::clients::github::GitHub;
use crate::clients::limits::LimitSeen;
use crate::clients::plane::PlaneClient;
use crate::clock::{Clock, Timestamp};
use crate::config::CanaryConfig;
use crate::figures::{BUCKET, Lags, floor};
use crate::metrics::{Metrics, Times};
use crate::store::duties::{Facts, Process};
use crate::store::flow::Rhythm;
use crate::store::quotas::QuotaSeen;
use crate::store::{Store, StoreResult};

/// How often a process looks.
const TURN: Duration = Duration::from_secs(10);
/// How long the duty is held without a sign of life.
const DUTY: Duration = Duration::from_mins(1);
const DUTY_NAME: &str = "watch";
const CANARY_NAME: &str = "canary";
/// How often figures are merged and forgotten, and rhythms learned.
const UPKEEP: Duration = Duration::from_mins(10);
/// After so long figures are kept by the hour.
const FINE: Duration = Duration::from_hours(8 * 24);
/// How long figures are kept.
const KEPT: Duration = Duration::from_hours(400 * 24);
/// How long samples of the queue and of quotas are kept, and what is over of alarms.
const SAMPLES_KEPT: Duration = Duration::from_hours(35 * 24);
/// How long an account is kept with which nothing is asked: every window is over by then.
const ACCOUNTS_KEPT: Duration = Duration::from_hours(24);
/// How long a process that is gone is remembered.
const GONE_KEPT: Duration = Duration::from_hours(1);
/// Turns over which the process's own times are told: five minutes.
const RECENT_TURNS: usize = 30;

/// What a process is, for whoever looks after it.
#[derive(Debug, Clone)]
pub struct Watcher {
    /// `all`, `receiver` or `worker`.
    pub role: &'static str,
    /// Batches that it may work on at once.
    pub workers: usize,
    /// Where alarms are told.
    pub alarms: Option<AlarmWebhook>,
    /// How the outside reaches the pages.
    pub public_url: String,
}

/// Looks after the figures of all processes from within one.
#[derive(Debug)]
pub struct Watch {
    watcher: Watcher,
    store: Store,
    clock: Clock,
    metrics: std::sync::Arc<Metrics>,
    id: String,
    started_at: Timestamp,
    plane: Option<PlaneClient>,
    github: Option<GitHub>,
    canary: CanaryConfig,
    settings: CurrentSettings,
    upkept: Option<Timestamp>,
    rhythms: Vec<Rhythm>,
    recent: VecDeque<([u64; 64], [u64; 64])>,
}

impl Watch {
    /// For this process.
    pub fn new(
        watcher: Watcher,
        store: &Store,
        clock: &Clock,
        metrics: &std::sync::Arc<Metrics>,
    ) -> Self {
        let started_at = clock.now();
        metrics.started.set(started_at.timestamp());
        Self {
            watcher,
            store: store.clone(),
            clock: clock.clone(),
            metrics: std::sync::Arc::clone(metrics),
            id: Uuid::now_v7().to_string(),
            started_at,
            plane: None,
            github: None,
            canary: CanaryConfig::default(),
            settings: CurrentSettings::new(store.clone(), clock.clone()),
            upkept: None,
            rhythms: Vec::new(),
            recent: VecDeque::new(),
        }
    }

    /// Keeping what these clients hear of limits.
    #[must_use]
    pub fn hearing(self, sync: &IssueSync) -> Self {
        Self { plane: sync.plane.clone(), github: sync.github.clone(), ..self }
    }

    /// Finding out by a canary whether Plane's webhooks come.
    #[must_use]
    pub fn touching(self, canary: CanaryConfig) -> Self {
        Self { canary, ..self }
    }

    /// Looks until `stop` says so, which waits for nobody whom an alarm is told to: the notice is due
    /// again.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        take_turns(self, stop).await;
    }

    /// One look.
    ///
    /// # Errors
    /// When the database does not do what is asked.
    pub async fn turn(&mut self) -> StoreResult<()> {
        let now = self.clock.now();
        self.say(now).await?;
        self.keep_quotas(now).await?;
        self.copy_accounts(now).await?;
        self.touch(now).await?;
        if !self.store.take_duty(DUTY_NAME, &self.id, now + DUTY, now).await? {
            return Ok(());
        }
        self.sample(now).await?;
        if self
            .upkept
            .is_none_or(|at| now - at >= chrono::TimeDelta::from_std(UPKEEP).unwrap_or_default())
        {
            self.keep_up(now).await?;
            self.upkept = Some(now);
        }
        self.judge(now).await?;
        self.tell().await
    }

    async fn say(&mut self, now: Timestamp) -> StoreResult<()> {
        let process = Process {
            id: self.id.clone(),
            role: self.watcher.role.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            seen_at: now,
            facts: self.facts(),
        };
        self.store.put_process(&process).await
    }

    fn facts(&mut self) -> Facts {
        let metrics = &self.metrics;
        let before = self.recent.front().copied().unwrap_or(([0; 64], [0; 64]));
        let p99 = |times: &Times, before: &[u64; 64]| p99_ms(&times.since(before));
        let accepted_p99_ms = p99(&metrics.accept_times, &before.0);
        let commit_p99_ms = p99(&metrics.commit_times, &before.1);
        self.recent.push_back((metrics.accept_times.counts(), metrics.commit_times.counts()));
        if self.recent.len() > RECENT_TURNS {
            self.recent.pop_front();
        }
        let (open, idle, most) = self.store.connections();
        Facts {
            workers: self.watcher.workers as u64,
            busy: Gauge::get(&metrics.batches_in_work),
            accepted_p99_ms,
            commit_p99_ms,
            refused: metrics.refused.load(std::sync::atomic::Ordering::Relaxed),
            connections: open.saturating_sub(idle),
            most_connections: most,
        }
    }

    async fn keep_quotas(&self, now: Timestamp) -> StoreResult<()> {
        let plane = self.plane.as_ref().and_then(PlaneClient::limit_seen);
        let mut all = Vec::from_iter(plane.map(|seen| ("plane".to_owned(), seen)));
        for rest in self.github.iter().flat_map(GitHub::rests) {
            let client = match rest.host().name() {
                Some(host) => format!("github {host}"),
                None => "github".to_owned(),
            };
            all.extend(rest.limit_seen().map(|seen| (client, seen)));
        }
        for (client, seen) in all {
            let quota = quota_of(&client, seen, now);
            // An old word is kept once, while it holds it is kept for each minute.
            if quota.used_up || now - seen.seen_at < chrono::TimeDelta::minutes(2) {
                self.store.put_quota(&quota, floor(now, Duration::from_mins(1))).await?;
            }
        }
        Ok(())
    }

    /// Puts what only this process knows of quotas where everybody can read it.
    async fn copy_accounts(&self, now: Timestamp) -> StoreResult<()> {
        if let Some(plane) = &self.plane {
            self.store.copy_account(&plane.account_name(), &plane.account(), now).await?;
        }
        for rest in self.github.iter().flat_map(GitHub::rests) {
            self.store.copy_account(&rest.account_name(), &rest.account(), now).await?;
        }
        Ok(())
    }

    /// By one of the processes that can ask Plane.
    async fn touch(&self, now: Timestamp) -> StoreResult<()> {
        let (Some(plane), Some(project)) = (&self.plane, self.canary.project) else {
            return Ok(());
        };
        if self.store.take_duty(CANARY_NAME, &self.id, now + DUTY, now).await? {
            let (project, rhythm) = (project.to_string(), self.canary.rhythm);
            let workspaces = self.settings.workspaces().await?;
            let slug = workspaces.of.get(&project).and_then(Option::as_ref);
            let plane = &in_workspace(plane, slug);
            canary::turn(plane, &project, rhythm, &self.store, &self.clock).await?;
        }
        Ok(())
    }

    async fn sample(&self, now: Timestamp) -> StoreResult<()> {
        let queue = self.store.queue_stats(now).await?;
        let (minute, oldest) = (floor(now, Duration::from_mins(1)), queue.oldest_due_seconds);
        let (waiting, working) = (queue.queued, queue.claimed);
        let oldest = oldest.unwrap_or_default();
        self.store.put_queue_sample(minute, waiting, working, queue.dead, oldest).await
    }

    async fn keep_up(&mut self, now: Timestamp) -> StoreResult<()> {
        // A bucket is open for one more of its lengths: a batch may take so long to commit.
        let open = floor(now, BUCKET) - BUCKET;
        let hourly = floor(now - FINE, Duration::from_hours(1));
        self.store.merge_figures(open, hourly).await?;
        self.store.purge_figures(now - KEPT).await?;
        self.store.purge_samples(now - SAMPLES_KEPT, now - GONE_KEPT).await?;
        self.store.purge_accounts(now - ACCOUNTS_KEPT).await?;
        self.rhythms = self.store.rhythms(now - RHYTHM).await?;
        Ok(())
    }

    async fn judge(&self, now: Timestamp) -> StoreResult<()> {
        let situation = situation::read(&self.store, &self.rhythms, self.canary, now).await?;
        let alarms = alarms::judge(&situation, now);
        let told = self.watcher.alarms.is_some();
        let notice = |changed, alarm: &_| {
            told.then(|| telling::body(changed, alarm, &self.watcher.public_url, now))
        };
        for (changed, alarm) in self.store.set_alarms(&alarms, now, notice).await? {
            let (kind, subject, title) = (alarm.kind, alarm.subject, alarm.title);
            match changed {
                Changed::Raised => {
                    warn!(alarm.kind = %kind, alarm.subject = %subject, "alarm: {title}; see /health");
                }
                Changed::Cleared => {
                    info!(alarm.kind = %kind, alarm.subject = %subject, "alarm over: {title}");
                }
            }
        }
        Ok(())
    }

    async fn tell(&self) -> StoreResult<()> {
        match &self.watcher.alarms {
            Some(webhook) => telling::tell(&self.store, &self.clock, webhook).await,
            None => Ok(()),
        }
    }
}

impl Turns for Watch {
    const WHAT: &'static str = "the figures can't be looked after";
    const EVERY: Duration = TURN;

    async fn take_turn(&mut self) -> StoreResult<()> {
        self.turn().await
    }

    async fn leave(&self) -> StoreResult<()> {
        self.store.leave(&self.id).await
    }
}

fn p99_ms(lags: &Lags) -> Option<f64> {
    lags.percentile(99).map(|time| time.as_secs_f64() * 1000.0)
}

fn quota_of(client: &str, seen: LimitSeen, now: Timestamp) -> QuotaSeen {
    let used_up = seen.used_up_until.is_some_and(|until| until > now - TURN);
    let whole = seen.resets_at.is_some_and(|at| at <= now) && !used_up;
    QuotaSeen {
        client: client.to_owned(),
        // Once the window is over all of it is there again.
        remaining: if whole { seen.most } else { seen.remaining }.map(i64::from),
        most: seen.most.map(i64::from),
        resets_at: if used_up { seen.used_up_until } else { seen.resets_at },
        used_up,
        seen_at: now.min(seen.seen_at.max(now - TURN)),
    }
}
