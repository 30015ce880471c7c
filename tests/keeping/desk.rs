//! The application under test with workers that a test makes, each with names and addresses of its
//! own, and a hand on the database that follows no rule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jetbridge::board::Card;
use jetbridge::clients::plane::PlaneClient;
use jetbridge::clock::Clock;
use jetbridge::config::Secrets;
use jetbridge::jobs::directory::Directory;
use jetbridge::jobs::process_delivery::{PlaneAddress, Processor};
use jetbridge::jobs::rebuild::{Mode, Rebuild, Report};
use jetbridge::jobs::settings::CurrentSettings;
use jetbridge::jobs::sync_issue::{IssueSync, Projects};
use jetbridge::metrics::Metrics;
use jetbridge::queue::Wake;
use jetbridge::queue::retry::RetryPolicy;
use jetbridge::queue::worker::Worker;
use jetbridge::sources::plane::normalize::Lookup;
use jetbridge::store::Store;
use jetbridge::store::cards::read::CardFilter;
use jetbridge::store::directory::{DirectoryEntry, EntryKind};
use jetbridge::store::jobs::Stage;
use jetbridge::store::rebuild_rows::{Columns, StoredComment, StoredItem};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::support::app::TestApp;
use crate::support::databases::TestDatabase;
use crate::support::github;
use crate::support::plane::{Delivery, SECRET, issue, recorded};

pub const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";
/// A state, a label and a person whose names only the directory knows.
pub const STATE: &str = "11111111-1111-4111-8111-111111111111";
pub const LABEL: &str = "22222222-2222-4222-8222-222222222222";
pub const MEMBER: &str = "33333333-3333-4333-8333-333333333333";

pub struct Desk {
    pub app: TestApp,
    pub url: String,
}

impl Desk {
    pub async fn new(database: TestDatabase) -> Self {
        let url = database.text.clone();
        let recorded = recorded();
        let mut secrets: Vec<&str> = recorded.iter().map(|(secret, _)| secret.as_str()).collect();
        secrets.push(SECRET);
        Self { app: TestApp::with_secrets(database, &secrets).await, url }
    }

    pub fn store(&self) -> &Store {
        &self.app.store
    }

    pub fn clock(&self) -> &Clock {
        &self.app.clock
    }

