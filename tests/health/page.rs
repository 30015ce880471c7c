//! The page, the API and the metrics show the same figures.

use std::time::Duration;

use chrono::TimeDelta;
use jetbridge::clock::Clock;
use jetbridge::config::RepositoryName;
use jetbridge::ids::DeliveryId;
use jetbridge::recovery::{Gap, HookOwner};
use jetbridge::spool::{Admission, Spool};
use jetbridge::store::quotas::QuotaSeen;
use jetbridge::store::recovery::{GivenUp, RecoverPlace, Request, RequestEnd};

use crate::on_both_databases;
use crate::site::Site;
use crate::support::databases::TestDatabase;

on_both_databases! {
    async fn what_waits_in_the_spool_is_told_by_page_api_and_metrics(database: TestDatabase) {
        let folder = tempfile::tempdir().unwrap();
        let now = Clock::System.now();
        let spool = Spool::open(folder.path(), Admission::UpTo(1000), now).unwrap();
        let site = Site::with_spool(database, Some(spool.clone())).await;
        assert!(!site.get("/health").await.contains("the spool"));
        assert!(site.get("/metrics").await.contains("jetbridge_spool_active 0\n"));
        spool.begin(now).await;
        let said = "0 deliveries wait in the spool, 0 bytes of 1000";
        assert!(site.get("/health").await.contains(said));
        assert_eq!(site.json("/readyz").await["spool"], said);
        assert_eq!(site.json("/api/v1/stats").await["spool"]["max_bytes"], 1000);
        let metrics = site.get("/metrics").await;
        assert!(metrics.contains("jetbridge_spool_active 1\n"), "{metrics}");
        assert!(metrics.contains("jetbridge_queue_waiting"), "the database is there: {metrics}");
        assert!(spool.finish().await);
        assert!(!site.get("/health").await.contains("the spool"));
    }

    async fn page_api_and_metrics_tell_of_lost_webhooks(database: TestDatabase) {
        let site = Site::new(database).await;
        let (store, now) = (&site.app.store, site.app.clock.now());
        assert!(!site.get("/health").await.contains("Lost webhooks"), "nobody has looked");
        let repository: RepositoryName = "octo-org/octo-repo".parse().unwrap();
        let gap = Gap { from: now - TimeDelta::days(5), until: now - TimeDelta::days(3) };
        let place = |name: &RepositoryName, gap, problem| RecoverPlace {
            repository: name.clone(),
            looked_at: now,
            covered_until: Some(now),
            missing: 1,
            asked: 1,
            gap,
            problem,
        };
        store.put_recover_place(&place(&repository, Some(gap), None)).await.unwrap();
        let other = "Codertocat/Hello-World".parse().unwrap();
        let problem = "give github.token <more>".to_owned();
        store.put_recover_place(&place(&other, None, Some(problem))).await.unwrap();
        let request = |guid: &str| Request {
            guid: DeliveryId::new(guid),
            repository: repository.clone(),
            owner: HookOwner::Repository(repository.clone()),
            hook: 1,
            attempt: 2,
            event: "issues".to_owned(),
            sent_at: now,
            status: "timed out".to_owned(),
            asked: 0,
            again_at: now,
        };
        let all = ["a", "b", "c"].map(request);
        store.note_missing(&all, GivenUp::Stays).await.unwrap();
        store.end_requests(&[&all[0].guid], RequestEnd::Came, now).await.unwrap();
        store.end_requests(&[&all[1].guid], RequestEnd::GivenUp, now).await.unwrap();
        let told = site.json("/api/v1/health").await["recovery"].clone();
        let counts = ["waiting", "came", "given_up", "expired"].map(|word| told[word].as_u64().unwrap());
        assert_eq!(counts, [1, 1, 1, 0]);
        assert_eq!(told["repositories"][0]["problem"], "give github.token <more>");
        assert!(told["repositories"][1]["gap_from"].is_string(), "{told}");
        let page = site.get("/health").await;
        for part in ["looked 0 s ago, 1 on their way, 1 came back, 1 lost, in seven days",
            "Lost webhooks of Codertocat/Hello-World can’t be looked for", "Nobody knows what was lost of octo-org/octo-repo",
            "A webhook of octo-org/octo-repo does not come any more", "value=\"jetbridge reconcile octo-org/octo-repo\""] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("<more>"), "what others wrote is text");
        let metrics = site.get("/metrics").await;
        for line in [
            "jetbridge_recover_deliveries{outcome=\"waiting\"} 1",
            "jetbridge_recover_problems 1",
            &format!("jetbridge_recover_looked_at_seconds {}", now.timestamp()),
        ] {
            assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
        }
    }

    async fn page_api_and_metrics_tell_the_same(database: TestDatabase) {
        let site = Site::new(database).await;
        for id in 1..=5 {
            site.send_github(id).await;
        }
        site.send_issue("a", "<script>alert(1)</script>").await;
        site.run_after(1).await;
        site.send_broken("x").await;
        site.run_after(1).await;
        site.watch(None).turn().await.unwrap();
        let told = site.json("/api/v1/health?range=1h").await;
        let source = |name: &str| {
            let sources = told["sources"].as_array().unwrap();
            sources.iter().find(|s| s["source"] == name).unwrap().clone()
        };
        assert_eq!(source("github")["ends"]["done"], 5);
        assert_eq!((&source("plane")["ends"]["failed"], &source("plane")["dead"]), (&1.into(), &1.into()));
        assert_eq!(told["alarms"][0]["kind"], "dead_jobs");
        assert_eq!(told["processes"][0]["workers"], 6);
        assert_eq!(told["slots"].as_array().unwrap().len(), 12);
        assert!(told["database_bytes"].as_i64().unwrap() > 4096);
        let page = site.get("/health?range=1h").await;
        for part in ["done 6", "failed 1", "1 delivery failed for good", "Codertocat/Hello-World", "aria-current=\"true\">1 h"] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("style=") && !page.contains("<script>"), "{page}");
        let metrics = site.get("/metrics").await;
        for line in [
            r#"jetbridge_deliveries_ended_total{source="github",outcome="done"} 5"#,
            r#"jetbridge_deliveries_ended_total{source="plane",outcome="failed"} 1"#,
            r#"jetbridge_lag_seconds_count{source="github"} 5"#,
            r#"jetbridge_alarms{kind="dead_jobs"} 1"#,
            r#"jetbridge_alarms{kind="silence"} 0"#,
            r#"jetbridge_queue_waiting{stage="read"} 0"#,
        ] {
            assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
        }
    }

    async fn an_empty_database_has_a_page_of_every_range(database: TestDatabase) {
        let site = Site::new(database).await;
        for range in ["1h", "24h", "7d", "30d"] {
            let page = site.get(&format!("/health?range={range}")).await;
            assert!(page.contains("nothing needs you") && page.contains("Nothing in this time"), "{page}");
        }
    }

    async fn a_quota_is_shown_as_last_told_and_alarms_when_it_is_often_used_up(database: TestDatabase) {
        let site = Site::new(database).await;
        let mut watch = site.watch(None);
        for minute in 0..12 {
            let now = site.app.clock.now();
            let (used_up, remaining) = (minute < 10, if minute < 10 { 0 } else { 44 });
            let quota = QuotaSeen {
                client: "plane".to_owned(),
                remaining: Some(remaining),
                most: Some(60),
                resets_at: Some(now + Duration::from_secs(18)),
                used_up,
                seen_at: now,
            };
            site.app.store.put_quota(&quota, jetbridge::figures::floor(now, Duration::from_mins(1))).await.unwrap();
            if minute == 9 {
                assert!(site.get("/health").await.contains("0 left, 18 s"));
            }
            site.app.clock.advance(Duration::from_mins(1));
        }
        watch.turn().await.unwrap();
        let alarms = site.app.store.alarms().await.unwrap();
        assert_eq!(alarms[0].title, "Plane’s quota was used up in 10 of 60 minutes");
        assert!(site.get("/health").await.contains("44 left"));
        assert!(site.get("/metrics").await.contains(r#"jetbridge_quota_remaining{client="plane"} 44"#));
        site.app.clock.advance(Duration::from_hours(1));
        watch.turn().await.unwrap();
        assert_eq!(site.app.store.alarm_count().await.unwrap(), 0);
    }

    async fn cycle_times_and_open_work_come_from_the_items(database: TestDatabase) {
        let site = Site::new(database).await;
        for (id, completed) in [("a", "2026-11-22T01:00:00Z"), ("b", "2026-11-22T01:30:00Z")] {
            let mut body = crate::support::plane::issue(id, "Done", ("Done", "completed"), completed);
            body["data"]["completed_at"] = completed.into();
            body["data"]["created_at"] = "2026-11-22T00:30:00Z".into();
            let delivery = crate::support::plane::Delivery::new(body.to_string());
            assert_eq!(site.app.post(&delivery).await.status, 200);
        }
        site.send_issue("c", "Open").await;
        site.run_after(1).await;
        let flow = &site.json("/api/v1/health").await["flow"][0];
        assert_eq!((&flow["completed"], &flow["open_by_age"]), (&2.into(), &serde_json::json!([1, 0, 0, 0])));
        assert_eq!((&flow["cycle_p50_seconds"], &flow["cycle_p90_seconds"]), (&1800.0.into(), &3600.0.into()));
    }
}

#[tokio::test]
async fn a_range_that_is_none_is_said() {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    let kind = crate::support::databases::Kind::Sqlite;
    let site = Site::new(TestDatabase::new(kind).await).await;
    for path in ["/api/v1/health?range=2h", "/api/v1/health?rage=1h"] {
        let bearer = format!("Bearer {}", crate::site::TOKEN);
        let request =
            Request::get(path).header("authorization", bearer).body(Body::empty()).unwrap();
        assert_eq!(site.routes.clone().oneshot(request).await.unwrap().status(), 400, "{path}");
    }
}
