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
use tracing::{info, warn};

use super::{Fate, Recover, Report, Task};
use crate::clock::{Clock, Timestamp};
use crate::jobs::duty::{Duty, Turns, take_turns};
use crate::spool::Spool;
use crate::store::recovery::RecoverPlace;
use crate::store::{Store, StoreResult};

const DUTY_NAME: &str = "recover";
/// How long the duty is held without a sign of life.
const DUTY: Duration = Duration::from_mins(1);
/// How often it is looked whether a run is due.
const TURN: Duration = Duration::from_secs(10);

/// Runs [`Recover`] now and then.
pub struct Schedule {
    recover: Recover,
    store: Store,
    clock: Clock,
    every: Duration,
    spool: Option<Spool>,
    duty: Duty,
}

impl Schedule {
    /// Every so often. While anything lies in this process's spool nothing is missing for certain.
    pub fn new(recover: Recover, every: Duration, spool: Option<Spool>) -> Self {
        let (store, clock) = (recover.store.clone(), recover.clock.clone());
        let duty = Duty::new(&store, &clock, DUTY_NAME, DUTY);
        Self { recover, store, clock, every, spool, duty }
    }

    /// Until `stop` says so.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        take_turns(self, stop).await;
    }

    /// A run, if one is due and nobody else does it.
    ///
    /// # Errors
    /// When the database does not do what is asked.
    pub async fn turn(&self) -> StoreResult<Option<Report>> {
        if self.spool.as_ref().is_some_and(|spool| spool.state().said().is_some())
            || !self.duty.hold().await?
        {
            return Ok(None);
        }
        let before = self.store.recover_places().await?;
        if !self.is_due(&before).await? {
            return Ok(None);
        }
        let task = Task::of_schedule();
        let Some(report) = self.duty.keep(self.recover.run(&task, |_| {})).await? else {
            return Ok(None);
        };
        let report = report?;
        say(&report, &before);
        Ok(Some(report))
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

impl Turns for Schedule {
    const WHAT: &'static str = "lost webhooks can't be looked for";
    const EVERY: Duration = TURN;

    async fn take_turn(&mut self) -> StoreResult<()> {
        self.turn().await.map(drop)
    }

    async fn leave(&self) -> StoreResult<()> {
        self.duty.leave().await
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
