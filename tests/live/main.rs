//! The live channel: what is committed anywhere is told everywhere, in order, and nothing is missed.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod events;
mod feed;
mod order;
mod running;
mod socket;
