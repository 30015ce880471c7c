//! What the real process survives: `kill -9`, SIGTERM, a database that goes away, and clients
//! that send nonsense, too much, or nothing more.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::ids::{DeliveryId, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::Store;
use jetbridge::store::deliveries::DeliveryStatus;
use jetbridge::timeline::EntryOutcome;
use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, issue_delivery};
use support::postgres::Cluster;
use support::process::{Served, eventually, head};

const TODO: (&str, &str) = ("Todo", "unstarted");
const SENDERS: usize = 16;
const ACCEPTED_BEFORE_A_KILL: usize = 150;

on_both_databases! {
    async fn killed_under_load_it_has_every_accepted_delivery_and_applies_each_once(database: TestDatabase) {
        let mut accepted = HashSet::new();
        for _ in 0..4 {
            let served = Served::start(&database.text, database.folder.path(), &[]);
            accepted.extend(post_until_killed(served).await);
        }
        let _served = Served::start(&database.text, database.folder.path(), &[]);
        let store = Store::open(&database.url).await.unwrap();
        worked_off(&store).await;
        for id in &accepted {
            let (delivery, _) = store.delivery(Source::Plane, &DeliveryId::new(id)).await.unwrap().expect("it was accepted");
            assert_eq!(delivery.status, DeliveryStatus::Processed);
            let entries = store.delivery_timeline(Source::Plane, &DeliveryId::new(id)).await.unwrap();
            let outcomes: Vec<_> = entries.iter().map(|e| e.outcome).collect();
            assert_eq!(outcomes, [EntryOutcome::Applied], "{id}");
            assert!(store.work_item(&WorkItemRef::new(format!("plane:{id}"))).await.unwrap().is_some());
        }
        println!("accepted {}, lost 0, doubled 0", accepted.len());
        assert!(accepted.len() >= 4 * ACCEPTED_BEFORE_A_KILL);
    }

    async fn sigterm_answers_what_was_sent_and_ends_within_ten_seconds(database: TestDatabase) {
        let served = Served::start(&database.text, database.folder.path(), &[]);
        let mut client = served.connect().await;
        for i in 0..20 {
            let delivery = issue_delivery(&format!("i{i}"), "t", TODO, "2026-11-22T01:00:00Z");
            assert_eq!(client.post(&delivery).await.expect("an answer").status, 200);
        }
        let (status, took) = served.terminate();
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_secs(10), "{took:?}");
        let store = Store::open(&database.url).await.unwrap();
        let queue = store.queue_stats(Clock::System.now()).await.unwrap();
        assert_eq!(queue.claimed, 0, "no lease outlives an orderly end");
    }
}

