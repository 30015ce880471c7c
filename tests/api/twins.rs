//! An item and the same item on the other side.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::browsing::Site;
use crate::on_both_databases;
use crate::support::github::{issue, issue_delivery};
use crate::support::links::link;
use crate::support::plane;

const ITEM: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

async fn both(site: &Site) {
    let thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
    let answer = site.app.post_github(&issue_delivery("opened", &thing)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let todo = ("Todo", "unstarted");
    let delivery = plane::issue_delivery(ITEM, "From GitHub", todo, "2026-11-22T01:00:01Z");
    assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
    site.app.run_jobs().await;
}

on_both_databases! {
    async fn an_item_tells_its_twin_and_how_they_are_kept_in_step(database: TestDatabase) {
        let site = Site::new(database).await;
        both(&site).await;
        let alone = site.get("/api/v1/work-items/github:7").await.json();
        assert_eq!((&alone["twins"], &alone["sync"]), (&json!([]), &Value::Null));
        let now = site.app.clock.now();
        link(&site.app.store, 7, ITEM, now, Some("Plane is down")).await;
        let github = site.get("/api/v1/work-items/github:7").await.json();
        assert_eq!(github["title"], "From GitHub");
        assert_eq!(github["twins"], json!([format!("plane:{ITEM}")]));
        assert_eq!(github["sync"]["status"], "ok");
        assert_eq!(github["sync"]["last_error"], "Plane is down");
        let at: jetbridge::clock::Timestamp =
            github["sync"]["synced_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(at, now);
        let plane = site.get(&format!("/api/v1/work-items/plane:{ITEM}")).await.json();
        assert_eq!(plane["twins"], json!(["github:7"]));
        assert_eq!(plane["sync"], github["sync"]);
    }
}
