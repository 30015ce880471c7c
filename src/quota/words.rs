//! What an account is asked and told: leave to ask, why there is none, what came of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Leave to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    pub(super) id: u64,
    /// Whether it is for one harmless question that finds out whether the remote is back.
    pub is_probe: bool,
}

/// Why a request can't go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Writes are kept apart.
    Apart,
    /// What is left is kept for those before it.
    Kept,
    /// Nothing is left.
    UsedUp,
    /// The remote does not answer.
    Away,
}

/// A request has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// For what.
    pub why: Why,
    /// Until then, as far as is known now.
    pub until: Timestamp,
}

/// What an answer said of the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Requests that are left.
    pub remaining: Option<u32>,
    /// Requests of a whole window.
    pub most: Option<u32>,
    /// When the window ends.
    pub resets_at: Option<Timestamp>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// The answer of somebody who was let in.
    Answer,
    /// An answer to somebody who was not; what it says of limits is not about our key.
    Turned,
    /// A limit was reached.
    Limited {
        /// For how long nothing is to be asked, where that was said.
        wait: Option<Duration>,
    },
    /// The remote can't, or did not answer.
    Failed {
        /// What happened.
        why: String,
    },
}

/// What came of a request, with what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What came.
    pub came: Came,
    /// What it said of the limit.
    pub said: Said,
}
