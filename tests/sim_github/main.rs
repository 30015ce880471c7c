//! The fake GitHub: refuses what GitHub refuses, tells what GitHub tells.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod payloads;
mod receiver;
mod rest;
mod webhooks;

use std::time::Duration;

use chrono::{DateTime, Utc};
use jetbridge::clock::Clock;
use jetbridge::sim::github::{SimGitHub, SimGitHubConfig, SimToken};

/// The token of a program that may do everything.
const TOKEN: &str = "ghp_full";

/// A fake with one repository, and its clock.
async fn github() -> (SimGitHub, Clock) {
    let start: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
    let clock = Clock::manual(start);
    let config = SimGitHubConfig {
        clock: clock.clone(),
        tokens: vec![SimToken::full(TOKEN, "jetbridge-bot")],
        hourly_requests: 100,
        webhook_limit: Duration::from_secs(5),
        ..SimGitHubConfig::default()
    };
    let sim = SimGitHub::start(config).await.unwrap();
    sim.add_repository("octo/app").unwrap();
    (sim, clock)
}
