//! Accepting deliveries: what is answered here is committed.
//!
//! Requests hand their delivery to a committer and wait. While one commit is under way, what
//! arrives gathers for the next; nobody waits on a timer, so a lone delivery is committed at
//! once and a crowd shares its commits. `PostgreSQL` has two committers, so that one gathers while
//! the other commits; SQLite has one, as it has one writer.
//!
//! Races, and what decides them:
//! - *The same delivery twice in one batch, or in two batches at once.* The unique keys of the
//!   table: one is inserted, the others are looked up afterwards and answered as duplicates.
//! - *One row that the database refuses.* The batch is repeated row by row, so it fails alone.
//! - *Two committers that wait for each other's keys.* `PostgreSQL` ends one of them; that batch
//!   is repeated row by row.
//!
//! Deliberately absent: a store of its own. What is not committed was not accepted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, mpsc, oneshot};
use tracing::{error, warn};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::queue::Wake;
use crate::sources::{Source, Verified};
use crate::store::inbox::{Accepted, Duplicate};
use crate::store::{Store, StoreError};

/// Most deliveries in one commit.
const BATCH_ROWS: usize = 128;
/// Most bytes of bodies in one commit; a larger delivery is committed alone.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Deliveries that wait for a committer; the next one waits in its handler.
const QUEUE_ROWS: usize = 1024;

/// The delivery is not stored; its sender must be told so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotStored {
    /// For the log, not for the sender.
    pub reason: String,
}

impl NotStored {
    fn because(error: &StoreError) -> Self {
        Self { reason: error.to_string() }
    }
}

/// Takes verified deliveries in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    waiting: mpsc::Sender<Waiting>,
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
        let (sender, receiver) = mpsc::channel(QUEUE_ROWS);
        let receiver = Arc::new(Mutex::new(receiver));
        let committers = (0..store.committers())
            .map(|_| {
                let committer = Committer {
                    store: store.clone(),
                    clock: clock.clone(),
                    wake: wake.clone(),
                    metrics: Arc::clone(metrics),
                };
                tokio::spawn(committer.run(Arc::clone(&receiver)))
            })
            .collect();
        (Self { waiting: sender }, committers)
    }

    /// Commits a delivery with its job, or tells which one it repeats.
    ///
    /// # Errors
    /// When it could not be stored. It may still turn out to be committed if the database was
    /// lost between the commit and its answer; a repeat is then a duplicate.
    pub async fn accept(&self, delivery: Verified) -> Result<Accepted, NotStored> {
        let (answer, answered) = oneshot::channel();
        let stopping = |()| NotStored { reason: "jetbridge is stopping".to_owned() };
        self.waiting.send(Waiting { delivery, answer }).await.map_err(|_| stopping(()))?;
        answered.await.map_err(|_| stopping(()))?
    }
}

struct Committer {
    store: Store,
    clock: Clock,
    wake: Wake,
    metrics: Arc<Metrics>,
}

impl Committer {
    async fn run(self, receiver: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
        let mut carried = None;
        loop {
            let batch = {
                let mut receiver = receiver.lock().await;
                gather(&mut receiver, &mut carried).await
            };
            if batch.is_empty() {
                return;
            }
            for part in by_source(batch) {
                self.commit(part).await;
            }
        }
    }

    /// Commits deliveries of one source.
    async fn commit(&self, batch: Vec<Waiting>) {
        let rows = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.metrics.commit_rows.observe(f64::from(rows));
        let now = self.clock.now();
        let mut ids = HashSet::with_capacity(batch.len());
        let firsts: Vec<&Verified> =
            batch.iter().map(|w| &w.delivery).filter(|d| ids.insert(d.delivery_id())).collect();
        let begun = Instant::now();
        let inserted = self.store.insert_deliveries(&firsts, now).await;
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
            Err(error) if batch.len() > 1 && !matches!(error, StoreError::Unreachable(_)) => {
                warn!(error = %error, rows = batch.len(), "a batch was refused: committing its rows one by one");
                for waiting in batch {
                    Box::pin(self.commit(vec![waiting])).await;
                }
            }
            Err(error) => {
                error!(error = %error, rows = batch.len(), "deliveries could not be stored; their senders were answered 503");
                for waiting in batch {
                    let _ = waiting.answer.send(Err(NotStored::because(&error)));
                }
            }
        }
    }

    async fn answer(&self, waiting: Waiting, new: bool) {
        let Waiting { delivery, answer } = waiting;
        let outcome = if new { Ok(Accepted::New) } else { self.resolve(&delivery).await };
        // A sender that hung up meanwhile gets no answer; its delivery is stored all the same.
        let _ = answer.send(outcome);
    }

    async fn resolve(&self, delivery: &Verified) -> Result<Accepted, NotStored> {
        let found = self.store.resolve_duplicate(delivery, self.clock.now()).await;
        let duplicate = found.map_err(|e| NotStored::because(&e))?.ok_or_else(|| NotStored {
            reason: "the delivery that this one repeats was removed at this moment".to_owned(),
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

/// Waits for one delivery and takes what else is there, within the bounds of a batch. Empty when
/// there will be no more.
async fn gather(
    receiver: &mut mpsc::Receiver<Waiting>,
    carried: &mut Option<Waiting>,
) -> Vec<Waiting> {
    let Some(first) = (match carried.take() {
        Some(waiting) => Some(waiting),
        None => receiver.recv().await,
    }) else {
        return Vec::new();
    };
    let mut bytes = first.delivery.body().len();
    let mut batch = vec![first];
    while batch.len() < BATCH_ROWS {
        let Ok(next) = receiver.try_recv() else { break };
        bytes += next.delivery.body().len();
        if bytes > BATCH_BYTES {
            *carried = Some(next);
            break;
        }
        batch.push(next);
    }
    batch
}
