//! Works off a batch of deliveries: read the body, look names up, decide, commit the lot.
//!
//! The decision is `work_items::decide`; here is only what stands around it. Everything that one
//! batch changes is committed at once with the ends of its jobs, so a crash before that leaves
//! the jobs as they were, and a repeat decides again from the same bodies.
//!
//! Several deliveries of one item in a batch are decided in order on the same row, which is
//! written once: a burst costs one write.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::{debug, error, warn};

use super::directory::Directory;
use crate::clock::{Clock, Timestamp};
use crate::failure::Failure;
use crate::ids::{Lease, WorkItemRef};
use crate::metrics::{Attempt, Metrics};
use crate::queue::retry::{self, Next, RetryPolicy};
use crate::sources::plane::normalize::{Names, needs, normalize};
use crate::sources::plane::payload::{self, Event};
use crate::sources::{Encoding, Source};
use crate::store::jobs::{ClaimedJob, Counted, End, Finish, Finished};
use crate::store::{Store, StoreError, StoreResult};
use crate::timeline::{EntryOutcome, TimelineEntry};
use crate::work_items::{Change, Decision, WorkItem, decide};

/// Where people open an item at its source; what payloads do not say themselves.
#[derive(Debug, Clone, Default)]
pub struct PlaneAddress {
    /// The workspace's slug.
    pub workspace: Option<String>,
    /// `https://app.plane.so`.
    pub web_url: Option<String>,
}

/// Works off batches. One for the whole process.
pub struct Processor {
    /// Where everything is.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Plane's names.
    pub directory: Directory,
    /// For addresses of items.
    pub plane: PlaneAddress,
    /// When a failed attempt is made again.
    pub policy: RetryPolicy,
    /// A number in 0..1, for jitter.
    pub chance: fn() -> f64,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// What reading one delivery came to.
struct Reading {
    job: ClaimedJob,
    change: Result<Change, Failure>,
    /// Set where names could not be looked up: what is known is stored, and the attempt repeated.
    incomplete: Option<Failure>,
}

impl Processor {
    /// Works off `jobs`, all under `lease`.
    pub async fn process(&self, lease: Lease, jobs: Vec<ClaimedJob>) {
        let mut readings = Vec::with_capacity(jobs.len());
        for job in jobs {
            readings.push(self.read(job).await);
        }
        while !readings.is_empty() {
            match self.decide_and_finish(lease, &readings).await {
                Ok(Finish::Committed) => return,
                Ok(Finish::Lost(lost)) => {
                    warn!(
                        count = lost.len(),
                        "{} jobs are no longer ours; the others are finished without them",
                        lost.len()
                    );
                    readings.retain(|r| !lost.contains(&r.job.id));
                }
                Err(error) if error.is_transient() => {
                    warn!(error = %error, "a batch could not be finished; its jobs run again when their lease ends");
                    return;
                }
                Err(error) => return self.finish_one_by_one(lease, &readings, &error).await,
            }
        }
    }

    /// The database refused the batch: whichever delivery it is about shall fail alone.
    async fn finish_one_by_one(&self, lease: Lease, readings: &[Reading], why: &StoreError) {
        warn!(error = %why, "a batch was refused: finishing its jobs one by one");
        for reading in readings {
            let Err(error) = self.decide_and_finish(lease, std::slice::from_ref(reading)).await
            else {
                continue;
            };
            let failure = Failure::retry(format!("the result could not be stored: {error}"));
            let finished = self.failed(&reading.job, None, &failure);
            if let Err(error) = self.store.finish_jobs(lease, &[finished], &[]).await {
                error!(error = %error, job.id = %reading.job.id, "job {} could not be finished; it runs again when its lease ends", reading.job.id);
            }
        }
    }

