//! The REST API refuses, redirects, pages and limits as GitHub does.

use std::time::Duration;

use http::Method;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jetbridge::sim::github::{
    Access, NewHook, NewIssue, PushAccess, RequestFault, SimGitHub, SimGitHubConfig, SimToken,
};
use serde_json::{Value, json};

use crate::{TOKEN, github};

struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

async fn ask(
    sim: &SimGitHub,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Option<Answer> {
    let url =
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", sim.api_url()) };
    let mut request = http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.map_or_else(String::new, |body| body.to_string());
    let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.ok()?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
}

async fn call(sim: &SimGitHub, method: Method, path: &str, body: Option<Value>) -> Answer {
    let authorization = format!("Bearer {TOKEN}");
    ask(sim, method, path, &[("Authorization", &authorization)], body).await.unwrap()
}

async fn get(sim: &SimGitHub, path: &str) -> Answer {
    call(sim, Method::GET, path, None).await
}

#[tokio::test]
async fn an_issue_goes_through_its_life() {
    let (sim, clock) = github().await;
    let new = json!({"title": "A", "body": "b", "labels": ["bug"], "assignees": ["grace"]});
    let made = call(&sim, Method::POST, "/repos/octo/app/issues", Some(new)).await;
    assert_eq!((made.status, &made.body["user"]["login"]), (201, &json!("jetbridge-bot")));
    clock.advance(Duration::from_secs(5));
    let change =
        json!({"title": "B", "state": "closed", "state_reason": "duplicate", "labels": []});
    let path = "/api/v3/repos/Octo/App/issues/1";
    let changed = call(&sim, Method::PATCH, path, Some(change)).await.body;
    assert_eq!(changed["state_reason"], "duplicate");
    assert_eq!(changed["labels"], json!([]));
    assert_eq!(changed["body"], "b");
    assert_eq!(changed["updated_at"], "2026-11-22T10:00:05Z");
    let comment =
        call(&sim, Method::POST, "/repos/octo/app/issues/1/comments", Some(json!({"body": "c"})));
    let id = comment.await.body["id"].as_u64().unwrap();
    let address = format!("/repos/octo/app/issues/comments/{id}");
    let edited = call(&sim, Method::PATCH, &address, Some(json!({"body": "d"}))).await;
    assert_eq!(edited.body["body"], "d");
    assert_eq!(call(&sim, Method::DELETE, &address, None).await.status, 204);
    assert_eq!(get(&sim, &address).await.status, 404);
}

#[tokio::test]
async fn what_is_gone_or_elsewhere_or_wrong_is_said_in_github_s_words() {
    let (sim, _) = github().await;
    sim.add_repository("octo/other").unwrap();
    let ada = sim.acting_as("ada");
    ada.open_issue("octo/app", &NewIssue::titled("deleted")).unwrap();
    ada.open_issue("octo/app", &NewIssue::titled("moved")).unwrap();
    ada.delete_issue("octo/app", 1).unwrap();
    ada.transfer_issue("octo/app", 2, "octo/other").unwrap();
    assert_eq!(get(&sim, "/repos/octo/app/issues/99").await.status, 404);
    let gone = get(&sim, "/repos/octo/app/issues/1").await;
    assert_eq!((gone.status, &gone.body["message"]), (410, &json!("This issue was deleted")));
    let moved = get(&sim, "/repos/octo/app/issues/2/comments").await;
    assert_eq!(moved.status, 301);
    assert!(moved.header("location").ends_with("/issues/1/comments"));
    assert_eq!(get(&sim, moved.header("location")).await.status, 200);
    ada.rename_repository("octo/app", "renamed").unwrap();
    assert_eq!(get(&sim, "/repos/octo/app").await.status, 301);
    let refused = call(&sim, Method::POST, "/repos/octo/other/issues", Some(json!({}))).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.body["errors"][0]["code"], "missing_field");
}

