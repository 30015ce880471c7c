//! Deliveries: shown, and run again through the API.

use std::time::Duration;

use axum::http::StatusCode;
use jetbridge::ids::Lease;
use serde_json::json;
use sqlx::Connection;

use crate::browsing::{Site, sqlite};
use crate::on_both_databases;
use crate::support::plane::{Delivery, issue, issue_delivery};

const TODO: (&str, &str) = ("Todo", "unstarted");

/// A delivery that no attempt can read.
fn broken(number: u32) -> Delivery {
    let body = json!({"event": "issue", "action": "updated", "data": {"id": number}});
    Delivery::new(body.to_string())
}

/// What retention does to a delivery of Plane's.
async fn drop_body(url: &str, id: &str) {
    const DROP: &str = "UPDATE plane_webhook_deliveries SET body = NULL WHERE delivery_id = $1";
    if let Some(path) = url.strip_prefix("sqlite://") {
        let mut connection =
            sqlx::SqliteConnection::connect(&format!("sqlite://{path}")).await.unwrap();
        sqlx::query(DROP).bind(id).execute(&mut connection).await.unwrap();
        return;
    }
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::query("SET search_path = ops").execute(&mut connection).await.unwrap();
    sqlx::query(DROP).bind(id).execute(&mut connection).await.unwrap();
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
        assert_eq!((some.status, &some.json()["queued"]), (StatusCode::ACCEPTED, &json!(2)));
        assert!(some.json()["next_cursor"].is_string(), "there is one more");
        let rest = site.post("/api/v1/deliveries/replay", r#"{"source":"plane","limit":1000}"#).await;
        assert_eq!(rest.json(), json!({"queued": 1, "running": 0, "dropped": 0}));
        assert_eq!(site.post("/api/v1/deliveries/replay", "").await.json()["queued"], 0);
        assert_eq!(site.app.run_jobs().await, 3);
        let done = site.post("/api/v1/deliveries/replay", r#"{"status":"processed"}"#).await;
        assert_eq!(done.json()["queued"], 1);
    }

    async fn a_preview_counts_what_a_replay_then_runs_and_changes_nothing(database: TestDatabase) {
        let site = Site::new(database).await;
        failed(&site, 3).await;
        site.app.post(&issue_delivery("good", "A", TODO, "2026-11-22T01:00:00Z")).await;
        site.app.run_jobs().await;
        let preview = site.post("/api/v1/deliveries/replay?preview=true", "").await;
        assert_eq!(preview.status, StatusCode::OK, "{preview:?}");
        let preview = preview.json();
        assert_eq!((&preview["queued"], &preview["running"], &preview["dropped"]), (&json!(3), &json!(0), &json!(0)));
        assert_eq!(preview["by_status"], json!([{"status": "failed", "count": 3}]));
        assert_eq!(preview["by_repository"], json!([{"source": "plane", "repository": null, "count": 3}]));
        assert_eq!(preview["samples"].as_array().unwrap().len(), 3);
        assert_eq!(site.app.run_jobs().await, 0, "nothing was queued");
        site.app.clock.advance(Duration::from_secs(1));
        failed(&site, 5).await;
        let until = preview["until"].as_str().unwrap();
        let body = json!({"until": until, "status": "failed"}).to_string();
        let done = site.post("/api/v1/deliveries/replay", &body).await.json();
        assert_eq!(done, json!({"queued": 3, "running": 0, "dropped": 0}), "what failed later is in neither");
        let all = site.post("/api/v1/deliveries/replay", r#"{"preview": true, "status": "processed"}"#).await;
        assert_eq!(all.json()["queued"], 1);
    }

    async fn a_preview_says_what_would_change_and_that_is_what_changes(database: TestDatabase) {
        let site = Site::new(database).await;
        let told = |id, title, at| issue_delivery(id, title, TODO, at);
        site.app.post(&told("a", "Before", "2026-11-22T01:00:00Z")).await;
        site.app.post(&told("b", "Stays", "2026-11-22T01:00:00Z")).await;
        site.app.run_jobs().await;
        // These wait: a new title in two steps, an old one that comes late, an item that is not
        // there yet, and one that nobody can read.
        site.app.post(&told("a", "Between", "2026-11-22T02:00:00Z")).await;
        site.app.post(&told("a", "After", "2026-11-22T03:00:00Z")).await;
        site.app.post(&told("b", "Older", "2026-11-22T00:30:00Z")).await;
        site.app.post(&told("c", "New", "2026-11-22T01:00:00Z")).await;
        site.app.post(&Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":7}}"#)).await;
        let asked = r#"{"preview": true, "status": "received"}"#;
        let forecast = site.post("/api/v1/deliveries/replay", asked).await.json()["forecast"].clone();
        let counts = ["read", "failing", "changing"].map(|name| forecast[name].as_u64().unwrap());
        assert_eq!(counts, [5, 1, 2], "{forecast}");
        assert!(forecast["known"].as_u64().unwrap() >= 1, "the late one tells nothing new: {forecast}");
        let items = forecast["items"].as_array().unwrap();
        assert_eq!((&items[0]["ref"], &items[0]["new"]), (&json!("plane:a"), &json!(false)));
        let title = items[0]["changes"].as_array().unwrap().iter().find(|c| c["field"] == "title");
        assert_eq!(title.unwrap(), &json!({"field": "title", "from": "Before", "to": "After"}));
        assert_eq!((&items[1]["ref"], &items[1]["new"]), (&json!("plane:c"), &json!(true)));

        site.app.run_jobs().await;
        for (item, title) in [("a", "After"), ("b", "Stays"), ("c", "New")] {
            let shown = site.get(&format!("/api/v1/work-items/plane:{item}")).await.json();
            assert_eq!(shown["title"], title);
        }
        let asked = r#"{"preview": true, "status": "processed"}"#;
        let forecast = site.post("/api/v1/deliveries/replay", asked).await.json()["forecast"].clone();
        assert_eq!((&forecast["changing"], &forecast["read"]), (&json!(0), &json!(6)), "{forecast}");
    }

    async fn a_replay_of_many_goes_on_where_it_was_left_off_and_meets_each_once(database: TestDatabase) {
        let site = Site::new(database).await;
        for i in 0..5 {
            let delivery = issue_delivery(&format!("i{i}"), "A", TODO, "2026-11-22T01:00:00Z");
            site.app.post(&delivery).await;
        }
        site.app.run_jobs().await;
        let (mut cursor, mut calls, mut queued) = (String::new(), 0, 0);
        loop {
            let path = format!("/api/v1/deliveries/replay?status=processed&limit=2&cursor={cursor}");
            let answer = site.post(&path, "").await.json();
            queued += answer["queued"].as_u64().unwrap();
            calls += 1;
            // What was queued is worked off before the next call: it is processed again by then.
            site.app.run_jobs().await;
            match answer["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!((queued, calls), (5, 3));
    }

    async fn what_retention_dropped_can_not_be_run_again_and_says_so(database: TestDatabase) {
        let url = database.text.clone();
        let site = Site::new(database).await;
        let deliveries = failed(&site, 2).await;
        drop_body(&url, &deliveries[0].id).await;
        let one = site.post(&format!("/api/v1/deliveries/plane/{}/replay", deliveries[0].id), "").await;
        assert_eq!(one.status, StatusCode::CONFLICT);
        assert!(one.body.contains("no longer kept"), "{one:?}");
        let preview = site.post("/api/v1/deliveries/replay?preview=true", "").await.json();
        assert_eq!((&preview["queued"], &preview["dropped"]), (&json!(1), &json!(1)));
        let all = site.post("/api/v1/deliveries/replay", "").await.json();
        assert_eq!(all, json!({"queued": 1, "running": 0, "dropped": 1}));
    }

    async fn deliveries_are_found_by_id_item_and_words_of_their_error(database: TestDatabase) {
        let site = Site::new(database).await;
        let delivery = issue_delivery("70169388-cbf7-4386-8a01-efcb5aa00b5b", "A", TODO, "2026-11-22T01:00:00Z");
        site.app.post(&delivery).await;
        failed(&site, 1).await;
        let found = async |q: &str| {
            let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", q).finish();
            let answer = site.get(&format!("/api/v1/deliveries?{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            answer.json()["items"].as_array().unwrap().iter().map(|d| d["delivery_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let item = "70169388-cbf7-4386-8a01-efcb5aa00b5b";
        for q in [&delivery.id[..8], &delivery.id, item, &format!("plane:{item}")] {
            assert_eq!(found(q).await, [delivery.id.as_str()], "{q}");
        }
        let error = site.get("/api/v1/deliveries?status=failed").await.json()["items"][0]["last_error"].as_str().unwrap().to_owned();
        assert_eq!(found(&error[2..12].to_uppercase()).await.len(), 1, "{error}");
        for nothing in ["%", "_", "\\", "nobody's", "'; DROP TABLE work_queue; --"] {
            assert!(found(nothing).await.is_empty(), "{nothing}");
        }
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
        assert_eq!(all.json(), json!({"queued": 0, "running": 1, "dropped": 0}));
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
    assert_eq!(of_repository.json(), json!({"queued": 0, "running": 0, "dropped": 0}));
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
