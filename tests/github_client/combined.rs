//! MCP for what it does faithfully, REST for the rest.

use std::time::Duration;

use jetbridge::clients::github::{Fetched, Fidelity, GitHub, IssueSketch, ReadGitHub};
use jetbridge::config::{GithubConfig, McpServer, Secrets, UnknownRepositories, UnsignedWebhooks};
use jetbridge::failure::Failure;
use jetbridge::sim::github::{NewIssue, SimGitHub};
use jetbridge::sync::github::IssueState;
use serde_json::json;

use crate::child::{Child, recorded};
use crate::contract::PATIENT;
use crate::{TOKEN, any_github, clock, repository, rest, secret};

/// A fake with an issue and a comment, and what REST would tell of them.
async fn filled() -> (SimGitHub, jetbridge::clock::Clock) {
    let clock = clock();
    let sim = any_github(&clock).await;
    let ada = sim.acting_as("ada");
    ada.open_issue("octo/app", &NewIssue::titled("A").with_body("a & b")).unwrap();
    ada.comment("octo/app", 1, "c & d").unwrap();
    (sim, clock)
}

#[tokio::test]
async fn a_faithful_server_is_asked_instead_of_rest() {
    let (sim, clock) = filled().await;
    let about = json!({"owner": "o", "repo": "r", "issue_number": 410});
    let child = Child::older(&[recorded("get_issue", &about)]);
    let mcp = child.client(&clock, PATIENT);
    let github = GitHub::of(Some(mcp), Some(rest(&sim, TOKEN, &clock, PATIENT))).unwrap();
    assert_eq!(github.fetch_issue(&repository("octo/app"), 1).await, Ok(Fetched::Gone));
    assert_eq!(sim.requests(), []);
}

#[tokio::test]
async fn an_altering_server_is_not_even_asked_where_rest_is() {
    let (sim, clock) = filled().await;
    let child = Child::new("github-mcp-server-1.10.1.tools.json", &[]);
    let mcp = child.client(&clock, PATIENT);
    let github = GitHub::of(Some(mcp), Some(rest(&sim, TOKEN, &clock, PATIENT))).unwrap();
    let fetched = github.fetch_issue(&repository("octo/app"), 1).await.unwrap();
    assert!(matches!(fetched, Fetched::Found(issue) if issue.body.as_deref() == Some("a & b")));
    let comments = github.fetch_comments(&repository("octo/app"), 1).await.unwrap();
    assert_eq!((comments.all[0].body.as_str(), comments.fidelity), ("c & d", Fidelity::Verbatim));
    assert_eq!(child.lines("asked"), Vec::<String>::new());
}

#[tokio::test]
async fn rest_makes_good_what_the_server_can_t_do_and_when_it_dies() {
    let (sim, clock) = filled().await;
    let child = Child::new("server-github-npm-2025.4.8.tools.json", &["die".to_owned()]);
    let mcp = child.client(&clock, PATIENT);
    let github = GitHub::of(Some(mcp), Some(rest(&sim, TOKEN, &clock, PATIENT))).unwrap();
    let comments = github.fetch_comments(&repository("octo/app"), 1).await.unwrap();
    assert_eq!(comments.all.len(), 1);
    let fetched = github.fetch_issue(&repository("octo/app"), 1).await.unwrap();
    assert!(matches!(fetched, Fetched::Found(_)));
    assert_eq!(child.lines("asked").len(), 1);
    assert_eq!(github.who_am_i().await.unwrap().login, "jetbridge-bot");
}

#[tokio::test]
async fn a_used_up_quota_is_not_asked_for_again_over_rest() {
    let (sim, clock) = filled().await;
    let about = json!({"owner": "o", "repo": "r", "issue_number": 403});
    let child = Child::older(&[recorded("get_issue", &about)]);
    let mcp = child.client(&clock, PATIENT);
    let github = GitHub::of(Some(mcp), Some(rest(&sim, TOKEN, &clock, PATIENT))).unwrap();
    let failed = github.fetch_issue(&repository("octo/app"), 1).await;
    assert!(matches!(failed, Err(Failure::Quota { .. })), "{failed:?}");
    assert_eq!(sim.requests(), [], "it is the same token's");
}

fn config(token: Secrets, mcp: Option<McpServer>) -> GithubConfig {
    GithubConfig {
        webhook_secret: Secrets::none(),
        unsigned: UnsignedWebhooks::default(),
        api_url: "https://api.github.com".to_owned(),
        token,
        app_id: None,
        app_private_key: Secrets::none(),
        mcp,
        hosts: Vec::new(),
        unknown_repositories: UnknownRepositories::default(),
    }
}

#[test]
fn what_is_configured_decides_who_is_asked() {
    let made = |token, mcp| GitHub::new(&config(token, mcp), &clock(), PATIENT).unwrap();
    assert!(made(Secrets::none(), None).is_none());
    assert!(made(secret(TOKEN), None).unwrap().mcp().is_none());
    let server = McpServer::Command(vec!["github-mcp-server".to_owned(), "stdio".to_owned()]);
    let only_mcp = made(Secrets::none(), Some(server.clone())).unwrap();
    assert!(only_mcp.rests().next().is_none());
    let both = made(secret(TOKEN), Some(server)).unwrap();
    assert!(both.rests().next().is_some() && both.mcp().is_some());
    assert!(!format!("{both:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_sketch_changes_the_state_of_what_is_older_and_nothing_else() {
    let (sim, _) = filled().await;
    let known = sim.issues("octo/app").unwrap().remove(0);
    let sketch = IssueSketch {
        number: 1,
        state: IssueState::Completed,
        labels: Vec::new(),
        assignees: Vec::new(),
        updated_at: known.updated_at + Duration::from_secs(1),
    };
    let over = sketch.over(known.clone());
    assert_eq!(over.state, IssueState::Completed);
    assert_eq!((&over.body, over.updated_at), (&known.body, known.updated_at));
    let older = IssueSketch { updated_at: known.updated_at, ..sketch };
    assert_eq!(older.over(known.clone()), known);
}
