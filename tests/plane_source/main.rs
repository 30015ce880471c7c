//! Plane's webhooks from the raw request to the work item, and the names around them.

#![expect(clippy::unwrap_used, reason = "a test whose own data is broken shall panic")]

mod contract;
mod directory;
mod fixtures;
mod hostile;
mod order;
mod recorded;
