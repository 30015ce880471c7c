//! `jetbridge token`, and what commands leave in the audit log.

use std::process::{Command, Output};

use axum::http::{Method, StatusCode};
use jetbridge::access::{CallerKind, Outcome};
use jetbridge::store::Store;
use jetbridge::store::audit::AuditFilter;
use serde_json::Value;

use crate::on_both_databases;
use crate::site::Site;
use crate::support::databases::{Kind, TestDatabase};

pub fn jetbridge(database: &TestDatabase, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(arguments)
        .current_dir(database.folder.path())
        .env_clear()
        .env("JETBRIDGE_DATABASE_URL", &database.text)
        .env("JETBRIDGE_DATA_DIR", database.folder.path())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Action, target and outcome of each row, oldest first; all of them the command line's.
async fn log(database: &TestDatabase) -> Vec<(String, String, Outcome)> {
    let store = Store::open(&database.url).await.unwrap();
    let rows = store.audit_log(&AuditFilter::default(), None, 100).await.unwrap();
    store.close().await;
    let entry = |row: jetbridge::store::audit::AuditRow| {
        assert_eq!((row.entry.kind, row.entry.address.as_str()), (CallerKind::Cli, ""));
        assert!(!row.entry.actor.is_empty() && row.entry.route.starts_with("jetbridge "));
        (row.entry.action, row.entry.target, row.entry.outcome)
    };
    rows.into_iter().rev().map(entry).collect()
}

on_both_databases! {
    async fn a_token_is_made_listed_and_revoked_while_no_server_runs(database: TestDatabase) {
        let made = jetbridge(&database, &["token", "create", "ci-deploy", "--scope", "operator", "--expires", "30d"]);
        let text = out(&made).trim().to_owned();
        assert!(text.starts_with("jbt_") && text.len() == 68, "only the text: {text}");
        assert!(!String::from_utf8_lossy(&made.stderr).contains(&text));
        let listed = out(&jetbridge(&database, &["token", "list"]));
        assert!(listed.contains("ci-deploy  operator  good") && !listed.contains("jbt_"), "{listed}");
        let listed: Value = serde_json::from_str(&out(&jetbridge(&database, &["token", "list", "--json"]))).unwrap();
        assert_eq!((listed["items"][0]["name"].as_str(), listed["items"][0]["good"].as_bool()), (Some("ci-deploy"), Some(true)));

        let again = jetbridge(&database, &["token", "create", "CI-deploy", "--scope", "viewer"]);
        assert_eq!((again.status.code(), again.stdout.len()), (Some(1), 0));
        assert!(String::from_utf8_lossy(&again.stderr).contains("token revoke CI-deploy"));
        assert!(out(&jetbridge(&database, &["token", "revoke", "ci-deploy"])).contains("refused from now on"));
        assert_eq!(jetbridge(&database, &["token", "revoke", "1"]).status.code(), Some(1), "not twice");
        assert!(out(&jetbridge(&database, &["token", "list"])).contains("revoked"));
        let said = |action: &str, target: &str, outcome| (action.to_owned(), target.to_owned(), outcome);
        assert_eq!(log(&database).await, [
            said("make a token", "ci-deploy (operator)", Outcome::Done),
            said("make a token", "CI-deploy (viewer)", Outcome::Failed),
            said("revoke a token", "ci-deploy (operator)", Outcome::Done),
            said("revoke a token", "1", Outcome::Failed),
        ]);
    }
}

#[tokio::test]
async fn a_token_of_the_command_line_opens_the_api_and_is_refused_when_it_is_revoked() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let text = out(&jetbridge(&database, &["token", "create", "ci", "--scope", "viewer"]));
    let text = text.trim();
    let folder = database.folder.path().to_owned();
    let arguments = ["--database-url", &database.text.clone(), "token", "revoke", "ci"];
    let site = Site::new(database).await;
    assert_eq!(site.bearer(text, Method::GET, "/api/v1/stats", "").await.status, StatusCode::OK);
    let revoked = Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .output()
        .unwrap();
    out(&revoked);
    let seen = site.bearer(text, Method::GET, "/api/v1/stats", "").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_commands_change_is_in_the_audit_log_and_what_they_show_is_not() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    for (arguments, status) in [
        (&["migrate"][..], 0),
        (&["repo", "add", "octo-org/new"], 0),
        (&["repo", "add", "octo-org/new", "--direction", "both"], 0),
        (&["repo", "list"], 0),
        (&["repo", "remove", "octo-org/new"], 0),
        (&["repo", "remove", "octo-org/new"], 1),
        (&["deliveries", "list"], 0),
        (&["deliveries", "replay", "plane", "nothing"], 1),
        (&["sync", "octo-org/new#42"], 1),
        (&["token", "list"], 0),
    ] {
        let ended = jetbridge(&database, arguments);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(status), "{arguments:?}: {said}");
    }
    let said =
        |action: &str, target: &str, outcome| (action.to_owned(), target.to_owned(), outcome);
    assert_eq!(
        log(&database).await,
        [
            said("migrate the database", "", Outcome::Done),
            said("add a repository", "octo-org/new", Outcome::Done),
            said("change a repository", "octo-org/new", Outcome::Done),
            said("remove a repository", "octo-org/new", Outcome::Done),
            said("remove a repository", "octo-org/new", Outcome::Failed),
            said("replay a delivery", "plane/nothing", Outcome::Failed),
            said("bring an issue in step", "octo-org/new#42", Outcome::Failed),
        ]
    );
}

#[tokio::test]
async fn a_token_needs_a_scope_and_a_plain_name() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    for arguments in [
        &["token", "create", "ci"][..],
        &["token", "create", "admin", "--scope", "viewer"],
        &["token", "create", "ci", "--scope", "root"],
        &["token", "create", "ci", "--scope", "viewer", "--expires", "soon"],
        &["token", "create", "", "--scope", "viewer"],
    ] {
        let ended = jetbridge(&database, arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr).lines().count(), 1, "{ended:?}");
    }
}
