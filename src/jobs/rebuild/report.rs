//! What a rebuild found, in a form for people and programs.

use serde::Serialize;
use serde_json::Value;

use super::Mode;
use super::compare::Compared;
use super::derive::{Derivation, Misfiled};

/// Differences that are told in full; the others are counted.
const MOST_TOLD: usize = 1000;

/// What there is and what differs.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    #[serde(skip)]
    pub(super) mode: Option<Mode>,
    /// Items that were derived.
    pub items: u64,
    /// Comments that were derived.
    pub comments: u64,
    /// Deliveries that were read for that.
    pub deliveries: u64,
    /// Deliveries that did not take part: they wait, failed or are dead.
    pub unread: u64,
    /// Items that can't be derived wholly, since bodies of theirs were dropped: they keep what is
    /// stored.
    pub dropped: u64,
    /// Deliveries of Plane's that were read before it was kept what they were read with; they were
    /// read with the names that are known now.
    pub unrecorded: u64,
    /// How many differences there are in all.
    pub differing: u64,
    /// The first thousand of them.
    pub differences: Vec<Difference>,
    /// Items that were put right.
    pub replaced: u64,
    /// Differences that nothing can be done about.
    pub unmendable: u64,
    /// Items that could not be put right, since they changed all the time.
    pub left: u64,
}

/// One row that is not what was derived.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// Its primary key.
    pub key: String,
    /// What is wrong.
    pub kind: Kind,
    /// Which columns differ, where the row is there and should be.
    pub columns: Vec<ColumnDifference>,
    /// One line for people.
    pub why: String,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is not there.
    Missing,
    /// Nothing tells of it.
    Unknown,
    /// It says something else.
    Differs,
    /// It can't be read any more.
    Unreadable,
}

/// One value that is not what was derived.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnDifference {
    /// The column.
    pub column: String,
    /// What stands there.
    pub stored: Value,
    /// What was derived.
    pub derived: Value,
}

impl Report {
    /// Whether the tables say what was derived, now.
    pub fn is_right(&self) -> bool {
        match self.mode {
            Some(Mode::Replace) => self.unmendable == 0 && self.left == 0,
            Some(Mode::Check) | None => self.differing == 0,
        }
    }

    pub(super) fn count(&mut self, derivation: &Derivation) {
        let counts = derivation.counts();
        self.items += counts.items;
        self.comments += counts.comments;
        self.deliveries += counts.deliveries;
        self.dropped += counts.dropped;
        self.unrecorded += counts.unrecorded;
    }

    pub(super) fn add(&mut self, compared: &[Compared]) {
        for compared in compared {
            self.unmendable += u64::from(compared.is_unmendable());
            for difference in &compared.differences {
                self.tell(difference.clone());
            }
        }
    }

    pub(super) fn misfiled(&mut self, misfiled: &Misfiled) {
        if misfiled.unreadable.is_some() {
            self.unmendable += 1;
        }
        self.tell(misfiled.difference());
    }

    fn tell(&mut self, difference: Difference) {
        self.differing += 1;
        if self.differences.len() < MOST_TOLD {
            self.differences.push(difference);
        }
    }
}
