//! The worker: claims due jobs in batches under a lease, has them worked off, and goes on.
//!
//! Races, and what decides them:
//! - *A worker dies.* Its lease ends and whoever reaps first queues the jobs again.
//! - *A worker hangs.* A batch renews its lease while it is in work, but not for ever: past its
//!   limit it is given up. One that stood still past its lease (a paused process) and comes back
//!   finds, when it finishes, that its lease is no longer there.
//! - *A hint is lost.* The worker looks every second without one.
//! - *The quota of the other side is used up, or kept for newer changes, or the other side is away.*
//!   Of the classes that would have to wait nothing more is claimed for the sync until they need
//!   not: each job would only ask for half of what it needs and wait, all at once.
//! - *The database does not take the end of a batch.* The batch is handed back as if it had never
//!   been claimed: that is no fault of its jobs and no attempt.
//!
//! Under load a claim for reading waits while small batches are still in work, so that batches
//! grow to what one commit can carry instead of multiplying commits. A claim for the sync brings
//! one lane, and as many are in work as there are slots.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, warn};
use uuid::Uuid;

use super::Wake;
use crate::clock::Clock;
use crate::ids::Lease;
use crate::jobs::process_delivery::{Processor, Worked};
use crate::quota::Class;
use crate::store::jobs::{ClaimedJob, Stage};
use crate::store::turns::Serving;
use crate::store::{Store, StoreResult};

/// Most jobs in one batch; the store may bring fewer (`store/claim`).
const BATCH: i64 = 256;
/// A claim for reading that brings fewer than this waits for a batch in work before the next one,
const SMALL: usize = 64;
/// unless their bodies come to this many bytes.
const SMALL_BYTES: usize = 256 * 1024;
/// How long a batch is ours without a sign of life: what a crash delays its jobs by.
const LEASE: Duration = Duration::from_secs(15);
/// How often a sign of life is given.
const RENEW: Duration = Duration::from_secs(5);
/// How long reading a batch may take, signs of life or not.
const READ_LIMIT: Duration = Duration::from_secs(45);
/// The same for bringing one issue in step, which waits for other people's servers.
const SYNC_LIMIT: Duration = Duration::from_mins(5);
/// How long a batch rests before it is handed back to a database that did not take its end.
const HAND_BACK: Duration = Duration::from_secs(1);
/// How often a worker looks without being told.
const POLL: Duration = Duration::from_secs(1);
/// How often ended leases are looked for.
const REAP: Duration = Duration::from_secs(5);

/// Works off one stage of the queue until told to stop.
pub struct Worker {
    /// Which stage.
    pub stage: Stage,
    /// Where the queue is.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// Hints that work is due.
    pub wake: Wake,
    /// What is done with a batch.
    pub processor: Arc<Processor>,
    /// Batches in work at once.
    pub concurrency: usize,
}

