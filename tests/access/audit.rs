//! What the audit log says of each deed.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use jetbridge::access::{AuditEntry, CallerKind, Outcome, Scope};
use jetbridge::ids::Lease;
use jetbridge::store::jobs::Stage;
use serde_json::json;
use sqlx::Connection;

use crate::on_both_databases;
use crate::site::{ADDRESS, ADMIN, Site, sqlite};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::plane::Delivery;

impl Site {
    async fn last(&self) -> AuditEntry {
        self.audit().await.remove(0).entry
    }
}

fn said(entry: &AuditEntry) -> (&str, CallerKind, &str, &str, Outcome) {
    (&entry.actor, entry.kind, &entry.action, &entry.target, entry.outcome)
}

on_both_databases! {
    async fn signing_in_and_out_is_written_down_and_so_is_a_refusal(database: TestDatabase) {
        let site = Site::new(database).await;
        site.sign_in(&[("token", "jba_a-guess")]).await;
        let entry = site.last().await;
        assert_eq!(said(&entry), ("", CallerKind::Nobody, "sign in", "with a token", Outcome::Refused));
        assert_eq!((entry.scope, entry.address.as_str(), entry.at), (None, ADDRESS, site.app.clock.now()));

        let token = site.token("mira", Scope::Viewer).await.text;
        let cookie = site.session(&token).await;
        let entry = site.last().await;
        assert_eq!(said(&entry), ("mira", CallerKind::Session, "sign in", "with an API token", Outcome::Done));
        assert_eq!(entry.scope, Some(Scope::Viewer));
        site.browser(&cookie, Method::POST, "/logout", "").await;
        assert_eq!(said(&site.last().await), ("mira", CallerKind::Session, "sign out", "", Outcome::Done));
        assert!(!site.opens_with(&cookie).await);

        site.session(ADMIN).await;
        assert_eq!(said(&site.last().await), ("admin", CallerKind::Session, "sign in", "with the admin token", Outcome::Done));
        let link = jetbridge::web::auth::one_time_link(&site.state).await.unwrap();
        site.sign_in(&[("link", link.split("link=").nth(1).unwrap())]).await;
        assert_eq!(site.last().await.target, "with a one-time link");
        site.sign_in(&[("link", &"0".repeat(64))]).await;
        assert_eq!(said(&site.last().await), ("", CallerKind::Nobody, "sign in", "with a one-time link", Outcome::Refused));
    }

    async fn the_database_itself_lets_nobody_change_a_row(database: TestDatabase) {
        let kind = if database.text.starts_with("sqlite") { Kind::Sqlite } else { Kind::Postgres };
        let text = database.text.clone();
        let site = Site::new(database).await;
        site.session(ADMIN).await;
        let refusal = match kind {
            Kind::Sqlite => {
                let mut connection = sqlx::SqliteConnection::connect(&text).await.unwrap();
                sqlx::query("UPDATE audit_log SET actor = 'x'").execute(&mut connection).await.unwrap_err()
            }
            Kind::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&text).await.unwrap();
                sqlx::query("UPDATE ops.audit_log SET actor = 'x'").execute(&mut connection).await.unwrap_err()
            }
        };
        assert!(refusal.to_string().contains("append-only"), "{refusal}");
    }

    async fn the_log_is_paged_and_filtered(database: TestDatabase) {
        let site = Site::new(database).await;
        for i in 0..5 {
            site.bearer(ADMIN, Method::POST, "/api/v1/repositories", &format!(r#"{{"repository":"octo-org/r{i}"}}"#)).await;
            site.app.clock.advance(Duration::from_mins(1));
        }
        site.sign_in(&[("token", "guess")]).await;
        let list = async |query: &str| {
            let path = format!("/api/v1/audit{query}");
            site.bearer(ADMIN, Method::GET, &path, "").await.json()
        };
        let first = list("?limit=4&action=add+a+repository").await;
        let targets = |page: &serde_json::Value| page["items"].as_array().unwrap().iter().map(|i| i["target"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(targets(&first), ["octo-org/r4", "octo-org/r3", "octo-org/r2", "octo-org/r1"]);
        let next = format!("/api/v1/audit?limit=4&action=add+a+repository&cursor={}", first["next_cursor"].as_str().unwrap());
        let second = site.bearer(ADMIN, Method::GET, &next, "").await.json();
        assert_eq!((targets(&second), &second["next_cursor"]), (vec!["octo-org/r0".to_owned()], &json!(null)));
        assert_eq!(targets(&list("?outcome=refused").await), ["with a token"]);
        assert_eq!(list("?actor=admin").await["items"].as_array().unwrap().len(), 5);
        assert_eq!(targets(&list("?since=2026-11-22T02:01:00Z&until=2026-11-22T02:02:00Z").await), ["octo-org/r1"]);
        let entry = &list("?limit=1&actor=admin").await["items"][0];
        assert_eq!(
            (&entry["actor_kind"], &entry["scope"], &entry["route"], &entry["status"], &entry["address"]),
            (&json!("admin-token"), &json!("admin"), &json!("POST /api/v1/repositories"), &json!(201), &json!(ADDRESS))
        );
        for wrong in ["?outcome=good", "?who=x", "?cursor=zz", "?limit=201"] {
            assert_eq!(site.bearer(ADMIN, Method::GET, &format!("/api/v1/audit{wrong}"), "").await.status, StatusCode::BAD_REQUEST);
        }
    }

    async fn rows_are_kept_for_four_hundred_days(database: TestDatabase) {
        let site = Site::new(database).await;
        site.sign_in(&[("token", "guess")]).await;
        site.app.clock.advance(Duration::from_hours(24 * 400));
        site.sign_in(&[("token", "guess")]).await;
        assert_eq!(site.audit().await.len(), 2);
        site.app.clock.advance(Duration::from_secs(1));
        site.sign_in(&[("token", "guess")]).await;
        assert_eq!(site.audit().await.len(), 2, "the first one is older by now");
    }
}

/// Method, address, body, and what the row says: action, target, outcome.
type Deed = (Method, &'static str, &'static str, (&'static str, &'static str, Outcome));

#[tokio::test]
async fn a_deed_is_written_down_with_what_it_was_done_to() {
    let site = sqlite().await;
    let token = site.token("ops", Scope::Admin).await.text;
    let deeds: [Deed; 8] = [
        (
            Method::POST,
            "/api/v1/repositories",
            r#"{"repository":"octo-org/new"}"#,
            ("add a repository", "octo-org/new", Outcome::Done),
        ),
        (
            Method::POST,
            "/api/v1/repositories",
            r#"{"repository":"octo-org/new"}"#,
            ("add a repository", "", Outcome::Failed),
        ),
        (
            Method::PATCH,
            "/api/v1/repositories/octo-org/new",
            r#"{"direction":"both"}"#,
            ("change a repository", "octo-org/new", Outcome::Done),
        ),
        (
            Method::DELETE,
            "/api/v1/repositories/octo-org/new",
            "",
            ("remove a repository", "octo-org/new", Outcome::Done),
        ),
        (
            Method::POST,
            "/api/v1/deliveries/replay",
            "",
            ("replay all that match", "0 queued, 0 in work", Outcome::Done),
        ),
        (
            Method::POST,
            "/api/v1/deliveries/plane/no%00body/replay",
            "",
            ("replay a delivery", "plane/no\u{fffd}body", Outcome::Failed),
        ),
        (
            Method::POST,
            "/api/v1/tokens",
            r#"{"name":"ci","scope":"viewer"}"#,
            ("make a token", "ci (viewer)", Outcome::Done),
        ),
        (Method::DELETE, "/api/v1/tokens/2", "", ("revoke a token", "ci (viewer)", Outcome::Done)),
    ];
    for (method, path, body, (action, target, outcome)) in deeds {
        site.bearer(&token, method, path, body).await;
        let entry = site.last().await;
        assert_eq!(said(&entry), ("ops", CallerKind::ApiToken, action, target, outcome), "{path}");
    }
}

#[tokio::test]
async fn what_a_page_did_is_written_down_with_what_it_was_done_to_and_what_it_could_not_do_as_failed()
 {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let text = database.text.clone();
    let site = Site::new(database).await;
    let cookie = site.session(ADMIN).await;
    let broken = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":7}}"#);
    site.app.post(&broken).await;
    let one = format!("plane/{}", broken.id);
    let all = "/deliveries/replay";
    let until = "until=2030-01-01T00:00:00.000000Z";
    let ticked = format!("d=plane%2F{}&{until}", broken.id);
    let replay = format!("/deliveries/{one}/replay");
    let (done, failed) = (Outcome::Done, Outcome::Failed);
    let steps = async |steps: &[(&str, &str, &str, &str, Outcome)]| {
        for (path, body, action, target, outcome) in steps {
            site.browser(&cookie, Method::POST, path, body).await;
            let entry = site.last().await;
            let expected = ("admin", CallerKind::Session, *action, *target, *outcome);
            assert_eq!(said(&entry), expected, "{path} {body}");
        }
    };
    steps(&[
        ("/repositories", "name=octo-org%2Fnew", "add a repository", "octo-org/new", done),
        ("/repositories", "name=octo-org%2Fnew", "add a repository", "", failed),
        ("/boards/views", "name=Bugs&back=label%3Dbug", SAVE, "Bugs", done),
        ("/boards/views", "name=Bugs&back=q%3Dx", SAVE, "Bugs", failed),
        ("/boards/views", "name=Late&back=q%3Dx", SAVE, "Late", done),
        ("/boards/views/2/rename", "name=Bugs", RENAME, "Late → Bugs", failed),
        ("/boards/views/2/rename", "name=Later", RENAME, "Late → Later", done),
        ("/boards/views/9/rename", "name=Never", RENAME, "9", failed),
        ("/boards/views/2/delete", "", DELETE, "Later", done),
        ("/boards/views/2/delete", "", DELETE, "2", failed),
        (
            "/boards/limits",
            "limit.started=5&limit.backlog=",
            LIMITS,
            "started 5, backlog none",
            done,
        ),
        (
            "/boards/limits",
            "scope=p1&limit.state%3AIn+Review=2",
            LIMITS,
            "of p1: state:In Review 2",
            done,
        ),
        ("/boards/limits", "limit.started=5&was.started=5", LIMITS, "nothing", done),
    ])
    .await;

    // In work, and then again: while it is in work it can't be, nor once its body is dropped.
    let lease = Lease(uuid::Uuid::new_v4());
    let now = site.app.clock.now();
    let minute = Duration::from_mins(1);
    let claimed = site.app.store.claim_jobs(Stage::Read, 9, lease, minute, now).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let busy = "0 queued, 1 in work";
    steps(&[(&replay, "", ONE, &one, failed), (all, &ticked, ALL, busy, done)]).await;
    site.app.run_jobs_after(2 * minute).await;
    let queued = "1 queued, 0 in work";
    steps(&[(&replay, "", ONE, &one, done), (all, &ticked, ALL, queued, done)]).await;
    let mut connection = sqlx::SqliteConnection::connect(&text).await.unwrap();
    let drop = "UPDATE plane_webhook_deliveries SET body = NULL";
    sqlx::query(drop).execute(&mut connection).await.unwrap();
    steps(&[(&replay, "", ONE, &one, failed)]).await;
}

const SAVE: &str = "save a view of the board";
const RENAME: &str = "rename a view of the board";
const DELETE: &str = "delete a view of the board";
const LIMITS: &str = "set the board's limits";
const ONE: &str = "replay a delivery";
const ALL: &str = "replay all that match";

#[tokio::test]
async fn whoever_only_looks_is_not_written_down() {
    let site = sqlite().await;
    let cookie = site.session(ADMIN).await;
    for path in ["/boards", "/access", "/audit", "/deliveries"] {
        site.browser(&cookie, Method::GET, path, "").await;
    }
    site.bearer(ADMIN, Method::GET, "/api/v1/audit", "").await;
    assert_eq!(site.audit().await.len(), 1, "the sign-in");
}

#[tokio::test]
async fn a_deed_is_done_and_written_down_though_its_client_is_gone() {
    let site = sqlite().await;
    let body = r#"{"repository":"octo-org/new"}"#;
    let asked = site.bearer(ADMIN, Method::POST, "/api/v1/repositories", body);
    // Polled once, then dropped: as when the connection ends in the middle.
    let mut asked = Box::pin(asked);
    let once = std::future::poll_fn(|context| {
        let _ = asked.as_mut().poll(context);
        std::task::Poll::Ready(())
    });
    once.await;
    drop(asked);
    crate::support::process::eventually("the row", || async {
        site.audit().await.first().is_some_and(|row| row.entry.target == "octo-org/new")
    })
    .await;
    assert_eq!(site.app.store.repositories().await.unwrap().len(), 1);
}