    async fn read(&self, job: ClaimedJob) -> Reading {
        if job.attempt > self.policy.max_retries + 1 {
            let change = Err(Failure::permanent(format!(
                "gave up: {} workers died or hung while they worked on it",
                job.attempt - 1
            )));
            return Reading { job, change, incomplete: None };
        }
        let Source::Plane = job.source;
        let event = match guarded(|| read_event(&job)) {
            Ok(event) => event,
            Err(failure) => return Reading { job, change: Err(failure), incomplete: None },
        };
        let named = self.directory.names(&needs(&event)).await;
        let change = guarded(|| self.normalize(&event, &named.names, job.received_at));
        Reading { job, change, incomplete: named.failure }
    }

    fn normalize(
        &self,
        event: &Event,
        names: &Names,
        received_at: Timestamp,
    ) -> Result<Change, Failure> {
        let PlaneAddress { workspace, web_url } = &self.plane;
        normalize(event, names, workspace.as_deref(), web_url.as_deref(), received_at)
    }

    async fn decide_and_finish(&self, lease: Lease, readings: &[Reading]) -> StoreResult<Finish> {
        let mut known = self.known_items(readings).await?;
        let mut written: Vec<WorkItemRef> = Vec::new();
        let mut finished = Vec::with_capacity(readings.len());
        for reading in readings {
            let (end, changed) = self.end_of(reading, &known);
            if let Some(item) = changed {
                if !written.contains(&item.item) {
                    written.push(item.item.clone());
                }
                known.insert(item.item.clone(), item);
            }
            finished.push(end);
        }
        let items: Vec<&WorkItem> = written.iter().filter_map(|item| known.get(item)).collect();
        let finish = self.store.finish_jobs(lease, &finished, &items).await?;
        if finish == Finish::Committed {
            self.report(readings, &finished);
        }
        Ok(finish)
    }

    async fn known_items(
        &self,
        readings: &[Reading],
    ) -> StoreResult<HashMap<WorkItemRef, WorkItem>> {
        let refs = readings.iter().filter_map(|r| r.change.as_ref().ok()).filter_map(Change::item);
        let refs: std::collections::BTreeSet<&WorkItemRef> = refs.collect();
        if refs.is_empty() {
            return Ok(HashMap::new());
        }
        let items = self.store.work_items_by_ref(&refs.into_iter().collect::<Vec<_>>()).await?;
        Ok(items.into_iter().map(|item| (item.item.clone(), item)).collect())
    }

    /// One attempt's end, and the item if it changed.
    fn end_of(
        &self,
        reading: &Reading,
        known: &HashMap<WorkItemRef, WorkItem>,
    ) -> (Finished, Option<WorkItem>) {
        let change = match &reading.change {
            Ok(change) => change,
            Err(failure) => return (self.failed(&reading.job, None, failure), None),
        };
        let now = self.clock.now();
        let current = change.item().and_then(|item| known.get(item));
        let decision = decide(current, change, now);
        let mut finished = decided(&reading.job, change, &decision, now);
        if let Some(failure) = &reading.incomplete {
            self.try_names_again(reading, failure, &mut finished);
        }
        match decision {
            Decision::Apply { item, .. } => (finished, Some(*item)),
            Decision::Ignore { .. } => (finished, None),
        }
    }

    /// What is known is stored; the names that could not be asked for are worth the retries that
    /// a failure gets, and after the last one the delivery counts as processed without them.
    fn try_names_again(&self, reading: &Reading, failure: &Failure, finished: &mut Finished) {
        let (wait, counted) =
            match retry::next(&self.policy, failure, reading.job.attempt, (self.chance)()) {
                Next::RetryIn(wait) => (wait, Counted::Attempt),
                Next::WaitFor(wait) => (wait, Counted::Waiting),
                Next::Dead => return,
            };
        let error = format!("stored without some names, which will be asked for again: {failure}");
        finished.entry.reason = format!("{}; {error}", finished.entry.reason);
        finished.end = End::Again { at: finished.entry.at + wait, error, counted };
    }

