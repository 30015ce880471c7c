//! What grows old goes, a little at a time; nothing that is still needed goes with it.

use std::time::Duration;

use jetbridge::config::RetentionConfig;
use jetbridge::ids::DeliveryId;
use jetbridge::jobs::rebuild::Mode;
use jetbridge::jobs::retention::{Keeper, LetGo, Pace};
use jetbridge::sources::Source;
use jetbridge::store::jobs::Replayed;

use crate::desk::{Desk, comment};
use crate::on_both_databases;
use crate::support::links;
use crate::support::plane::{Delivery, issue, issue_delivery};

const TODO: (&str, &str) = ("Todo", "unstarted");
const DAY: Duration = Duration::from_hours(24);

/// Bodies of Plane are kept for 30 days, those of GitHub for 60.
const AGES: RetentionConfig = RetentionConfig {
    plane_bodies: Some(Duration::from_hours(30 * 24)),
    github_bodies: Some(Duration::from_hours(60 * 24)),
    timeline: None,
};

fn keeper(desk: &Desk, ages: RetentionConfig) -> Keeper {
    Keeper::new(desk.store(), desk.clock(), ages)
}

async fn let_go(desk: &Desk, ages: RetentionConfig) -> LetGo {
    keeper(desk, ages).let_go(Pace::Full, |_| {}).await.unwrap()
}

async fn body(desk: &Desk, source: Source, id: &str) -> Option<Vec<u8>> {
    desk.store().delivery(source, &DeliveryId::new(id)).await.unwrap().unwrap().1
}

