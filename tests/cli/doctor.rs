//! What doctor finds, and the fix that it names.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use jetbridge::sim::github::{Access, PushAccess, SimToken};
use jetbridge::sync::milestones::BundleKind;

use crate::places::{Sides, TOKEN, recorded_server};
use crate::{Ended, Place, WITH_SECRET, serve};

fn findings(ended: &Ended) -> Vec<(String, String)> {
    let json: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let items = json["items"].as_array().unwrap();
    items.iter().map(|item| (text(&item["check"]), text(&item["verdict"]))).collect()
}

fn verdict_of(ended: &Ended, check: &str) -> String {
    let found = findings(ended).into_iter().find(|(name, _)| name == check);
    found.unwrap_or_else(|| panic!("no {check} in {ended:?}")).1
}

#[test]
fn doctor_of_an_empty_installation_asks_for_the_secret_and_makes_nothing() {
    let place = Place::new();
    let ended = place.run(&["doctor"]);
    assert_eq!((ended.status, ended.err.as_str()), (1, ""), "{ended:?}");
    assert!(ended.out.contains("PROBLEM  plane.webhook_secret: is not set"), "{}", ended.out);
    assert!(ended.out.contains("fix: copy the secret that Plane shows"), "{}", ended.out);
    let json = place.run(&["doctor", "--json"]);
    assert_eq!(verdict_of(&json, "public_url"), "warning");
    assert_eq!(verdict_of(&json, "data_dir"), "ok");
    assert_eq!(verdict_of(&json, "database_url"), "ok");
    assert_eq!(place.entries(), 0);
}

#[test]
fn doctor_tells_a_wrong_configuration_as_a_finding() {
    let ended = Place::with_config("lisen = 'x'").run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(
        ended.out.starts_with("PROBLEM  configuration: jetbridge.toml:1: lisen"),
        "{}",
        ended.out
    );
}

