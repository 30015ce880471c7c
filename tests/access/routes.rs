//! Each route with each caller. A route that is new stands in no table of this file, and so it
//! fails until somebody says here what it needs.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use jetbridge::access::{Outcome, Scope};
use jetbridge::web;
use jetbridge::web::route_table::Route;

use crate::site::{ADMIN, Seen, Site, sqlite};

/// What a viewer may, an operator, an admin; for programs and for people.
const VIEWER: &[&str] = &[
    "GET /api/v1/work-items",
    "GET /api/v1/work-items/{ref}",
    "GET /api/v1/work-items/{ref}/timeline",
    "GET /api/v1/work-items/{ref}/comments",
    "GET /api/v1/deliveries",
    "GET /api/v1/deliveries/{source}/{delivery_id}",
    "GET /api/v1/repositories",
    "GET /api/v1/repositories/{owner}/{name}",
    "GET /api/v1/repositories/{owner}/{name}/drift",
    "GET /api/v1/people",
    "GET /api/v1/stats",
    "GET /api/v1/health",
    "GET /api/v1/live",
    "GET /api/openapi.json",
    "GET /api/docs",
    "GET /metrics",
    "GET /",
    "GET /boards",
    "GET /work-items/{item}",
    "GET /work-items/{item}/timeline",
    "GET /deliveries",
    "GET /deliveries/{source}/{id}",
    "GET /live",
    "GET /health",
    "GET /repositories",
    "GET /repositories/{owner}/{name}",
    "GET /repositories/{owner}/{name}/mapping",
    "GET /people",
    "GET /rules",
    "POST /rules",
    "POST /api/v1/rules/test",
    "GET /access",
    "POST /access/sessions/end",
];
const OPERATOR: &[&str] = &[
    "POST /api/v1/deliveries/replay",
    "POST /api/v1/deliveries/{source}/{delivery_id}/replay",
    "POST /deliveries/{source}/{id}/replay",
    "GET /deliveries/replay",
    "POST /deliveries/replay",
    "POST /boards/views",
    "POST /boards/views/{id}/rename",
    "POST /boards/views/{id}/delete",
];
const ADMINS: &[&str] = &[
    "GET /api/v1/audit",
    "GET /api/v1/tokens",
    "POST /api/v1/tokens",
    "DELETE /api/v1/tokens/{id}",
    "POST /api/v1/people",
    "DELETE /api/v1/people/{login}",
    "POST /api/v1/repositories",
    "PATCH /api/v1/repositories/{owner}/{name}",
    "DELETE /api/v1/repositories/{owner}/{name}",
    "POST /access/tokens",
    "POST /access/tokens/{id}/revoke",
    "POST /access/sessions/{handle}/end",
    "GET /audit",
    "POST /repositories/{owner}/{name}/mapping/preview",
    "POST /repositories/{owner}/{name}/mapping",
    "POST /people",
    "POST /people/forget",
    "POST /boards/limits",
    "POST /repositories",
    "POST /repositories/{owner}/{name}",
    "GET /repositories/{owner}/{name}/remove",
    "POST /repositories/{owner}/{name}/remove",
];

fn name(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}

