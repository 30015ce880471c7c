//! Works off a batch of deliveries: read the body, look names up, decide, commit the lot.
//!
//! The decision is `work_items::decide`; here is only what stands around it. Everything that one
//! batch changes is committed at once with the ends of its jobs, so a crash before that leaves
//! the jobs as they were, and a repeat decides again from the same bodies.
//!
//! Several deliveries of one item in a batch are decided in order on the same row, which is
//! written once: a burst costs one write. A delivery may also tell of a comment on its item,
//! which is decided and written the same way.

mod asked_state;
mod carry_labels;
mod carry_milestone;
mod carry_over;
mod carry_pull;
mod echo;
mod ends;
mod filter;
mod github;
mod people;
mod plane;

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, error, warn};

pub(super) use filter::is_filtered;

use super::directory::Directory;
use super::sync_issue::IssueSync;
use crate::clock::{Clock, Timestamp};
use crate::comments::{self, Comment, CommentDecision};
use crate::failure::Failure;
use crate::figures::Figure;
use crate::ids::{CommentRef, DeliveryId, Lease, WorkItemRef};
use crate::metrics::{Attempt, EndedAs, Metrics, OfSource};
use crate::queue::Wake;
use crate::queue::retry::{self, Next, RetryPolicy};
use crate::sources::plane::read_with::ReadWith;
use crate::sources::{Encoding, Source, Told};
use crate::store::finish::Changed;
use crate::store::jobs::{ClaimedJob, Counted, End, Finish, Finished};
use crate::store::{Store, StoreError, StoreResult};
use crate::sync::plane as plane_side;
use crate::timeline::{EntryOutcome, TimelineEntry};
use crate::work_items::{Change, Decision, FieldChange, WorkItem, decide};

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
    /// Keeps issues in step with Plane.
    pub sync: IssueSync,
    /// Told when something is to be brought in step.
    pub wake: Wake,
    /// When a failed attempt is made again.
    pub policy: RetryPolicy,
    /// A number in 0..1, for jitter.
    pub chance: fn() -> f64,
    /// Figures.
    pub metrics: Arc<Metrics>,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worked {
    /// Whatever could be written of it is written.
    Off,
    /// The database was not there for its end: its jobs are to be handed back.
    Unstored,
}

fn unstored(why: &StoreError) -> Worked {
    warn!(error = %why, "the end of a batch could not be stored; its jobs are handed back");
    Worked::Unstored
}

/// What reading one delivery came to.
struct Reading {
    job: ClaimedJob,
    told: Result<Told, Failure>,
    /// Set where names could not be looked up: what is known is stored, and the attempt repeated.
    incomplete: Option<Failure>,
    /// What it shows of an item that stands for a GitHub issue.
    shown: Option<plane_side::Item>,
    /// What else than its body it was read with.
    read_with: Option<ReadWith>,
}

impl Reading {
    /// What it was read with, where that tells of an item: deriving the item again needs it.
    fn kept(&self) -> Option<(DeliveryId, ReadWith)> {
        let tells = self.told.as_ref().is_ok_and(|told| told.item.item().is_some());
        let with = self.read_with.as_ref().filter(|_| tells)?;
        Some((self.job.delivery_id.clone(), with.clone()))
    }
}

/// The rows that a batch is about, as they are so far.
#[derive(Default)]
struct Known {
    items: HashMap<WorkItemRef, WorkItem>,
    comments: HashMap<CommentRef, Comment>,
}

/// What one attempt changes.
#[derive(Default)]
struct Outcome {
    item: Option<WorkItem>,
    comment: Option<Comment>,
    changes: Vec<FieldChange>,
    reason: String,
}

impl Outcome {
    fn applied(&self) -> bool {
        self.item.is_some() || self.comment.is_some()
    }
}

impl Processor {
    /// Works off `jobs`, all under `lease`.
    pub async fn process(&self, lease: Lease, jobs: Vec<ClaimedJob>) -> Worked {
        let mut readings = Vec::with_capacity(jobs.len());
        if jobs.iter().any(|job| job.source == Source::Plane) {
            self.directory.look_around().await;
        }
        for job in jobs {
            readings.push(self.read(job).await);
        }
        while !readings.is_empty() {
            match self.decide_and_finish(lease, &readings).await {
                Ok(Finish::Committed) => return Worked::Off,
                Ok(Finish::Lost(lost)) => {
                    warn!(
                        count = lost.len(),
                        "{} jobs are no longer ours; the others are finished without them",
                        lost.len()
                    );
                    readings.retain(|r| !lost.contains(&r.job.id));
                }
                Err(error) if error.is_transient() => return unstored(&error),
                Err(error) => return self.finish_one_by_one(lease, &readings, &error).await,
            }
        }
        Worked::Off
    }

