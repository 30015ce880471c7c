//! What becomes of a repository's labels in Plane.

use std::collections::BTreeMap;
use std::time::Duration;

use jetbridge::clock::Clock;
use jetbridge::config::RepositoryConfig;
use jetbridge::sim::github::{NewIssue, WebhookFault};
use jetbridge::sim::plane::{Label, On, RequestFault};
use jetbridge::store::deliveries::{DeliveryFilter, DeliveryStatus};
use uuid::Uuid;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

/// Name and color of each label in Plane, in the order in which they were made.
fn labels(world: &World) -> Vec<(String, String)> {
    world.plane.labels().into_iter().map(|label| (label.name, label.color)).collect()
}

fn faces(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, color)| ((*name).to_owned(), format!("#{color}"))).collect()
}

fn label(world: &World, name: &str) -> Label {
    world.plane.labels().into_iter().find(|label| label.name == name).unwrap()
}

fn carried(world: &World, number: u64) -> Vec<String> {
    Vec::from_iter(world.labels_of(&world.twin(&world.issue(number))))
}

/// What all deliveries about labels came to, the newest first.
async fn results(world: &World) -> String {
    let filter = DeliveryFilter { event: Some("label".to_owned()), ..DeliveryFilter::default() };
    let all = world.store.deliveries(&filter, None, 100).await.unwrap();
    assert!(all.iter().all(|d| d.status == DeliveryStatus::Processed), "{all:#?}");
    all.into_iter().map(|d| d.result.unwrap_or_default() + "\n").collect()
}

fn changes(world: &World, since: usize) -> Vec<String> {
    let writes = world.plane.writes();
    writes.iter().skip(since).map(|w| format!("{} {}", w.method, kind_of(&w.path))).collect()
}

fn kind_of(path: &str) -> &str {
    let known = ["/labels/", "/comments/", "/links/", "/work-items/"];
    known.into_iter().find(|kind| path.contains(kind)).unwrap_or(path)
}

async fn with_mapping(kind: Kind, asking: Asking, labels: &[(&str, &str)]) -> World {
    let mut world = World::new(kind, asking).await;
    world.stop().await;
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    world.config.repositories[0].labels = labels.collect::<BTreeMap<_, _>>();
    world.start().await;
    world
}

async fn labels_are_made_renamed_and_recolored_across(kind: Kind, asking: Asking) {
    let world = World::new(kind, asking).await;
    let ada = world.github.acting_as("ada");
    ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    world.settle().await;
    assert_eq!(labels(&world), faces(&[("bug", "d73a4a")]), "made at once");
    assert_eq!(results(&world).await, "written to Plane: make the label “bug”\n");
    for title in ["One", "Two"] {
        ada.open_issue(REPOSITORY, &NewIssue::titled(title).with_labels(["bug"])).unwrap();
    }
    world.settle().await;
    let since = world.writes();
    ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
    world.settle().await;
    assert_eq!(labels(&world), faces(&[("defect", "d73a4a")]));
    assert_eq!(changes(&world, since), ["PATCH /labels/"], "all items keep it by one write");
    assert_eq!(carried(&world, 1), ["defect"]);
    assert!(
        results(&world).await.starts_with("written to Plane: rename the label “bug” to “defect”\n")
    );
    ada.recolor_label(REPOSITORY, "defect", "00ff00").unwrap();
    world.settle().await;
    assert_eq!(labels(&world), faces(&[("defect", "00ff00")]));
    ada.retitle(REPOSITORY, 1, "One more").unwrap();
    ada.unlabel(REPOSITORY, 2, "defect").unwrap();
    world.settle().await;
    world.assert_equal();
    let since = world.writes();
    for delivery in world.store.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap() {
        let now = Clock::System.now();
        world.store.replay(delivery.source, &delivery.delivery_id, now).await.unwrap();
    }
    world.settle().await;
    assert_eq!(changes(&world, since), [""; 0], "what was told before is told again in vain");
}