/// The address with something in place of its `{parts}`.
fn address(route: &Route) -> String {
    let part = |part: &str| match part {
        "{source}" => "plane".to_owned(),
        part if part.starts_with('{') => "x".to_owned(),
        part => part.to_owned(),
    };
    route.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_stands_in_the_table_with_the_scope_that_it_needs() {
    let (programs, people) = (web::for_programs(), web::for_people());
    let routed: BTreeSet<(Scope, String)> =
        programs.list().chain(people.list()).map(|route| (route.scope, name(route))).collect();
    let tables = [(Scope::Viewer, VIEWER), (Scope::Operator, OPERATOR), (Scope::Admin, ADMINS)];
    let named: BTreeSet<(Scope, String)> = tables
        .iter()
        .flat_map(|(scope, names)| names.iter().map(|name| (*scope, (*name).to_owned())))
        .collect();
    assert_eq!(routed, named, "a route is not named here, or not with this scope");
}

#[test]
fn what_changes_something_says_what_it_does_and_what_shows_something_does_not() {
    let (programs, people) = (web::for_programs(), web::for_people());
    for route in programs.list().chain(people.list()) {
        assert_eq!(route.deed.is_some(), route.method != Method::GET, "{}", name(route));
    }
}

#[tokio::test]
async fn the_api_that_is_documented_is_the_api_that_is_guarded() {
    let site = sqlite().await;
    let document = site.bearer(ADMIN, Method::GET, "/api/openapi.json", "").await.json();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    for route in web::for_programs().list().filter(|route| route.path.starts_with("/api/v1/")) {
        let method = route.method.as_str().to_lowercase();
        let said = document["paths"][route.path][method]["description"].as_str().unwrap_or("");
        let needed = format!("Needs the scope `{}`.", route.scope);
        assert!(said.ends_with(&needed), "{}: {said}", name(route));
    }
    let guarded: BTreeSet<String> =
        web::for_programs().list().map(name).filter(|name| name.contains(" /api/v1/")).collect();
    assert_eq!(guarded, documented);
}

#[tokio::test]
async fn nobody_gets_past_the_guard_of_any_route() {
    let site = sqlite().await;
    let expired = site.token("expired", Scope::Admin).await;
    let revoked = site.token("revoked", Scope::Admin).await;
    let cookies = [site.session(&expired.text).await, site.session(&revoked.text).await];
    let now = site.app.clock.now();
    site.app.store.revoke_api_token(revoked.id, now).await.unwrap().expect("revoked");
    site.app.clock.advance(std::time::Duration::from_hours(240));
    let wrong = format!("jbt_{}", "0".repeat(64));
    let bearers = [expired.text, revoked.text, wrong, String::new()];
    for route in web::for_programs().list() {
        let path = address(route);
        for (i, token) in bearers.iter().enumerate() {
            // Each from an address of its own: wrong ones are limited.
            let peer = format!("198.51.100.{i}");
            site.app.clock.advance(std::time::Duration::from_secs(2));
            let headers = [("authorization", &*format!("Bearer {token}")), ("cookie", &cookies[0])];
            let seen = site.ask_from(&peer, route.method.clone(), &path, &headers, "").await;
            refused_without_a_name(&seen, route);
        }
        refused_without_a_name(&site.ask(route.method.clone(), &path, &[], "").await, route);
        for cookie in &cookies {
            let seen = site.browser(cookie, route.method.clone(), &path, "").await;
            assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{}", name(route));
        }
    }
    for route in web::for_people().list() {
        let path = address(route);
        let bearer = format!("Bearer {ADMIN}");
        for headers in [
            vec![],
            vec![("authorization", bearer.as_str())],
            vec![("cookie", cookies[0].as_str()), ("sec-fetch-site", "same-origin")],
            vec![("cookie", cookies[1].as_str()), ("sec-fetch-site", "same-origin")],
        ] {
            let seen = site.ask(route.method.clone(), &path, &headers, "").await;
            assert_eq!(seen.status, StatusCode::SEE_OTHER, "{} {headers:?}", name(route));
            assert!(seen.header("location").starts_with("/login"), "{}", name(route));
        }
    }
    let sign_ins = site.audit().await.len();
    assert_eq!(sign_ins, 2, "whoever has no name leaves no trace but the sign-in");
}

fn refused_without_a_name(seen: &Seen, route: &Route) {
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{}", name(route));
    assert_eq!(seen.header("www-authenticate"), "Bearer", "{}", name(route));
    assert_eq!(seen.json()["status"], 401, "{}", name(route));
}

#[tokio::test]
async fn each_scope_may_use_its_routes_and_those_of_the_smaller_ones_and_no_other() {
    let site = sqlite().await;
    for scope in Scope::ALL {
        let token = site.token(scope.as_str().trim_end_matches('n'), scope).await.text;
        for route in web::for_programs().list() {
            let path = address(route);
            let by_token = site.bearer(&token, route.method.clone(), &path, "").await;
            judge(&by_token, route, scope);
            let cookie = site.session(&token).await;
            let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
            let by_session = site.ask(route.method.clone(), &path, &headers, "").await;
            judge(&by_session, route, scope);
            assert_eq!(by_token.status, by_session.status, "{}", name(route));
        }
        for route in web::for_people().list() {
            let cookie = site.session(&token).await;
            let seen = site.browser(&cookie, route.method.clone(), &address(route), "").await;
            if scope < route.scope {
                assert_eq!(seen.status, StatusCode::FORBIDDEN, "{} {scope}", name(route));
                let needed = format!("needs the scope {}", route.scope);
                assert!(seen.body.contains(&needed), "{} {}", name(route), seen.body);
                assert!(seen.body.starts_with("<!doctype html>"), "{}", name(route));
            } else {
                allowed(&seen, route, scope);
            }
        }
    }
}

fn judge(seen: &Seen, route: &Route, scope: Scope) {
    if scope >= route.scope {
        return allowed(seen, route, scope);
    }
    assert_eq!(seen.status, StatusCode::FORBIDDEN, "{} {scope}", name(route));
    assert_eq!(seen.json()["required_scope"], route.scope.as_str(), "{}", name(route));
    let needed = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", route.scope);
    assert_eq!(seen.header("www-authenticate"), needed, "{}", name(route));
}

fn allowed(seen: &Seen, route: &Route, scope: Scope) {
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED];
    assert!(!refused.contains(&seen.status), "{} {scope} {seen:?}", name(route));
    assert!(!seen.status.is_server_error(), "{} {scope} {seen:?}", name(route));
    let to_login = seen.header("location").starts_with("/login");
    assert_eq!(to_login, route.path == "/access/sessions/end", "{} {scope}", name(route));
}

