//! What the MCP server's recorded answers mean.

use std::time::Duration;

use jetbridge::clients::github::{Fetched, Fidelity, ReadGitHub};
use jetbridge::failure::Failure;
use jetbridge::sync::github::IssueState;
use serde_json::{Value, json};

use crate::child::{Child, answer, recorded};
use crate::contract::PATIENT;
use crate::{clock, repository};

fn about(number: u64) -> Value {
    json!({"owner": "o", "repo": "r", "issue_number": number})
}

/// The client's answer to one recorded `get_issue`.
async fn told(number: u64) -> Result<Fetched, Failure> {
    let child = Child::older(&[recorded("get_issue", &about(number))]);
    let client = child.client(&clock(), PATIENT);
    client.fetch_issue(&repository("o/r"), number).await
}

#[tokio::test]
async fn recorded_refusals_end_as_the_table_says() {
    assert_eq!(told(404).await, Ok(Fetched::NotFound));
    assert_eq!(told(410).await, Ok(Fetched::Gone));
    for number in [500, 502] {
        assert!(matches!(told(number).await, Err(Failure::Retry { after: None, .. })), "{number}");
    }
    for number in [401, 4032] {
        let failed = told(number).await;
        let Err(Failure::Retry { after, reason }) = failed else { panic!("{number}: {failed:?}") };
        assert_eq!(after, Some(Duration::from_mins(10)));
        assert!(reason.contains("token") && !reason.contains("127.0.0.1"), "{reason}");
    }
    assert!(matches!(told(422).await, Err(Failure::Permanent { .. })));
    for (number, seconds) in [(403, 3601), (4031, 60), (429, 60)] {
        let failed = told(number).await;
        let Err(Failure::Quota { wait, .. }) = failed else { panic!("{number}: {failed:?}") };
        assert_eq!(wait, Duration::from_secs(seconds), "{number}");
    }
}

#[tokio::test]
async fn a_recorded_issue_that_was_moved_is_known_by_its_number() {
    let place = Fetched::MovedTo { repository: repository("o/r"), number: 9 };
    assert_eq!(told(301).await, Ok(place));
}

#[tokio::test]
async fn recorded_issues_comments_and_accounts_are_read_as_written() {
    let fractional = json!({"owner": "o", "repo": "r", "issue_number": 1.5});
    let answers = [
        recorded("get_issue", &fractional),
        recorded("get_issue_comments", &about(1)),
        recorded("get_me", &json!({})),
    ];
    let child = Child::older(&answers);
    let client = child.client(&clock(), PATIENT);
    let Fetched::Found(issue) = client.fetch_issue(&repository("o/r"), 1).await.unwrap() else {
        panic!("an issue")
    };
    let text = "line1\r\nline2 <!-- hidden --> <script>x</script> \u{200b}zero";
    assert_eq!((issue.id, issue.body.as_deref()), (1001, Some(text)));
    assert_eq!(issue.labels[0].color.as_deref(), Some("f00"));
    let comments = client.fetch_comments(&repository("o/r"), 1).await.unwrap();
    let bodies: Vec<&str> = comments.all.iter().map(|c| c.body.as_str()).collect();
    assert_eq!(bodies, ["comment 1", "comment 2"]);
    assert_eq!(comments.fidelity, Fidelity::Verbatim);
    let me = client.who_am_i().await.unwrap();
    assert_eq!((me.id, me.login.as_str()), (42, "me"));
    assert_eq!(client.missing_capabilities().await.unwrap(), Vec::<&str>::new());
}

#[tokio::test]
async fn both_shapes_of_an_error_mean_the_same() {
    let text = "failed to get issue: GET http://h/api/v3/repos/o/r/issues/1: 410 This issue was deleted []";
    let marked = json!({"content": [{"type": "text", "text": text}], "isError": true});
    let coded = json!({"code": -32603, "message": text});
    let answers = [format!("\"result\":{marked}"), format!("\"error\":{coded}")];
    let child = Child::older(&answers);
    let client = child.client(&clock(), PATIENT);
    for _ in 0..2 {
        assert_eq!(client.fetch_issue(&repository("o/r"), 1).await, Ok(Fetched::Gone));
    }
}

