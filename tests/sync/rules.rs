//! What becomes of an issue in Plane.

use jetbridge::ids::WorkItemRef;
use jetbridge::sim::github::{CloseReason, NewIssue};

use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::work_items::StateGroup;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

fn crash() -> NewIssue {
    NewIssue::titled("Crash when `x < y` 🚀")
        .with_body("Steps:\r\n\r\n- [x] open\r\n- [ ] crash\r\n\r\nSee `Vec<T>` and Vec<T>.")
        .with_labels(["bug"])
        .assigned_to(["ada", "stranger"])
}

async fn an_issue_becomes_one_work_item(kind: Kind, asking: Asking) {
    let world = World::new(kind, asking).await;
    let ada = world.github.acting_as("ada");
    ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    ada.open_issue(REPOSITORY, &crash()).unwrap();
    world.settle().await;
    world.assert_equal();
    let item = world.twin(&world.issue(1));
    assert_eq!(world.state_of(&item), "Backlog");
    assert_eq!(world.plane.links(item.id)[0].url, world.issue(1).html_url);
}

#[tokio::test]
async fn an_issue_becomes_one_work_item_as_its_webhooks_tell_it() {
    an_issue_becomes_one_work_item(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn an_issue_becomes_one_work_item_as_github_tells_it() {
    an_issue_becomes_one_work_item(Kind::Postgres, Asking::Rest).await;
}

async fn a_label_becomes_the_priority_that_it_means(kind: Kind, asking: Asking) {
    let mut world = World::new(kind, asking).await;
    world.stop().await;
    let labels = [("P1", "priority:urgent"), ("P3", "priority:low")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    world.config.repositories[0].labels = labels.into();
    world.start().await;
    let ada = world.github.acting_as("ada");
    for label in ["bug", "P1", "P3"] {
        ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
    }
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash").with_labels(["bug", "P3"])).unwrap();
    world.settle().await;
    let now = || world.twin(&world.issue(1));
    assert_eq!(now().priority, "low");
    ada.label(REPOSITORY, 1, "P1").unwrap();
    world.settle().await;
    assert_eq!(now().priority, "urgent");
    world.plane.person("grace").unwrap().prioritize(now().id, "medium").unwrap();
    world.settle().await;
    let writes = world.writes();
    ada.unlabel(REPOSITORY, 1, "P3").unwrap();
    world.settle().await;
    assert_eq!((now().priority.as_str(), world.writes()), ("medium", writes), "hers stays");
    assert_eq!(Vec::from_iter(world.labels_of(&now())), ["bug"]);
    let made: Vec<_> = world.plane.labels().into_iter().map(|label| label.name).collect();
    assert_eq!(made, ["bug"], "those that mean a priority are no labels there");
}

#[tokio::test]
async fn a_label_becomes_the_priority_that_it_means_as_its_webhooks_tell_it() {
    a_label_becomes_the_priority_that_it_means(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn a_label_becomes_the_priority_that_it_means_as_github_tells_it() {
    a_label_becomes_the_priority_that_it_means(Kind::Postgres, Asking::Rest).await;
}

#[tokio::test]
async fn edits_states_labels_and_assignees_follow() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    for label in ["bug", "Help Wanted"] {
        ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
    }
    ada.open_issue(REPOSITORY, &crash()).unwrap();
    world.settle().await;
    ada.retitle(REPOSITORY, 1, "Crash, mended").unwrap();
    ada.rewrite(REPOSITORY, 1, "Now it is\n\n| a | b |\n|:-:|--:|\n| 1 | 2 |").unwrap();
    ada.label(REPOSITORY, 1, "Help Wanted").unwrap();
    ada.unlabel(REPOSITORY, 1, "bug").unwrap();
    ada.assign(REPOSITORY, 1, "grace").unwrap();
    ada.unassign(REPOSITORY, 1, "ada").unwrap();
    world.settle().await;
    world.assert_equal();
    for (why, state) in [
        (CloseReason::Completed, "Done"),
        (CloseReason::NotPlanned, "Cancelled"),
        (CloseReason::Duplicate, "Cancelled"),
    ] {
        ada.close(REPOSITORY, 1, why).unwrap();
        world.settle().await;
        assert_eq!(world.state_of(&world.twin(&world.issue(1))), state);
        ada.reopen(REPOSITORY, 1).unwrap();
        world.settle().await;
        assert_eq!(world.state_of(&world.twin(&world.issue(1))), "Todo");
    }
    world.assert_equal();
}

#[tokio::test]
async fn what_did_not_change_is_not_written() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &crash()).unwrap();
    world.settle().await;
    let (writes, asked) = (world.writes(), world.plane.requests().len());
    ada.retitle(REPOSITORY, 1, "Other").unwrap();
    ada.retitle(REPOSITORY, 1, "Crash when `x < y` 🚀").unwrap();
    world.settle().await;
    world.assert_equal();
    let all = world.store.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap();
    for delivery in all {
        world
            .store
            .replay(delivery.source, &delivery.delivery_id, jetbridge::clock::Clock::System.now())
            .await
            .unwrap();
    }
    let (between, _) = (world.writes(), asked);
    world.settle().await;
    assert_eq!(world.writes(), between, "replaying everything writes nothing");
    assert!(between - writes <= 2, "at most the title, there and back");
}

#[tokio::test]
async fn what_people_do_in_plane_stays() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let github = world.github.acting_as("ada");
    github.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    github.open_issue(REPOSITORY, &crash()).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    let doing = world.plane.states().into_iter().find(|s| s.name == "In Progress").unwrap().id;
    let own = world.plane.add_label(world.project, "ours alone");
    let person = world.plane.person("grace").unwrap();
    person.move_to_state(item, doing).unwrap();
    let mut labels = world.plane.item(item).unwrap().labels;
    labels.push(own);
    person.label(item, &labels).unwrap();
    let html = world.plane.item(item).unwrap().description_html;
    let html = html.replace("</div>", "<p>A note of ours</p></div>");
    person.edit_description(item, &html).unwrap();
    world.settle().await;
    github.rewrite(REPOSITORY, 1, "Steps:\n\n- [x] open\n- [x] mended").unwrap();
    github.retitle(REPOSITORY, 1, "Mended").unwrap();
    world.settle().await;
    let now = world.plane.item(item).unwrap();
    assert_eq!(world.state_of(&now), "In Progress", "an open issue stays where people put it");
    assert!(world.labels_of(&now).contains("ours alone"));
    assert_eq!(now.name, "Mended");
    assert!(now.description_html.contains("A note of ours"), "{}", now.description_html);
    assert!(now.description_html.contains("mended"), "{}", now.description_html);
}

#[tokio::test]
async fn a_deleted_issue_ends_its_item_and_a_transferred_one_says_where_it_went() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    world.github.add_repository("octo/other").unwrap();
    let ada = world.github.acting_as("ada");
    for _ in 0..2 {
        ada.open_issue(REPOSITORY, &crash()).unwrap();
    }
    world.settle().await;
    let items = [world.twin(&world.issue(1)).id, world.twin(&world.issue(2)).id];
    ada.delete_issue(REPOSITORY, 1).unwrap();
    ada.transfer_issue(REPOSITORY, 2, "octo/other").unwrap();
    world.settle().await;
    for item in items {
        assert_eq!(world.state_of(&world.plane.item(item).unwrap()), "Cancelled");
    }
}

