//! Nothing counts as deleted without proof: what looks like a deletion and is none, and the brake.

use std::time::Duration;

use jetbridge::drift::{Walk, Why};
use jetbridge::jobs::reconcile::{Doing, Missing, Reconcile, Report};
use jetbridge::recovery::Gap;
use jetbridge::sim::github::{NewIssue, RequestFault, Switched};
use jetbridge::sim::plane::{On, RequestFault as PlaneRequestFault};
use jetbridge::store::recovery::RecoverPlace;
use jetbridge::work_items::System;
use uuid::Uuid;

use crate::ground::{
    connected, drift, inbox, job, known, ledger, look, lose, lose_planes, reconcile, repository,
    requests,
};
use crate::support::databases::Kind;
use crate::support::process::eventually;
use crate::world::{Asking, REPOSITORY, World};

const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// So many issues, and everything of them known.
async fn with_issues(kind: Kind, count: u64) -> World {
    let world = World::new(kind, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    for number in 1..=count {
        ada.open_issue(REPOSITORY, &NewIssue::titled(format!("Issue {number}"))).unwrap();
    }
    world.settle().await;
    world
}

/// The same after a whole comparison.
async fn compared(kind: Kind, count: u64) -> World {
    let world = with_issues(kind, count).await;
    let first = reconcile(&world, Walk::Full).await;
    assert!(first.is_in_sync(), "{first:#?}");
    world
}

/// What is known of both sides, what is in the inbox, and what Plane was asked to write.
async fn all(world: &World) -> (usize, usize, i64, usize) {
    let (issues, items) = (known(world, System::Github).await, known(world, System::Plane).await);
    (issues.len(), items.len(), inbox(world).await, requests(world).1)
}

async fn with(world: &World, missing: Missing) -> Report {
    let job = Reconcile { missing, ..job(world) };
    let repository = repository(world).await;
    let report = job.look(&repository, Walk::Full, Doing::Act, &mut |_, _| {}).await.unwrap();
    world.quiet().await;
    report
}

#[tokio::test]
async fn a_repository_whose_issues_are_switched_off_buries_nothing() {
    for kind in BOTH {
        let world = compared(kind, 3).await;
        let before = all(&world).await;
        world.github.switch_issues(REPOSITORY, Switched::Off).unwrap();
        for walk in [Walk::Full, Walk::Changes] {
            let report = look(&world, walk, Doing::Act).await.unwrap();
            assert!(report.is_in_sync() && report.issues_off, "{report:#?}");
            let ledger = ledger(&world).await;
            assert_eq!((ledger.issues_off, ledger.last_error), (true, None), "it is no failure");
        }
        world.quiet().await;
        assert_eq!(all(&world).await, before);
        world.github.switch_issues(REPOSITORY, Switched::On).unwrap();
        let report = reconcile(&world, Walk::Changes).await;
        assert!(report.is_in_sync() && report.looked_at.issues == 3, "all of them: {report:#?}");
        world.assert_equal();
    }
}

#[tokio::test]
async fn issues_that_are_switched_off_in_the_midst_of_a_walk_bury_nothing() {
    let world = compared(Kind::Sqlite, 3).await;
    let before = all(&world).await;
    let (job, repository) = (job(&world), repository(&world).await);
    let mut switch_off = |_, _| world.github.switch_issues(REPOSITORY, Switched::Off).unwrap();
    let walked = job.look(&repository, Walk::Full, Doing::Act, &mut switch_off).await;
    let failure = walked.unwrap_err().to_string();
    assert!(failure.contains("410, Issues are disabled"), "{failure}");
    assert_eq!(all(&world).await, before);
}

#[tokio::test]
async fn another_repository_under_the_old_name_buries_nothing() {
    for kind in BOTH {
        let world = compared(kind, 3).await;
        world.github.acting_as("ada").rename_repository(REPOSITORY, "moved-away").unwrap();
        connected(&world).await;
        world.quiet().await;
        assert!(reconcile(&world, Walk::Full).await.is_in_sync(), "a rename alone is none");
        world.github.add_repository(REPOSITORY).unwrap();
        let before = all(&world).await;
        let failure = look(&world, Walk::Full, Doing::Act).await.unwrap_err().to_string();
        assert!(failure.contains("is another repository"), "{failure}");
        assert!(failure.contains("jetbridge repo remove octo/hello"), "{failure}");
        assert_eq!(all(&world).await, before);
    }
}

#[tokio::test]
async fn an_issue_that_github_hides_is_told_and_not_buried() {
    for kind in BOTH {
        let world = compared(kind, 3).await;
        let before = all(&world).await;
        world.github.show_issue(REPOSITORY, 2, Switched::Off).unwrap();
        for _ in 0..2 {
            let report = reconcile(&world, Walk::Full).await;
            assert_eq!((report.differing, report.waiting, report.put), (1, 1, 0), "{report:#?}");
            assert_eq!(drift(&world).await[0].reasons, [Why::NotShown]);
            assert_eq!(all(&world).await, before);
        }
        // A walk over what changed forgets nothing of it.
        assert_eq!(reconcile(&world, Walk::Changes).await.differing, 1);
        world.github.show_issue(REPOSITORY, 2, Switched::On).unwrap();
        assert!(reconcile(&world, Walk::Full).await.is_in_sync());
        assert_eq!((all(&world).await, drift(&world).await), (before, Vec::new()));
        world.github.show_issue(REPOSITORY, 2, Switched::Off).unwrap();
        let report = with(&world, Missing::IsDeleted).await;
        assert_eq!(report.put, 1, "a person said that it is deleted: {report:#?}");
        assert_eq!(known(&world, System::Github).await.len(), 2);
    }
}

#[tokio::test]
async fn a_comment_that_is_missing_once_and_there_again_is_not_buried() {
    let world = compared(Kind::Sqlite, 1).await;
    let comment = world.github.acting_as("ada").comment(REPOSITORY, 1, "a comment").unwrap();
    world.settle().await;
    let before = all(&world).await;
    world.github.show_comment(REPOSITORY, comment, Switched::Off).unwrap();
    let place = format!("/issues/comments/{comment}");
    let asked = || async {
        let requests = world.github.requests();
        requests.iter().any(|r| r.target.ends_with(&place) && r.status == Some(404))
    };
    let shown = async {
        eventually("a question for the comment", asked).await;
        world.github.show_comment(REPOSITORY, comment, Switched::On).unwrap();
    };
    let job = Reconcile { apart: Duration::from_secs(2), ..job(&world) };
    let repository = repository(&world).await;
    let mut nobody = |_, _| {};
    let walking = job.look(&repository, Walk::Full, Doing::Act, &mut nobody);
    let (report, ()) = tokio::join!(walking, shown);
    let report = report.unwrap();
    assert!(report.is_in_sync() && report.put == 0, "{report:#?}");
    assert_eq!(all(&world).await, before);
}

#[tokio::test]
async fn what_came_since_a_walk_began_is_not_missing() {
    let world = compared(Kind::Sqlite, 1).await;
    let (job, repository) = (job(&world), repository(&world).await);
    let mut calls = 0;
    // It is written when the list of comments was read, and what is asked then does not show it yet.
    let mut write = |_, _| {
        calls += 1;
        if calls == 2 {
            let comment = world.github.acting_as("ada").comment(REPOSITORY, 1, "just now").unwrap();
            world.github.show_comment(REPOSITORY, comment, Switched::Off).unwrap();
            let hang = PlaneRequestFault::HangBefore(Duration::from_secs(2));
            world.plane.faults().next_requests(1, On::Reads, hang);
        }
    };
    let report = job.look(&repository, Walk::Full, Doing::Act, &mut write).await.unwrap();
    assert!(report.is_in_sync() && report.put == 0, "{report:#?}");
    world.quiet().await;
    let item = known(&world, System::Github).await.into_values().next().unwrap().item;
    assert_eq!(world.store.item_comments(&item, 9).await.unwrap().len(), 1);
}

async fn a_walk_that_would_bury_much_puts_in_none_of_it(kind: Kind) {
    let world = compared(kind, 12).await;
    lose(&world, 99);
    let ada = world.github.acting_as("ada");
    for number in 1..=6 {
        ada.delete_issue(REPOSITORY, number).unwrap();
    }
    connected(&world).await;
    let before = all(&world).await;
    let plan = look(&world, Walk::Full, Doing::Preview).await.unwrap();
    let held = plan.held_back.unwrap();
    assert!(held.contains("6 of 12 issues would count as deleted at once"), "{held}");
    for _ in 0..2 {
        let failure = look(&world, Walk::Full, Doing::Act).await.unwrap_err().to_string();
        assert_eq!(failure, held);
        for words in ["github.token still sees", "--full --missing-is-deleted"] {
            assert!(failure.contains(words), "{failure}");
        }
        assert_eq!(ledger(&world).await.last_error, Some(failure));
        assert_eq!((all(&world).await, drift(&world).await.len()), (before, 6));
    }
    with(&world, Missing::IsDeleted).await;
    assert_eq!(known(&world, System::Github).await.len(), 6);
    assert!(reconcile(&world, Walk::Full).await.is_in_sync());
    world.assert_equal();
}

#[tokio::test]
async fn a_walk_that_would_bury_much_puts_in_none_of_it_on_sqlite() {
    a_walk_that_would_bury_much_puts_in_none_of_it(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_walk_that_would_bury_much_puts_in_none_of_it_on_postgresql() {
    a_walk_that_would_bury_much_puts_in_none_of_it(Kind::Postgres).await;
}

/// Items that stand for no issue: an open one and one that is done.
async fn only_in_plane(world: &World) -> (Uuid, Uuid) {
    let ada = world.plane.person("ada").unwrap();
    let open = ada.create_item(world.project, "Open", "<p></p>").unwrap();
    let done = ada.create_item(world.project, "Done", "<p></p>").unwrap();
    let states = world.plane.states();
    let state = states.into_iter().find(|state| state.name == "Done").unwrap();
    ada.move_to_state(done, state.id).unwrap();
    world.settle().await;
    (open, done)
}

#[tokio::test]
async fn an_archived_item_that_stands_for_no_issue_is_told_and_not_buried() {
    for kind in BOTH {
        let world = with_issues(kind, 1).await;
        let (open, done) = only_in_plane(&world).await;
        let ada = world.plane.person("ada").unwrap();
        lose_planes(&world, 9);
        ada.archive_item(open).unwrap();
        ada.archive_item(done).unwrap();
        connected(&world).await;
        let before = all(&world).await;
        // The first whole comparison does not know what went before it; the next ones know that
        // it did not.
        for _ in 0..2 {
            let report = reconcile(&world, Walk::Full).await;
            assert_eq!((report.differing, report.waiting, report.put), (2, 2, 0), "{report:#?}");
            assert_eq!(all(&world).await, before);
        }
    }
}

#[tokio::test]
async fn of_what_is_in_plane_only_a_done_item_may_be_archived_and_an_open_one_was_deleted() {
    let world = compared(Kind::Sqlite, 1).await;
    let (open, done) = only_in_plane(&world).await;
    let ada = world.plane.person("ada").unwrap();
    ada.delete_item(open).unwrap();
    ada.archive_item(done).unwrap();
    let report = reconcile(&world, Walk::Full).await;
    assert_eq!((report.differing, report.waiting, report.put), (1, 1, 1), "{report:#?}");
    let known = known(&world, System::Plane).await;
    assert!(known.contains_key(&done.to_string()), "it may be archived");
    assert!(!known.contains_key(&open.to_string()), "it is deleted");
}

#[tokio::test]
async fn an_item_that_plane_can_not_be_asked_for_is_told_and_the_walk_goes_on() {
    let world = compared(Kind::Sqlite, 1).await;
    let ada = world.plane.person("ada").unwrap();
    let made = |name| ada.create_item(world.project, name, "<p></p>").unwrap();
    let items = [made("One"), made("Two")];
    world.settle().await;
    for item in items {
        ada.delete_item(item).unwrap();
    }
    let (job, repository) = (job(&world), repository(&world).await);
    let mut told = 0;
    // The third page is Plane's list; what is asked next is what it did not hold.
    let mut refuse = |_, _| {
        told += 1;
        if told == 3 {
            world.plane.faults().next_requests(4, On::Reads, PlaneRequestFault::Status(500));
        }
    };
    let report = job.look(&repository, Walk::Full, Doing::Act, &mut refuse).await.unwrap();
    assert_eq!((report.differing, report.waiting, report.put), (2, 1, 1), "{report:#?}");
    let differing = drift(&world).await;
    let waits = |why: &Why| matches!(why, Why::Waits { why } if why.contains("can't be said"));
    assert_eq!(differing.iter().filter(|item| item.reasons.iter().any(waits)).count(), 1);
    assert!(ledger(&world).await.full_at.is_some());
    world.quiet().await;
    assert!(reconcile(&world, Walk::Full).await.is_in_sync());
    assert_eq!(known(&world, System::Plane).await.len(), 1);
}

#[tokio::test]
async fn a_whole_walk_that_went_on_later_claims_nothing_of_what_came_after_it_began() {
    let world = with_issues(Kind::Sqlite, 3).await;
    let (job, repository) = (job(&world), repository(&world).await);
    // The issues are read, the comments are not.
    let mut away = |_, _| {
        let faults = vec![RequestFault::Status(503); 4];
        world.github.add_request_faults(faults);
    };
    job.look(&repository, Walk::Full, Doing::Act, &mut away).await.unwrap_err();
    let until = jetbridge::clock::Clock::System.now();
    let place = RecoverPlace {
        repository: REPOSITORY.parse().unwrap(),
        looked_at: until,
        covered_until: None,
        missing: 0,
        asked: 0,
        gap: Some(Gap { from: until - chrono::TimeDelta::days(5), until }),
        problem: None,
    };
    world.store.put_recover_place(&place).await.unwrap();
    reconcile(&world, Walk::Full).await;
    let full_at = ledger(&world).await.full_at.unwrap();
    assert!(full_at < until, "it began before: {full_at}");
    let gap = || async { world.store.recover_places().await.unwrap()[0].gap };
    assert!(gap().await.is_some(), "its end lies after the beginning of the walk");
    reconcile(&world, Walk::Full).await;
    assert_eq!(gap().await, None);
}
