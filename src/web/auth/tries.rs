//! How often a sign-in may be tried in a minute, over everyone who tries: the token is one for
//! all, so guessing it from many addresses must not be faster than from one.
//!
//! A try is counted before it is looked at and given back when it was right, so that tries at
//! the same time are all counted. Deliberately absent: the database. A process counts for itself.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::clock::Timestamp;

/// Wrong tries in one [`WINDOW`].
const MOST: usize = 10;
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// The wrong tries of the last minute, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<VecDeque<Timestamp>>);

/// One try that may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Try {
    at: Timestamp,
    /// How many more there are if this one is wrong.
    pub(super) left: usize,
}

impl Tries {
    /// Counts a try, or says after how many seconds there will be one again.
    pub(super) fn begin(&self, now: Timestamp) -> Result<Try, u64> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tries.front().is_some_and(|at| now - *at >= WINDOW) {
            tries.pop_front();
        }
        match tries.front() {
            Some(oldest) if tries.len() >= MOST => {
                let wait = (*oldest + WINDOW - now).num_seconds().clamp(0, WINDOW.num_seconds());
                Err(wait.unsigned_abs() + 1)
            }
            _ => {
                tries.push_back(now);
                Ok(Try { at: now, left: MOST - tries.len() })
            }
        }
    }

    /// It was right: it does not count.
    pub(super) fn give_back(&self, right: Try) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = tries.iter().position(|at| *at == right.at) {
            tries.remove(index);
        }
    }
}
