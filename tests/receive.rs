//! The contract of the webhook endpoint: what is answered, what is stored, what is refused.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use jetbridge::config::Secrets;
use jetbridge::sources::plane::verify::verify;
use jetbridge::sources::{RawDelivery, Verified};
use serde_json::json;
use sqlx::Connection;
use support::app::{TestApp, request};
use support::databases::{Kind, TestDatabase, by_hand};
use support::plane::{Delivery, SECRET, issue, issue_delivery, sign};

const TODO: (&str, &str) = ("Todo", "unstarted");

fn a_delivery() -> Delivery {
    issue_delivery("70169388-cbf7-4386-8a01-efcb5aa00b5b", "A title", TODO, "2026-11-22T01:00:00Z")
}

#[tokio::test]
async fn while_workers_are_behind_a_commit_on_postgres_waits_for_the_end_of_a_batch() {
    let app = TestApp::new(TestDatabase::new(Kind::Postgres).await).await;
    app.wake().workers_are_behind(true);
    let begun = Instant::now();
    assert_eq!(app.post(&a_delivery()).await.status, StatusCode::OK);
    assert!(begun.elapsed() >= Duration::from_millis(50), "nobody was waited for");
}

on_both_databases! {
    async fn an_accepted_delivery_is_answered_with_its_id_and_queued(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = a_delivery();
        let answer = app.post(&delivery).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json, json!({"ok": true, "delivery_id": delivery.id}));
        assert_eq!(app.run_jobs().await, 1);
        app.assert_queue_is_empty().await;
    }

    async fn a_repeated_delivery_id_is_a_duplicate_and_takes_effect_once(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = a_delivery();
        app.post(&delivery).await;
        let answer = app.post(&delivery).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json, json!({"ok": true, "duplicate": true, "delivery_id": delivery.id}));
        assert_eq!(app.run_jobs().await, 1);
    }

    async fn the_same_body_under_a_new_id_is_a_duplicate_as_planes_retries_are(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let first = a_delivery();
        app.post(&first).await;
        let retry = first.clone().with_id("b0000000-0000-4000-8000-000000000000");
        let answer = app.post(&retry).await;
        assert_eq!(answer.json["duplicate"], true);
        assert_eq!(app.run_jobs().await, 1);
    }

    async fn the_same_event_id_under_a_new_delivery_id_is_a_duplicate(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let body = |delivery: &str| json!({
            "version": "v2", "delivery_id": delivery, "event_id": "event-1", "event": "workitem.updated",
            "entity_id": "i1", "entity_type": "workitem", "data": {"id": "i1", "name": "A"},
        });
        let first = app.post(&Delivery::new(body("d1").to_string())).await;
        let second = app.post(&Delivery::new(body("d2").to_string())).await;
        assert_eq!(first.json.get("duplicate"), None);
        assert_eq!(second.json["duplicate"], true);
    }

    async fn a_known_id_with_another_body_keeps_the_first_and_is_counted(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let first = a_delivery();
        app.post(&first).await;
        let item = issue("70169388-cbf7-4386-8a01-efcb5aa00b5b", "Forged", TODO, "2026-11-22T01:30:00Z");
        let answer = app.post(&Delivery::new(item.to_string()).with_id(&first.id)).await;
        assert_eq!(answer.json["duplicate"], true);
        assert_eq!(app.metrics.conflicting_ids.get(), 1);
        let (_, body) = app.store.delivery(jetbridge::sources::Source::Plane, &jetbridge::ids::DeliveryId::new(&first.id))
            .await.unwrap().unwrap();
        assert_eq!(body.as_deref(), Some(first.body.as_slice()));
    }

    async fn many_repeats_at_once_store_one_delivery(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = a_delivery();
        let answers = futures_join(32, |_| app.post(&delivery)).await;
        let new = answers.iter().filter(|a| a.json.get("duplicate").is_none()).count();
        assert_eq!(new, 1);
        assert_eq!(app.run_jobs().await, 1);
    }

    async fn what_finds_no_room_in_a_commit_does_not_wait_for_the_next_delivery(database: TestDatabase) {
        const MOST_OF_A_COMMIT: usize = 700 * 1024;
        let app = TestApp::new(database).await;
        let long: Vec<_> = (0..2)
            .map(|place| {
                let mut body = issue(&format!("i{place}"), "long", TODO, "2026-11-22T01:00:00Z");
                body["data"]["description_html"] = "x".repeat(MOST_OF_A_COMMIT).into();
                Delivery::new(body.to_string())
            })
            .collect();
        let answers = futures_join(long.len(), |place| app.post(&long[place]));
        let answers = tokio::time::timeout(Duration::from_secs(20), answers).await.unwrap();
        assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    }

    async fn a_repeat_of_a_failed_delivery_runs_again(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let broken = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x"}}"#);
        app.post(&broken).await;
        app.run_jobs().await;
        let answer = app.post(&broken).await;
        assert_eq!(answer.json, json!({"ok": true, "duplicate": true, "requeued": true, "delivery_id": broken.id}));
        assert_eq!(app.run_jobs().await, 1);
    }

    async fn the_exact_bytes_are_kept(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let body = b"{ \"event\" : \"odd\",\t\"z\":\"\\u0000\\ud800 \\u00e9\" }\n".to_vec();
        let delivery = Delivery::new(body.clone());
        assert_eq!(app.post(&delivery).await.status, StatusCode::OK);
        let id = jetbridge::ids::DeliveryId::new(&delivery.id);
        let (_, kept) = app.store.delivery(jetbridge::sources::Source::Plane, &id).await.unwrap().unwrap();
        assert_eq!(kept, Some(body));
    }

    async fn a_form_is_taken_like_json(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let payload = issue("i-form", "From a form", TODO, "2026-11-22T01:00:00Z").to_string();
        let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload).finish();
        let mut delivery = Delivery::new(form);
        "application/x-www-form-urlencoded; charset=utf-8".clone_into(&mut delivery.content_type);
        assert_eq!(app.post(&delivery).await.status, StatusCode::OK);
        app.run_jobs().await;
        let item = app.store.work_item(&jetbridge::ids::WorkItemRef::new("plane:i-form")).await.unwrap().unwrap();
        assert_eq!(item.state.unwrap().title, "From a form");
    }
}

