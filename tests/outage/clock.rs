//! A clock that is set forward or back under a running process.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use jetbridge::clock::Clock;
use jetbridge::ids::{DeliveryId, Lease, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::deliveries::DeliveryStatus;
use jetbridge::store::jobs::Stage;
use jetbridge::timeline::EntryOutcome;
use uuid::Uuid;

use crate::on_both_databases;
use crate::support::app::TestApp;
use crate::support::plane::{Delivery, issue_delivery};
use crate::world::TODO;

const LEASE: Duration = Duration::from_secs(15);

/// Sets a test's clock, also back.
fn set(app: &TestApp, by: TimeDelta) {
    let Clock::Manual(micros) = &app.clock else { panic!("a test's clock is set by hand") };
    micros.fetch_add(by.num_microseconds().unwrap(), Ordering::SeqCst);
}

fn item(id: &str) -> Delivery {
    issue_delivery(id, "t", TODO, "2026-11-22T01:00:00Z").with_id(id)
}

/// Processed, and applied once.
async fn applied_once(app: &TestApp, id: &str) {
    let delivery = DeliveryId::new(id);
    let stored = app.store.delivery(Source::Plane, &delivery).await.unwrap().unwrap().0;
    assert_eq!(stored.status, DeliveryStatus::Processed, "{id}");
    let entries = app.store.delivery_timeline(Source::Plane, &delivery).await.unwrap();
    let outcomes: Vec<_> = entries.iter().map(|e| e.outcome).collect();
    assert_eq!(outcomes, [EntryOutcome::Applied], "{id}");
    let item = app.store.work_item(&WorkItemRef::new(format!("plane:{id}"))).await.unwrap();
    assert!(item.is_some());
}

on_both_databases! {
    async fn what_was_received_before_the_clock_was_set_back_is_processed_at_once(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&item("before")).await;
        set(&app, TimeDelta::hours(-5));
        app.post(&item("after")).await;
        assert_eq!(app.run_jobs().await, 2);
        applied_once(&app, "before").await;
        applied_once(&app, "after").await;
        app.assert_queue_is_empty().await;
    }

    async fn the_lease_of_a_dead_worker_ends_though_the_clock_was_set_back(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&item("i")).await;
        let dead = Lease(Uuid::new_v4());
        let claimed = app.store.claim_jobs(Stage::Read, 10, dead, LEASE, app.clock.now()).await.unwrap();
        assert_eq!(claimed.len(), 1);
        set(&app, TimeDelta::hours(-5));
        assert_eq!(app.run_jobs().await, 1);
        applied_once(&app, "i").await;
    }

    async fn a_worker_whose_lease_a_jump_ended_changes_nothing_and_the_job_is_done_once(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&item("i")).await;
        let alive = Lease(Uuid::new_v4());
        let claimed = app.store.claim_jobs(Stage::Read, 10, alive, LEASE, app.clock.now()).await.unwrap();
        for jump in [TimeDelta::hours(5), TimeDelta::hours(-10)] {
            set(&app, jump);
            app.run_jobs().await;
        }
        applied_once(&app, "i").await;
        let late = jetbridge::store::jobs::Finished {
            id: claimed[0].id,
            attempts: 1,
            last_error: None,
            end: jetbridge::store::jobs::End::Dead { error: "too late".to_owned() },
            entry: jetbridge::timeline::TimelineEntry {
                item: None,
                source: Source::Plane,
                delivery_id: DeliveryId::new("i"),
                attempt: 1,
                at: app.clock.now(),
                outcome: EntryOutcome::Dead,
                reason: "too late".to_owned(),
                changes: Vec::new(),
            },
        };
        let finish = app.store.finish_jobs(alive, &[late], jetbridge::store::finish::Changed::default()).await.unwrap();
        assert!(matches!(finish, jetbridge::store::jobs::Finish::Lost(_)), "{finish:?}");
        applied_once(&app, "i").await;
    }

    async fn no_age_is_negative_after_the_clock_was_set_back(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&item("i")).await;
        set(&app, TimeDelta::hours(-5));
        let queue = app.store.queue_stats(app.clock.now()).await.unwrap();
        assert!(queue.oldest_due_seconds.is_none_or(|age| age >= 0.0));
        app.run_jobs().await;
        let lag = app.store.lag().await.unwrap().unwrap();
        assert!(lag.p50_ms >= 0.0 && lag.p99_ms >= 0.0, "{lag:?}");
    }
}
