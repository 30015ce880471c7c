//! One difference at a time: what it is called, and that it is mended.

use jetbridge::drift::{Walk, Why};
use jetbridge::jobs::reconcile::Doing;
use jetbridge::recovery::Gap;
use jetbridge::sim::github::NewIssue;
use jetbridge::store::recovery::RecoverPlace;
use jetbridge::work_items::System;

use crate::ground::{
    assert_known, connected, drift, inbox, known, ledger, look, lose, lose_planes, reconcile,
    requests,
};
use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

async fn a_world(kind: Kind) -> World {
    let world = World::new(kind, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    for number in 1..=3 {
        let issue = NewIssue::titled(format!("Issue {number}")).with_body("text");
        ada.open_issue(REPOSITORY, &issue).unwrap();
    }
    ada.comment(REPOSITORY, 1, "a comment").unwrap();
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("A pull request"), "branch").unwrap();
    world.settle().await;
    let first = reconcile(&world, Walk::Full).await;
    assert!(first.is_in_sync(), "{first:#?}");
    assert_eq!(first.put, 0, "what webhooks told is known: {first:#?}");
    world
}

async fn assert_mended(world: &World) {
    world.assert_nothing_failed().await;
    world.assert_equal();
    assert_known(world).await;
    let ledger = ledger(world).await;
    assert_eq!((ledger.differing, ledger.share().per_cent().as_str()), (0, "100 %"));
    assert!(ledger.proven_at.is_some() && ledger.compared > 0, "{ledger:?}");
    let before = (requests(world).1, inbox(world).await);
    let again = reconcile(world, Walk::Full).await;
    assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
    assert_eq!((requests(world).1, inbox(world).await), before, "a second run writes nothing");
    assert_eq!(requests(world).0.keys().collect::<Vec<_>>(), ["GET"], "GitHub is only read");
}

#[tokio::test]
async fn a_difference_is_told_with_its_reason_and_a_preview_changes_nothing() {
    let world = a_world(Kind::Sqlite).await;
    let ada = world.github.acting_as("ada");
    lose(&world, 3);
    ada.retitle(REPOSITORY, 1, "Renamed").unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("New")).unwrap();
    ada.retitle(REPOSITORY, 4, "Pulled").unwrap();
    connected(&world).await;
    let before = (inbox(&world).await, requests(&world).1, ledger(&world).await);
    let plan = look(&world, Walk::Changes, Doing::Preview).await.unwrap();
    assert_eq!((plan.differing, plan.put), (3, 3), "{plan:#?}");
    let reasons: Vec<_> = plan.items.iter().flat_map(|item| item.reasons.clone()).collect();
    assert!(reasons.contains(&Why::Unknown) && reasons.contains(&Why::NoTwin), "{reasons:?}");
    assert!(reasons.contains(&Why::Fields { fields: vec!["title".to_owned()] }), "{reasons:?}");
    let writes = vec!["change the work item's title".to_owned()];
    assert!(reasons.contains(&Why::TwinBehind { writes }), "{reasons:?}");
    assert_eq!((inbox(&world).await, requests(&world).1, ledger(&world).await), before);
    assert_eq!(drift(&world).await, []);
    let report = reconcile(&world, Walk::Changes).await;
    assert!(report.is_in_sync() && report.put == 3, "{report:#?}");
    assert_mended(&world).await;
}

#[tokio::test]
async fn what_was_put_in_stays_in_the_ledger_until_it_is_proved_mended() {
    let mut world = a_world(Kind::Sqlite).await;
    lose(&world, 1);
    world.github.acting_as("ada").retitle(REPOSITORY, 2, "Renamed").unwrap();
    connected(&world).await;
    world.receive_only().await;
    let report = look(&world, Walk::Changes, Doing::Act).await.unwrap();
    assert_eq!((report.differing, report.put), (1, 1), "{report:#?}");
    let since = drift(&world).await[0].since;
    assert_eq!(ledger(&world).await.share().per_cent(), "85.71 %", "of seven items one differs");
    // Nobody works: it differs still, since the same moment, and is in the inbox once.
    let before = inbox(&world).await;
    look(&world, Walk::Changes, Doing::Act).await.unwrap();
    assert_eq!((inbox(&world).await, drift(&world).await[0].since), (before, since));
    world.stop().await;
    world.start().await;
    world.quiet().await;
    let report = look(&world, Walk::Changes, Doing::Act).await.unwrap();
    assert!(report.is_in_sync(), "{report:#?}");
    assert_mended(&world).await;
}

