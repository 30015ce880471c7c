//! `kill -9` during the outage, at a start during the outage, and during the drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jetbridge::store::Store;

use crate::ledger::Accounts;
use crate::support::process::Served;
use crate::world::{Kill, World, drained, post_many, worked_off};

#[tokio::test]
async fn killed_during_the_outage_and_during_the_drain_it_loses_nothing_and_doubles_nothing() {
    let world = World::new();
    let mut accounts = Accounts::default();
    let (ids, served) = post_many(world.serve(), 100, Kill::Not).await;
    accounts.add("before the outage", ids);
    world.cluster.stop();
    let (ids, _) = post_many(served.unwrap(), 500, Kill::AtTheEnd).await;
    accounts.add("in the outage, then killed", ids);
    for _ in 0..2 {
        let (ids, _) = post_many(world.serve(), 300, Kill::AtTheEnd).await;
        accounts.add("started in the outage, then killed", ids);
    }
    world.cluster.restart();
    let store = world.store().await;
    let mut interrupted = 0;
    for _ in 0..4 {
        if world.files("segment").is_empty() {
            break;
        }
        let before = rows(&store).await;
        let served = world.serve();
        while rows(&store).await == before {
            tokio::task::yield_now().await;
        }
        served.kill();
        interrupted += usize::from(!world.files("segment").is_empty());
    }
    assert!(interrupted > 0, "no kill fell into the drain");
    let (ids, _) = post_many(world.serve(), 50, Kill::AtTheEnd).await;
    accounts.add("started after it, then killed", ids);
    let served = world.serve();
    drained(&served).await;
    worked_off(&store).await;
    assert!(world.files("segment").is_empty());
    println!("kills that fell into the drain: {interrupted}");
    accounts.balance(&store, 100 + 500 + 600 + 50).await;
}

async fn rows(store: &Store) -> i64 {
    store.delivery_counts().await.unwrap().iter().map(|c| c.count).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_and_started_again_and_again_under_load_it_loses_nothing_and_doubles_nothing() {
    let world = World::new();
    let mut accounts = Accounts::default();
    let mut served = world.serve();
    for _ in 0..3 {
        let (there, ids) = while_posting(served, || world.cluster.stop()).await;
        accounts.add("while it was stopped", ids);
        let (there, ids) = while_posting(there, || world.cluster.restart()).await;
        accounts.add("while it was started again", ids);
        served = there;
        drained(&served).await;
    }
    let store = world.store().await;
    worked_off(&store).await;
    accounts.balance(&store, 6 * 200).await;
}

/// Posts without a pause while something is done to the database, and a little longer.
async fn while_posting(served: Served, act: impl FnOnce()) -> (Served, Vec<String>) {
    let done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&done);
    let posting = tokio::spawn(async move {
        let (mut served, mut ids) = (served, Vec::new());
        loop {
            let last = seen.load(Ordering::SeqCst);
            let (more, there) = post_many(served, 100, Kill::Not).await;
            served = there.expect("it was not killed");
            ids.extend(more);
            if last {
                return (served, ids);
            }
        }
    });
    tokio::task::block_in_place(act);
    done.store(true, Ordering::SeqCst);
    posting.await.unwrap()
}
