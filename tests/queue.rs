//! The queue's rules: retries, leases, lanes, replay; and that any order ends in the same rows.
#![expect(clippy::unwrap_used, reason = "tests may, and so may what they share")]

mod support;

use std::time::Duration;

use jetbridge::ids::{DeliveryId, Lease, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::DatabaseUrl;
use jetbridge::store::deliveries::DeliveryStatus;
use jetbridge::store::finish::Changed;
use jetbridge::store::jobs::{End, Finish, Finished, Replayed, Stage};
use jetbridge::timeline::{EntryOutcome, TimelineEntry};
use sqlx::Connection;
use support::app::TestApp;
use support::databases::{Kind, TestDatabase, by_hand};
use support::plane::{Delivery, issue, issue_delivery, recorded};
use uuid::Uuid;

const TODO: (&str, &str) = ("Todo", "unstarted");
const DONE: (&str, &str) = ("Done", "completed");
const MINUTE: Duration = Duration::from_mins(1);

/// Valid JSON from a proved sender that is no work item's event as anybody sends it.
fn unreadable() -> Delivery {
    Delivery::new(
        r#"{"event":"issue","action":"updated","data":{"id":"x","name":7,"updated_at":"yesterday"}}"#,
    )
}

fn lease() -> Lease {
    Lease(Uuid::new_v4())
}

fn done(job: &jetbridge::store::jobs::ClaimedJob, app: &TestApp) -> Finished {
    let entry = TimelineEntry {
        item: None,
        source: job.source,
        delivery_id: job.delivery_id.clone(),
        attempt: i64::from(job.attempt),
        at: app.clock.now(),
        outcome: EntryOutcome::Ignored,
        reason: "done by a test".to_owned(),
        changes: Vec::new(),
    };
    Finished {
        id: job.id,
        attempts: job.attempt,
        last_error: job.last_error.clone(),
        end: End::Done { result: "done by a test".to_owned() },
        entry,
    }
}

async fn delivery_of(app: &TestApp, delivery: &Delivery) -> jetbridge::store::deliveries::Delivery {
    app.store.delivery(Source::Plane, &DeliveryId::new(&delivery.id)).await.unwrap().unwrap().0
}

on_both_databases! {
    async fn a_newer_state_wins_whatever_the_order_of_arrival(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&issue_delivery("i", "new", DONE, "2026-11-22T01:30:00Z")).await;
        app.post(&issue_delivery("i", "old", TODO, "2026-11-22T01:00:00Z")).await;
        app.run_jobs().await;
        let item = app.store.work_item(&WorkItemRef::new("plane:i")).await.unwrap().unwrap();
        assert_eq!(item.status(), "Done");
        assert_eq!(item.state.unwrap().title, "new");
        let timeline = app.store.item_timeline(&WorkItemRef::new("plane:i"), 10).await.unwrap();
        assert_eq!(timeline[0].outcome, EntryOutcome::Ignored);
        assert!(timeline[0].reason.contains("older than what is known"), "{}", timeline[0].reason);
        assert_eq!(timeline[1].outcome, EntryOutcome::Applied);
    }

    async fn a_deletion_leaves_a_tombstone_that_no_late_update_lifts(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&issue_delivery("i", "before", TODO, "2026-11-22T01:00:00Z")).await;
        app.post(&Delivery::new(r#"{"event":"issue.deleted","issue":{"id":"i","updated_at":"2026-11-22T01:10:00Z"},"project":{"id":"p"}}"#)).await;
        app.post(&issue_delivery("i", "late", DONE, "2026-11-22T01:20:00Z")).await;
        app.run_jobs().await;
        let item = app.store.work_item(&WorkItemRef::new("plane:i")).await.unwrap().unwrap();
        assert_eq!(item.status(), "deleted");
        assert!(item.deleted_at.is_some());
    }

    async fn an_unsupported_event_ends_as_processed_with_its_reason(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let cycle = Delivery::new(r#"{"event":"cycle","action":"created","data":{"id":"c"}}"#);
        app.post(&cycle).await;
        app.run_jobs().await;
        let stored = delivery_of(&app, &cycle).await;
        assert_eq!(stored.status, DeliveryStatus::Processed);
        assert!(stored.result.unwrap().contains("ignored"));
        app.assert_queue_is_empty().await;
    }

    async fn a_payload_that_does_not_parse_is_dead_at_once_visible_and_replayable(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let broken = unreadable();
        app.post(&broken).await;
        assert_eq!(app.run_jobs().await, 1);
        assert_eq!(app.run_jobs_after(20 * MINUTE).await, 0);
        let stored = delivery_of(&app, &broken).await;
        assert_eq!((stored.status, stored.attempts), (DeliveryStatus::Failed, 1));
        assert!(stored.last_error.is_some());
        assert_eq!(app.store.queue_stats(app.clock.now()).await.unwrap().dead, 1);
        let id = DeliveryId::new(&broken.id);
        assert_eq!(app.store.replay(Source::Plane, &id, app.clock.now()).await.unwrap(), Replayed::Queued);
        assert_eq!(app.run_jobs().await, 1);
        let attempts = app.store.delivery_timeline(Source::Plane, &id).await.unwrap();
        let outcomes: Vec<_> = attempts.iter().map(|a| a.outcome).collect();
        assert_eq!(outcomes, [EntryOutcome::Dead, EntryOutcome::Replayed, EntryOutcome::Dead]);
    }

    async fn replaying_what_was_processed_changes_nothing(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = issue_delivery("i", "title", TODO, "2026-11-22T01:00:00Z");
        app.post(&delivery).await;
        app.run_jobs().await;
        let before = app.store.work_item(&WorkItemRef::new("plane:i")).await.unwrap();
        app.store.replay(Source::Plane, &DeliveryId::new(&delivery.id), app.clock.now()).await.unwrap();
        app.run_jobs_after(MINUTE).await;
        assert_eq!(app.store.work_item(&WorkItemRef::new("plane:i")).await.unwrap(), before);
        assert_eq!(delivery_of(&app, &delivery).await.status, DeliveryStatus::Processed);
    }

    async fn an_unknown_delivery_can_not_be_replayed(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let replayed = app.store.replay(Source::Plane, &DeliveryId::new("nobody"), app.clock.now()).await.unwrap();
        assert_eq!(replayed, Replayed::Unknown);
    }

    async fn a_failed_attempt_waits_for_its_backoff_and_four_failures_are_the_end(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&issue_delivery("i", "t", TODO, "2026-11-22T01:00:00Z")).await;
        for attempt in 1..=4_u32 {
            let token = lease();
            let jobs = app.store.claim_jobs(Stage::Read, 10, token, MINUTE, app.clock.now()).await.unwrap();
            assert_eq!((jobs.len(), jobs[0].attempt), (1, attempt));
            let mut failed = done(&jobs[0], &app);
            let at = app.clock.now() + MINUTE;
            let error = "down".to_owned();
            failed.end = if attempt < 4 {
                End::Again { at, error, counted: jetbridge::store::jobs::Counted::Attempt }
            } else {
                End::Dead { error }
            };
            assert_eq!(app.store.finish_jobs(token, &[failed], Changed::default()).await.unwrap(), Finish::Committed);
            assert_eq!(app.store.claim_jobs(Stage::Read, 10, lease(), MINUTE, app.clock.now()).await.unwrap().len(), 0);
            app.clock.advance(MINUTE);
        }
        let queue = app.store.queue_stats(app.clock.now()).await.unwrap();
        assert_eq!((queue.queued, queue.dead), (0, 1));
    }

    async fn jobs_of_one_lane_are_with_one_worker_at_a_time(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&issue_delivery("one", "a", TODO, "2026-11-22T01:00:00Z")).await;
        app.post(&issue_delivery("two", "b", TODO, "2026-11-22T01:00:00Z")).await;
        let first = app.store.claim_jobs(Stage::Read, 1, lease(), MINUTE, app.clock.now()).await.unwrap();
        app.post(&issue_delivery("one", "c", TODO, "2026-11-22T01:01:00Z")).await;
        let others = app.store.claim_jobs(Stage::Read, 10, lease(), MINUTE, app.clock.now()).await.unwrap();
        assert_eq!((first.len(), others.len()), (1, 1));
        assert_ne!(first[0].lane, others[0].lane);
    }

    async fn a_burst_for_one_item_is_one_batch_and_its_newest_state_stands(database: TestDatabase) {
        let app = TestApp::new(database).await;
        for second in 0..20 {
            let at = format!("2026-11-22T01:00:{second:02}Z");
            app.post(&issue_delivery("i", &format!("title {second}"), TODO, &at)).await;
        }
        let jobs = app.store.claim_jobs(Stage::Read, 100, lease(), MINUTE, app.clock.now()).await.unwrap();
        assert_eq!(jobs.len(), 20);
        app.clock.advance(2 * MINUTE);
        app.run_jobs().await;
        let item = app.store.work_item(&WorkItemRef::new("plane:i")).await.unwrap().unwrap();
        assert_eq!(item.state.unwrap().title, "title 19");
    }

    async fn a_claim_brings_bodies_up_to_a_bound_or_one_longer_one(database: TestDatabase) {
        let bound = match database.url {
            DatabaseUrl::Postgres(_) => 512,
            DatabaseUrl::Sqlite(_) => 1024,
        };
        let app = TestApp::new(database).await;
        for (place, share) in [40, 40, 40, 180, 2, 2].into_iter().enumerate() {
            let mut body = issue(&format!("i{place}"), "long", TODO, "2026-11-22T01:00:00Z");
            body["data"]["description_html"] = "x".repeat(bound * 1024 * share / 100).into();
            app.post(&Delivery::new(body.to_string())).await;
        }
        let mut claims = Vec::new();
        loop {
            let jobs = app.store.claim_jobs(Stage::Read, 10, lease(), MINUTE, app.clock.now()).await.unwrap();
            if jobs.is_empty() {
                break;
            }
            assert!(jobs.iter().all(|job| job.attempt == 1 && job.body.is_some()));
            claims.push(jobs.len());
        }
        assert_eq!(claims, [2, 1, 1, 2]);
        app.clock.advance(2 * MINUTE);
        assert_eq!(app.run_jobs().await, 6);
        app.assert_queue_is_empty().await;
    }

    async fn a_worker_that_lost_its_lease_changes_nothing(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = issue_delivery("i", "t", TODO, "2026-11-22T01:00:00Z");
        app.post(&delivery).await;
        let late = lease();
        let jobs = app.store.claim_jobs(Stage::Read, 10, late, MINUTE, app.clock.now()).await.unwrap();
        app.clock.advance(2 * MINUTE);
        assert_eq!(app.run_jobs().await, 1);
        let finished = done(&jobs[0], &app);
        let finish = app.store.finish_jobs(late, &[finished], Changed::default()).await.unwrap();
        assert_eq!(finish, Finish::Lost(vec![jobs[0].id]));
        assert_ne!(delivery_of(&app, &delivery).await.result.unwrap(), "done by a test");
    }

    async fn one_lost_job_leaves_the_whole_batch_unwritten(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&issue_delivery("one", "a", TODO, "2026-11-22T01:00:00Z")).await;
        app.post(&issue_delivery("two", "b", TODO, "2026-11-22T01:00:00Z")).await;
        let ours = lease();
        let mut jobs = app.store.claim_jobs(Stage::Read, 10, ours, MINUTE, app.clock.now()).await.unwrap();
        let alone: Vec<_> = jobs.drain(..1).map(|j| done(&j, &app)).collect();
        app.store.finish_jobs(ours, &alone, Changed::default()).await.unwrap();
        let both: Vec<_> = [alone[0].clone(), done(&jobs[0], &app)].into();
        assert_eq!(app.store.finish_jobs(ours, &both, Changed::default()).await.unwrap(), Finish::Lost(vec![alone[0].id]));
        assert_eq!(app.store.queue_stats(app.clock.now()).await.unwrap().claimed, 1);
    }

    async fn a_job_whose_workers_keep_dying_is_given_up(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let delivery = issue_delivery("i", "t", TODO, "2026-11-22T01:00:00Z");
        app.post(&delivery).await;
        for _ in 0..4 {
            app.store.reap_leases(app.clock.now()).await.unwrap();
            assert_eq!(app.store.claim_jobs(Stage::Read, 10, lease(), MINUTE, app.clock.now()).await.unwrap().len(), 1);
            app.clock.advance(2 * MINUTE);
        }
        app.run_jobs().await;
        let stored = delivery_of(&app, &delivery).await;
        assert_eq!(stored.status, DeliveryStatus::Failed);
        assert!(stored.last_error.unwrap().contains("workers died"));
    }

    async fn a_job_without_its_delivery_is_dead_with_the_reason_and_its_neighbors_run(database: TestDatabase) {
        let text = database.text.clone();
        let app = TestApp::new(database).await;
        let lost = issue_delivery("lost", "t", TODO, "2026-11-22T01:00:00Z");
        app.post(&lost).await;
        let neighbor = issue_delivery("i", "t", TODO, "2026-11-22T01:00:00Z");
        app.post(&neighbor).await;
        by_hand(&text, &format!("DELETE FROM plane_webhook_deliveries WHERE delivery_id = '{}'", lost.id)).await;
        assert_eq!(app.run_jobs().await, 1);
        assert_eq!(delivery_of(&app, &neighbor).await.status, DeliveryStatus::Processed);
        let queue = app.store.queue_stats(app.clock.now()).await.unwrap();
        assert_eq!((queue.queued, queue.claimed, queue.dead), (0, 0, 1));
        let told = app.store.delivery_timeline(Source::Plane, &DeliveryId::new(&lost.id)).await.unwrap();
        assert!(told.iter().any(|e| e.outcome == EntryOutcome::Dead && e.reason.contains("was deleted")), "{told:?}");
    }

    async fn a_claim_whose_bodies_can_not_be_read_claims_nothing(database: TestDatabase) {
        let text = database.text.clone();
        let app = TestApp::new(database).await;
        app.post(&issue_delivery("i", "t", TODO, "2026-11-22T01:00:00Z")).await;
        by_hand(&text, "ALTER TABLE plane_webhook_deliveries RENAME COLUMN body TO body_away").await;
        let claim = app.store.claim_jobs(Stage::Read, 10, lease(), MINUTE, app.clock.now()).await;
        assert!(claim.is_err());
        by_hand(&text, "ALTER TABLE plane_webhook_deliveries RENAME COLUMN body_away TO body").await;
        let jobs = app.store.claim_jobs(Stage::Read, 10, lease(), MINUTE, app.clock.now()).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.attempt).collect::<Vec<_>>(), [1]);
    }

    async fn many_claimers_at_once_never_share_a_job(database: TestDatabase) {
        let app = TestApp::new(database).await;
        for i in 0..40 {
            app.post(&issue_delivery(&format!("i{i}"), "t", TODO, "2026-11-22T01:00:00Z")).await;
        }
        let mut claimers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, now) = (app.store.clone(), app.clock.now());
            claimers.spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let jobs = store.claim_jobs(Stage::Read, 3, lease(), MINUTE, now).await.unwrap();
                    if jobs.is_empty() {
                        return ids;
                    }
                    ids.extend(jobs.into_iter().map(|j| j.id.0));
                }
            });
        }
        let mut ids: Vec<i64> = claimers.join_all().await.into_iter().flatten().collect();
        ids.sort_unstable();
        let claims = ids.len();
        ids.dedup();
        assert_eq!((claims, ids.len()), (40, 40));
    }

    async fn recorded_deliveries_end_in_the_same_rows_in_any_order_and_repeated(database: TestDatabase) {
        let deliveries = recorded();
        let secrets: Vec<&str> = deliveries.iter().map(|(secret, _)| secret.as_str()).collect();
        let app = TestApp::with_secrets(database, &secrets).await;
        for (_, delivery) in &deliveries {
            assert_eq!(app.post(delivery).await.status, 200);
        }
        app.run_jobs().await;
        let expected = rows(&app).await;
        for seed in 1..=3 {
            let other = TestDatabase::new(support::databases::Kind::Sqlite).await;
            let shuffled = TestApp::with_secrets(other, &secrets).await;
            for delivery in shuffle_and_repeat(&deliveries, seed) {
                assert_eq!(shuffled.post(delivery).await.status, 200);
                if delivery.body.len() % 3 == 0 {
                    shuffled.run_jobs().await;
                }
            }
            shuffled.run_jobs().await;
            assert_eq!(rows(&shuffled).await, expected, "seed {seed}");
            shuffled.assert_queue_is_empty().await;
        }
        assert!(expected.len() > 5, "only {} items", expected.len());
    }
}