#[tokio::test]
async fn labels_are_made_renamed_and_recolored_across_as_webhooks_tell_it() {
    labels_are_made_renamed_and_recolored_across(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn labels_are_made_renamed_and_recolored_across_as_github_tells_it() {
    labels_are_made_renamed_and_recolored_across(Kind::Postgres, Asking::Rest).await;
}

async fn with_an_issue(kind: Kind, asking: Asking) -> (World, Uuid, Uuid) {
    let world = World::with_slow_github(kind, asking).await;
    let ada = world.github.acting_as("ada");
    ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("One").with_labels(["bug"])).unwrap();
    world.settle().await;
    let (item, label) = (world.twin(&world.issue(1)).id, label(&world, "bug").id);
    world.github_clock.advance(Duration::from_secs(1));
    (world, item, label)
}

fn assert_renamed(world: &World, item: Uuid, label: Uuid) {
    let there: Vec<_> = world.plane.labels().into_iter().map(|l| (l.id, l.name)).collect();
    assert_eq!(there, [(label, "defect".to_owned())], "renamed, and no other one made");
    assert_eq!(world.plane.item(item).unwrap().labels, [label]);
}

async fn a_renamed_label_is_kept_when_its_own_webhook_comes_first(kind: Kind, asking: Asking) {
    let (world, item, label) = with_an_issue(kind, asking).await;
    let ada = world.github.acting_as("ada");
    ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
    world.settle().await;
    assert_renamed(&world, item, label);
    ada.retitle(REPOSITORY, 1, "One, edited").unwrap();
    world.settle().await;
    assert_renamed(&world, item, label);
}

#[tokio::test]
async fn a_renamed_label_is_kept_when_its_own_webhook_comes_first_on_sqlite() {
    for asking in [Asking::Rest, Asking::Nobody] {
        a_renamed_label_is_kept_when_its_own_webhook_comes_first(Kind::Sqlite, asking).await;
    }
}

#[tokio::test]
async fn a_renamed_label_is_kept_when_its_own_webhook_comes_first_on_postgresql() {
    a_renamed_label_is_kept_when_its_own_webhook_comes_first(Kind::Postgres, Asking::Nobody).await;
}

async fn a_renamed_label_is_kept_when_its_issues_webhook_comes_first(kind: Kind, asking: Asking) {
    let (world, item, label) = with_an_issue(kind, asking).await;
    let ada = world.github.acting_as("ada");
    world.github.add_webhook_faults([WebhookFault::Lose]);
    ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
    ada.retitle(REPOSITORY, 1, "One, edited").unwrap();
    world.settle().await;
    assert_renamed(&world, item, label);
    let since = world.writes();
    assert_eq!(world.github.redeliver_failed(REPOSITORY, world.hook).unwrap(), 1);
    world.settle().await;
    assert_renamed(&world, item, label);
    assert_eq!(changes(&world, since), [""; 0], "what it tells is known");
}

#[tokio::test]
async fn a_renamed_label_is_kept_when_its_issues_webhook_comes_first_on_sqlite() {
    for asking in [Asking::Rest, Asking::Nobody] {
        a_renamed_label_is_kept_when_its_issues_webhook_comes_first(Kind::Sqlite, asking).await;
    }
}

#[tokio::test]
async fn a_renamed_label_is_kept_when_its_issues_webhook_comes_first_on_postgresql() {
    a_renamed_label_is_kept_when_its_issues_webhook_comes_first(Kind::Postgres, Asking::Rest).await;
}

/// The name went on to another label meanwhile.
#[tokio::test]
async fn a_name_that_went_on_to_another_label_is_not_mistaken_for_it() {
    let (world, item, bug) = with_an_issue(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    world.github.add_webhook_faults([WebhookFault::Lose, WebhookFault::Lose]);
    ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
    ada.add_label(REPOSITORY, "bug", "0000ff").unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("Two").with_labels(["bug"])).unwrap();
    world.settle().await;
    assert_eq!(world.plane.item(item).unwrap().labels, [bug]);
    assert_eq!(carried(&world, 1), ["defect"]);
    assert_eq!(carried(&world, 2), ["bug"]);
    assert_eq!(labels(&world), faces(&[("defect", "d73a4a"), ("bug", "0000ff")]));
}

#[tokio::test]
async fn a_label_whose_webhook_is_lost_is_renamed_with_the_next_change_of_an_issue() {
    for asking in [Asking::Rest, Asking::Nobody] {
        let (world, item, label) = with_an_issue(Kind::Sqlite, asking).await;
        let ada = world.github.acting_as("ada");
        world.github.add_webhook_faults([WebhookFault::Lose]);
        ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
        ada.retitle(REPOSITORY, 1, "One, edited").unwrap();
        world.settle().await;
        assert_renamed(&world, item, label);
        ada.recolor_label(REPOSITORY, "defect", "00ff00").unwrap();
        world.settle().await;
        assert_renamed(&world, item, label);
        assert_eq!(labels(&world), faces(&[("defect", "00ff00")]));
    }
}

#[tokio::test]
async fn what_a_person_made_of_a_label_in_plane_stays() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let (ada, grace) = (world.github.acting_as("ada"), world.plane.person("grace").unwrap());
    let own = world.plane.add_label(world.project, "docs");
    for name in ["bug", "docs"] {
        ada.add_label(REPOSITORY, name, "d73a4a").unwrap();
    }
    world.settle().await;
    assert!(results(&world).await.contains("was not made for it"), "{}", results(&world).await);
    let bug = label(&world, "bug");
    assert!(bug.external.id.is_some() && label(&world, "docs").external.id.is_none());
    grace.edit_label(bug.id, "Käfer", "#123456").unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("One").with_labels(["bug", "docs"])).unwrap();
    world.settle().await;
    let since = world.writes();
    ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
    ada.recolor_label(REPOSITORY, "defect", "00ff00").unwrap();
    world.settle().await;
    assert!(results(&world).await.contains("was chosen in Plane and stays"));
    ada.rename_label(REPOSITORY, "docs", "papers").unwrap();
    world.settle().await;
    assert_eq!(changes(&world, since), ["POST /labels/"], "GitHub's own under its new name");
    let there: Vec<_> = world.plane.labels().into_iter().map(|l| (l.id, l.name)).collect();
    let theirs = [(own, "docs".to_owned()), (bug.id, "Käfer".to_owned())];
    assert_eq!(there[..2], theirs, "theirs stay as they are");
    ada.retitle(REPOSITORY, 1, "One more").unwrap();
    world.settle().await;
    assert_eq!(carried(&world, 1), ["Käfer", "papers"], "hers for “defect”; theirs stays itself");
    assert!(world.plane.labels().iter().any(|label| label.name == "docs"));
}

