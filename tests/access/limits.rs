//! Wrong tokens are limited, right ones are not.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use jetbridge::access::Scope;

use crate::site::{ADMIN, Site, sqlite};

async fn status_of(site: &Site, peer: &str, token: &str) -> StatusCode {
    let headers = [("authorization", &*format!("Bearer {token}"))];
    site.ask_from(peer, Method::GET, "/api/v1/stats", &headers, "").await.status
}

#[tokio::test]
async fn after_sixty_guesses_an_address_waits_and_nobody_else_does() {
    let site = sqlite().await;
    let ours = site.token("ours", Scope::Viewer).await.text;
    for i in 0..60 {
        let status = status_of(&site, "192.0.2.1", &format!("guess {i}")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{i}");
    }
    let headers = [("authorization", "Bearer jba_guess")];
    let seen = site.ask_from("192.0.2.1", Method::GET, "/api/v1/stats", &headers, "").await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.header("retry-after"), "61");
    let guess = status_of(&site, "192.0.2.1", ADMIN).await;
    assert_eq!(guess, StatusCode::TOO_MANY_REQUESTS, "a guess is not looked at");
    assert_eq!(status_of(&site, "192.0.2.2", ADMIN).await, StatusCode::OK);
    assert_eq!(status_of(&site, "192.0.2.1", ADMIN).await, StatusCode::OK, "it was right before");
    let status = status_of(&site, "192.0.2.1", &ours).await;
    assert_eq!(status, StatusCode::OK, "one of our own can't be a guess");
    site.app.clock.advance(Duration::from_mins(1));
    assert_eq!(status_of(&site, "192.0.2.1", "jba_guess").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_stranger_who_guesses_keeps_nobody_from_signing_in() {
    let site = sqlite().await;
    let ours = site.token("ours", Scope::Viewer).await.text;
    for _ in 0..10 {
        let refused = site.sign_in(&[("token", "a guess")]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let audited = site.audit().await.len();
    let refused = site.sign_in(&[("token", "a guess")]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let wrong = format!("jbt_{}", "0".repeat(64));
    let refused = site.sign_in(&[("token", &wrong)]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "looked at, and wrong");
    assert_eq!(site.audit().await.len(), audited, "and not written down");

    assert_eq!(site.sign_in(&[("token", &ours)]).await.status, StatusCode::SEE_OTHER);
    for network in 1..=100 {
        let (peer, form) = (format!("198.51.100.{network}"), "token=a+guess");
        let headers = [("sec-fetch-site", "same-origin")];
        let refused = site.ask_from(&peer, Method::POST, "/login", &headers, form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "another network has its own tries");
    }
    let entries = site.audit().await.len();
    assert!(entries < 70, "strangers can't fill the audit log: {entries}");
    let link = jetbridge::web::auth::one_time_link(&site.state).await.unwrap();
    let link = link.split("link=").nth(1).unwrap();
    assert_eq!(site.sign_in(&[("link", link)]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_a_proxy_adds_to_a_browsers_requests_does_not_matter() {
    let site = sqlite().await;
    let ours = site.token("ours", Scope::Viewer).await.text;
    let cookie = site.session(&ours).await;
    for added in ["Basic dXNlcjpwYXNz", "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"] {
        for _ in 0..70 {
            let headers = [("cookie", cookie.as_str()), ("authorization", added)];
            let seen = site.ask_from("192.0.2.1", Method::GET, "/api/v1/stats", &headers, "").await;
            assert_eq!(seen.status, StatusCode::OK, "{added}");
        }
    }
    let headers = [("cookie", cookie.as_str()), ("authorization", &*format!("Bearer {ADMIN}"))];
    let seen = site.ask_from("192.0.2.1", Method::GET, "/api/v1/tokens", &headers, "").await;
    assert_eq!(seen.status, StatusCode::OK, "a token of ours counts for more than a cookie");
}

#[tokio::test]
async fn a_program_whose_token_is_right_is_never_slowed_down() {
    let site = sqlite().await;
    let token = site.token("busy", Scope::Viewer).await.text;
    for _ in 0..300 {
        assert_eq!(status_of(&site, "192.0.2.1", &token).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_token_that_was_right_is_refused_at_once_when_it_is_revoked() {
    let site = sqlite().await;
    let made = site.token("ci", Scope::Viewer).await;
    assert_eq!(status_of(&site, "192.0.2.1", &made.text).await, StatusCode::OK);
    site.app.store.revoke_api_token(made.id, site.app.clock.now()).await.unwrap().unwrap();
    assert_eq!(status_of(&site, "192.0.2.1", &made.text).await, StatusCode::UNAUTHORIZED);
}