    /// The database refused the batch: whichever delivery it is about shall fail alone.
    async fn finish_one_by_one(
        &self,
        lease: Lease,
        readings: &[Reading],
        why: &StoreError,
    ) -> Worked {
        warn!(error = %why, "a batch was refused: finishing its jobs one by one");
        for reading in readings {
            let error = match self.decide_and_finish(lease, std::slice::from_ref(reading)).await {
                Ok(_) => continue,
                Err(error) if error.is_transient() => return unstored(&error),
                Err(error) => error,
            };
            let failure = Failure::retry(format!("the result could not be stored: {error}"));
            let finished = self.failed(&reading.job, None, &failure);
            let figures = ends::figures([(&reading.job, &finished)], |_| None);
            let changed = Changed { figures: &figures, ..Changed::default() };
            if let Err(error) = self.store.finish_jobs(lease, &[finished], changed).await {
                error!(error = %error, job.id = %reading.job.id, "job {} could not be finished; it runs again when its lease ends", reading.job.id);
            }
        }
        Worked::Off
    }

    async fn read(&self, job: ClaimedJob) -> Reading {
        if job.attempt > self.policy.max_retries + 1 {
            let told = Err(Failure::permanent(format!(
                "gave up: {} workers died or hung while they worked on it",
                job.attempt - 1
            )));
            return Reading { job, told, incomplete: None, shown: None, read_with: None };
        }
        match job.source {
            Source::Plane => self.read_plane(job).await,
            Source::Github => github::read(job),
        }
    }

    async fn decide_and_finish(&self, lease: Lease, readings: &[Reading]) -> StoreResult<Finish> {
        let begun = Instant::now();
        let mut known = self.known(readings).await?;
        let followed = self.followed(readings).await?;
        let ties = self.ties(readings).await?;
        let (mut items, mut comments) = (BTreeSet::new(), BTreeSet::new());
        let mut finished = Vec::with_capacity(readings.len());
        for reading in readings {
            let (mut end, outcome) = self.end_of(reading, &known);
            if let Some(item) = outcome.item {
                items.insert(item.item.clone());
                known.items.insert(item.item.clone(), item);
            }
            if let Some(comment) = outcome.comment {
                comments.insert(comment.said.comment.clone());
                known.comments.insert(comment.said.comment.clone(), comment);
            }
            echo::remark(reading, &ties, &mut end);
            carry_over::hand_on(&reading.job, &known, &followed, &mut end);
            self.hand_on_people(reading, &ties, &mut end, self.clock.now());
            finished.push(end);
        }
        let items: Vec<_> = items.iter().filter_map(|item| known.items.get(item)).collect();
        let comments: Vec<_> = comments.iter().filter_map(|c| known.comments.get(c)).collect();
        let jobs = readings.iter().map(|reading| &reading.job);
        let figures = ends::figures(jobs.zip(&finished), |item| known.items.get(item));
        let read_with: Vec<_> = readings.iter().filter_map(Reading::kept).collect();
        let changed = Changed {
            items: &items,
            comments: &comments,
            figures: &figures,
            read_with: &read_with,
            told: &[],
        };
        let finish = self.store.finish_jobs(lease, &finished, changed).await?;
        if finish == Finish::Committed {
            self.count(&figures);
            self.metrics
                .finish_rows
                .observe(f64::from(u32::try_from(finished.len()).unwrap_or(u32::MAX)));
            self.metrics.finish_seconds.observe(begun.elapsed().as_secs_f64());
            for (reading, finished) in readings.iter().zip(&finished) {
                self.report(&reading.job, finished);
            }
            if finished.iter().any(|f| matches!(f.end, End::Handed { .. })) {
                self.wake.sync_is_due();
            }
        }
        Ok(finish)
    }

    async fn known(&self, readings: &[Reading]) -> StoreResult<Known> {
        let told = || readings.iter().filter_map(|r| r.told.as_ref().ok());
        let items: BTreeSet<_> = told().filter_map(|told| told.item.item()).collect();
        let comments: BTreeSet<_> =
            told().filter_map(|told| Some(&told.comment.as_ref()?.said.comment)).collect();
        let mut known = Known::default();
        if !items.is_empty() {
            let found = self.store.work_items_by_ref(&Vec::from_iter(items)).await?;
            known.items = found.into_iter().map(|item| (item.item.clone(), item)).collect();
        }
        if !comments.is_empty() {
            let found = self.store.comments_by_ref(&Vec::from_iter(comments)).await?;
            known.comments = found.into_iter().map(|c| (c.said.comment.clone(), c)).collect();
        }
        Ok(known)
    }

