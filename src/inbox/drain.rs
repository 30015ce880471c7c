//! Brings what waits in the spool into the database, in the order in which it was accepted.
//!
//! A batch goes through the ordinary insert, so the same unique keys decide what is a repeat,
//! whether the first one came through the database or through the spool. It leaves the spool when
//! it is committed; a process that dies between the two commits it again, and finds repeats.
//! A repeat of something that failed is queued again, as at the front door.
//!
//! A repository that nobody could be asked about during the outage is decided here: the delivery
//! of one that is not configured is kept and ends as ignored, since its sender was told 2xx.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use super::KnownRepositories;
use crate::clock::Clock;
use crate::queue::Wake;
use crate::spool::{Spool, Spooled};
use crate::store::inbox::Received;
use crate::store::{Store, StoreError};

/// Most deliveries in one commit.
const BATCH_ROWS: usize = 128;
/// Most bytes of bodies in one commit.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How long the database may take to say that it is there.
const PING: Duration = Duration::from_secs(2);
/// How long a commit may take: nobody waits for its answer.
const COMMIT: Duration = Duration::from_mins(1);
/// First and longest wait for a database that is away.
const WAITS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// Drains the spool of one process.
#[derive(Debug)]
pub struct Drain {
    /// From here.
    pub spool: Spool,
    /// Into here.
    pub store: Store,
    /// Decides what could not be decided.
    pub repositories: KnownRepositories,
    /// What time it is.
    pub clock: Clock,
    /// Told of what is due then.
    pub wake: Wake,
}

/// Why the drain has to wait.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the database did not answer in time")]
    TooSlow,
    #[error("the spool can't be read or written: {0}")]
    Disk(#[from] io::Error),
}

impl Drain {
    /// Drains whenever there is something to drain, until `stop` says so.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                () = self.spool.spooling() => {}
                _ = stop.changed() => return,
            }
            tokio::select! {
                () = self.until_empty() => {}
                _ = stop.changed() => return,
            }
        }
    }

    async fn until_empty(&self) {
        let drained_before = self.spool.state().drained;
        let [mut wait, longest] = WAITS;
        let mut said = false;
        loop {
            let Err(stopped) = self.drain().await else { break };
            if !said {
                let waiting = self.spool.state().deliveries;
                warn!(error = %stopped, "the database is away: {waiting} accepted deliveries wait in the spool until it is back");
                said = true;
            }
            if self.spool.state().drained > drained_before {
                said = false;
            }
            sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
        let drained = self.spool.state().drained - drained_before;
        info!(
            "the database is there: {drained} deliveries went from the spool into it, none is left"
        );
    }

    /// Drains until newcomers go to the database again.
    async fn drain(&self) -> Result<(), Stopped> {
        timeout(PING, self.store.ping()).await.map_err(|_| Stopped::TooSlow)??;
        loop {
            let batch = self.spool.next(BATCH_ROWS, BATCH_BYTES).await?;
            let Some(end) = batch.end else {
                if self.spool.finish().await {
                    return Ok(());
                }
                continue;
            };
            let mut records = batch.records;
            for record in &mut records {
                self.decide(record).await?;
            }
            let undecided = |r: &Spooled| r.delivery.is_undecided();
            for run in records.chunk_by(|a, b| {
                a.delivery.source() == b.delivery.source() && undecided(a) == undecided(b)
            }) {
                if undecided(&run[0]) {
                    self.keep_as_ignored(run).await?;
                } else {
                    self.commit(run).await?;
                }
            }
            self.spool.remove_to(end).await;
        }
    }

    /// Finds out whose repository it is; still undecided after this, it is nobody's.
    async fn decide(&self, record: &mut Spooled) -> Result<(), Stopped> {
        let undecided = record.delivery.is_undecided();
        if let Some(told) = record.delivery.repository().filter(|_| undecided) {
            let row = timeout(COMMIT, self.repositories.row_of(told)).await;
            if let Some(row) = row.map_err(|_| Stopped::TooSlow)?? {
                record.delivery = record.delivery.clone().of_repository(row);
            }
        }
        Ok(())
    }

    async fn keep_as_ignored(&self, run: &[Spooled]) -> Result<(), Stopped> {
        for record in run {
            let name = record.delivery.repository().map(|r| r.name.to_string());
            let reason = format!(
                "repository {} is not configured; it was accepted while the database could not be asked",
                name.unwrap_or_default()
            );
            let received = Received { delivery: &record.delivery, at: record.received_at };
            let kept = self.store.insert_ignored(received, &reason, self.clock.now());
            let kept = timeout(COMMIT, kept).await.map_err(|_| Stopped::TooSlow)?;
            self.stored_or_set_aside(record, kept).await?;
        }
        Ok(())
    }

    /// Commits deliveries of one source; row by row where one of them is refused for what it is.
    async fn commit(&self, run: &[Spooled]) -> Result<(), Stopped> {
        match self.insert(run).await {
            Err(Stopped::Store(error)) if error.is_about_the_row() => {
                for record in run {
                    let stored = match self.insert(std::slice::from_ref(record)).await {
                        Err(Stopped::Store(error)) => Err(error),
                        other => other.map(Ok)?,
                    };
                    self.stored_or_set_aside(record, stored).await?;
                }
                Ok(())
            }
            other => other,
        }
    }

    async fn insert(&self, run: &[Spooled]) -> Result<(), Stopped> {
        let mut ids = HashSet::with_capacity(run.len());
        let (firsts, repeats): (Vec<_>, Vec<_>) = run
            .iter()
            .map(|r| Received { delivery: &r.delivery, at: r.received_at })
            .partition(|received| ids.insert(received.delivery.delivery_id()));
        let now = self.clock.now();
        let inserting = timeout(COMMIT, self.store.insert_received(&firsts, now));
        let fresh = inserting.await.map_err(|_| Stopped::TooSlow)??;
        let fresh: HashSet<_> = fresh.iter().collect();
        let known = firsts.iter().filter(|f| !fresh.contains(f.delivery_id()));
        for repeat in known.chain(&repeats) {
            let resolving = timeout(COMMIT, self.store.resolve_duplicate(repeat.delivery, now));
            resolving.await.map_err(|_| Stopped::TooSlow)??;
        }
        self.wake.work_is_due();
        Ok(())
    }

    /// What no database takes must not hold up the rest, nor be lost.
    async fn stored_or_set_aside(
        &self,
        record: &Spooled,
        stored: Result<(), StoreError>,
    ) -> Result<(), Stopped> {
        match stored {
            Err(error) if error.is_about_the_row() => {
                error!(
                    error = %error, delivery.id = %record.delivery.delivery_id(),
                    "delivery {} was accepted into the spool and the database will never take it: it is kept in a file of its own beside the spool's; please report it",
                    record.delivery.delivery_id()
                );
                Ok(self.spool.set_aside(record.clone()).await?)
            }
            other => Ok(other?),
        }
    }
}
