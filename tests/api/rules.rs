//! Trying a filter and rules over the API.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browsing::{Seen, Site, TOKEN, sqlite};
use crate::support::github::{GithubDelivery, issue};

async fn send(site: &Site, path: &str, body: &Value) -> Seen {
    let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
    site.ask(Method::POST, path, &headers, &body.to_string()).await
}

async fn with_a_delivery() -> Site {
    let site = sqlite().await;
    let repository = json!({"repository": "octo-org/new-repo"});
    let added = send(&site, "/api/v1/repositories", &repository).await;
    assert_eq!(added.status, StatusCode::CREATED);
    let thing = issue(7, "First", "open", "2026-11-22T01:00:00Z");
    let repository = json!({"id": 42, "name": "new-repo", "full_name": "octo-org/new-repo"});
    let body = json!({"action": "opened", "issue": thing, "repository": repository});
    site.app.post_github(&GithubDelivery::new("issues", body.to_string()).with_id("d-1")).await;
    site
}

#[tokio::test]
async fn rules_are_tried_on_what_has_arrived() {
    let site = with_a_delivery().await;
    let body = json!({
        "repository": "octo-org/new-repo",
        "filter": "action == 'opened'",
        "rules": [
            {"when": "'bug' in issue.labels", "set": {"priority": "'high'", "labels": "[]"}},
        ],
    });
    let seen = send(&site, "/api/v1/rules/test", &body).await;
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    let answer = seen.json();
    assert_eq!(answer["counts"]["carried_over"], 1);
    assert_eq!(
        answer["deliveries"][0]["changes"],
        json!([
            {"field": "labels", "before": "bug", "after": ""},
            {"field": "priority", "before": "", "after": "high"},
        ])
    );
    assert_eq!(answer["deliveries"][0]["rules"], json!(["rule 1"]));
    let dropped = json!({"repository": "octo-org/new-repo", "rules": [{"drop": true}]});
    let answer = send(&site, "/api/v1/rules/test", &dropped).await.json();
    assert_eq!(answer["deliveries"][0]["fate"], "dropped");
    let broken = json!({"repository": "octo-org/new-repo", "filter": "issue.labels[5] == ''"});
    let answer = send(&site, "/api/v1/rules/test", &broken).await.json();
    assert_eq!(answer["counts"]["broken"], 1);
    let why = answer["deliveries"][0]["reason"].as_str().unwrap();
    assert!(why.starts_with("the filter: it asks for place 5"), "{why}");
}

#[tokio::test]
async fn a_refused_expression_is_400_and_says_where() {
    let site = sqlite().await;
    for (body, why) in [
        (json!({"repository": "a/b", "filter": "1 +"}), "filter: column 4: expected a value"),
        (json!({"repository": "a/b", "limit": 0}), "limit is a whole number from 1 to 1000"),
        (
            json!({"repository": "a/b", "rules": [{"when": "sender == ''", "drop": true}]}),
            "a rule may not use “sender”",
        ),
    ] {
        let seen = send(&site, "/api/v1/rules/test", &body).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{body}");
        let said = seen.json()["detail"].as_str().unwrap().to_owned();
        assert!(said.contains(why), "{said}");
    }
}
