//! GitHub's issues kept in step with Plane, over the whole way: a simulated GitHub sends webhooks
//! to the real application, which writes to a simulated Plane.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

mod backfill;
mod behind;
mod both_ways;
mod classes;
mod comments;
mod convergence;
mod echo;
mod hosts;
mod kills;
mod labels;
mod many;
mod milestones;
mod order;
mod outages;
mod people;
mod pulls;
mod quota;
mod ruled;
mod rules;
mod sharing;
mod sub_issues;
mod world;