async fn futures_join<F, T>(count: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T>,
{
    let mut pending: Vec<_> = (0..count).map(|i| Box::pin(make(i))).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

async fn app() -> TestApp {
    TestApp::new(TestDatabase::new(support::databases::Kind::Sqlite).await).await
}

#[tokio::test]
async fn a_missing_or_wrong_signature_is_403_and_nothing_is_stored() {
    let app = app().await;
    let right = a_delivery();
    let wrong = [
        "",
        "00",
        "not hex",
        &"0".repeat(64),
        &right.signature.to_uppercase(),
        &format!("sha256={}", right.signature),
    ];
    for signature in wrong {
        let answer = app.post(&Delivery { signature: signature.to_owned(), ..right.clone() }).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{signature}");
        assert_eq!(answer.json, json!({"ok": false, "error": "invalid signature"}));
    }
    let mut without = request(&right).body(Body::from(right.body.clone())).unwrap();
    without.headers_mut().remove("x-plane-signature");
    assert_eq!(app.send(without).await.status, StatusCode::FORBIDDEN);
    assert_eq!(app.run_jobs().await, 0);
}

#[tokio::test]
async fn every_secret_of_the_list_is_accepted_while_rotating() {
    let database = TestDatabase::new(support::databases::Kind::Sqlite).await;
    let app = TestApp::with_secrets(database, &["new-secret", SECRET]).await;
    let body = issue("i", "t", TODO, "2026-11-22T01:00:00Z").to_string().into_bytes();
    let by_new = Delivery { signature: sign("new-secret", &body), ..Delivery::new(body) };
    assert_eq!(app.post(&by_new).await.status, StatusCode::OK);
    assert_eq!(app.post(&a_delivery()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_secret_the_endpoint_answers_503_and_names_the_key() {
    let database = TestDatabase::new(support::databases::Kind::Sqlite).await;
    let app = TestApp::with_secrets(database, &[]).await;
    let answer = app.post(&a_delivery()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key("retry-after"));
    assert!(answer.json["error"].as_str().unwrap().contains("plane.webhook_secret"));
}

#[tokio::test]
async fn a_missing_delivery_id_is_400_and_named() {
    let app = app().await;
    let delivery = a_delivery();
    let mut without = request(&delivery).body(Body::from(delivery.body.clone())).unwrap();
    without.headers_mut().remove("x-plane-delivery");
    let answer = app.send(without).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json, json!({"ok": false, "error": "missing X-Plane-Delivery header"}));
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400() {
    let app = app().await;
    for body in [&b""[..], b"nope", b"{", b"{\"a\":1}x", b"\xff\xfe", b"{\"a\":\"\xff\"}", b"NaN"] {
        let answer = app.post(&Delivery::new(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:?}");
        assert_eq!(answer.json, json!({"ok": false, "error": "invalid JSON"}));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whether_declared_or_not() {
    let app = app().await;
    let delivery = Delivery::new(vec![b' '; support::app::MAX_BODY + 1]);
    let declared = app.post(&delivery).await;
    let chunks = [Ok::<_, std::io::Error>(bytes::Bytes::from(delivery.body.clone()))];
    let mut streamed = request(&delivery)
        .body(Body::new(http_body_util::StreamBody::new(Chunks(chunks.into_iter()))))
        .unwrap();
    streamed.headers_mut().remove("content-length");
    let undeclared = app.send(streamed).await;
    for answer in [declared, undeclared] {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.json["ok"], false);
        assert!(answer.json["error"].as_str().unwrap().contains("max_body"));
    }
}

/// A body whose length nobody declares.
struct Chunks<I>(I);

impl<I: Iterator<Item = Result<bytes::Bytes, std::io::Error>> + Unpin> futures_core::Stream
    for Chunks<I>
{
    type Item = Result<http_body::Frame<bytes::Bytes>, std::io::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next().map(|c| c.map(http_body::Frame::data)))
    }
}

#[tokio::test]
async fn other_methods_are_405_in_json_and_a_trailing_slash_makes_no_difference() {
    let app = app().await;
    for path in ["/api/webhooks/plane", "/api/webhooks/plane/"] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = app
                .send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap())
                .await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(answer.headers["allow"], "POST");
            assert_eq!(answer.json["ok"], false);
        }
    }
    let delivery = a_delivery();
    let mut slash = request(&delivery).body(Body::from(delivery.body.clone())).unwrap();
    *slash.uri_mut() = "/api/webhooks/plane/".parse().unwrap();
    assert_eq!(app.send(slash).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_is_json_and_never_empty() {
    let app = app().await;
    let delivery = a_delivery();
    let answers = [
        app.post(&delivery).await,
        app.post(&delivery).await,
        app.post(&Delivery { signature: String::new(), ..delivery.clone() }).await,
        app.post(&Delivery::new("nope")).await,
        app.send(Request::get("/api/webhooks/plane").body(Body::empty()).unwrap()).await,
    ];
    for answer in answers {
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_ne!(answer.status, StatusCode::NO_CONTENT);
        assert!(answer.json["ok"].is_boolean());
    }
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408_and_frees_its_room() {
    let app = app().await;
    let delivery = a_delivery();
    let silent = Body::new(http_body_util::StreamBody::new(Silence));
    let answer = app.send(request(&delivery).body(silent).unwrap()).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(app.metrics.bytes_in_flight.get(), 0);
}

#[tokio::test]
async fn a_crowd_that_fills_the_room_makes_the_next_one_wait_not_fail() {
    let app = app().await;
    let (crowd, mebibyte) = (16, 1024 * 1024);
    let waiting = a_delivery();
    let answers = futures_join(crowd + 1, |i| {
        let (delivery, body) = if i < crowd {
            let silent = Body::new(http_body_util::StreamBody::new(Silence));
            (Delivery::new(vec![b' '; mebibyte]), silent)
        } else {
            (waiting.clone(), Body::from(waiting.body.clone()))
        };
        app.send(request(&delivery).body(body).unwrap())
    })
    .await;
    let with = |status| answers.iter().filter(|a| a.status == status).count();
    assert_eq!((with(StatusCode::REQUEST_TIMEOUT), with(StatusCode::OK)), (crowd, 1));
    assert_eq!(answers.last().unwrap().status, StatusCode::OK, "it was let in after the others");
    assert_eq!(app.metrics.bytes_in_flight.get(), 0);
}

struct Silence;

impl futures_core::Stream for Silence {
    type Item = Result<http_body::Frame<bytes::Bytes>, std::io::Error>;
    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn two_committers_with_the_same_deliveries_in_another_order_do_not_end_each_other() {
    let app = TestApp::new(TestDatabase::new(Kind::Postgres).await).await;
    for round in 0..20 {
        let deliveries: Vec<_> = (0..128).map(|i| verified(&format!("{round}-{i}"))).collect();
        let one: Vec<&Verified> = deliveries.iter().collect();
        let other: Vec<&Verified> = deliveries.iter().rev().collect();
        let now = app.clock.now();
        let (one, other) = tokio::join!(
            app.store.insert_deliveries(&one, now),
            app.store.insert_deliveries(&other, now)
        );
        let new = one.unwrap().len() + other.unwrap().len();
        assert_eq!(new, 128, "round {round}");
    }
}

/// A delivery of Plane's with this text in it.
fn verified(text: &str) -> Verified {
    let delivery = issue_delivery(text, text, TODO, "2026-11-22T01:00:00Z");
    let secrets = Secrets::new([SECRET.to_owned()]);
    let raw = RawDelivery {
        content_type: Some(&delivery.content_type),
        signature: Some(&delivery.signature),
        delivery_id: Some(&delivery.id),
        event: Some("issue"),
    };
    verify(&raw, delivery.body.clone().into(), &secrets).unwrap()
}

#[tokio::test]
async fn a_batch_that_the_database_ended_for_another_is_committed_row_by_row() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let text = database.text.clone();
    let app = Arc::new(TestApp::new(database).await);
    by_hand(
        &text,
        "CREATE SEQUENCE ended;
         CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF (SELECT count(*) FROM new) > 1 THEN
                 PERFORM nextval('ops.ended');
                 RAISE 'deadlock detected' USING ERRCODE = '40P01';
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER end_it AFTER INSERT ON plane_webhook_deliveries
             REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION end_it()",
    )
    .await;
    let mut posts = tokio::task::JoinSet::new();
    for i in 0..64 {
        let delivery = issue_delivery(&format!("i{i}"), "t", TODO, "2026-11-22T01:00:00Z");
        let app = Arc::clone(&app);
        posts.spawn(async move { app.post(&delivery).await.status });
    }
    let answers = posts.join_all().await;
    assert_eq!(answers, vec![StatusCode::OK; 64]);
    let mut connection = sqlx::PgConnection::connect(&text).await.unwrap();
    let ended: bool = sqlx::query_scalar("SELECT is_called FROM ops.ended")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert!(ended, "no batch had two rows");
}
