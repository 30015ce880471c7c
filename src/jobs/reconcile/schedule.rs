//! When both sides are compared: what changed every few hours, everything once a day, by one process
//! at a time. What was put in is looked at again soon, so that the ledger tells that it is mended.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::{Doing, Reconcile, Report};
use crate::clock::Timestamp;
use crate::drift::{Pauses, Walk};
use crate::failure::Failure;
use crate::jobs::duty::{Duty, Turns, take_turns};
use crate::store::StoreResult;
use crate::store::drift::Standing;
use crate::store::repositories::Repository;

/// The duty's name: whoever compares takes it first.
pub const DUTY_NAME: &str = "reconcile";
/// How long the duty is held without a sign of life.
pub const DUTY: Duration = Duration::from_mins(2);
/// How often it is looked whether anything is due.
const TURN: Duration = Duration::from_secs(30);
/// How often everything is compared.
const FULL: TimeDelta = TimeDelta::hours(24);
/// How soon it is looked again after a failure, and at what was put in.
const SOON: Duration = Duration::from_mins(10);

/// Compares repositories when it is time.
#[derive(Debug)]
pub struct Schedule {
    reconcile: Reconcile,
    every: Duration,
    duty: Duty,
}

impl Schedule {
    /// What changed is compared each `every`.
    pub fn new(reconcile: Reconcile, every: Duration) -> Self {
        let reconcile = Reconcile { again: pauses(every), ..reconcile };
        let duty = Duty::new(&reconcile.sync.store, &reconcile.sync.clock, DUTY_NAME, DUTY);
        Self { reconcile, every, duty }
    }

    /// Compares until `stop` says so; a walk that is cut short goes on later.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        if let Err(failure) = self.reconcile.any_rest() {
            debug!("the two sides are not compared: {failure}");
            return;
        }
        take_turns(self, stop).await;
    }

    /// Compares what is due; how many repositories that were.
    ///
    /// # Errors
    /// When the database does not do what is asked.
    pub async fn turn(&self) -> StoreResult<usize> {
        let store = &self.reconcile.sync.store;
        let now = self.reconcile.now();
        let due: Vec<Standing> = store.drift_ledgers().await?;
        let due: Vec<(Standing, Walk)> = due
            .into_iter()
            .filter_map(|standing| Some((due_after(self.every, &standing, now)?, standing)))
            .map(|(walk, standing)| (standing, walk))
            .collect();
        if due.is_empty() || !self.duty.hold().await? {
            return Ok(0);
        }
        let repositories = store.repositories().await?;
        let mut compared = 0;
        for (standing, walk) in due {
            let Some(repository) = repositories.iter().find(|r| r.id == standing.repository) else {
                continue;
            };
            // A server without a token is never compared, which is no failure.
            if self.reconcile.rest(&repository.name).is_err() {
                continue;
            }
            let mut nobody = |_, _| {};
            let looking = self.reconcile.look(repository, walk, Doing::Act, &mut nobody);
            // Whoever has the duty now goes on where this walk was.
            let Some(looked) = self.duty.keep(looking).await? else { return Ok(compared) };
            compared += 1;
            report(repository, looked);
        }
        self.duty.leave().await?;
        Ok(compared)
    }
}

impl Turns for Schedule {
    const WHAT: &'static str = "both sides can't be compared";
    const EVERY: Duration = TURN;

    async fn take_turn(&mut self) -> StoreResult<()> {
        self.turn().await.map(drop)
    }

    async fn leave(&self) -> StoreResult<()> {
        self.duty.leave().await
    }
}

fn due_after(every: Duration, standing: &Standing, now: Timestamp) -> Option<Walk> {
    let pauses = pauses(every);
    let is_full_due = standing.ledger.full_at.is_none_or(|at| now - at >= FULL);
    let Some(tried) = standing.tried_at else { return Some(Walk::Full) };
    // Both, a failure and what was put in, are looked at soon, and then ever more rarely.
    let lasts = standing.failing_since.max(standing.newest);
    let wait = lasts.map_or(pauses.longest, |since| pauses.after(tried - since));
    match (now - tried >= wait, is_full_due) {
        (false, _) => None,
        (true, true) => Some(Walk::Full),
        (true, false) => Some(Walk::Changes),
    }
}

fn pauses(every: Duration) -> Pauses {
    let longest = TimeDelta::from_std(every).unwrap_or(TimeDelta::MAX);
    Pauses { first: TimeDelta::from_std(SOON).unwrap_or_default(), longest }
}

fn report(repository: &Repository, looked: Result<Report, Failure>) {
    let name = &repository.name;
    match looked {
        Ok(report) if report.is_in_sync() => {
            info!(repository = %name, "{name} is in sync: both sides were compared");
        }
        Ok(report) => {
            warn!(repository = %name, differing = report.differing, put = report.put,
                "{name} is not in sync: {} items differ, {} were put in to be mended; see /health", report.differing, report.put);
        }
        Err(failure) => {
            warn!(repository = %name, "{name} could not be compared: {failure}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::Ledger;
    use crate::ids::RepositorySyncId;

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        start + TimeDelta::minutes(minute)
    }

    /// `newest` is since when something is to be mended.
    fn standing(tried: Option<i64>, full: Option<i64>, newest: Option<i64>) -> Standing {
        let mendable = u64::from(newest.is_some());
        Standing {
            repository: RepositorySyncId(1),
            ledger: Ledger {
                repository: "octo/hello".to_owned(),
                compared: 0,
                differing: mendable,
                proven_at: None,
                full_at: full.map(at),
                issues_off: false,
                last_error: None,
            },
            mendable,
            newest: newest.map(at),
            tried_at: tried.map(at),
            failing_since: None,
        }
    }

    #[test]
    fn what_changed_is_compared_each_period_everything_each_day_and_what_was_put_in_soon() {
        let due = |tried, full, newest, now| {
            let every = TimeDelta::hours(6).to_std().unwrap();
            due_after(every, &standing(tried, full, newest), at(now))
        };
        assert_eq!(due(None, None, None, 0), Some(Walk::Full));
        assert_eq!(due(Some(0), Some(0), None, 359), None);
        assert_eq!(due(Some(0), Some(0), None, 360), Some(Walk::Changes));
        assert_eq!(due(Some(1400), Some(0), None, 1440), None);
        assert_eq!(due(Some(1080), Some(0), None, 1440), Some(Walk::Full));
        assert_eq!(due(Some(0), Some(0), Some(0), 9), None);
        assert_eq!(due(Some(0), Some(0), Some(0), 10), Some(Walk::Changes));
    }

    #[test]
    fn what_is_not_mended_and_what_fails_is_looked_at_ever_more_rarely() {
        let every = TimeDelta::hours(6).to_std().unwrap();
        let looks = |standing: &dyn Fn(i64) -> Standing| {
            let (mut tried, mut pauses) = (0, Vec::new());
            for _ in 0..8 {
                let next = (tried..10_000)
                    .find(|now| due_after(every, &standing(tried), at(*now)).is_some());
                pauses.push(next.unwrap() - tried);
                tried = next.unwrap();
            }
            pauses
        };
        let pauses = [10, 10, 20, 40, 80, 160, 320, 360];
        assert_eq!(looks(&|tried| standing(Some(tried), Some(tried), Some(0))), pauses);
        let failing = |tried| Standing {
            failing_since: Some(at(0)),
            ..standing(Some(tried), Some(tried), None)
        };
        assert_eq!(looks(&failing), pauses);
    }
}
