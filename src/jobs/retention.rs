//! Lets go of what has grown old: in the background of a service, or at once when a person asks.
//!
//! What is let go of at what age is configured, and nothing is by default. Writes to Plane are part
//! of the history that people see, so they go with the timeline, though never before a month has
//! passed, and the newest of each item stays, since echoes are told by it.
//!
//! Deliberately absent: what is looked after elsewhere and needs no setting, such as sessions
//! (`store/sessions`), figures (`jobs/watch`) and the audit log (`store/audit`).
//!
//! It goes in small transactions with rests between them that grow with what the last one took, so
//! that it takes no more than a fourth of the database's time from live deliveries.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::clock::{Clock, Timestamp};
use crate::config::RetentionConfig;
use crate::sources::Source;
use crate::store::retention::{Aged, Droppable, Purged};
use crate::store::{Store, StoreResult};

/// How often a service looks for what has grown old.
const EVERY: Duration = Duration::from_mins(10);
/// How long it leaves a service alone that has just started.
const FIRST: Duration = Duration::from_mins(1);
/// Rows in one transaction.
const BATCH: i64 = 200;
/// Least rest between two transactions.
const REST: Duration = Duration::from_millis(20);
/// A rest is this many times what the transaction took.
const SHARE: u32 = 3;
/// How long writes are kept at least: webhooks about them are not later than this.
const INTENTS: Duration = Duration::from_hours(30 * 24);

/// How much of its time a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Rests, so that live deliveries do not wait.
    Gentle,
    /// None.
    Full,
}

/// What a run let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LetGo {
    /// Bodies of Plane's deliveries.
    pub plane_bodies: u64,
    /// Bodies of GitHub's deliveries.
    pub github_bodies: u64,
    /// Bytes of all these as they were received.
    pub body_bytes: u64,
    /// Lines of the timeline.
    pub timeline: u64,
    /// Writes that have ended.
    pub write_intents: u64,
}

impl LetGo {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.plane_bodies + self.github_bodies + self.timeline + self.write_intents
    }
}

/// What a run would let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preview {
    /// Bodies by source; `None` where they are kept for ever.
    pub bodies: [(Option<Duration>, Droppable); 2],
    /// Lines of the timeline; `None` where they are kept for ever.
    pub timeline: Option<u64>,
    /// Writes that have ended; `None` as for the timeline.
    pub write_intents: Option<u64>,
}

/// Lets go. One for the whole process.
pub struct Keeper {
    store: Store,
    clock: Clock,
    ages: RetentionConfig,
}

impl Keeper {
    /// What is let go of at which age.
    pub fn new(store: &Store, clock: &Clock, ages: RetentionConfig) -> Self {
        Self { store: store.clone(), clock: clock.clone(), ages }
    }

    /// Runs now and then, until `stop` says so.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut wait = FIRST;
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                _ = stop.changed() => return,
            }
            wait = EVERY;
            let done = tokio::select! {
                done = self.let_go(Pace::Gentle, |_| {}) => done,
                _ = stop.changed() => return,
            };
            match done {
                Ok(done) if done.is_nothing() => {}
                Ok(done) => info!(
                    rows = done.rows(),
                    bytes = done.body_bytes,
                    "let go of {} rows that had grown old, {} bytes of bodies among them",
                    done.rows(),
                    done.body_bytes
                ),
                Err(error) => {
                    warn!(error = %error, "what has grown old could not be let go of; trying again in 10 minutes");
                }
            }
        }
    }

    /// Lets go of all that is old enough. `tell` hears after each transaction what it came to.
    ///
    /// # Errors
    /// When the database does not do it; what was let go of until then is gone.
    pub async fn let_go(&self, pace: Pace, mut tell: impl FnMut(&LetGo)) -> StoreResult<LetGo> {
        let now = self.clock.now();
        let mut done = LetGo::default();
        for source in Source::ALL {
            let Some(before) = self.age_of(source).and_then(|age| ago(now, age)) else { continue };
            loop {
                let begun = Instant::now();
                let purged = self.store.drop_bodies(source, before, BATCH, now).await?;
                done.body_bytes += purged.bytes;
                match source {
                    Source::Plane => done.plane_bodies += purged.rows,
                    Source::Github => done.github_bodies += purged.rows,
                }
                tell(&done);
                if purged.rows == 0 {
                    break;
                }
                rest(pace, begun.elapsed()).await;
            }
        }
        for (what, before) in self.aged(now) {
            loop {
                let begun = Instant::now();
                let Purged { rows, .. } = self.store.purge(what, before, BATCH).await?;
                match what {
                    Aged::WriteIntents => done.write_intents += rows,
                    Aged::Timeline => done.timeline += rows,
                }
                tell(&done);
                if rows == 0 {
                    break;
                }
                rest(pace, begun.elapsed()).await;
            }
        }
        Ok(done)
    }

    /// What a run would let go of, without letting go.
    ///
    /// # Errors
    /// When the database can't tell.
    pub async fn preview(&self) -> StoreResult<Preview> {
        let now = self.clock.now();
        let mut preview = Preview::default();
        for (source, place) in Source::ALL.into_iter().zip(&mut preview.bodies) {
            let age = self.age_of(source);
            if let Some(before) = age.and_then(|age| ago(now, age)) {
                *place = (age, self.store.droppable_bodies(source, before).await?);
            }
        }
        for (what, before) in self.aged(now) {
            let count = self.store.purgeable(what, before).await?;
            match what {
                Aged::WriteIntents => preview.write_intents = Some(count),
                Aged::Timeline => preview.timeline = Some(count),
            }
        }
        Ok(preview)
    }

    fn age_of(&self, source: Source) -> Option<Duration> {
        match source {
            Source::Plane => self.ages.plane_bodies,
            Source::Github => self.ages.github_bodies,
        }
    }

    /// What goes by its age alone, and the moment before which it goes.
    fn aged(&self, now: Timestamp) -> Vec<(Aged, Timestamp)> {
        let Some(age) = self.ages.timeline else { return Vec::new() };
        let ages = [(Aged::WriteIntents, age.max(INTENTS)), (Aged::Timeline, age)];
        ages.into_iter().filter_map(|(what, age)| Some((what, ago(now, age)?))).collect()
    }
}

/// `None` where that is before all time.
fn ago(now: Timestamp, age: Duration) -> Option<Timestamp> {
    now.checked_sub_signed(chrono::TimeDelta::from_std(age).ok()?)
}

async fn rest(pace: Pace, took: Duration) {
    if pace == Pace::Gentle {
        sleep(REST.max(took * SHARE)).await;
    }
}
