//! The WebSocket for programs.

use std::time::Duration;

use serde_json::json;

use super::running::{COOKIE, Running, TOKEN};
use crate::on_both_databases;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::process::eventually;

on_both_databases! {
    async fn a_program_is_told_of_each_change_and_resumes_where_it_was(database: TestDatabase) {
        let app = Running::start(&database).await;
        let mut socket = app.socket("").await;
        let hello = socket.message().await;
        assert_eq!(hello, json!({"revision": app.newest().await, "type": "hello"}));
        app.change(1).await;
        let first = socket.message().await;
        assert_eq!(first["type"], "work_item.changed");
        assert!([json!("github:1"), json!("plane:1")].contains(&first["ref"]), "{first}");
        let last = app.newest().await;
        if first["revision"] != last {
            while socket.message().await["revision"] != last {}
        }
        drop(socket);

        app.change(2).await;
        app.change(3).await;
        let mut again = app.socket(&format!("?since={last}")).await;
        assert_eq!(again.message().await["revision"], last);
        let mut missed = Vec::new();
        let newest = app.newest().await;
        loop {
            let message = again.message().await;
            missed.push(message["ref"].as_str().unwrap().to_owned());
            if message["revision"] == newest {
                break;
            }
        }
        missed.sort_unstable();
        assert_eq!(missed, ["github:2", "github:3", "plane:2", "plane:3"]);
        app.stop().await;
    }

    async fn a_stop_closes_every_socket_and_is_quick(database: TestDatabase) {
        let app = Running::start(&database).await;
        app.let_in().await;
        let mut sockets = Vec::new();
        for _ in 0..20 {
            let mut socket = app.socket("").await;
            socket.message().await;
            sockets.push(socket);
        }
        let mut events = app.events("", None).await;
        events.until("hello").await;
        let took = app.stop().await;
        assert!(took < Duration::from_secs(4), "{took:?}");
        for socket in &mut sockets {
            assert_eq!(socket.close_code().await, Some(1001));
        }
        assert_eq!(events.next().await, None, "the stream ends as well");
    }
}

#[tokio::test]
async fn a_change_through_one_process_arrives_at_another_by_itself() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let (one, other) = (Running::start(&database).await, Running::start(&database).await);
    one.let_in().await;
    let mut socket = other.socket("").await;
    let mut events = other.events("", None).await;
    socket.message().await;
    events.until("hello").await;
    for issue in 1..=5 {
        // How soon is measured by the benchmark of the board.
        one.change(issue).await;
        socket.until(&format!("plane:{issue}")).await;
        while !events.until("work-items").await.data.contains(&format!("plane:{issue}")) {}
    }
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn what_can_not_be_resumed_or_read_is_refused_with_the_reason() {
    let app = Running::alone().await;
    app.change(1).await;
    let newest = app.newest().await;
    let bearer = format!("Bearer {TOKEN}");
    let ask = async |query: &str, headers: &[(&'static str, &str)]| {
        app.socket_with(query, headers).await.err().expect("a refusal")
    };
    let token: [(&str, &str); 1] = [("authorization", &bearer)];
    for bad in ["?since=yesterday", "?since=-1", "?since=1.5", "?after=1"] {
        let (status, problem) = ask(bad, &token).await;
        assert_eq!(status, 400, "{bad}: {problem}");
    }
    let (status, problem) = ask(&format!("?since={}", newest + 1), &token).await;
    assert_eq!((status, &problem["parameter"]), (409, &json!("since")));
    assert!(problem["detail"].as_str().unwrap().contains(&newest.to_string()), "{problem}");
    assert_eq!(ask("", &[]).await.0, 401);
    assert_eq!(ask("", &[("authorization", "Bearer wrong")]).await.0, 401);
    app.stop().await;
}

#[tokio::test]
async fn a_foreign_page_can_not_use_the_cookie_of_ours() {
    let app = Running::alone().await;
    app.let_in().await;
    let own = format!("http://127.0.0.1:{}", app.port);
    for foreign in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let refused = app.socket_with("", &[("cookie", COOKIE), foreign]).await;
        assert_eq!(refused.err().map(|(status, _)| status), Some(403), "{foreign:?}");
    }
    assert!(app.socket_with("", &[("cookie", COOKIE)]).await.is_err(), "nobody says where from");
    let mut ours = app.socket_with("", &[("cookie", COOKIE), ("origin", &own)]).await.ok().unwrap();
    assert_eq!(ours.message().await["type"], "hello");
    app.stop().await;
}

#[tokio::test]
async fn live_connections_and_their_messages_are_counted() {
    let app = Running::alone().await;
    app.let_in().await;
    let mut socket = app.socket("").await;
    socket.message().await;
    let mut events = app.events("", None).await;
    events.until("hello").await;
    let figures = app.live_figures().await;
    for expected in [
        "jetbridge_live_connections{kind=\"websocket\"} 1",
        "jetbridge_live_connections{kind=\"events\"} 1",
        "jetbridge_live_messages_total{kind=\"websocket\"} 1",
    ] {
        assert!(figures.iter().any(|line| line == expected), "{expected} in {figures:?}");
    }
    drop((socket, events));
    eventually("both are gone", || async {
        let figures = app.live_figures().await;
        figures.iter().filter(|line| line.contains("connections")).all(|line| line.ends_with(" 0"))
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn what_a_program_says_is_dropped_and_too_much_of_it_ends_the_talk() {
    let app = Running::alone().await;
    let mut socket = app.socket("").await;
    socket.message().await;
    socket.say("hello yourself".to_owned()).await;
    app.change(1).await;
    socket.until("plane:1").await;
    socket.say("x".repeat(100_000)).await;
    socket.close_code().await;
    app.stop().await;
}

#[tokio::test]
async fn a_revoked_token_closes_its_sockets_at_once_and_no_others() {
    let app = Running::alone().await;
    let admin = format!("Authorization: Bearer {TOKEN}");
    let wanted = r#"{"name": "a wall", "scope": "viewer"}"#;
    let made = app.ask("POST", "/api/v1/tokens", &admin, wanted).await;
    let made: serde_json::Value =
        serde_json::from_str(made.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let mut walls = app.socket_with("", &[("authorization", &bearer)]).await.ok().unwrap();
    let mut ours = app.socket("").await;
    walls.message().await;
    ours.message().await;
    let revoked = app.ask("DELETE", &format!("/api/v1/tokens/{}", made["id"]), &admin, "").await;
    assert!(revoked.starts_with("HTTP/1.1 204"), "{revoked}");
    assert_eq!(walls.close_code().await, Some(4401));
    app.change(1).await;
    ours.until("plane:1").await;
    app.stop().await;
}
