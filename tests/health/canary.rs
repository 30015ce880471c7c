//! The canary: what is touched and when, and what follows when no webhook comes.

use std::time::Duration;

use jetbridge::canary::{EXTERNAL_SOURCE, Rhythm, TITLE};
use jetbridge::clients::plane::PlaneClient;
use jetbridge::clients::plane::listing::Order;
use jetbridge::config::{CanaryConfig, Secrets};
use jetbridge::jobs::settings::CurrentSettings;
use jetbridge::jobs::sync_issue::{IssueSync, Projects};
use jetbridge::jobs::watch::Watch;
use jetbridge::sim::plane::{On, RequestFault, SimPlane, SimPlaneConfig};
use jetbridge::store::deliveries::DeliveryFilter;

use crate::on_both_databases;
use crate::site::Site;
use crate::support::plane::{Delivery, issue_delivery};

/// A Plane that sends no webhook, and one that looks after its canary.
async fn watched(site: &Site) -> (SimPlane, PlaneClient, Watch) {
    let plane =
        SimPlane::start(SimPlaneConfig::default().with_project("SYNC", "Sync")).await.unwrap();
    let (key, limit) = (Secrets::new([plane.api_key()]), Duration::from_secs(10));
    let client =
        PlaneClient::new(&plane.api_url(), &plane.workspace(), &key, limit).unwrap().unwrap();
    let client = client.with_clock(site.app.clock.clone());
    let sync = IssueSync {
        store: site.app.store.clone(),
        clock: site.app.clock.clone(),
        plane: Some(client.clone()),
        github: None,
        projects: Projects::new(site.app.clock.clone()),
        settings: CurrentSettings::new(site.app.store.clone(), site.app.clock.clone()),
    };
    let rhythm = Rhythm { every: Duration::from_mins(15), deadline: Duration::from_mins(5) };
    let config = CanaryConfig { project: Some(plane.project("SYNC").unwrap().id), rhythm };
    let watch = site.watch(None).hearing(&sync).touching(config);
    (plane, client, watch)
}

async fn alarms(site: &Site) -> Vec<String> {
    site.app.store.alarms().await.unwrap().into_iter().map(|alarm| alarm.kind).collect()
}

