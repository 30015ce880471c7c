//! An embedded database in one file, and back again.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use jetbridge::ids::WorkItemRef;
use jetbridge::store::Store;

use crate::desk::{execute, number, texts};
use crate::retention_told::{deeds, err, jetbridge, out};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::plane::{Delivery, issue_delivery};
use crate::support::process::{Served, eventually};

const TODO: (&str, &str) = ("Todo", "unstarted");

fn delivery(id: &str) -> Delivery {
    issue_delivery(id, "A title", TODO, "2026-11-22T01:00:00Z")
}

async fn post(served: &Served, delivery: &Delivery) -> String {
    let answer = served.connect().await.post(delivery).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

fn serve(database: &TestDatabase) -> Served {
    Served::start(&database.text, database.folder.path(), &[])
}

fn file(database: &TestDatabase, name: &str) -> PathBuf {
    database.folder.path().join(name)
}

async fn has(database: &TestDatabase, id: &str) -> bool {
    let store = Store::open(&database.url).await.unwrap();
    let found = store.work_item(&WorkItemRef::new(format!("plane:{id}"))).await.unwrap();
    store.close().await;
    found.is_some()
}

#[tokio::test]
async fn a_backup_of_a_running_instance_is_restored_and_goes_on() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = serve(&database);
    let before: Vec<_> = (0..20).map(|n| delivery(&format!("before-{n}"))).collect();
    for delivery in &before {
        post(&served, delivery).await;
    }
    // Deliveries keep arriving while the copy is made.
    let arriving = async {
        for n in 0..40 {
            post(&served, &delivery(&format!("during-{n}"))).await;
        }
    };
    let (name, folder) = (file(&database, "copy.db"), database.folder.path().to_owned());
    let text = database.text.clone();
    let copying = tokio::task::spawn_blocking(move || {
        let binary = env!("CARGO_BIN_EXE_jetbridge");
        let mut command = Command::new(binary);
        command.args(["backup", "copy.db"]).current_dir(folder).env_clear();
        command.env("JETBRIDGE_DATABASE_URL", text).output().unwrap()
    });
    let (copied, ()) = tokio::join!(copying, arriving);
    let copied = copied.unwrap();
    assert!(out(&copied).starts_with("copy.db holds the database"), "{}", out(&copied));
    assert_eq!(name.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let after = delivery("after");
    post(&served, &after).await;

    let running = jetbridge(&database, &["restore", "copy.db", "--force"]);
    assert_eq!(running.status.code(), Some(1));
    assert!(err(&running).contains("already serves"), "{}", err(&running));
    served.kill();
    let standing = jetbridge(&database, &["restore", "copy.db"]);
    assert_eq!(standing.status.code(), Some(1));
    assert!(err(&standing).contains("--force"), "{}", err(&standing));
    let restored = out(&jetbridge(&database, &["restore", "copy.db", "--force"]));
    assert!(restored.contains("before-restore-"), "{restored}");

    let served = serve(&database);
    for delivery in &before {
        assert!(post(&served, delivery).await.contains("\"duplicate\":true"));
    }
    // What came after the backup is not known any more, so sending it again brings it back.
    assert!(!post(&served, &after).await.contains("duplicate"));
    post(&served, &delivery("later")).await;
    eventually("the new items", || async {
        has(&database, "later").await && has(&database, "after").await
    })
    .await;
    assert!(has(&database, "before-19").await);
    eventually("an equal board", || async {
        jetbridge(&database, &["rebuild", "--check"]).status.success()
    })
    .await;
}

/// Tables that a process writes for itself while it runs.
const RUNNING: [&str; 3] = ["processes", "duties", "queue_samples"];

async fn tables(url: &str) -> Vec<String> {
    texts(url, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").await
}

#[tokio::test]
async fn a_backup_holds_every_table_of_a_running_instance() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = serve(&database);
    post(&served, &delivery("a")).await;
    let lasting = ["token", "create", "ci", "--scope", "viewer"];
    out(&jetbridge(&database, &lasting));
    eventually("the item", || has(&database, "a")).await;
    out(&jetbridge(&database, &["backup", "copy.db"]));
    let copy = format!("sqlite://{}", file(&database, "copy.db").display());
    let schema = "SELECT COALESCE(sql, name) FROM sqlite_master ORDER BY type, name";
    assert_eq!(texts(&copy, schema).await, texts(&database.text, schema).await);
    let mut filled = Vec::new();
    for table in tables(&database.text).await {
        let count = format!("SELECT count(*) FROM {table}");
        let (there, here) = (number(&copy, &count).await, number(&database.text, &count).await);
        // The backup itself is written down when it is whole.
        let expected = if table == "audit_log" { here - 1 } else { here };
        assert!(
            there == expected || RUNNING.contains(&table.as_str()),
            "{table}: {there} of {here}"
        );
        if there > 0 {
            filled.push(table);
        }
    }
    for table in
        ["api_tokens", "audit_log", "board_cards", "figures", "plane_names", "work_item_changes"]
    {
        assert!(
            filled.iter().any(|filled| filled == table),
            "{table} is empty: the test shows nothing"
        );
    }
    let newest = "SELECT max(revision) FROM work_item_changes";
    let revision = number(&copy, newest).await;
    served.kill();
    out(&jetbridge(&database, &["restore", "copy.db", "--force"]));
    assert!(out(&jetbridge(&database, &["token", "list"])).contains("ci"));
    let deeds = deeds(&database).await;
    assert_eq!(deeds, ["make a token: ci (viewer)", "restore the database: copy.db"]);
    let served = serve(&database);
    post(&served, &delivery("b")).await;
    eventually("the new item", || has(&database, "b")).await;
    assert!(
        number(&database.text, newest).await > revision,
        "revisions go on from where they were"
    );
}

#[tokio::test]
async fn a_backup_is_made_and_restored_without_a_server_too() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served = serve(&database);
    post(&served, &delivery("a")).await;
    eventually("the item", || has(&database, "a")).await;
    served.kill();
    out(&jetbridge(&database, &["backup", "copy.db"]));
    let again = jetbridge(&database, &["backup", "copy.db"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains("--force"), "{}", err(&again));
    out(&jetbridge(&database, &["backup", "copy.db", "--force"]));
    assert!(!file(&database, "copy.db.part").exists());
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(file(&database, &format!("jetbridge.db{ending}")));
    }
    out(&jetbridge(&database, &["restore", "copy.db"]));
    assert!(has(&database, "a").await);
    assert_eq!(
        file(&database, "jetbridge.db").metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let itself = jetbridge(&database, &["backup", "jetbridge.db", "--force"]);
    assert!(err(&itself).contains("the database itself"), "{}", err(&itself));
}

#[tokio::test]
async fn what_is_no_sound_backup_is_refused_and_the_database_stays() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    Store::open(&database.url).await.unwrap().close().await;
    let whole = file(&database, "whole.db");
    out(&jetbridge(&database, &["backup", "whole.db"]));
    let mut bytes = std::fs::read(&whole).unwrap();
    let middle = bytes.len() / 2;
    bytes[8192..middle].fill(0xAA);
    std::fs::write(file(&database, "damaged.db"), &bytes).unwrap();
    std::fs::write(file(&database, "text.db"), "no database").unwrap();
    std::fs::copy(&whole, file(&database, "newer.db")).unwrap();
    std::fs::copy(&whole, file(&database, "foreign.db")).unwrap();
    let at = |name: &str| format!("sqlite://{}", file(&database, name).display());
    execute(&at("newer.db"), "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, x'00', 0)").await;
    execute(&at("foreign.db"), "DROP TABLE _sqlx_migrations").await;
    let cases = [
        ("damaged.db", "damaged"),
        ("text.db", "can't be read as a backup"),
        ("newer.db", "schema version 9999"),
        ("foreign.db", "no tables of jetbridge"),
        ("nothing.db", "is no file"),
    ];
    for (name, said) in cases {
        let refused = jetbridge(&database, &["restore", name, "--force"]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(err(&refused).contains(said), "{name}: {}", err(&refused));
        assert!(!file(&database, "jetbridge.db.restoring").exists());
        Store::open(&database.url).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn on_postgresql_backup_and_restore_name_the_lines_that_work() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let served = serve(&database);
    post(&served, &delivery("a")).await;
    eventually("the item", || has(&database, "a")).await;
    served.terminate();
    let line = |command: &str| {
        let refused = jetbridge(&database, &[command, "jetbridge.dump"]);
        assert_eq!(refused.status.code(), Some(1));
        err(&refused).split("own tools: ").nth(1).unwrap().trim().to_owned()
    };
    run_line(&database, &line("backup"));
    execute(&database.text, "DELETE FROM work_items").await;
    assert!(!has(&database, "a").await);
    run_line(&database, &line("restore"));
    assert!(has(&database, "a").await);
    out(&jetbridge(&database, &["rebuild", "--check"]));
}

/// As a person types it, with the tools that came with the server.
fn run_line(database: &TestDatabase, line: &str) {
    let mut tools: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect();
    tools.sort();
    let path = std::env::var("PATH").unwrap_or_default();
    let newest = tools.last().map(|bin| format!("{}:{path}", bin.display())).unwrap_or(path);
    let ran = Command::new("sh")
        .args(["-c", line])
        .current_dir(database.folder.path())
        .env("PATH", newest)
        .env("JETBRIDGE_DATABASE_URL", &database.text)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{line}: {}", err(&ran));
}
