//! What each repository decides for itself: which events are carried over to Plane, and how their
//! issues look there.
//!
//! A *filter* looks at one event and says whether it is a reason to bring its issue in step. *Rules*
//! look at an issue's state alone and say how it is carried over, so that any order of events ends
//! the same. Both are expressions, read and checked when the configuration is.
//!
//! Pure: no I/O, no clock. Deliberately absent: the board, which shows what GitHub says whatever the
//! rules make of it, and Plane's side (`sync/plan` holds what is wanted against it).

pub mod expression;
mod facts;
mod placing;
mod rulebook;
pub mod trial;
pub mod written;

pub use facts::{CommentFacts, FACTS, FactKind, Facts, IssueFacts, MOST_ENTRIES, MOST_TEXT, Named};
pub use placing::{Placing, all_projects, named_projects};
pub use rulebook::{Admission, Broken, Carried, Rulebook, Verdict};
pub use written::{Draft, RefusedRule, RuleConfig, RuleSet};
