//! Recovers by itself: when a service starts and now and then, in one process of all.
//!
//! Races, and what decides them:
//! - *Two processes that think it is theirs.* The duty is a row; one that fell silent in the middle
//!   loses it after a minute, and what both ask for is taken in its row.
//! - *A process that was away for long.* How far back to look is the database's knowledge, so its next
//!   run covers the time in which nobody looked.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;
use tokio::time::{interval, sleep};
use tracing::{info, warn};
use uuid::Uuid;

use super::{Fate, Recover, Report, Task};
use crate::clock::{Clock, Timestamp};
use crate::spool::Spool;
use crate::store::recovery::RecoverPlace;
use crate::store::{Store, StoreResult};

const DUTY_NAME: &str = "recover";
/// How long the duty is held without a sign of life.
const DUTY: Duration = Duration::from_mins(1);
/// How often it is said that it is held.
const SIGN: Duration = Duration::from_secs(20);
/// How often it is looked whether a run is due.
const TURN: Duration = Duration::from_secs(10);

/// Runs [`Recover`] now and then.
pub struct Schedule {
    recover: Recover,
    store: Store,
    clock: Clock,
    every: Duration,
    spool: Option<Spool>,
    id: String,
}

impl Schedule {
    /// Every so often. While anything lies in this process's spool nothing is missing for certain.
    pub fn new(recover: Recover, every: Duration, spool: Option<Spool>) -> Self {
        let (store, clock) = (recover.store.clone(), recover.clock.clone());
        Self { recover, store, clock, every, spool, id: Uuid::now_v7().to_string() }
    }

    /// Until `stop` says so.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            tokio::select! {
                turned = self.turn() => if let Err(error) = turned {
                    warn!(error = %error, "lost webhooks can't be looked for; looking again in 10 s");
                },
                _ = stop.changed() => break,
            }
            tokio::select! {
                () = sleep(TURN) => {}
                _ = stop.changed() => break,
            }
        }
        if let Err(error) = self.store.leave(&self.id).await {
            warn!(error = %error, "the duty could not be handed on; another process takes it in a minute");
        }
    }

    /// A run, if one is due and nobody else does it.
    ///
    /// # Errors
    /// When the database does not do what is asked.
    pub async fn turn(&self) -> StoreResult<Option<Report>> {
        if self.spool.as_ref().is_some_and(|spool| spool.state().said().is_some())
            || !self.hold().await?
        {
            return Ok(None);
        }
        let before = self.store.recover_places().await?;
        if !self.is_due(&before).await? {
            return Ok(None);
        }
        let task = Task::of_schedule();
        let report = tokio::select! {
            report = self.recover.run(&task, |_| {}) => report?,
            gone = self.keep_hold() => return gone.map(|()| None),
        };
        say(&report, &before);
        Ok(Some(report))
    }

    async fn hold(&self) -> StoreResult<bool> {
        let now = self.clock.now();
        self.store.take_duty(DUTY_NAME, &self.id, now + DUTY, now).await
    }

    /// Ends when the duty is another's.
    async fn keep_hold(&self) -> StoreResult<()> {
        let mut signs = interval(SIGN);
        loop {
            signs.tick().await;
            if !self.hold().await? {
                return Ok(());
            }
        }
    }

    /// Whether a repository was not looked at for so long.
    async fn is_due(&self, known: &[RecoverPlace]) -> StoreResult<bool> {
        let every = TimeDelta::from_std(self.every).unwrap_or(TimeDelta::MAX);
        let before: Option<Timestamp> = self.clock.now().checked_sub_signed(every);
        let repositories = self.store.repositories().await?;
        Ok(repositories.iter().any(|repository| {
            let place = known.iter().find(|place| place.repository == repository.name);
            place.is_none_or(|place| before.is_some_and(|before| place.looked_at <= before))
        }))
    }
}

/// A problem is said when it is new.
fn say(report: &Report, before: &[RecoverPlace]) {
    let (asked, given_up) = (report.count(Fate::Asked), report.count(Fate::GivenUp));
    if asked > 0 || given_up > 0 {
        info!(
            asked,
            given_up,
            came = report.came,
            "{asked} webhooks that never arrived were asked for again, {given_up} were given up; see /health"
        );
    }
    for place in &report.places {
        let known = before.iter().find(|known| known.repository == place.repository);
        if let Some(problem) = &place.problem
            && known.is_none_or(|known| known.problem != place.problem)
        {
            warn!(repository = %place.repository, "lost webhooks of {} can't be looked for: {problem}", place.repository);
        }
    }
}
