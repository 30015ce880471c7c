//! What sub-issues do to work items.

use std::time::Duration;

use jetbridge::ids::WorkItemRef;
use jetbridge::sim::github::{NewIssue, WebhookFault};
use jetbridge::sim::plane::{On, RequestFault};
use uuid::Uuid;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

/// Until everything is carried over. What happens next happens in another second.
async fn settle(world: &World) {
    world.settle().await;
    world.github_clock.advance(Duration::from_secs(1));
}

fn open(world: &World, title: &str) -> u64 {
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled(title)).unwrap()
}

fn put_under(world: &World, child: u64, parent: u64) {
    let ada = world.github.acting_as("ada");
    ada.add_sub_issue((REPOSITORY, parent), (REPOSITORY, child)).unwrap();
}

fn item(world: &World, issue: u64) -> Uuid {
    world.twin(&world.issue(issue)).id
}

/// The number of the issue whose item an issue's item is under.
fn above(world: &World, issue: u64) -> Option<u64> {
    let parent = world.twin(&world.issue(issue)).parent?;
    let issues = world.github.issues(REPOSITORY).unwrap();
    let numbers = issues.into_iter().map(|issue| issue.number);
    let found = numbers.filter(|number| item(world, *number) == parent).last();
    Some(found.unwrap_or_else(|| panic!("{parent} is no twin")))
}

async fn said(world: &World, issue: u64) -> String {
    let item = WorkItemRef::new(format!("github:{}", world.issue(issue).id));
    let timeline = world.store.item_timeline(&item, 100).await.unwrap();
    timeline.into_iter().map(|entry| entry.reason).collect::<Vec<_>>().join("\n")
}

async fn an_item_goes_under_that_of_its_parent(kind: Kind, asking: Asking) {
    let world = World::with_slow_github(kind, asking).await;
    let (one, other, child) = (open(&world, "Epic"), open(&world, "Other"), open(&world, "Part"));
    settle(&world).await;
    put_under(&world, child, one);
    settle(&world).await;
    assert_eq!(above(&world, child), Some(one));
    let words = said(&world, child).await;
    assert!(words.contains("put the work item under octo/hello#1"), "{words}");
    let writes = world.writes();
    world.github.acting_as("ada").comment(REPOSITORY, child, "Soon").unwrap();
    settle(&world).await;
    assert_eq!(world.writes(), writes + 1, "nothing but the comment");
    world.github.acting_as("ada").remove_sub_issue(REPOSITORY, child).unwrap();
    settle(&world).await;
    assert_eq!(above(&world, child), None);
    put_under(&world, child, other);
    settle(&world).await;
    assert_eq!(above(&world, child), Some(other));
    assert!(said(&world, child).await.contains("take the work item off its parent"));
}

#[tokio::test]
async fn an_item_goes_under_that_of_its_parent_as_webhooks_tell_it() {
    an_item_goes_under_that_of_its_parent(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn an_item_goes_under_that_of_its_parent_as_github_tells_it() {
    an_item_goes_under_that_of_its_parent(Kind::Postgres, Asking::Rest).await;
}

async fn in_any_order_the_items_end_under_their_parents(kind: Kind, asking: Asking) {
    let arrangements: [fn(Vec<usize>) -> Vec<usize>; 3] = [
        |order| order.into_iter().rev().collect(),
        |order| order.iter().copied().filter(|n| n % 2 == 1).chain(order.clone()).collect(),
        |mut order| {
            let first = order.remove(0);
            order.push(first);
            order
        },
    ];
    for arrange in arrangements {
        let world = World::with_slow_github(kind, asking).await;
        world.github.hold_webhooks();
        let (epic, part, detail) =
            (open(&world, "Epic"), open(&world, "Part"), open(&world, "Detail"));
        world.github_clock.advance(Duration::from_secs(1));
        put_under(&world, part, epic);
        put_under(&world, detail, part);
        world.github.release_webhooks(arrange);
        settle(&world).await;
        assert_eq!((above(&world, part), above(&world, detail)), (Some(epic), Some(part)));
        let writes = world.writes();
        world.github.redeliver_failed(REPOSITORY, world.hook).unwrap();
        settle(&world).await;
        assert_eq!(world.writes(), writes, "a second run writes nothing");
        let words = said(&world, part).await;
        assert!(words.contains("put the work item under octo/hello#1"), "{words}");
    }
}

#[tokio::test]
async fn in_any_order_the_items_end_under_their_parents_as_webhooks_tell_it() {
    in_any_order_the_items_end_under_their_parents(Kind::Postgres, Asking::Nobody).await;
}

#[tokio::test]
async fn in_any_order_the_items_end_under_their_parents_as_github_tells_it() {
    in_any_order_the_items_end_under_their_parents(Kind::Sqlite, Asking::Rest).await;
}

#[tokio::test]
async fn a_parent_that_a_person_chose_in_plane_stays() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    let (epic, child) = (open(&world, "Epic"), open(&world, "Part"));
    settle(&world).await;
    let grace = world.plane.person("grace").unwrap();
    let own = grace.create_item(world.project, "Theme", "<p>Own</p>").unwrap();
    grace.put_under(item(&world, child), Some(own)).unwrap();
    put_under(&world, child, epic);
    settle(&world).await;
    assert_eq!(world.twin(&world.issue(child)).parent, Some(own));
    let words = said(&world, child).await;
    assert!(words.contains("stays under the parent that was chosen in Plane"), "{words}");
    world.github.acting_as("ada").remove_sub_issue(REPOSITORY, child).unwrap();
    settle(&world).await;
    assert_eq!(world.twin(&world.issue(child)).parent, Some(own));
}

#[tokio::test]
async fn what_a_person_took_off_its_parent_is_not_put_back() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Nobody).await;
    let (epic, child) = (open(&world, "Epic"), open(&world, "Part"));
    put_under(&world, child, epic);
    settle(&world).await;
    assert_eq!(above(&world, child), Some(epic));
    world.plane.person("grace").unwrap().put_under(item(&world, child), None).unwrap();
    world.github.acting_as("ada").retitle(REPOSITORY, child, "A part").unwrap();
    world.github.acting_as("ada").retitle(REPOSITORY, epic, "An epic").unwrap();
    settle(&world).await;
    assert_eq!(above(&world, child), None);
}

