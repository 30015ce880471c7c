//! What is known of the key's quota: Plane tells with every answer how many requests are left,
//! and asking on when there are none would only be refused.
//!
//! Plane's `X-RateLimit-Reset` says a minute from now whatever the truth is, so the time at which
//! a request comes free is reckoned from when we asked: the window slides. Others may use the
//! same key; then Plane refuses, and its `Retry-After` decides.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::QUOTA_WINDOW;
use super::refusal::Refusal;
use crate::clients::limits::LimitSeen;
use crate::clock::{Clock, Timestamp};

/// Plane may count a request a little later than we do.
const MARGIN: Duration = Duration::from_secs(1);
/// Requests that are remembered: more than any key has in a window.
const MOST_REMEMBERED: usize = 1000;

/// How many requests the key had left, when Plane last said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// So many.
    pub requests: u32,
    /// At that time.
    pub seen_at: Timestamp,
}

pub(super) struct Quota {
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    remaining: Option<Remaining>,
    /// The most that was ever left, and the request that was told so.
    most: Option<u32>,
    /// When anything was last told.
    told_at: Option<Timestamp>,
    /// Until when the key was last used up.
    used_up_until: Option<Timestamp>,
    /// Not to be asked before.
    blocked_until: Option<Timestamp>,
    /// When we asked, within the window.
    asked: VecDeque<Timestamp>,
}

impl Quota {
    pub fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// Counts a request that is about to be made, unless it would be refused.
    pub fn ask(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        self.with(|known| {
            if let Some(wait) = known.blocked_until.and_then(|until| (until - now).to_std().ok())
                && !wait.is_zero()
            {
                return Err(Refusal::Quota { wait });
            }
            known.blocked_until = None;
            while known.asked.len() >= MOST_REMEMBERED
                || known.asked.front().is_some_and(|at| *at + QUOTA_WINDOW <= now)
            {
                known.asked.pop_front();
            }
            known.asked.push_back(now);
            Ok(())
        })
    }

    /// Takes note of what an answer says.
    pub fn told(&self, remaining: Option<u32>, refused_for: Option<Duration>) {
        let now = self.clock.now();
        self.with(|known| {
            if remaining.is_some() || refused_for.is_some() {
                known.told_at = Some(now);
            }
            if let Some(requests) = remaining {
                known.most = known.most.max(requests.checked_add(1));
                known.remaining = Some(Remaining { requests, seen_at: now });
            }
            let until = match (remaining, refused_for) {
                (_, Some(wait)) => now + wait,
                (Some(0), None) => {
                    known.asked.front().copied().unwrap_or(now) + QUOTA_WINDOW + MARGIN
                }
                (_, None) => return,
            };
            known.blocked_until = known.blocked_until.max(Some(until));
            known.used_up_until = known.blocked_until;
        });
    }

    /// `None` when nothing was said within the window.
    pub fn remaining(&self) -> Option<Remaining> {
        let now = self.clock.now();
        let remaining = self.with(|known| known.remaining);
        remaining.filter(|remaining| remaining.seen_at + QUOTA_WINDOW > now)
    }

    /// All that was told, whenever that was.
    pub fn seen(&self) -> Option<LimitSeen> {
        self.with(|known| {
            Some(LimitSeen {
                remaining: known.remaining.map(|remaining| remaining.requests),
                most: known.most,
                resets_at: known.used_up_until,
                used_up_until: known.used_up_until,
                seen_at: known.told_at?,
            })
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