    fn failed(&self, job: &ClaimedJob, item: Option<WorkItemRef>, failure: &Failure) -> Finished {
        let now = self.clock.now();
        let error = failure.to_string();
        let (end, outcome) = match retry::next(&self.policy, failure, job.attempt, (self.chance)())
        {
            Next::RetryIn(wait) => (
                End::Again { at: now + wait, error: error.clone(), counted: Counted::Attempt },
                EntryOutcome::Retry,
            ),
            Next::WaitFor(wait) => (
                End::Again { at: now + wait, error: error.clone(), counted: Counted::Waiting },
                EntryOutcome::Waiting,
            ),
            Next::Dead => (End::Dead { error: error.clone() }, EntryOutcome::Dead),
        };
        Finished {
            id: job.id,
            attempts: job.attempt,
            end,
            entry: entry(job, item, now, outcome, error),
        }
    }

    fn report(&self, readings: &[Reading], finished: &[Finished]) {
        for (reading, finished) in readings.iter().zip(finished) {
            let (job, entry) = (&reading.job, &finished.entry);
            let labels = Attempt { source: job.source.as_str(), outcome: entry.outcome.as_str() };
            self.metrics.attempts.get_or_create(&labels).inc();
            let lag = (entry.at - job.received_at).to_std().unwrap_or_default();
            self.metrics.lag_seconds.observe(lag.as_secs_f64());
            match entry.outcome {
                EntryOutcome::Dead => error!(
                    delivery.id = %job.delivery_id, job.id = %job.id, attempt = job.attempt,
                    "delivery {} failed for good: {}; replay it when the cause is mended", job.delivery_id, entry.reason
                ),
                EntryOutcome::Retry | EntryOutcome::Waiting => warn!(
                    delivery.id = %job.delivery_id, job.id = %job.id, attempt = job.attempt,
                    "delivery {} will be tried again: {}", job.delivery_id, entry.reason
                ),
                EntryOutcome::Applied | EntryOutcome::Ignored | EntryOutcome::Replayed => debug!(
                    delivery.id = %job.delivery_id, job.id = %job.id,
                    "delivery {}: {}", job.delivery_id, entry.reason
                ),
            }
        }
    }
}

fn read_event(job: &ClaimedJob) -> Result<Event, Failure> {
    let Some(body) = &job.body else {
        return Err(Failure::permanent(
            "its body was dropped by retention and can't be read again",
        ));
    };
    let encoding =
        if job.encoding == Encoding::Form.as_str() { Encoding::Form } else { Encoding::Json };
    let json = encoding
        .json_of(body)
        .ok_or_else(|| Failure::permanent("the form has no field “payload”"))?;
    payload::parse(&json)
}

/// A panic while reading one delivery is that delivery's failure, not the batch's.
fn guarded<T>(read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Failure::permanent("a bug: reading it panicked; please report it with its body"))
    })
}

fn decided(job: &ClaimedJob, change: &Change, decision: &Decision, now: Timestamp) -> Finished {
    let (outcome, reason) = match decision {
        Decision::Apply { reason, .. } => (EntryOutcome::Applied, reason.clone()),
        Decision::Ignore { reason } => (EntryOutcome::Ignored, reason.clone()),
    };
    let mut entry = entry(job, change.item().cloned(), now, outcome, reason.clone());
    if let Decision::Apply { changes, .. } = decision {
        entry.changes.clone_from(changes);
    }
    Finished { id: job.id, attempts: job.attempt, end: End::Done { result: reason }, entry }
}

fn entry(
    job: &ClaimedJob,
    item: Option<WorkItemRef>,
    at: Timestamp,
    outcome: EntryOutcome,
    reason: String,
) -> TimelineEntry {
    TimelineEntry {
        item,
        source: job.source,
        delivery_id: job.delivery_id.clone(),
        attempt: i64::from(job.attempt),
        at,
        outcome,
        reason,
        changes: Vec::new(),
    }
}
