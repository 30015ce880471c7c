//! Databases as each schema version may have left them, opened by this one.
//!
//! `samples/NNNN.sql` holds what version NNNN brought room for, in words that both databases read;
//! `{body:NAME}` stands for a delivery's bytes and `{sha256:NAME}` for their hash. A new migration
//! needs no sample of its own, but one that adds a table should have one.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::time::Duration;

use jetbridge::ids::{DeliveryId, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::cards::read::CardFilter;
use jetbridge::store::jobs::Replayed;
use jetbridge::work_items::WorkItem;
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use support::app::TestApp;
use support::databases::{Kind, TestDatabase};
use support::{github, plane};

const DOING: (&str, &str) = ("Doing", "started");

fn folder(kind: Kind) -> &'static Path {
    Path::new(match kind {
        Kind::Sqlite => concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite"),
        Kind::Postgres => concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres"),
    })
}

fn versions(kind: Kind) -> Vec<i64> {
    let number = |file: std::fs::DirEntry| {
        file.file_name().to_string_lossy().get(..4).and_then(|digits| digits.parse().ok())
    };
    let files = std::fs::read_dir(folder(kind)).unwrap();
    let mut versions: Vec<i64> = files.filter_map(|file| number(file.unwrap())).collect();
    versions.sort_unstable();
    versions
}

/// The migrations up to a version alone, as the Jetbridge of that version had them.
async fn migrations(kind: Kind, up_to: i64) -> Migrator {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder(kind)).unwrap() {
        let (path, name) = file.map(|file| (file.path(), file.file_name())).unwrap();
        if name.to_string_lossy()[..4].parse::<i64>().unwrap() <= up_to {
            std::fs::copy(path, copy.path().join(name)).unwrap();
        }
    }
    Migrator::new(copy.path()).await.unwrap()
}

fn body(name: &str) -> Vec<u8> {
    let plane = |id: &str, title: &str, at: &str| {
        let mut item = plane::issue(id, title, DOING, at);
        item["data"]["project"] = "project-1".into();
        item.to_string().into_bytes()
    };
    let github = |title: &str, at: &str| {
        github::issue_delivery("edited", &github::issue(7, title, "open", at)).body
    };
    match name {
        "done" => plane("item-1", "Before the upgrade", "2026-11-20T07:59:00Z"),
        "waiting" => plane("item-1", "After the upgrade", "2026-11-20T08:04:00Z"),
        "dead" => plane("item-2", "Back from the dead", "2026-11-20T08:09:00Z"),
        "github-done" => github("An issue", "2026-11-20T09:00:00Z"),
        "github-waiting" => github("An edited issue", "2026-11-20T09:05:00Z"),
        "github-carried" => github("Edited once more", "2026-11-20T09:06:00Z"),
        other => other.as_bytes().to_vec(),
    }
}

fn sample(kind: Kind, version: i64) -> Option<String> {
    let path = format!("{}/tests/upgrade/samples/{version:04}.sql", env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(path).ok()?;
    for what in ["body:", "sha256:"] {
        while let Some((before, rest)) = text.split_once(&format!("{{{what}")) {
            let (name, after) = rest.split_once('}').unwrap();
            let bytes = match what {
                "body:" => body(name),
                _ => Sha256::digest(body(name)).to_vec(),
            };
            let literal = match kind {
                Kind::Sqlite => format!("x'{}'", hex::encode(bytes)),
                Kind::Postgres => format!("'\\x{}'", hex::encode(bytes)),
            };
            text = format!("{before}{literal}{after}");
        }
    }
    Some(text)
}

/// Each version's migration up to `version`, and its sample after it.
macro_rules! grow {
    ($connection:expr, $kind:expr, $version:expr) => {
        for step in versions($kind).into_iter().filter(|step| *step <= $version) {
            migrations($kind, step).await.run(&mut $connection).await.unwrap();
            if let Some(sql) = sample($kind, step) {
                let run = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut $connection).await;
                run.unwrap_or_else(|error| panic!("sample {step}: {error}"));
            }
        }
        $connection.close().await.unwrap();
    };
}

/// A database as that version may have left it.
async fn left_by(kind: Kind, version: i64) -> TestDatabase {
    let database = TestDatabase::new(kind).await;
    match kind {
        Kind::Sqlite => {
            let address = format!("{}?mode=rwc", database.text);
            let mut connection = SqliteConnection::connect(&address).await.unwrap();
            grow!(connection, kind, version);
        }
        Kind::Postgres => {
            let mut connection = PgConnection::connect(&database.text).await.unwrap();
            let schema = "CREATE SCHEMA IF NOT EXISTS ops; SET search_path TO ops";
            sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
            grow!(connection, kind, version);
        }
    }
    database
}

