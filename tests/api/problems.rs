//! What is answered when something is wrong, and what every answer carries.

use axum::http::{Method, StatusCode};
use jetbridge::web::error::ProblemKind;

use crate::browsing::{TOKEN, sqlite};
use crate::support::plane::SECRET;

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn browsers_get_a_page_and_programs_a_problem() {
    let site = sqlite().await;
    let page = site.ask(Method::GET, "/nowhere", &[("accept", HTML)], "").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.body.contains("There is nothing here"));
    let problem = site.ask(Method::GET, "/nowhere", &[("accept", "*/*")], "").await;
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert_eq!(problem.json()["type"], "/api/docs#not-found");
    let guarded = site.ask(Method::GET, "/api/docs", &[("accept", HTML)], "").await;
    assert_eq!(guarded.status, StatusCode::UNAUTHORIZED);
    assert!(guarded.body.contains(r#"href="/login""#));
}

#[tokio::test]
async fn a_wrong_method_is_405_and_names_the_right_ones() {
    let site = sqlite().await;
    for (method, path, allow) in [
        (Method::DELETE, "/api/v1/work-items", "GET,HEAD"),
        (Method::GET, "/api/v1/deliveries/replay", "POST"),
        (Method::PUT, "/login", "GET,HEAD,POST"),
        (Method::GET, "/logout", "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
    ] {
        let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
        let seen = site.ask(method, path, &headers, "").await;
        assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(seen.header("allow"), allow, "{path}");
        assert_eq!(seen.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn a_bad_parameter_is_400_and_named_with_what_is_expected() {
    let site = sqlite().await;
    let long = format!("/api/v1/work-items?q={}", "x".repeat(1001));
    for (path, parameter, expected) in [
        ("/api/v1/work-items?limit=0", "limit", "from 1 to 200"),
        ("/api/v1/work-items?limit=201", "limit", "from 1 to 200"),
        ("/api/v1/work-items?limit=ten", "limit", "whole number"),
        ("/api/v1/work-items?cursor=zz", "cursor", "next_cursor"),
        ("/api/v1/work-items?cursor=5b5d", "cursor", "next_cursor"),
        ("/api/v1/work-items?system=jira", "system", "plane, github"),
        ("/api/v1/work-items?state_group=done", "state_group", "backlog, unstarted"),
        ("/api/v1/work-items?label=a&label=b", "label", "twice"),
        ("/api/v1/work-items?colour=red", "colour", "known are system"),
        ("/api/v1/work-items?Status=Todo", "Status", "not known"),
        (&*long, "q", "at most 1000"),
        ("/api/v1/deliveries?source=jira", "source", "expected plane or github"),
        ("/api/v1/deliveries?status=done", "status", "received, processed or failed"),
        ("/api/v1/deliveries?since=yesterday", "since", "RFC 3339"),
        ("/api/v1/deliveries?until=9999-12-31T23:59:59-23:59", "until", "RFC 3339"),
        ("/api/v1/deliveries?state=failed", "state", "not known"),
        ("/api/v1/work-items/plane:1/timeline?limit=1001", "limit", "from 1 to 1000"),
        ("/api/v1/stats?since=2026-11-22T00:00:00Z", "since", "not known"),
    ] {
        let seen = site.get(path).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{path}");
        let problem = seen.json();
        assert_eq!(problem["parameter"], parameter, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{path}: {problem}");
    }
    assert_eq!(site.get("/api/v1/work-items?q=%00").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_empty_parameter_counts_as_not_given() {
    let site = sqlite().await;
    let path = "/api/v1/work-items?system=&project=&status=&state_group=&assignee=&label=&q=&cursor=&limit=";
    assert_eq!(site.get(path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let site = sqlite().await;
    for path in [
        "/api/v1/work-items/plane:nothing",
        "/api/v1/work-items/plane:nothing/timeline",
        "/api/v1/work-items/plane:nothing/comments",
        "/api/v1/work-items/%00",
        "/api/v1/work-items/%ff",
        "/api/v1/deliveries/plane/nothing",
        "/api/v1/deliveries/jira/nothing",
        "/api/v1/nothing",
        "/api/v2/work-items",
    ] {
        let seen = site.get(path).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(seen.json()["status"], 404);
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let site = sqlite().await;
    for path in
        ["/login", "/boards", "/api/v1/stats", "/api/docs", "/nowhere", "/healthz", "/metrics"]
    {
        let seen = site.get(path).await;
        let policy = seen.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"),
            "{path}"
        );
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(seen.header("x-content-type-options"), "nosniff");
        assert_eq!(seen.header("referrer-policy"), "same-origin");
        assert_eq!(seen.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn the_documentation_lists_exactly_the_routes() {
    let site = sqlite().await;
    let document = site.get("/api/openapi.json").await.json();
    let mut listed: Vec<String> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            listed.push(format!("{method} {path}"));
        }
    }
    listed.sort();
    assert_eq!(
        listed,
        [
            "delete /api/v1/people/{login}",
            "delete /api/v1/repositories/{owner}/{name}",
            "delete /api/v1/tokens/{id}",
            "get /api/v1/audit",
            "get /api/v1/deliveries",
            "get /api/v1/deliveries/{source}/{delivery_id}",
            "get /api/v1/health",
            "get /api/v1/live",
            "get /api/v1/people",
            "get /api/v1/repositories",
            "get /api/v1/repositories/{owner}/{name}",
            "get /api/v1/repositories/{owner}/{name}/drift",
            "get /api/v1/stats",
            "get /api/v1/tokens",
            "get /api/v1/work-items",
            "get /api/v1/work-items/{ref}",
            "get /api/v1/work-items/{ref}/comments",
            "get /api/v1/work-items/{ref}/timeline",
            "patch /api/v1/repositories/{owner}/{name}",
            "post /api/v1/deliveries/replay",
            "post /api/v1/deliveries/{source}/{delivery_id}/replay",
            "post /api/v1/people",
            "post /api/v1/repositories",
            "post /api/v1/rules/test",
            "post /api/v1/tokens",
        ]
    );
    // What is listed is routed, and no other method of the same address is.
    for path in document["paths"].as_object().unwrap().keys() {
        let address = path
            .replace("{ref}", "plane:x")
            .replace("{source}", "plane")
            .replace("{owner}/{name}", "octo-org/nobody")
            .replace("{login}", "nobody")
            .replace("{delivery_id}", "x")
            .replace("{id}", "x");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let authorization = format!("Bearer {TOKEN}");
            let seen =
                site.ask(method.clone(), &address, &[("authorization", &authorization)], "").await;
            let routed =
                seen.status != StatusCode::METHOD_NOT_ALLOWED && !seen.body.contains("No page");
            let line = format!("{} {path}", method.as_str().to_lowercase());
            assert_eq!(routed, listed.contains(&line), "{line} {seen:?}");
        }
    }
}

#[tokio::test]
async fn the_documentation_page_names_every_operation_and_every_problem() {
    let site = sqlite().await;
    let page = site.get("/api/docs").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    for part in ["GET /api/v1/work-items/{ref}", "POST /api/v1/deliveries/replay", "state_group"] {
        assert!(page.body.contains(part), "{part}");
    }
    for kind in ProblemKind::ALL {
        assert!(page.body.contains(&format!(r#"id="{}""#, kind.slug())), "{kind:?}");
    }
}

#[tokio::test]
async fn no_answer_holds_a_secret() {
    let site = sqlite().await;
    let cookie = site.session().await;
    let session = cookie.split('=').nth(1).unwrap();
    for path in [
        "/login",
        "/boards",
        "/api/v1/stats",
        "/api/docs",
        "/api/openapi.json",
        "/metrics",
        "/readyz",
        "/x",
    ] {
        let authorization = format!("Bearer {TOKEN}");
        let headers = [("authorization", &*authorization), ("cookie", &*cookie)];
        let seen = site.ask(Method::GET, path, &headers, "").await;
        let whole = format!("{:?}{}", seen.headers, seen.body);
        for secret in [TOKEN, SECRET, session] {
            assert!(!whole.contains(secret), "{path}");
        }
    }
    let shown = format!("{:?}", site.state);
    assert!(!shown.contains(TOKEN));
}

#[tokio::test]
async fn a_database_that_is_gone_is_told_as_503_without_its_name() {
    let site = sqlite().await;
    site.app.store.close().await;
    let seen = site.get("/api/v1/stats").await;
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(seen.header("retry-after"), "10");
    assert!(!seen.body.contains("pool") && !seen.body.contains("sqlite"), "{}", seen.body);
    let cookie = format!("jetbridge_session={}", "0".repeat(64));
    let page = site.ask(Method::GET, "/boards", &[("cookie", &cookie), ("accept", HTML)], "").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.body.contains("jetbridge doctor") && page.body.contains(r#"href="/boards""#));
}
