//! Differences are found, named and mended; nothing that arrives meanwhile is lost.

use std::time::Duration;

use jetbridge::ids::{Lease, WorkItemRef};
use jetbridge::jobs::rebuild::{Kind, Mode, Report};
use jetbridge::sources::plane::normalize::Lookup;
use jetbridge::store::jobs::Stage;
use uuid::Uuid;

use crate::desk::{Desk, comment, nameless};
use crate::on_both_databases;
use crate::support::github;
use crate::support::plane::issue_delivery;

const TODO: (&str, &str) = ("Todo", "unstarted");

async fn a_board(desk: &Desk) {
    for id in ["a", "b", "c"] {
        desk.post(&issue_delivery(id, "First", TODO, "2026-11-22T01:00:00Z")).await;
        desk.post(&issue_delivery(id, "Second", TODO, "2026-11-22T01:00:01Z")).await;
    }
    for id in [1, 2, 3] {
        let written = comment(100, id, "Said", "created", "2026-11-22T01:00:00Z");
        assert_eq!(desk.app.post_github(&written).await.status, 202);
    }
    let other = github::issue(200, "Other", "open", "2026-11-22T01:00:00Z");
    desk.app.post_github(&github::issue_delivery("opened", &other)).await;
    desk.run_all().await;
    desk.assert_checks().await;
}

/// Each damage with the row and column that it should be found at.
const DAMAGES: [(&str, &str, Kind, &[&str]); 9] = [
    ("UPDATE work_items SET title = 'Damaged' WHERE work_item_ref = 'plane:a'", "plane:a", Kind::Differs, &["title"]),
    ("DELETE FROM work_items WHERE work_item_ref = 'plane:b'", "plane:b", Kind::Missing, &[]),
    ("UPDATE work_items SET labels = '[]', assignee = NULL WHERE work_item_ref = 'plane:c'", "plane:c", Kind::Differs, &["assignee", "labels"]),
    ("UPDATE work_items SET state = NULL WHERE work_item_ref = 'github:200'", "github:200", Kind::Differs, &["state"]),
    (
        "INSERT INTO work_items (work_item_ref, system, external_id, project_ref, title, status, updated_at, kind, ingested_at)
         VALUES ('plane:nobody', 'plane', 'nobody', 'p', 'T', 'S', '2026-11-22T01:00:00.000000Z', 'issue', '2026-11-22T01:00:00.000000Z')",
        "plane:nobody", Kind::Unknown, &[],
    ),
    ("UPDATE work_item_comments SET body = 'Never said' WHERE comment_ref = 'github:1'", "github:1", Kind::Differs, &["body"]),
    ("DELETE FROM work_item_comments WHERE comment_ref = 'github:2'", "github:2", Kind::Missing, &[]),
    (
        "INSERT INTO work_item_comments (comment_ref, work_item_ref, system, external_id, body, body_format, updated_at, ingested_at)
         VALUES ('github:9', 'github:100', 'github', '9', 'B', 'markdown', '2026-11-22T01:00:00.000000Z', '2026-11-22T01:00:00.000000Z')",
        "github:9", Kind::Unknown, &[],
    ),
    ("UPDATE github_webhook_events SET work_item_ref = 'github:100' WHERE work_item_ref = 'github:200'", "", Kind::Differs, &["work_item_ref"]),
];

#[track_caller]
fn assert_found(report: &Report, (damage, key, kind, columns): (&str, &str, Kind, &[&str])) {
    let found = report.differences.iter().find(|found| {
        let names: Vec<_> = found.columns.iter().map(|column| column.column.as_str()).collect();
        (found.key == key || key.is_empty()) && found.kind == kind && names == columns
    });
    assert!(
        found.is_some_and(|found| !found.why.is_empty()),
        "{damage}: {:#?}",
        report.differences
    );
}

