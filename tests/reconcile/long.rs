//! Items whose text is longer than what is read of an answer.

use jetbridge::drift::{Walk, Why};
use jetbridge::jobs::reconcile::{Doing, Reconcile, Report};
use jetbridge::jobs::sync_issue::IssueSync;
use jetbridge::sim::github::NewIssue;
use jetbridge::work_items::System;

use crate::ground::{
    assert_known, connected, drift, job, known, lose_planes, reconcile, repository,
};
use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

/// What is read of an answer here.
const LONGEST: usize = 60_000;

async fn look(world: &World, walk: Walk) -> Report {
    let job = job(world);
    let plane = job.sync.plane.clone().map(|plane| plane.reading_at_most(LONGEST));
    let sync = IssueSync { plane, ..job.sync };
    let job = Reconcile { sync, ..job };
    let looked = job.look(&repository(world).await, walk, Doing::Act, &mut |_, _| {}).await;
    world.quiet().await;
    looked.unwrap()
}

async fn an_item_that_is_too_long_is_told_and_the_walk_goes_on(kind: Kind) {
    let world = World::new(kind, Asking::Rest).await;
    let issue = NewIssue::titled("One").with_body("text");
    world.github.acting_as("ada").open_issue(REPOSITORY, &issue).unwrap();
    let ada = world.plane.person("ada").unwrap();
    let long = ada.create_item(world.project, "Long", "<p>not yet</p>").unwrap();
    world.settle().await;
    assert!(reconcile(&world, Walk::Full).await.is_in_sync());
    lose_planes(&world, 9);
    ada.edit_description(long, &format!("<p>{}</p>", "x".repeat(LONGEST))).unwrap();
    let short = ada.create_item(world.project, "Behind it", "<p>text</p>").unwrap();
    connected(&world).await;
    let report = look(&world, Walk::Changes).await;
    assert_eq!((report.differing, report.waiting, report.put), (2, 1, 1), "{report:#?}");
    assert!(known(&world, System::Plane).await.contains_key(&short.to_string()));
    for walk in [Walk::Changes, Walk::Full] {
        let report = look(&world, walk).await;
        assert_eq!((report.differing, report.waiting, report.put), (1, 1, 0), "{report:#?}");
        let left = drift(&world).await;
        assert_eq!(left[0].item.as_str(), format!("plane:{long}"), "{left:?}");
        let [Why::Waits { why }] = &left[0].reasons[..] else { panic!("{left:?}") };
        assert!(why.contains("shorten its description in Plane"), "{why}");
        assert!(left[0].key.is_some(), "it is called by the name that people know");
    }
    assert!(known(&world, System::Plane).await.contains_key(&long.to_string()), "not buried");
    lose_planes(&world, 9);
    ada.edit_description(long, "<p>shorter</p>").unwrap();
    connected(&world).await;
    look(&world, Walk::Changes).await;
    let report = look(&world, Walk::Changes).await;
    assert!(report.is_in_sync(), "{report:#?}");
    assert_known(&world).await;
    world.assert_nothing_failed().await;
}

#[tokio::test]
async fn an_item_that_is_too_long_is_told_and_the_walk_goes_on_on_sqlite() {
    an_item_that_is_too_long_is_told_and_the_walk_goes_on(Kind::Sqlite).await;
}

#[tokio::test]
async fn an_item_that_is_too_long_is_told_and_the_walk_goes_on_on_postgresql() {
    an_item_that_is_too_long_is_told_and_the_walk_goes_on(Kind::Postgres).await;
}
