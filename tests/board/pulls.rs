//! Pull requests on the cards of the issues that they close.

use jetbridge::board::PullState;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::site::{DOING, Site};
use crate::support::github::{GithubDelivery, issue, repository};

fn pull(body: &str, at: &str, change: impl FnOnce(&mut Value)) -> GithubDelivery {
    let mut pull = issue(900, "A change", "open", at);
    pull["number"] = json!(44);
    pull["body"] = json!(body);
    pull["merged"] = json!(false);
    pull["merged_at"] = Value::Null;
    pull["draft"] = json!(false);
    change(&mut pull);
    let body = json!({"action": "edited", "pull_request": pull, "repository": repository()});
    GithubDelivery::new("pull_request", body.to_string())
}

fn review(id: u64, who: u64, state: &str, at: &str) -> GithubDelivery {
    let mut pull = issue(900, "A change", "open", at);
    pull["number"] = json!(44);
    pull["body"] = json!("Fixes #12");
    pull["merged_at"] = Value::Null;
    let user = json!({"id": who, "login": format!("user-{who}")});
    let review = json!({"id": id, "user": user, "state": state, "submitted_at": at});
    let body = json!({"action": "submitted", "review": review, "pull_request": pull, "repository": repository()});
    GithubDelivery::new("pull_request_review", body.to_string())
}

async fn pulls(site: &Site) -> Vec<(String, PullState)> {
    let card = site.card().await;
    card.pulls.into_iter().map(|pull| (pull.number, pull.state)).collect()
}

