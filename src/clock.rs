//! What time it is. The only place that asks the system, so that a test can say it instead.
//!
//! Times are cut to microseconds: `PostgreSQL` keeps no more, and a time that changes when it is
//! stored would make two equal states look different.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};

/// A moment in UTC, whole microseconds.
pub type Timestamp = DateTime<Utc>;

/// Cuts a foreign time to the microseconds that both databases keep.
pub fn to_micros(time: DateTime<Utc>) -> Timestamp {
    time.trunc_subsecs(6)
}

/// Tells the time: the system's, or one that a test moves by hand.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Stands still until moved; microseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.timestamp_micros())))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => to_micros(system_now()),
            Self::Manual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Moves a manual clock on; the system's is not ours to move.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(micros) = self {
            let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            micros.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may ask")]
fn system_now() -> DateTime<Utc> {
    Utc::now()
}
