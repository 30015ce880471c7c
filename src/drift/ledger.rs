//! What is said of a whole repository, and which items differ.

use chrono::TimeDelta;
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
    /// When what would mend it was last put in.
    pub put_at: Option<Timestamp>,
}

impl DriftItem {
    /// Why, in one line.
    pub fn line(&self) -> String {
        line(&self.reasons)
    }

    /// When what did not mend it is put in again: after as long again as it has differed.
    pub fn again_at(&self, pauses: Pauses) -> Option<Timestamp> {
        let at = self.put_at?;
        Some(at + pauses.after(at - self.since))
    }

    /// Whether bringing it in again mends any of it.
    pub fn is_mendable(&self) -> bool {
        self.reasons.iter().any(Why::is_mendable)
    }
}

/// How long what was tried in vain is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// At least.
    pub first: TimeDelta,
    /// At most.
    pub longest: TimeDelta,
}

impl Pauses {
    /// None: it is tried as often as somebody asks for it.
    pub const NONE: Self = Self { first: TimeDelta::zero(), longest: TimeDelta::zero() };

    /// As long again as it has lasted, so that each pause is twice the one before.
    pub fn after(self, lasted: TimeDelta) -> TimeDelta {
        lasted.max(self.first).min(self.longest)
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
    /// Whether the issues were switched off at GitHub, so that pull requests alone were looked at.
    pub issues_off: bool,
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
    fn what_does_not_mend_an_item_is_put_in_after_ever_longer_pauses() {
        let minute = |n| {
            let start: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
            start + TimeDelta::minutes(n)
        };
        let pauses = Pauses { first: TimeDelta::minutes(10), longest: TimeDelta::hours(2) };
        let mut item = DriftItem {
            item: WorkItemRef::new("github:1"),
            key: None,
            reasons: vec![Why::Unknown],
            told_at: None,
            since: minute(0),
            put_at: None,
        };
        assert_eq!(item.again_at(pauses), None, "it was never put in");
        for (at, again) in
            [(0, 10), (10, 20), (20, 40), (40, 80), (80, 160), (160, 280), (280, 400)]
        {
            item.put_at = Some(minute(at));
            assert_eq!(item.again_at(pauses), Some(minute(again)), "put in at {at}");
        }
        assert_eq!(item.again_at(Pauses::NONE), item.put_at);
    }

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
