//! Which bearer tokens may be looked at, and which were right.
//!
//! What has the shape of our own tokens can't be guessed and is always looked at. Anything else
//! could be a guess at an admin token that somebody chose: sixty a minute from one network, which a
//! program that was set up wrongly may need and a guesser has no use for. A token that was right
//! before is no guess: behind a proxy all programs have one address, and a guesser there must not
//! shut them out. Deliberately absent: the database. A process counts for itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use super::tries::{Tries, Try};
use crate::access::can_not_be_guessed;
use crate::clock::Timestamp;

/// Wrong tokens of one network in a minute.
const MOST: u32 = 60;
/// How often it is written down that a token is used.
const WRITTEN: TimeDelta = TimeDelta::minutes(1);
/// Right tokens that are remembered.
const TOKENS: usize = 4096;

/// The counts of this process.
pub(super) struct Bearers {
    tries: Tries,
    /// By their hash; when it was last written down that they are used.
    right: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl std::fmt::Debug for Bearers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} tokens]", self.right().len())
    }
}

impl Default for Bearers {
    fn default() -> Self {
        Self { tries: Tries::new(MOST), right: Mutex::default() }
    }
}

/// Whether it should be written down that a token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// A minute has passed since the last time.
    WriteDown,
    /// It was, less than a minute ago.
    Written,
}

impl Bearers {
    /// Counts a token that could be a guess before it is looked at, or says after how many seconds
    /// one may be sent.
    pub(super) fn begin(
        &self,
        token: &str,
        sha256: &[u8; 32],
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Try>, u64> {
        if can_not_be_guessed(token) || self.right().contains_key(sha256) {
            return Ok(None);
        }
        self.tries.begin(peer, now).map(Some)
    }

    /// It was right: it does not count, nor will it be counted again.
    pub(super) fn right_one(
        &self,
        sha256: &[u8; 32],
        attempt: Option<Try>,
        now: Timestamp,
    ) -> Usage {
        if let Some(attempt) = attempt {
            self.tries.give_back(attempt);
        }
        let mut right = self.right();
        match right.get_mut(sha256) {
            Some(written) if now - *written < WRITTEN => return Usage::Written,
            Some(written) => *written = now,
            None => {
                if right.len() >= TOKENS {
                    right.clear();
                }
                right.insert(*sha256, now);
            }
        }
        Usage::WriteDown
    }

    /// It was wrong, or is wrong by now.
    pub(super) fn wrong_one(&self, sha256: &[u8; 32]) {
        self.right().remove(sha256);
    }

    fn right(&self) -> MutexGuard<'_, HashMap<[u8; 32], Timestamp>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T02:00:00Z".parse().unwrap()
    }

    fn sha256(number: u32) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        hash
    }

    #[test]
    fn a_right_token_gets_in_whatever_its_neighbors_do() {
        let (bearers, good) = (Bearers::default(), sha256(9999));
        let begin = |number: u32| bearers.begin("chosen", &sha256(number), None, now());
        for _ in 0..100 {
            let attempt = begin(9999).unwrap();
            bearers.right_one(&good, attempt, now());
        }
        for i in 0..60 {
            assert!(begin(i).is_ok(), "{i}");
        }
        assert_eq!(begin(60), Err(61));
        assert_eq!(begin(9999), Ok(None));
        bearers.wrong_one(&good);
        assert!(begin(9999).is_err());
    }

    #[test]
    fn what_can_not_be_guessed_is_always_looked_at() {
        let bearers = Bearers::default();
        while bearers.begin("chosen", &sha256(1), None, now()).is_ok() {}
        for prefix in ["jbt_", "jba_"] {
            let token = format!("{prefix}{}", "0a".repeat(32));
            assert_eq!(bearers.begin(&token, &sha256(2), None, now()), Ok(None));
            assert!(bearers.begin(&token[1..], &sha256(2), None, now()).is_err());
        }
    }

    #[test]
    fn a_use_is_written_down_once_a_minute() {
        let bearers = Bearers::default();
        let used =
            |seconds| bearers.right_one(&sha256(1), None, now() + TimeDelta::seconds(seconds));
        assert_eq!(used(0), Usage::WriteDown);
        assert_eq!(used(59), Usage::Written);
        assert_eq!(used(60), Usage::WriteDown);
        assert_eq!(used(61), Usage::Written);
    }

    #[test]
    fn few_thousand_tokens_are_remembered() {
        let bearers = Bearers::default();
        for i in 0..10_000 {
            bearers.right_one(&sha256(i), None, now());
        }
        assert!(bearers.right().len() <= TOKENS);
    }
}
