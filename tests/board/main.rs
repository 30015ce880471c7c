//! The board: what a card is, how it stands, how the page is narrowed, and that it costs the same
//! however much there is. Each rule on both databases.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod narrowing;
mod pulls;
mod site;
mod standing;
mod twins;
mod views;
