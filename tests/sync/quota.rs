//! A quota that is used up: nothing is begun that could only be refused, and nothing piles up.

use std::sync::Arc;
use std::time::Duration;

use jetbridge::app::outside::issue_sync;
use jetbridge::clock::Clock;
use jetbridge::jobs::directory::Directory;
use jetbridge::jobs::process_delivery::{PlaneAddress, Processor};
use jetbridge::metrics::Metrics;
use jetbridge::queue::Wake;
use jetbridge::queue::worker::Worker;
use jetbridge::sim::github::NewIssue;
use jetbridge::sim::plane::{On, RequestFault};
use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::store::jobs::Stage;
use jetbridge::timeline::EntryOutcome;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

/// How long Plane refuses everything.
const REFUSED: Duration = Duration::from_mins(10);

/// A worker that works off what is due when it is told to.
pub fn worker(world: &World, stage: Stage, clock: &Clock) -> Worker {
    let (store, wake) = (world.store.clone(), Wake::default());
    let processor = Processor {
        store: store.clone(),
        clock: clock.clone(),
        directory: Directory::new(None, store.clone(), clock.clone()),
        plane: PlaneAddress::default(),
        sync: issue_sync(&world.config, &store, clock),
        wake: wake.clone(),
        policy: world.config.retry,
        chance: || 1.0,
        metrics: Arc::new(Metrics::default()),
    };
    let processor = Arc::new(processor);
    Worker { stage, store, clock: clock.clone(), wake, processor, concurrency: 1 }
}

/// What waits stands so often on the timelines of all deliveries.
async fn waits(world: &World) -> usize {
    let mut waits = 0;
    for delivery in world.store.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap() {
        let told = world.store.delivery_timeline(delivery.source, &delivery.delivery_id);
        let told = told.await.unwrap();
        waits += told.iter().filter(|entry| entry.outcome == EntryOutcome::Waiting).count();
    }
    waits
}

fn refuse_everything(world: &World) {
    let later = RequestFault::RetryLater { status: 429, retry_after: REFUSED };
    world.plane.faults().next_requests(1, On::Any, later);
}

async fn a_backlog_waits(kind: Kind) {
    let mut world = World::new(kind, Asking::Rest).await;
    world.receive_only().await;
    for number in 1..=6 {
        let issue = NewIssue::titled(format!("Crash {number}"));
        world.github.acting_as("ada").open_issue(REPOSITORY, &issue).unwrap();
    }
    world.github.settled().await;
    let clock = Clock::manual(Clock::System.now() + Duration::from_secs(1));
    worker(&world, Stage::Read, &clock).work_off_due().await;
    let sync = worker(&world, Stage::Sync, &clock);
    refuse_everything(&world);
    assert_eq!(sync.work_off_due().await, 1, "one finds out");
    assert_eq!(world.github.requests().len(), 2, "its issue and its comments");
    assert_eq!(sync.work_off_due().await, 0);
    assert_eq!(waits(&world).await, 1);
    // The others are first now, and of those that go on another one meets the end of the quota.
    clock.advance(REFUSED + Duration::from_secs(2));
    refuse_everything(&world);
    assert_eq!(sync.work_off_due().await, 1);
    clock.advance(REFUSED + Duration::from_secs(2));
    sync.work_off_due().await;
    world.assert_equal();
}

#[tokio::test]
async fn what_could_only_be_refused_is_not_begun_on_sqlite() {
    a_backlog_waits(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_could_only_be_refused_is_not_begun_on_postgresql() {
    a_backlog_waits(Kind::Postgres).await;
}

async fn one_job_waits_long(kind: Kind) {
    let mut world = World::new(kind, Asking::Rest).await;
    world.receive_only().await;
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    world.github.settled().await;
    let clock = Clock::manual(Clock::System.now() + Duration::from_secs(1));
    worker(&world, Stage::Read, &clock).work_off_due().await;
    let sync = worker(&world, Stage::Sync, &clock);
    for _ in 0..3 {
        refuse_everything(&world);
        assert_eq!(sync.work_off_due().await, 1);
        clock.advance(REFUSED + Duration::from_secs(2));
    }
    assert_eq!(waits(&world).await, 1, "it is told once that it waits");
    sync.work_off_due().await;
    world.assert_equal();
}

#[tokio::test]
async fn a_job_that_waits_again_and_again_is_told_of_once_on_sqlite() {
    one_job_waits_long(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_job_that_waits_again_and_again_is_told_of_once_on_postgresql() {
    one_job_waits_long(Kind::Postgres).await;
}
