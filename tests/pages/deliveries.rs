//! The list of deliveries, one of them opened, and running them again.

use std::time::Duration;

use axum::http::StatusCode;
use jetbridge::sources::Source;
use serde_json::json;

use crate::on_both_databases;
use crate::site::{ID, Site, TODO, broken};
use crate::support::plane::{Delivery, issue_delivery};

on_both_databases! {
    async fn deliveries_are_listed_filtered_and_paged(database: TestDatabase) {
        let site = Site::new(database).await;
        for i in 0..60 {
            let delivery = issue_delivery(&format!("i{i}"), "Title", TODO, "2026-11-22T01:00:00Z");
            assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
        }
        site.receive(&broken()).await;
        let first = site.see("/deliveries?source=plane").await;
        assert_eq!(first.matches("<tr role=\"row\"").count(), 51);
        let (_, rest) = first.split_once("<a class=\"button button-s\" href=\"").expect("a link to older ones");
        let older = rest.split_once('"').expect("its end").0.replace("&#38;", "&");
        assert_eq!(site.see(&older).await.matches("<tr role=\"row\"").count(), 12);
        let failed = site.see("/deliveries?status=failed").await;
        assert_eq!(failed.matches("<tr role=\"row\"").count(), 2);
        assert!(failed.contains("<span class=\"count count-bad\">1<span class=\"sr\"> failed</span>"), "{failed}");
        for none in ["event=other", "since=2030-01-01T00:00", "until=2020-01-01T00:00", "item=plane:nobody"] {
            assert!(site.see(&format!("/deliveries?{none}")).await.contains("No delivery matches"), "{none}");
        }
        assert!(site.see("/deliveries?item=plane:i3").await.contains("/work-items/plane%3Ai3\""));
    }

    async fn a_failed_delivery_runs_again_from_its_page(database: TestDatabase) {
        let site = Site::new(database).await;
        let broken = broken();
        site.receive(&broken).await;
        let address = format!("/deliveries/plane/{}", broken.id);
        let before = site.see(&address).await;
        assert!(before.contains("failed for good") && before.contains("button-main"), "{before}");
        let answer = site.submit(&format!("{address}/replay")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let after = answer.headers["location"].to_str().expect("an address").to_owned();
        assert!(site.see(&after).await.contains("Queued again"));
        assert_eq!(site.app.run_jobs().await, 1);
        assert_eq!(site.see(&address).await.matches("failed for good").count(), 2);
    }

    async fn the_page_of_a_delivery_says_when_its_body_was_dropped(database: TestDatabase) {
        let site = Site::new(database).await;
        let delivery = issue_delivery(ID, "A title", TODO, "2026-11-22T01:00:00Z");
        site.receive(&delivery).await;
        let (store, now) = (&site.app.store, site.app.clock.now());
        let soon = now + Duration::from_secs(1);
        let dropped = store.drop_bodies(Source::Plane, soon, 9, now).await.expect("dropped");
        assert_eq!(dropped.rows, 1);
        let address = format!("/deliveries/plane/{}", delivery.id);
        let page = site.see(&address).await;
        assert!(page.contains("Body dropped by retention on <time datetime=\"2026-11-22T02:00:00"), "{page}");
        assert!(!page.contains(&format!("{address}/replay")), "there is nothing to replay");
        let after = site.submit(&format!("{address}/replay")).await.next();
        assert!(site.see(&after).await.contains("nothing to run again"));
        site.app.assert_queue_is_empty().await;
    }
}

#[tokio::test]
async fn a_body_is_shown_as_text_laid_out_and_raw() {
    let site = Site::on_sqlite().await;
    let delivery = Delivery::new(r#"{"event":"odd</pre><script>","n":1.500}"#);
    site.receive(&delivery).await;
    let address = format!("/deliveries/plane/{}", delivery.id);
    let page = site.see(&address).await;
    assert!(page.contains("odd&#60;/pre&#62;&#60;script&#62;") && page.contains("1.500"));
    assert!(!page.contains("</pre><script>"));
    let raw = site.open(&format!("{address}?view=raw")).await;
    assert_eq!(raw.text.as_bytes(), delivery.body);
    assert_eq!(raw.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(raw.headers["x-content-type-options"], "nosniff");
    assert!(raw.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
}

#[tokio::test]
async fn a_large_body_is_shown_in_part_and_says_so() {
    let site = Site::on_sqlite().await;
    let delivery = Delivery::new(json!({"event": "odd", "text": "x".repeat(300_000)}).to_string());
    site.receive(&delivery).await;
    let address = format!("/deliveries/plane/{}", delivery.id);
    let page = site.see(&address).await;
    assert!(page.contains("Only the beginning is shown, up to 200 KiB") && page.len() < 250_000);
    assert_eq!(site.see(&format!("{address}?view=raw")).await.len(), delivery.body.len());
}