#[tokio::test]
async fn an_attempt_whose_end_the_database_could_not_take_is_given_back() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let text = database.text.clone();
    let app = TestApp::new(database).await;
    // Two ends are refused as by a disk that is full, for the batch and for what would be left.
    by_hand(
        &text,
        "CREATE SEQUENCE refused;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('ops.refused') <= 2 THEN RAISE 'full' USING ERRCODE = '53100'; END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER refuse AFTER INSERT ON timeline FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    )
    .await;
    let delivery = issue_delivery("i", "t", TODO, "2026-11-22T01:00:00Z");
    app.post(&delivery).await;
    app.run_jobs().await;
    assert_eq!(delivery_of(&app, &delivery).await.status, DeliveryStatus::Processed);
    let id = DeliveryId::new(&delivery.id);
    let attempts = app.store.delivery_timeline(Source::Plane, &id).await.unwrap();
    assert_eq!(attempts.iter().map(|a| a.attempt).collect::<Vec<_>>(), [1]);
}

/// The key of the lock under which cards are made.
const CARDS_LOCK: i64 = 0x626f_6172_6473;

#[tokio::test]
async fn deliveries_are_taken_in_while_every_worker_waits_for_the_cards() {
    let database = TestDatabase::new(Kind::Postgres).await;
    let text = database.text.clone();
    let app = TestApp::new(database).await;
    let mut batches = Vec::new();
    for i in 0..24 {
        app.post(&issue_delivery(&format!("i{i}"), "t", TODO, "2026-11-22T01:00:00Z")).await;
        let (store, lease, now) = (app.store.clone(), lease(), app.clock.now());
        let jobs = store.claim_jobs(Stage::Read, 10, lease, MINUTE, now).await.unwrap();
        let mut failed = done(&jobs[0], &app);
        // One that a card has to tell of.
        failed.end = End::Dead { error: "no".to_owned() };
        batches.push((store, lease, failed));
    }
    let mut other = sqlx::PgConnection::connect(&text).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock($1)").bind(CARDS_LOCK).execute(&mut other).await.unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for (store, lease, failed) in batches {
        workers.spawn(async move { store.finish_jobs(lease, &[failed], Changed::default()).await });
    }
    support::process::eventually("a worker that waits", || async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        let mut looking = sqlx::PgConnection::connect(&text).await.unwrap();
        sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut looking).await.unwrap() >= 3
    })
    .await;
    let answer = app.post(&issue_delivery("new", "t", TODO, "2026-11-22T01:00:00Z")).await;
    assert_eq!(answer.status, 200);
    app.store.ping().await.unwrap();
    sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut other).await.unwrap();
    for finished in workers.join_all().await {
        assert_eq!(finished.unwrap(), Finish::Committed);
    }
}

/// All items as text, without the time at which they were written here.
async fn rows(app: &TestApp) -> Vec<String> {
    let filter = jetbridge::store::work_items::WorkItemFilter::default();
    let items = app.store.work_items(&filter, None, 1000).await.unwrap();
    let mut rows: Vec<String> = items
        .into_iter()
        .map(|item| {
            format!(
                "{} {} {:?} {:?} {:?}",
                item.item,
                item.status(),
                item.project_ref,
                item.deleted_at,
                item.state
            )
        })
        .collect();
    rows.sort();
    rows
}

/// Every delivery twice, in an order that depends on `seed` alone.
fn shuffle_and_repeat(deliveries: &[(String, Delivery)], seed: u64) -> Vec<&Delivery> {
    let mut all: Vec<_> = deliveries.iter().chain(deliveries).map(|(_, d)| d).collect();
    let mut dice = seed;
    for i in (1..all.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let j = usize::try_from(dice >> 33).unwrap_or(0) % (i + 1);
        all.swap(i, j);
    }
    all
}
