//! Accepting deliveries: what is answered here is committed.
//!
//! Requests hand their delivery to a committer and wait. While one commit is under way, what
//! arrives gathers for the next, so a lone delivery is committed at once and a crowd shares its
//! commits. `PostgreSQL` has two committers, so that one gathers while the other commits; SQLite has
//! one, as it has one writer, and after a long commit it gathers for a moment more (`arrivals`).
//!
//! On `PostgreSQL`, while the workers of the same process are behind, the next commit waits for the end
//! of one of their batches, for a moment at most: a batch in for a batch out, or receiving a flood would
//! leave them no processor time, and the board would fall behind for as long as it lasts.
//!
//! Races, and what decides them:
//! - *The same delivery twice in one batch, or in two batches at once.* The unique keys of the
//!   table: one is inserted, the others are looked up afterwards and answered as duplicates.
//! - *A delivery that found no room in a batch.* It waits with those that arrive, for whichever
//!   committer is free first.
//! - *Workers that hang while they are behind.* They are waited for once, and then not before they
//!   claim again.
//! - *One row that the database refuses.* The batch is repeated row by row, so it fails alone.
//! - *Two committers that wait for each other's keys.* Batches are inserted in the order of their
//!   keys. Where `PostgreSQL` ends one of two all the same, that batch is repeated row by row.
//! - *The database goes away.* The first batches find out within [`PATIENCE`] and go into the spool,
//!   the others follow them there at once, until the drain has emptied it.
//! - *A commit whose answer is lost.* It goes into the spool too, and the drain finds its rows.
//!
//! Deliberately absent: files, which are the spool's. What is neither committed nor on disk was
//! not accepted.

mod arrivals;
mod drain;
mod repositories;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, error, warn};

use crate::clock::Clock;
use crate::ids::DeliveryId;
use crate::metrics::Metrics;
use crate::queue::Wake;
use crate::sources::{Source, Verified};
use crate::spool::{Appended, Kept, NotKept, Spool, When};
use crate::store::inbox::{Accepted, Duplicate};
use crate::store::{Store, StoreError, StoreResult};
use arrivals::{Arrivals, Commit, Company};
pub use drain::Drain;
pub use repositories::KnownRepositories;

/// How long a commit may wait for workers that are behind.
const CATCH_UP: Duration = Duration::from_millis(50);
/// Deliveries that wait for a committer; the next one waits in its handler.
const QUEUE_ROWS: usize = 1024;

/// How long the database may take where there is a spool to go to: GitHub waits ten seconds.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// The delivery is not stored; its sender must be told so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// The database did not take it. The reason is for the log, not for the sender.
    #[error("{0}")]
    Refused(String),
    /// The database is away, and the spool is full.
    #[error("the database is away and {0}")]
    SpoolFull(NotKept),
    /// The database is away, and the disk does not take it either.
    #[error("the database is away and {0}")]
    SpoolUnwritable(NotKept),
}

impl NotStored {
    fn because(error: &StoreError) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<NotKept> for NotStored {
    fn from(reason: NotKept) -> Self {
        match reason {
            NotKept::Full { .. } => Self::SpoolFull(reason),
            NotKept::Unwritable(_) => Self::SpoolUnwritable(reason),
            NotKept::Stopping => Self::Refused(reason.to_string()),
        }
    }
}

/// Takes verified deliveries in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    waiting: mpsc::Sender<Waiting>,
    spool: Option<Spool>,
}

#[derive(Debug)]
struct Waiting {
    delivery: Verified,
    answer: oneshot::Sender<Result<Accepted, NotStored>>,
}

impl Inbox {
    /// Starts the committers; they end when the last `Inbox` is dropped and all is committed.
    pub fn start(
        store: &Store,
        clock: &Clock,
        wake: &Wake,
        metrics: &Arc<Metrics>,
    ) -> (Self, Vec<tokio::task::JoinHandle<()>>) {
        Self::start_with(store, clock, wake, metrics, None)
    }

    /// The same with a spool for when the database is away; one that admits nobody is none.
    pub fn start_with(
        store: &Store,
        clock: &Clock,
        wake: &Wake,
        metrics: &Arc<Metrics>,
        spool: Option<Spool>,
    ) -> (Self, Vec<tokio::task::JoinHandle<()>>) {
        let spool = spool.filter(Spool::admits);
        let (sender, receiver) = mpsc::channel(QUEUE_ROWS);
        let arrivals = Arrivals::new(receiver, |waiting: &Waiting| waiting.delivery.body().len());
        let arrivals = Arc::new(Mutex::new(arrivals));
        tokio::spawn(warm_up(store.clone()));
        let committers = (0..store.committers())
            .map(|_| {
                let committer = Committer {
                    store: store.clone(),
                    clock: clock.clone(),
                    wake: wake.clone(),
                    metrics: Arc::clone(metrics),
                    spool: spool.clone(),
                };
                tokio::spawn(committer.run(Arc::clone(&arrivals)))
            })
            .collect();
        (Self { waiting: sender, spool }, committers)
    }

