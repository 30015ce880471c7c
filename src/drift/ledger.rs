//! What is said of a whole repository, and which items differ.

use serde::{Deserialize, Serialize};

use super::{Why, line};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;

/// One item that is not in sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftItem {
    /// Which.
    pub item: WorkItemRef,
    /// What people call it, where that is known.
    pub key: Option<String>,
    /// Why.
    pub reasons: Vec<Why>,
    /// The time of the state that its side told.
    pub told_at: Option<Timestamp>,
    /// Since when it is known to differ.
    pub since: Timestamp,
}

impl DriftItem {
    /// Why, in one line.
    pub fn line(&self) -> String {
        line(&self.reasons)
    }

    /// Whether bringing it in again mends any of it.
    pub fn is_mendable(&self) -> bool {
        self.reasons.iter().any(Why::is_mendable)
    }
}

/// How a repository stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// `owner/name`.
    pub repository: String,
    /// Items on both sides that were compared.
    pub compared: u64,
    /// Of those, items that differ.
    pub differing: u64,
    /// When that was found out; `None` where nobody has looked yet.
    pub proven_at: Option<Timestamp>,
    /// When all of both sides was last looked at.
    pub full_at: Option<Timestamp>,
    /// Why the last look did not come to its end.
    pub last_error: Option<String>,
}

impl Ledger {
    /// The share that is in sync.
    pub fn share(&self) -> Share {
        Share { of: self.compared, differing: self.differing }
    }
}

/// How many of some items are in sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    of: u64,
    differing: u64,
}

impl Share {
    /// Of `of` items `differing` are not in sync.
    pub fn new(of: u64, differing: u64) -> Self {
        Self { of, differing }
    }

    /// From 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share for people and graphs")]
    pub fn ratio(self) -> f64 {
        if self.of == 0 {
            return if self.differing == 0 { 1.0 } else { 0.0 };
        }
        1.0 - self.differing.min(self.of) as f64 / self.of as f64
    }

    /// `99.98 %`: never 100 while anything differs.
    pub fn per_cent(self) -> String {
        if self.differing == 0 {
            return "100 %".to_owned();
        }
        let hundredths = u128::from(self.of - self.differing.min(self.of)) * 10_000;
        let hundredths = hundredths / u128::from(self.of.max(1));
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_100_only_while_nothing_differs() {
        assert_eq!(Share::new(10_000, 2).per_cent(), "99.98 %");
        assert_eq!(Share::new(1_000_000, 1).per_cent(), "99.99 %");
        assert_eq!(Share::new(3, 0).per_cent(), "100 %");
        assert_eq!(Share::new(0, 0).per_cent(), "100 %");
        assert_eq!(Share::new(0, 1).per_cent(), "0.00 %");
        assert!((Share::new(4, 1).ratio() - 0.75).abs() < f64::EPSILON);
        assert!(Share::new(0, 1).ratio() < f64::EPSILON);
    }
}
