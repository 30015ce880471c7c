//! Both sides lose, delete, refuse and shift; after one run they are equal, nothing is there twice,
//! the ledger says 100 %, and a second run writes nothing.

use std::sync::Arc;
use std::time::Duration;

use jetbridge::drift::Walk;
use jetbridge::jobs::reconcile::Doing;
use jetbridge::sim::github::{CloseReason, NewIssue, RequestFault, WebhookFault};
use jetbridge::sim::plane::{On, RequestFault as PlaneRequestFault};
use tokio::sync::Notify;

use crate::ground::{
    Dice, assert_known, connected, inbox, job, ledger, look, lose, lose_planes, reconcile,
    repository, requests,
};
use crate::support::databases::Kind;
use crate::world::{Asking, PLANE_SECRET, REPOSITORY, TOKEN, World};

/// Issues of one story.
const ISSUES: u64 = 20;
/// More than fit on one of the pages that are asked for.
const PAGES: u64 = 110;
const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// More of them than a slow machine works off in the time of one wait.
pub async fn open_many_issues(world: &World, count: u64) {
    for begin in (0..count).step_by(20) {
        open_issues(world, (count - begin).min(20));
        world.settle().await;
    }
}

pub fn open_issues(world: &World, count: u64) {
    let ada = world.github.acting_as("ada");
    for number in 1..=count {
        let issue = NewIssue::titled(format!("Issue {number}")).with_body("text");
        ada.open_issue(REPOSITORY, &issue).unwrap();
    }
}

/// One thing that somebody does, chosen by chance.
pub fn act(world: &World, dice: &mut Dice) {
    let people = ["ada", "grace"];
    let person = world.github.acting_as(people[usize::try_from(dice.below(2)).unwrap()]);
    let open = world.github.issues(REPOSITORY).unwrap();
    let issue = &open[usize::try_from(dice.below(open.len() as u64)).unwrap()];
    let (number, which) = (issue.number, dice.below(1000));
    match dice.below(11) {
        0 => {
            let issue = NewIssue::titled(format!("New {which}"));
            person.open_issue(REPOSITORY, &issue).unwrap();
        }
        1 => person.retitle(REPOSITORY, number, &format!("Title {which}")).unwrap(),
        2 => person.rewrite(REPOSITORY, number, &format!("Text {which}")).unwrap(),
        3 => person.close(REPOSITORY, number, CloseReason::Completed).unwrap(),
        4 => person.reopen(REPOSITORY, number).unwrap(),
        5 => person.label(REPOSITORY, number, &format!("label {}", which % 5)).unwrap(),
        6 => person.assign(REPOSITORY, number, people[0]).unwrap(),
        7 | 8 => {
            person.comment(REPOSITORY, number, &format!("Comment {which}")).unwrap();
        }
        9 => {
            let comments = world.github.comments(REPOSITORY, number).unwrap();
            match comments.first() {
                Some(first) if which % 2 == 0 => {
                    person.delete_comment(REPOSITORY, first.id).unwrap();
                }
                Some(first) => {
                    person.edit_comment(REPOSITORY, first.id, &format!("Edit {which}")).unwrap();
                }
                None => {}
            }
        }
        _ if open.len() > 10 => person.delete_issue(REPOSITORY, number).unwrap(),
        _ => {}
    }
}

/// After one run everything is as it should be, and another one finds nothing to do.
async fn assert_one_run_is_enough(world: &World) {
    let report = reconcile(world, Walk::Full).await;
    assert!(report.is_in_sync(), "{report:#?}");
    world.assert_nothing_failed().await;
    world.assert_equal();
    assert_known(world).await;
    let ledger = ledger(world).await;
    assert_eq!((ledger.share().per_cent().as_str(), ledger.last_error), ("100 %", None));
    let before = (requests(world).1, inbox(world).await);
    let again = reconcile(world, Walk::Full).await;
    assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
    world.quiet().await;
    assert_eq!((requests(world).1, inbox(world).await), before, "a second run writes nothing");
    assert_eq!(requests(world).0.keys().collect::<Vec<_>>(), ["GET"], "GitHub is only read");
}