impl Worker {
    /// Runs until `stop` says so; batches in work are finished first.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let slots = Arc::new(Semaphore::new(self.concurrency));
        let mut batches = JoinSet::new();
        let mut reaped: Option<Instant> = None;
        while !*stop.borrow() {
            if reaped.is_none_or(|at| at.elapsed() >= REAP) {
                self.reap().await;
                reaped = Some(Instant::now());
            }
            while let Some(ended) = batches.try_join_next() {
                notice(ended);
            }
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            let claimed = self.claim().await;
            let go_on = claimed.as_ref().is_some_and(|(_, jobs)| self.is_much(jobs));
            if self.stage == Stage::Read {
                self.wake.workers_are_behind(go_on);
            }
            if let Some((lease, jobs)) = claimed {
                let (work, wake) = (self.work(lease, jobs), self.wake.clone());
                let is_read = self.stage == Stage::Read;
                batches.spawn(async move {
                    work.await;
                    if is_read {
                        wake.batch_ended();
                    }
                    drop(slot);
                });
            }
            if go_on {
                continue;
            }
            let hear = match self.stage {
                Stage::Read => batches.is_empty(),
                Stage::Sync => true,
            };
            tokio::select! {
                Some(ended) = batches.join_next(), if !batches.is_empty() => notice(ended),
                () = self.wake.wait(self.stage), if hear => {}
                () = sleep(POLL) => {}
                _ = stop.changed() => {}
            }
        }
        if self.stage == Stage::Read {
            self.wake.workers_are_behind(false);
        }
        while let Some(ended) = batches.join_next().await {
            notice(ended);
        }
    }

    /// Whether more is to be claimed at once, beside these.
    fn is_much(&self, jobs: &[ClaimedJob]) -> bool {
        let bytes = || jobs.iter().filter_map(|job| job.body.as_ref()).map(Vec::len).sum::<usize>();
        match self.stage {
            Stage::Read => jobs.len() >= SMALL || bytes() >= SMALL_BYTES,
            Stage::Sync => true,
        }
    }

    /// Works off what is due now and returns how many jobs that were: for whoever does not want
    /// to wait for a running worker.
    pub async fn work_off_due(&self) -> usize {
        self.reap().await;
        let mut total = 0;
        while let Some((lease, jobs)) = self.claim().await {
            total += jobs.len();
            // Boxed, as a running worker's batches are.
            Box::pin(self.work(lease, jobs)).await;
        }
        total
    }

    fn work(
        &self,
        lease: Lease,
        jobs: Vec<ClaimedJob>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        work(self.stage, store, clock, Arc::clone(&self.processor), lease, jobs)
    }

    /// `None` when nothing is due, when it could only be refused, or when the database does not
    /// answer.
    async fn claim(&self) -> Option<(Lease, Vec<ClaimedJob>)> {
        let up_to = match self.stage {
            Stage::Read => Class::Backfill,
            Stage::Sync => self.processor.sync.open_to()?,
        };
        let limits = match self.stage {
            Stage::Read => Ok(Vec::new()),
            Stage::Sync => self.processor.sync.settings.limits().await,
        };
        let lease = Lease(Uuid::new_v4());
        let claimed: StoreResult<_> = match limits {
            Ok(limits) => {
                let of = |name: &str| {
                    let mut limits = limits.iter();
                    Some(limits.find(|(known, _)| known.as_str().eq_ignore_ascii_case(name))?.1)
                };
                let (serving, now) = (Serving { up_to, limits: &of }, self.clock.now());
                self.store.claim_serving(serving, self.stage, BATCH, lease, LEASE, now).await
            }
            Err(error) => Err(error),
        };
        match claimed {
            Ok(jobs) if jobs.is_empty() => None,
            Ok(jobs) => Some((lease, jobs)),
            Err(error) => {
                warn!(error = %error, "the queue can't be read; looking again in a second");
                None
            }
        }
    }

    async fn reap(&self) {
        match self.store.reap_leases(self.clock.now()).await {
            Ok(0) => {}
            Ok(count) => warn!(count, "{count} jobs were queued again: their worker's lease ended"),
            Err(error) => {
                warn!(error = %error, "ended leases can't be looked for; trying again in 5 s");
            }
        }
    }
}

/// A batch that panicked has freed its slot; its jobs wait for the end of their lease.
fn notice(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(error = %error, "a bug: a batch ended in the middle; its jobs run again when their lease ends");
    }
}

async fn work(
    stage: Stage,
    store: Store,
    clock: Clock,
    processor: Arc<Processor>,
    lease: Lease,
    jobs: Vec<ClaimedJob>,
) {
    let count = jobs.len();
    let _in_work = InWork::begin(&processor.metrics.batches_in_work);
    let alive = async {
        loop {
            sleep(RENEW).await;
            if let Err(error) = store.renew_lease(lease, clock.now() + LEASE).await {
                warn!(error = %error, "a lease can't be renewed; its jobs may run again elsewhere");
            }
        }
    };
    let limit = match stage {
        Stage::Read => READ_LIMIT,
        Stage::Sync => SYNC_LIMIT,
    };
    let working = async {
        match stage {
            Stage::Read => processor.process(lease, jobs).await,
            Stage::Sync => processor.sync(lease, jobs).await,
        }
    };
    let done = tokio::select! {
        done = timeout(limit, working) => done,
        () = alive => return,
    };
    match done {
        Ok(Worked::Off) => {}
        Ok(Worked::Unstored) => hand_back(&store, lease).await,
        Err(_) => error!(
            count,
            "a batch of {count} jobs took longer than {limit:?} and was given up; its jobs run again when their lease ends"
        ),
    }
}

/// For as long as the database stays away this waits with the batch, so that nothing more is begun
/// in its slot.
async fn hand_back(store: &Store, lease: Lease) {
    loop {
        sleep(HAND_BACK).await;
        match store.hand_back(lease).await {
            Ok(_) => return,
            Err(error) => warn!(error = %error, "a batch can't be handed back; trying again"),
        }
    }
}

/// A batch in work, however it ends.
struct InWork(Gauge);

impl InWork {
    fn begin(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.dec();
    }
}
