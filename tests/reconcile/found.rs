//! What was found is an ordinary delivery that says so.

use jetbridge::config::{RepositoryName, RetentionConfig};
use jetbridge::jobs::process_delivery::PlaneAddress;
use jetbridge::jobs::rebuild::{Mode, Rebuild};
use jetbridge::jobs::retention::{Keeper, Pace};
use jetbridge::sources::github::found::{Finding, LaneOf};
use jetbridge::sources::plane::normalize::Lookup;
use jetbridge::sources::{Origin, Source, Verified, plane};
use jetbridge::store::deliveries::{DeliveryFilter, DeliveryStatus};
use jetbridge::store::found::{Again, PutFound};
use jetbridge::store::repositories::{NewRepository, Origin as RowOrigin};
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::on_both_databases;
use crate::support::app::TestApp;
use crate::support::github::{GithubDelivery, issue, repository};

const ISSUE: u64 = 444_500_041;
const ITEM: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

async fn finding(app: &TestApp, origin: Origin) -> Finding {
    let name: RepositoryName = "Codertocat/Hello-World".parse().unwrap();
    let new = NewRepository {
        name: name.clone(),
        github_id: Some(186_853_002),
        plane_project: None,
        plane_workspace: None,
        direction: jetbridge::config::Direction::default(),
        origin: RowOrigin::Manual,
    };
    app.store.add_repository(&new, app.clock.now()).await.unwrap();
    let row = app.store.find_repository(&name, None).await.unwrap().unwrap();
    Finding {
        origin,
        at: app.clock.now(),
        repository: name,
        repository_id: 186_853_002,
        row: row.id,
    }
}

fn found_issue(finding: &Finding, title: &str) -> Verified {
    let issue = to_raw_value(&issue(ISSUE, title, "open", "2026-11-22T01:00:00Z")).unwrap();
    finding.issue(LaneOf::Issue(ISSUE), &issue)
}

fn found_item(app: &TestApp) -> Verified {
    let item = to_raw_value(&json!({
        "id": ITEM, "name": "Found", "sequence_id": 1, "priority": "none",
        "updated_at": "2026-11-22T01:00:00Z", "description_html": "<p></p>",
        "state": {"id": "70cbefff-b834-4801-8b2d-c670eee5a161", "name": "Done", "group": "completed"},
        "labels": [], "assignees": [], "project": {"id": "ce59f358-8bb1-44d5-9060-9d2391371abf", "identifier": "SYNC"},
    }));
    plane::found::Finding { origin: Origin::Reconcile, at: app.clock.now() }
        .item(ITEM, &item.unwrap())
}