async fn with_a_fifth_of_the_webhooks_lost(kind: Kind, seed: u64) {
    let world = World::new(kind, Asking::Rest).await;
    open_issues(&world, ISSUES);
    world.settle().await;
    let mut dice = Dice::new(seed);
    let fates: Vec<_> = (0..400)
        .map(|_| if dice.below(5) == 0 { WebhookFault::Lose } else { WebhookFault::None })
        .collect();
    world.github.add_webhook_faults(fates);
    for _ in 0..90 {
        act(&world, &mut dice);
        if dice.below(5) == 0 {
            lose_planes(&world, 1);
        }
    }
    world.quiet().await;
    connected(&world).await;
    assert_one_run_is_enough(&world).await;
}

#[tokio::test]
async fn with_a_fifth_of_the_webhooks_lost_one_run_makes_both_sides_equal_on_sqlite() {
    for seed in [3, 17] {
        with_a_fifth_of_the_webhooks_lost(Kind::Sqlite, seed).await;
    }
}

#[tokio::test]
async fn with_a_fifth_of_the_webhooks_lost_one_run_makes_both_sides_equal_on_postgresql() {
    with_a_fifth_of_the_webhooks_lost(Kind::Postgres, 29).await;
}

#[tokio::test]
async fn after_an_outage_of_which_nothing_came_one_run_makes_both_sides_equal() {
    for kind in BOTH {
        an_outage(kind).await;
    }
}

async fn an_outage(kind: Kind) {
    let mut world = World::new(kind, Asking::Rest).await;
    open_issues(&world, 12);
    world.settle().await;
    world.stop().await;
    let mut dice = Dice::new(5);
    for _ in 0..60 {
        act(&world, &mut dice);
    }
    let ada = world.plane.person("ada").unwrap();
    ada.create_item(world.project, "Made meanwhile", "<p></p>").unwrap();
    // Plane gives up after six tries, and switches its webhook off.
    connected(&world).await;
    world.start().await;
    let port = world.config.listen.port();
    world.plane.add_webhook(&format!("http://127.0.0.1:{port}/api/webhooks/plane"), PLANE_SECRET);
    world.quiet().await;
    assert_one_run_is_enough(&world).await;
}

#[tokio::test]
async fn while_quotas_are_used_up_it_waits_and_comes_to_its_end() {
    for kind in BOTH {
        used_up_quotas(kind).await;
    }
}

async fn used_up_quotas(kind: Kind) {
    let world = World::new(kind, Asking::Rest).await;
    open_issues(&world, 6);
    world.settle().await;
    lose(&world, 30);
    let mut dice = Dice::new(11);
    for _ in 0..20 {
        act(&world, &mut dice);
    }
    connected(&world).await;
    world.github.add_request_faults([
        RequestFault::None,
        RequestFault::SecondaryLimit { retry_after: Some(Duration::from_secs(1)) },
        RequestFault::Status(502),
    ]);
    let busy = PlaneRequestFault::RetryLater { status: 429, retry_after: Duration::from_secs(1) };
    world.plane.faults().requests_after(1, 1, On::Any, busy);
    assert_one_run_is_enough(&world).await;
    // The quota of an hour, with a part of it left to wait for.
    world.github.exhaust_quota(TOKEN, Duration::from_secs(2));
    let report = look(&world, Walk::Changes, Doing::Act).await.unwrap();
    assert!(report.is_in_sync(), "{report:#?}");
}

#[tokio::test]
async fn a_side_that_stays_away_is_told_in_the_ledger_and_the_next_run_goes_on() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    open_issues(&world, 3);
    world.settle().await;
    lose(&world, 1);
    world.github.acting_as("ada").retitle(REPOSITORY, 1, "Renamed").unwrap();
    connected(&world).await;
    world.github.add_request_faults(vec![RequestFault::Status(503); 4]);
    let failure = look(&world, Walk::Full, Doing::Act).await.unwrap_err();
    assert!(failure.to_string().contains("503"), "{failure}");
    assert_eq!(ledger(&world).await.last_error, Some(failure.to_string()));
    assert_one_run_is_enough(&world).await;
}

