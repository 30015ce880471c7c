//! How a card's sides stand, with the reason on the card.

use std::time::Duration;

use jetbridge::board::HealthState;
use jetbridge::clock::Timestamp;
use jetbridge::ids::{DeliveryId, Lease, WorkItemRef};
use jetbridge::sources::Source;
use jetbridge::store::finish::Changed;
use jetbridge::store::jobs::{ClaimedJob, End, Finished, Stage};
use jetbridge::store::links::{Held, LinkKey, LinkUpdate};
use jetbridge::sync::plan::{Base, LinkStatus};
use jetbridge::timeline::{EntryOutcome, TimelineEntry};

use crate::on_both_databases;
use crate::site::{DOING, PROJECT, REPOSITORY, Site};
use crate::support::plane::{Delivery, issue_delivery};

const AT: &str = "2026-11-22T01:00:00Z";

async fn save(site: &Site, base: &Base, status: LinkStatus, last_error: Option<&str>) {
    let now = site.app.clock.now();
    let key = LinkKey {
        repository: REPOSITORY.to_owned(),
        github_issue: 7,
        number: 12,
        plane_project: PROJECT.to_owned(),
        plane_workspace: None,
    };
    let lease = Lease(uuid::Uuid::new_v4());
    let store = &site.app.store;
    let held = store.hold_link(&key, lease, now + Duration::from_mins(1), now).await.unwrap();
    let Held::Ours(link) = held else { panic!("nobody else holds it") };
    let update = LinkUpdate {
        item: Some("p"),
        base,
        markdown: None,
        github_updated_at: Some(now),
        github_arrival: None,
        status,
        last_error,
    };
    store.save_link(link.id, lease, &update, &[], &[], now).await.unwrap();
    store.release_hold(link.id, lease).await.unwrap();
}

async fn twins(database: crate::support::databases::TestDatabase) -> Site {
    let site = Site::new(database).await;
    site.github(7, "A title", "open", AT).await;
    site.plane("p", "A title", DOING, AT).await;
    site
}

async fn state(site: &Site) -> Option<HealthState> {
    site.card().await.health.map(|health| health.state)
}

on_both_databases! {
    async fn a_link_that_is_in_step_shows_a_tick_with_a_name(database: TestDatabase) {
        let site = twins(database).await;
        save(&site, &Base::default(), LinkStatus::Ok, None).await;
        assert_eq!(state(&site).await, Some(HealthState::InSync));
        let board = site.see("/boards").await;
        assert!(board.contains("aria-label=\"In sync\""), "{board}");
        let trouble = ["card-why is-bad", "card-why is-clash", "card-why is-wait"];
        assert!(!trouble.iter().any(|why| board.contains(why)), "{board}");
    }

    async fn a_conflict_and_a_person_without_a_mapping_say_so_in_words(database: TestDatabase) {
        let site = twins(database).await;
        save(&site, &Base::default(), LinkStatus::Conflict, None).await;
        assert!(site.see("/boards").await.contains("Both sides changed the description"));
        let mut base = Base::default();
        base.github.assignees.insert("evren-v".to_owned(), None);
        save(&site, &base, LinkStatus::Ok, None).await;
        let board = site.see("/boards?health=needs-a-person").await;
        assert!(board.contains("No Plane user for “evren-v”: assignee not written"), "{board}");
        assert!(board.contains("Needs a person</span> <span class=\"count count-bad\">1</span>"), "{board}");
        save(&site, &Base::default(), LinkStatus::Ok, None).await;
        assert_eq!(state(&site).await, Some(HealthState::InSync));
    }

    async fn a_failure_shows_its_reason_until_it_is_mended(database: TestDatabase) {
        let site = twins(database).await;
        save(&site, &Base::default(), LinkStatus::Ok, Some("Plane answered 502")).await;
        assert_eq!(state(&site).await, Some(HealthState::Failed));
        assert!(site.see("/boards?health=failed").await.contains("Plane answered 502"));
        save(&site, &Base::default(), LinkStatus::Ok, None).await;
        assert_eq!(state(&site).await, Some(HealthState::InSync));
    }

    async fn a_delivery_that_failed_for_good_shows_on_its_items_card_until_a_newer_one_is_read(database: TestDatabase) {
        let site = Site::new(database).await;
        site.plane("x", "A title", DOING, AT).await;
        site.app.clock.advance(Duration::from_secs(1));
        let broken = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#);
        assert_eq!(site.app.post(&broken).await.status, 200);
        site.app.run_jobs().await;
        let health = site.card().await.health.unwrap();
        assert_eq!(health.state, HealthState::Failed);
        assert!(site.see("/boards").await.contains("failed for good"));
        site.app.clock.advance(Duration::from_secs(1));
        site.plane("x", "A newer title", DOING, "2026-11-22T01:05:00Z").await;
        assert_eq!(site.card().await.health, None);
    }

    async fn a_replay_that_goes_well_ends_the_wait_on_the_card_whatever_came_of_it(database: TestDatabase) {
        let site = Site::new(database).await;
        let now = site.app.clock.now();
        let old = issue_delivery("x", "An old title", DOING, AT);
        assert_eq!(site.app.post(&old).await.status, 200);
        let (lease, minute) = (Lease(uuid::Uuid::new_v4()), Duration::from_mins(1));
        let jobs = site.app.store.claim_jobs(Stage::Read, 1, lease, minute, now).await.unwrap();
        site.app.store.finish_jobs(lease, &[dead(&jobs[0], now)], Changed::default()).await.unwrap();
        site.plane("x", "A title", DOING, "2026-11-22T01:05:00Z").await;
        let id = DeliveryId::new(&old.id);
        site.app.store.replay(Source::Plane, &id, now).await.unwrap();
        assert_eq!(state(&site).await, Some(HealthState::Retry));
        site.app.run_jobs().await;
        assert_eq!(site.card().await.health, None);
    }
}

fn dead(job: &ClaimedJob, at: Timestamp) -> Finished {
    let error = "a bug that is mended meanwhile".to_owned();
    let entry = TimelineEntry {
        item: Some(WorkItemRef::new("plane:x")),
        source: job.source,
        delivery_id: job.delivery_id.clone(),
        attempt: 1,
        at,
        outcome: EntryOutcome::Dead,
        reason: error.clone(),
        changes: Vec::new(),
    };
    Finished { id: job.id, attempts: 1, last_error: None, end: End::Dead { error }, entry }
}
