//! Whose turn it is at the other side's quota, and what happens while the other side is away.

use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::ids::{DeliveryId, Lease};
use jetbridge::quota::Class;
use jetbridge::sim::github::NewIssue;
use jetbridge::sim::plane::{On, RequestFault, SimPlaneConfig};
use jetbridge::sources::Source;
use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::store::jobs::{ClaimedJob, Replayed, Stage};
use jetbridge::store::turns::Serving;
use uuid::Uuid;

use crate::quota::worker;
use crate::support::databases::{Kind, by_hand};
use crate::world::{Asking, REPOSITORY, World};

/// A world in which nobody works, with so many new issues that are read and not carried over.
async fn backlog(kind: Kind, plane: SimPlaneConfig, issues: usize, clock: &Clock) -> World {
    let mut world = World::with_plane(kind, Asking::Nobody, plane).await;
    world.receive_only().await;
    for number in 1..=issues {
        let issue = NewIssue::titled(format!("Crash {number}"));
        world.github.acting_as("ada").open_issue(REPOSITORY, &issue).unwrap();
    }
    world.github.settled().await;
    // Past the time at which the last of them came.
    let behind = Clock::System.now() + Duration::from_secs(1) - clock.now();
    clock.advance(behind.to_std().unwrap_or_default());
    worker(&world, Stage::Read, clock).work_off_due().await;
    world
}

fn soon() -> Clock {
    Clock::manual(Clock::System.now() + Duration::from_secs(1))
}

async fn classify(world: &World, sql: &str) {
    by_hand(world.database_text(), sql).await;
}

async fn claim(world: &World, up_to: Class, clock: &Clock) -> Vec<ClaimedJob> {
    let (lease, minute) = (Lease(Uuid::new_v4()), Duration::from_mins(1));
    let serving = Serving { up_to, ..Serving::all() };
    let now = clock.now();
    world.store.claim_serving(serving, Stage::Sync, 9, lease, minute, now).await.unwrap()
}

async fn classes_in_turn(kind: Kind) {
    let clock = soon();
    let world = backlog(kind, SimPlaneConfig::default(), 4, &clock).await;
    // The oldest is the last one's.
    classify(&world, "UPDATE work_queue SET class = 4 - (SELECT COUNT(*) FROM work_queue o WHERE o.id <= work_queue.id)").await;
    assert_eq!(claim(&world, Class::Live, &clock).await[0].class, Class::Live);
    assert_eq!(claim(&world, Class::Live, &clock).await.len(), 0, "the others are not live");
    let mut turns = Vec::new();
    for _ in 0..3 {
        turns.extend(claim(&world, Class::Backfill, &clock).await.iter().map(|job| job.class));
    }
    assert_eq!(turns, [Class::Replay, Class::Reconcile, Class::Backfill]);
}

#[tokio::test]
async fn who_comes_first_is_carried_over_first_however_late_it_came_on_sqlite() {
    classes_in_turn(Kind::Sqlite).await;
}

#[tokio::test]
async fn who_comes_first_is_carried_over_first_however_late_it_came_on_postgresql() {
    classes_in_turn(Kind::Postgres).await;
}

async fn a_backfill_and_a_live_change(kind: Kind) {
    let clock = soon();
    let plane = SimPlaneConfig::default().with_clock(clock.clone()).with_rate_limit(60);
    let mut world = backlog(kind, plane, 30, &clock).await;
    classify(&world, "UPDATE work_queue SET class = 3").await;
    let sync = worker(&world, Stage::Sync, &clock);
    let first = sync.work_off_due().await;
    assert!((3..30).contains(&first), "{first} of 30 were begun");
    let asked = world.plane.requests().len();
    assert!((15..=30).contains(&asked), "half of a minute is left: {asked} of 60");
    assert_eq!(sync.work_off_due().await, 0, "all of them wait");
    // Somebody makes a change now, in an issue that was not carried over yet.
    let newest = "SELECT MAX(id) FROM work_queue WHERE stage = 'sync' AND status = 'queued'";
    classify(&world, &format!("UPDATE work_queue SET class = 0 WHERE id = ({newest})")).await;
    assert_eq!(sync.work_off_due().await, 1, "it does not wait");
    for _ in 0..30 {
        clock.advance(Duration::from_secs(31));
        sync.work_off_due().await;
    }
    assert!(world.plane.requests().iter().all(|request| request.status != Some(429)));
    world.assert_nothing_failed().await;
    world.assert_equal();
    world.stop().await;
}

