//! The two rate limits: so many requests an hour, and not too much at once.

use std::time::Duration;

use crate::clock::Timestamp;

/// One hour's window.
const WINDOW: Duration = Duration::from_hours(1);

/// What one token has used.
#[derive(Debug, Clone)]
pub(super) struct Quota {
    limit: u64,
    used: u64,
    resets_at: Option<Timestamp>,
    secondary_until: Option<Timestamp>,
}

/// Whether a request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Primary,
    Secondary { retry_after: Option<Duration> },
}

impl Quota {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0, resets_at: None, secondary_until: None }
    }

    /// Counts a request, unless it is refused.
    pub(super) fn count(&mut self, now: Timestamp) -> Verdict {
        if self.resets_at.is_none_or(|at| now >= at) {
            (self.used, self.resets_at) = (0, Some(now + WINDOW));
        }
        if let Some(until) = self.secondary_until.filter(|until| now < *until) {
            let retry_after = (until - now).to_std().unwrap_or_default();
            return Verdict::Secondary { retry_after: Some(retry_after) };
        }
        if self.used >= self.limit {
            return Verdict::Primary;
        }
        self.used += 1;
        Verdict::Pass
    }

    /// An answer without a body is free.
    pub(super) fn give_back(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    /// Uses all of it up until `resets_at`.
    pub(super) fn exhaust(&mut self, resets_at: Timestamp) {
        (self.used, self.resets_at) = (self.limit, Some(resets_at));
    }

    /// Refuses everything until then.
    pub(super) fn slow_down(&mut self, until: Timestamp) {
        self.secondary_until = Some(until);
    }

    /// GitHub's headers, of REST's budget.
    pub(super) fn headers(&self) -> [(&'static str, String); 5] {
        self.headers_of("core")
    }

    /// GitHub's headers of a budget.
    pub(super) fn headers_of(&self, resource: &str) -> [(&'static str, String); 5] {
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", (self.limit.saturating_sub(self.used)).to_string()),
            ("x-ratelimit-used", self.used.to_string()),
            ("x-ratelimit-reset", self.resets_at.map_or(0, |at| at.timestamp()).to_string()),
            ("x-ratelimit-resource", resource.to_owned()),
        ]
    }
}
