//! Issues from before the connection: all of them, once each, whatever is killed on the way.

use std::time::Duration;

use jetbridge::clients::github_rest::GitHubRest;
use jetbridge::config::Secrets;
use jetbridge::jobs::backfill::{Backfill, Begin, MOST_WAITING, Step};
use jetbridge::sim::github::{CloseReason, NewIssue, RequestFault};
use jetbridge::store::backfills::BackfillCounts;

use crate::support::databases::{Kind, by_hand};
use crate::world::{Asking, REPOSITORY, TOKEN, World};

/// Issues of years, none of which was told by a webhook: every third with two comments, every fourth
/// closed, every tenth a pull request. How many comments there are.
async fn live_for_years(world: &World, issues: u64) -> u64 {
    world.github.hold_webhooks();
    let (ada, grace) = (world.github.acting_as("ada"), world.github.acting_as("grace"));
    let mut comments = 0;
    for number in 1..=issues {
        let title = format!("Issue {number}");
        let new = NewIssue::titled(&title).with_body("As it *was*.").with_labels(["old"]);
        if number % 10 == 0 {
            ada.open_pull_request(REPOSITORY, &new, &format!("branch-{number}")).unwrap();
        } else {
            ada.open_issue(REPOSITORY, &new).unwrap();
        }
        if number % 3 == 0 {
            grace.comment(REPOSITORY, number, "Seen.").unwrap();
            ada.comment(REPOSITORY, number, "Thanks.").unwrap();
            comments += 2;
        }
        if number % 4 == 0 && number % 10 != 0 {
            ada.close(REPOSITORY, number, CloseReason::Completed).unwrap();
        }
        // Several of them have one second, and so have whole pages at the beginning.
        if number > 120 && number % 4 == 0 {
            world.github_clock.advance(Duration::from_secs(1));
        }
    }
    world.github.release_webhooks(|_| Vec::new());
    world.github.settled().await;
    comments
}

fn rest(world: &World) -> GitHubRest {
    let tokens = Secrets::new([TOKEN.to_owned()]);
    let limit = Duration::from_secs(5);
    GitHubRest::new(&world.github.api_url(), &tokens, world.clock.clone(), limit).unwrap().unwrap()
}

async fn begin(world: &World, begin: Begin) -> Backfill {
    let name = REPOSITORY.parse().unwrap();
    let repository = world.store.find_repository(&name, None).await.unwrap().unwrap();
    Backfill::begin(&world.store, &world.clock, &rest(world), repository, begin).await.unwrap()
}

