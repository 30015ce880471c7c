//! Running many deliveries again from the list: counted first, then run, and nothing else.

use std::time::Duration;

use axum::http::StatusCode;

use crate::on_both_databases;
use crate::site::{Site, TODO, broken};
use crate::support::plane::{Delivery, issue_delivery};

/// Deliveries that no attempt can read, worked off.
async fn failed(site: &Site, count: usize) -> Vec<Delivery> {
    let body = |n: usize| format!(r#"{{"event":"issue","action":"updated","data":{{"id":{n}}}}}"#);
    let deliveries: Vec<_> = (0..count).map(|n| Delivery::new(body(n))).collect();
    for delivery in &deliveries {
        assert_eq!(site.app.post(delivery).await.status, StatusCode::OK);
    }
    site.app.run_jobs().await;
    deliveries
}

on_both_databases! {
    async fn all_that_match_are_counted_and_then_run_and_newcomers_are_in_neither(database: TestDatabase) {
        let site = Site::new(database).await;
        failed(&site, 3).await;
        site.receive(&issue_delivery("good", "A title", TODO, "2026-11-22T01:00:00Z")).await;
        let list = site.see("/deliveries?status=failed").await;
        assert!(list.contains("href=\"/deliveries/replay?status=failed\">Replay all that match…</a>"), "{list}");
        let preview = site.see("/deliveries/replay?status=failed").await;
        assert!(preview.contains("3 deliveries would be queued again") && preview.contains("Replay 3 deliveries"), "{preview}");
        assert_eq!(site.app.run_jobs().await, 0, "a preview changes nothing");
        site.app.clock.advance(Duration::from_secs(1));
        site.receive(&broken()).await;
        let next = site.press(&preview, "/deliveries/replay").await.next();
        let list = site.see(&next).await;
        assert!(list.contains("3 deliveries are queued again."), "{next}: {list}");
        assert_eq!(site.app.run_jobs().await, 3);
        assert!(site.see("/deliveries/replay?status=failed").await.contains("4 deliveries would"));
    }

    async fn what_is_ticked_is_run_and_nothing_else(database: TestDatabase) {
        let site = Site::new(database).await;
        let deliveries = failed(&site, 3).await;
        let chosen: Vec<_> = deliveries[..2].iter().map(|d| format!("d=plane%2F{}", d.id)).collect();
        let preview = site.see(&format!("/deliveries/replay?{}", chosen.join("&"))).await;
        assert!(preview.contains("2 deliveries would be queued again"), "{preview}");
        let next = site.press(&preview, "/deliveries/replay").await.next();
        assert!(site.see(&next).await.contains("2 deliveries are queued again."));
        assert_eq!(site.app.run_jobs().await, 2);
        let again = site.see(&format!("/deliveries/plane/{}", deliveries[2].id)).await;
        assert_eq!(again.matches("failed for good").count(), 1, "the third one was left alone");
    }

    async fn a_delivery_opened_beside_the_list_shows_what_is_known_of_it(database: TestDatabase) {
        let site = Site::new(database).await;
        let delivery = &failed(&site, 1).await[0];
        let page = site.see(&format!("/deliveries?open=plane/{}&range=24h", delivery.id)).await;
        assert!(page.contains("aria-current=\"true\"") && page.contains("id=\"opened\""), "{page}");
        assert!(page.contains("x-plane-signature") && page.contains("valid, not kept"));
        assert!(!page.contains(&delivery.signature), "a signature's value is never shown");
        assert!(page.contains("<option value=\"24h\" selected>Last 24 hours</option>"));
        let saved = site.open(&format!("/deliveries/plane/{}?view=download", delivery.id)).await;
        assert!(saved.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
        assert_eq!(saved.text.as_bytes(), delivery.body);
    }
}

#[tokio::test]
async fn a_preview_shows_what_would_change_escaped() {
    let site = Site::on_sqlite().await;
    site.receive(&issue_delivery("a", "Before", TODO, "2026-11-22T01:00:00Z")).await;
    let waiting = issue_delivery("a", "<b>After</b>", TODO, "2026-11-22T02:00:00Z");
    assert_eq!(site.app.post(&waiting).await.status, StatusCode::OK);
    let page = site.see("/deliveries/replay?status=received").await;
    assert!(page.contains("Read now, they would change one item"), "{page}");
    assert!(page.contains("<del dir=\"auto\">Before</del>"), "{page}");
    assert!(page.contains("<ins dir=\"auto\">&#60;b&#62;After&#60;/b&#62;</ins>"), "{page}");
}

#[tokio::test]
async fn a_preview_of_nothing_offers_no_button() {
    let site = Site::on_sqlite().await;
    let page = site.see("/deliveries/replay?status=failed&event=none").await;
    assert!(page.contains("Nothing to replay") && !page.contains("button-main"), "{page}");
    for bad in ["status=odd", "until=now", "d=%00", "d=nonsense"] {
        let answer = site.open(&format!("/deliveries/replay?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn a_form_that_names_nothing_readable_runs_nothing() {
    let site = Site::on_sqlite().await;
    site.receive(&issue_delivery("good", "A title", TODO, "2026-11-22T01:00:00Z")).await;
    let until = ("until", "2030-01-01T00:00:00.000000Z");
    for fields in [
        &[][..],
        &[("status", "processed")],
        &[("d", "jira/x"), until],
        &[("d", "nonsense"), until],
    ] {
        let answer = site.fill_in("/deliveries/replay", fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fields:?}");
    }
    assert_eq!(site.app.run_jobs().await, 0);
}
