//! What a demo throws away, on both databases: what ended well, and nothing that waits.

use std::time::Duration;

use jetbridge::ids::WorkItemRef;
use jetbridge::store::cards::read::CardFilter;
use jetbridge::store::deliveries::{DeliveryFilter, DeliveryStatus};

use crate::on_both_databases;
use crate::support::app::TestApp;
use crate::support::github::{issue, issue_delivery};
use crate::support::plane::{Delivery, issue_delivery as plane_issue};

const TODO: (&str, &str) = ("Todo", "unstarted");

on_both_databases! {
    async fn what_ended_before_is_swept_and_what_failed_or_came_later_stays(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&plane_issue("old", "Old", TODO, "2026-11-22T01:00:00Z")).await;
        let opened = issue(7, "Old", "open", "2026-11-22T01:00:00Z");
        app.post_github(&issue_delivery("opened", &opened)).await;
        let broken = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#);
        app.post(&broken).await;
        app.run_jobs().await;
        app.clock.advance(Duration::from_mins(1));
        let before = app.clock.now();
        app.clock.advance(Duration::from_mins(1));
        app.post(&plane_issue("new", "New", TODO, "2026-11-22T01:30:00Z")).await;
        app.run_jobs().await;

        app.store.sweep(before, &[]).await.unwrap();
        let kept = app.store.deliveries(&DeliveryFilter::default(), None, 10).await.unwrap();
        assert_eq!(kept.len(), 2, "{kept:?}");
        let is_broken = |id: &str| id == broken.id;
        assert!(kept.iter().any(|d| is_broken(d.delivery_id.as_str()) && d.status == DeliveryStatus::Failed));
        let old = WorkItemRef::new("plane:old");
        assert!(app.store.work_item(&old).await.unwrap().is_some(), "an item outlives its deliveries");
        assert!(app.store.item_timeline(&old, 10).await.unwrap().is_empty());
    }

    async fn an_item_that_is_swept_away_takes_its_card_along_and_pages_are_told(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.post(&plane_issue("old", "Old", TODO, "2026-11-22T01:00:00Z")).await;
        app.post(&plane_issue("other", "Other", TODO, "2026-11-22T01:00:00Z")).await;
        app.run_jobs().await;
        assert_eq!(cards(&app).await, ["plane:old", "plane:other"]);
        let revision = app.store.pulse().await.unwrap().revision;

        let old = WorkItemRef::new("plane:old");
        app.store.sweep(app.clock.now(), std::slice::from_ref(&old)).await.unwrap();
        assert_eq!(app.store.work_item(&old).await.unwrap(), None);
        assert_eq!(cards(&app).await, ["plane:other"]);
        assert!(app.store.pulse().await.unwrap().revision > revision, "open pages are told");
    }
}

/// The cards that stand on the board.
async fn cards(app: &TestApp) -> Vec<String> {
    let cards = app.store.cards(&CardFilter::default(), None, 10).await.unwrap();
    let mut refs: Vec<_> = cards.iter().map(|card| card.lead.as_str().to_owned()).collect();
    refs.sort();
    refs
}