#[tokio::test]
async fn pages_are_its_own_where_it_has_no_other_address() {
    let config = SimGitHubConfig { web_url: String::new(), ..SimGitHubConfig::default() };
    let sim = SimGitHub::start(config).await.unwrap();
    sim.add_repository("octo/app").unwrap();
    sim.acting_as("ada").open_issue("octo/app", &NewIssue::titled("Look at me")).unwrap();
    let address = sim.issues("octo/app").unwrap()[0].html_url.clone();
    assert!(address.starts_with(&sim.api_url()), "{address}");
    let page = ask(&sim, Method::GET, &address, &[], None).await.unwrap();
    assert_eq!((page.status, page.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(sim.requests(), [], "a person's look counts for no quota");
    let nothing = ask(&sim, Method::GET, "/octo/app/issues/2", &[], None).await.unwrap();
    assert_eq!(nothing.status, 404);
}

#[tokio::test]
async fn tokens_may_do_what_they_may_do() {
    let reader =
        SimToken { issues: Access::Read, webhooks: Access::None, ..SimToken::full("r", "reader") };
    let writer = SimToken { push: PushAccess::No, ..SimToken::full("w", "writer") };
    let config = SimGitHubConfig { tokens: vec![reader, writer], ..SimGitHubConfig::default() };
    let sim = SimGitHub::start(config).await.unwrap();
    sim.add_repository("octo/app").unwrap();
    let as_token = async |token: &str, method, path: &str, body| {
        let authorization = format!("token {token}");
        ask(&sim, method, path, &[("Authorization", &authorization)], body).await.unwrap()
    };
    let issues = "/repos/octo/app/issues";
    assert_eq!(as_token("wrong", Method::GET, "/user", None).await.status, 401);
    assert_eq!(as_token("r", Method::GET, "/user", None).await.body["login"], "reader");
    assert_eq!(as_token("r", Method::GET, issues, None).await.status, 200);
    let refused = as_token("r", Method::POST, issues, Some(json!({"title": "A"}))).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-accepted-github-permissions"), "issues=write");
    assert_eq!(as_token("r", Method::GET, "/repos/octo/app/hooks", None).await.status, 403);
    let made = as_token("w", Method::POST, issues, Some(json!({"title": "A", "labels": ["x"]})));
    assert_eq!(made.await.body["labels"], json!([]), "dropped without a word");
    assert_eq!(ask(&sim, Method::POST, issues, &[], None).await.unwrap().status, 401);
}

#[tokio::test]
async fn lists_are_paged_by_link() {
    let (sim, _) = github().await;
    let ada = sim.acting_as("ada");
    ada.open_issue("octo/app", &NewIssue::titled("A")).unwrap();
    for n in 0..5 {
        ada.comment("octo/app", 1, &n.to_string()).unwrap();
    }
    let mut next = "/repos/octo/app/issues/1/comments?per_page=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = get(&sim, &next).await;
        seen.extend(answer.body.as_array().unwrap().iter().map(|c| c["body"].clone()));
        let link = answer.header("link").to_owned();
        let Some(entry) = link.split(", ").find(|l| l.contains("rel=\"next\"")) else { break };
        entry.split('<').nth(1).unwrap().split('>').next().unwrap().clone_into(&mut next);
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn what_has_not_changed_is_304_and_free() {
    let (sim, _) = github().await;
    sim.acting_as("ada").open_issue("octo/app", &NewIssue::titled("A")).unwrap();
    let first = get(&sim, "/repos/octo/app/issues/1").await;
    let authorization = format!("Bearer {TOKEN}");
    let headers =
        [("Authorization", authorization.as_str()), ("If-None-Match", first.header("etag"))];
    let again = ask(&sim, Method::GET, "/repos/octo/app/issues/1", &headers, None).await.unwrap();
    assert_eq!((again.status, again.body), (304, Value::Null));
    let last = get(&sim, "/repos/octo/app/issues/1").await;
    assert_eq!(last.header("x-ratelimit-used"), "2");
}

#[tokio::test]
async fn both_rate_limits_refuse_and_pass_again_when_their_time_has_come() {
    let (sim, clock) = github().await;
    sim.exhaust_quota(TOKEN, Duration::from_mins(30));
    let limited = get(&sim, "/user").await;
    assert_eq!((limited.status, limited.header("x-ratelimit-remaining")), (403, "0"));
    assert!(limited.body["message"].as_str().unwrap().starts_with("API rate limit exceeded"));
    clock.advance(Duration::from_mins(30));
    assert_eq!(get(&sim, "/user").await.status, 200);
    sim.slow_down(TOKEN, Duration::from_secs(40));
    let limited = get(&sim, "/user").await;
    assert_eq!((limited.status, limited.header("retry-after")), (403, "40"));
    clock.advance(Duration::from_secs(40));
    assert_eq!(get(&sim, "/user").await.status, 200);
    for _ in 0..100 {
        get(&sim, "/user").await;
    }
    assert_eq!(get(&sim, "/user").await.status, 403, "a hundred an hour");
}

#[tokio::test]
async fn faults_strike_the_next_requests() {
    let (sim, _) = github().await;
    sim.add_request_faults([
        RequestFault::Status(502),
        RequestFault::TooManyRequests { retry_after: Some(Duration::from_secs(7)) },
        RequestFault::None,
        RequestFault::Reset,
        RequestFault::LostAnswer,
    ]);
    assert_eq!(get(&sim, "/user").await.status, 502);
    let limited = get(&sim, "/user").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, "7"));
    assert_eq!(get(&sim, "/user").await.status, 200);
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("Authorization", authorization.as_str())];
    assert!(ask(&sim, Method::GET, "/user", &headers, None).await.is_none());
    let new = Some(json!({"title": "made all the same"}));
    assert!(ask(&sim, Method::POST, "/repos/octo/app/issues", &headers, new).await.is_none());
    assert_eq!(sim.issues("octo/app").unwrap()[0].title, "made all the same");
}

