//! What follows from a rebuild: cards, and those who look at the board; and what does not.

use std::collections::BTreeSet;

use jetbridge::ids::{DeliveryId, Revision};
use jetbridge::jobs::rebuild::Mode;
use jetbridge::sources::Source;
use serde_json::{Value, json};

use crate::desk::{Desk, comment};
use crate::on_both_databases;
use crate::support::github::{self, GithubDelivery};
use crate::support::plane::issue_delivery;

const TODO: (&str, &str) = ("Todo", "unstarted");
const AT: &str = "2026-11-22T01:00:00Z";

/// A pull request that closes the issues of number 12.
fn pull() -> GithubDelivery {
    let mut pull = github::issue(900, "A change", "open", AT);
    pull["number"] = json!(44);
    pull["body"] = json!("Fixes #12");
    pull["merged"] = json!(false);
    pull["merged_at"] = Value::Null;
    pull["draft"] = json!(false);
    let repository = github::repository();
    let body = json!({"action": "edited", "pull_request": pull, "repository": repository});
    GithubDelivery::new("pull_request", body.to_string())
}

/// Two items of Plane's, an issue with a comment, and a pull request that closes it.
async fn a_board(desk: &Desk) {
    for id in ["a", "b"] {
        desk.post(&issue_delivery(id, "A title", TODO, AT)).await;
    }
    desk.app.post_github(&comment(100, 1, "Said", "created", AT)).await;
    desk.app.post_github(&pull()).await;
    desk.run_all().await;
    desk.assert_checks().await;
}

async fn newest(desk: &Desk) -> Revision {
    desk.store().pulse().await.unwrap().revision
}

async fn told_after(desk: &Desk, seen: Revision) -> BTreeSet<String> {
    let changes = desk.store().changes_after(seen, 1000).await.unwrap();
    changes.into_iter().map(|change| change.item.to_string()).collect()
}

on_both_databases! {
    async fn a_rebuild_mends_the_cards_as_well_and_tells_which_items_changed(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        let cards = desk.cards().await;
        assert_eq!(cards.iter().filter(|card| !card.pulls.is_empty()).count(), 1, "{cards:?}");
        let damages = [
            ("UPDATE work_items SET title = 'Damaged', state = NULL WHERE work_item_ref = 'plane:a'", "plane:a"),
            ("DELETE FROM work_items WHERE work_item_ref = 'github:100'", "github:100"),
            ("DELETE FROM work_item_comments", "github:100"),
            ("DELETE FROM work_items WHERE kind = 'pull_request'", "github:pull_request:186853002:44"),
        ];
        for (damage, item) in damages {
            assert_eq!(desk.execute(damage).await, 1, "{damage}");
            desk.store().rebuild_cards().await.unwrap();
            let seen = newest(&desk).await;
            assert!(desk.rebuild(Mode::Replace).await.is_right());
            assert_eq!(told_after(&desk, seen).await, BTreeSet::from([item.to_owned()]), "{damage}");
            assert_eq!(titles(&desk).await, ["A change", "A title", "A title", "Commented on"], "{damage}");
            let mended = desk.cards().await;
            desk.store().rebuild_cards().await.unwrap();
            assert_eq!(mended, desk.cards().await, "{damage}: no card is older than its rows");
        }
        assert_eq!(desk.cards().await.iter().filter(|card| !card.pulls.is_empty()).count(), 1);
    }

    async fn an_item_that_nothing_tells_of_leaves_the_board_with_its_card(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        let (cards, seen) = (desk.cards().await, newest(&desk).await);
        let copy = "INSERT INTO work_items (work_item_ref, system, external_id, project_ref, title, status, updated_at,
                kind, ingested_at, state)
            SELECT 'plane:nobody', 'plane', 'nobody', project_ref, title, status, updated_at, kind, ingested_at, state
            FROM work_items WHERE work_item_ref = 'plane:a'";
        assert_eq!(desk.execute(copy).await, 1);
        desk.store().rebuild_cards().await.unwrap();
        assert_eq!(desk.cards().await.len(), cards.len() + 1);
        assert!(desk.rebuild(Mode::Replace).await.is_right());
        assert_eq!(desk.cards().await, cards);
        assert_eq!(told_after(&desk, seen).await, BTreeSet::from(["plane:nobody".to_owned()]));
    }

    async fn where_nothing_differs_nobody_is_told_of_anything(database: TestDatabase) {
        let desk = Desk::new(database).await;
        a_board(&desk).await;
        let seen = newest(&desk).await;
        desk.rebuild(Mode::Check).await;
        assert_eq!(desk.rebuild(Mode::Replace).await.replaced, 0);
        assert_eq!(newest(&desk).await, seen);
    }

    async fn what_was_set_aside_unread_takes_no_part_until_it_is_replayed(database: TestDatabase) {
        let desk = Desk::new(database).await;
        let issue = github::issue_delivery("opened", &github::issue(300, "Not ours", "open", AT));
        desk.app.post_github(&issue).await;
        assert!(desk.set_aside(&issue.id).await);
        for mode in [Mode::Check, Mode::Replace, Mode::Check] {
            let report = desk.rebuild(mode).await;
            Desk::assert_equal(&report);
            assert_eq!((report.items, report.deliveries, report.unread), (0, 0, 0), "{mode:?}");
        }
        assert!(desk.rows().await.is_empty());
        let id = DeliveryId::new(issue.id.as_str());
        desk.store().replay(Source::Github, &id, desk.clock().now()).await.unwrap();
        desk.run_all().await;
        assert_eq!(desk.assert_checks().await.items, 1);
    }
}

async fn titles(desk: &Desk) -> Vec<String> {
    let rows = desk.rows().await;
    let titles = rows.values().filter_map(|row| row.get("title")?.as_str().map(str::to_owned));
    let mut titles: Vec<_> = titles.collect();
    titles.sort();
    titles
}