on_both_databases! {
    async fn a_damaged_row_is_found_named_and_mended(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        for damage in DAMAGES {
            assert_eq!(desk.execute(damage.0).await, 1, "{}", damage.0);
            let found = desk.rebuild(Mode::Check).await;
            assert!(!found.is_right());
            assert_found(&found, damage);
            let again = desk.rebuild(Mode::Check).await;
            assert_eq!(again.differences, found.differences, "a check changes nothing");
            let mended = desk.rebuild(Mode::Replace).await;
            assert!(mended.is_right(), "{mended:?}");
            desk.assert_checks().await;
        }
    }

    async fn all_damages_at_once_are_mended_at_once(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        for damage in DAMAGES {
            desk.execute(damage.0).await;
        }
        desk.execute("UPDATE work_item_comments SET work_item_ref = 'github:200' WHERE comment_ref = 'github:3'").await;
        assert!(desk.rebuild(Mode::Replace).await.is_right());
        desk.assert_checks().await;
        desk.execute("DELETE FROM work_items").await;
        desk.execute("DELETE FROM work_item_comments").await;
        let mended = desk.rebuild(Mode::Replace).await;
        assert_eq!((mended.replaced, mended.left), (5, 0), "{mended:?}");
        let report = desk.assert_checks().await;
        assert_eq!((report.items, report.comments), (5, 3));
    }

    async fn what_waits_or_failed_takes_no_part_until_it_is_applied(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        desk.post(&issue_delivery("a", "Third", TODO, "2026-11-22T01:00:02Z")).await;
        let broken = r#"{"event":"issue","action":"updated","data":{"id":"a"}}"#;
        desk.post(&crate::support::plane::Delivery::new(broken)).await;
        assert_eq!(desk.assert_checks().await.unread, 2);
        desk.run_all().await;
        assert_eq!(desk.assert_checks().await.unread, 1, "the broken one");
        let item = desk.store().work_item(&WorkItemRef::new("plane:a")).await.unwrap().unwrap();
        assert_eq!(item.state.unwrap().title, "Third");
    }

    async fn what_a_delivery_was_read_with_counts_and_not_what_is_known_today(database: TestDatabase) {
        let desk = Desk::new(database).await;
        desk.learn("").await;
        desk.post(&nameless("a", "Nameless", "2026-11-22T01:00:00Z")).await;
        desk.worker(Lookup::Off, Some("https://plane.example.com")).work_off_due().await;
        desk.clock().advance(Duration::from_mins(1));
        desk.learn("-renamed").await;
        assert_eq!(desk.assert_checks().await.unrecorded, 0);
        // Read by a version that did not record it: then what is known today is all there is.
        assert_eq!(desk.execute("UPDATE plane_webhook_deliveries SET names = NULL").await, 1);
        let report = desk.rebuild(Mode::Check).await;
        assert_eq!((report.unrecorded, report.differing), (1, 1));
        assert!(report.differences[0].why.contains("as they are now"), "{report:?}");
    }

    async fn an_item_that_is_worked_on_is_left_until_that_is_done(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        desk.post(&issue_delivery("a", "Third", TODO, "2026-11-22T01:00:02Z")).await;
        let lease = Lease(Uuid::new_v4());
        let claimed = desk.store()
            .claim_jobs(Stage::Read, 5, lease, Duration::from_secs(15), desk.clock().now()).await.unwrap();
        assert_eq!(claimed.len(), 1);
        desk.execute("UPDATE work_items SET title = 'Damaged'").await;
        let worker = desk.worker(Lookup::Off, None);
        let others_are_mended = async {
            crate::support::process::eventually("the others", || async {
                let b = desk.store().work_item_row_title("plane:b").await;
                b == "Second"
            }).await;
            assert_eq!(desk.store().work_item_row_title("plane:a").await, "Damaged");
            worker.processor.process(lease, claimed).await;
        };
        let (mended, ()) = tokio::join!(desk.rebuild(Mode::Replace), others_are_mended);
        assert!(mended.is_right(), "{mended:?}");
        desk.assert_checks().await;
        assert_eq!(desk.store().work_item_row_title("plane:a").await, "Third");
    }

    async fn webhooks_that_arrive_during_a_rebuild_are_neither_lost_nor_undone(database: TestDatabase) {
        let desk = Desk::new(database).await;
        let rounds = 12;
        let arriving = async {
            for round in 0..rounds {
                for id in 0..10 {
                    let (id, title) = (format!("item-{id}"), format!("Title {round}"));
                    let at = format!("2026-11-22T01:00:{round:02}Z");
                    desk.post(&issue_delivery(&id, &title, TODO, &at)).await;
                    let at = format!("2026-11-22T01:01:{round:02}Z");
                    desk.app.post_github(&comment(100, 7, &title, "edited", &at)).await;
                }
                desk.app.run_jobs().await;
            }
        };
        let rebuilding = async {
            for _ in 0..rounds {
                desk.execute("UPDATE work_items SET title = 'Damaged', state_group = NULL").await;
                desk.execute("DELETE FROM work_item_comments").await;
                assert_eq!(desk.rebuild(Mode::Replace).await.left, 0);
            }
        };
        tokio::join!(arriving, rebuilding);
        desk.run_all().await;
        assert!(desk.rebuild(Mode::Replace).await.is_right());
        let report = desk.assert_checks().await;
        assert_eq!((report.items, report.comments), (11, 1));
        for id in 0..10 {
            let title = desk.store().work_item_row_title(&format!("plane:item-{id}")).await;
            assert_eq!(title, "Title 11");
        }
        desk.app.assert_queue_is_empty().await;
    }

    async fn an_item_without_its_bodies_keeps_what_is_stored(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        desk.execute("UPDATE plane_webhook_deliveries SET body = NULL WHERE work_item_ref IN ('plane:a', 'plane:b')").await;
        let report = desk.assert_checks().await;
        assert_eq!(report.dropped, 2);
        // What still comes is joined into what is stored.
        desk.post(&issue_delivery("a", "Third", TODO, "2026-11-22T01:00:02Z")).await;
        desk.run_all().await;
        desk.assert_checks().await;
        desk.execute("UPDATE work_items SET title = 'Damaged' WHERE work_item_ref = 'plane:a'").await;
        assert!(desk.rebuild(Mode::Replace).await.is_right());
        assert_eq!(desk.store().work_item_row_title("plane:a").await, "Third");
        desk.execute("DELETE FROM work_items WHERE work_item_ref = 'plane:b'").await;
        let lost = desk.rebuild(Mode::Replace).await;
        assert_eq!((lost.unmendable, lost.is_right()), (1, false));
        assert!(lost.differences[0].why.contains("backup"), "{lost:?}");
    }
}

/// The column, not what the state beside it says.
trait RowTitle {
    async fn work_item_row_title(&self, item: &str) -> String;
}

impl RowTitle for jetbridge::store::Store {
    async fn work_item_row_title(&self, item: &str) -> String {
        let mut inspection = self.inspect().await.unwrap();
        let item = WorkItemRef::new(item);
        let rows = inspection.stored_items(&[&item]).await.unwrap();
        inspection.close().await.unwrap();
        rows[0].columns["title"].as_str().unwrap().to_owned()
    }
}