    pub async fn post(&self, delivery: &Delivery) {
        let answer = self.app.post(delivery).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Works off everything, whatever it waits for.
    pub async fn run_all(&self) {
        for _ in 0..8 {
            self.app.run_jobs_after(Duration::from_mins(20)).await;
        }
    }

    pub async fn rebuild(&self, mode: Mode) -> Report {
        let (address, lookup) = (PlaneAddress::default(), Lookup::Off);
        let rebuild = Rebuild::new(self.store(), self.clock(), address, lookup, mode);
        rebuild.run(|_| {}).await.unwrap()
    }

    #[track_caller]
    pub fn assert_equal(report: &Report) {
        assert_eq!(report.differing, 0, "{:#?}", report.differences);
        assert!(report.is_right());
    }

    pub async fn assert_checks(&self) -> Report {
        let report = self.rebuild(Mode::Check).await;
        Self::assert_equal(&report);
        report
    }

    /// All items and comments, column by column.
    pub async fn rows(&self) -> BTreeMap<String, Columns> {
        let mut inspection = self.store().inspect().await.unwrap();
        let items = inspection.items_after("", 10_000).await.unwrap();
        let refs: Vec<_> = items.iter().collect();
        let items = inspection.stored_items(&refs).await.unwrap();
        let comments = inspection.stored_comments(&refs).await.unwrap();
        inspection.close().await.unwrap();
        let item = |row: StoredItem| (format!("item {}", row.item), row.columns);
        let comment =
            |row: StoredComment| (format!("comment {}", row.whole.said.comment), row.columns);
        items.into_iter().map(item).chain(comments.into_iter().map(comment)).collect()
    }

    /// The board's cards.
    pub async fn cards(&self) -> Vec<Card> {
        self.store().cards(&CardFilter::default(), None, 10_000).await.unwrap()
    }

    /// What a delivery of GitHub's is that was accepted while nobody could say whose repository it
    /// is, and turned out to be nobody's; whether it was waiting to be read.
    pub async fn set_aside(&self, delivery: &str) -> bool {
        let set = format!(
            "UPDATE github_webhook_events SET status = 'completed', repository_sync = NULL,
                result = 'repository octo/unknown is not configured'
             WHERE delivery_id = '{delivery}' AND attempts = 0 AND result IS NULL AND EXISTS (
                SELECT 1 FROM work_queue q WHERE q.delivery_id = '{delivery}' AND q.status = 'queued')"
        );
        let done =
            format!("UPDATE work_queue SET status = 'done' WHERE delivery_id = '{delivery}'");
        self.execute(&set).await == 1 && self.execute(&done).await == 1
    }

    /// Runs any SQL; how many rows it touched.
    pub async fn execute(&self, sql: &str) -> u64 {
        execute(&self.url, sql).await
    }

    /// Names as another process may have learned them.
    pub async fn learn(&self, suffix: &str) {
        let entry = |kind, id: &str, entry: Value| DirectoryEntry {
            kind,
            id: id.to_owned(),
            scope: PROJECT.to_owned(),
            entry,
            fetched_at: self.clock().now(),
        };
        let named = |name: &str| format!("{name}{suffix}");
        let entries = [
            entry(
                EntryKind::Project,
                PROJECT,
                json!({"name": "Sync", "identifier": named("SYNC")}),
            ),
            entry(EntryKind::State, STATE, json!({"name": named("Doing"), "group": "started"})),
            entry(EntryKind::Label, LABEL, json!({"name": named("bug"), "color": "#ff0000"})),
            entry(EntryKind::Member, MEMBER, json!({"name": named("grace")})),
        ];
        self.store().put_directory_entries(&entries).await.unwrap();
    }

    /// A worker as a process has it that was started now.
    pub fn worker(&self, looks_up: Lookup, web_url: Option<&str>) -> Worker {
        let (store, clock) = (self.store().clone(), self.clock().clone());
        let metrics = Arc::new(Metrics::default());
        let sync = IssueSync {
            store: store.clone(),
            clock: clock.clone(),
            plane: None,
            github: None,
            projects: Projects::new(clock.clone()),
            settings: CurrentSettings::new(store.clone(), clock.clone()),
        };
        let client = match looks_up {
            Lookup::Off => None,
            Lookup::On => Some(nobody().with_clock(clock.clone())),
        };
        let processor = Processor {
            store: store.clone(),
            clock: clock.clone(),
            directory: Directory::new(client, store.clone(), clock.clone()),
            plane: PlaneAddress {
                workspace: Some("acme".to_owned()),
                web_url: web_url.map(str::to_owned),
            },
            sync,
            wake: Wake::default(),
            policy: RetryPolicy::default(),
            chance: || 1.0,
            metrics,
        };
        Worker {
            stage: Stage::Read,
            store,
            clock,
            wake: Wake::default(),
            processor: Arc::new(processor),
            concurrency: 1,
        }
    }
}

/// A Plane that nobody answers for.
fn nobody() -> PlaneClient {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    let key = Secrets::new(["plane_api_key".to_owned()]);
    PlaneClient::new(&url, "acme", &key, Duration::from_secs(2)).unwrap().unwrap()
}

pub async fn execute(url: &str, sql: &str) -> u64 {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        return sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected();
    }
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::query("SET search_path = ops").execute(&mut connection).await.unwrap();
    sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected()
}

/// The one number that a query gives.
pub async fn number(url: &str, sql: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        return sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    }
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

/// All texts that a query of SQLite gives.
pub async fn texts(url: &str, sql: &str) -> Vec<String> {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
}

/// An item of Plane's that tells ids where others tell names.
pub fn nameless(id: &str, title: &str, updated_at: &str) -> Delivery {
    let mut body = issue(id, title, ("x", "started"), updated_at);
    body["data"]["state"] = json!(STATE);
    body["data"]["labels"] = json!([LABEL]);
    body["data"]["assignees"] = json!([MEMBER]);
    Delivery::new(body.to_string())
}

/// A deletion as Plane tells it.
pub fn deletion(id: &str) -> Delivery {
    let body = json!({"event": "issue", "action": "deleted", "data": {"id": id}});
    Delivery::new(body.to_string())
}

/// A comment on GitHub's issue `issue`.
pub fn comment(issue: u64, id: u64, text: &str, action: &str, at: &str) -> github::GithubDelivery {
    let issue = github::issue(issue, "Commented on", "open", at);
    github::comment_delivery(action, &issue, &github::comment(id, text, at))
}
