//! Late, reordered and given-up work where no GitHub client tells the present state.

use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::ids::Lease;
use jetbridge::sim::github::{NewIssue, WebhookFault};
use jetbridge::sim::plane::{External, On, RequestFault};
use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::store::jobs::Stage;
use uuid::Uuid;

use crate::support::databases::Kind;
use crate::support::process::eventually;
use crate::world::{Asking, REPOSITORY, World};

async fn a_late_comment_is_mirrored(kind: Kind) {
    let world = World::with_slow_github(kind, Asking::Nobody).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Talk")).unwrap();
    let edited = ada.comment(REPOSITORY, 1, "First").unwrap();
    let deleted = ada.comment(REPOSITORY, 1, "Never mind").unwrap();
    world.settle().await;
    world.github.add_webhook_faults([WebhookFault::Lose; 3]);
    ada.comment(REPOSITORY, 1, "Second").unwrap();
    ada.edit_comment(REPOSITORY, edited, "First, edited").unwrap();
    ada.delete_comment(REPOSITORY, deleted).unwrap();
    world.github_clock.advance(Duration::from_secs(2));
    ada.retitle(REPOSITORY, 1, "Talk, retitled").unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).name, "Talk, retitled");
    assert_eq!(world.github.redeliver_failed(REPOSITORY, world.hook).unwrap(), 3);
    world.settle().await;
    world.assert_equal();
}

#[tokio::test]
async fn comments_told_later_than_a_newer_state_are_mirrored_on_sqlite() {
    a_late_comment_is_mirrored(Kind::Sqlite).await;
}

#[tokio::test]
async fn comments_told_later_than_a_newer_state_are_mirrored_on_postgresql() {
    a_late_comment_is_mirrored(Kind::Postgres).await;
}

async fn within_one_second_the_last_one_counts(kind: Kind) {
    let world = World::with_slow_github(kind, Asking::Nobody).await;
    let ada = world.github.acting_as("ada");
    for label in ["bug", "help"] {
        ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
    }
    world.settle().await;
    world.github.hold_webhooks();
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    ada.label(REPOSITORY, 1, "bug").unwrap();
    world.github.release_webhooks(|_| vec![1, 0]);
    world.settle().await;
    world.assert_equal();
    // The first of two meets an outage and comes again when the second is done.
    let later = RequestFault::RetryLater { status: 429, retry_after: Duration::from_secs(1) };
    world.plane.faults().next_requests(1, On::Any, later);
    ada.label(REPOSITORY, 1, "help").unwrap();
    world.github.settled().await;
    ada.unlabel(REPOSITORY, 1, "help").unwrap();
    world.settle().await;
    world.assert_equal();
    for delivery in world.store.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap() {
        let now = Clock::System.now();
        world.store.replay(delivery.source, &delivery.delivery_id, now).await.unwrap();
        world.settle().await;
        world.assert_equal();
    }
}

#[tokio::test]
async fn of_two_states_of_one_second_the_last_one_counts_on_sqlite() {
    within_one_second_the_last_one_counts(Kind::Sqlite).await;
}

#[tokio::test]
async fn of_two_states_of_one_second_the_last_one_counts_on_postgresql() {
    within_one_second_the_last_one_counts(Kind::Postgres).await;
}

#[tokio::test]
async fn what_takes_workers_down_is_given_up_without_asking_plane_again() {
    let mut world = World::new(Kind::Sqlite, Asking::Nobody).await;
    let later = RequestFault::RetryLater { status: 429, retry_after: Duration::from_secs(1) };
    world.plane.faults().next_requests(1, On::Any, later);
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    eventually("a job that waits for the quota", || async {
        let failed = world.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
        failed.first().is_some_and(|d| d.last_error.is_some())
    })
    .await;
    world.stop().await;
    let mut now = Clock::System.now();
    for _ in 0..20 {
        now += Duration::from_mins(1);
        let (lease, second) = (Lease(Uuid::new_v4()), Duration::from_secs(1));
        let claimed = world.store.claim_jobs(Stage::Sync, 10, lease, second, now).await.unwrap();
        assert_eq!(claimed.len(), 1);
        world.store.reap_leases(now + Duration::from_secs(10)).await.unwrap();
    }
    let asked = world.plane.requests().len();
    world.start().await;
    eventually("its end", || async {
        world.store.queue_stats(Clock::System.now()).await.unwrap().dead == 1
    })
    .await;
    let given_up = world.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    let error = given_up[0].last_error.clone().unwrap();
    assert!(error.contains("20 workers died or hung"), "{error}");
    assert_eq!(world.plane.requests().len(), asked, "Plane is left alone");
    let (source, id) = (given_up[0].source, given_up[0].delivery_id.clone());
    world.store.replay(source, &id, Clock::System.now()).await.unwrap();
    world.settle().await;
    world.assert_equal();
}

#[tokio::test]
async fn an_item_that_another_one_made_meanwhile_is_taken_over_and_put_right() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let slow = RequestFault::HangAfter(Duration::from_secs(2));
    // After the project's states, labels and members it is looked for.
    world.plane.faults().requests_after(3, 1, On::Reads, slow);
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("As it is on GitHub")).unwrap();
    eventually("it is looked for", || async {
        world.plane.requests().iter().any(|request| request.path.contains("external_id="))
    })
    .await;
    let person = world.plane.person("ada").unwrap();
    let other = person.create_item(world.project, "As it was once", "<p></p>").unwrap();
    let id = Some(world.issue(1).id.to_string());
    world.plane.set_external(other, External { id, source: Some("github".to_owned()) });
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).id, other);
    world.assert_equal();
}