/// As the newer servers write it: no id, names for things, text made harmless.
fn minimal_issue() -> Value {
    json!({
        "number": 7, "title": "It&#39;s broken", "body": "a &amp; b", "state": "closed",
        "state_reason": "not_planned", "html_url": "https://github.com/o/r/issues/7",
        "user": {"login": "ada", "id": 5}, "labels": ["bug"], "assignees": ["grace"],
        "comments": 1, "created_at": "2026-11-22T10:00:00Z", "updated_at": "2026-11-22T11:00:00Z"
    })
}

#[tokio::test]
async fn a_newer_server_is_believed_in_state_and_names_alone() {
    let comment = json!([{
        "id": 3, "body": "a &amp; b", "html_url": "https://github.com/o/r/issues/7#issuecomment-3",
        "user": {"login": "ada", "id": 5}, "author_association": "NONE",
        "created_at": "2026-11-22T10:00:00Z", "updated_at": "2026-11-22T10:00:00Z"
    }]);
    let answers = [answer(&minimal_issue()), answer(&comment)];
    let child = Child::new("github-mcp-server-1.10.1.tools.json", &answers);
    let client = child.client(&clock(), PATIENT);
    assert_eq!(client.issues_are().await, Ok(Fidelity::Altered));
    let fetched = client.fetch_issue(&repository("o/r"), 7).await.unwrap();
    let Fetched::Sketched(sketch) = fetched else { panic!("a sketch, not {fetched:?}") };
    assert_eq!(sketch.state, IssueState::NotPlanned);
    assert_eq!((sketch.labels, sketch.assignees), (vec!["bug".into()], vec!["grace".into()]));
    let comments = client.fetch_comments(&repository("o/r"), 7).await.unwrap();
    assert_eq!((comments.all[0].id, comments.fidelity), (3, Fidelity::Altered));
    let asked = child.lines("asked");
    assert!(asked[0].contains(r#""method":"get""#), "{}", asked[0]);
    assert!(asked[1].contains(r#""method":"get_comments""#), "{}", asked[1]);
    assert!(asked[1].contains(r#""perPage":100"#), "{}", asked[1]);
}

#[tokio::test]
async fn a_newer_server_s_move_is_known_by_the_page_s_address() {
    let child = Child::new("github-mcp-server-1.10.1.tools.json", &[answer(&minimal_issue())]);
    let fetched = child.client(&clock(), PATIENT).fetch_issue(&repository("o/old"), 2).await;
    assert_eq!(fetched, Ok(Fetched::MovedTo { repository: repository("o/r"), number: 7 }));
}

#[tokio::test]
async fn a_server_without_a_tool_says_which_and_what_to_do() {
    let child = Child::new("server-github-npm-2025.4.8.tools.json", &[]);
    let client = child.client(&clock(), PATIENT);
    let missing = client.missing_capabilities().await.unwrap();
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert_eq!(client.issues_are().await, Ok(Fidelity::Verbatim));
    let failed = client.fetch_comments(&repository("o/r"), 1).await.unwrap_err();
    assert!(matches!(failed, Failure::Permanent { .. }));
    let text = failed.to_string();
    assert!(text.contains("get_issue_comments") && text.contains("github.token"), "{text}");
    assert_eq!(child.lines("asked"), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_answer_is_said_and_tried_again() {
    let empty = json!({"content": []});
    let answers = [answer(&json!({"odd": true})), format!("\"result\":{empty}")];
    let child = Child::older(&answers);
    let client = child.client(&clock(), PATIENT);
    for _ in 0..2 {
        let failed = client.fetch_issue(&repository("o/r"), 1).await;
        assert!(matches!(failed, Err(Failure::Retry { after: None, .. })), "{failed:?}");
    }
}
