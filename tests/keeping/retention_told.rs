//! The same from the outside: the command line and the API say what is gone, and why.

use std::process::{Command, Output};

use jetbridge::access::CallerKind;
use jetbridge::store::Store;
use jetbridge::store::audit::AuditFilter;
use serde_json::Value;

use crate::desk::execute;
use crate::on_both_databases;
use crate::support::databases::TestDatabase;
use crate::support::plane::{SECRET, issue_delivery};
use crate::support::process::{Served, eventually};

const TODO: (&str, &str) = ("Todo", "unstarted");

pub fn jetbridge(database: &TestDatabase, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(arguments)
        .current_dir(database.folder.path())
        .env_clear()
        .env("JETBRIDGE_PLANE_WEBHOOK_SECRET", SECRET)
        .env("JETBRIDGE_DATABASE_URL", &database.text)
        .env("JETBRIDGE_DATA_DIR", database.folder.path())
        .env("JETBRIDGE_RETENTION_PLANE_BODIES", "30d")
        .output()
        .unwrap()
}

pub fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", err(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What commands left in the audit log, with its target, oldest first.
pub async fn deeds(database: &TestDatabase) -> Vec<String> {
    let store = Store::open(&database.url).await.unwrap();
    let rows = store.audit_log(&AuditFilter::default(), None, 100).await.unwrap();
    store.close().await;
    let of_command = rows.into_iter().rev().filter(|row| row.entry.kind == CallerKind::Cli);
    of_command.map(|row| format!("{}: {}", row.entry.action, row.entry.target)).collect()
}

async fn ask(served: &Served, method: &str, path: &str) -> (u16, String) {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer the-token\r\nContent-Length: 0\r\n\r\n"
    );
    let answer = served.connect().await.send(request.as_bytes()).await.unwrap();
    (answer.status, answer.body)
}

on_both_databases! {
    async fn what_retention_dropped_is_told_by_command_line_and_api(database: TestDatabase) {
        let token = [("JETBRIDGE_ADMIN_TOKEN", "the-token")];
        let served = Served::start_with(&database.text, database.folder.path(), &[], &token);
        let old = issue_delivery("old", "Old", TODO, "2026-11-22T01:00:00Z");
        served.connect().await.post(&old).await.unwrap();
        let store = Store::open(&database.url).await.unwrap();
        let filter = jetbridge::store::deliveries::DeliveryFilter {
            status: Some(jetbridge::store::deliveries::DeliveryStatus::Processed), ..Default::default()
        };
        eventually("the end", || async { store.deliveries(&filter, None, 9).await.unwrap().len() == 1 }).await;
        store.close().await;
        execute(&database.text, "UPDATE plane_webhook_deliveries SET received_at = '2020-01-01T00:00:00.000000Z'").await;

        let dry = out(&jetbridge(&database, &["retention", "--dry-run"]));
        assert!(dry.contains("bodies of plane") && dry.contains("2020-01-01"), "{dry}");
        let json: Value = serde_json::from_str(&out(&jetbridge(&database, &["retention", "--dry-run", "--json"]))).unwrap();
        assert_eq!((&json["bodies"][0]["count"], &json["bodies"][0]["kept_for"]), (&1.into(), &"30d".into()));
        let done: Value = serde_json::from_str(&out(&jetbridge(&database, &["retention", "--json"]))).unwrap();
        assert_eq!(done["plane_bodies"], 1);
        assert_eq!(deeds(&database).await, ["let go of the old: 1 rows"]);

        let refused = jetbridge(&database, &["deliveries", "replay", "plane", &old.id]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(err(&refused).contains("was dropped by retention on"), "{}", err(&refused));
        let shown = out(&jetbridge(&database, &["deliveries", "show", "plane", &old.id]));
        assert!(shown.contains("was dropped by retention on"), "{shown}");
        let (status, problem) = ask(&served, "POST", &format!("/api/v1/deliveries/plane/{}/replay", old.id)).await;
        assert_eq!(status, 409);
        assert!(problem.contains("dropped by retention"), "{problem}");
        let (_, detail) = ask(&served, "GET", &format!("/api/v1/deliveries/plane/{}", old.id)).await;
        let detail: Value = serde_json::from_str(&detail).unwrap();
        assert!(detail["body_dropped_at"].is_string() && detail["payload"].is_null(), "{detail}");
        assert!(detail["body_sha256"].is_string(), "its hash stays: {detail}");
        let (_, count) = ask(&served, "POST", "/api/v1/deliveries/replay?status=processed").await;
        let count: Value = serde_json::from_str(&count).unwrap();
        assert_eq!((&count["queued"], &count["dropped"]), (&0.into(), &1.into()));

        let check = out(&jetbridge(&database, &["rebuild", "--check"]));
        assert!(check.contains("the tables say the same") && check.contains("1 items can't be derived wholly"), "{check}");
    }

    async fn a_check_ends_with_1_and_names_what_differs_and_a_rebuild_mends_it(database: TestDatabase) {
        let served = Served::start(&database.text, database.folder.path(), &[]);
        served.connect().await.post(&issue_delivery("a", "A title", TODO, "2026-11-22T01:00:00Z")).await.unwrap();
        let equal = "1 items and 0 comments were derived from 1 deliveries: the tables say the same";
        eventually("the item", || async { out(&jetbridge(&database, &["rebuild", "--check"])).contains(equal) }).await;
        execute(&database.text, "UPDATE work_items SET title = 'Damaged'").await;
        let found = jetbridge(&database, &["rebuild", "--check"]);
        let (text, status) = (String::from_utf8(found.stdout.clone()).unwrap(), found.status.code());
        assert_eq!((status, err(&found).as_str()), (Some(1), ""), "no bar where there is no terminal");
        assert!(text.contains("work_items plane:a differs") && text.contains("title: \"Damaged\" → \"A title\""), "{text}");
        let json = jetbridge(&database, &["rebuild", "--check", "--json"]);
        let json: Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(json["differences"][0]["columns"][0]["derived"], "A title");
        assert!(deeds(&database).await.is_empty(), "who only looks is not written down");
        assert!(out(&jetbridge(&database, &["rebuild"])).contains("1 items were put right"));
        out(&jetbridge(&database, &["rebuild", "--check"]));
        assert_eq!(deeds(&database).await, ["rebuild the board: 1 items put right"]);
    }
}