#[tokio::test]
async fn a_parent_outside_of_the_project_is_told() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    world.github.add_repository("octo/other").unwrap();
    let ada = world.github.acting_as("ada");
    let elsewhere = ada.open_issue("octo/other", &NewIssue::titled("Epic")).unwrap();
    let child = open(&world, "Part");
    ada.add_sub_issue(("octo/other", elsewhere), (REPOSITORY, child)).unwrap();
    settle(&world).await;
    assert_eq!(world.twin(&world.issue(child)).parent, None);
    let words = said(&world, child).await;
    assert!(words.contains("its parent octo/other#1 is not kept in this project"), "{words}");
}

#[tokio::test]
async fn people_who_made_it_the_other_way_round_are_told_and_no_circle_is_made() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Nobody).await;
    let (epic, child) = (open(&world, "Epic"), open(&world, "Part"));
    settle(&world).await;
    let grace = world.plane.person("grace").unwrap();
    grace.put_under(item(&world, epic), Some(item(&world, child))).unwrap();
    put_under(&world, child, epic);
    settle(&world).await;
    assert_eq!((above(&world, epic), above(&world, child)), (Some(child), None));
    let words = said(&world, child).await;
    assert!(words.contains("is below this one in Plane"), "{words}");
}

async fn a_lost_webhook_is_made_good_by_what_the_issue_says(kind: Kind) {
    let world = World::with_slow_github(kind, Asking::Rest).await;
    let (epic, child) = (open(&world, "Epic"), open(&world, "Part"));
    settle(&world).await;
    let asked = || {
        let all = world.github.requests();
        all.iter().filter(|request| request.target.ends_with("/parent")).count()
    };
    assert_eq!(asked(), 0, "nothing hints at a parent");
    world.github.add_webhook_faults([WebhookFault::Lose, WebhookFault::Lose]);
    put_under(&world, child, epic);
    settle(&world).await;
    assert_eq!(above(&world, child), None);
    world.github.acting_as("ada").retitle(REPOSITORY, child, "A part").unwrap();
    settle(&world).await;
    assert_eq!((above(&world, child), asked()), (Some(epic), 1));
    world.github.acting_as("ada").retitle(REPOSITORY, child, "The part").unwrap();
    settle(&world).await;
    assert_eq!(asked(), 1, "it is known by then");
    world.github.add_webhook_faults([WebhookFault::Lose, WebhookFault::Lose]);
    world.github.acting_as("ada").remove_sub_issue(REPOSITORY, child).unwrap();
    settle(&world).await;
    world.github.acting_as("ada").retitle(REPOSITORY, child, "No part").unwrap();
    settle(&world).await;
    assert_eq!((above(&world, child), asked()), (None, 2));
}

#[tokio::test]
async fn a_lost_webhook_is_made_good_by_what_the_issue_says_on_sqlite() {
    a_lost_webhook_is_made_good_by_what_the_issue_says(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_lost_webhook_is_made_good_by_what_the_issue_says_on_postgresql() {
    a_lost_webhook_is_made_good_by_what_the_issue_says(Kind::Postgres).await;
}

#[tokio::test]
async fn a_parent_whose_answer_was_lost_is_known_to_be_our_doing() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    let (epic, child) = (open(&world, "Epic"), open(&world, "Part"));
    settle(&world).await;
    world.plane.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    put_under(&world, child, epic);
    settle(&world).await;
    assert_eq!(above(&world, child), Some(epic));
    world.github.acting_as("ada").remove_sub_issue(REPOSITORY, child).unwrap();
    settle(&world).await;
    assert_eq!(above(&world, child), None);
}

#[tokio::test]
async fn a_parent_that_plane_did_not_take_at_first_is_set_by_the_next_attempt() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    let (epic, child) = (open(&world, "Epic"), open(&world, "Part"));
    settle(&world).await;
    for fault in [RequestFault::Status(500), RequestFault::CutBefore] {
        world.plane.faults().next_requests(1, On::Writes, fault);
        put_under(&world, child, epic);
        settle(&world).await;
        assert_eq!(above(&world, child), Some(epic));
        world.plane.faults().next_requests(1, On::Writes, fault);
        world.github.acting_as("ada").remove_sub_issue(REPOSITORY, child).unwrap();
        settle(&world).await;
        assert_eq!(above(&world, child), None);
    }
}
