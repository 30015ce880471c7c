//! How a delivery came to be: sent by its source, or found by asking it. What is found is put into
//! the inbox like anything else, so that everything that is known follows from the inbox.
//!
//! Deliberately absent: who asks, and when.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a delivery came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Its source sent it.
    #[default]
    Webhook,
    /// Both sides were compared, and this differed from what was known.
    Reconcile,
    /// It was there before its repository was connected.
    Backfill,
}

/// The text names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown origin “{0}”: expected webhook, reconcile or backfill")]
pub struct UnknownOrigin(String);

impl Origin {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Webhook, Self::Reconcile, Self::Backfill];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Reconcile => "reconcile",
            Self::Backfill => "backfill",
        }
    }

    /// What goes without saying is not written.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    pub(super) fn is_sent(&self) -> bool {
        *self == Self::Webhook
    }

    /// Who found it, in words for people; `None` for what was sent.
    pub fn found_by(self) -> Option<&'static str> {
        match self {
            Self::Webhook => None,
            Self::Reconcile => Some("found by reconcile"),
            Self::Backfill => Some("found by backfill"),
        }
    }

    /// `ops.work_queue.class` of its job: whoever has the lower one uses the quotas first.
    pub fn class(self) -> i16 {
        match self {
            Self::Webhook => 0,
            Self::Reconcile => 2,
            Self::Backfill => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Origin {
    type Err = UnknownOrigin;
    fn from_str(text: &str) -> Result<Self, UnknownOrigin> {
        Self::ALL
            .into_iter()
            .find(|origin| origin.as_str() == text)
            .ok_or_else(|| UnknownOrigin(text.to_owned()))
    }
}
