//! What GitHub sent in vain is found, asked for, and in the inbox once, on both databases.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod app;
mod command;
mod limits;
mod lost;
mod schedule;
mod world;
