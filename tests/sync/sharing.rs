//! Several processes with one key and one `PostgreSQL` keep to one limit.

use std::sync::Arc;
use std::time::Duration;

use jetbridge::clients::plane::{PlaneClient, Refusal};
use jetbridge::clock::Clock;
use jetbridge::config::Secrets;
use jetbridge::quota::{Class, Remote};
use jetbridge::sim::plane::{On, RequestFault, SimPlane, SimPlaneConfig};
use jetbridge::store::Store;
use tokio::task::JoinSet;

use crate::support::databases::{Kind, TestDatabase};

const PATIENCE: Duration = Duration::from_secs(10);

/// What one process has.
struct Process {
    client: PlaneClient,
    _store: Store,
}

async fn process(database: &TestDatabase, plane: &SimPlane, clock: &Clock) -> Process {
    let store = Store::open(&database.url).await.unwrap();
    let key = Secrets::new([plane.api_key()]);
    let client = PlaneClient::new(&plane.api_url(), &plane.workspace(), &key, PATIENCE);
    let client = client.unwrap().unwrap().with_clock(clock.clone());
    let account = store.account(Remote::Plane, &client.account_name(), clock);
    Process { client: client.sharing(account), _store: store }
}

async fn two_processes(plane: SimPlaneConfig) -> (SimPlane, [Process; 2], TestDatabase, Clock) {
    let clock = plane.clock.clone();
    let plane = SimPlane::start(plane.with_project("SYNC", "Sync")).await.unwrap();
    let database = TestDatabase::new(Kind::Postgres).await;
    let one = process(&database, &plane, &clock).await;
    let other = process(&database, &plane, &clock).await;
    (plane, [one, other], database, clock)
}

fn config() -> SimPlaneConfig {
    let clock = Clock::manual("2026-11-22T00:00:00Z".parse().unwrap());
    SimPlaneConfig::default().with_clock(clock).with_rate_limit(20)
}

#[tokio::test]
async fn two_processes_on_one_database_never_exceed_the_one_limit() {
    let (plane, processes, _database, clock) = two_processes(config()).await;
    let mut granted = [0_usize; 2];
    for _ in 0..30 {
        let mut asking = JoinSet::new();
        for at in 0..12 {
            let class = Class::ALL[at % 4];
            let client = processes[at % 2].client.clone().in_class(class);
            asking.spawn(async move { (at % 2, client.fetch_me().await) });
        }
        while let Some(asked) = asking.join_next().await {
            match asked.unwrap() {
                (at, Ok(_)) => granted[at] += 1,
                (_, Err(Refusal::Quota { .. } | Refusal::Waiting { .. })) => {}
                (_, Err(other)) => panic!("{other:?}"),
            }
        }
        clock.advance(Duration::from_secs(5));
    }
    let refused = plane.requests().iter().filter(|r| r.status == Some(429)).count();
    assert_eq!(refused, 0, "of {} requests", plane.requests().len());
    // Two and a half minutes of twenty.
    let all = granted[0] + granted[1];
    assert!((40..=60).contains(&all), "{granted:?}: the quota is used, and not more of it");
    assert!(granted.iter().all(|each| *each > 5), "both have their part: {granted:?}");
}

#[tokio::test]
async fn what_is_left_for_a_live_change_is_left_by_all_processes() {
    let (_plane, [one, other], _database, _clock) = two_processes(config()).await;
    let backfill = one.client.clone().in_class(Class::Backfill);
    let mut old = 0;
    while backfill.fetch_me().await.is_ok() {
        old += 1;
    }
    assert_eq!(old, 10, "half of it");
    for live in 0..10 {
        other.client.fetch_me().await.unwrap_or_else(|e| panic!("live change {live}: {e:?}"));
    }
    assert!(matches!(other.client.fetch_me().await, Err(Refusal::Quota { .. })));
}

#[tokio::test]
async fn one_process_finds_out_that_plane_is_away_for_all() {
    let (plane, [one, other], _database, clock) = two_processes(config()).await;
    plane.faults().next_requests(5, On::Any, RequestFault::Status(502));
    for _ in 0..5 {
        one.client.fetch_me().await.unwrap_err();
    }
    let waiting = other.client.fetch_me().await.unwrap_err();
    assert!(matches!(waiting, Refusal::Waiting { .. }), "{waiting:?}");
    assert_eq!(plane.requests().len(), 5, "the other one did not ask");
    clock.advance(Duration::from_secs(11));
    other.client.fetch_me().await.unwrap();
    one.client.fetch_me().await.unwrap();
}

#[tokio::test]
async fn all_clients_of_a_process_have_one_account_on_sqlite_too() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let store = Arc::new(Store::open(&database.url).await.unwrap());
    let clock = Clock::System;
    let mut known = Vec::new();
    for store in [Arc::clone(&store), store] {
        let mut left = None;
        let mut ask = |account: &mut jetbridge::quota::Account| {
            let now = clock.now();
            account.ask(Class::Live, jetbridge::quota::Kind::Read, now).unwrap();
            left = account.left(now);
        };
        store.account(Remote::Plane, "plane-1", &clock).change(&mut ask).await.unwrap();
        known.push(left.unwrap());
    }
    assert_eq!(known, [59, 58]);
}