#[test]
fn doctor_finds_an_admin_token_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_config(WITH_SECRET);
    let folder = place.path().join("jetbridge-data");
    let file = folder.join("admin-token");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&file, "jba_x").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 1);
    assert!(ended.out.contains("fix: chmod 600 ./jetbridge-data/admin-token"), "{}", ended.out);

    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    place.run(&["migrate"]).done();
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.out.contains("its tables are up to date"), "{}", ended.out);
    assert!(!ended.out.contains("plane_wh_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_asks_plane_whose_the_key_is() {
    let me = |headers: HeaderMap| async move {
        match headers.get("x-api-key").map(|key| key == "plane_api_good") {
            Some(true) => (StatusCode::OK, r#"{"id":"1","display_name":"sync-bot"}"#),
            Some(false) => (StatusCode::FORBIDDEN, r#"{"detail":"Given API token is not valid"}"#),
            None => (StatusCode::UNAUTHORIZED, "{}"),
        }
    };
    let address = serve(Router::new().route("/api/v1/users/me/", get(me))).await;
    let with_key = |address: &str, key: &str| {
        let settings = format!("api_url = '{address}'\napi_key = '{key}'\nworkspace = 'acme'\n");
        Place::with_config(&(WITH_SECRET.to_owned() + &settings)).run(&["doctor"])
    };
    let good = with_key(&address, "plane_api_good");
    assert_eq!(good.status, 0, "{good:?}");
    assert!(good.out.contains("takes the key of sync-bot"), "{}", good.out);

    let bad = with_key(&address, "plane_api_bad");
    assert_eq!(bad.status, 1);
    assert!(bad.out.contains("PROBLEM  plane.api_url: Plane refused the API key"), "{}", bad.out);
    assert!(!bad.out.contains("plane_api_bad"), "{}", bad.out);

    let elsewhere = with_key(&serve(Router::new()).await, "plane_api_good");
    assert!(elsewhere.out.contains("fix: check plane.api_url"), "{}", elsewhere.out);
}

#[test]
fn doctor_tells_an_older_database_and_leaves_it_as_it_is() {
    let place = Place::with_config(WITH_SECRET);
    let file = place.path().join("jetbridge-data/jetbridge.db");
    std::fs::create_dir(place.path().join("jetbridge-data")).unwrap();
    std::fs::write(&file, "").unwrap();
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.contains("the database has schema version 0"), "{}", ended.out);
    assert!(ended.out.contains("fix: run jetbridge migrate"), "{}", ended.out);
    assert!(place.run(&["doctor"]).out.contains("schema version 0"), "it was not migrated");
    place.run(&["migrate"]).done();
    assert_eq!(place.run(&["doctor"]).status, 0);
}

#[test]
fn doctor_asks_for_githubs_secret_once_there_is_a_repository() {
    let place = Place::with_config(WITH_SECRET);
    assert!(
        place.run(&["doctor"]).out.contains("github.webhook_secret: is not set: no repository")
    );
    place.run(&["repo", "add", "octo/hello"]).done();
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.contains("PROBLEM  github.webhook_secret: is not set"), "{}", ended.out);

    let open = Place::with_config(&format!("{WITH_SECRET}[github]\nallow_unsigned = true\n"));
    open.run(&["repo", "add", "octo/hello"]).done();
    let ended = open.run(&["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.out.contains("warning  github.allow_unsigned"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_that_everything_fits_together() {
    let sides = Sides::start().await;
    let place = sides.place("");
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    for line in [
        "takes the token of sync-bot",
        "the token reads the issues of octo/hello",
        "octo/hello can be kept in step",
        "octo/hello sends issues, comments and pull requests here",
        "agrees with GitHub's",
        "agrees with Plane's",
        "fix: set WEBHOOK_ALLOWED_IPS=127.0.0.1/32 on Plane's api and worker containers",
    ] {
        assert!(ended.out.contains(line), "{line} is missing in {}", ended.out);
    }
    assert!(!ended.out.contains(TOKEN) && !ended.out.contains(&sides.plane.api_key()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_names_the_permission_that_a_token_lacks() {
    let powerless = SimToken { issues: Access::None, ..SimToken::full(TOKEN, "sync-bot") };
    let sides = Sides::with_token(powerless).await;
    let ended = sides.place("").run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.contains("PROBLEM  repositories: octo/hello"), "{}", ended.out);
    assert!(ended.out.contains("it needs issues=read"), "{}", ended.out);

    let other = Sides::with_token(SimToken::full("another", "sync-bot")).await;
    let ended = other.place("").run(&["doctor"]);
    assert!(ended.out.contains("PROBLEM  github.token: GitHub refused the token"), "{}", ended.out);
    assert!(ended.out.contains("fix: set github.token to a valid one"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_repositories_and_projects_that_are_not_there() {
    let sides = Sides::start().await;
    let place = sides.place("");
    let nowhere = "00000000-0000-4000-8000-000000000000";
    place.run(&["repo", "add", "octo/nowhere", "--plane-project", nowhere]).done();
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.contains("GitHub shows no repository octo/nowhere (404)"), "{}", ended.out);
    assert!(ended.out.contains("PROBLEM  plane_project: octo/nowhere"), "{}", ended.out);
    assert!(ended.out.contains("make the API key's user a member"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_holds_the_mapping_against_the_project() {
    let sides = Sides::start().await;
    let more =
        "direction = 'both'\nstates = { open = 'Nowhere' }\nusers = { octocat = 'nobody' }\n";
    let ended = sides.place(more).run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    for line in [
        "octo/hello: states.open is “Nowhere”, which Plane's project does not have",
        "fix: choose one of Backlog, Todo",
        "octo/hello: users maps “octocat” to “nobody”",
        "direction: octo/hello: assignees go both ways; title, state, text, labels and comments go from GitHub to Plane alone",
        "direction: the token may write to the issues of octo/hello",
    ] {
        assert!(ended.out.contains(line), "{line} is missing in {}", ended.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_looks_at_every_project_that_rules_name() {
    let sides = Sides::start().await;
    let mobile = sides.plane.add_project("MOB", "Mobile");
    let nowhere = "00000000-0000-4000-8000-000000000000";
    let rules = format!(
        "rules = [{{ set = {{ plane_project = '{mobile}' }} }}, {{ set = {{ plane_project = 'issue.number > 9 ? \"{nowhere}\" : \"\"' }} }}]\n"
    );
    let ended = sides.place(&rules).run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    let own = sides.plane.project("SYNC").unwrap().id;
    for line in [
        format!("octo/hello in project {own} can be kept in step"),
        format!("octo/hello in project {mobile} can be kept in step"),
        format!("PROBLEM  plane_project: octo/hello in project {nowhere}"),
    ] {
        assert!(ended.out.contains(&line), "{line} is missing in {}", ended.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_that_milestones_have_no_place_in_the_project() {
    let sides = Sides::start().await;
    let place = sides.place("milestones = 'module'\n");
    let ended = place.run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    for line in [
        "octo/hello: milestones are to become modules, but Modules are switched off in project",
        "fix: switch Modules on in Plane's project settings, Features",
    ] {
        assert!(ended.out.contains(line), "{line} is missing in {}", ended.out);
    }
    let project = sides.plane.project("SYNC").unwrap().id;
    sides.plane.switch_on(project, BundleKind::Module);
    let ended = place.run(&["doctor"]);
    assert!(!ended.out.contains("Modules"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_whether_assignees_can_go_back_to_github() {
    let full = || SimToken::full(TOKEN, "sync-bot");
    for (token, line) in [
        (
            SimToken { issues: Access::Read, ..full() },
            "PROBLEM  direction: the token may not write to the issues of octo/hello, which takes issues=write",
        ),
        (
            SimToken { push: PushAccess::No, ..full() },
            "PROBLEM  direction: the token's user may not push to octo/hello",
        ),
    ] {
        let sides = Sides::with_token(token).await;
        let ended = sides.place("direction = 'both'\n").run(&["doctor"]);
        assert!(
            ended.status == 1 && ended.out.contains(line),
            "{line} is missing in {}",
            ended.out
        );
        assert!(ended.out.contains("octo/hello"), "{}", ended.out);
    }
    let sides = Sides::start().await;
    let without = sides.config("direction = 'both'\n").replace(&format!("token = '{TOKEN}'\n"), "");
    let ended = Place::with_config(&without).run(&["doctor"]);
    let line =
        "warning  direction: octo/hello: both is taken as github-to-plane: without github.token";
    assert!(ended.out.contains(line), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_looks_at_the_workspace_of_each_repository() {
    let sides = Sides::start().await;
    let lab = sides.plane.add_project_in("research", "LAB", "Lab");
    let more = format!(
        "[[repositories]]\nname = 'octo/lab'\nplane_workspace = 'research'\nplane_project = '{lab}'\n\
         [[repositories]]\nname = 'octo/lost'\nplane_workspace = 'nowhere'\nplane_project = '{lab}'\n"
    );
    let ended = sides.place(&more).run(&["doctor"]);
    for line in [
        "octo/lab of workspace research can be kept in step",
        "PROBLEM  plane_project: octo/lost of workspace nowhere",
    ] {
        assert!(ended.out.contains(line), "{line} is missing in {}", ended.out);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_finds_a_key_whose_user_may_not_write() {
    let sides = Sides::start().await;
    let guest = sides.plane.user("guest").unwrap().api_key;
    let text = sides.config("").replace(&sides.plane.api_key(), &guest);
    let ended = Place::with_config(&text).run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.contains("the key's user is a guest of project"), "{}", ended.out);
    assert!(ended.out.contains("fix: make it a member or an admin"), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_starts_the_mcp_server_and_says_what_it_can_not_do() {
    let sides = Sides::start().await;
    let with_mcp = |command: &str| {
        Place::with_config(&format!("{}[github.mcp]\ncommand = '{command}'\n", sides.config("")))
    };
    let (_files, older) = recorded_server();
    let ended = with_mcp(&older).run(&["doctor"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.out.contains("github.mcp: the server answers"), "{}", ended.out);

    let ended = with_mcp("/nowhere/github-mcp-server stdio").run(&["doctor"]);
    assert_eq!(ended.status, 1, "{ended:?}");
    assert!(ended.out.contains("PROBLEM  github.mcp: "), "{}", ended.out);

    let text = format!("{}[github.mcp]\ncommand = '{older}'\n", sides.config(""));
    let text = text.replace(&format!("token = '{TOKEN}'\n"), "");
    let ended = Place::with_config(&text).run(&["doctor"]);
    assert!(ended.out.contains("PROBLEM  github.token: is not set, though"), "{}", ended.out);
    assert!(ended.out.contains("fix: make a token at GitHub"), "{}", ended.out);
}
