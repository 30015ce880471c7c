//! What one process does for all of them, now and then: turns until somebody says stop, and the duty
//! that a turn needs.
//!
//! A duty is a row with an end (`store/duties`). Whoever holds it gives signs of life; one that fell
//! silent loses it, and whoever finds out that it is another's leaves what it was at. What two do at
//! once in between has to be harmless all the same. Deliberately absent: what is done.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{interval, sleep};
use tracing::warn;
use uuid::Uuid;

use crate::clock::Clock;
use crate::store::{Store, StoreResult};

/// Signs of life within the time that a duty is held.
const SIGNS: u32 = 3;

/// A duty that this process may have.
#[derive(Debug, Clone)]
pub struct Duty {
    store: Store,
    clock: Clock,
    name: &'static str,
    held: Duration,
    id: String,
}

impl Duty {
    /// Held for so long without a sign of life.
    pub fn new(store: &Store, clock: &Clock, name: &'static str, held: Duration) -> Self {
        let id = Uuid::now_v7().to_string();
        Self { store: store.clone(), clock: clock.clone(), name, held, id }
    }

    /// Takes or keeps it; whether it is this process's.
    ///
    /// # Errors
    /// When the database does not do what is asked.
    pub async fn hold(&self) -> StoreResult<bool> {
        let now = self.clock.now();
        self.store.take_duty(self.name, &self.id, now + self.held, now).await
    }

    /// Does something as long as the duty is this process's; `None` where it became another's.
    ///
    /// # Errors
    /// When the database can't say whose it is.
    pub async fn keep<T>(&self, work: impl Future<Output = T>) -> StoreResult<Option<T>> {
        tokio::select! {
            done = work => Ok(Some(done)),
            lost = self.lost() => lost.map(|()| None),
        }
    }

    /// Ends when the duty is another's.
    async fn lost(&self) -> StoreResult<()> {
        let mut signs = interval(self.held / SIGNS);
        loop {
            signs.tick().await;
            if !self.hold().await? {
                return Ok(());
            }
        }
    }

    /// Lets go of it, so that another process need not wait.
    ///
    /// # Errors
    /// When the database does not do what is asked.
    pub async fn leave(&self) -> StoreResult<()> {
        self.store.leave(&self.id).await
    }
}

/// Who takes turns.
pub trait Turns {
    /// What can't be done where a turn fails, in words.
    const WHAT: &'static str;
    /// How long from one turn to the next.
    const EVERY: Duration;

    /// One turn.
    ///
    /// # Errors
    /// When the database does not do what is asked; the next turn tries again.
    fn take_turn(&mut self) -> impl Future<Output = StoreResult<()>> + Send;

    /// Hands on what it holds.
    ///
    /// # Errors
    /// When the database does not do what is asked: another process has to wait then.
    fn leave(&self) -> impl Future<Output = StoreResult<()>> + Send;
}

/// Takes turns until `stop` says so, which waits for none of them.
pub async fn take_turns<T: Turns>(mut who: T, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        tokio::select! {
            turned = who.take_turn() => if let Err(error) = turned {
                warn!(error = %error, "{}; looking again in {} s", T::WHAT, T::EVERY.as_secs());
            },
            _ = stop.changed() => break,
        }
        tokio::select! {
            () = sleep(T::EVERY) => {}
            _ = stop.changed() => break,
        }
    }
    if let Err(error) = who.leave().await {
        warn!(error = %error, "a duty could not be handed on; another process takes it in some minutes");
    }
}
