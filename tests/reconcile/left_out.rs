//! What a repository's filter and rules leave out of Plane is as it should be.

use jetbridge::drift::{Walk, Why};
use jetbridge::jobs::reconcile::Doing;
use jetbridge::sim::github::NewIssue;

use crate::ground::{connected, drift, inbox, ledger, look, lose, reconcile};
use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

const DROP: &str = "name = 'no chores'\nwhen = '\"chore\" in issue.labels'\ndrop = true";

async fn filtered(kind: Kind, filter: &str) -> World {
    let mut world = World::new(kind, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    for label in ["wish", "chore", "bug"] {
        ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
    }
    world.stop().await;
    world.config.repositories[0].filter = Some(filter.to_owned());
    world.config.repositories[0].rules = vec![toml::from_str(DROP).unwrap()];
    world.start().await;
    world
}

async fn what_is_left_out_counts_as_in_sync(kind: Kind) {
    let world = filtered(kind, "!('wish' in issue.labels)").await;
    let ada = world.github.acting_as("ada");
    for label in ["bug", "wish", "chore"] {
        ada.open_issue(REPOSITORY, &NewIssue::titled(label).with_labels([label])).unwrap();
    }
    world.settle().await;
    let plan = look(&world, Walk::Full, Doing::Preview).await.unwrap();
    assert!(plan.is_in_sync() && plan.put == 0, "{plan:#?}");
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync() && report.put == 0, "{report:#?}");
    assert_eq!(report.left_out, 2);
    let said = ledger(&world).await;
    assert_eq!((said.differing, said.share().per_cent().as_str()), (0, "100 %"));

    // What nobody told of is put in for the board, and once it is known nothing is left to do.
    lose(&world, 9);
    ada.open_issue(REPOSITORY, &NewIssue::titled("Lost").with_labels(["wish"])).unwrap();
    ada.comment(REPOSITORY, 3, "on a chore").unwrap();
    // One that is in Plane and no longer passes stays there as it is, comments included.
    ada.label(REPOSITORY, 1, "chore").unwrap();
    ada.retitle(REPOSITORY, 1, "A chore after all").unwrap();
    ada.comment(REPOSITORY, 1, "kept on GitHub").unwrap();
    connected(&world).await;
    let report = reconcile(&world, Walk::Changes).await;
    assert!(report.is_in_sync(), "{report:#?}");
    assert_eq!(world.twins().len(), 1);
    assert_eq!(world.twin(&world.issue(1)).name, "bug", "it stays as it is");
    let before = (inbox(&world).await, world.writes());
    let again = reconcile(&world, Walk::Full).await;
    assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
    assert_eq!((inbox(&world).await, world.writes(), again.left_out), (before.0, before.1, 4));
    assert_eq!(drift(&world).await, []);
}

#[tokio::test]
async fn what_filter_and_rules_leave_out_counts_as_in_sync_on_sqlite() {
    what_is_left_out_counts_as_in_sync(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_filter_and_rules_leave_out_counts_as_in_sync_on_postgresql() {
    what_is_left_out_counts_as_in_sync(Kind::Postgres).await;
}

#[tokio::test]
async fn a_filter_is_judged_by_what_would_be_put_in() {
    let world = filtered(Kind::Sqlite, "action == 'found' || action == 'labeled'").await;
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("One")).unwrap();
    world.settle().await;
    assert_eq!(world.twins().len(), 0);
    // Its webhook did not pass; what is found does.
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync() && report.put == 1, "{report:#?}");
    world.assert_equal();
}

#[tokio::test]
async fn a_filter_that_comes_to_nothing_waits_for_a_person() {
    let world = filtered(Kind::Sqlite, "issue.labels[0] == 'bug'").await;
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("No label")).unwrap();
    world.quiet().await;
    let report = reconcile(&world, Walk::Full).await;
    assert_eq!((report.differing, report.waiting, report.put), (1, 1, 0), "{report:#?}");
    let [Why::Waits { why }] = report.items[0].reasons.as_slice() else { panic!("{report:#?}") };
    assert!(why.starts_with("the filter: ") && why.contains("mend it"), "{why}");
}
