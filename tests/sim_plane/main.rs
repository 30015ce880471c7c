//! The simulated Plane against what a running Plane was recorded to do.

#![expect(clippy::unwrap_used, reason = "a test whose own data is broken shall panic")]

mod recording;
mod replay;
mod webhooks;
mod wire;
