//! What the other side does to us: refusals, quotas, lost answers, duplicates.

use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::ids::Lease;
use jetbridge::sim::github::NewIssue;
use jetbridge::sim::plane::{On, RequestFault, SimPlaneConfig};

use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::store::links::{Held, LinkKey};
use uuid::Uuid;

use crate::support::databases::Kind;
use crate::support::process::eventually;
use crate::world::{Asking, REPOSITORY, World};

fn open(world: &World) {
    let issue = NewIssue::titled("Crash").with_body("It crashes");
    world.github.acting_as("ada").open_issue(REPOSITORY, &issue).unwrap();
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_item() {
    let world = World::new(Kind::Sqlite, Asking::Nobody).await;
    world.plane.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    open(&world);
    world.settle().await;
    world.assert_equal();
}

#[tokio::test]
async fn errors_are_tried_again_and_waiting_for_the_quota_is_no_attempt() {
    let world = World::new(Kind::Postgres, Asking::Nobody).await;
    world.plane.faults().next_requests(2, On::Any, RequestFault::Status(502));
    let later = RequestFault::RetryLater { status: 429, retry_after: Duration::from_secs(1) };
    world.plane.faults().requests_after(2, 3, On::Any, later);
    open(&world);
    world.settle().await;
    world.assert_equal();
    let delivery = &world.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    let github = delivery.iter().find(|d| d.source.as_str() == "github").unwrap();
    assert!(github.attempts <= 3, "{} attempts", github.attempts);
}

#[tokio::test]
async fn what_plane_will_never_take_is_dead_at_once_and_replayable() {
    let world = World::new(Kind::Sqlite, Asking::Nobody).await;
    world.plane.faults().next_requests(1, On::Writes, RequestFault::Status(405));
    open(&world);
    eventually("a dead job", || async {
        world.store.queue_stats(Clock::System.now()).await.unwrap().dead == 1
    })
    .await;
    let failed = world.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
    let failed = failed.into_iter().find(|d| d.source.as_str() == "github").unwrap();
    assert_eq!(failed.attempts, 1);
    assert!(failed.last_error.unwrap().contains("405"));
    let now = Clock::System.now();
    world.store.replay(failed.source, &failed.delivery_id, now).await.unwrap();
    world.settle().await;
    world.assert_equal();
}

#[tokio::test]
async fn an_item_that_plane_no_longer_has_is_not_made_again() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    open(&world);
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    world.plane.person("ada").unwrap().delete_item(item).unwrap();
    world.github.acting_as("ada").retitle(REPOSITORY, 1, "Again?").unwrap();
    world.settle().await;
    assert!(world.twins().is_empty());
}

#[tokio::test]
async fn two_items_for_one_issue_are_never_made_by_a_burst() {
    let plane =
        SimPlaneConfig { race_window: Duration::from_millis(50), ..SimPlaneConfig::default() };
    let world = World::with_plane(Kind::Sqlite, Asking::Nobody, plane).await;
    let ada = world.github.acting_as("ada");
    ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    open(&world);
    for text in ["one", "two", "three"] {
        ada.label(REPOSITORY, 1, "bug").unwrap();
        ada.comment(REPOSITORY, 1, text).unwrap();
        ada.unlabel(REPOSITORY, 1, "bug").unwrap();
    }
    world.settle().await;
    world.assert_equal();
}

#[tokio::test]
async fn what_a_person_does_between_a_lost_answer_and_the_next_try_stays() {
    let world = World::new(Kind::Sqlite, Asking::Nobody).await;
    world.plane.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    // After the project's three parts and the search comes the next try's question.
    let later = RequestFault::RetryLater { status: 429, retry_after: Duration::from_secs(2) };
    world.plane.faults().requests_after(4, 1, On::Reads, later);
    open(&world);
    eventually("an item whose answer was lost", || async { !world.twins().is_empty() }).await;
    let item = world.twin(&world.issue(1)).id;
    world.plane.person("grace").unwrap().edit_title(item, "Theirs").unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).name, "Theirs", "GitHub's title did not change");
}

#[tokio::test]
async fn a_link_is_held_for_longer_with_every_write() {
    let world = World::new(Kind::Sqlite, Asking::Nobody).await;
    let slow = RequestFault::HangBefore(Duration::from_secs(3));
    world.plane.faults().next_requests(1, On::Reads, slow);
    world.plane.faults().next_requests(1, On::Writes, slow);
    open(&world);
    eventually("a question", || async { !world.plane.requests().is_empty() }).await;
    // Held since then at the latest; the write comes three seconds later.
    let end_of_the_first_hold = Clock::System.now() + Duration::from_secs(30);
    eventually("a write", || async { !world.plane.writes().is_empty() }).await;
    let key = LinkKey {
        repository: REPOSITORY.to_owned(),
        github_issue: world.issue(1).id,
        number: 1,
        plane_project: world.project.to_string(),
        plane_workspace: None,
    };
    let (other, now) = (Lease(Uuid::new_v4()), end_of_the_first_hold);
    let held = world.store.hold_link(&key, other, now + Duration::from_secs(1), now).await;
    assert_eq!(held.unwrap(), Held::Busy);
    world.settle().await;
    world.assert_equal();
}
