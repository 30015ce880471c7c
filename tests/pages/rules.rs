//! Trying a filter and rules on what has arrived.

use axum::http::StatusCode;
use jetbridge::config::{RepositoryName, RepositorySettings};
use serde_json::json;

use crate::on_both_databases;
use crate::site::Site;
use crate::support::databases::TestDatabase;
use crate::support::github::{GithubDelivery, issue};

async fn with_deliveries(database: TestDatabase) -> Site {
    let name: RepositoryName = "octo-org/new-repo".parse().unwrap();
    let site = Site::new(database).await;
    site.fill_in("/repositories", &[("name", "octo-org/new-repo")]).await.next();
    let filter = Some("sender != 'robot'".to_owned());
    let settings = RepositorySettings { filter, ..RepositorySettings::default() };
    assert!(site.app.store.put_repository_settings(&name, &settings).await.unwrap());
    for (id, title, sender) in [(7, "<b>First</b>", "ada"), (8, "Second", "robot")] {
        let thing = issue(id, title, "open", "2026-11-22T01:00:00Z");
        let repository = json!({"id": 42, "name": "new-repo", "full_name": "octo-org/new-repo"});
        let body = json!({"action": "opened", "issue": thing, "repository": repository,
            "sender": {"id": 1, "login": sender}});
        let delivery = GithubDelivery::new("issues", body.to_string());
        assert_eq!(site.app.post_github(&delivery).await.status, StatusCode::ACCEPTED);
    }
    site.app.run_jobs().await;
    site
}

on_both_databases! {
    async fn rules_are_tried_on_the_past_in_the_page_and_nothing_is_changed(database: TestDatabase) {
        let site = with_deliveries(database).await;
        let empty = site.see("/rules").await;
        assert!(empty.contains("filter = &#34;sender != &#39;robot&#39;&#34;"), "{empty}");
        let rules = "filter = \"sender != 'robot'\"\n[[rules]]\nname = 'loud'\nset.title = 'issue.title.upper()'";
        let fields = [("repository", "octo-org/new-repo"), ("rules", rules)];
        let page = site.fill_in("/rules", &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        for part in [
            "1 of 2 would be carried over",
            "1 changed by rules, 1 left out by the filter",
            "<del>&#60;b&#62;First&#60;/b&#62;</del> <ins>&#60;B&#62;FIRST&#60;/B&#62;</ins>",
            "left out</span>",
            "loud</span>",
        ] {
            assert!(page.text.contains(part), "{part}\n{}", page.text);
        }
        assert!(site.see("/boards").await.contains("Second"));
    }
}

#[tokio::test]
async fn what_is_refused_says_where_and_stays_as_it_was_typed() {
    let site = Site::on_sqlite().await;
    site.fill_in("/repositories", &[("name", "octo-org/new-repo")]).await.next();
    for (rules, why) in [
        ("filter = 'sender = 1'", "line 1: column 8: “=” means nothing here"),
        ("[[rules]]\nset.title = 'issue.titel'", "line 2: column 7: “issue” has no “titel”"),
        ("filter = ", "line 1: "),
    ] {
        let fields = [("repository", "octo-org/new-repo"), ("rules", rules)];
        let page = site.fill_in("/rules", &fields).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.text.contains(why), "{}", page.text);
        let typed = rules.lines().last().unwrap().split('\'').next().unwrap();
        assert!(page.text.contains(typed), "{}", page.text);
    }
}
