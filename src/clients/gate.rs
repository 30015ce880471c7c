//! The way of every request to a remote: leave is taken of its account before, and what came of it
//! is told to the account after.
//!
//! Nobody waits here: who may not ask now is told until when, and the queue waits. When the remote
//! was away, the first request of all is preceded by one harmless question.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tracing::{info, warn};

use super::limits::LimitSeen;
use crate::clock::Clock;
use crate::quota::ledger::{InMemory, Ledger};
use crate::quota::{Account, Class, Heard, Held, Kind, Pass, Pauses, Remote, Why};

/// When to look again for an account that can't be had: its database is away.
const LEDGER_AWAY: Duration = Duration::from_secs(3);

/// Why a request was not made, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// One line for people, without times, so that who waits again waits for the same thing.
    pub reason: String,
    /// What it waits for; `None` for our own account.
    pub why: Option<Why>,
    /// Until then.
    pub wait: Duration,
}

pub(super) struct Gate {
    remote: Remote,
    clock: Clock,
    pauses: Pauses,
    ledger: Arc<dyn Ledger>,
    /// The account as this process last saw it.
    last: Mutex<Account>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("remote", &self.remote).finish_non_exhaustive()
    }
}

impl Gate {
    /// With an account that nobody else has.
    pub fn new(remote: Remote, clock: Clock) -> Self {
        Self {
            remote,
            clock,
            pauses: Pauses::default(),
            ledger: Arc::new(InMemory::new(remote)),
            last: Mutex::new(Account::new(remote)),
        }
    }

    /// The same by another clock, with nothing known.
    pub fn by(&self, clock: Clock) -> Self {
        Self { pauses: self.pauses, ..Self::new(self.remote, clock) }
    }

    /// The same with an account that others have, too.
    pub fn sharing(&self, ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, ..self.by_its_clock() }
    }

    /// The same, leaving a remote that is away alone for so long.
    pub fn pausing(&self, pauses: Pauses) -> Self {
        Self { pauses, ledger: Arc::clone(&self.ledger), ..self.by_its_clock() }
    }

    fn by_its_clock(&self) -> Self {
        self.by(self.clock.clone())
    }

    /// Takes leave for one request.
    pub async fn pass(&self, class: Class, kind: Kind) -> Result<Pass, Stopped> {
        let now = self.clock.now();
        let mut asked = None;
        let mut ask = |account: &mut Account| {
            asked = Some(account.ask(class, kind, now));
            *self.seen() = account.clone();
        };
        if let Err(away) = self.ledger.change(&mut ask).await {
            return Err(Stopped { reason: away.to_string(), why: None, wait: LEDGER_AWAY });
        }
        match asked {
            Some(Ok(pass)) => Ok(pass),
            Some(Err(held)) => Err(self.stopped(held)),
            None => Err(Stopped {
                reason: "the account of requests was not opened".to_owned(),
                why: None,
                wait: LEDGER_AWAY,
            }),
        }
    }

    /// Tells what came of it; until when nobody asks, if the remote is taken to be away now.
    pub async fn heard(&self, pass: Pass, heard: &Heard) -> Option<Stopped> {
        let (now, pauses) = (self.clock.now(), self.pauses);
        let (mut was_closed, mut is_closed) = (true, true);
        let mut hear = |account: &mut Account| {
            was_closed = account.breaker.is_closed();
            account.heard(pass, heard, pauses, now);
            is_closed = account.breaker.is_closed();
            *self.seen() = account.clone();
        };
        if let Err(away) = self.ledger.change(&mut hear).await {
            // It counts as under way until it is given up.
            warn!(error = %away, "what came of a request could not be noted");
            return None;
        }
        let name = self.remote.name();
        match (was_closed, is_closed) {
            (true, false) => {
                let error = self.seen().breaker.last_error.clone().unwrap_or_default();
                warn!(remote = %self.remote.as_str(), "{name} does not answer ({error}): jobs wait, and it is tried with one question now and then");
            }
            (false, true) => info!(remote = %self.remote.as_str(), "{name} answers again"),
            _ => {}
        }
        if is_closed { None } else { self.look(Class::Live) }
    }

    /// Why a job of this class should not begin now, as far as this process knows.
    pub fn look(&self, class: Class) -> Option<Stopped> {
        let held = self.seen().look(class, self.clock.now());
        held.map(|held| self.stopped(held))
    }

    /// Why a write of this class can't go now, as far as this process knows.
    pub fn look_write(&self, class: Class) -> Option<Stopped> {
        let held = self.seen().look_write(class, self.clock.now());
        held.map(|held| self.stopped(held))
    }

    /// What was last said of the limit.
    pub fn limit_seen(&self) -> Option<LimitSeen> {
        let account = self.account();
        let (said, seen_at) = account.said()?;
        let used_up_until = account.used_up_until();
        Some(LimitSeen {
            remaining: said.remaining,
            most: said.most,
            resets_at: said.resets_at.or(used_up_until),
            used_up_until,
            seen_at,
        })
    }

    /// The account as this process last saw it.
    pub fn account(&self) -> Account {
        self.seen().clone()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Account> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self, held: Held) -> Stopped {
        let wait = (held.until - self.clock.now()).to_std().unwrap_or_default();
        let reason = match (held.why, self.remote) {
            (Why::UsedUp, Remote::Plane) => "Plane's request quota is used up (429)".to_owned(),
            (Why::UsedUp, Remote::Github) => "GitHub's rate limit is used up".to_owned(),
            (Why::Kept, remote) => {
                format!("what is left of {}'s quota is kept for newer changes", remote.name())
            }
            (Why::Apart, remote) => format!("{} wants time between two writes", remote.name()),
            (Why::Away, remote) => {
                format!("{} does not answer: it is asked again by itself", remote.name())
            }
        };
        Stopped { reason, why: Some(held.why), wait }
    }
}

/// The name of the account of a key at an address. It tells nothing of the key.
pub(super) fn account_name(remote: Remote, address: &str, key: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(address);
    hash.update([0]);
    hash.update(key);
    format!("{}-{}", remote.as_str(), hex::encode(&hash.finalize()[..6]))
}
