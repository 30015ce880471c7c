//! A repository whose issues are switched off, and which is used for its pull requests alone.

use jetbridge::drift::Walk;
use jetbridge::jobs::reconcile::Doing;
use jetbridge::sim::github::{NewIssue, Switched};
use jetbridge::work_items::System;

use crate::ground::{
    connected, inbox, known, ledger, look, lose, lose_planes, reconcile, requests,
};
use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

async fn a_repository_that_is_used_for_pull_requests_alone_is_compared(kind: Kind) {
    let world = World::new(kind, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("From before")).unwrap();
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("A pull request"), "one").unwrap();
    world.settle().await;
    assert!(reconcile(&world, Walk::Full).await.is_in_sync());
    world.github.switch_issues(REPOSITORY, Switched::Off).unwrap();
    lose(&world, 4);
    lose_planes(&world, 9);
    ada.retitle(REPOSITORY, 2, "Renamed").unwrap();
    ada.comment(REPOSITORY, 2, "Said meanwhile").unwrap();
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("Another"), "two").unwrap();
    ada.close(REPOSITORY, 3, jetbridge::sim::github::CloseReason::Completed).unwrap();
    let grace = world.plane.person("grace").unwrap();
    let item = grace.create_item(world.project, "Only in Plane", "<p></p>").unwrap();
    connected(&world).await;
    let report = reconcile(&world, Walk::Changes).await;
    assert!(report.is_in_sync() && report.issues_off && report.put > 0, "{report:#?}");
    let now = known(&world, System::Github).await;
    let mut titles: Vec<_> = now.values().map(|i| i.state.clone().unwrap().title).collect();
    titles.sort();
    assert_eq!(titles, ["Another", "From before", "Renamed"]);
    let closed =
        now.values().filter(|i| i.state.as_ref().unwrap().status.as_deref() == Some("closed"));
    assert_eq!(closed.count(), 1);
    let pull = now.values().find(|i| i.state.as_ref().unwrap().title == "Renamed").unwrap();
    let said = world.store.item_comments(&pull.item, 10).await.unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(known(&world, System::Plane).await.contains_key(&item.to_string()));
    let told = ledger(&world).await;
    assert_eq!((told.issues_off, told.differing, told.last_error), (true, 0, None));
    // Nothing is left, and nobody asked for what GitHub does not give.
    let before = (inbox(&world).await, requests(&world).1);
    for walk in [Walk::Changes, Walk::Full] {
        let again = look(&world, walk, Doing::Act).await.unwrap();
        assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
    }
    assert_eq!((inbox(&world).await, requests(&world).1), before);
    assert!(world.github.requests().iter().all(|request| request.status != Some(410)));
    world.github.switch_issues(REPOSITORY, Switched::On).unwrap();
    let report = reconcile(&world, Walk::Changes).await;
    assert!(report.is_in_sync() && !report.issues_off, "{report:#?}");
    assert_eq!(report.looked_at.issues, 3, "all of it is compared anew");
    assert!(!ledger(&world).await.issues_off);
    world.assert_nothing_failed().await;
    world.assert_equal();
}

#[tokio::test]
async fn a_repository_that_is_used_for_pull_requests_alone_is_compared_on_sqlite() {
    a_repository_that_is_used_for_pull_requests_alone_is_compared(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_repository_that_is_used_for_pull_requests_alone_is_compared_on_postgresql() {
    a_repository_that_is_used_for_pull_requests_alone_is_compared(Kind::Postgres).await;
}