on_both_databases! {
    async fn a_pull_request_is_shown_on_the_card_of_the_issue_that_it_closes_whichever_comes_first(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive_github(&pull("Fixes #12", "2026-11-22T01:00:00Z", |_| {})).await;
        assert_eq!(site.card().await.card.as_str(), "github:pull_request:186853002:44", "no issue yet: a card of its own");
        site.github(7, "A title", "open", "2026-11-22T01:00:00Z").await;
        assert_eq!(pulls(&site).await, [("#44".to_owned(), PullState::Open)]);
        assert!(site.see("/boards").await.contains("aria-label=\"Pull request #44, open\""));
    }

    async fn it_shows_how_it_stands(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", "2026-11-22T01:00:00Z").await;
        let draft = pull("Fixes #12", "2026-11-22T01:01:00Z", |pull| pull["draft"] = json!(true));
        site.receive_github(&draft).await;
        assert_eq!(pulls(&site).await, [("#44".to_owned(), PullState::Draft)]);
        let merged = pull("Fixes #12", "2026-11-22T01:02:00Z", |pull| {
            pull["state"] = json!("closed");
            pull["merged"] = json!(true);
            pull["merged_at"] = json!("2026-11-22T01:02:00Z");
        });
        site.receive_github(&merged).await;
        assert_eq!(pulls(&site).await, [("#44".to_owned(), PullState::Merged)]);
    }

    async fn it_shows_how_its_review_stands_in_whatever_order_that_is_told(database: TestDatabase) {
        let asked = pull("Fixes #12", "2026-11-22T01:01:00Z", |pull| {
            pull["requested_reviewers"] = json!([{"id": 2, "login": "user-2"}]);
        });
        let all = [
            asked,
            review(70, 2, "changes_requested", "2026-11-22T01:02:00Z"),
            review(71, 2, "approved", "2026-11-22T01:03:00Z"),
            review(72, 3, "commented", "2026-11-22T01:04:00Z"),
        ];
        let site = Site::new(database).await;
        site.github(7, "A title", "open", "2026-11-22T01:00:00Z").await;
        let states = [PullState::Review, PullState::Changes, PullState::Approved, PullState::Approved];
        for (delivery, state) in all.iter().zip(states) {
            site.receive_github(delivery).await;
            assert_eq!(pulls(&site).await, [("#44".to_owned(), state)]);
        }
        let board = site.see("/boards").await;
        assert!(board.contains("aria-label=\"Pull request #44, approved\""), "{board}");
        let page = site.see("/work-items/github%3Apull_request%3A186853002%3A44").await;
        assert!(page.contains("changes requested") && page.contains("approved"), "{page}");
        site.receive_github(&review(73, 3, "changes_requested", "2026-11-22T01:00:30Z")).await;
        assert_eq!(pulls(&site).await, [("#44".to_owned(), PullState::Changes)], "late, but its reviewer's newest verdict");
        site.receive_github(&review(73, 3, "dismissed", "2026-11-22T01:00:30Z")).await;
        assert_eq!(pulls(&site).await, [("#44".to_owned(), PullState::Approved)]);
    }

    async fn the_pages_of_both_twins_show_it_and_are_told_when_it_comes_changes_and_goes(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", "2026-11-22T01:00:00Z").await;
        site.plane("p", "A title", DOING, "2026-11-22T01:00:00Z").await;
        site.link(7, "p").await;
        let mut before = site.app.store.pulse().await.unwrap().revision;
        let draft = pull("Fixes #12", "2026-11-22T01:01:00Z", |pull| pull["draft"] = json!(true));
        let open = pull("Fixes #12", "2026-11-22T01:02:00Z", |_| {});
        let other = pull("Only mentions #12", "2026-11-22T01:03:00Z", |_| {});
        for (delivery, state) in [(draft, Some("draft")), (open, Some("open")), (other, None)] {
            site.receive_github(&delivery).await;
            let changes = site.app.store.changes_after(before, 100).await.unwrap();
            let mut told: Vec<_> = changes.iter().map(|change| change.item.as_str()).collect();
            told.sort_unstable();
            assert_eq!(told, ["github:7", "github:pull_request:186853002:44"], "{state:?}");
            before = changes.last().unwrap().revision;
            for item in ["github%3A7", "plane%3Ap"] {
                let page = site.see(&format!("/work-items/{item}")).await;
                let panel = page.split("id=\"pulls\"").nth(1).map(|rest| rest.split("</section>").next().unwrap());
                let Some(state) = state else { assert_eq!(panel, None); continue };
                let panel = panel.unwrap_or_else(|| panic!("{page}"));
                assert!(panel.contains("href=\"/work-items/github%3Apull_request%3A186853002%3A44\">#44</a>"), "{panel}");
                assert!(panel.contains("A change") && panel.contains(&format!("<span>{state}</span>")), "{panel}");
            }
        }
    }

    async fn it_stays_there_when_the_repository_gets_another_name(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", "2026-11-22T01:00:00Z").await;
        site.receive_github(&pull("Fixes #12", "2026-11-22T01:01:00Z", |_| {})).await;
        let mut renamed = issue(7, "A title", "open", "2026-11-22T01:02:00Z");
        renamed["html_url"] = json!("https://github.com/Codertocat/Goodbye/issues/12");
        let mut repository = repository();
        repository["name"] = json!("Goodbye");
        repository["full_name"] = json!("Codertocat/Goodbye");
        let body = json!({"action": "edited", "issue": renamed, "repository": repository});
        site.receive_github(&GithubDelivery::new("issues", body.to_string())).await;
        assert!(site.see("/boards").await.contains("Codertocat/Goodbye"));
        assert_eq!(pulls(&site).await, [("#44".to_owned(), PullState::Open)]);
    }

    async fn one_that_no_longer_closes_the_issue_has_a_card_of_its_own_again(database: TestDatabase) {
        let site = Site::new(database).await;
        site.github(7, "A title", "open", "2026-11-22T01:00:00Z").await;
        site.receive_github(&pull("Fixes #12", "2026-11-22T01:01:00Z", |_| {})).await;
        assert_eq!(site.cards().await.len(), 1);
        site.receive_github(&pull("Only mentions #12", "2026-11-22T01:02:00Z", |_| {})).await;
        let cards = site.cards().await;
        assert_eq!(cards.len(), 2);
        assert!(cards.iter().all(|card| card.pulls.is_empty()));
    }
}
