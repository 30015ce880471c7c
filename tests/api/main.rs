//! The API, signing in and health, through their real routes on a real database.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod browsing;
mod health;
mod paging;
mod people;
mod problems;
mod replay;
mod repositories;
mod rules;
mod twins;