    /// Where deliveries go while the database is away, if they may.
    pub fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// Commits a delivery with its job, or tells which one it repeats.
    ///
    /// # Errors
    /// When it could not be stored. It may still turn out to be committed if the database was
    /// lost between the commit and its answer; a repeat is then a duplicate.
    pub async fn accept(&self, delivery: Verified) -> Result<Accepted, NotStored> {
        let (answer, answered) = oneshot::channel();
        let stopping = |()| NotStored::from(NotKept::Stopping);
        self.waiting.send(Waiting { delivery, answer }).await.map_err(|_| stopping(()))?;
        answered.await.map_err(|_| stopping(()))?
    }
}

struct Committer {
    store: Store,
    clock: Clock,
    wake: Wake,
    metrics: Arc<Metrics>,
    spool: Option<Spool>,
}

impl Committer {
    async fn run(self, arrivals: Arc<Mutex<Arrivals<Waiting>>>) {
        let (mut last, committers) = (None, self.store.committers());
        loop {
            let batch = {
                let mut arrivals = arrivals.lock().await;
                let Some(first) = arrivals.first().await else { return };
                if self.shares_with_workers() {
                    self.wake.let_workers_catch_up(CATCH_UP).await;
                }
                arrivals.gather(first, Company::after(last, committers)).await
            };
            let (rows, begun) = (batch.len(), tokio::time::Instant::now());
            for part in by_source(batch) {
                self.commit(part).await;
            }
            last = Some(Commit { rows, begun, ended: tokio::time::Instant::now() });
        }
    }

    /// SQLite has one writer, which takes turns by itself, and the spool is nobody's but the inbox's.
    fn shares_with_workers(&self) -> bool {
        self.store.committers() > 1 && !self.spool.as_ref().is_some_and(Spool::is_spooling)
    }

    /// Stores deliveries of one source: in the database, or in the spool where that is away, or
    /// where others wait in it before them.
    async fn commit(&self, batch: Vec<Waiting>) {
        let Some(spool) = &self.spool else { return self.commit_directly(batch).await };
        let batch = if spool.is_spooling() {
            match self.put_into(spool, batch, When::Spooling).await {
                Some(untouched) => untouched,
                None => return,
            }
        } else {
            batch
        };
        // Whose repository could not be looked up is decided when the spool is drained.
        let (undecided, batch): (Vec<_>, _) =
            batch.into_iter().partition(|w| w.delivery.is_undecided());
        if !undecided.is_empty() {
            self.put_into(spool, undecided, When::Always).await;
        }
        if !batch.is_empty() {
            self.commit_directly(batch).await;
        }
    }

    /// Gives the batch back where nothing is spooled at this moment.
    async fn put_into(
        &self,
        spool: &Spool,
        batch: Vec<Waiting>,
        when: When,
    ) -> Option<Vec<Waiting>> {
        let deliveries = batch.iter().map(|w| w.delivery.clone()).collect();
        match spool.append(deliveries, self.clock.now(), when).await {
            Appended::Elsewhere(_) => return Some(batch),
            Appended::Done(fates) => {
                for (waiting, fate) in batch.into_iter().zip(fates) {
                    let outcome = match fate {
                        Ok(Kept::New) => Ok(Accepted::New),
                        Ok(Kept::Repeat(duplicate)) => {
                            self.count(&waiting.delivery, &duplicate);
                            Ok(Accepted::Duplicate(duplicate))
                        }
                        Err(reason) => Err(NotStored::from(reason)),
                    };
                    let _ = waiting.answer.send(outcome);
                }
            }
        }
        None
    }

    async fn insert(&self, firsts: &[&Verified]) -> StoreResult<Vec<DeliveryId>> {
        let inserting = self.store.insert_deliveries(firsts, self.clock.now());
        match &self.spool {
            None => inserting.await,
            Some(_) => timeout(PATIENCE, inserting).await.unwrap_or(Err(StoreError::TooSlow)),
        }
    }