/// To its end; what became of it.
async fn to_the_end(mut backfill: Backfill) -> BackfillCounts {
    loop {
        match backfill.step().await.unwrap() {
            Step::Done => return backfill.counts().await.unwrap(),
            Step::Moved => {}
            Step::Waits | Step::Quota(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Does something while the time passes in which nobody works, since everybody waits for a quota.
async fn in_time<T>(world: &World, doing: impl Future<Output = T>) -> T {
    tokio::select! {
        done = doing => done,
        () = pass_time(world) => unreachable!("time has no end"),
    }
}

async fn pass_time(world: &World) {
    let mut asked = (usize::MAX, usize::MAX);
    loop {
        tokio::time::sleep(Duration::from_millis(40)).await;
        let now = (world.github.request_count(), world.plane.request_count());
        let queue = world.store.queue_stats(world.clock.now()).await.unwrap();
        if queue.claimed == 0 && now == asked {
            world.clock.advance(Duration::from_secs(5));
        }
        asked = now;
    }
}

/// Runs until GitHub was asked so often, and is then killed in its midst.
async fn kill_after(world: &World, requests: usize) {
    let asked = world.github.request_count();
    let running = tokio::spawn(to_the_end(begin(world, Begin::WhereItWas).await));
    // However long that takes: a test that hangs is ended from outside.
    while !running.is_finished() && world.github.request_count() <= asked + requests {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!running.is_finished(), "it is killed in its midst");
    running.abort();
    let _ = running.await;
}

fn assert_within_the_quota(world: &World) {
    let refused = |status| [Some(403), Some(429)].contains(&status);
    assert!(!world.github.requests().iter().any(|r| refused(r.status)), "GitHub refused nothing");
    assert!(!world.plane.requests().iter().any(|r| refused(r.status)), "Plane refused nothing");
}

async fn killed_five_times(mut world: World, issues: u64) {
    let comments = live_for_years(&world, issues).await;
    let (begun, started) = (std::time::Instant::now(), world.clock.now());
    let part = usize::try_from(issues).unwrap() / 12;
    for kill in 1..=5 {
        in_time(&world, kill_after(&world, part * kill)).await;
        if kill % 2 == 0 {
            world.stop().await;
            world.start().await;
        }
    }
    let to_its_end = async |from| to_the_end(begin(&world, from).await).await;
    let counts = in_time(&world, to_its_end(Begin::WhereItWas)).await;
    assert_eq!((counts.issues, counts.comments, counts.failed), (issues, comments, 0));
    world.settle().await;
    world.assert_equal();
    assert_within_the_quota(&world);
    let (writes, asked) = (world.writes(), world.github.requests().len());
    println!(
        "{issues} issues, {comments} comments: {} s, in simulated time {} min, {asked} requests to GitHub, {} to Plane, of which {writes} were writes",
        begun.elapsed().as_secs(),
        (world.clock.now() - started).num_minutes(),
        world.plane.requests().len(),
    );
    let again = in_time(&world, to_its_end(Begin::TheBeginning)).await;
    world.settle().await;
    assert_eq!((again, world.writes()), (counts, writes), "a second one finds nothing new");
}

/// Nobody has a limit, and time passes by itself.
async fn killed_five_times_without_limits(kind: Kind, issues: u64) {
    killed_five_times(World::with_slow_github(kind, Asking::Rest).await, issues).await;
}

async fn what_is_left_out_counts_as_done_with_its_reason(kind: Kind) {
    let mut world = World::with_slow_github(kind, Asking::Rest).await;
    world.stop().await;
    let drop = toml::from_str("when = 'issue.number == 2'\ndrop = true").unwrap();
    world.config.repositories[0].filter = Some("issue.number != 1".to_owned());
    world.config.repositories[0].rules = vec![drop];
    world.start().await;
    let comments = live_for_years(&world, 4).await;
    let counts = to_the_end(begin(&world, Begin::WhereItWas).await).await;
    let done = BackfillCounts { issues: 4, comments, waiting: 0, failed: 0, left_out: 2 };
    assert_eq!(counts, done);
    assert_eq!(world.twins().len(), 2);
    let again = to_the_end(begin(&world, Begin::WhereItWas).await).await;
    assert_eq!(again, done, "they are not tried again");
}

#[tokio::test]
async fn what_filter_and_rules_leave_out_of_a_backfill_counts_as_done_on_sqlite() {
    what_is_left_out_counts_as_done_with_its_reason(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_filter_and_rules_leave_out_of_a_backfill_counts_as_done_on_postgresql() {
    what_is_left_out_counts_as_done_with_its_reason(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_is_killed_five_times_is_complete_and_has_each_once_on_sqlite() {
    killed_five_times_without_limits(Kind::Sqlite, 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_that_is_killed_five_times_is_complete_and_has_each_once_on_postgresql() {
    killed_five_times_without_limits(Kind::Postgres, 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_keeps_within_both_limits_in_simulated_time() {
    killed_five_times(World::in_simulated_time(Kind::Sqlite).await, 60).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of many minutes, run by hand"]
async fn a_backfill_of_10000_issues_that_is_killed_five_times_is_complete() {
    killed_five_times(World::in_simulated_time(Kind::Sqlite).await, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_issue_has_its_own_time_and_its_author_in_plane() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    world.github.hold_webhooks();
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Hers")).unwrap();
    world.github.acting_as("octocat").open_issue(REPOSITORY, &NewIssue::titled("Strange")).unwrap();
    world.github.release_webhooks(|_| Vec::new());
    world.github_clock.advance(Duration::from_hours(24 * 365));
    to_the_end(begin(&world, Begin::WhereItWas).await).await;
    world.settle().await;
    let bot = world.plane.user("sync-bot").unwrap().id;
    for (number, author) in [(1, world.plane.user("ada").unwrap().id), (2, bot)] {
        let (issue, item) = (world.issue(number), world.twin(&world.issue(number)));
        assert_eq!((item.stamps.created_at, item.created_by), (issue.created_at, author));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_are_too_long_are_put_in_by_smaller_ones_and_none_is_passed_by() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    world.github.hold_webhooks();
    // All of them have one second, so that the list has to be followed by its pages.
    for number in 1..=110 {
        let issue = NewIssue::titled(format!("Issue {number}")).with_body("x".repeat(8_000));
        world.github.acting_as("ada").open_issue(REPOSITORY, &issue).unwrap();
    }
    world.github.release_webhooks(|_| Vec::new());
    world.github.settled().await;
    let name = REPOSITORY.parse().unwrap();
    let repository = world.store.find_repository(&name, None).await.unwrap().unwrap();
    // Twenty are short enough together, forty are not.
    let rest = rest(&world).reading_at_most(400_000);
    let begin = || {
        Backfill::begin(&world.store, &world.clock, &rest, repository.clone(), Begin::WhereItWas)
    };
    // As if it were killed after every page.
    while matches!(begin().await.unwrap().step().await.unwrap(), Step::Moved | Step::Waits) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counts = begin().await.unwrap().counts().await.unwrap();
    assert_eq!((counts.issues, counts.failed), (110, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_repository_under_the_old_name_is_not_fetched() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    // A webhook tells which repository it is.
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Known")).unwrap();
    world.settle().await;
    let counts = to_the_end(begin(&world, Begin::WhereItWas).await).await;
    assert_eq!(counts.issues, 1);
    world.github.acting_as("ada").rename_repository(REPOSITORY, "moved-away").unwrap();
    world.github.add_repository(REPOSITORY).unwrap();
    let stranger = NewIssue::titled("Of somebody else's project");
    world.github.acting_as("ada").open_issue(REPOSITORY, &stranger).unwrap();
    world.settle().await;
    let mut anew = begin(&world, Begin::TheBeginning).await;
    let refused = anew.step().await.unwrap_err().to_string();
    assert!(refused.contains("octo/hello is another repository at GitHub"), "{refused}");
    assert!(refused.contains("jetbridge repo remove octo/hello"), "{refused}");
    assert_eq!(anew.counts().await.unwrap(), counts, "nothing of it was put in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_put_in_than_may_wait() {
    let mut world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    live_for_years(&world, 450).await;
    world.receive_only().await;
    let mut backfill = begin(&world, Begin::WhereItWas).await;
    assert_eq!(backfill.total(), Some(450));
    while backfill.step().await.unwrap() == Step::Moved {}
    let waiting = backfill.counts().await.unwrap().waiting;
    assert!((MOST_WAITING..MOST_WAITING + 300).contains(&waiting), "{waiting}");
    assert_eq!(backfill.step().await.unwrap(), Step::Waits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_counted_and_tried_again_by_the_next_run() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    live_for_years(&world, 4).await;
    to_the_end(begin(&world, Begin::WhereItWas).await).await;
    by_hand(
        world.database_text(),
        "UPDATE github_webhook_events SET status = 'failed' WHERE event_type = 'issue_comment';
         UPDATE work_queue SET status = 'dead' WHERE delivery_id IN
            (SELECT delivery_id FROM github_webhook_events WHERE event_type = 'issue_comment')",
    )
    .await;
    let begun = begin(&world, Begin::WhereItWas).await;
    assert_eq!(begun.counts().await.unwrap().failed, 0, "they are queued again");
    assert_eq!(to_the_end(begun).await.failed, 0);
    world.settle().await;
    world.assert_equal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_used_up_is_waited_for_and_not_asked_again() {
    let world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    live_for_years(&world, 3).await;
    let mut backfill = begin(&world, Begin::WhereItWas).await;
    let limit = RequestFault::PrimaryLimit { resets_in: Duration::from_hours(1) };
    world.github.add_request_faults([limit]);
    let Step::Quota(wait) = backfill.step().await.unwrap() else { panic!("nothing is left") };
    assert!(wait > Duration::from_mins(50), "{wait:?}");
    let asked = world.github.requests().len();
    assert!(matches!(backfill.step().await.unwrap(), Step::Quota(_)));
    assert_eq!(world.github.requests().len(), asked, "it does not even ask");
}