    /// One attempt's end, and what it changed.
    fn end_of(&self, reading: &Reading, known: &Known) -> (Finished, Outcome) {
        let told = match &reading.told {
            Ok(told) => told,
            Err(failure) => {
                return (self.failed(&reading.job, None, failure), Outcome::default());
            }
        };
        let now = self.clock.now();
        let outcome = outcome(told, known, now);
        let mut finished = decided(&reading.job, &told.item, &outcome, now);
        if let Some(failure) = &reading.incomplete {
            self.try_names_again(reading, failure, &mut finished);
        }
        (finished, outcome)
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
        ended(job, end, entry(job, item, now, outcome, error))
    }

    /// Counts the ends of a batch that is committed.
    fn count(&self, figures: &[Figure]) {
        for figure in figures {
            let source = figure.source.as_str();
            let ended = EndedAs { source, outcome: figure.ended.as_str() };
            self.metrics.ended.get_or_create(&ended).inc();
            let lag = self.metrics.lag_seconds.get_or_create(&OfSource { source });
            lag.observe(figure.lag.as_secs_f64());
        }
    }

    fn report(&self, job: &ClaimedJob, finished: &Finished) {
        let entry = &finished.entry;
        let labels = Attempt { source: job.source.as_str(), outcome: entry.outcome.as_str() };
        self.metrics.attempts.get_or_create(&labels).inc();
        let item = entry.item.as_ref().map_or("", WorkItemRef::as_str);
        let repository = job.repository.as_deref().unwrap_or_default();
        match entry.outcome {
            EntryOutcome::Dead => error!(
                delivery.id = %job.delivery_id, job.id = %job.id, attempt = job.attempt, item, repository,
                "delivery {} failed for good: {}; replay it when the cause is mended", job.delivery_id, entry.reason
            ),
            EntryOutcome::Retry | EntryOutcome::Waiting => warn!(
                delivery.id = %job.delivery_id, job.id = %job.id, attempt = job.attempt, item, repository,
                "delivery {} will be tried again: {}", job.delivery_id, entry.reason
            ),
            EntryOutcome::Applied | EntryOutcome::Ignored | EntryOutcome::Replayed => debug!(
                delivery.id = %job.delivery_id, job.id = %job.id, item, repository,
                "delivery {}: {}", job.delivery_id, entry.reason
            ),
        }
    }
}

/// Joins what a delivery tells into what is known.
fn outcome(told: &Told, known: &Known, now: Timestamp) -> Outcome {
    let mut outcome = Outcome::default();
    let current = told.item.item().and_then(|item| known.items.get(item));
    match decide(current, &told.item, now) {
        Decision::Apply { item, changes, reason } => {
            outcome = Outcome { item: Some(*item), comment: None, changes, reason };
        }
        Decision::Ignore { reason } => outcome.reason = reason,
    }
    let Some(change) = &told.comment else { return outcome };
    match comments::decide(known.comments.get(&change.said.comment), change, now) {
        CommentDecision::Apply { comment, changes, reason } => {
            outcome.comment = Some(*comment);
            outcome.changes.extend(changes);
            outcome.reason = format!("{reason}; item {}", outcome.reason);
        }
        CommentDecision::Ignore { reason } => {
            outcome.reason = format!("{reason}; item {}", outcome.reason);
        }
    }
    outcome
}

/// The JSON text of a delivery's body, handed to `read`.
fn with_json<T>(
    job: &ClaimedJob,
    read: impl FnOnce(&[u8]) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(body) = &job.body else {
        return Err(Failure::permanent(
            "its body was dropped by retention and can't be read again",
        ));
    };
    json_in(&job.encoding, body, read)
}

/// The JSON text of a body, handed to `read`.
pub(super) fn json_in<T>(
    encoding: &str,
    body: &[u8],
    read: impl FnOnce(&[u8]) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let encoding =
        if encoding == Encoding::Form.as_str() { Encoding::Form } else { Encoding::Json };
    let json = encoding
        .json_of(body)
        .ok_or_else(|| Failure::permanent("the form has no field “payload”"))?;
    read(&json)
}

/// A panic while reading one delivery is that delivery's failure, not the batch's.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Failure::permanent("a bug: reading it panicked; please report it with its body"))
    })
}

fn decided(job: &ClaimedJob, change: &Change, outcome: &Outcome, now: Timestamp) -> Finished {
    let word = if outcome.applied() { EntryOutcome::Applied } else { EntryOutcome::Ignored };
    let result = match job.origin.found_by() {
        Some(found) => format!("{found}; {}", outcome.reason),
        None => outcome.reason.clone(),
    };
    let mut entry = entry(job, change.item().cloned(), now, word, result.clone());
    entry.changes.clone_from(&outcome.changes);
    ended(job, End::Done { result }, entry)
}

fn ended(job: &ClaimedJob, end: End, entry: TimelineEntry) -> Finished {
    let last_error = job.last_error.clone();
    Finished { id: job.id, attempts: job.attempt, last_error, end, entry }
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