    async fn commit_directly(&self, batch: Vec<Waiting>) {
        let rows = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.metrics.commit_rows.observe(f64::from(rows));
        let mut ids = HashSet::with_capacity(batch.len());
        let firsts: Vec<&Verified> =
            batch.iter().map(|w| &w.delivery).filter(|d| ids.insert(d.delivery_id())).collect();
        let begun = Instant::now();
        let inserted = self.insert(&firsts).await;
        self.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        self.metrics.commit_times.observe(begun.elapsed());
        match inserted {
            Ok(fresh) => {
                if !fresh.is_empty() {
                    self.wake.work_is_due();
                }
                let mut fresh: HashSet<_> = fresh.into_iter().collect();
                for waiting in batch {
                    let new = fresh.remove(waiting.delivery.delivery_id());
                    self.answer(waiting, new).await;
                }
            }
            Err(error) if batch.len() > 1 && error.is_collision() => {
                self.one_by_one(batch, &error).await;
            }
            Err(error)
                if let Some(spool) = &self.spool
                    && !error.is_about_the_row() =>
            {
                warn!(error = %error, rows, "the database did not take a batch: it goes into the spool");
                self.put_into(spool, batch, When::Always).await;
            }
            Err(error) if batch.len() > 1 && !error.is_transient() => {
                self.one_by_one(batch, &error).await;
            }
            Err(error) => {
                error!(error = %error, rows = batch.len(), "deliveries could not be stored; their senders were answered 503");
                for waiting in batch {
                    let _ = waiting.answer.send(Err(NotStored::because(&error)));
                }
            }
        }
    }

    async fn one_by_one(&self, batch: Vec<Waiting>, why: &StoreError) {
        warn!(error = %why, rows = batch.len(), "a batch was refused: committing its rows one by one");
        for waiting in batch {
            Box::pin(self.commit_directly(vec![waiting])).await;
        }
    }

    async fn answer(&self, waiting: Waiting, new: bool) {
        let outcome = if new {
            Ok(Accepted::New)
        } else {
            match (self.find_repeated(&waiting.delivery).await, &self.spool) {
                // It may repeat what failed, which is to be queued again: the drain sees to that.
                (Err(error), Some(spool)) if !error.is_about_the_row() => {
                    self.put_into(spool, vec![waiting], When::Always).await;
                    return;
                }
                (Err(error), _) => Err(NotStored::because(&error)),
                (Ok(found), _) => self.repeated(&waiting.delivery, found),
            }
        };
        // A sender that hung up meanwhile gets no answer; its delivery is stored all the same.
        let _ = waiting.answer.send(outcome);
    }

    async fn find_repeated(&self, delivery: &Verified) -> StoreResult<Option<Duplicate>> {
        let finding = self.store.resolve_duplicate(delivery, self.clock.now());
        match &self.spool {
            None => finding.await,
            Some(_) => timeout(PATIENCE, finding).await.unwrap_or(Err(StoreError::TooSlow)),
        }
    }

    fn repeated(
        &self,
        delivery: &Verified,
        found: Option<Duplicate>,
    ) -> Result<Accepted, NotStored> {
        let duplicate = found.ok_or_else(|| {
            let reason = "the delivery that this one repeats was removed at this moment";
            NotStored::Refused(reason.to_owned())
        })?;
        self.count(delivery, &duplicate);
        if duplicate.requeued {
            self.wake.work_is_due();
        }
        Ok(Accepted::Duplicate(duplicate))
    }

    fn count(&self, delivery: &Verified, duplicate: &Duplicate) {
        if duplicate.other_body {
            self.metrics.conflicting_ids.inc();
            warn!(
                delivery.id = %delivery.delivery_id(),
                "delivery {} came again with another body; the first is kept",
                delivery.delivery_id()
            );
        }
    }
}

/// Nothing depends on it: should the database be away, the first deliveries make their connections.
async fn warm_up(store: Store) {
    // Statements can be prepared when their tables are there.
    store.tables_are_ready().await;
    if let Err(error) = store.warm_up().await {
        debug!(error = %error, "the inbox's connections are not made yet");
    }
}

/// Each source has its own table, so a mixed batch is a commit for each.
fn by_source(batch: Vec<Waiting>) -> impl Iterator<Item = Vec<Waiting>> {
    let mut parts = Source::ALL.map(|_| Vec::new());
    for waiting in batch {
        match waiting.delivery.source() {
            Source::Plane => parts[0].push(waiting),
            Source::Github => parts[1].push(waiting),
        }
    }
    parts.into_iter().filter(|part| !part.is_empty())
}
