//! Everything at once: a fifth of the webhooks lost, deletions of which nothing tells, an outage, a
//! quota that is used up and pages that shift. After one recovery and one comparison both sides are
//! equal, and a second round of both writes nothing.

use std::time::Duration;

use jetbridge::app::outside::issue_sync;
use jetbridge::clock::Clock;
use jetbridge::drift::Walk;
use jetbridge::jobs::reconcile::Doing;
use jetbridge::jobs::recover::{Recover, Report, Task};

use crate::ground::{
    Dice, assert_known, connected, inbox, job, ledger, lose, lose_planes, reconcile, repository,
    requests,
};
use crate::proof::{act, open_many_issues};
use crate::support::databases::Kind;
use crate::world::{Asking, PLANE_SECRET, REPOSITORY, TOKEN, World};

/// More than fit on one page.
const ISSUES: u64 = 110;

async fn recover(world: &World) -> Report {
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let rest = sync.github.as_ref().and_then(|github| github.rests().next()).unwrap().clone();
    let public_url = format!("http://{}", world.config.listen);
    let recover = Recover::new(&world.store, &Clock::System, rest, &public_url);
    let report = recover.run(&Task::of_schedule(), |_| {}).await.unwrap();
    world.quiet().await;
    report
}

/// What people do, of which every fifth webhook is lost.
fn act_with_losses(world: &World, dice: &mut Dice, times: u32) {
    for _ in 0..times {
        if dice.below(5) == 0 {
            lose(world, 1);
            lose_planes(world, 1);
        }
        act(world, dice);
    }
}

/// Deletions of which GitHub's own list of deliveries knows nothing either.
fn delete_without_a_word(world: &World) {
    world.github.hold_webhooks();
    let ada = world.github.acting_as("ada");
    let issues = world.github.issues(REPOSITORY).unwrap();
    let (kept, gone) = issues.split_at(issues.len() - 3);
    for issue in gone {
        ada.delete_issue(REPOSITORY, issue.number).unwrap();
    }
    let said = kept.iter().flat_map(|i| world.github.comments(REPOSITORY, i.number).unwrap());
    let said: Vec<_> = said.take(2).collect();
    assert_eq!(said.len(), 2);
    for comment in said {
        ada.delete_comment(REPOSITORY, comment.id).unwrap();
    }
    world.github.release_webhooks(|_| Vec::new());
}

async fn everything_goes_wrong(kind: Kind) {
    let mut world = World::new(kind, Asking::Rest).await;
    open_many_issues(&world, ISSUES).await;
    let grace = world.plane.person("ada").unwrap();
    for number in 80..100 {
        world.github.acting_as("ada").comment(REPOSITORY, number, "a comment").unwrap();
    }
    let gone = grace.create_item(world.project, "Only in Plane", "<p></p>").unwrap();
    world.settle().await;
    assert!(reconcile(&world, Walk::Full).await.is_in_sync());
    let mut dice = Dice::new(41);
    act_with_losses(&world, &mut dice, 50);
    // Else the webhooks that wait to be sent would be swallowed as well.
    connected(&world).await;
    delete_without_a_word(&world);
    grace.delete_item(gone).unwrap();
    connected(&world).await;
    world.stop().await;
    for _ in 0..20 {
        act(&world, &mut dice);
    }
    connected(&world).await;
    world.start().await;
    let port = world.config.listen.port();
    world.plane.add_webhook(&format!("http://127.0.0.1:{port}/api/webhooks/plane"), PLANE_SECRET);

    let recovered = recover(&world).await;
    let place = &recovered.places[0];
    assert!(
        place.asked > 0 && place.asked == place.missing && place.problem.is_none(),
        "{place:?}"
    );
    let (job, repository) = (job(&world), repository(&world).await);
    let mut pages = 0_u64;
    let mut shift = |_, _| {
        pages += 1;
        if pages == 1 {
            world.github.exhaust_quota(TOKEN, Duration::from_secs(2));
        }
        let issues = world.github.issues(REPOSITORY).unwrap();
        let number = issues[usize::try_from(pages * 13).unwrap() % issues.len()].number;
        let ada = world.github.acting_as("ada");
        ada.retitle(REPOSITORY, number, &format!("Shifted {pages}")).unwrap();
    };
    let report = job.look(&repository, Walk::Full, Doing::Act, &mut shift).await.unwrap();
    assert!(report.put > 0, "something differed: {report:#?}");
    assert!(pages >= 5, "there were pages to shift: {pages}");
    assert!(job.settled(Duration::from_mins(2)).await.unwrap());
    world.quiet().await;
    let proved = job.prove(&repository, &mut |_, _| {}).await.unwrap();
    assert!(proved.is_in_sync(), "{proved:#?}");
    world.assert_nothing_failed().await;
    world.assert_equal();
    assert_known(&world).await;
    let now = ledger(&world).await;
    assert_eq!((now.share().per_cent().as_str(), now.last_error), ("100 %", None));

    let before = (requests(&world).1, inbox(&world).await);
    let again = recover(&world).await;
    assert_eq!((again.places[0].missing, again.places[0].asked), (0, 0), "{again:?}");
    let again = reconcile(&world, Walk::Full).await;
    assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
    world.quiet().await;
    assert_eq!((requests(&world).1, inbox(&world).await), before, "a second round writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_went_wrong_one_recovery_and_one_comparison_make_both_sides_equal_on_sqlite() {
    everything_goes_wrong(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_went_wrong_one_recovery_and_one_comparison_make_both_sides_equal_on_postgresql() {
    everything_goes_wrong(Kind::Postgres).await;
}
