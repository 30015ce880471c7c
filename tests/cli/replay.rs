//! `deliveries replay`: one delivery, or all that match, and what that would reach.

use serde_json::{Value, json};
use sqlx::Connection;

use crate::Place;

/// Deliveries that failed for good, as `serve` leaves them: one an hour from 01:00 on, the last
/// one without its body.
async fn dead_letters(count: i64) -> Place {
    const DELIVERY: &str = "INSERT INTO plane_webhook_deliveries
        (delivery_id, event_type, status, encoding, body_sha256, body_bytes, attempts, last_error, received_at, body)
        VALUES ($1, 'issue.updated', 'failed', 'json', $2, 2, 4, 'Plane answered 502', $3, $4)";
    const JOB: &str =
        "INSERT INTO work_queue (source, delivery_id, status, attempts, available_at, finished_at)
        VALUES ('plane', $1, 'dead', 4, $2, $2)";
    let place = Place::new();
    place.run(&["migrate"]).done();
    let path = place.path().join("jetbridge-data/jetbridge.db");
    let mut database =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    for n in 1..=count {
        let (id, at) = (format!("d-{n}"), format!("2026-11-22T{n:02}:00:00.000000Z"));
        let body = (n < count).then_some(&b"{}"[..]);
        sqlx::query(DELIVERY)
            .bind(&id)
            .bind(vec![u8::try_from(n).unwrap()])
            .bind(&at)
            .bind(body)
            .execute(&mut database)
            .await
            .unwrap();
        sqlx::query(JOB).bind(&id).bind(&at).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
    place
}

/// Ids of those that wait, oldest first.
fn waiting(place: &Place) -> Vec<String> {
    let out = place.run(&["deliveries", "list", "--status", "received", "--json"]).done();
    let listing: Value = serde_json::from_str(&out).unwrap();
    let ids = listing["items"].as_array().unwrap().iter();
    let mut ids: Vec<_> =
        ids.map(|item| item["delivery_id"].as_str().unwrap().to_owned()).collect();
    ids.reverse();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_would_be_queued_and_changes_nothing() {
    let place = dead_letters(4).await;
    let said = place.run(&["deliveries", "replay", "--status", "failed", "--dry-run"]).done();
    assert!(said.starts_with("3 would be queued again\n  3 failed\n  3 of plane\n"), "{said}");
    assert!(said.contains("1 would be left alone: their bodies are no longer kept"), "{said}");
    let json_out = place.run(&["deliveries", "replay", "--source", "plane", "--dry-run", "--json"]);
    let preview: Value = serde_json::from_str(&json_out.done()).unwrap();
    assert_eq!((&preview["queued"], &preview["dropped"]), (&json!(3), &json!(1)));
    assert!(waiting(&place).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_match_are_queued_again_and_the_rest_is_left() {
    let place = dead_letters(4).await;
    let until = ["deliveries", "replay", "--status", "failed", "--until", "2026-11-22T02:30:00Z"];
    assert_eq!(place.run(&until).done(), "2 queued again\n");
    assert_eq!(waiting(&place), ["d-1", "d-2"]);
    let words = place.run(&["deliveries", "replay", "-q", "answered 502", "--json"]).done();
    let done: Value = serde_json::from_str(&words).unwrap();
    assert_eq!(done, json!({"queued": 1, "running": 0, "dropped": 1}));
    assert_eq!(waiting(&place), ["d-1", "d-2", "d-3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_queued_by_its_name_and_without_its_body_it_is_refused() {
    let place = dead_letters(2).await;
    let said = place.run(&["deliveries", "replay", "plane", "d-1"]).done();
    assert_eq!(said, "d-1 is queued again\n");
    let refused = place.run(&["deliveries", "replay", "plane", "d-2"]).refused(1);
    assert!(refused.contains("the body of d-2 is no longer kept"), "{refused}");
    let unknown = place.run(&["deliveries", "replay", "plane", "d-3"]).refused(1);
    assert!(unknown.contains("there is no delivery d-3 of plane"), "{unknown}");
    let source = place.run(&["deliveries", "replay", "jira", "d-1"]).refused(2);
    assert!(source.contains("plane|github"), "{source}");
}

#[test]
fn a_replay_of_everything_is_never_an_accident() {
    let place = Place::new();
    for arguments in [
        &["deliveries", "replay"][..],
        &["deliveries", "replay", "--dry-run"],
        &["deliveries", "replay", "plane"],
        &["deliveries", "replay", "plane", "d-1", "--status", "failed"],
    ] {
        assert_eq!(place.run(arguments).status, 2, "{arguments:?}");
    }
}
