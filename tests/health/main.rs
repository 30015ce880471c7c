//! The figures over time, the alarms, and what shows them, on both databases.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod alarms;
mod browser;
mod canary;
mod drift;
mod figures;
mod ops;
mod page;
mod remotes;
mod site;
