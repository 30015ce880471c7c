//! What a client hears of the other side's limit, and what comes of its requests: kept for whoever
//! shows it, never asked about by the client itself.

use crate::clock::Timestamp;
use crate::metrics::{Asked, Remote, RemoteFigures};
use crate::quota::Class;

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
    figures: RemoteFigures,
}

impl Tally {
    pub fn of(client: &'static str) -> Self {
        Self { client, figures: RemoteFigures::default() }
    }

    /// Into the figures of the process.
    pub fn into(self, figures: &RemoteFigures) -> Self {
        Self { figures: figures.clone(), ..self }
    }

    /// A request is made.
    pub fn asked(&self, class: Class) {
        let asked = Asked { client: self.client, class: class.as_str() };
        self.figures.asked.get_or_create(&asked).inc();
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
        self.figures.requests.get_or_create(&Remote { client: self.client, result }).inc();
    }
}