#[tokio::test]
async fn twins_know_each_other() {
    let world = World::new(Kind::Postgres, Asking::Nobody).await;
    world.github.acting_as("ada").open_issue(REPOSITORY, &crash()).unwrap();
    world.settle().await;
    let github = WorkItemRef::new(format!("github:{}", world.issue(1).id));
    let plane = WorkItemRef::new(format!("plane:{}", world.twin(&world.issue(1)).id));
    assert_eq!(world.store.twins_of(&github).await.unwrap(), std::slice::from_ref(&plane));
    assert_eq!(world.store.twins_of(&plane).await.unwrap(), [github]);
    assert!(world.store.work_item(&plane).await.unwrap().is_some(), "its echo reached the board");
}

#[tokio::test]
async fn a_renamed_repository_stays_the_same() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &crash()).unwrap();
    world.settle().await;
    ada.rename_repository(REPOSITORY, "hello-again").unwrap();
    ada.retitle("octo/hello-again", 1, "Renamed around").unwrap();
    world.settle().await;
    let twins = world.twins();
    assert_eq!(twins.len(), 1);
    assert_eq!(twins[0].name, "Renamed around");
}

/// All within one second, told in the wrong order.
async fn a_quick_story(world: &World) {
    let ada = world.github.acting_as("ada");
    world.github.hold_webhooks();
    ada.open_issue(REPOSITORY, &crash()).unwrap();
    ada.close(REPOSITORY, 1, CloseReason::Completed).unwrap();
    ada.reopen(REPOSITORY, 1).unwrap();
    ada.close(REPOSITORY, 1, CloseReason::NotPlanned).unwrap();
    world.github.release_webhooks(|mut order| {
        order.reverse();
        order
    });
    world.settle().await;
}

async fn assert_shown_as_not_planned(world: &World) {
    let item = WorkItemRef::new(format!("github:{}", world.issue(1).id));
    let shown = world.store.work_item(&item).await.unwrap().unwrap();
    assert_eq!(shown.status(), "closed");
    assert_eq!(shown.state.unwrap().state_group, Some(StateGroup::Cancelled));
}

#[tokio::test]
async fn the_board_shows_what_github_says_when_it_is_asked() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let world = World::new(kind, Asking::Rest).await;
        a_quick_story(&world).await;
        assert_shown_as_not_planned(&world).await;
    }
}

#[tokio::test]
async fn a_repository_that_is_on_the_board_only_is_asked_for_too_and_nothing_is_written() {
    let mut world = World::new(Kind::Sqlite, Asking::Rest).await;
    world.stop().await;
    world.config.repositories[0].plane_project = None;
    world.start().await;
    a_quick_story(&world).await;
    assert_shown_as_not_planned(&world).await;
    assert_eq!(world.writes(), 0);
}
