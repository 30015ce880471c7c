//! What orchestrators and Prometheus see.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::browsing::sqlite;
use crate::support::plane::issue_delivery;

const TODO: (&str, &str) = ("Todo", "unstarted");

#[tokio::test]
async fn a_process_that_answers_is_alive_and_ready() {
    let site = sqlite().await;
    for path in ["/healthz", "/readyz"] {
        let seen = site.ask(Method::GET, path, &[], "").await;
        assert_eq!((seen.status, seen.json()), (StatusCode::OK, json!({"ok": true})));
    }
}

#[tokio::test]
async fn a_queue_that_does_not_move_for_five_minutes_is_not_ready() {
    let site = sqlite().await;
    site.app.post(&issue_delivery("i1", "A", TODO, "2026-11-22T01:00:00Z")).await;
    site.app.clock.advance(Duration::from_secs(299));
    assert_eq!(site.ask(Method::GET, "/readyz", &[], "").await.status, StatusCode::OK);
    site.app.clock.advance(Duration::from_secs(1));
    let seen = site.ask(Method::GET, "/readyz", &[], "").await;
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen.json(), json!({"ok": false, "problems": ["the queue does not move"]}));
    site.app.run_jobs().await;
    assert_eq!(site.ask(Method::GET, "/readyz", &[], "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_process_without_its_database_is_alive_but_not_ready() {
    let site = sqlite().await;
    site.app.store.close().await;
    assert_eq!(site.ask(Method::GET, "/healthz", &[], "").await.status, StatusCode::OK);
    let seen = site.ask(Method::GET, "/readyz", &[], "").await;
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen.json()["problems"], json!(["the database does not answer"]));
    assert_eq!(site.get("/metrics").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn metrics_tell_the_queue_as_it_is_now() {
    let site = sqlite().await;
    site.app.post(&issue_delivery("i1", "A", TODO, "2026-11-22T01:00:00Z")).await;
    site.app.clock.advance(Duration::from_millis(1500));
    let seen = site.get("/metrics").await;
    let text = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(seen.header("content-type"), text);
    for line in
        ["jetbridge_queue_jobs_queued 1", "jetbridge_queue_oldest_due_milliseconds 1500", "# EOF"]
    {
        assert!(seen.body.lines().any(|l| l == line), "{line} in {}", seen.body);
    }
    site.app.run_jobs().await;
    assert!(site.get("/metrics").await.body.contains("jetbridge_queue_jobs_queued 0"));
}
