//! An operator's day: a sample sent, looked at and run again from the command line; receiver and
//! worker as two processes.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use std::process::{Command, Output};

use jetbridge::ids::WorkItemRef;
use jetbridge::store::Store;
use serde_json::Value;
use support::databases::{Kind, TestDatabase};
use support::plane::{Delivery, SECRET, issue_delivery};
use support::process::{Served, eventually};

fn jetbridge(database: &TestDatabase, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(arguments)
        .current_dir(database.folder.path())
        .env_clear()
        .env("JETBRIDGE_PLANE_WEBHOOK_SECRET", SECRET)
        .env("JETBRIDGE_DATABASE_URL", &database.text)
        .env("JETBRIDGE_DATA_DIR", database.folder.path())
        .output()
        .unwrap()
}

fn items(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listing: Value = serde_json::from_slice(&output.stdout).unwrap();
    listing["items"].as_array().unwrap().clone()
}

on_both_databases! {
    async fn a_sample_can_be_sent_listed_shown_and_replayed_from_the_command_line(database: TestDatabase) {
        let served = Served::start(&database.text, database.folder.path(), &[]);
        let to = format!("http://127.0.0.1:{}/api/webhooks/plane", served.port);
        let sent = jetbridge(&database, &["send", "plane", "issue.created", "--title", "A sample", "--to", &to]);
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        let broken = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#);
        served.connect().await.post(&broken).await.unwrap();
        eventually("both ends", || async {
            items(&jetbridge(&database, &["deliveries", "list", "--json"])).iter().all(|d| d["status"] != "received")
        })
        .await;

        let found = items(&jetbridge(&database, &["work-items", "list", "--json"]));
        assert_eq!((found.len(), found[0]["title"].as_str()), (1, Some("A sample")));
        let item = found[0]["work_item_ref"].as_str().unwrap();
        let shown = String::from_utf8(jetbridge(&database, &["work-items", "show", item]).stdout).unwrap();
        assert!(shown.contains("A sample") && shown.contains("first seen"), "{shown}");

        let failed = items(&jetbridge(&database, &["deliveries", "list", "--status", "failed", "--json"]));
        assert_eq!((failed.len(), failed[0]["delivery_id"].as_str()), (1, Some(broken.id.as_str())));
        let raw = jetbridge(&database, &["deliveries", "show", "plane", &broken.id, "--raw"]);
        assert_eq!(raw.stdout, broken.body);
        assert!(jetbridge(&database, &["deliveries", "replay", "plane", &broken.id]).status.success());
        assert_eq!(jetbridge(&database, &["deliveries", "replay", "plane", "nobody"]).status.code(), Some(1));
        eventually("the second attempt", || async {
            items(&jetbridge(&database, &["deliveries", "list", "--status", "failed", "--json"]))
                .first().is_some_and(|d| d["attempts"] == 2)
        })
        .await;
    }
}

#[tokio::test]
async fn a_receiver_and_a_worker_share_one_postgresql() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let folder = database.folder.path();
    let receiver = Served::start(&database.text, folder, &["--role", "receiver"]);
    let delivery =
        issue_delivery("i", "By two processes", ("Todo", "unstarted"), "2026-11-22T01:00:00Z");
    assert_eq!(receiver.connect().await.post(&delivery).await.unwrap().status, 200);
    let store = Store::open(&database.url).await.unwrap();
    let item = WorkItemRef::new("plane:i");
    assert_eq!(store.work_item(&item).await.unwrap(), None, "a receiver works nothing off");
    let worker = Served::start(&database.text, folder, &["--role", "worker"]);
    eventually("the item", || async { store.work_item(&item).await.unwrap().is_some() }).await;
    let refused = worker.connect().await.post(&delivery).await.unwrap();
    assert_eq!(refused.status, 404, "a worker takes no webhooks");
}

#[tokio::test]
async fn a_receiver_tells_other_processes_what_it_committed() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let receiver = Served::start(&database.text, database.folder.path(), &["--role", "receiver"]);
    let store = Store::open(&database.url).await.unwrap();
    let mut hints = store.hints().await.unwrap().expect("PostgreSQL carries hints");
    let delivery = issue_delivery("i", "Heard", ("Todo", "unstarted"), "2026-11-22T01:00:00Z");
    assert_eq!(receiver.connect().await.post(&delivery).await.unwrap().status, 200);
    let heard = tokio::time::timeout(std::time::Duration::from_secs(20), hints.next()).await;
    heard.expect("a hint within 20 s").unwrap();
}
