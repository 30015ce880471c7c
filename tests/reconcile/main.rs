//! What was found by asking: how it enters the inbox, what both sides are compared by, and that in
//! the end they are equal, over simulated sides that lose, delete, refuse and shift.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../sync/world.rs"]
#[expect(dead_code, reason = "the world of the sync's tests, of which a part is used here")]
mod world;

mod both_ways;
mod command;
mod deletions;
mod found;
mod ground;
mod joint;
mod ledger;
mod left_out;
mod long;
mod many;
mod proof;
mod pulls;
