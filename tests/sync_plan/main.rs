//! What is written to Plane and what never is: the rules one by one, and as properties over any
//! course of changes on both sides.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod comments;
mod examples;
mod labels;
mod mapping;
mod model;
mod people;
mod priorities;
mod properties;
mod ruled;
mod rules;
mod settling;
