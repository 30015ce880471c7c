//! Repositories: shown with their health, added, changed and removed.

use std::time::Duration;

use axum::http::StatusCode;
use jetbridge::clients::plane::PlaneClient;
use jetbridge::config::{Direction, RepositoryName, Secrets};
use jetbridge::sim::plane::{SimPlane, SimPlaneConfig};
use jetbridge::store::repositories::{NewRepository, Origin};
use jetbridge::web::state::{SecretState, Setup};
use serde_json::json;

use crate::on_both_databases;
use crate::site::Site;
use crate::support::app::GithubSettings;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{GithubDelivery, issue};

const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";
const ONE: &str = "/repositories/octo-org/new-repo";

async fn webhook(site: &Site, issue: serde_json::Value) -> StatusCode {
    let repository = json!({"id": 42, "name": "new-repo", "full_name": "octo-org/new-repo"});
    let body = json!({"action": "opened", "issue": issue, "repository": repository});
    let status =
        site.app.post_github(&GithubDelivery::new("issues", body.to_string())).await.status;
    site.app.run_jobs().await;
    status
}

on_both_databases! {
    async fn a_repository_is_added_seen_changed_and_removed_in_the_page(database: TestDatabase) {
        let site = Site::new(database).await;
        let empty = site.see("/repositories").await;
        assert!(empty.contains("No repository is configured"), "{empty}");
        assert!(empty.contains("value=\"https://hooks.example.org/api/webhooks/github-mcp/\""));
        let fields = [("name", "octo-org/new-repo"), ("project", PROJECT), ("direction", "both")];
        let next = site.fill_in("/repositories", &fields).await.next();
        let page = site.see(&next).await;
        assert!(page.contains("its webhooks are accepted from now on"), "{page}");
        assert!(page.contains(PROJECT) && page.contains("<option value=\"both\" selected>"), "{page}");
        assert!(page.contains("waiting for its first webhook"));

        let thing = issue(7, "First", "open", "2026-11-22T01:00:00Z");
        assert_eq!(webhook(&site, thing).await, StatusCode::ACCEPTED);
        assert!(site.see("/repositories").await.contains("in order"));
        assert_eq!(webhook(&site, json!({"id": "no number"})).await, StatusCode::ACCEPTED);
        let list = site.see("/repositories").await;
        assert!(list.contains("1 failed") && list.contains("replay what failed…"), "{list}");
        assert!(list.contains("/deliveries?repository=octo-org%2Fnew-repo&#38;status=failed"), "{list}");
        let deliveries = site.see("/deliveries?repository=Octo-Org/New-Repo&status=failed").await;
        assert_eq!(deliveries.matches("<td role=\"cell\" class=\"check\">").count(), 1);

        let next = site.fill_in(ONE, &[("project", ""), ("direction", "github-to-plane")]).await.next();
        assert!(site.see(&next).await.contains("on the board only"));
        let asked = site.see(&format!("{ONE}/remove")).await;
        assert!(asked.contains("Everything that it sent stays"), "{asked}");
        let next = site.press(&asked, &format!("{ONE}/remove")).await.next();
        assert!(site.see(&next).await.contains("octo-org/new-repo is removed"));
        assert_eq!(site.open(ONE).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_mapping_is_shown_before_it_counts() {
    let site = Site::on_sqlite().await;
    site.fill_in("/repositories", &[("name", "octo-org/new-repo")]).await.next();
    let mapping = format!("{ONE}/mapping");
    assert!(site.see(&mapping).await.contains("How it is kept in step"));
    let typed = [("settings", "labels = { bug = 'De<b>fect' }\nrate_limit = 30\n")];
    let shown = site.fill_in(&format!("{mapping}/preview"), &typed).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.text.contains("2 settings would change"), "{}", shown.text);
    assert!(shown.text.contains("<ins>De&#60;b&#62;fect</ins>"), "{}", shown.text);
    assert!(!site.see(&mapping).await.contains("&#60;b"), "a preview keeps nothing");
    let next = site.fill_in(&mapping, &typed).await.next();
    assert!(site.see(&next).await.contains("Changed. It counts for what arrives"));
    assert!(site.see(&mapping).await.contains("De&#60;b&#62;fect"));
    let same = site.fill_in(&format!("{mapping}/preview"), &typed).await;
    assert!(same.text.contains("Nothing would change"), "{}", same.text);
    let wrong = site.fill_in(&mapping, &[("settings", "filter = 'issue.'")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("line 1: "), "{}", wrong.text);
}

#[tokio::test]
async fn a_workspace_is_typed_on_the_page_of_a_mapping() {
    let site = Site::on_sqlite().await;
    site.fill_in("/repositories", &[("name", "octo-org/new-repo")]).await.next();
    let mapping = format!("{ONE}/mapping");
    let typed = [("settings", "plane_workspace = 'research'\nrate_limit = 30\n")];
    let shown = site.fill_in(&format!("{mapping}/preview"), &typed).await;
    assert!(shown.text.contains("2 settings would change"), "{}", shown.text);
    site.fill_in(&mapping, &typed).await.next();
    let page = site.see(&mapping).await;
    assert!(page.contains("plane_workspace = &#34;research&#34;\nrate_limit = 30"), "{page}");
    // A form that does not speak of it leaves it as it is.
    site.fill_in(ONE, &[("direction", "both")]).await.next();
    assert!(site.see(&mapping).await.contains("research"));
    site.fill_in(&mapping, &[("settings", "rate_limit = 30")]).await.next();
    assert!(!site.see(&mapping).await.contains("research"));
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_what_was_typed_stays() {
    let site = Site::on_sqlite().await;
    let fields = [("name", "octo<b>"), ("project", "SYNC"), ("direction", "up")];
    let page = site.fill_in("/repositories", &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for error in ["name-error", "project-error", "direction-error"] {
        assert!(page.text.contains(&format!("id=\"{error}\" role=\"alert\"")), "{error}");
        assert!(page.text.contains(&format!("aria-invalid=\"true\" aria-describedby=\"{error}\"")));
    }
    assert!(
        page.text.contains("value=\"octo&#60;b&#62;\"") && page.text.contains("value=\"SYNC\"")
    );
    site.fill_in("/repositories", &[("name", "octo-org/new-repo")]).await.next();
    let again = site.fill_in("/repositories", &[("name", "Octo-Org/NEW-repo")]).await;
    assert!(again.text.contains("It is configured already"), "{}", again.text);
    let wrong = site.fill_in(ONE, &[("project", "SYNC")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text.contains("This is no project’s id"), "{}", wrong.text);
}

#[tokio::test]
async fn a_repository_of_another_server_has_a_page_of_its_own() {
    let server = ("ghe.example.com".parse().unwrap(), "https://ghe.example.com".to_owned());
    let setup = Setup { servers: vec![server], ..Setup::default() };
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::with_setup(database, SecretState::Set, setup).await;
    let typed = [("name", "https://ghe.example.com/octo/hello")];
    let page = site.fill_in("/repositories", &typed).await.next();
    assert_eq!(page, "/repositories/ghe.example.com%2Focto/hello?done=added");
    let shown = site.see("/repositories/ghe.example.com%2Focto/hello").await;
    assert!(shown.contains("href=\"https://ghe.example.com/octo/hello\""), "{shown}");
    assert!(shown.contains("<code>webhook_secret</code> in its <code>[[github.hosts]]</code>"));
    let all = site.see("/repositories").await;
    assert!(all.contains("/repositories/ghe.example.com%2Focto/hello"), "{all}");
    let stranger = site.fill_in("/repositories", &[("name", "git.example.org/octo/hello")]).await;
    assert!(stranger.text.contains("The server git.example.org is not configured"));
    assert!(stranger.text.contains("[[github.hosts]]"));
}

/// With the repositories of a configuration file, of which the second one has left it.
async fn with_a_file() -> Site {
    let setup = Setup {
        configured: vec!["Codertocat/Hello-World".parse::<RepositoryName>().unwrap()],
        github_secret: SecretState::Set,
        ..Setup::default()
    };
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::with_setup(database, SecretState::Set, setup).await;
    let rows = GithubSettings::default().configured();
    let now = site.app.clock.now();
    site.app.store.put_configured_repositories(&rows, now).await.unwrap();
    site
}

#[tokio::test]
async fn what_stands_in_the_configuration_file_is_changed_there_and_what_has_left_it_here() {
    let site = with_a_file().await;
    let page = site.see("/repositories/Codertocat/Hello-World").await;
    assert!(page.contains("jetbridge.toml") && !page.contains("name=\"project\""), "{page}");
    for address in
        ["/repositories/Codertocat/Hello-World", "/repositories/Codertocat/Hello-World/remove"]
    {
        let refused = site.submit(address).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{address}");
        assert!(refused.text.contains("stands in the configuration file"));
    }
    let taken = site.fill_in("/repositories", &[("name", "codertocat/hello-world")]).await;
    assert!(taken.text.contains("stands in the configuration file already"), "{}", taken.text);
    let left = "/repositories/octo-org/octo-repo";
    assert!(site.see(left).await.contains("has left the configuration file"));
    site.submit(left).await.next();
    assert!(site.see(left).await.contains("added by hand"));
    site.submit(&format!("{left}/remove")).await.next();
    assert_eq!(site.open(left).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn planes_projects_are_offered_where_plane_can_be_asked() {
    let config = SimPlaneConfig::default().with_project("SYNC", "Sync <Target>");
    let plane = SimPlane::start(config).await.unwrap();
    let key = Secrets::new([plane.api_key()]);
    let client =
        PlaneClient::new(&plane.api_url(), &plane.workspace(), &key, Duration::from_secs(5));
    let setup = Setup { plane: client.unwrap(), ..Setup::default() };
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::with_setup(database, SecretState::Set, setup).await;
    let page = site.see("/repositories").await;
    let project = plane.project("SYNC").unwrap().id;
    let option = format!("<option value=\"{project}\">Sync &#60;Target&#62; (SYNC)</option>");
    assert!(page.contains(&option), "{page}");
    let fields = [("name", "octo-org/new-repo"), ("project", &project.to_string())];
    let next = site.fill_in("/repositories", &fields).await.next();
    assert!(site.see(&next).await.contains("Sync &#60;Target&#62; (SYNC), GitHub leads"));
}

#[tokio::test]
async fn a_project_of_another_workspace_is_chosen_with_its_workspace() {
    let plane = SimPlane::start(SimPlaneConfig::default().with_project("SYNC", "Sync")).await;
    let plane = plane.unwrap();
    let laboratory = plane.add_project_in("research", "LAB", "Laboratory");
    let key = Secrets::new([plane.api_key()]);
    let client =
        PlaneClient::new(&plane.api_url(), &plane.workspace(), &key, Duration::from_secs(5));
    let setup = Setup { plane: client.unwrap(), ..Setup::default() };
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::with_setup(database, SecretState::Set, setup).await;
    // It is known by a repository that goes there.
    let known = NewRepository {
        name: "octo-org/lab".parse().unwrap(),
        github_id: None,
        plane_project: None,
        plane_workspace: Some("research".parse().unwrap()),
        direction: Direction::GithubToPlane,
        origin: Origin::Manual,
    };
    site.app.store.add_repository(&known, site.app.clock.now()).await.unwrap();
    let chosen = laboratory.to_string();
    let fields = [("name", "octo-org/new-repo"), ("project", &chosen)];
    let next = site.fill_in("/repositories", &fields).await.next();
    assert!(site.see(&next).await.contains("Laboratory (LAB) in research"));
    let slug_now = async |site: &Site| {
        let name = "octo-org/new-repo".parse().unwrap();
        let row = site.app.store.find_repository(&name, None).await.unwrap().unwrap();
        row.plane_workspace.map(|slug| slug.as_str().to_owned())
    };
    assert_eq!(slug_now(&site).await.as_deref(), Some("research"));
    let own = plane.project("SYNC").unwrap().id.to_string();
    site.fill_in(ONE, &[("project", &own)]).await.next();
    assert_eq!(slug_now(&site).await, None, "its own workspace again");
}
