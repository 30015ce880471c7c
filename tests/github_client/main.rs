//! Reading GitHub: REST and MCP by one contract, each one's own traps, and both together.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod child;
mod combined;
mod contract;
mod linked;
mod mcp_answers;
mod mcp_http;
mod mcp_upkeep;
mod official_server;
mod rest;
mod writing;

use std::time::Duration;

use jetbridge::clients::github_rest::GitHubRest;
use jetbridge::clock::Clock;
use jetbridge::config::{RepositoryName, Secrets};
use jetbridge::sim::github::{Access, SimGitHub, SimGitHubConfig, SimToken};

/// The token of a program that may read everything.
const TOKEN: &str = "ghp_0123456789abcdef";
/// One that may read nothing.
const POWERLESS: &str = "ghp_powerless";

fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

fn secret(text: &str) -> Secrets {
    Secrets::new([text.to_owned()])
}

/// A clock that stands at the present moment: a child process has the system's.
fn clock() -> Clock {
    Clock::manual(Clock::System.now())
}

/// A fake GitHub with `octo/app` in it.
async fn github(listen: &str, clock: &Clock) -> std::io::Result<SimGitHub> {
    let powerless = SimToken {
        issues: Access::None,
        pull_requests: Access::None,
        ..SimToken::full(POWERLESS, "nobody")
    };
    let sim = SimGitHub::start(SimGitHubConfig {
        listen: listen.parse().unwrap(),
        clock: clock.clone(),
        tokens: vec![SimToken::full(TOKEN, "jetbridge-bot"), powerless],
        ..SimGitHubConfig::default()
    })
    .await?;
    sim.add_repository("octo/app").unwrap();
    Ok(sim)
}

/// One with a port of its own.
async fn any_github(clock: &Clock) -> SimGitHub {
    github("127.0.0.1:0", clock).await.unwrap()
}

fn rest(sim: &SimGitHub, token: &str, clock: &Clock, limit: Duration) -> GitHubRest {
    GitHubRest::new(&sim.api_url(), &secret(token), clock.clone(), limit).unwrap().unwrap()
}
