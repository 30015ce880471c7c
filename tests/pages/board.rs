//! The board, its filters, and the first start.

use axum::http::StatusCode;
use jetbridge::web::state::SecretState;
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::site::{ID, Site, TODO, column, deleted};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::plane::{Delivery, issue, issue_delivery};

on_both_databases! {
    async fn a_webhook_becomes_a_card_that_moves_with_its_state_and_goes_when_deleted(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive(&issue_delivery(ID, "Mend the bridge", TODO, "2026-11-22T01:00:00Z")).await;
        let board = site.see("/boards").await;
        assert!(column(&board, "Todo").contains("Mend the bridge"), "{board}");
        assert!(board.contains("Newest change <time datetime=\"2026-11-22T01:00:00.000Z\""));
        site.receive(&issue_delivery(ID, "Mend the bridge", ("Doing", "started"), "2026-11-22T01:10:00Z")).await;
        let board = site.see("/boards").await;
        assert!(column(&board, "In progress").contains("Mend the bridge"));
        assert_eq!(column(&board, "Todo"), "");
        site.receive(&deleted(ID)).await;
        let board = site.see("/boards").await;
        assert!(!board.contains("Mend the bridge") && board.contains("data-page=\"board\""));
    }

    async fn filters_narrow_the_board_and_stay_chosen(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive(&issue_delivery("one", "Alpha", TODO, "2026-11-22T01:00:00Z")).await;
        let mut other = issue("two", "Beta 50%", ("Done", "completed"), "2026-11-22T01:00:00Z");
        other["data"]["labels"] = json!([{"id": "l2", "name": "docs & more", "color": "#0075ca"}]);
        other["data"]["assignees"] = json!([{"id": "p2", "display_name": "Grace"}]);
        other["data"]["project"] = json!("another-project");
        site.receive(&Delivery::new(other.to_string())).await;
        for only_beta in ["q=beta+50%25", "label=docs+%26+more", "assignee=Grace", "project=another-project", "state_group=completed"] {
            let board = site.see(&format!("/boards?{only_beta}")).await;
            assert!(board.contains("Beta 50%") && !board.contains("Alpha"), "{only_beta}");
        }
        let board = site.see("/boards?assignee=Grace&q=").await;
        assert!(board.contains("<option value=\"Grace\" selected>Grace</option>"));
        assert!(board.contains("<option value=\"docs &#38; more\">"));
        assert!(site.see("/boards?system=github").await.contains("No item matches the filter"));
    }

    async fn an_item_without_a_state_group_stands_in_a_column_of_its_own(database: TestDatabase) {
        let site = Site::new(database).await;
        site.receive_issue(|data| data["state"] = Value::Null).await;
        let board = site.see("/boards").await;
        assert!(column(&board, "No state").contains("A title"), "{board}");
        assert!(board.contains("card-why is-warn"), "what is missing is said on the card");
        assert!(site.see("/boards?state_group=none").await.contains("A title"));
    }

    async fn a_full_column_hides_no_other_and_links_to_the_rest(database: TestDatabase) {
        let site = Site::new(database).await;
        for i in 0..55 {
            let delivery = issue_delivery(&format!("i{i}"), &format!("Title {i}"), TODO, "2026-11-22T01:00:00Z");
            assert_eq!(site.app.post(&delivery).await.status, StatusCode::OK);
        }
        site.receive(&issue_delivery("old", "An old one", ("Doing", "started"), "2025-11-22T01:00:00Z")).await;
        let board = site.see("/boards?label=bug").await;
        assert_eq!(column(&board, "Todo").matches("<article").count(), 25);
        assert!(column(&board, "In progress").contains("An old one"));
        assert!(board.contains("href=\"/boards?label=bug&#38;state_group=unstarted&#38;after="), "{board}");
        assert!(board.contains(">30 more<span"), "{board}");
        let alone = site.see("/boards?label=bug&state_group=unstarted").await;
        assert_eq!(alone.matches("<article").count(), 50);
    }
}

#[tokio::test]
async fn long_titles_and_those_from_right_to_left_keep_the_page_in_shape() {
    let site = Site::on_sqlite().await;
    site.receive(&issue_delivery("rtl", "دعم النص من اليمين", TODO, "2026-11-22T01:00:00Z")).await;
    let long = "ä".repeat(10_000);
    site.receive(&issue_delivery("long", &long, TODO, "2026-11-22T01:00:00Z")).await;
    let board = site.see("/boards").await;
    assert!(board.contains("dir=\"auto\">دعم النص من اليمين</a>"));
    assert!(board.contains(&format!("{}…", "ä".repeat(300))) && !board.contains(&"ä".repeat(301)));
    assert!(site.see("/work-items/plane%3Along").await.contains(&long));
}

#[tokio::test]
async fn the_first_start_says_what_to_paste_and_follows_along() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::with_secret(database, SecretState::Missing).await;
    assert_eq!(site.open("/").await.headers["location"], "/boards");
    let page = site.see("/boards").await;
    assert!(page.contains("value=\"https://hooks.example.org/api/webhooks/plane\""));
    assert!(page.contains("value=\"https://hooks.example.org/api/webhooks/github-mcp/\""));
    assert!(page.contains("JETBRIDGE_PLANE_WEBHOOK_SECRET"));
    assert!(page.contains("not set: deliveries are answered 503"));
    assert!(page.contains("secret not set: deliveries are answered 503"));
    assert!(page.contains("none yet: their webhooks are answered 404"));
    assert!(site.see("/deliveries").await.contains("No delivery has arrived yet"));
    site.receive(&Delivery::new(r#"{"event":"project","action":"created","data":{"id":"p"}}"#))
        .await;
    assert!(site.see("/boards").await.contains("first delivery arrived"));
    site.receive_issue(|_| {}).await;
    assert!(site.see("/boards").await.contains("data-page=\"board\""));
}

#[tokio::test]
async fn a_github_issue_is_on_the_board_and_its_comments_are_harmless_on_its_page() {
    use crate::support::github::{comment, comment_delivery, issue};
    let site = Site::on_sqlite().await;
    let thing = issue(7, "From GitHub", "open", "2026-11-22T01:00:00Z");
    let text = "<script>alert(1)</script> & **bold**\nnext line";
    let said = comment(1, text, "2026-11-22T01:00:00Z");
    let answer = site.app.post_github(&comment_delivery("created", &thing, &said)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    site.app.run_jobs().await;
    let board = site.see("/boards").await;
    assert!(column(&board, "Todo").contains("From GitHub"), "{board}");
    let page = site.see("/work-items/github%3A7").await;
    // A line that begins with a tag is HTML to GitHub; none of it is to us.
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; **bold**</p>"), "{page}");
    assert!(page.contains("<p>next line</p>"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("<strong class=\"wrap\" dir=\"auto\">ada</strong>"), "{page}");
    assert!(page.contains("/issues/12#issuecomment-1\""), "{page}");
    assert!(site.see("/deliveries").await.contains("issue_comment.created"));
}
