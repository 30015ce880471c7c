//! Revisions come in the order of the commits, so that whoever resumes at one misses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jetbridge::clock::Clock;
use jetbridge::ids::{DeliveryId, Revision, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::Store;
use serde_json::json;
use sqlx::Connection;
use tokio::sync::Mutex;

use crate::on_both_databases;
use crate::support::app::TestApp;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{GithubDelivery, issue, repository};
use crate::support::links::link;
use crate::support::plane::{Delivery, issue_delivery};
use crate::support::process::eventually;

const WRITERS: u64 = 6;
const COMMITS: u64 = 25;
const ITEMS: u64 = 12;

/// Changes items that other writers change, too, in an order of its own.
async fn write(store: Store, writer: u64) {
    for commit in 0..COMMITS {
        // Each writer has items of its own: a link has one holder.
        let issue = writer * 1000 + (commit * 7 + writer) % ITEMS;
        link(&store, issue, &issue.to_string(), Clock::System.now(), None).await;
    }
}

/// Reads on from where it was, a few at a time, until the writers are done and nothing is left.
async fn read(store: Store, done: Arc<AtomicBool>, limit: i64) -> BTreeMap<WorkItemRef, Revision> {
    let (mut at, mut seen) = (Revision(0), BTreeMap::new());
    loop {
        let last = done.load(Ordering::SeqCst);
        let page = store.changes_after(at, limit).await.unwrap();
        for change in &page {
            assert!(change.revision > at, "{} after {at}", change.revision);
            at = change.revision;
            seen.insert(change.item.clone(), change.revision);
        }
        if page.is_empty() && last {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}

async fn revisions(store: &Store) -> BTreeMap<WorkItemRef, Revision> {
    let all = store.changes_after(Revision(0), 100_000).await.unwrap();
    all.into_iter().map(|change| (change.item, change.revision)).collect()
}

on_both_databases! {
    async fn a_reader_that_resumes_at_any_point_misses_no_commit(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> =
            (1..=3).map(|limit| tokio::spawn(read(store.clone(), done.clone(), limit))).collect();
        let writers: Vec<_> = (0..WRITERS).map(|n| tokio::spawn(write(store.clone(), n))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
        done.store(true, Ordering::SeqCst);
        let all = revisions(&store).await;
        assert_eq!(all.len() as u64, 2 * WRITERS * ITEMS);
        for reader in readers {
            assert_eq!(reader.await.unwrap(), all);
        }
    }

    async fn every_change_that_a_page_shows_gives_its_item_a_revision(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let mut before = app.store.pulse().await.unwrap().revision;
        let mut told = async |what: &str, items: &[&str]| {
            let changes = app.store.changes_after(before, 100).await.unwrap();
            let mut found: Vec<_> = changes.iter().map(|change| change.item.as_str()).collect();
            found.sort_unstable();
            assert_eq!(found, items, "{what}");
            before = changes.last().map_or(before, |change| change.revision);
        };
        let first = issue_delivery("i", "One", ("Todo", "unstarted"), "2026-11-22T01:30:00Z");
        app.post(&first).await;
        told("what is only received", &[]).await;
        app.run_jobs().await;
        told("a new item", &["plane:i"]).await;
        app.post(&issue_delivery("i", "Zero", ("Todo", "unstarted"), "2026-11-22T01:00:00Z")).await;
        app.run_jobs().await;
        told("what was ignored stands on the timeline", &["plane:i"]).await;
        let id = DeliveryId::new(&first.id);
        app.store.replay(Source::Plane, &id, app.clock.now()).await.unwrap();
        told("a replay", &["plane:i"]).await;
        app.run_jobs().await;
        told("its end", &["plane:i"]).await;
        link(&app.store, 7, "i", app.clock.now(), Some("refused")).await;
        told("both sides of a link", &["github:7", "plane:i"]).await;
        let comment = json!({
            "action": "created", "repository": repository(), "sender": {"id": 1, "login": "ada"},
            "issue": issue(9, "An issue", "open", "2026-11-22T01:30:00Z"),
            "comment": {"id": 90, "body": "Hm", "user": {"id": 1, "login": "ada"}, "html_url": "https://github.com/",
                "created_at": "2026-11-22T01:30:00Z", "updated_at": "2026-11-22T01:30:00Z"}
        });
        app.post_github(&GithubDelivery::new("issue_comment", comment.to_string())).await;
        app.run_jobs().await;
        told("a comment with its issue", &["github:9"]).await;
        app.post(&Delivery::new(r#"{"event":"cycle","action":"created","data":{"id":"c"}}"#)).await;
        app.run_jobs().await;
        told("what is about no item", &[]).await;
        let mut item = app.store.work_item(&WorkItemRef::new("plane:i")).await.unwrap().unwrap();
        let seen = item.ingested_at;
        item.ingested_at = seen + std::time::Duration::from_secs(1);
        assert!(app.store.improve_item(&item, seen).await.unwrap());
        told("an improvement", &["plane:i"]).await;
        assert!(!app.store.improve_item(&item, seen).await.unwrap());
        told("none", &[]).await;
    }
}

#[tokio::test]
async fn no_revision_is_seen_before_a_lower_one() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let store = Store::open(&database.url).await.unwrap();
    let mut other = sqlx::PgConnection::connect(&database.text).await.unwrap();
    let mut slow = other.begin().await.unwrap();
    sqlx::query("SELECT ops.revise_work_items('[\"lower\"]')").execute(&mut *slow).await.unwrap();
    let quick = store.clone();
    let quick = tokio::spawn(async move {
        link(&quick, 1, "1", Clock::System.now(), None).await;
    });
    let look = sqlx::PgConnection::connect(&database.text).await.unwrap();
    let look = Mutex::new(look);
    eventually("the other one waits", || async {
        const WAITING: &str = "SELECT count(*) FROM pg_locks
            WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let mut look = look.lock().await;
        sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&mut *look).await.unwrap() > 0
    })
    .await;
    assert_eq!(store.changes_after(Revision(0), 10).await.unwrap(), []);
    slow.commit().await.unwrap();
    quick.await.unwrap();
    let all = store.changes_after(Revision(0), 10).await.unwrap();
    let items: Vec<_> = all.iter().map(|change| change.item.as_str()).collect();
    assert_eq!(items[0], "lower", "{items:?}");
}
