//! An issue and its work item are one card.

use jetbridge::store::cards::read::{CardFilter, CardSystem};
use jetbridge::work_items::StateGroup;
use serde_json::json;

use crate::on_both_databases;
use crate::site::{DOING, Site, TODO, column};
use crate::support::github::{issue, issue_delivery};

const AT: &str = "2026-11-22T01:00:00Z";

fn gone(id: &str) -> serde_json::Value {
    json!({"event": "issue", "action": "deleted", "webhook_id": "w", "workspace_id": "x", "data": {"id": id}})
}

on_both_databases! {
    async fn an_issue_and_its_twin_are_one_card_in_the_work_items_column(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", AT).await;
        site.plane("p", "A title", DOING, AT).await;
        assert_eq!(site.cards().await.len(), 2, "before they are linked");
        site.link(7, "p").await;
        let card = site.card().await;
        assert_eq!(card.card.as_str(), "github:7");
        assert_eq!(card.lead.as_str(), "plane:p");
        assert_eq!(card.group, Some(StateGroup::Started));
        let board = site.see("/boards").await;
        let started = column(&board, "In progress");
        assert!(started.contains("is the twin of") && started.contains("#12"), "{board}");
        assert_eq!(board.matches("<article").count(), 1);
        let total = site.app.store.count_cards(&[CardFilter::default()]).await.unwrap();
        assert_eq!(total[0].0, 1, "it is counted once");
    }

    async fn before_the_twins_webhook_comes_the_card_stands_by_the_issue(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", AT).await;
        site.link(7, "p").await;
        assert_eq!(site.card().await.lead.as_str(), "github:7");
        site.plane("p", "A title", DOING, AT).await;
        let card = site.card().await;
        assert_eq!((card.card.as_str(), card.lead.as_str()), ("github:7", "plane:p"));
    }

    async fn a_card_keeps_its_name_when_one_side_is_deleted_and_goes_with_the_last(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", AT).await;
        site.plane("p", "A title", DOING, AT).await;
        site.link(7, "p").await;
        site.receive_plane(&gone("p")).await;
        let card = site.card().await;
        assert_eq!((card.card.as_str(), card.lead.as_str()), ("github:7", "github:7"));
        assert_eq!(card.sides.len(), 1);
        site.receive_github(&issue_delivery("deleted", &issue(7, "A title", "open", AT))).await;
        assert!(site.cards().await.is_empty());
    }

    async fn a_deleted_issue_leaves_the_work_item_on_the_board(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", AT).await;
        site.plane("p", "A title", DOING, AT).await;
        site.link(7, "p").await;
        site.receive_github(&issue_delivery("deleted", &issue(7, "A title", "open", AT))).await;
        let card = site.card().await;
        assert_eq!((card.card.as_str(), card.lead.as_str()), ("github:7", "plane:p"));
    }

    async fn a_filter_matches_if_either_side_does(database: TestDatabase) {
        let site = Site::new(database).await;
        let mut on_github = issue(7, "Said on GitHub", "open", AT);
        on_github["labels"] = json!([{"id": 1, "name": "only-github", "color": "d73a4a"}]);
        on_github["assignees"] = json!([{"id": 5, "login": "gh-only"}]);
        site.receive_github(&issue_delivery("edited", &on_github)).await;
        site.plane("p", "Said in Plane", DOING, AT).await;
        site.link(7, "p").await;
        for query in [
            "q=said+on+github", "q=SAID+IN+PLANE", "q=%2312", "label=only-github", "label=bug", "assignee=gh-only",
            "assignee=ada", "system=github", "system=plane", "system=twins", "project=Codertocat%2FHello-World",
            "project=ce59f358-8bb1-44d5-9060-9d2391371abf", "state_group=started", "health=in_sync",
        ] {
            let board = site.see(&format!("/boards?{query}")).await;
            assert_eq!(board.matches("<article").count(), 1, "{query}");
        }
        for query in ["q=nothing", "label=only", "assignee=gh", "system=single", "project=other", "state_group=unstarted", "health=failed"] {
            let board = site.see(&format!("/boards?{query}")).await;
            assert_eq!(board.matches("<article").count(), 0, "{query}");
        }
        let twins = CardFilter { system: Some(CardSystem::Twins), ..CardFilter::default() };
        assert_eq!(site.app.store.cards(&twins, None, 9).await.unwrap().len(), 1);
    }

    async fn the_age_is_the_time_in_the_column_and_begins_anew_with_the_group(database: TestDatabase) {
        let site = Site::new(database).await;
        let since = |card: jetbridge::board::Card| card.state_since.to_rfc3339();
        site.plane("p", "A title", TODO, "2026-11-22T01:00:00Z").await;
        site.plane("p", "Another title", TODO, "2026-11-22T01:10:00Z").await;
        assert_eq!(since(site.card().await), "2026-11-22T01:00:00+00:00");
        site.plane("p", "Another title", DOING, "2026-11-22T01:20:00Z").await;
        site.plane("p", "A third title", DOING, "2026-11-22T01:30:00Z").await;
        assert_eq!(since(site.card().await), "2026-11-22T01:20:00+00:00");
        site.app.store.rebuild_cards().await.unwrap();
        assert_eq!(since(site.card().await), "2026-11-22T01:20:00+00:00", "a rebuild keeps it");
    }

    async fn the_api_lists_an_item_with_its_twin_and_how_they_stand(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", AT).await;
        site.plane("p", "A title", DOING, AT).await;
        site.link(7, "p").await;
        let items: serde_json::Value = serde_json::from_str(&site.see("/api/v1/work-items").await).unwrap();
        let twins: Vec<_> = items["items"].as_array().unwrap().iter()
            .map(|item| (item["work_item_ref"].as_str().unwrap(), item["twin_ref"].as_str().unwrap(), item["health"].as_str().unwrap()))
            .collect();
        assert!(twins.contains(&("github:7", "plane:p", "in_sync")), "{items}");
        assert!(twins.contains(&("plane:p", "github:7", "in_sync")), "{items}");
    }
}
