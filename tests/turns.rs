//! Whose turn it is in the second stage: one repository that floods the queue delays only itself,
//! and none is served faster than its limit.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use jetbridge::ids::{Lane, Lease};
use jetbridge::queue::turns::RateLimit;
use jetbridge::store::finish::Changed;
use jetbridge::store::jobs::{ClaimedJob, End, Finish, Finished, Stage};
use jetbridge::store::turns::Serving;
use jetbridge::timeline::{EntryOutcome, TimelineEntry};
use proptest::prelude::*;
use serde_json::json;
use support::app::TestApp;
use support::databases::{Kind, TestDatabase, by_hand};
use support::github::{GithubDelivery, issue};
use uuid::Uuid;

const NOISY: &str = "Codertocat/Hello-World";
const QUIET: &str = "octo-org/octo-repo";
const MINUTE: Duration = Duration::from_mins(1);

fn lease() -> Lease {
    Lease(Uuid::new_v4())
}

fn ended(job: &ClaimedJob, app: &TestApp, end: End) -> Finished {
    let entry = TimelineEntry {
        item: None,
        source: job.source,
        delivery_id: job.delivery_id.clone(),
        attempt: i64::from(job.attempt),
        at: app.clock.now(),
        outcome: EntryOutcome::Ignored,
        reason: "by a test".to_owned(),
        changes: Vec::new(),
    };
    let last_error = job.last_error.clone();
    Finished { id: job.id, attempts: job.attempt, last_error, end, entry }
}

async fn finish(app: &TestApp, lease: Lease, finished: &[Finished]) {
    let done = app.store.finish_jobs(lease, finished, Changed::default()).await.unwrap();
    assert_eq!(done, Finish::Committed);
}

/// So many issues of a repository, one delivery each, handed to the second stage.
async fn hand_over(app: &TestApp, repository: &str, issues: std::ops::Range<u64>) {
    for id in issues {
        let repository = json!({"id": repository.len(), "name": "x", "full_name": repository});
        let thing = issue(id, "An issue", "open", "2026-11-22T01:00:00Z");
        let body = json!({"action": "opened", "issue": thing, "repository": repository});
        app.post_github(&GithubDelivery::new("issues", body.to_string())).await;
    }
    let token = lease();
    let read =
        app.store.claim_jobs(Stage::Read, 1000, token, MINUTE, app.clock.now()).await.unwrap();
    let handed = |job: &ClaimedJob| {
        let lane =
            Lane::new(job.lane.as_ref().unwrap().as_str().replace("github:", "sync:github:"));
        ended(job, app, End::Handed { result: String::new(), lane, place: None })
    };
    finish(app, token, &read.iter().map(handed).collect::<Vec<_>>()).await;
}

/// Whose turn it is now; that issue is done after it.
async fn served(app: &TestApp, serving: Serving<'_>) -> Option<String> {
    let (token, now) = (lease(), app.clock.now());
    let claimed = app.store.claim_serving(serving, Stage::Sync, 256, token, MINUTE, now);
    let jobs = claimed.await.unwrap();
    let repository = jobs.first()?.repository.clone();
    let done = |job: &ClaimedJob| ended(job, app, End::Done { result: String::new() });
    finish(app, token, &jobs.iter().map(done).collect::<Vec<_>>()).await;
    repository
}