#[tokio::test]
async fn labels_that_the_mapping_speaks_of_are_neither_made_nor_renamed_by_their_webhooks() {
    let mapping = [("bug", "Defect"), ("bot/*", ""), ("P1", "priority:urgent")];
    let world = with_mapping(Kind::Sqlite, Asking::Rest, &mapping).await;
    let ada = world.github.acting_as("ada");
    for name in ["bug", "bot/stale", "P1", "docs"] {
        ada.add_label(REPOSITORY, name, "d73a4a").unwrap();
    }
    let all = NewIssue::titled("One").with_labels(["bug", "bot/stale", "P1", "docs"]);
    ada.open_issue(REPOSITORY, &all).unwrap();
    world.settle().await;
    let names = |world: &World| {
        let mut names: Vec<_> = world.plane.labels().into_iter().map(|l| l.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(&world), ["Defect", "docs"]);
    let since = world.writes();
    ada.rename_label(REPOSITORY, "bot/stale", "bot/old").unwrap();
    ada.rename_label(REPOSITORY, "docs", "bot/docs").unwrap();
    ada.recolor_label(REPOSITORY, "bug", "00ff00").unwrap();
    world.settle().await;
    assert_eq!(changes(&world, since), [""; 0]);
    assert!(results(&world).await.contains("labels of the repository say"));
}

#[tokio::test]
async fn a_label_deleted_on_github_leaves_its_items_and_stays_in_plane() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("One").with_labels(["bug"])).unwrap();
    world.settle().await;
    ada.delete_label(REPOSITORY, "bug").unwrap();
    world.settle().await;
    world.assert_equal();
    assert_eq!(labels(&world).len(), 1, "other items may have it");
    assert!(results(&world).await.contains("what Plane has of it stays"));
}

