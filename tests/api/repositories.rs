//! Which repositories are configured, over the API.

use axum::http::{Method, StatusCode};
use jetbridge::config::Direction;
use jetbridge::store::repositories::{NewRepository, Origin};
use jetbridge::web::state::Setup;
use serde_json::{Value, json};

use crate::browsing::{Seen, Site, TOKEN, sqlite};
use crate::on_both_databases;
use crate::support::app::GithubSettings;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{GithubDelivery, issue};

const ALL: &str = "/api/v1/repositories";
const ONE: &str = "/api/v1/repositories/octo-org/new-repo";
const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";

async fn send(site: &Site, method: Method, path: &str, body: &Value) -> Seen {
    let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    site.ask(method, path, &headers, &body).await
}

async fn add(site: &Site, body: &Value) -> Seen {
    send(site, Method::POST, ALL, body).await
}

async fn change(site: &Site, body: &Value) -> Seen {
    send(site, Method::PATCH, ONE, body).await
}

/// A webhook about an issue of the new repository; its status.
async fn webhook(site: &Site) -> StatusCode {
    let issue = issue(7, "First", "open", "2026-11-22T01:00:00Z");
    let repository = json!({"id": 42, "name": "new-repo", "full_name": "octo-org/new-repo"});
    let body = json!({"action": "opened", "issue": issue, "repository": repository});
    site.app.post_github(&GithubDelivery::new("issues", body.to_string())).await.status
}

/// With the repositories of a configuration file.
async fn with_a_file() -> Site {
    let configured = GithubSettings::default().configured();
    let setup = Setup { configured: Setup::names_of(&configured), ..Setup::default() };
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::with_setup("http://127.0.0.1:8080", database, setup).await;
    let now = site.app.clock.now();
    site.app.store.put_configured_repositories(&configured, now).await.unwrap();
    site
}

