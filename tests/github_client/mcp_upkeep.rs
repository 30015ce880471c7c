//! The MCP server's process: started when needed, again when gone, each time a little later.

use std::time::Duration;

use jetbridge::clients::github::{Fetched, ReadGitHub};
use jetbridge::clients::github_mcp::GitHubMcp;
use jetbridge::config::{McpServer, Secrets};
use jetbridge::failure::Failure;
use serde_json::json;

use crate::child::{Child, recorded};
use crate::contract::PATIENT;
use crate::{TOKEN, clock, repository, secret};

/// Long enough to start a shell on a busy machine.
const LIMIT: Duration = Duration::from_secs(4);

fn good() -> String {
    recorded("get_me", &json!({}))
}

#[tokio::test]
async fn nothing_is_started_before_the_first_question_and_once_for_all() {
    let child = Child::older(&[good(), good(), good()]);
    let client = child.client(&clock(), PATIENT);
    assert_eq!(child.lines("starts").len(), 0);
    let (a, b, c) = tokio::join!(client.who_am_i(), client.who_am_i(), client.who_am_i());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(child.lines("starts").len(), 1);
}

#[tokio::test]
async fn a_child_that_died_is_started_again_a_little_later_each_time() {
    let child = Child::older(&["die".into(), "die".into(), good(), "die".into(), good()]);
    let clock = clock();
    let client = child.client(&clock, PATIENT);
    for (starts, wait) in [(1, 1), (2, 2)] {
        assert!(matches!(client.who_am_i().await, Err(Failure::Retry { .. })));
        assert_eq!(child.lines("starts").len(), starts);
        let early = client.who_am_i().await.unwrap_err().to_string();
        assert!(early.contains("started again in"), "{early}");
        assert_eq!(child.lines("starts").len(), starts, "not yet");
        clock.advance(Duration::from_secs(wait));
    }
    client.who_am_i().await.unwrap();
    // An answer forgives: the next death waits as short as the first.
    assert!(client.who_am_i().await.is_err());
    clock.advance(Duration::from_secs(1));
    client.who_am_i().await.unwrap();
    assert_eq!(child.lines("starts").len(), 4);
}

#[tokio::test]
async fn a_call_that_is_never_answered_ends_in_time_and_the_next_goes_to_a_new_child() {
    let child = Child::older(&["hang".into(), good()]);
    let clock = clock();
    let client = child.client(&clock, LIMIT);
    let failed = client.who_am_i().await.unwrap_err().to_string();
    assert!(failed.contains("in time"), "{failed}");
    clock.advance(Duration::from_secs(1));
    client.who_am_i().await.unwrap();
    assert_eq!(child.lines("starts").len(), 2);
}

#[tokio::test]
async fn a_server_that_never_initializes_ends_in_time() {
    let child = Child::older(&[good()]);
    child.write("silent", "");
    let clock = clock();
    let client = child.client(&clock, LIMIT);
    let failed = client.who_am_i().await.unwrap_err();
    assert!(failed.to_string().contains("did not initialize in time"), "{failed}");
    child.remove("silent");
    clock.advance(Duration::from_secs(1));
    client.who_am_i().await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let server = McpServer::Command(vec!["/nowhere/github-mcp-server".to_owned()]);
    let none = Secrets::none();
    let client =
        GitHubMcp::new(&server, "https://api.github.com", &none, clock(), PATIENT).unwrap();
    let failed = client.who_am_i().await.unwrap_err();
    assert!(matches!(failed, Failure::Retry { .. }));
    let text = failed.to_string();
    assert!(text.contains("/nowhere/github-mcp-server") && text.contains("github.mcp.command"));
}

#[tokio::test]
async fn a_child_that_met_a_rate_limit_is_replaced_when_the_limit_is_over() {
    let limit = json!({"owner": "o", "repo": "r", "issue_number": 403});
    let child = Child::older(&[recorded("get_issue", &limit), good()]);
    let clock = clock();
    let client = child.client(&clock, PATIENT);
    let failed = client.fetch_issue(&repository("o/r"), 403).await;
    assert!(matches!(failed, Err(Failure::Quota { .. })), "{failed:?}");
    clock.advance(Duration::from_mins(30));
    let Err(Failure::Quota { wait, .. }) = client.who_am_i().await else { panic!("a quota") };
    assert_eq!(wait, Duration::from_secs(1801), "what is left of it");
    assert_eq!(child.lines("asked").len(), 1, "nobody was asked");
    clock.advance(Duration::from_mins(31));
    client.who_am_i().await.unwrap();
    assert_eq!(child.lines("starts").len(), 2);
}

#[tokio::test]
async fn a_child_gets_the_token_and_the_host_and_nothing_else_of_ours() {
    let child = Child::older(&[good()]);
    let client = child.client(&clock(), PATIENT);
    client.who_am_i().await.unwrap();
    let environment = child.lines("environment");
    assert!(environment.contains(&format!("GITHUB_PERSONAL_ACCESS_TOKEN={TOKEN}")));
    assert!(environment.contains(&"GITHUB_HOST=http://127.0.0.1".to_owned()));
    // Cargo sets these for tests; they stand for whatever else we have.
    assert!(environment.iter().all(|line| !line.starts_with("CARGO_")), "{environment:?}");
    assert!(!format!("{client:?}").contains(TOKEN));
}

#[tokio::test]
async fn shutting_down_ends_the_child() {
    let child = Child::older(&[good()]);
    let client = child.client(&clock(), PATIENT);
    client.who_am_i().await.unwrap();
    let process = child.lines("starts").remove(0);
    client.shut_down().await;
    assert!(!std::path::Path::new(&format!("/proc/{process}")).exists());
}

#[tokio::test]
async fn an_issue_that_moved_is_found_out_although_the_redirect_is_silent() {
    let moved = json!({"owner": "o", "repo": "r", "issue_number": 301});
    let child = Child::older(&[recorded("get_issue", &moved)]);
    let fetched = child.client(&clock(), PATIENT).fetch_issue(&repository("o/r"), 301).await;
    assert!(matches!(fetched, Ok(Fetched::MovedTo { number: 9, .. })), "{fetched:?}");
}

#[test]
fn an_address_that_is_none_is_refused_at_once() {
    let server = McpServer::Url("localhost:8082".to_owned());
    let made = GitHubMcp::new(&server, "https://api.github.com", &secret(TOKEN), clock(), PATIENT);
    assert!(made.unwrap_err().to_string().contains("github.mcp.url"));
}
