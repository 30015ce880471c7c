//! End to end with the official GitHub MCP server: our client, the real binary, the fake GitHub.
//!
//! The binary takes no notice of a port, so the fake must listen on port 80. Where that can't be,
//! or the binary is not there, the tests say so aloud; in CI that is a failure. They share the
//! port, so they run one after the other (`.config/nextest.toml`).

use std::path::PathBuf;
use std::time::Duration;

use jetbridge::clients::github::{Fetched, Fidelity, GitHub, ReadGitHub};
use jetbridge::clients::github_mcp::GitHubMcp;
use jetbridge::clock::Clock;
use jetbridge::config::McpServer;
use jetbridge::sim::github::{NewIssue, SimGitHub};
use tokio::sync::{Mutex, MutexGuard};

use crate::contract::{self, PATIENT};
use crate::{TOKEN, clock, github, repository, rest, secret};

/// Where `./test` puts the binary's path.
const VARIABLE: &str = "JETBRIDGE_TEST_MCP_SERVER";
/// One test at a time, where they share a process.
static PORT_80: Mutex<()> = Mutex::const_new(());

struct Stage {
    binary: PathBuf,
    clock: Clock,
    sim: SimGitHub,
    _port: MutexGuard<'static, ()>,
}

/// Everything that is needed, or `None` after saying what is missing.
async fn stage(test: &str) -> Option<Stage> {
    let missing = |what: String| {
        assert!(std::env::var_os("CI").is_none(), "{test} must run in CI: {what}");
        eprintln!("NOT RUN: {test}: {what}");
    };
    let Some(binary) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        missing(format!("{VARIABLE} does not name the official GitHub MCP server: run ./test"));
        return None;
    };
    let port = PORT_80.lock().await;
    let clock = clock();
    match github("127.0.0.1:80", &clock).await {
        Ok(sim) => Some(Stage { binary, clock, sim, _port: port }),
        Err(error) => {
            missing(format!("port 80 of 127.0.0.1 can't be had ({error})"));
            None
        }
    }
}

impl Stage {
    fn client(&self, token: &str, limit: Duration) -> GitHubMcp {
        let words = vec![self.binary.display().to_string(), "stdio".to_owned()];
        let (server, api_url) = (McpServer::Command(words), self.sim.api_url());
        GitHubMcp::new(&server, &api_url, &secret(token), self.clock.clone(), limit).unwrap()
    }
}

#[tokio::test]
async fn the_official_mcp_server_keeps_the_contract() {
    let Some(stage) = stage("the_official_mcp_server_keeps_the_contract").await else { return };
    let client = |token: &str, limit| stage.client(token, limit);
    contract::hold(&stage.sim, &stage.clock, client).await;
}

#[tokio::test]
async fn the_official_mcp_server_and_rest_tell_the_same() {
    let Some(stage) = stage("the_official_mcp_server_and_rest_tell_the_same").await else { return };
    let ada = stage.sim.acting_as("ada");
    let issue = NewIssue::titled("A").with_body("<!-- b -->\r\n").with_labels(["bug"]);
    ada.open_issue("octo/app", &issue).unwrap();
    ada.comment("octo/app", 1, "c").unwrap();
    let mcp = stage.client(TOKEN, PATIENT);
    let rest = rest(&stage.sim, TOKEN, &stage.clock, PATIENT);
    assert_eq!(mcp.missing_capabilities().await.unwrap(), Vec::<&str>::new());
    assert_eq!(mcp.issues_are().await.unwrap(), Fidelity::Verbatim);
    let app = repository("octo/app");
    let told = mcp.fetch_issue(&app, 1).await.unwrap();
    let Fetched::Found(by_mcp) = told.clone() else { panic!("an issue, not {told:?}") };
    let Fetched::Found(by_rest) = rest.fetch_issue(&app, 1).await.unwrap() else {
        panic!("REST tells it, too")
    };
    assert_eq!(contract::as_told(by_mcp, &by_rest), by_rest);
    let comments = mcp.fetch_comments(&app, 1).await.unwrap();
    assert_eq!(comments, rest.fetch_comments(&app, 1).await.unwrap());
    assert_eq!(mcp.who_am_i().await.unwrap(), rest.who_am_i().await.unwrap());
    let seen = stage.sim.requests().iter().filter(|r| r.target.starts_with("/api/v3/")).count();
    assert_eq!(seen, 3, "the server asks below /api/v3");
    let both = GitHub::of(Some(mcp), Some(rest)).unwrap();
    assert_eq!(both.fetch_issue(&app, 1).await.unwrap(), told);
    both.shut_down().await;
}
