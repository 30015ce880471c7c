//! The life of an API token, and of the sessions that it opens.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use jetbridge::access::Scope;
use serde_json::json;

use crate::on_both_databases;
use crate::site::{ADMIN, Site, sqlite};
use crate::support::databases::{Kind, TestDatabase};
use crate::support::process::eventually;

const DAY: Duration = Duration::from_hours(24);

on_both_databases! {
    async fn a_token_is_made_used_and_revoked_over_the_api(database: TestDatabase) {
        let site = Site::new(database).await;
        let made = site.bearer(ADMIN, Method::POST, "/api/v1/tokens", r#"{"name":"ci","scope":"operator"}"#).await;
        assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
        let made = made.json();
        let text = made["token"].as_str().unwrap();
        assert!(text.starts_with("jbt_") && text.len() == 68, "{text}");
        assert_eq!((&made["created_by"], &made["expires_at"]), (&json!("admin"), &json!("2027-02-20T02:00:00Z")));
        assert_eq!(site.bearer(text, Method::GET, "/api/v1/stats", "").await.status, StatusCode::OK);

        let listed = site.bearer(ADMIN, Method::GET, "/api/v1/tokens", "").await;
        assert!(!listed.body.contains("jbt_") && !listed.body.contains("sha256"), "{}", listed.body);
        let listed = listed.json();
        assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["good"]), (&json!("ci"), &json!(true)));

        let address = format!("/api/v1/tokens/{}", made["id"]);
        assert_eq!(site.bearer(ADMIN, Method::DELETE, &address, "").await.status, StatusCode::NO_CONTENT);
        assert_eq!(site.bearer(ADMIN, Method::DELETE, &address, "").await.status, StatusCode::NOT_FOUND);
        let refused = site.bearer(text, Method::GET, "/api/v1/stats", "").await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert!(refused.body.contains("The token ci was revoked"), "{}", refused.body);
        let listed = site.bearer(ADMIN, Method::GET, "/api/v1/tokens", "").await.json();
        assert_eq!(listed["items"][0]["good"], json!(false));
    }

    async fn of_a_token_nothing_is_kept_that_would_let_anybody_in(database: TestDatabase) {
        let site = Site::new(database).await;
        let made = site.token("ci", Scope::Admin).await;
        let kept = format!("{:?}", site.app.store.api_tokens().await.unwrap());
        assert!(!kept.contains(&made.text[4..]), "{kept}");
        // What is kept is the hash, and the hash opens nothing.
        let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&made.text));
        for token in [hash.clone(), format!("jbt_{hash}")] {
            let seen = site.bearer(&token, Method::GET, "/api/v1/stats", "").await;
            assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
        }
    }

    async fn two_good_tokens_never_share_a_name(database: TestDatabase) {
        let site = Site::new(database).await;
        let body = r#"{"name":"CI","scope":"viewer"}"#;
        let first = site.token("ci", Scope::Viewer).await;
        let second = site.bearer(ADMIN, Method::POST, "/api/v1/tokens", body).await;
        assert_eq!(second.status, StatusCode::CONFLICT);
        site.app.store.revoke_api_token(first.id, site.app.clock.now()).await.unwrap().unwrap();
        let third = site.bearer(ADMIN, Method::POST, "/api/v1/tokens", body).await;
        assert_eq!(third.status, StatusCode::CREATED, "{third:?}");
    }

    async fn a_session_dies_with_the_token_that_opened_it(database: TestDatabase) {
        let site = Site::new(database).await;
        let (revoked, expired) = (site.token("revoked", Scope::Viewer).await, site.token("expired", Scope::Viewer).await);
        let (first, second) = (site.session(&revoked.text).await, site.session(&expired.text).await);
        assert!(site.opens_with(&first).await && site.opens_with(&second).await);
        site.app.store.revoke_api_token(revoked.id, site.app.clock.now()).await.unwrap().unwrap();
        assert!(!site.opens_with(&first).await && site.opens_with(&second).await);
        site.app.clock.advance(10 * DAY);
        assert!(!site.opens_with(&second).await);
        for text in [&revoked.text, &expired.text] {
            assert_eq!(site.sign_in(&[("token", text)]).await.status, StatusCode::FORBIDDEN);
        }
        let admins = site.session(ADMIN).await;
        assert!(site.opens_with(&admins).await);
    }

    async fn a_use_is_written_down_and_once_a_minute_is_enough(database: TestDatabase) {
        let site = Site::new(database).await;
        let made = site.token("ci", Scope::Viewer).await;
        let begun = site.app.clock.now();
        let used = || async { site.app.store.api_tokens().await.unwrap()[0].last_used_at };
        assert_eq!(used().await, None);
        for _ in 0..3 {
            site.bearer(&made.text, Method::GET, "/api/v1/stats", "").await;
        }
        eventually("the first use", || async { used().await == Some(begun) }).await;
        site.app.clock.advance(Duration::from_secs(59));
        site.bearer(&made.text, Method::GET, "/api/v1/stats", "").await;
        // The database itself refuses a second one within the minute.
        site.app.store.api_token_used(made.id, site.app.clock.now()).await.unwrap();
        assert_eq!(used().await, Some(begun));
        site.app.clock.advance(Duration::from_secs(2));
        site.bearer(&made.text, Method::GET, "/api/v1/stats", "").await;
        let now = site.app.clock.now();
        eventually("the next use", || async { used().await == Some(now) }).await;
    }
}

