//! How far both sides agree: what differs of one item and why, and what is said of a whole
//! repository. Pure: no I/O, no clock.
//!
//! The rule: what is known here is held against what a side says when it is asked, field by field.
//! A side that answers with an older state than is known proves nothing, since webhooks may have
//! overtaken the answer. What people did in Plane is no difference: it stays (`sync/plan`).
//!
//! Deliberately absent: asking, and mending, which is what the queue does with found deliveries.

mod compare;
mod ledger;
mod position;

pub use compare::{compare_comment, compare_item};
pub use ledger::{DriftItem, Ledger, Pauses, Share};
pub use position::{Mark, Position, UnderWay, Walk, WalkStep};

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why an item is not in sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[expect(missing_docs, reason = "the fields' names and the line that they go into say it")]
pub enum Why {
    /// A side has it and nobody told us.
    Unknown,
    /// Fields differ from what is known here.
    Fields { fields: Vec<String> },
    /// Known as deleted, and there all the same.
    Back,
    /// Known, and no longer among what its side lists.
    NotListed,
    /// Known and no longer shown, and nothing says that it was deleted.
    NotShown,
    /// A comment differs from what is known here, or is not known.
    Comment { comment: u64 },
    /// A comment counts as deleted here, and is there as it was.
    CommentBack { comment: u64 },
    /// A comment is no longer among what GitHub lists.
    CommentNotListed { comment: u64 },
    /// The issue has no work item in Plane yet.
    NoTwin,
    /// What GitHub says was not carried over.
    TwinBehind { writes: Vec<String> },
    /// A comment was not carried over.
    CommentBehind { comment: u64 },
    /// Carrying over waits for a person.
    Waits { why: String },
}

impl Why {
    /// Whether bringing it in again mends it; what waits for a person is only told.
    pub fn is_mendable(&self) -> bool {
        match self {
            Self::Back | Self::NotShown | Self::CommentBack { .. } | Self::Waits { .. } => false,
            Self::Unknown
            | Self::Fields { .. }
            | Self::NotListed
            | Self::Comment { .. }
            | Self::CommentNotListed { .. }
            | Self::NoTwin
            | Self::TwinBehind { .. }
            | Self::CommentBehind { .. } => true,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("is not known here"),
            Self::Fields { fields } => write!(f, "{} differ here", fields.join(", ")),
            Self::Back => f.write_str("counts as deleted here, and is there again"),
            Self::NotListed => f.write_str("is no longer listed"),
            Self::NotShown => f.write_str(
                "is no longer shown, and nothing says that it was deleted: jetbridge reconcile --full --missing-is-deleted takes it for that",
            ),
            Self::CommentBack { comment } => {
                write!(f, "comment {comment} counts as deleted here, and is there again")
            }
            Self::Comment { comment } => write!(f, "comment {comment} differs here"),
            Self::CommentNotListed { comment } => {
                write!(f, "comment {comment} is no longer listed")
            }
            Self::NoTwin => f.write_str("has no work item in Plane"),
            Self::TwinBehind { writes } => write!(f, "not carried over: {}", writes.join("; ")),
            Self::CommentBehind { comment } => {
                write!(f, "comment {comment} is not carried over")
            }
            Self::Waits { why } => f.write_str(why),
        }
    }
}

/// Reasons in one line.
pub fn line(reasons: &[Why]) -> String {
    reasons.iter().map(Why::to_string).collect::<Vec<_>>().join("; ")
}