on_both_databases! {
    async fn a_repository_that_floods_the_queue_delays_only_itself(database: TestDatabase) {
        let app = TestApp::new(database).await;
        hand_over(&app, NOISY, 0..30).await;
        hand_over(&app, QUIET, 100..103).await;
        let mut order = Vec::new();
        for _ in 0..6 {
            order.push(served(&app, Serving::all()).await.unwrap());
        }
        assert_eq!(order.iter().filter(|name| *name == QUIET).count(), 3, "{order:?}");
        for _ in 0..10 {
            assert_eq!(served(&app, Serving::all()).await.unwrap(), NOISY);
        }
        // Turns that were not taken are not saved up.
        hand_over(&app, QUIET, 200..220).await;
        let mut order = Vec::new();
        for _ in 0..10 {
            order.push(served(&app, Serving::all()).await.unwrap());
        }
        assert_eq!(order.iter().filter(|name| *name == QUIET).count(), 5, "{order:?}");
    }

    async fn a_limit_slows_its_repository_and_nobody_else(database: TestDatabase) {
        let app = TestApp::new(database).await;
        hand_over(&app, NOISY, 0..10).await;
        hand_over(&app, QUIET, 100..110).await;
        let number = |number| NonZeroU32::new(number).unwrap();
        let limit = RateLimit { per_minute: number(6), burst: number(2) };
        let limits = |name: &str| (name == NOISY).then_some(limit);
        let serving = Serving { limits: &limits, ..Serving::all() };
        let mut noisy = 0;
        while let Some(name) = served(&app, serving).await {
            noisy += i32::from(name == NOISY);
        }
        assert_eq!(noisy, 2, "its burst, and all of the other one");
        let limited = app.store.limited_repositories(app.clock.now()).await.unwrap();
        assert_eq!(limited, [(NOISY.to_owned(), app.clock.now() + Duration::from_secs(10))]);
        app.clock.advance(Duration::from_secs(9));
        assert_eq!(served(&app, serving).await, None);
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(served(&app, serving).await.as_deref(), Some(NOISY));
        assert_eq!(served(&app, serving).await, None);
        assert_eq!(served(&app, Serving::all()).await, None, "until its next turn");
        app.clock.advance(Duration::from_secs(30));
        assert_eq!(served(&app, serving).await.as_deref(), Some(NOISY));
    }

    async fn a_clock_that_is_set_back_makes_nobody_wait_for_it(database: TestDatabase) {
        let app = TestApp::new(database).await;
        hand_over(&app, NOISY, 0..4).await;
        let number = |number| NonZeroU32::new(number).unwrap();
        let limits = |_: &str| Some(RateLimit { per_minute: number(6), burst: number(1) });
        let serving = Serving { limits: &limits, ..Serving::all() };
        // Its time is a day ahead for one claim.
        let tomorrow = app.clock.now() + Duration::from_hours(24);
        let token = lease();
        let ahead = app.store.claim_serving(serving, Stage::Sync, 256, token, MINUTE, tomorrow);
        assert_eq!(ahead.await.unwrap().len(), 1);
        assert!(app.store.limited_repositories(app.clock.now()).await.unwrap().is_empty());
        assert_eq!(served(&app, serving).await.as_deref(), Some(NOISY));
        assert_eq!(served(&app, serving).await, None, "its limit counts again");
        app.clock.advance(Duration::from_secs(10));
        assert_eq!(served(&app, serving).await.as_deref(), Some(NOISY));
    }

    async fn what_is_left_of_a_removed_repository_is_claimed_all_the_same(database: TestDatabase) {
        let app = TestApp::new(database).await;
        hand_over(&app, NOISY, 0..2).await;
        hand_over(&app, QUIET, 100..101).await;
        assert!(app.store.remove_repository(&NOISY.parse().unwrap()).await.unwrap());
        assert_eq!(served(&app, Serving::all()).await.as_deref(), Some(QUIET));
        for _ in 0..2 {
            let (token, now) = (lease(), app.clock.now());
            let left = app.store.claim_jobs(Stage::Sync, 256, token, MINUTE, now).await.unwrap();
            assert_eq!(left.len(), 1);
        }
        assert_eq!(served(&app, Serving::all()).await, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn while_both_have_work_neither_is_more_than_one_turn_ahead(noisy in 2..25_u64, quiet in 2..25_u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let order = runtime.block_on(async {
            let app = TestApp::new(TestDatabase::new(Kind::Sqlite).await).await;
            hand_over(&app, NOISY, 0..noisy).await;
            hand_over(&app, QUIET, 100..100 + quiet).await;
            let mut order = Vec::new();
            while let Some(name) = served(&app, Serving::all()).await {
                order.push(name);
            }
            order
        });
        prop_assert_eq!(order.len() as u64, noisy + quiet);
        let (mut one, mut other) = (0_u64, 0_u64);
        for name in order {
            *(if name == NOISY { &mut one } else { &mut other }) += 1;
            if one < noisy && other < quiet {
                prop_assert!(one.abs_diff(other) <= 1, "{} and {}", one, other);
            }
        }
    }
}

/// A claim with a thousand repositories and a hundred thousand jobs that wait: run by hand.
async fn measured(kind: Kind) {
    let database = TestDatabase::new(kind).await;
    let text = database.text.clone();
    let app = TestApp::new(database).await;
    let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <";
    let (at, soon, bytes) = match kind {
        Kind::Postgres => (
            "CAST('2026-11-22T01:00:00Z' AS timestamptz)",
            "CAST('2026-11-22T02:00:30Z' AS timestamptz)",
            "'{}'::bytea",
        ),
        Kind::Sqlite => {
            ("'2026-11-22T01:00:00.000000Z'", "'2026-11-22T02:00:30.000000Z'", "x'7b7d'")
        }
    };
    let fill = format!(
        "{count} 1000) INSERT INTO repository_syncs (repository, created_at) SELECT 'octo/r' || i, {at} FROM n;
         {count} 100000) INSERT INTO github_webhook_events
            (delivery_id, event_type, encoding, body_sha256, body_bytes, created_at, body, repository_sync)
            SELECT 'd-' || i, 'issues', 'json', {bytes}, 2, {at}, {bytes}, p.id
            FROM n JOIN repository_syncs p ON p.repository = 'octo/r' || (1 + i % 1000);
         {count} 100000) INSERT INTO work_queue (source, delivery_id, lane, stage, available_at, place)
            SELECT 'github', 'd-' || i, 'sync:github:issue:' || i, 'sync', {at}, p.id
            FROM n JOIN repository_syncs p ON p.repository = 'octo/r' || (1 + i % 1000)"
    );
    by_hand(&text, &fill).await;
    by_hand(&text, "ANALYZE").await;
    let mut took = Vec::new();
    for _ in 0..100 {
        let begun = std::time::Instant::now();
        assert!(served(&app, Serving::all()).await.is_some());
        took.push(begun.elapsed());
    }
    took.sort();
    println!("{kind:?}: a claim and its end take {:?}, at most {:?}", took[50], took[99]);
    // And while everybody waits for a limit.
    by_hand(&text, &format!("INSERT INTO sync_turns (place, next_at) SELECT id, {soon} FROM repository_syncs WHERE true
        ON CONFLICT (place) DO UPDATE SET next_at = excluded.next_at")).await;
    let mut took = Vec::new();
    for _ in 0..100 {
        let begun = std::time::Instant::now();
        assert_eq!(served(&app, Serving::all()).await, None);
        took.push(begun.elapsed());
    }
    took.sort();
    println!("{kind:?}: a claim of nothing takes {:?}, at most {:?}", took[50], took[99]);
}

#[tokio::test]
#[ignore = "a measurement, run by hand"]
async fn how_long_a_claim_takes_among_a_thousand_repositories() {
    measured(Kind::Sqlite).await;
    measured(Kind::Postgres).await;
}