#[tokio::test]
async fn a_token_ends_when_it_says_and_not_before() {
    let site = sqlite().await;
    let made = site.token("ci", Scope::Viewer).await.text;
    site.app.clock.advance(9 * DAY + DAY / 2);
    let ask = || site.bearer(&made, Method::GET, "/api/v1/stats", "");
    assert_eq!(ask().await.status, StatusCode::OK);
    site.app.clock.advance(DAY / 2);
    let seen = ask().await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    assert!(seen.body.contains("The token ci has expired"), "{}", seen.body);
}

#[tokio::test]
async fn a_token_that_shall_not_expire_does_not() {
    let site = sqlite().await;
    let body = r#"{"name":"grafana","scope":"viewer","expires_in_days":null}"#;
    let made = site.bearer(ADMIN, Method::POST, "/api/v1/tokens", body).await.json();
    assert_eq!(made["expires_at"], json!(null));
    site.app.clock.advance(20_000 * DAY);
    let token = made["token"].as_str().unwrap();
    assert_eq!(site.bearer(token, Method::GET, "/metrics", "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_makes_no_token_is_said() {
    let site = sqlite().await;
    for (body, said) in [
        ("", "expected a JSON object"),
        (r#"{"name":"","scope":"viewer"}"#, "1 to 60 letters"),
        (r#"{"name":"Admin","scope":"viewer"}"#, "not “admin”"),
        (r#"{"name":"ci","scope":"root"}"#, "expected one of `viewer`, `operator`, `admin`"),
        (r#"{"name":"ci"}"#, "missing field `scope`"),
        (r#"{"name":"ci","scope":"viewer","expires_in_days":0}"#, "1 to 3650"),
        (r#"{"name":"ci","scope":"viewer","life":3}"#, "unknown field `life`"),
    ] {
        let seen = site.bearer(ADMIN, Method::POST, "/api/v1/tokens", body).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(seen.json()["detail"].as_str().unwrap().contains(said), "{body}: {}", seen.body);
    }
    assert_eq!(site.app.store.api_tokens().await.unwrap(), []);
}

#[tokio::test]
async fn a_session_lasts_no_longer_than_its_token_and_no_longer_than_thirty_days() {
    let site = sqlite().await;
    let short = site.token("short", Scope::Viewer).await.text;
    for (token, seconds) in [(short.as_str(), 864_000), (ADMIN, 2_592_000)] {
        let seen = site.sign_in(&[("token", token)]).await;
        let cookie = seen.header("set-cookie");
        assert!(cookie.contains(&format!("; Max-Age={seconds}")), "{cookie}");
    }
}

#[tokio::test]
async fn over_tls_the_cookie_is_bound_to_this_very_host() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let site = Site::at("https://hooks.example.org", database).await;
    let seen = site.sign_in(&[("token", ADMIN)]).await;
    let cookie = seen.header("set-cookie");
    assert!(cookie.starts_with("__Host-jetbridge_session="), "{cookie}");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/;") && cookie.ends_with("; Secure"));
    assert!(site.opens_with(&seen.cookie()).await);
    let planted = seen.cookie().replace("__Host-", "");
    assert!(!site.opens_with(&planted).await, "a neighbor's cookie is no session");
}
