//! The stream of events for pages.

use serde_json::{Value, json};

use super::running::{COOKIE, Running};
use crate::on_both_databases;

on_both_databases! {
    async fn a_page_resumes_with_the_last_event_that_it_has_seen(database: TestDatabase) {
        let app = Running::start(&database).await;
        app.let_in().await;
        let mut events = app.events("", None).await;
        assert!(events.head.iter().any(|line| line.contains("text/event-stream")), "{:?}", events.head);
        assert_eq!(events.until("hello").await.id, app.newest().await.to_string());
        app.change(1).await;
        let mut told = events.until("work-items").await;
        while told.id != app.newest().await.to_string() {
            told = events.until("work-items").await;
        }
        drop(events);

        app.change(2).await;
        let mut again = app.events("?since=0", Some(&told.id)).await;
        assert_eq!(again.until("hello").await.id, told.id, "what the browser says is newer");
        let missed = again.until("work-items").await;
        assert_eq!(missed.id, app.newest().await.to_string());
        let data: Value = serde_json::from_str(&missed.data).unwrap();
        assert_eq!(data, json!({"refs": ["github:2", "plane:2"], "more": false}));
        app.stop().await;
    }
}

#[tokio::test]
async fn a_burst_is_few_events_and_of_very_many_items_only_some_are_named() {
    let app = Running::alone().await;
    app.let_in().await;
    for issue in 0..150 {
        app.change(issue).await;
    }
    let mut events = app.events("?since=0", None).await;
    events.until("hello").await;
    let all = events.until("work-items").await;
    let data: Value = serde_json::from_str(&all.data).unwrap();
    assert_eq!((data["refs"].as_array().unwrap().len(), &data["more"]), (200, &json!(true)));
    assert_eq!(all.id, app.newest().await.to_string());
    app.stop().await;
}

#[tokio::test]
async fn a_page_that_can_not_resume_is_told_to_begin_anew() {
    let app = Running::alone().await;
    app.let_in().await;
    app.change(1).await;
    let newest = app.newest().await.to_string();
    for strange in ["999999", "-3", "yesterday", "9999999999999999999999"] {
        let first = app.events("", Some(strange)).await.next().await.unwrap();
        assert_eq!((first.name.as_str(), &first.id), ("reset", &newest), "{strange}");
    }
    app.stop().await;
}

#[tokio::test]
async fn without_a_session_there_is_no_stream() {
    let app = Running::alone().await;
    let events = app.events("", None).await;
    assert!(
        events.head.iter().any(|line| line.starts_with("location: /login")),
        "{:?}",
        events.head
    );
    app.let_in().await;
    let mut open = app.events("", None).await;
    open.until("hello").await;
    app.stop().await;
    assert_eq!(events.rest().await, "");
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let app = Running::alone().await;
    app.let_in().await;
    let mut open = app.events("", None).await;
    open.until("hello").await;
    let left = app.ask("POST", "/logout", &format!("Cookie: {COOKIE}"), "").await;
    assert!(left.starts_with("HTTP/1.1 303"), "{left}");
    assert_eq!(open.next().await, None);
    app.stop().await;
}
