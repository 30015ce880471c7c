//! What GitHub said when it was asked is no delivery, and is derived again all the same.

use jetbridge::clock::Clock;
use jetbridge::jobs::process_delivery::PlaneAddress;
use jetbridge::jobs::rebuild::{Mode, Rebuild, Report};
use jetbridge::sim::github::{CloseReason, NewIssue};
use jetbridge::sources::plane::normalize::Lookup;

use crate::desk::execute;
use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

async fn rebuild(world: &World, mode: Mode) -> Report {
    let address = PlaneAddress::default();
    let rebuild = Rebuild::new(&world.store, &Clock::System, address, Lookup::On, mode);
    rebuild.run(|_| {}).await.unwrap()
}

/// Within one of GitHub's seconds, so that webhooks alone can't tell the last state.
async fn what_was_asked_is_derived(kind: Kind) {
    let world = World::with_slow_github(kind, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    world.github.hold_webhooks();
    for number in 1..=2 {
        ada.open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
        ada.label(REPOSITORY, number, "bug").unwrap();
        ada.close(REPOSITORY, number, CloseReason::NotPlanned).unwrap();
        ada.reopen(REPOSITORY, number).unwrap();
        ada.unlabel(REPOSITORY, number, "bug").unwrap();
        ada.comment(REPOSITORY, number, "Said").unwrap();
    }
    world.github.release_webhooks(|mut order| {
        order.reverse();
        order
    });
    world.settle().await;
    world.assert_equal();
    let report = rebuild(&world, Mode::Check).await;
    assert!(report.is_right(), "{:#?}", report.differences);
    assert!(report.items >= 4 && report.comments >= 2, "{report:?}");
    let asked = execute(
        world.database_text(),
        "UPDATE work_items SET title = title WHERE CAST(state AS text) LIKE '%asked_at%'",
    );
    assert!(asked.await > 0, "no answer took part: the test shows nothing");

    execute(world.database_text(), "DELETE FROM work_items").await;
    assert!(rebuild(&world, Mode::Replace).await.is_right());
    let report = rebuild(&world, Mode::Check).await;
    assert!(report.is_right(), "{:#?}", report.differences);
}

#[tokio::test]
async fn what_github_said_when_it_was_asked_is_derived_again_on_sqlite() {
    what_was_asked_is_derived(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_github_said_when_it_was_asked_is_derived_again_on_postgresql() {
    what_was_asked_is_derived(Kind::Postgres).await;
}