/// Posts from many connections until the kill; returns the ids that were answered 200. Each is
/// its own item's id too.
async fn post_until_killed(served: Served) -> Vec<String> {
    let answered = Arc::new(AtomicUsize::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        let (mut client, answered) = (served.connect().await, Arc::clone(&answered));
        senders.spawn(async move {
            let mut ids = Vec::new();
            loop {
                let id = uuid::Uuid::new_v4().to_string();
                let delivery = issue_delivery(&id, "t", TODO, "2026-11-22T01:00:00Z").with_id(&id);
                match client.post(&delivery).await {
                    Some(response) if response.status == 200 => ids.push(id),
                    Some(response) => panic!("{response:?}"),
                    None => return ids,
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    eventually("enough deliveries", || {
        let enough = answered.load(Ordering::Relaxed) >= ACCEPTED_BEFORE_A_KILL;
        async move { enough }
    })
    .await;
    served.kill();
    senders.join_all().await.into_iter().flatten().collect()
}

async fn worked_off(store: &Store) {
    eventually("working everything off", || async {
        let queue = store.queue_stats(Clock::System.now()).await.unwrap();
        queue.queued + queue.claimed == 0
    })
    .await;
}

#[tokio::test]
async fn without_its_database_and_without_a_spool_it_answers_503_and_recovers_by_itself() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let without = [("JETBRIDGE_SPOOL_MAX_BYTES", "0")];
    let served = Served::start_with(&cluster.new_database(), folder.path(), &[], &without);
    let mut client = served.connect().await;
    let post = |n: u8| issue_delivery(&format!("i{n}"), "t", TODO, "2026-11-22T01:00:00Z");
    assert_eq!(client.post(&post(1)).await.unwrap().status, 200);
    cluster.stop();
    let refused = client.post(&post(2)).await.unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert!(refused.body.contains("\"ok\":false"), "{}", refused.body);
    cluster.restart();
    let mut number = 3;
    eventually("being accepted again", || {
        number += 1;
        let delivery = post(number);
        let connecting = served.connect();
        async move { connecting.await.post(&delivery).await.is_some_and(|r| r.status == 200) }
    })
    .await;
}

async fn sqlite() -> (TestDatabase, Served) {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = Served::start(&database.text, database.folder.path(), &[]);
    (database, served)
}

async fn still_takes_deliveries(served: &Served) {
    let delivery =
        issue_delivery(&uuid::Uuid::new_v4().to_string(), "t", TODO, "2026-11-22T01:00:00Z");
    assert_eq!(served.connect().await.post(&delivery).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_stored_and_harms_nobody() {
    let (_database, served) = sqlite().await;
    let delivery = issue_delivery("cut", "t", TODO, "2026-11-22T01:00:00Z");
    let mut client = served.connect().await;
    let text = format!("{}\r\n{{\"event\":", head(&delivery, delivery.body.len()));
    let writing = async {
        let answer = client.send(text.as_bytes());
        tokio::time::timeout(Duration::from_millis(200), answer).await
    };
    assert!(writing.await.is_err(), "no answer before the body is whole");
    drop(client);
    still_takes_deliveries(&served).await;
}

#[tokio::test]
async fn too_many_headers_are_refused_in_json() {
    let (_database, served) = sqlite().await;
    let delivery = issue_delivery("i", "t", TODO, "2026-11-22T01:00:00Z");
    let mut text = head(&delivery, 0);
    for i in 0..200 {
        text += &format!("X-Filler-{i}: {i}\r\n");
    }
    let response = served.connect().await.send(format!("{text}\r\n").as_bytes()).await.unwrap();
    assert_eq!(response.status, 431);
    assert!(response.body.contains("\"ok\":false"));
    still_takes_deliveries(&served).await;
}

#[tokio::test]
async fn twenty_six_mebibytes_are_refused_without_being_read() {
    let (_database, served) = sqlite().await;
    still_takes_deliveries(&served).await;
    let before = served.memory_kib();
    for _ in 0..8 {
        let response = served
            .connect()
            .await
            .send(format!("{}\r\n", head(&Delivery::new("x"), 26 << 20)).as_bytes())
            .await
            .unwrap();
        assert_eq!(response.status, 413);
    }
    assert!(
        served.memory_kib() < before + 4096,
        "{} KiB, {before} KiB before",
        served.memory_kib()
    );
    still_takes_deliveries(&served).await;
}

#[tokio::test]
async fn hostile_bodies_are_kept_or_refused_but_never_crash_it() {
    let (_database, served) = sqlite().await;
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let nested = format!("{{\"event\":\"issue\",\"action\":\"updated\",\"data\":{deep}}}");
    let bodies: [&[u8]; 10] = [
        b"",
        b"nope",
        b"null",
        b"[]",
        b"\"text\"",
        b"{\"event\":\"\\u0000\",\"event_id\":\"\\ud800\"}",
        b"{\"event\":1e999}",
        b"{\"event\":{\"a\":[]},\"data\":7}",
        deep.as_bytes(),
        nested.as_bytes(),
    ];
    let mut client = served.connect().await;
    for body in bodies {
        let response = client.post(&Delivery::new(body)).await.expect("an answer");
        assert!(matches!(response.status, 200 | 400), "{response:?}");
    }
    still_takes_deliveries(&served).await;
}

#[tokio::test]
async fn a_second_process_on_the_same_sqlite_is_refused_with_the_remedy() {
    let (database, _served) = sqlite().await;
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .arg("serve")
        .current_dir(database.folder.path())
        .env_clear()
        .env("JETBRIDGE_LISTEN", "127.0.0.1:0")
        .env("JETBRIDGE_DATABASE_URL", &database.text)
        .env("JETBRIDGE_DATA_DIR", database.folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("another jetbridge already serves"), "{error}");
}