on_both_databases! {
    async fn a_repository_is_added_listed_shown_changed_and_removed(database: TestDatabase) {
        let site = Site::new(database).await;
        assert_eq!(site.get(ALL).await.json(), json!({"items": [], "next_cursor": null}));
        let added = add(&site, &json!({"repository": "octo-org/new-repo"})).await;
        assert_eq!(added.status, StatusCode::CREATED, "{added:?}");
        let expected = json!({
            "repository": "octo-org/new-repo", "github_id": null, "plane_project": null,
            "plane_workspace": null, "direction": "github-to-plane", "origin": "manual",
            "settings": {},
            "created_at": "2026-11-22T02:00:00Z",
        });
        assert_eq!(added.json(), expected);
        assert_eq!(site.get(ONE).await.json(), expected);
        assert_eq!(site.get("/api/v1/repositories/Octo-Org/NEW-repo").await.json(), expected);
        assert_eq!(site.get(ALL).await.json()["items"], json!([expected]));

        let both = json!({"plane_project": PROJECT, "direction": "both"});
        let changed = change(&site, &both).await;
        assert_eq!(changed.status, StatusCode::OK, "{changed:?}");
        assert_eq!(changed.json()["plane_project"], PROJECT);
        assert_eq!(changed.json()["direction"], "both");
        let untouched = change(&site, &json!({})).await.json();
        assert_eq!(untouched, changed.json(), "what is not given stays");
        let without = change(&site, &json!({"plane_project": null})).await.json();
        assert_eq!((&without["plane_project"], &without["direction"]), (&Value::Null, &"both".into()));

        let removed = send(&site, Method::DELETE, ONE, &Value::Null).await;
        assert_eq!((removed.status, removed.body.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(site.get(ONE).await.status, StatusCode::NOT_FOUND);
        assert_eq!(site.get(ALL).await.json()["items"], json!([]));
    }

    async fn settings_are_given_shown_and_changed_key_by_key(database: TestDatabase) {
        let site = Site::new(database).await;
        let settings = json!({"labels": {"bug": "Defect"}, "filter": "issue.number != 1"});
        let whole = json!({"repository": "octo-org/new-repo", "settings": settings});
        let added = add(&site, &whole).await;
        assert_eq!((added.status, &added.json()["settings"]), (StatusCode::CREATED, &settings));
        assert_eq!(site.get(ONE).await.json()["settings"], settings);

        let rule = json!({"when": "'bug' in issue.labels", "set": {"priority": "'high'"}});
        let change_to = json!({
            "direction": "both",
            "settings": {"filter": null, "rules": [rule], "rate_limit": 30},
        });
        let changed = change(&site, &change_to).await.json();
        assert_eq!(changed["direction"], "both");
        let expected =
            json!({"labels": {"bug": "Defect"}, "rules": [rule], "rate_limit": 30});
        assert_eq!(changed["settings"], expected);
        assert_eq!(site.get(ALL).await.json()["items"][0]["settings"], expected);
        let moved = change(&site, &json!({"plane_project": PROJECT})).await.json();
        assert_eq!((&moved["settings"], &moved["plane_project"]), (&expected, &PROJECT.into()));
    }
}

#[tokio::test]
async fn a_repository_is_added_with_its_project_and_direction() {
    let site = sqlite().await;
    let whole =
        json!({"repository": "octo-org/new-repo", "plane_project": PROJECT, "direction": "both"});
    let added = add(&site, &whole).await.json();
    assert_eq!((&added["plane_project"], &added["direction"]), (&PROJECT.into(), &"both".into()));
}

#[tokio::test]
async fn settings_that_can_not_be_used_are_400_and_change_nothing() {
    let site = sqlite().await;
    let name = "octo-org/new-repo";
    for (settings, wrong) in [
        (json!({"colour": "red"}), "unknown field `colour`"),
        (json!({"filter": "issue."}), "column"),
        (json!({"labels": {"P1": "priority:soon"}}), "priority"),
        (json!({"direction": "both"}), "direction stands beside them"),
    ] {
        let body = json!({"repository": name, "settings": settings});
        let seen = add(&site, &body).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(seen.json()["detail"].as_str().unwrap().contains(wrong), "{body}: {seen:?}");
        assert_eq!(site.get(ONE).await.status, StatusCode::NOT_FOUND, "{body}");
    }
    let before = add(&site, &json!({"repository": name})).await.json();
    let body = json!({"direction": "both", "settings": {"filter": "issue."}});
    assert_eq!(change(&site, &body).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(site.get(ONE).await.json(), before);
}

#[tokio::test]
async fn a_workspace_is_set_and_taken_back_through_the_api() {
    let site = sqlite().await;
    let given = json!({"repository": "octo-org/new-repo", "plane_workspace": "research"});
    assert_eq!(add(&site, &given).await.json()["plane_workspace"], "research");
    let changed = change(&site, &json!({"direction": "both"})).await;
    assert_eq!(changed.json()["plane_workspace"], "research", "what is not given stays");
    let taken_back = change(&site, &json!({"plane_workspace": null})).await;
    assert_eq!(taken_back.json()["plane_workspace"], Value::Null);
    let wrong = change(&site, &json!({"plane_workspace": "a/b"})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let detail = wrong.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("expected a workspace's slug"), "{detail}");
}

#[tokio::test]
async fn webhooks_of_an_added_repository_are_taken_at_once_and_of_a_removed_one_soon_no_more() {
    let site = sqlite().await;
    assert_eq!(webhook(&site).await, StatusCode::NOT_FOUND);
    add(&site, &json!({"repository": "octo-org/new-repo"})).await;
    assert_eq!(webhook(&site).await, StatusCode::ACCEPTED);
    assert_eq!(site.get(ONE).await.json()["github_id"], 42, "the webhook told it");
    send(&site, Method::DELETE, ONE, &Value::Null).await;
    site.app.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(webhook(&site).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_body_that_can_not_be_read_is_400_and_says_what_is_wrong() {
    let site = sqlite().await;
    let name = "octo-org/new-repo";
    for (body, wrong) in [
        (Value::Null, "expected a JSON object"),
        (json!([name, null, "both"]), "expected a JSON object"),
        (json!({}), "missing field `repository`"),
        (json!({"repository": "octo-org"}), "expected a repository as OWNER/NAME"),
        (json!({"repository": "octo-org/../x"}), "expected a repository as OWNER/NAME"),
        (json!({"repository": name, "projekt": 7}), "unknown field `projekt`"),
        (json!({"repository": name, "plane_project": "SYNC"}), "UUID"),
        (json!({"repository": name, "direction": "up"}), "`github-to-plane` or `both`"),
    ] {
        let seen = add(&site, &body).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{body}");
        let problem = seen.json();
        assert_eq!(problem["type"], "/api/docs#bad-request");
        assert!(problem["detail"].as_str().unwrap().contains(wrong), "{body}: {problem}");
    }
    add(&site, &json!({"repository": name})).await;
    for (body, wrong) in [
        (json!({"repository": "octo-org/other"}), "unknown field `repository`"),
        (json!({"plane_project": "SYNC"}), "UUID"),
        (json!({"direction": "up"}), "`github-to-plane` or `both`"),
    ] {
        let seen = change(&site, &body).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(seen.json()["detail"].as_str().unwrap().contains(wrong), "{body}: {seen:?}");
    }
    assert_eq!(site.get(&format!("{ALL}?origin=config")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_repository_that_is_there_is_409_whatever_its_case() {
    let site = sqlite().await;
    add(&site, &json!({"repository": "octo-org/new-repo"})).await;
    let again = add(&site, &json!({"repository": "Octo-Org/New-Repo"})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.json()["detail"].as_str().unwrap().contains("PATCH"), "{again:?}");
}

#[tokio::test]
async fn a_repository_of_the_configuration_file_is_changed_there_alone() {
    let site = with_a_file().await;
    let path = "/api/v1/repositories/octo-org/octo-repo";
    assert_eq!(site.get(path).await.json()["origin"], "config");
    for (method, body) in [(Method::PATCH, json!({})), (Method::DELETE, Value::Null)] {
        let seen = send(&site, method, path, &body).await;
        assert_eq!(seen.status, StatusCode::CONFLICT, "{seen:?}");
        let detail = seen.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("stands in the configuration file: change it there"), "{detail}");
    }
    assert_eq!(add(&site, &json!({"repository": "octo-org/octo-repo"})).await.status, 409);
    assert_eq!(site.get(path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_repository_that_has_left_the_configuration_file_is_like_any_other() {
    let site = sqlite().await;
    let once = GithubSettings::default().configured();
    let now = site.app.clock.now();
    site.app.store.put_configured_repositories(&once, now).await.unwrap();
    let path = "/api/v1/repositories/octo-org/octo-repo";
    assert_eq!(site.get(path).await.json()["origin"], "config");
    let changed = send(&site, Method::PATCH, path, &json!({"direction": "both"})).await;
    assert_eq!((changed.status, &changed.json()["origin"]), (StatusCode::OK, &"manual".into()));
    let removed = send(&site, Method::DELETE, path, &Value::Null).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_repository_that_a_webhook_registered_becomes_a_persons_own_by_a_change() {
    let site = sqlite().await;
    let registered = NewRepository {
        name: "octo-org/new-repo".parse().unwrap(),
        github_id: Some(42),
        plane_project: None,
        plane_workspace: None,
        direction: Direction::GithubToPlane,
        origin: Origin::Registered,
    };
    site.app.store.add_repository(&registered, site.app.clock.now()).await.unwrap();
    assert_eq!(webhook(&site).await, StatusCode::NOT_FOUND, "it counts no more");
    assert_eq!(change(&site, &json!({})).await.json()["origin"], "manual");
    assert_eq!(webhook(&site).await, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_repository_that_is_not_configured_is_404() {
    let site = sqlite().await;
    let strange = "/api/v1/repositories/octo-org/what%20is%20this";
    for path in [ONE, strange] {
        for (method, body) in
            [(Method::GET, Value::Null), (Method::PATCH, json!({})), (Method::DELETE, Value::Null)]
        {
            let seen = send(&site, method.clone(), path, &body).await;
            assert_eq!(seen.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert!(seen.body.contains("GET /api/v1/repositories"), "{seen:?}");
        }
    }
}
