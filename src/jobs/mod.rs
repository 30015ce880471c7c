//! What is done in the background: fetch → plan → apply, each step in its place.

pub mod backfill;
pub mod directory;
pub mod duty;
pub mod process_delivery;
pub mod rebuild;
pub mod reconcile;
pub mod recover;
pub mod retention;
pub mod rule_trial;
pub mod settings;
pub mod sync_issue;
pub mod watch;
