//! Signed, and still nonsense: a clear error or an item, never a crash.

use jetbridge::config::GithubHost;
use jetbridge::failure::Failure;
use jetbridge::sources::Told;
use jetbridge::sources::github::EVENTS;
use jetbridge::sources::github::normalize::normalize;
use jetbridge::sources::github::payload::parse;
use jetbridge::work_items::Change;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{GithubDelivery, comment, issue, repository};

fn read(event: &str, body: &str) -> Result<Told, Failure> {
    normalize(&parse(&GithubHost::default(), event, body.as_bytes())?)
}

fn permanent(read: Result<Told, Failure>) -> String {
    match read {
        Err(Failure::Permanent { reason }) => reason,
        other => panic!("expected a permanent failure, got {other:?}"),
    }
}

fn whole() -> Value {
    json!({
        "action": "created", "issue": issue(7, "t", "open", "2026-11-22T01:00:00Z"),
        "comment": comment(1, "c", "2026-11-22T01:00:00Z"), "repository": repository(),
        "label": {"id": 9, "name": "bug", "color": "d73a4a"},
        "changes": {"name": {"from": "b"}, "color": {"from": "cb1f00"}}
    })
}

#[test]
fn half_a_surrogate_pair_and_nul_are_survived() {
    let body = whole().to_string().replace("\"t\"", r#""a\ud83d b\u0000""#);
    let Change::State(told) = read("issues", &body).unwrap().item else { panic!() };
    assert_eq!(told.title, "a\u{FFFD} b\u{FFFD}");
}

#[tokio::test]
async fn a_depth_bomb_is_json_like_any_other() {
    let app = TestApp::new(TestDatabase::new(Kind::Sqlite).await).await;
    let bomb = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let mut body = whole();
    body["issue"]["reactions"] = json!("BOMB");
    let body = body.to_string().replace("\"BOMB\"", &bomb);
    assert_eq!(app.post_github(&GithubDelivery::new("issues", body)).await.status, 202);
    let open = "[".repeat(1_000_000);
    assert_eq!(app.post_github(&GithubDelivery::new("issues", open)).await.status, 400);
    app.run_jobs().await;
    app.assert_queue_is_empty().await;
    for field in ["title", "state", "labels", "assignees", "id", "number", "updated_at", "user"] {
        let mut body = whole();
        body["issue"][field] = json!("BOMB");
        permanent(read("issues", &body.to_string().replace("\"BOMB\"", &bomb)));
    }
}

#[test]
fn a_field_of_another_type_is_named_with_its_place_and_never_quoted() {
    let cases = [
        ("/issue/number", json!("twelve"), "issue.number: expected a whole number"),
        ("/issue/id", json!(-1), "issue.id: expected a whole number"),
        ("/issue/title", json!(7), "issue.title: expected text"),
        ("/issue/updated_at", json!("yesterday"), "issue.updated_at: expected an RFC 3339 time"),
        ("/issue/labels", json!({"a": 1}), "issue.labels: expected a list"),
        ("/issue/labels/0", json!(7), "issue.labels[0]: expected an object"),
        ("/issue/assignees/0", json!({"id": 1}), "issue.assignees[0]: expected an account"),
        ("/issue", json!(null), "issue is missing"),
        ("/issue", json!([]), "issue: expected an object"),
        ("/comment", json!(null), "comment is missing"),
        ("/comment/body", json!(null), "comment.body is missing"),
        ("/comment/id", json!(null), "comment.id is missing"),
        ("/repository", json!(null), "repository is missing"),
        ("/repository/full_name", json!(null), "repository.full_name is missing"),
    ];
    for (place, value, expected) in cases {
        let mut body = whole();
        *body.pointer_mut(place).unwrap() = value;
        let reason = permanent(read("issue_comment", &body.to_string()));
        assert!(reason.starts_with("unreadable payload: "), "{reason}");
        assert!(reason.contains(expected), "{place}: {reason}");
    }
}

/// Replaces every value, one at a time, with one of every other type.
#[test]
fn a_wrong_type_anywhere_is_an_item_or_a_permanent_failure() {
    fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
        into.push(at.to_owned());
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(k, v)| pointers(v, &format!("{at}/{k}"), into));
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, v)| pointers(v, &format!("{at}/{i}"), into));
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    pointers(&whole(), "", &mut places);
    let huge = json!("x".repeat(100_000));
    let wrong = [
        json!(null),
        json!(true),
        json!(-1.5),
        json!(7),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!([[null, 1]]),
        huge,
    ];
    let mut failures = 0;
    for place in &places {
        for value in &wrong {
            let mut body = whole();
            *body.pointer_mut(place).unwrap() = value.clone();
            for event in EVENTS {
                if let Err(failure) = read(event, &body.to_string()) {
                    let Failure::Permanent { reason } = failure else { panic!("{failure:?}") };
                    assert!(reason.len() < 200, "{reason}");
                    failures += 1;
                }
            }
        }
    }
    assert!(failures > 100, "{failures}");
}

#[tokio::test]
async fn what_can_not_be_read_is_dead_at_once_and_says_why() {
    let app = TestApp::new(TestDatabase::new(Kind::Sqlite).await).await;
    let body = json!({"action": "opened", "repository": repository()});
    let delivery = GithubDelivery::new("issues", body.to_string());
    app.post_github(&delivery).await;
    app.run_jobs().await;
    let id = jetbridge::ids::DeliveryId::new(&delivery.id);
    let source = jetbridge::sources::Source::Github;
    let (row, _) = app.store.delivery(source, &id).await.unwrap().unwrap();
    assert_eq!(
        row.last_error.unwrap(),
        "unreadable payload: issue is missing: expected the issue as an object"
    );
    assert_eq!(app.store.queue_stats(app.clock.now()).await.unwrap().dead, 1);
}
