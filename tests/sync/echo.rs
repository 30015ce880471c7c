//! What Plane's webhooks say of our own writing, and of people's.

use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::sim::github::{NewIssue, WebhookFault as WebhookFaultOfGithub};
use jetbridge::sim::plane::WebhookFault;
use jetbridge::sources::Source;
use jetbridge::store::deliveries::{Delivery, DeliveryFilter};

use crate::support::databases::Kind;
use crate::support::process::eventually;
use crate::world::{Asking, REPOSITORY, World};

const OURS: &str = "as Jetbridge wrote it";

/// What came of Plane's webhooks about work items, the newest first.
async fn told(world: &World) -> Vec<Delivery> {
    let plane = DeliveryFilter { source: Some(Source::Plane), ..DeliveryFilter::default() };
    let mut all = world.store.deliveries(&plane, None, 1000).await.unwrap();
    all.retain(|delivery| delivery.event_type.starts_with("issue."));
    all
}

fn result(delivery: &Delivery) -> &str {
    delivery.result.as_deref().unwrap_or_default()
}

async fn linked(kind: Kind) -> World {
    let world = World::new(kind, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    // Nobody tells of the label, so that the issue brings it.
    world.github.settled().await;
    world.github.add_webhook_faults([WebhookFaultOfGithub::Lose]);
    ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    let issue = NewIssue::titled("Crash").with_body("It *crashes*").with_labels(["bug"]);
    ada.open_issue(REPOSITORY, &issue).unwrap();
    world.settle().await;
    world
}

async fn our_own_writing_is_an_echo(kind: Kind) {
    let world = linked(kind).await;
    let ada = world.github.acting_as("ada");
    let late = WebhookFault::Delay(Duration::from_millis(300));
    for fault in [WebhookFault::Duplicate, WebhookFault::AfterNext, late] {
        world.plane.faults().next_webhooks(1, fault);
    }
    ada.retitle(REPOSITORY, 1, "Crash, again").unwrap();
    ada.rewrite(REPOSITORY, 1, "It crashes *again*").unwrap();
    ada.assign(REPOSITORY, 1, "grace").unwrap();
    world.settle().await;
    ada.retitle(REPOSITORY, 1, "Crash").unwrap();
    ada.unlabel(REPOSITORY, 1, "bug").unwrap();
    world.settle().await;
    let all = told(&world).await;
    assert!(all.len() >= 4, "{} webhooks", all.len());
    for delivery in &all {
        world
            .store
            .replay(Source::Plane, &delivery.delivery_id, Clock::System.now())
            .await
            .unwrap();
    }
    for delivery in all.iter().chain(&{
        world.settle().await;
        told(&world).await
    }) {
        assert!(result(delivery).ends_with(&format!("; {OURS}")), "{}", result(delivery));
    }
}

#[tokio::test]
async fn webhooks_of_our_own_writes_are_told_as_such_in_any_order_on_sqlite() {
    our_own_writing_is_an_echo(Kind::Sqlite).await;
}

#[tokio::test]
async fn webhooks_of_our_own_writes_are_told_as_such_in_any_order_on_postgresql() {
    our_own_writing_is_an_echo(Kind::Postgres).await;
}

async fn a_persons_edit_is_a_change(kind: Kind) {
    let world = linked(kind).await;
    let item = world.twin(&world.issue(1)).id;
    let grace = world.plane.person("grace").unwrap();
    grace.edit_title(item, "Theirs").unwrap();
    world.settle().await;
    let newest = &told(&world).await[0];
    assert!(result(newest).ends_with("; not as Jetbridge wrote it: title"), "{}", result(newest));
    // Ours and theirs in one: webhooks carry what Plane has when they are sent.
    world.plane.faults().pause_webhooks();
    world.github.acting_as("ada").rewrite(REPOSITORY, 1, "Ours").unwrap();
    eventually("our write", || async {
        world.plane.item(item).unwrap().description_html.contains("Ours")
    })
    .await;
    grace.assign(item, &[grace.id()]).unwrap();
    world.plane.faults().resume_webhooks();
    world.settle().await;
    let newest = &told(&world).await[0];
    let said = "; not as Jetbridge wrote it: title, assignees";
    assert!(result(newest).ends_with(said), "{}", result(newest));
}

#[tokio::test]
async fn a_persons_edit_is_told_with_its_fields_on_sqlite() {
    a_persons_edit_is_a_change(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_persons_edit_is_told_with_its_fields_on_postgresql() {
    a_persons_edit_is_a_change(Kind::Postgres).await;
}

#[tokio::test]
async fn of_items_that_are_not_linked_nothing_is_said() {
    let world = linked(Kind::Sqlite).await;
    let grace = world.plane.person("grace").unwrap();
    grace.create_item(world.project, "Plane's own", "<p></p>").unwrap();
    world.settle().await;
    let newest = &told(&world).await[0];
    assert!(!result(newest).contains("Jetbridge"), "{}", result(newest));
}

#[tokio::test]
async fn every_write_of_a_sync_stands_with_the_delivery_that_led_to_it() {
    use jetbridge::ids::WorkItemRef;
    use jetbridge::timeline::{WriteStanding, causes};
    let world = linked(Kind::Sqlite).await;
    let items = [WorkItemRef::new(format!("github:{}", world.issue(1).id))];
    let history = world.store.history(&items, None, 100).await.unwrap();
    let entries: Vec<_> = history.into_iter().map(|(_, entry)| entry).collect();
    let writes = world.store.writes_beside(&items, &entries, None).await.unwrap();
    assert!(writes.len() >= 3, "a label, the item, its link: {writes:?}");
    assert!(writes.iter().all(|w| w.standing == WriteStanding::Settled && w.cause.is_some()));
    let count = writes.len();
    let causes = causes(entries, writes);
    assert_eq!(causes.iter().map(|cause| cause.writes.len()).sum::<usize>(), count);
    assert!(causes.iter().all(|cause| cause.by.is_some()), "nobody wrote by hand");
}
