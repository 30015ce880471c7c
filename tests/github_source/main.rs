//! GitHub's webhooks from the raw request to items and comments.
#![expect(clippy::unwrap_used, reason = "a test whose own data is broken shall panic")]

#[path = "../support/mod.rs"]
mod support;

mod contract;
mod endpoint;
mod hostile;
mod items;
mod order;
mod repositories;
mod served;
