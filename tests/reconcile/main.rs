//! What was found by asking: how it enters the inbox, what both sides are compared by, and that in
//! the end they are equal, over simulated sides that lose, delete, refuse and shift.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod found;
