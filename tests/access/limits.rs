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
async fn after_sixty_wrong_tokens_an_address_waits_and_nobody_else_does() {
    let site = sqlite().await;
    let known = site.token("known", Scope::Viewer).await.text;
    let unknown = site.token("unknown", Scope::Viewer).await.text;
    assert_eq!(status_of(&site, "192.0.2.1", &known).await, StatusCode::OK);
    for i in 0..60 {
        let wrong = format!("jbt_{i:064x}");
        assert_eq!(status_of(&site, "192.0.2.1", &wrong).await, StatusCode::UNAUTHORIZED, "{i}");
    }
    let headers = [("authorization", "Bearer jba_guess")];
    let seen = site.ask_from("192.0.2.1", Method::GET, "/api/v1/stats", &headers, "").await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.header("retry-after"), "61");
    for token in [ADMIN, unknown.as_str()] {
        let status = status_of(&site, "192.0.2.1", token).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "a guess is not looked at");
        assert_eq!(status_of(&site, "192.0.2.2", token).await, StatusCode::OK);
    }
    assert_eq!(status_of(&site, "192.0.2.1", &known).await, StatusCode::OK, "it was right before");
    site.app.clock.advance(Duration::from_mins(1));
    assert_eq!(status_of(&site, "192.0.2.1", "jba_guess").await, StatusCode::UNAUTHORIZED);
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
