//! What a client hears of the other side's limit, and what comes of its requests: kept for whoever
//! shows it, never asked about by the client itself.

use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::metrics::{Remote, RemoteRequests};

/// What was said of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSeen {
    /// Requests that are left, where that was said.
    pub remaining: Option<u32>,
    /// Requests of a whole window, where that was said or can be told.
    pub most: Option<u32>,
    /// When the window ends, where that was said.
    pub resets_at: Option<Timestamp>,
    /// Until when nothing may be asked, once the limit was reached.
    pub used_up_until: Option<Timestamp>,
    /// When it was said.
    pub seen_at: Timestamp,
}

/// Counts a client's requests by what came of them.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    client: &'static str,
    requests: RemoteRequests,
}

impl Tally {
    pub fn of(client: &'static str) -> Self {
        Self { client, requests: RemoteRequests::default() }
    }

    /// Into the figures of the process.
    pub fn into(self, requests: &RemoteRequests) -> Self {
        Self { requests: requests.clone(), ..self }
    }

    /// An answer came. A name that is not there is an answer like any other.
    pub fn answered(&self, status: u16, limited: bool) {
        self.count(match status {
            _ if limited => "limited",
            200..=399 | 404 | 409 | 410 => "ok",
            400..=499 => "refused",
            _ => "failed",
        });
    }

    /// None came.
    pub fn unanswered(&self) {
        self.count("no_answer");
    }

    fn count(&self, result: &'static str) {
        self.requests.get_or_create(&Remote { client: self.client, result }).inc();
    }
}

/// The last of what was said.
#[derive(Debug, Default)]
pub(super) struct LastSeen(Mutex<Option<LimitSeen>>);

impl LastSeen {
    pub fn put(&self, seen: LimitSeen) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    pub fn last(&self) -> Option<LimitSeen> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
