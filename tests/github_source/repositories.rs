//! Which repositories are taken, and how they are known.

use std::time::Duration;

use axum::http::StatusCode;
use jetbridge::config::{Direction, RepositoryName, UnknownRepositories};
use jetbridge::store::Store;
use jetbridge::store::repositories::{NewRepository, Origin, RepositoryChange};
use serde_json::json;
use uuid::Uuid;

use crate::on_both_databases;
use crate::support::app::{GithubSettings, TestApp};
use crate::support::github::{GithubDelivery, issue};

fn from(name: &str, id: u64) -> GithubDelivery {
    let body = json!({
        "action": "edited", "issue": issue(7, "t", "open", "2026-11-22T01:00:00Z"),
        "repository": {"id": id, "full_name": name}
    });
    GithubDelivery::new("issues", body.to_string())
}

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn new(text: &str) -> NewRepository {
    NewRepository {
        name: name(text),
        github_id: None,
        plane_project: None,
        plane_workspace: None,
        direction: Direction::Both,
        origin: Origin::Manual,
    }
}

async fn status(app: &TestApp, name: &str, id: u64) -> StatusCode {
    app.post_github(&from(name, id)).await.status
}

on_both_databases! {
    async fn a_repository_is_known_by_its_number_once_seen_so_a_rename_does_not_break_it(database: TestDatabase) {
        let app = TestApp::new(database).await;
        assert_eq!(status(&app, "codertocat/hello-world", 5).await, StatusCode::ACCEPTED);
        assert_eq!(status(&app, "Renamed/Elsewhere", 5).await, StatusCode::ACCEPTED);
        assert_eq!(status(&app, "Renamed/Elsewhere", 6).await, StatusCode::NOT_FOUND);
        let rows = app.store.repositories().await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].github_id, rows[0].origin), (Some(5), Origin::Config));
    }

    async fn a_row_that_another_process_adds_is_seen_at_once_and_one_it_removes_soon(database: TestDatabase) {
        let url = database.url.clone();
        let app = TestApp::new(database).await;
        assert_eq!(status(&app, "o/n", 1).await, StatusCode::NOT_FOUND);
        let elsewhere = Store::open(&url).await.unwrap();
        elsewhere.add_repository(&new("O/N"), app.clock.now()).await.unwrap().unwrap();
        assert_eq!(status(&app, "o/n", 1).await, StatusCode::ACCEPTED);
        assert!(elsewhere.remove_repository(&name("o/N")).await.unwrap());
        app.clock.advance(Duration::from_secs(10));
        assert_eq!(status(&app, "o/n", 1).await, StatusCode::NOT_FOUND);
    }

    async fn a_removed_row_is_no_reason_to_refuse_a_delivery_that_is_already_let_in(database: TestDatabase) {
        let app = TestApp::new(database).await;
        app.store.add_repository(&new("o/n"), app.clock.now()).await.unwrap().unwrap();
        assert_eq!(status(&app, "o/n", 1).await, StatusCode::ACCEPTED);
        app.store.remove_repository(&name("o/n")).await.unwrap();
        assert_eq!(status(&app, "o/n", 1).await, StatusCode::ACCEPTED, "it is still remembered");
        assert_eq!(app.run_jobs().await, 2);
    }

    async fn unknown_repositories_are_registered_where_that_is_wanted(database: TestDatabase) {
        let settings = GithubSettings { unknown: UnknownRepositories::Register, ..GithubSettings::default() };
        let app = TestApp::with_github(database, settings).await;
        assert_eq!(status(&app, "o/n", 1).await, StatusCode::ACCEPTED);
        let row = app.store.find_repository(&name("O/n"), None).await.unwrap().unwrap();
        assert_eq!((row.origin, row.github_id, row.plane_project), (Origin::Registered, Some(1), None));
    }

    async fn what_was_registered_is_refused_once_only_configured_ones_are_taken(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let registered = NewRepository { origin: Origin::Registered, ..new("o/n") };
        app.store.add_repository(&registered, app.clock.now()).await.unwrap().unwrap();
        assert_eq!(status(&app, "o/n", 1).await, StatusCode::NOT_FOUND);
    }

    async fn a_repository_taken_out_of_the_file_is_no_longer_configured(database: TestDatabase) {
        let settings = GithubSettings { repositories: vec!["new/name".to_owned()], ..GithubSettings::default() };
        let old = GithubSettings { repositories: vec!["old/name".to_owned()], ..GithubSettings::default() };
        let (before, now) = (old.configured(), settings.configured());
        let app = TestApp::with_github(database, settings).await;
        app.store.put_configured_repositories(&before, app.clock.now()).await.unwrap();
        let row = app.store.find_repository(&name("old/name"), None).await.unwrap().unwrap();
        app.store.learn_github_id(row.id, 3).await.unwrap();
        app.store.put_configured_repositories(&now, app.clock.now()).await.unwrap();
        assert_eq!(status(&app, "old/name", 4).await, StatusCode::NOT_FOUND);
        assert_eq!(status(&app, "new/name", 3).await, StatusCode::ACCEPTED);
        let known = app.store.find_repository(&name("x/y"), Some(3)).await.unwrap().unwrap();
        assert_eq!(known.name, name("new/name"), "the number belongs to the row that is configured");
    }

    async fn the_file_overrides_a_row_and_keeps_what_was_learned(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let now = "2026-11-22T02:00:00Z".parse().unwrap();
        store.add_repository(&NewRepository { github_id: Some(9), ..new("O/N") }, now).await.unwrap().unwrap();
        let settings = GithubSettings { repositories: vec!["o/n".to_owned()], ..GithubSettings::default() };
        let mut configured = settings.configured();
        configured[0].plane_project = Some(Uuid::from_u128(1));
        for _ in 0..2 {
            store.put_configured_repositories(&configured, now).await.unwrap();
        }
        // The very same spelling meets another unique key.
        configured[0].name = name("O/N");
        store.put_configured_repositories(&configured, now).await.unwrap();
        let rows = store.repositories().await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].github_id, rows[0].plane_project), (Some(9), Some(Uuid::from_u128(1))));
        assert_eq!((rows[0].origin, rows[0].direction), (Origin::Config, Direction::GithubToPlane));
    }

    async fn a_repository_is_added_once_changed_and_removed(database: TestDatabase) {
        let store = Store::open(&database.url).await.unwrap();
        let now = "2026-11-22T02:00:00Z".parse().unwrap();
        let added = store.add_repository(&new("o/n"), now).await.unwrap().unwrap();
        assert_eq!((added.direction, added.created_at), (Direction::Both, now));
        assert_eq!(store.add_repository(&new("O/N"), now).await.unwrap(), None);
        let project = Some(Uuid::from_u128(7));
        let change = RepositoryChange { plane_project: Some(project), ..RepositoryChange::default() };
        let changed = store.update_repository(&name("O/n"), change).await.unwrap().unwrap();
        assert_eq!((changed.plane_project, changed.direction), (project, Direction::Both));
        let change = RepositoryChange { direction: Some(Direction::GithubToPlane), ..RepositoryChange::default() };
        let changed = store.update_repository(&name("o/n"), change).await.unwrap().unwrap();
        assert_eq!((changed.plane_project, changed.direction), (project, Direction::GithubToPlane));
        let change = RepositoryChange { plane_project: Some(None), ..RepositoryChange::default() };
        assert_eq!(store.update_repository(&name("o/n"), change.clone()).await.unwrap().unwrap().plane_project, None);
        assert!(store.remove_repository(&name("o/n")).await.unwrap());
        assert!(!store.remove_repository(&name("o/n")).await.unwrap());
        assert_eq!(store.update_repository(&name("o/n"), change).await.unwrap(), None);
    }
}