#[tokio::test]
async fn every_change_by_cookie_must_come_from_our_own_pages() {
    let site = sqlite().await;
    let cookie = site.session(ADMIN).await;
    let foreign: [&[(&str, &str)]; 4] = [
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "https://evil.example"), ("host", "127.0.0.1:8080")],
        &[("origin", "null")],
    ];
    let (programs, people) = (web::for_programs(), web::for_people());
    for route in programs.list().chain(people.list()).filter(|route| route.deed.is_some()) {
        for case in foreign {
            let headers = [&[("cookie", cookie.as_str())], case].concat();
            let seen = site.ask(route.method.clone(), &address(route), &headers, "{}").await;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{} {case:?}", name(route));
            assert!(seen.body.contains("does not come from a page"), "{}", name(route));
        }
    }
    assert!(site.opens_with(&cookie).await);
}

#[tokio::test]
async fn a_socket_by_cookie_must_come_from_our_own_pages() {
    let site = sqlite().await;
    let cookie = site.session(ADMIN).await;
    let socket = [("cookie", &*cookie), ("connection", "Upgrade"), ("upgrade", "websocket")];
    for (origin, status) in
        [("https://evil.example", StatusCode::FORBIDDEN), ("http://127.0.0.1:8080", StatusCode::OK)]
    {
        let headers = [&socket[..], &[("origin", origin)]].concat();
        let seen = site.ask(Method::GET, "/api/v1/stats", &headers, "").await;
        assert_eq!(seen.status, status, "{origin}");
    }
}

#[tokio::test]
async fn every_change_and_every_refused_one_is_in_the_audit_log_with_its_route() {
    let site = sqlite().await;
    let (programs, people) = (web::for_programs(), web::for_people());
    for route in programs.list().chain(people.list()).filter(|route| route.deed.is_some()) {
        written_down(&site, route).await;
    }
}

async fn written_down(site: &Site, route: &Route) {
    let by_page = !route.path.starts_with("/api/");
    let viewer = format!("viewer {}", uuid::Uuid::new_v4().simple());
    let viewer_token = site.token(&viewer, Scope::Viewer).await.text;
    for (token, actor, scope) in
        [(ADMIN, "admin", Scope::Admin), (&*viewer_token, &*viewer, Scope::Viewer)]
    {
        let seen = if by_page {
            let cookie = site.session(token).await;
            site.browser(&cookie, route.method.clone(), &address(route), "").await
        } else {
            site.bearer(token, route.method.clone(), &address(route), "").await
        };
        let entry = site.audit().await.remove(0).entry;
        assert_eq!((entry.actor.as_str(), entry.scope), (actor, Some(scope)), "{}", name(route));
        assert_eq!((Some(entry.action.as_str()), entry.route), (route.deed, name(route)));
        assert_eq!(entry.address, crate::site::ADDRESS);
        assert_eq!(entry.status, Some(seen.status.as_u16()), "{}", name(route));
        if scope < route.scope {
            assert_eq!(entry.outcome, Outcome::Refused, "{}", name(route));
        } else {
            assert_ne!(entry.outcome, Outcome::Refused, "{}", name(route));
        }
    }
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_told_only_to_those_with_a_name() {
    let site = sqlite().await;
    let seen = site.ask(Method::PUT, "/api/v1/repositories", &[], "").await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    let seen = site.bearer(ADMIN, Method::PUT, "/api/v1/repositories", "").await;
    assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(seen.header("allow"), "GET,HEAD,POST");
    let seen = site.ask(Method::PUT, "/boards", &[], "").await;
    assert_eq!(seen.header("location"), "/login");
}
