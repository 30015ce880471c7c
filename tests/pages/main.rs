//! The pages: what a person sees of what is stored, what can be done from there, and that nothing
//! foreign becomes more than text.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod board;
mod browser;
mod deliveries;
mod everywhere;
mod follow;
mod items;
mod limits;
mod replays;
mod repositories;
mod rules;
mod site;
