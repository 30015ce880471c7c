//! How much may be asked of another system, by whom first, and what to do while it is away.
//!
//! An [`Account`] knows what was asked of one remote with one key and what the remote said of it; it
//! decides whether a request may go now or when. Its rule: by its own account no limit is ever
//! exceeded, and what waits for nobody (backfill, then reconcile, then replay) leaves room for
//! those before it, so that a change that somebody makes now never waits for what is old.
//! A [`Breaker`] stops asking a remote that does not answer, and tries it with one question.
//!
//! Pure: no I/O, no clock. Where an account is kept is a [`ledger::Ledger`]; who asks it are the
//! clients.

mod account;
mod breaker;
pub mod ledger;
#[cfg(test)]
mod properties;
mod window;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use account::Account;
pub use breaker::{Breaker, Circuit, OPENS_AFTER, Pauses};
pub use words::{Came, Heard, Held, Pass, Said, Why};

/// How soon a request has a claim on what is left, the soonest first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A change that somebody made now.
    #[default]
    Live,
    /// A delivery that somebody runs again.
    Replay,
    /// What a comparison of both sides found.
    Reconcile,
    /// What is older than the connection.
    Backfill,
}

impl Class {
    /// All of them, the soonest first.
    pub const ALL: [Self; 4] = [Self::Live, Self::Replay, Self::Reconcile, Self::Backfill];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Replay => "replay",
            Self::Reconcile => "reconcile",
            Self::Backfill => "backfill",
        }
    }

    /// Its number in the queue.
    pub fn number(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Replay => 1,
            Self::Reconcile => 2,
            Self::Backfill => 3,
        }
    }

    /// The class of a number in the queue; what no class has is the last one's.
    pub fn of_number(number: i64) -> Self {
        let known = Self::ALL.into_iter().find(|class| class.number() == number);
        known.unwrap_or(Self::Backfill)
    }

    /// What this class leaves of a window of `most` to those before it: replays an eighth, reconcile
    /// a quarter, backfill a half, and each at least one request where there is more than one.
    pub fn leaves(self, most: u32) -> u32 {
        let share = match self {
            Self::Live => return 0,
            Self::Replay => most.div_ceil(8),
            Self::Reconcile => most.div_ceil(4),
            Self::Backfill => most.div_ceil(2),
        };
        share.min(most.saturating_sub(1))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Another system whose requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remote {
    /// Plane: so many requests in any minute.
    Plane,
    /// GitHub: so many an hour, and not too many at once.
    Github,
}

impl Remote {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Plane, Self::Github];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plane => "plane",
            Self::Github => "github",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plane => "Plane",
            Self::Github => "GitHub",
        }
    }
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It changes nothing.
    Read,
    /// It makes or changes something.
    Write,
}