#[tokio::test]
async fn a_repository_that_was_taken_out_and_put_in_again_knows_its_labels() {
    let mut world = World::new(Kind::Sqlite, Asking::Rest).await;
    world.github.acting_as("ada").add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    world.settle().await;
    let repositories = std::mem::take(&mut world.config.repositories);
    let name = REPOSITORY.parse().unwrap();
    assert!(world.store.remove_repository(&name).await.unwrap());
    world.stop().await;
    world.config.repositories = repositories;
    world.start().await;
    world.github.acting_as("ada").rename_label(REPOSITORY, "bug", "defect").unwrap();
    world.settle().await;
    assert_eq!(labels(&world), faces(&[("defect", "d73a4a")]));
}

#[tokio::test]
async fn a_label_that_two_repositories_share_is_renamed_for_neither() {
    renamed_for_neither(Kind::Postgres, |_| {}).await;
}

#[tokio::test]
async fn a_label_that_another_repository_uses_by_a_rule_is_renamed_for_neither() {
    renamed_for_neither(Kind::Sqlite, |other| {
        let project = other.plane_project.take().unwrap();
        let rule = format!("set = {{ plane_project = '{project}' }}");
        other.rules = vec![toml::from_str(&rule).unwrap()];
    })
    .await;
}

async fn renamed_for_neither(kind: Kind, arrange: impl FnOnce(&mut RepositoryConfig)) {
    let mut world = World::new(kind, Asking::Rest).await;
    world.stop().await;
    let mut other = world.config.repositories[0].clone();
    other.name = "octo/other".parse().unwrap();
    arrange(&mut other);
    world.config.repositories.push(other);
    world.start().await;
    world.github.add_repository("octo/other").unwrap();
    let url = format!("http://{}/api/webhooks/github-mcp/", world.config.listen);
    let hook = jetbridge::sim::github::NewHook::to(url, crate::world::GITHUB_SECRET);
    world.github.add_hook("octo/other", hook).unwrap();
    let ada = world.github.acting_as("ada");
    for repository in [REPOSITORY, "octo/other"] {
        ada.open_issue(repository, &NewIssue::titled("One").with_labels(["bug"])).unwrap();
        world.settle().await;
    }
    ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
    world.settle().await;
    assert!(results(&world).await.contains("octo/other uses Plane's label “bug”, too"));
    ada.retitle(REPOSITORY, 1, "Another").unwrap();
    ada.retitle("octo/other", 1, "Another, too").unwrap();
    world.settle().await;
    assert_eq!(carried(&world, 1), ["defect"]);
    let theirs = world.github.issues("octo/other").unwrap().remove(0);
    assert_eq!(Vec::from_iter(world.labels_of(&world.twin(&theirs))), ["bug"]);
}

#[tokio::test]
async fn a_rename_whose_answer_is_lost_is_found_and_not_made_twice() {
    for fault in [RequestFault::CutAfter, RequestFault::CutBefore, RequestFault::Status(500)] {
        let world = World::new(Kind::Sqlite, Asking::Nobody).await;
        let ada = world.github.acting_as("ada");
        ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
        world.settle().await;
        let since = world.writes();
        world.plane.faults().next_requests(1, On::Writes, fault);
        ada.rename_label(REPOSITORY, "bug", "defect").unwrap();
        world.settle().await;
        assert_eq!(labels(&world), faces(&[("defect", "d73a4a")]), "{fault:?}");
        let tried = if fault == RequestFault::CutAfter { 1 } else { 2 };
        assert_eq!(changes(&world, since).len(), tried, "{fault:?}");
    }
}

#[tokio::test]
async fn a_label_whose_making_is_answered_by_nobody_is_made_once() {
    let world = World::new(Kind::Sqlite, Asking::Nobody).await;
    world.plane.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    world.github.acting_as("ada").add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    world.settle().await;
    world.github.acting_as("ada").rename_label(REPOSITORY, "bug", "defect").unwrap();
    world.settle().await;
    assert_eq!(labels(&world), faces(&[("defect", "d73a4a")]));
}