#[tokio::test]
async fn pages_that_shift_while_they_are_walked_lose_nothing() {
    for kind in BOTH {
        pages_that_shift(kind).await;
    }
}

async fn pages_that_shift(kind: Kind) {
    let world = World::new(kind, Asking::Rest).await;
    open_many_issues(&world, PAGES).await;
    let ada = world.plane.person("ada").unwrap();
    world.settle().await;
    lose(&world, 1000);
    lose_planes(&world, 1000);
    for number in (1..=PAGES).step_by(7) {
        let title = format!("Renamed {number}");
        world.github.acting_as("ada").retitle(REPOSITORY, number, &title).unwrap();
    }
    let only_in_plane: Vec<_> = (0..120)
        .map(|n| ada.create_item(world.project, &format!("Plane {n}"), "<p></p>").unwrap())
        .collect();
    let (job, repository) = (job(&world), repository(&world).await);
    let (mut pages, mut moved) = (0, only_in_plane.iter());
    // With each page that was read, what stands on it and before it moves.
    let mut shift = |_, _| {
        pages += 1;
        let github = world.github.acting_as("grace");
        let number = (pages * 13) % PAGES + 1;
        github.retitle(REPOSITORY, number, &format!("Shifted {pages}")).unwrap();
        if pages <= 3 {
            ada.delete_item(*moved.next().unwrap()).unwrap();
        }
        ada.edit_title(*moved.next().unwrap(), "Moved").unwrap();
    };
    job.look(&repository, Walk::Full, Doing::Act, &mut shift).await.unwrap();
    assert!(pages >= 5, "there were pages to shift: {pages}");
    assert!(job.settled(Duration::from_mins(2)).await.unwrap());
    connected(&world).await;
    // All that was there when it began is known; what changed meanwhile is met by the next one.
    let report = reconcile(&world, Walk::Changes).await;
    assert!(report.is_in_sync(), "{report:#?}");
    assert_one_run_is_enough(&world).await;
}

#[tokio::test]
async fn a_walk_that_was_cut_short_goes_on_where_it_was() {
    for kind in BOTH {
        a_walk_that_is_cut_short(kind).await;
    }
}

async fn a_walk_that_is_cut_short(kind: Kind) {
    let world = World::new(kind, Asking::Rest).await;
    open_many_issues(&world, PAGES).await;
    world.settle().await;
    lose(&world, 1);
    world.github.acting_as("ada").retitle(REPOSITORY, 1, "Renamed").unwrap();
    connected(&world).await;
    let (job, repository) = (job(&world), repository(&world).await);
    let (enough, mut pages) = (Arc::new(Notify::new()), 0);
    let told = Arc::clone(&enough);
    let mut stop = |_, _| {
        pages += 1;
        if pages == 2 {
            told.notify_one();
        }
    };
    tokio::select! {
        _ = job.look(&repository, Walk::Full, Doing::Act, &mut stop) => panic!("it has more pages"),
        () = enough.notified() => {}
    }
    let issues = |world: &World| {
        let requests = world.github.requests();
        requests.iter().filter(|r| r.target.contains("/issues?")).count()
    };
    let before = issues(&world);
    look(&world, Walk::Full, Doing::Act).await.unwrap();
    let rest = issues(&world) - before;
    let before = issues(&world);
    assert_one_run_is_enough(&world).await;
    assert!(issues(&world) > before + rest, "the rest took {rest} pages");
}

#[tokio::test]
async fn what_did_not_change_on_github_costs_no_quota() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    open_issues(&world, 3);
    world.settle().await;
    for _ in 0..2 {
        reconcile(&world, Walk::Changes).await;
    }
    let before = world.github.requests().len();
    reconcile(&world, Walk::Changes).await;
    let requests = world.github.requests();
    let asked: Vec<_> = requests[before..].iter().collect();
    let unchanged = asked.iter().filter(|r| r.status == Some(304)).count();
    assert_eq!(unchanged, 2, "issues and comments: {asked:?}");
}