on_both_databases! {
    async fn what_is_found_is_an_ordinary_delivery_that_says_so(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let finding = finding(&app, Origin::Backfill).await;
        let now = app.clock.now();
        app.store.put_found(&[found_issue(&finding, "Found")], Again::Failed, now).await.unwrap();
        app.store.put_found(&[found_item(&app)], Again::Failed, now).await.unwrap();
        app.run_jobs().await;
        app.assert_queue_is_empty().await;
        let items = ["github:444500041".to_owned(), format!("plane:{ITEM}")];
        for (item, words) in items.into_iter().zip(["found by backfill", "found by reconcile"]) {
            let item = jetbridge::ids::WorkItemRef::new(item);
            let known = app.store.work_item(&item).await.unwrap().unwrap();
            assert_eq!(known.state.unwrap().title, "Found");
            let timeline = app.store.item_timeline(&item, 9).await.unwrap();
            assert!(timeline[0].reason.starts_with(words), "{timeline:?}");
        }
        for (origin, source) in [(Origin::Backfill, Source::Github), (Origin::Reconcile, Source::Plane)] {
            let of = DeliveryFilter { origin: Some(origin), ..DeliveryFilter::default() };
            let found = app.store.deliveries(&of, None, 9).await.unwrap();
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].source, found[0].origin), (source, origin));
            assert_eq!(found[0].status, DeliveryStatus::Processed);
        }
    }

    async fn the_same_finding_twice_is_one_delivery_and_one_that_stands_again_is_told_anew(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let (now, finding) = (app.clock.now(), finding(&app, Origin::Reconcile).await);
        let one = found_issue(&finding, "Found");
        let later = Finding { at: now + std::time::Duration::from_mins(1), origin: Origin::Backfill, ..finding.clone() };
        let put = app.store.put_found(&[one.clone(), one.clone()], Again::Failed, now).await.unwrap();
        assert_eq!(put, PutFound { new: 1, again: 0, waiting: 0 });
        let put = app.store.put_found(&[found_issue(&later, "Found")], Again::Failed, now).await.unwrap();
        assert_eq!(put, PutFound { new: 0, again: 0, waiting: 1 });
        assert_eq!(app.run_jobs().await, 1);
        let put = app.store.put_found(&[one, found_issue(&finding, "Another")], Again::Failed, now).await.unwrap();
        assert_eq!(put, PutFound { new: 1, again: 1, waiting: 0 });
        assert_eq!(app.run_jobs().await, 2);
        // For a third time on one day it is run again.
        let put = app.store.put_found(&[found_issue(&finding, "Found")], Again::Processed, now).await.unwrap();
        assert_eq!(put, PutFound { new: 0, again: 1, waiting: 0 });
        assert_eq!(app.run_jobs().await, 1);
        let put = app.store.put_found(&[found_issue(&finding, "Found")], Again::Dropped, now).await.unwrap();
        assert_eq!(put, PutFound { new: 0, again: 0, waiting: 1 });
        app.assert_queue_is_empty().await;
    }

    async fn what_was_so_before_and_is_so_again_wins_over_what_was_between(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let finding = finding(&app, Origin::Reconcile).await;
        // All of it has one time at GitHub, as what changes no time there.
        for title in ["One", "Two", "One"] {
            app.clock.advance(std::time::Duration::from_mins(1));
            let at = app.clock.now();
            let found = found_issue(&Finding { at, ..finding.clone() }, title);
            app.store.put_found(&[found], Again::Processed, at).await.unwrap();
            assert_eq!(app.run_jobs().await, 1);
            let item = jetbridge::ids::WorkItemRef::new("github:444500041");
            let known = app.store.work_item(&item).await.unwrap().unwrap().state.unwrap();
            assert_eq!(known.title, title);
        }
    }

    async fn what_retention_dropped_the_body_of_can_be_found_again(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let finding = finding(&app, Origin::Reconcile).await;
        app.store.put_found(&[found_issue(&finding, "Found")], Again::Processed, app.clock.now()).await.unwrap();
        app.run_jobs().await;
        app.clock.advance(std::time::Duration::from_hours(31 * 24));
        let age = Some(std::time::Duration::from_hours(30 * 24));
        let ages = RetentionConfig { plane_bodies: age, github_bodies: age, timeline: None };
        let keeper = Keeper::new(&app.store, &app.clock, ages);
        assert_eq!(keeper.let_go(Pace::Full, |_| {}).await.unwrap().github_bodies, 1);
        for again in [Again::Dropped, Again::Processed] {
            app.clock.advance(std::time::Duration::from_hours(24));
            let finding = Finding { at: app.clock.now(), ..finding.clone() };
            let put = app.store.put_found(&[found_issue(&finding, "Found")], again, finding.at).await.unwrap();
            assert_eq!(put, PutFound { new: 0, again: 1, waiting: 0 });
            assert_eq!(app.run_jobs().await, 1);
        }
        app.assert_queue_is_empty().await;
    }

    async fn what_failed_for_good_is_told_anew_only_where_that_is_asked_for(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let (now, finding) = (app.clock.now(), finding(&app, Origin::Reconcile).await);
        let found = || {
            let raw = to_raw_value(&json!({"id": ISSUE, "number": "none"})).unwrap();
            finding.issue(LaneOf::Issue(ISSUE), &raw)
        };
        app.store.put_found(&[found()], Again::Processed, now).await.unwrap();
        app.run_jobs().await;
        let dead = app.store.queue_stats(now).await.unwrap().dead;
        assert_eq!(dead, 1, "it can't be read");
        for (again, count) in [(Again::Dropped, 0), (Again::Processed, 0), (Again::Failed, 1)] {
            let put = app.store.put_found(&[found()], again, now).await.unwrap();
            assert_eq!((put.new, put.again), (0, count), "{again:?}");
        }
    }

    async fn what_is_found_is_no_sign_that_anything_is_sent(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let finding = finding(&app, Origin::Reconcile).await;
        app.store.put_found(&[found_issue(&finding, "Found")], Again::Failed, app.clock.now()).await.unwrap();
        app.store.put_found(&[found_item(&app)], Again::Failed, app.clock.now()).await.unwrap();
        app.run_jobs().await;
        assert_eq!(app.store.last_seen().await.unwrap(), []);
        assert_eq!(app.store.repository_health(None).await.unwrap()[&finding.row].last_seen, None);
        assert_eq!(app.store.rhythms(jetbridge::clock::Timestamp::UNIX_EPOCH).await.unwrap(), []);
        let sent = json!({"action": "opened", "repository": repository(),
            "issue": issue(7, "Sent", "open", "2026-11-22T01:00:00Z")});
        app.post_github(&GithubDelivery::new("issues", sent.to_string())).await;
        app.run_jobs().await;
        assert_eq!(app.store.last_seen().await.unwrap().len(), 2);
    }

    async fn the_board_derived_anew_is_the_same_with_what_was_found(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let finding = finding(&app, Origin::Reconcile).await;
        // The same second, so that only the asking tells which of the two is the newer.
        let sent = json!({"action": "edited", "repository": repository(),
            "issue": issue(ISSUE, "Sent", "open", "2026-11-22T01:00:00Z")});
        app.store.put_found(&[found_issue(&finding, "Found")], Again::Failed, app.clock.now()).await.unwrap();
        app.post_github(&GithubDelivery::new("issues", sent.to_string())).await;
        app.run_jobs().await;
        let item = jetbridge::ids::WorkItemRef::new("github:444500041");
        assert_eq!(app.store.work_item(&item).await.unwrap().unwrap().state.unwrap().title, "Found");
        let rebuild = Rebuild::new(&app.store, &app.clock, PlaneAddress::default(), Lookup::Off, Mode::Check);
        let report = rebuild.run(|_| {}).await.unwrap();
        assert_eq!(report.differing, 0, "{:#?}", report.differences);
    }
}