#[tokio::test]
async fn deliveries_are_listed_shown_and_sent_again() {
    let (sim, clock) = github().await;
    let hook = sim.add_hook("octo/app", NewHook::to("http://127.0.0.1:1/", "s")).unwrap();
    sim.acting_as("ada").open_issue("octo/app", &NewIssue::titled("A")).unwrap();
    sim.settled().await;
    let base = format!("/repos/octo/app/hooks/{hook}/deliveries");
    let page = get(&sim, &format!("{base}?per_page=1")).await;
    let newest = page.body[0].clone();
    assert_eq!((&newest["event"], &newest["action"]), (&json!("issues"), &json!("opened")));
    assert_eq!(newest["status"], "failed to connect to host");
    assert!(page.header("link").contains("cursor="));
    let shown = get(&sim, &format!("{base}/{}", newest["id"])).await.body;
    assert_eq!(shown["request"]["payload"]["issue"]["title"], "A");
    let again = call(&sim, Method::POST, &format!("{base}/{}/attempts", newest["id"]), None).await;
    assert_eq!(again.status, 202);
    sim.settled().await;
    let repeated = get(&sim, &base).await.body[0].clone();
    assert_eq!((&repeated["guid"], &repeated["redelivery"]), (&newest["guid"], &json!(true)));
    assert_ne!(repeated["id"], newest["id"]);
    clock.advance(Duration::from_hours(73));
    assert_eq!(get(&sim, &base).await.body, json!([]), "three days later they are gone");
    let again = call(&sim, Method::POST, &format!("{base}/{}/attempts", newest["id"]), None).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn a_hook_made_over_rest_is_a_form_hook_unless_told() {
    let (sim, _) = github().await;
    let hook = json!({"config": {"url": "http://127.0.0.1:1/"}, "events": ["issues"]});
    let made = call(&sim, Method::POST, "/repos/octo/app/hooks", Some(hook)).await;
    assert_eq!((made.status, &made.body["config"]["content_type"]), (201, &json!("form")));
}

#[tokio::test]
async fn assignees_come_and_go_and_who_may_not_be_assigned_is_left_out_without_a_word() {
    use jetbridge::sim::github::Switched;
    let (sim, _) = github().await;
    let ada = sim.acting_as("ada");
    ada.open_issue("octo/app", &NewIssue::titled("Whose?").assigned_to(["hedy"])).unwrap();
    sim.set_assignable("octo/app", "Mallory", Switched::Off).unwrap();
    let path = "/repos/octo/app/issues/1/assignees";
    let change = async |method, logins: &[&str]| {
        let answer = call(&sim, method, path, Some(json!({"assignees": logins}))).await;
        let people = answer.body["assignees"].as_array().cloned().unwrap_or_default();
        let names: Vec<_> =
            people.iter().map(|p| p["login"].as_str().unwrap().to_owned()).collect();
        (answer.status, names.join(" "))
    };
    assert_eq!(change(Method::POST, &["ada", "mallory"]).await, (201, "hedy ada".to_owned()));
    assert_eq!(change(Method::DELETE, &["HEDY", "nobody"]).await, (200, "ada".to_owned()));
    let many: Vec<String> = (0..10).map(|n| format!("dev{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (status, names) = change(Method::POST, &many).await;
    assert_eq!((status, names.split(' ').count()), (201, 10), "an issue takes ten");
    let eleven = [&many[..], &["one-more"]].concat();
    assert_eq!(change(Method::POST, &eleven).await.0, 422);
    let nowhere = "/repos/octo/app/issues/0/assignees";
    assert_eq!(call(&sim, Method::POST, nowhere, Some(json!({"assignees": []}))).await.status, 404);
}
