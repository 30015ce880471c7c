//! What a walk has found, for whoever asked for it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::drift::{DriftItem, Share, Why};
use crate::store::found::PutFound;

/// Items that are told one by one.
const MOST_TOLD: usize = 50;

/// What a walk has looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// GitHub's issues and pull requests.
    pub issues: u64,
    /// Comments on them.
    pub comments: u64,
    /// Plane's work items.
    pub items: u64,
}

/// What a walk over a repository has found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// `owner/name`.
    pub repository: String,
    /// Whether its issues are switched off at GitHub, so that only its pull requests were looked at.
    pub issues_off: bool,
    /// What it has looked at.
    pub looked_at: Tally,
    /// How many items differ, of those that were looked at or known to.
    pub differing: u64,
    /// How many of those wait for a person.
    pub waiting: u64,
    /// Items from before the repository was connected, which nobody has told of: backfill's.
    pub older: u64,
    /// Issues that filter or rules leave out of Plane, which is as it should be.
    pub left_out: u64,
    /// By reason, how often.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The first of those that differ.
    pub items: Vec<DriftItem>,
    /// Deliveries that were put in.
    pub put: u64,
    /// Plane's projects of the repository that the key does not show, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// Why nothing was counted as deleted, where too much would have been at once.
    pub held_back: Option<String>,
}

impl Report {
    pub(super) fn add(&mut self, put: PutFound) {
        self.put += put.new + put.again;
    }

    pub(super) fn of_items<'a>(&mut self, items: impl Iterator<Item = &'a DriftItem>) {
        for item in items {
            self.differing += 1;
            self.waiting += u64::from(!item.is_mendable());
            for why in &item.reasons {
                *self.reasons.entry(word(why)).or_default() += 1;
            }
            if self.items.len() < MOST_TOLD {
                self.items.push(item.clone());
            }
        }
    }

    /// Whether something differs that is to be mended by what was put in.
    pub fn is_being_mended(&self) -> bool {
        self.differing > self.waiting
    }

    /// Whether nothing differs.
    pub fn is_in_sync(&self) -> bool {
        self.differing == 0
    }

    /// The share of what was looked at that is in sync.
    pub fn share(&self) -> Share {
        let Tally { issues, items, .. } = self.looked_at;
        Share::new((issues + items).max(self.differing), self.differing)
    }
}

fn word(why: &Why) -> &'static str {
    match why {
        Why::Unknown => "not known here",
        Why::Fields { .. } => "fields differ",
        Why::Back => "deleted here, there again",
        Why::NotListed => "no longer listed",
        Why::NotShown => "no longer shown",
        Why::CommentBack { .. } => "comments deleted here, there again",
        Why::Comment { .. } => "comments differ",
        Why::CommentNotListed { .. } => "comments no longer listed",
        Why::NoTwin => "no work item in Plane",
        Why::TwinBehind { .. } => "not carried over",
        Why::CommentBehind { .. } => "comments not carried over",
        Why::Waits { .. } => "waits for a person",
    }
}
