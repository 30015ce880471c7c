//! The four ends of an attempt. Whoever understands an error says which one it is; nobody
//! searches its text later. What follows from an end is decided in `queue/retry` alone.

use std::time::Duration;

/// Why an attempt did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// May work later: counted as an attempt, tried again after the backoff or `after`,
    /// whichever is longer.
    #[error("{reason}")]
    Retry {
        /// One line for people.
        reason: String,
        /// What the other side asked for (`Retry-After`).
        after: Option<Duration>,
    },
    /// A quota is used up, or something else of ours has to be waited for: not an attempt, tried
    /// again after `wait`.
    #[error("{reason}")]
    Quota {
        /// One line for people.
        reason: String,
        /// Until it is there again.
        wait: Duration,
    },
    /// Will never work as it is: dead at once, replayable.
    #[error("{reason}")]
    Permanent {
        /// One line for people.
        reason: String,
    },
}

impl Failure {
    /// May work later, after the usual backoff.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    /// The same in other words.
    #[must_use]
    pub fn reworded(mut self, words: impl FnOnce(&str) -> String) -> Self {
        let (Self::Retry { reason, .. } | Self::Quota { reason, .. } | Self::Permanent { reason }) =
            &mut self;
        *reason = words(reason);
        self
    }

    /// Will never work as it is.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent { reason: reason.into() }
    }
}
