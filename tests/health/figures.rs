//! The figures are what was sent, however it was worked off and merged.

use std::time::Duration;

use jetbridge::figures::{BUCKET, Ended, floor};
use jetbridge::health::{Ends, Range};
use jetbridge::ids::DeliveryId;
use jetbridge::sources::Source;
use jetbridge::store::jobs::Replayed;

use crate::on_both_databases;
use crate::site::Site;

fn counts(ends: &Ends) -> [u64; 4] {
    Ended::ALL.map(|ended| ends.count(ended))
}

on_both_databases! {
    async fn the_figures_are_what_was_sent_in_any_split_into_batches(database: TestDatabase) {
        let site = Site::new(database).await;
        // Three batches of Plane's, then one of GitHub's: 6 applied, 2 that say nothing new.
        for (batch, ids) in [["a", "b"], ["c", "d"], ["e", "f"]].iter().enumerate() {
            for id in ids {
                site.send_issue(id, &format!("Title {batch}")).await;
            }
            site.run_after(1).await;
        }
        for title in ["Title 0 ", "Title 0  "] {
            // Another body under another id, and older than what is known.
            let older = crate::support::plane::issue_delivery("a", title, crate::site::TODO, "2026-11-22T00:50:00Z");
            assert_eq!(site.app.post(&older).await.status, 200);
        }
        for id in [1, 2, 3] {
            site.send_github(id).await;
        }
        site.run_after(1).await;
        let health = site.health(Range::Hour).await;
        assert_eq!(counts(&health.ends), [9, 2, 0, 0]);
        let of = |name: &str| health.sources.iter().find(|s| s.source == name).unwrap();
        assert_eq!((of("plane").ends.total(), of("github").ends.total()), (8, 3));
        let repository = health.repositories.iter().find(|r| r.place == "Codertocat/Hello-World").unwrap();
        assert_eq!(repository.ends.total(), 3);
        assert_eq!(health.projects.len(), 1, "Plane's project is known by its items");
        assert_eq!(health.projects[0].ends.total(), 8);
        assert_eq!(health.events[0].event, "issue.updated");
        assert_eq!(health.slots.iter().map(|s| s.ends.total()).sum::<u64>(), 11);
        // All waited for one second of the test's clock.
        assert!((health.ends.lags.percentile(50).unwrap().as_secs_f64() - 1.0).abs() < 0.35);
    }

    async fn a_replay_is_another_end_whose_lag_counts_from_the_replay(database: TestDatabase) {
        let site = Site::new(database).await;
        let broken = site.send_broken("x").await;
        site.run_after(1).await;
        assert_eq!(counts(&site.health(Range::Hour).await.ends), [0, 0, 0, 1]);
        site.send_issue("a", "A").await;
        site.run_after(1).await;
        site.app.clock.advance(Duration::from_hours(3));
        let newest = site.app.store.deliveries(&jetbridge::store::deliveries::DeliveryFilter::default(), None, 2).await.unwrap();
        for delivery in newest {
            let replayed = site.app.store.replay(Source::Plane, &delivery.delivery_id, site.app.clock.now()).await.unwrap();
            assert_eq!(replayed, Replayed::Queued);
        }
        assert!(!broken.id.is_empty());
        site.run_after(2).await;
        let health = site.health(Range::Hour).await;
        assert_eq!(counts(&health.ends), [0, 1, 0, 1], "the same once more, an hour apart from the first");
        assert!(health.ends.lags.percentile(100).unwrap() <= Duration::from_secs(2));
        assert_eq!(counts(&site.health(Range::Day).await.ends), [1, 1, 0, 2]);
        let unknown = DeliveryId::new("nobody's");
        assert_eq!(site.app.store.replay(Source::Plane, &unknown, site.app.clock.now()).await.unwrap(), Replayed::Unknown);
    }

    async fn merging_and_coarsening_change_no_sum_and_forgetting_takes_only_the_old(database: TestDatabase) {
        let site = Site::new(database).await;
        for batch in 0..6 {
            site.send_issue(&format!("{batch}a"), "A").await;
            site.run_after(1).await;
            site.send_issue(&format!("{batch}b"), "B").await;
            site.run_after(200).await;
        }
        let now = site.app.clock.now();
        let (since, before) = (floor(now, Duration::from_hours(1)) - Duration::from_hours(1), site.health(Range::Day).await);
        let sums = || async {
            let mut sums = site.app.store.figures_by_place(since).await.unwrap();
            sums.sort_by_key(|s| (s.ended, s.lag));
            sums
        };
        let as_written = sums().await;
        assert_eq!(as_written.iter().map(|s| s.count).sum::<u64>(), 12);
        site.app.store.merge_figures(floor(now, BUCKET), since - Duration::from_hours(1)).await.unwrap();
        assert_eq!(sums().await, as_written);
        assert_eq!(site.health(Range::Day).await.slots, before.slots);
        site.app.store.merge_figures(floor(now, BUCKET), floor(now, Duration::from_hours(1)) + Duration::from_hours(1)).await.unwrap();
        site.app.store.merge_figures(floor(now, BUCKET), floor(now, Duration::from_hours(1)) + Duration::from_hours(1)).await.unwrap();
        assert_eq!(sums().await, as_written);
        let by_hour = site.app.store.figures_by_slot(since, 3600).await.unwrap();
        assert_eq!(by_hour.iter().map(|s| s.count).sum::<u64>(), 12);
        assert_eq!(site.app.store.purge_figures(since).await.unwrap(), 0);
        assert!(site.app.store.purge_figures(now + Duration::from_hours(1)).await.unwrap() > 0);
        assert_eq!(sums().await, []);
    }

    async fn the_queue_is_sampled_once_a_minute_by_whichever_process(database: TestDatabase) {
        let site = Site::new(database).await;
        let mut watches = [site.watch(None), site.watch(None)];
        site.send_issue("a", "A").await;
        site.app.clock.advance(Duration::from_secs(40));
        for _ in 0..4 {
            for watch in &mut watches {
                watch.turn().await.unwrap();
            }
            site.app.clock.advance(Duration::from_secs(20));
        }
        let now = site.app.clock.now();
        let samples = site.app.store.queue_samples(now - Duration::from_hours(1), 60).await.unwrap();
        assert_eq!(samples.iter().map(|s| s.waiting).collect::<Vec<_>>(), [1, 1]);
        assert!((samples[0].oldest_seconds - 40.0).abs() < 0.01);
        let health = site.health(Range::Hour).await;
        assert_eq!((health.processes.len(), health.queue.waiting), (2, 1));
        assert_eq!(health.slots.iter().filter_map(|s| s.waiting).max(), Some(1));
        // The one that held the duty is gone: the other one goes on.
        let [_, mut other] = watches;
        site.app.clock.advance(Duration::from_mins(2));
        other.turn().await.unwrap();
        let samples = site.app.store.queue_samples(now, 60).await.unwrap();
        assert_eq!(samples.len(), 1);
    }
}