#[tokio::test]
async fn backfill_leaves_half_of_the_quota_and_a_live_change_goes_at_once_on_sqlite() {
    a_backfill_and_a_live_change(Kind::Sqlite).await;
}

#[tokio::test]
async fn backfill_leaves_half_of_the_quota_and_a_live_change_goes_at_once_on_postgresql() {
    a_backfill_and_a_live_change(Kind::Postgres).await;
}

async fn an_outage_of_plane(kind: Kind) {
    let clock = soon();
    let world = backlog(kind, SimPlaneConfig::default(), 3, &clock).await;
    world.plane.faults().next_requests(usize::MAX, On::Any, RequestFault::Status(502));
    let sync = worker(&world, Stage::Sync, &clock);
    for _ in 0..200 {
        sync.work_off_due().await;
        clock.advance(Duration::from_millis(50));
    }
    let asked = world.plane.requests();
    // Five until it was taken to be away, then one question for all each time.
    let probes = asked.iter().filter(|request| request.path.ends_with("/users/me/")).count();
    assert_eq!(asked.len() - probes, 5, "nothing else is asked");
    assert!(probes > 10, "{probes} questions");
    let deliveries = world.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    let attempts: Vec<_> = deliveries.iter().map(|delivery| delivery.attempts).collect();
    assert!(attempts.iter().sum::<i64>() <= 3 + 5, "an outage is no attempt: {attempts:?}");
    world.assert_nothing_failed().await;
    world.plane.faults().clear();
    for _ in 0..10 {
        clock.advance(Duration::from_millis(500));
        sync.work_off_due().await;
    }
    world.assert_equal();
}

#[tokio::test]
async fn jobs_wait_for_a_plane_that_is_away_without_using_up_attempts_on_sqlite() {
    an_outage_of_plane(Kind::Sqlite).await;
}

#[tokio::test]
async fn jobs_wait_for_a_plane_that_is_away_without_using_up_attempts_on_postgresql() {
    an_outage_of_plane(Kind::Postgres).await;
}

#[tokio::test]
async fn what_always_fails_is_dead_while_the_rest_of_plane_answers() {
    let clock = soon();
    let world = backlog(Kind::Sqlite, SimPlaneConfig::default(), 2, &clock).await;
    world.plane.faults().next_requests(usize::MAX, On::Writes, RequestFault::Status(500));
    let sync = worker(&world, Stage::Sync, &clock);
    for _ in 0..200 {
        sync.work_off_due().await;
        clock.advance(Duration::from_millis(50));
    }
    let queue = world.store.queue_stats(clock.now()).await.unwrap();
    assert_eq!((queue.dead, queue.queued), (2, 0), "both have had their attempts");
}

async fn run_again(kind: Kind) {
    let clock = soon();
    let world = backlog(kind, SimPlaneConfig::default(), 1, &clock).await;
    worker(&world, Stage::Sync, &clock).work_off_due().await;
    let deliveries = world.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    let github = deliveries.iter().find(|d| d.source == Source::Github).unwrap();
    let id: &DeliveryId = &github.delivery_id;
    let replayed = world.store.replay(Source::Github, id, clock.now()).await.unwrap();
    assert_eq!(replayed, Replayed::Queued);
    worker(&world, Stage::Read, &clock).work_off_due().await;
    assert_eq!(claim(&world, Class::Live, &clock).await.len(), 0);
    assert_eq!(claim(&world, Class::Replay, &clock).await[0].class, Class::Replay);
}

#[tokio::test]
async fn what_is_run_again_comes_after_what_happens_now_on_sqlite() {
    run_again(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_is_run_again_comes_after_what_happens_now_on_postgresql() {
    run_again(Kind::Postgres).await;
}
