//! Deliveries: shown, and run again through the API.

use std::time::Duration;

use axum::http::StatusCode;
use jetbridge::ids::Lease;
use serde_json::json;

use crate::browsing::{Site, sqlite};
use crate::on_both_databases;
use crate::support::plane::{Delivery, issue, issue_delivery};

const TODO: (&str, &str) = ("Todo", "unstarted");

/// A delivery that no attempt can read.
fn broken(number: u32) -> Delivery {
    let body = json!({"event": "issue", "action": "updated", "data": {"id": number}});
    Delivery::new(body.to_string())
}

async fn failed(site: &Site, count: u32) -> Vec<Delivery> {
    let deliveries: Vec<_> = (0..count).map(broken).collect();
    for delivery in &deliveries {
        assert_eq!(site.app.post(delivery).await.status, StatusCode::OK);
    }
    site.app.run_jobs().await;
    deliveries
}

on_both_databases! {
    async fn a_failed_delivery_is_run_again_through_the_api(database: TestDatabase) {
        let site = Site::new(database).await;
        let id = failed(&site, 1).await[0].id.clone();
        let path = format!("/api/v1/deliveries/plane/{id}");
        let before = site.get(&path).await.json();
        assert_eq!((&before["status"], &before["attempts"]), (&json!("failed"), &json!(1)));
        assert_eq!(before["timeline"][0]["outcome"], "dead");

        let replay = site.post(&format!("{path}/replay"), "").await;
        assert_eq!(replay.status, StatusCode::ACCEPTED);
        assert_eq!(replay.json(), json!({"source": "plane", "delivery_id": id, "status": "queued"}));
        let woken = tokio::time::timeout(Duration::from_secs(1), site.state.wake.wait(jetbridge::store::jobs::Stage::Read)).await;
        assert!(woken.is_ok(), "the worker is told");

        assert_eq!(site.app.run_jobs().await, 1);
        let after = site.get(&path).await.json();
        let outcomes: Vec<_> = after["timeline"].as_array().unwrap().iter().map(|e| e["outcome"].clone()).collect();
        assert_eq!(outcomes, ["dead", "replayed", "dead"]);
        assert_eq!(after["attempts"], 2);
    }

    async fn all_failed_deliveries_are_run_again_with_one_call(database: TestDatabase) {
        let site = Site::new(database).await;
        failed(&site, 3).await;
        site.app.post(&issue_delivery("good", "A", TODO, "2026-11-22T01:00:00Z")).await;
        site.app.run_jobs().await;
        let some = site.post("/api/v1/deliveries/replay?limit=2", "").await;
        assert_eq!((some.status, some.json()), (StatusCode::ACCEPTED, json!({"queued": 2, "running": 0})));
        let rest = site.post("/api/v1/deliveries/replay", r#"{"source":"plane","limit":1000}"#).await;
        assert_eq!(rest.json(), json!({"queued": 1, "running": 0}));
        assert_eq!(site.post("/api/v1/deliveries/replay", "").await.json()["queued"], 0);
        assert_eq!(site.app.run_jobs().await, 3);
        let done = site.post("/api/v1/deliveries/replay", r#"{"status":"processed"}"#).await;
        assert_eq!(done.json()["queued"], 1);
    }

    async fn a_delivery_that_is_being_worked_on_is_left_alone(database: TestDatabase) {
        let site = Site::new(database).await;
        let delivery = issue_delivery("i1", "A", TODO, "2026-11-22T01:00:00Z");
        site.app.post(&delivery).await;
        let lease = Lease(uuid::Uuid::new_v4());
        let now = site.app.clock.now();
        assert_eq!(site.app.store.claim_jobs(jetbridge::store::jobs::Stage::Read, 9, lease, Duration::from_mins(1), now).await.unwrap().len(), 1);
        let one = site.post(&format!("/api/v1/deliveries/plane/{}/replay", delivery.id), "").await;
        assert_eq!(one.status, StatusCode::CONFLICT);
        let all = site.post("/api/v1/deliveries/replay?status=received", "").await;
        assert_eq!(all.json(), json!({"queued": 0, "running": 1}));
    }

    async fn figures_count_what_is_stored(database: TestDatabase) {
        let site = Site::new(database).await;
        assert_eq!(site.get("/api/v1/stats").await.json()["lag"], json!(null));
        failed(&site, 2).await;
        site.app.post(&issue_delivery("good", "A", TODO, "2026-11-22T01:00:00Z")).await;
        site.app.run_jobs_after(Duration::from_millis(250)).await;
        let stats = site.get("/api/v1/stats").await.json();
        let count = |status: &str| stats["deliveries"].as_array().unwrap().iter()
            .filter(|c| c["status"] == status).map(|c| c["count"].as_i64().unwrap()).sum::<i64>();
        assert_eq!((count("failed"), count("processed")), (2, 1));
        assert_eq!(stats["queue"], json!({"queued": 0, "claimed": 0, "dead": 2, "oldest_due_seconds": null}));
        assert_eq!(stats["lag"], json!({"p50_ms": 250.0, "p95_ms": 250.0, "p99_ms": 250.0, "samples": 1}));
    }
}

#[tokio::test]
async fn a_replay_of_what_is_not_there_is_404() {
    let site = sqlite().await;
    for path in ["/api/v1/deliveries/plane/nothing/replay", "/api/v1/deliveries/jira/x/replay"] {
        assert_eq!(site.post(path, "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_replays_nothing() {
    let site = sqlite().await;
    failed(&site, 1).await;
    let bad = [
        ("/api/v1/deliveries/replay", "nope"),
        ("/api/v1/deliveries/replay", "[]"),
        ("/api/v1/deliveries/replay", r#"{"state":"failed"}"#),
        ("/api/v1/deliveries/replay", r#"{"status":["failed"]}"#),
        ("/api/v1/deliveries/replay", r#"{"status":"failed","status":"received"}"#),
        ("/api/v1/deliveries/replay", r#"{"event":"a\u0000b"}"#),
        ("/api/v1/deliveries/replay", r#"{"limit":1001}"#),
        ("/api/v1/deliveries/replay?limit=0", ""),
        ("/api/v1/deliveries/replay?source=plane", r#"{"status":"failed"}"#),
        ("/api/v1/deliveries/replay?cursor=00", ""),
    ];
    for (path, body) in bad {
        assert_eq!(site.post(path, body).await.status, StatusCode::BAD_REQUEST, "{path} {body}");
    }
    let of_repository = site.post("/api/v1/deliveries/replay?repository=o/n", "").await;
    assert_eq!(of_repository.json(), json!({"queued": 0, "running": 0}));
    assert_eq!(site.app.run_jobs().await, 0);
}

#[tokio::test]
async fn a_payload_is_shown_as_it_was_sent_whatever_its_encoding() {
    let site = sqlite().await;
    let mut value = issue("i1", "A", TODO, "2026-11-22T01:00:00Z");
    value["data"]["sort_order"] = json!(1.5);
    let text = value.to_string().replace("1.5", "12345678901234567890.123456789");
    let form: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &text).finish();
    let mut as_form = Delivery::new(form);
    "application/x-www-form-urlencoded".clone_into(&mut as_form.content_type);
    for delivery in [Delivery::new(text.clone()), as_form] {
        assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
        let seen = site.get(&format!("/api/v1/deliveries/plane/{}", delivery.id)).await;
        assert!(seen.body.contains("12345678901234567890.123456789"));
        assert_eq!(seen.json()["payload"]["data"]["name"], "A");
        let hash = jetbridge::sources::BodyHash::of(&delivery.body);
        assert_eq!(seen.json()["body_sha256"], format!("{hash:?}"));
        assert!(!seen.body.contains(&delivery.signature));
    }
}
