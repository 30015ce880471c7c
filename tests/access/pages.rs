//! The pages about access: what they show to whom, and what can be done from there.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use jetbridge::access::Scope;

use crate::site::{ADMIN, Site, sqlite};
use crate::support::github::GithubDelivery;
use crate::support::plane::Delivery;

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split(before).nth(1).unwrap_or_default().split(after).next().unwrap_or_default()
}

#[tokio::test]
async fn a_token_is_made_on_the_page_and_shown_once() {
    let site = sqlite().await;
    let cookie = site.session(ADMIN).await;
    let form = "name=ci+deploy&scope=operator&expires=30d";
    let made = site.browser(&cookie, Method::POST, "/access/tokens", form).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(made.header("cache-control"), "no-store");
    let text = between(&made.body, r#"id="new-token" readonly value=""#, "\"");
    assert!(text.starts_with("jbt_"), "{}", made.body);
    assert_eq!(site.bearer(text, Method::GET, "/api/v1/stats", "").await.status, StatusCode::OK);
    let again = site.browser(&cookie, Method::GET, "/access", "").await;
    assert!(again.body.contains("ci deploy") && !again.body.contains(text));
    let twice = site.browser(&cookie, Method::POST, "/access/tokens", form).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert!(twice.body.contains("There is a token named ci deploy"), "{}", twice.body);
    assert!(twice.body.contains(r#"value="ci deploy""#), "what was written stays");

    let address = between(&again.body, r#"action="/access/tokens/"#, "\"");
    let revoke = format!("/access/tokens/{address}");
    let revoked = site.browser(&cookie, Method::POST, &revoke, "").await;
    assert_eq!(revoked.header("location"), "/access?done=revoked");
    let page = site.browser(&cookie, Method::GET, "/access?done=revoked", "").await;
    assert!(page.body.contains("refused from now on") && page.body.contains("revoked</span>"));
    assert!(!page.body.contains(&revoke), "it can't be revoked twice");
}

#[tokio::test]
async fn a_form_that_makes_no_token_says_why() {
    let site = sqlite().await;
    let cookie = site.session(ADMIN).await;
    for (form, said) in [
        ("name=&scope=viewer", "Name: expected a name of 1 to 60"),
        ("name=%3Cscript%3E&scope=viewer", "Name: expected"),
        ("name=x&scope=viewer&expires=forever", "Expires: expected days"),
    ] {
        let seen = site.browser(&cookie, Method::POST, "/access/tokens", form).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{form}");
        assert!(seen.body.contains(said) && !seen.body.contains("<script>"), "{}", seen.body);
    }
    assert_eq!(site.app.store.api_tokens().await.unwrap(), []);
}

#[tokio::test]
async fn a_viewer_sees_the_own_sessions_and_nothing_of_anybody_else() {
    let site = sqlite().await;
    let mira = site.token("mira", Scope::Viewer).await.text;
    site.session(ADMIN).await;
    let cookie = site.session(&mira).await;
    site.session(&mira).await;
    let page = site.browser(&cookie, Method::GET, "/access", "").await.body;
    assert_eq!(page.matches(r#"<strong dir="auto">mira</strong>"#).count(), 3, "menu, two rows");
    for hidden in ["API tokens", "/audit", "New token", r#"<strong dir="auto">admin"#] {
        assert!(!page.contains(hidden), "{hidden}");
    }
    let admin = site.session(ADMIN).await;
    let page = site.browser(&admin, Method::GET, "/access", "").await.body;
    for shown in ["API tokens", "/audit", "New token", "mira", "this browser", "192.0.2.7"] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[tokio::test]
async fn signing_out_everywhere_ends_the_own_sessions_and_no_other() {
    let site = sqlite().await;
    let mira = site.token("mira", Scope::Viewer).await.text;
    let (first, second) = (site.session(&mira).await, site.session(&mira).await);
    let admin = site.session(ADMIN).await;
    let seen = site.browser(&first, Method::POST, "/access/sessions/end", "").await;
    assert_eq!(seen.header("location"), "/login");
    assert!(!site.opens_with(&first).await && !site.opens_with(&second).await);
    assert!(site.opens_with(&admin).await);
    let entry = site.audit().await.remove(0).entry;
    assert_eq!((entry.actor.as_str(), entry.target.as_str()), ("mira", "2 sessions of mira"));
    assert!(site.opens_with(&site.session(&mira).await).await, "the token is as good as before");
}

#[tokio::test]
async fn an_admin_ends_one_session_of_somebody_else() {
    let site = sqlite().await;
    let mira = site.token("mira", Scope::Viewer).await.text;
    let (admin, cookie) = (site.session(ADMIN).await, site.session(&mira).await);
    let page = site.browser(&admin, Method::GET, "/access", "").await.body;
    let handle = page
        .split("/access/sessions/")
        .find(|rest| {
            !rest.starts_with("end") && rest.contains("/end\"") && rest.find("/end\"") == Some(16)
        })
        .unwrap();
    let path = format!("/access/sessions/{}/end", &handle[..16]);
    let seen = site.browser(&admin, Method::POST, &path, "").await;
    assert_eq!(seen.header("location"), "/access?done=ended");
    assert!(!site.opens_with(&cookie).await && site.opens_with(&admin).await);
}

#[tokio::test]
async fn buttons_that_the_caller_may_not_press_are_not_shown() {
    let site = sqlite().await;
    let broken = Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":7}}"#);
    site.app.post(&broken).await;
    site.app.run_jobs().await;
    let path = format!("/deliveries/plane/{}", broken.id);
    for (scope, shown) in [(Scope::Viewer, false), (Scope::Operator, true), (Scope::Admin, true)] {
        let token = site.token(&format!("the {scope}"), scope).await.text;
        let cookie = site.session(&token).await;
        let page = site.browser(&cookie, Method::GET, &path, "").await.body;
        assert_eq!(page.contains("/replay\""), shown, "{scope}");
        assert_eq!(page.contains(r#"href="/audit""#), scope == Scope::Admin, "{scope}");
        assert!(page.contains(&format!("<strong dir=\"auto\">the {scope}</strong>")), "{scope}");
    }
}

#[tokio::test]
async fn a_viewer_is_shown_no_way_to_a_replay() {
    let site = sqlite().await;
    let added = r#"{"repository":"octo-org/new-repo"}"#;
    site.bearer(ADMIN, Method::POST, "/api/v1/repositories", added).await;
    let body = r#"{"action":"opened","issue":{"id":"no number"},"repository":{"id":42,"name":"new-repo","full_name":"octo-org/new-repo"}}"#;
    let broken = GithubDelivery::new("issues", body);
    assert_eq!(site.app.post_github(&broken).await.status, StatusCode::ACCEPTED);
    site.app.run_jobs().await;
    for (scope, shown) in [(Scope::Viewer, false), (Scope::Operator, true)] {
        let token = site.token(&format!("the {scope}"), scope).await.text;
        let cookie = site.session(&token).await;
        for path in ["/deliveries", "/repositories", "/repositories/octo-org/new-repo"] {
            let page = page(&site, &cookie, path).await;
            assert!(page.contains("failed"), "{path}: {page}");
            assert_eq!(page.contains("/deliveries/replay"), shown, "{scope}: {path}");
            assert_eq!(
                page.contains("type=\"checkbox\""),
                shown && path == "/deliveries",
                "{scope}: {path}"
            );
        }
    }
}

async fn page(site: &Site, cookie: &str, path: &str) -> String {
    let seen = site.browser(cookie, Method::GET, path, "").await;
    assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.body);
    seen.body
}

#[tokio::test]
async fn the_audit_page_is_newest_first_and_leads_to_older_ones_and_back() {
    let site = sqlite().await;
    for i in 0..60 {
        let body = format!(r#"{{"repository":"octo-org/r{i:02}"}}"#);
        site.bearer(ADMIN, Method::POST, "/api/v1/repositories", &body).await;
        site.app.clock.advance(Duration::from_secs(1));
    }
    let cookie = site.session(ADMIN).await;
    let first = page(&site, &cookie, "/audit").await;
    let at = |text: &str| first.find(text).unwrap();
    assert!(at("Sign in") < at("octo-org/r59") && at("octo-org/r59") < at("octo-org/r58"));
    assert!(!first.contains("octo-org/r00"));
    let older = between(&first, r#"href="/audit?before="#, "\"");
    let second = page(&site, &cookie, &format!("/audit?before={older}")).await;
    assert!(second.contains("octo-org/r00") && !second.contains("octo-org/r59"));
    assert!(second.contains(r#"href="/audit">Newest"#), "{second}");
    let filtered = page(&site, &cookie, "/audit?action=sign+in&actor=admin").await;
    assert!(!filtered.contains("octo-org/") && filtered.contains("with the admin token"));
    for wrong in ["/audit?before=x", "/audit?outcome=good"] {
        let seen = site.browser(&cookie, Method::GET, wrong, "").await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn what_others_wrote_into_the_log_is_text() {
    let site = sqlite().await;
    let path = "/api/v1/deliveries/plane/%3Cscript%3Ealert(1)%3C%2Fscript%3E%E2%80%AE/replay";
    site.bearer(ADMIN, Method::POST, path, "").await;
    let cookie = site.session(ADMIN).await;
    let body = page(&site, &cookie, "/audit").await;
    assert!(body.contains("&#60;script&#62;alert(1)") && !body.contains("<script>alert"), "{body}");
}