async fn the_gap(world: &World) -> Option<Gap> {
    world.store.recover_places().await.unwrap()[0].gap
}

async fn only_a_whole_comparison_closes_the_gap(kind: Kind) {
    let world = a_world(kind).await;
    let at = |text: &str| text.parse().unwrap();
    let gap = Gap { from: at("2026-11-15T00:00:00Z"), until: at("2026-11-19T00:00:00Z") };
    let place = RecoverPlace {
        repository: REPOSITORY.parse().unwrap(),
        looked_at: at("2026-11-22T00:00:00Z"),
        covered_until: None,
        missing: 0,
        asked: 0,
        gap: Some(gap),
        problem: None,
    };
    world.store.put_recover_place(&place).await.unwrap();
    reconcile(&world, Walk::Changes).await;
    assert_eq!(the_gap(&world).await, Some(gap));
    look(&world, Walk::Full, Doing::Preview).await.unwrap();
    assert_eq!(the_gap(&world).await, Some(gap), "a preview closes nothing");
    reconcile(&world, Walk::Full).await;
    assert_eq!(the_gap(&world).await, None);
}

#[tokio::test]
async fn a_time_that_github_no_longer_tells_of_is_closed_by_a_whole_comparison_on_sqlite() {
    only_a_whole_comparison_closes_the_gap(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_time_that_github_no_longer_tells_of_is_closed_by_a_whole_comparison_on_postgresql() {
    only_a_whole_comparison_closes_the_gap(Kind::Postgres).await;
}

async fn what_was_deleted_without_a_word_is_found(kind: Kind) {
    let world = a_world(kind).await;
    let ada = world.plane.person("ada").unwrap();
    let item = ada.create_item(world.project, "Only in Plane", "<p></p>").unwrap();
    world.settle().await;
    ada.delete_item(item).unwrap();
    lose(&world, 9);
    let comment = world.github.comments(REPOSITORY, 1).unwrap()[0].id;
    world.github.acting_as("ada").delete_comment(REPOSITORY, comment).unwrap();
    world.github.acting_as("ada").delete_issue(REPOSITORY, 2).unwrap();
    world.github.add_repository("octo/other").unwrap();
    world.github.acting_as("ada").transfer_issue(REPOSITORY, 3, "octo/other").unwrap();
    connected(&world).await;
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync(), "{report:#?}");
    assert_eq!(known(&world, System::Github).await.len(), 2);
    assert!(!known(&world, System::Plane).await.contains_key(&item.to_string()));
    assert_mended(&world).await;
}

#[tokio::test]
async fn what_was_deleted_without_a_word_is_found_on_sqlite() {
    what_was_deleted_without_a_word_is_found(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_was_deleted_without_a_word_is_found_on_postgresql() {
    what_was_deleted_without_a_word_is_found(Kind::Postgres).await;
}

#[tokio::test]
async fn what_people_did_in_plane_is_known_and_stays() {
    let world = a_world(Kind::Sqlite).await;
    let ada = world.plane.person("ada").unwrap();
    let twin = world.twin(&world.issue(1));
    let (gone, archived) = (world.twin(&world.issue(2)), world.twin(&world.issue(3)));
    lose_planes(&world, 9);
    ada.edit_title(twin.id, "As Ada wants it").unwrap();
    ada.delete_item(gone.id).unwrap();
    ada.archive_item(archived.id).unwrap();
    connected(&world).await;
    let writes = requests(&world).1;
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync(), "{report:#?}");
    assert_eq!(requests(&world).1, writes, "nothing is written over what a person did");
    let known = known(&world, System::Plane).await;
    assert_eq!(known[&twin.id.to_string()].state.clone().unwrap().title, "As Ada wants it");
    assert!(!known.contains_key(&gone.id.to_string()), "it was deleted");
    assert!(known.contains_key(&archived.id.to_string()), "it is archived, not deleted");
    let before = inbox(&world).await;
    let again = reconcile(&world, Walk::Full).await;
    assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
    assert_eq!(inbox(&world).await, before);
}
