//! `jetbridge demo`: both sides end equal whatever was played, it stays small, and the binary
//! starts, moves, and leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod binary;
mod page;
mod play;
mod sweep;