on_both_databases! {
    async fn only_bodies_of_what_was_worked_off_long_ago_are_dropped(database: TestDatabase) {
        let desk = Desk::new(database).await;
        let old = issue_delivery("old", "Old", TODO, "2026-11-22T01:00:00Z");
        let failed = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"f"}}"#);
        let said = comment(100, 1, "Said", "created", "2026-11-22T01:00:00Z");
        desk.post(&old).await;
        desk.post(&failed).await;
        desk.app.post_github(&said).await;
        desk.app.run_jobs().await;
        let waiting = issue_delivery("waiting", "Waiting", TODO, "2026-11-22T01:00:00Z");
        desk.post(&waiting).await;
        desk.clock().advance(31 * DAY);
        let young = issue_delivery("young", "Young", TODO, "2026-12-22T01:00:00Z");
        desk.post(&young).await;

        let preview = keeper(&desk, AGES).preview().await.unwrap();
        let [plane, github] = preview.bodies.map(|(_, found)| found);
        assert_eq!((plane.count, plane.bytes, github.count), (1, old.body.len() as u64, 0));
        assert_eq!((plane.oldest, plane.oldest), (plane.newest, Some(crate::support::app::start())));
        assert_eq!(let_go(&desk, RetentionConfig::default()).await.plane_bodies, 0, "kept by default");
        assert!(body(&desk, Source::Plane, &old.id).await.is_some(), "a preview drops nothing");

        let done = let_go(&desk, AGES).await;
        assert_eq!((done.plane_bodies, done.body_bytes), (1, old.body.len() as u64));
        assert_eq!(body(&desk, Source::Plane, &old.id).await, None);
        for kept in [&failed, &waiting, &young] {
            assert_eq!(body(&desk, Source::Plane, &kept.id).await.as_ref(), Some(&kept.body));
        }
        assert!(body(&desk, Source::Github, &said.id).await.is_some());
        assert_eq!(let_go(&desk, AGES).await, LetGo::default(), "once");
        desk.run_all().await;
        desk.clock().advance(30 * DAY);
        assert_eq!(let_go(&desk, AGES).await.github_bodies, 1);
    }

    async fn what_was_dropped_is_still_known_and_says_that_it_cant_be_replayed(database: TestDatabase) {
        let desk = Desk::new(database).await;
        let old = issue_delivery("old", "Old", TODO, "2026-11-22T01:00:00Z");
        desk.post(&old).await;
        desk.app.run_jobs().await;
        desk.clock().advance(31 * DAY);
        let at = desk.clock().now();
        let_go(&desk, AGES).await;
        let id = DeliveryId::new(old.id.as_str());
        assert_eq!(desk.store().body_dropped_at(Source::Plane, &id).await.unwrap(), Some(at));
        let replayed = desk.store().replay(Source::Plane, &id, at).await.unwrap();
        assert_eq!(replayed, Replayed::Dropped);
        let (delivery, _) = desk.store().delivery(Source::Plane, &id).await.unwrap().unwrap();
        assert_eq!(delivery.status.as_str(), "processed", "its outcome stays");
        for repeat in [old.clone(), old.clone().with_id("as Plane's retries are")] {
            let answer = desk.app.post(&repeat).await;
            assert_eq!((&answer.json["duplicate"], answer.json.get("requeued")), (&true.into(), None));
        }
        desk.app.assert_queue_is_empty().await;
        assert_eq!(desk.assert_checks().await.dropped, 1);
        assert!(desk.rebuild(Mode::Replace).await.is_right());
    }

    async fn a_delivery_that_is_run_again_keeps_its_body(database: TestDatabase) {
        let desk = Desk::new(database).await;
        let old = issue_delivery("old", "Old", TODO, "2026-11-22T01:00:00Z");
        desk.post(&old).await;
        desk.app.run_jobs().await;
        desk.clock().advance(31 * DAY);
        let id = DeliveryId::new(old.id.as_str());
        desk.store().replay(Source::Plane, &id, desk.clock().now()).await.unwrap();
        assert_eq!(let_go(&desk, AGES).await.plane_bodies, 0);
        desk.run_all().await;
        assert_eq!(let_go(&desk, AGES).await.plane_bodies, 1);
    }

    async fn an_old_timeline_goes_with_its_ended_writes_where_that_is_set(database: TestDatabase) {
        let desk = Desk::new(database).await;
        links::link(desk.store(), 100, "11111111-1111-4111-8111-111111111111", desk.clock().now(), None).await;
        for (id, (kind, status, ended)) in (900..).zip([
            ("create_item", "settled", "'2026-11-22T02:00:00.000000Z'"),
            ("create_comment", "abandoned", "'2026-11-22T02:00:00.000000Z'"),
            ("update_item", "settled", "'2026-11-22T02:00:00.000000Z'"),
            ("update_item", "intended", "NULL"),
        ]) {
            let sql = format!(
                "INSERT INTO write_intents (id, issue_link, kind, target, write, status, attempt, intended_at, ended_at) {}
                 SELECT {id}, id, '{kind}', 't', '{{}}', '{status}', 1, '2026-11-22T02:00:00.000000Z', {ended} FROM issue_links",
                if desk.url.starts_with("sqlite") { "" } else { "OVERRIDING SYSTEM VALUE" }
            );
            assert_eq!(desk.execute(&sql).await, 1);
        }
        desk.post(&issue_delivery("old", "Old", TODO, "2026-11-22T01:00:00Z")).await;
        desk.app.run_jobs().await;
        desk.clock().advance(31 * DAY);
        desk.post(&issue_delivery("young", "Young", TODO, "2026-11-22T01:00:00Z")).await;
        desk.app.run_jobs().await;
        assert_eq!(let_go(&desk, RetentionConfig::default()).await, LetGo::default(), "kept by default");
        let ages = RetentionConfig { timeline: Some(DAY), ..RetentionConfig::default() };
        let preview = keeper(&desk, ages).preview().await.unwrap();
        assert_eq!((preview.write_intents, preview.timeline), (Some(2), Some(1)));
        // The newest settled one stays, since echoes are told by it; so does what is still open.
        let done = let_go(&desk, ages).await;
        assert_eq!((done.write_intents, done.timeline), (2, 1));
        desk.assert_checks().await;
    }

    async fn steady_load_with_retention_takes_no_more_and_more_room(database: TestDatabase) {
        let desk = Desk::new(database).await;
        let ages = RetentionConfig {
            plane_bodies: Some(DAY), github_bodies: Some(DAY), timeline: Some(DAY),
        };
        let mut sizes = Vec::new();
        for round in 0..8 {
            for number in 0..60 {
                let mut body = issue(&format!("item-{number}"), "T", TODO, &format!("2026-11-22T01:00:{round:02}Z"));
                // What does not shrink when it is compressed.
                let noise: String = (0..600).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
                body["data"]["description_html"] = noise.into();
                desk.post(&Delivery::new(body.to_string())).await;
            }
            desk.app.run_jobs().await;
            desk.clock().advance(2 * DAY);
            assert_eq!(let_go(&desk, ages).await.plane_bodies, 60);
            if !desk.url.starts_with("sqlite") {
                // What autovacuum does by itself, at a time of its own.
                desk.execute("VACUUM").await;
            }
            sizes.push(desk.store().bytes_on_disk().await.unwrap());
        }
        let bodies = 60 * 600 * 32;
        assert!(sizes[7] < sizes[1] + bodies / 2, "{sizes:?}: eight rounds of {bodies} bytes");
    }
}