on_both_databases! {
    async fn how_long_planes_webhook_took_after_the_last_touch_is_told(database: TestDatabase) {
        let site = Site::new(database).await;
        let (_plane, _client, mut watch) = watched(&site).await;
        let told = async || {
            let api: serde_json::Value = serde_json::from_str(&site.get("/api/v1/health").await).unwrap();
            let metrics = site.get("/metrics").await;
            let line = metrics.lines().find(|line| line.starts_with("jetbridge_canary_")).map(str::to_owned);
            (site.get("/health").await, api["canary"].clone(), line)
        };
        let (page, api, line) = told().await;
        assert!(!page.contains("canary") && api.is_null() && line.is_none(), "{api} {line:?}");
        watch.turn().await.unwrap();
        let (page, api, line) = told().await;
        assert!(page.contains("no webhook yet"), "{page}");
        assert!(api["touched_at"].is_string() && api["webhook_seconds"].is_null() && line.is_none());
        site.app.clock.advance(Duration::from_millis(1200));
        let delivery = issue_delivery("i1", "A", ("Todo", "unstarted"), "2026-11-22T01:00:00Z");
        site.app.post(&delivery).await;
        watch.turn().await.unwrap();
        let (page, api, line) = told().await;
        assert!(page.contains("webhook came 1.2 s after the last touch at "), "{page}");
        assert_eq!(api["webhook_seconds"], 1.2);
        assert_eq!(line.as_deref(), Some("jetbridge_canary_webhook_seconds{source=\"plane\"} 1.2"));
        // A week later nobody wants to know.
        site.app.clock.advance(Duration::from_hours(8 * 24));
        let (page, api, line) = told().await;
        assert!(!page.contains("after the last touch") && api.is_null() && line.is_none(), "{api} {line:?}");
    }

    async fn a_webhook_that_plane_switched_off_is_found_out_and_so_is_its_return(database: TestDatabase) {
        let site = Site::new(database).await;
        let (plane, client, mut watch) = watched(&site).await;
        watch.turn().await.unwrap();
        let item = plane.items().remove(0);
        assert_eq!((item.name.as_str(), item.external.source.as_deref()), (TITLE, Some(EXTERNAL_SOURCE)));
        let project = item.project.to_string();
        let listed = client.list_items(&project, Order::Made, 0).await.unwrap();
        assert_eq!(listed.items.len(), 0, "whoever compares both sides does not see it");
        let touched = plane.writes().len();
        site.app.clock.advance(Duration::from_secs(299));
        watch.turn().await.unwrap();
        assert_eq!(alarms(&site).await, [""; 0]);
        site.app.clock.advance(Duration::from_secs(1));
        watch.turn().await.unwrap();
        assert_eq!(alarms(&site).await, ["plane_webhook_off"]);
        let page = site.get("/health").await;
        assert!(page.contains("Workspace settings → Webhooks"), "what to click is missing");
        assert!(site.get("/metrics").await.contains(r#"jetbridge_alarms{kind="plane_webhook_off"} 1"#));
        assert_eq!(plane.writes().len(), touched, "it is not touched again before its time");
        // Somebody switches it on, and something happens in Plane.
        site.send_issue("70164c5e-0000-4000-8000-000000000001", "Crash").await;
        watch.turn().await.unwrap();
        assert_eq!(alarms(&site).await, [""; 0]);
        assert_eq!(plane.items().len(), 1, "one item for all times");
    }

    async fn a_plane_that_refuses_is_asked_ever_more_rarely(database: TestDatabase) {
        let site = Site::new(database).await;
        let (plane, _, mut watch) = watched(&site).await;
        plane.faults().next_requests(1000, On::Any, RequestFault::Status(403));
        let mut asked_at = Vec::new();
        for minute in 0..60 {
            let before = plane.requests().len();
            for _ in 0..2 {
                watch.turn().await.unwrap();
            }
            if plane.requests().len() > before {
                asked_at.push(minute);
            }
            site.app.clock.advance(Duration::from_mins(1));
        }
        assert_eq!(asked_at, [0, 1, 3, 7, 15, 30, 45]);
        plane.faults().clear();
        watch.turn().await.unwrap();
        assert_eq!(plane.items().len(), 1, "it is made once it may be");
    }

    async fn while_webhooks_come_by_themselves_nothing_is_touched(database: TestDatabase) {
        let site = Site::new(database).await;
        let (plane, _, mut watch) = watched(&site).await;
        for n in 0..5 {
            site.send_issue(&format!("70164c5e-0000-4000-8000-00000000000{n}"), "Crash").await;
            watch.turn().await.unwrap();
            site.app.clock.advance(Duration::from_mins(14));
            watch.turn().await.unwrap();
        }
        assert_eq!(plane.writes().len(), 0);
        site.app.clock.advance(Duration::from_mins(1));
        watch.turn().await.unwrap();
        assert_eq!(plane.writes().len(), 2, "made, and changed");
    }

    async fn the_canarys_own_webhook_is_ignored_and_its_item_is_on_no_board(database: TestDatabase) {
        let site = Site::new(database).await;
        let body = format!(
            r#"{{"event":"issue","action":"updated","data":{{"id":"70164c5e-0000-4000-8000-000000000001","name":"{TITLE}","external_source":"{EXTERNAL_SOURCE}","external_id":"1","project":"ce59a3c5-1b1e-4b0a-9d37-4c8f3f1f0a01","updated_at":"2026-11-22T01:00:00Z","state":{{"id":"x","name":"Todo","group":"unstarted"}},"labels":[],"assignees":[]}}}}"#
        );
        assert_eq!(site.app.post(&Delivery::new(body)).await.status, 200);
        site.run_after(1).await;
        let told = site.app.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap().remove(0);
        let result = told.result.unwrap_or_default();
        assert_eq!(result, "ignored: the canary shows that Plane's webhooks come");
        let items = site.json("/api/v1/work-items").await;
        assert_eq!(items["items"].as_array().unwrap().len(), 0, "{items}");
    }
}