async fn item(app: &TestApp, name: &str) -> WorkItem {
    app.store.work_item(&WorkItemRef::new(name)).await.unwrap().expect(name)
}

fn title(item: &WorkItem) -> &str {
    &item.state.as_ref().expect("a state").title
}

async fn plane_goes_on(app: &TestApp) {
    assert_eq!(title(&item(app, "plane:item-1").await), "Before the upgrade");
    app.run_jobs().await;
    let worked_off = item(app, "plane:item-1").await;
    assert_eq!((title(&worked_off), worked_off.status()), ("After the upgrade", "Doing"));
    let dead = DeliveryId::new("dead-1");
    let replayed = app.store.replay(Source::Plane, &dead, app.clock.now()).await.unwrap();
    assert!(matches!(replayed, Replayed::Queued), "{replayed:?}");
    app.run_jobs_after(Duration::from_secs(1)).await;
    assert_eq!(title(&item(app, "plane:item-2").await), "Back from the dead");
    let story = app.store.item_timeline(&WorkItemRef::new("plane:item-1"), 10).await.unwrap();
    let reasons: Vec<&str> = story.iter().map(|entry| entry.reason.as_str()).collect();
    assert!(reasons.contains(&"first seen") && reasons.len() == 2, "{reasons:?}");
}

async fn github_goes_on(app: &TestApp) {
    let issue = item(app, "github:7").await;
    assert_eq!(title(&issue), "An edited issue");
    let comments = app.store.item_comments(&issue.item, 10).await.unwrap();
    assert_eq!(comments.len(), 1);
}

async fn the_board_shows_it(app: &TestApp, version: i64) {
    let cards = app.store.cards(&CardFilter::default(), None, 10).await.unwrap();
    let titles: Vec<&str> = cards.iter().map(|card| card.title.as_str()).collect();
    // Version 2 knows issues and no twins; from 3 on the two are one card.
    let expected = if version == 2 { 3 } else { 2 };
    assert_eq!(titles.len(), expected, "{titles:?}");
    assert!(titles.contains(&"Back from the dead"), "{titles:?}");
}

async fn every_version_upgrades(kind: Kind) {
    for version in versions(kind) {
        println!("from version {version}");
        let app = TestApp::new(left_by(kind, version).await).await;
        plane_goes_on(&app).await;
        if version >= 2 {
            github_goes_on(&app).await;
        }
        the_board_shows_it(&app, version).await;
        let now = app.clock.now();
        let session = Sha256::digest("session").into();
        assert!(app.store.session(&session, now).await.unwrap().is_some(), "still signed in");
        if version >= 6 {
            assert_eq!(app.store.board_views().await.unwrap()[0].name, "Bugs");
            assert_eq!(app.store.board_limits("").await.unwrap()["started"], 3);
        }
        if version >= 7 {
            let token = Sha256::digest("token").into();
            let token = app.store.find_api_token(&token).await.unwrap().expect("the token");
            assert!(token.is_good(now));
        }
        if version >= 8 {
            assert_eq!(app.store.alarm_count().await.unwrap(), 1);
        }
    }
}

#[tokio::test]
async fn a_database_of_every_version_is_upgraded_with_what_is_in_it_on_sqlite() {
    every_version_upgrades(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_database_of_every_version_is_upgraded_with_what_is_in_it_on_postgresql() {
    every_version_upgrades(Kind::Postgres).await;
}

/// A process of the version before works on while one of this version has migrated: nothing that
/// it names may be gone, and nothing that it does not name may be required of it.
#[test]
fn a_migration_only_adds() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        for file in std::fs::read_dir(folder(kind)).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let code: String = text
                .lines()
                .map(|line| line.split("--").next().unwrap())
                .collect::<Vec<_>>()
                .join(" ");
            for statement in code.split(';') {
                let words =
                    statement.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase();
                for forbidden in [
                    "DROP TABLE",
                    "DROP COLUMN",
                    "RENAME",
                    "ALTER COLUMN",
                    "DROP CONSTRAINT",
                    "SET NOT NULL",
                ] {
                    let storage =
                        words.contains("SET COMPRESSION") || words.contains("SET STORAGE");
                    assert!(!words.contains(forbidden) || storage, "{}: {words}", path.display());
                }
                for column in words.split("ADD COLUMN ").skip(1) {
                    let required = column.split(',').next().unwrap();
                    assert!(
                        !required.contains("NOT NULL") || required.contains("DEFAULT"),
                        "{}: {required} needs a default",
                        path.display()
                    );
                }
            }
        }
    }
}
