//! The feed without HTTP: slow listeners, a database that goes back, room.

use std::collections::BTreeMap;
use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::ids::{Revision, WorkItemRef};
use jetbridge::live::{Feed, Live, MOST_FEEDS, MOST_OF_A_NAME, News, NoFeed};
use jetbridge::store::Store;
use sqlx::Connection;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::on_both_databases;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::links::link;

struct Followed {
    store: Store,
    live: Live,
    stop: watch::Sender<bool>,
    follower: JoinHandle<()>,
}

impl Followed {
    async fn new(database: &TestDatabase) -> Self {
        let store = Store::open(&database.url).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let live = Live::new(store.clone(), stopped);
        let follower = tokio::spawn(live.clone().follow());
        Self { store, live, stop, follower }
    }

    async fn change(&self, issue: u64) {
        link(&self.store, issue, &issue.to_string(), Clock::System.now(), None).await;
    }
}

/// The next news that are not about activity.
async fn next(feed: &mut Feed) -> Option<News> {
    loop {
        match timeout(Duration::from_secs(20), feed.next()).await.expect("news in time") {
            Some(News::Activity) => {}
            other => return other,
        }
    }
}

/// Hears until it is as far as `newest`.
async fn hear(feed: &mut Feed, newest: Revision) -> BTreeMap<WorkItemRef, Revision> {
    let mut heard = BTreeMap::new();
    while feed.at() < newest {
        match next(feed).await {
            Some(News::Changed(changes)) => {
                heard.extend(changes.iter().map(|c| (c.item.clone(), c.revision)));
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
    heard
}

on_both_databases! {
    async fn a_listener_that_lags_behind_misses_nothing(database: TestDatabase) {
        let followed = Followed::new(&database).await;
        let mut slow = followed.live.subscribe(None).await.unwrap();
        let mut quick = followed.live.subscribe(None).await.unwrap();
        // More than is kept for anybody, each told of by itself.
        for n in 0..80 {
            followed.change(n % 40).await;
            let newest = followed.store.pulse().await.unwrap().revision;
            hear(&mut quick, newest).await;
        }
        let newest = followed.store.pulse().await.unwrap().revision;
        let heard = hear(&mut slow, newest).await;
        let all = followed.store.changes_after(Revision(0), 1000).await.unwrap();
        assert_eq!(heard.len(), 80);
        for change in all {
            assert_eq!(heard.get(&change.item), Some(&change.revision));
        }
    }

    async fn whoever_resumes_hears_each_item_once_with_its_newest_revision(database: TestDatabase) {
        let followed = Followed::new(&database).await;
        followed.change(1).await;
        let since = followed.store.pulse().await.unwrap().revision;
        for n in [2, 3, 2, 2] {
            followed.change(n).await;
        }
        let mut feed = followed.live.subscribe(Some(since)).await.unwrap();
        let newest = followed.store.pulse().await.unwrap().revision;
        let mut items = Vec::new();
        while feed.at() < newest {
            let Some(News::Changed(changes)) = next(&mut feed).await else { panic!("changes") };
            items.extend(changes.iter().map(|change| change.item.to_string()));
        }
        items.sort_unstable();
        assert_eq!(items, ["github:2", "github:3", "plane:2", "plane:3"]);
    }

    async fn a_database_that_went_back_is_said(database: TestDatabase) {
        let followed = Followed::new(&database).await;
        let mut feed = followed.live.subscribe(None).await.unwrap();
        followed.change(1).await;
        let newest = followed.store.pulse().await.unwrap().revision;
        hear(&mut feed, newest).await;
        if database.text.starts_with("sqlite") {
            let mut raw = sqlx::SqliteConnection::connect(&database.text).await.unwrap();
            sqlx::query("DELETE FROM work_item_changes").execute(&mut raw).await.unwrap();
        } else {
            let mut raw = sqlx::PgConnection::connect(&database.text).await.unwrap();
            sqlx::query("DELETE FROM ops.work_item_changes").execute(&mut raw).await.unwrap();
        }
        assert!(matches!(next(&mut feed).await, Some(News::Reset(Revision(0)))));
        let ahead = followed.live.subscribe(Some(newest)).await;
        assert!(matches!(ahead, Err(NoFeed::Ahead { newest: Revision(0) })), "{ahead:?}");
    }
}

#[tokio::test]
async fn there_is_room_for_so_many_and_it_is_given_back() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let followed = Followed::new(&database).await;
    let mut feeds = Vec::new();
    for _ in 0..MOST_FEEDS {
        feeds.push(followed.live.subscribe(None).await.unwrap());
    }
    assert!(matches!(followed.live.subscribe(None).await, Err(NoFeed::Full)));
    feeds.pop();
    feeds.push(followed.live.subscribe(None).await.unwrap());
    followed.stop.send(true).unwrap();
    for feed in &mut feeds {
        assert!(next(feed).await.is_none());
    }
    drop(feeds);
    followed.live.drained().await;
    followed.follower.await.unwrap();
}

#[tokio::test]
async fn programs_of_one_name_leave_room_for_pages_and_other_programs() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let followed = Followed::new(&database).await;
    let mut feeds = Vec::new();
    for _ in 0..MOST_OF_A_NAME {
        feeds.push(followed.live.subscribe_program("leaky", None).await.unwrap());
    }
    let refused = followed.live.subscribe_program("leaky", None).await.unwrap_err().to_string();
    assert!(refused.contains("leaky has 100 live connections open"), "{refused}");
    assert!(followed.live.subscribe_program("another", None).await.is_ok());
    assert!(followed.live.subscribe(None).await.is_ok());
    feeds.pop();
    assert!(followed.live.subscribe_program("leaky", None).await.is_ok(), "it is given back");
}

#[tokio::test]
async fn a_change_before_the_first_look_is_told_to_those_who_listened_by_then() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let store = Store::open(&database.url).await.unwrap();
    let (_stop, stopped) = watch::channel(false);
    let live = Live::new(store.clone(), stopped);
    let mut feed = live.subscribe(None).await.unwrap();
    link(&store, 1, "1", Clock::System.now(), None).await;
    let newest = store.pulse().await.unwrap().revision;
    let follower = tokio::spawn(live.follow());
    assert_eq!(hear(&mut feed, newest).await.len(), 2);
    follower.abort();
}
