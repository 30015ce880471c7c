//! An MCP server over HTTP instead of a child.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use jetbridge::clients::github::{Fetched, ReadGitHub};
use jetbridge::clients::github_mcp::GitHubMcp;
use jetbridge::config::McpServer;
use jetbridge::failure::Failure;
use serde_json::{Value, json};

use crate::child::{fixture, recorded};
use crate::contract::PATIENT;
use crate::{TOKEN, clock, repository, secret};

#[derive(Default)]
struct Server {
    /// The next calls are refused with these.
    refusals: Vec<(u16, Option<u64>)>,
    initialized: usize,
}

type Shared = Arc<Mutex<Server>>;

async fn start() -> (String, Shared) {
    let shared = Shared::default();
    let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, shared)
}

async fn handle(
    State(server): State<Shared>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let authorization = headers.get("authorization").map(|v| v.to_str().unwrap().to_owned());
    if authorization != Some(format!("Bearer {TOKEN}")) {
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Bearer")]).into_response();
    }
    let request: Value = serde_json::from_slice(&body).unwrap();
    let Some(id) = request.get("id") else { return StatusCode::ACCEPTED.into_response() };
    let mut server = server.lock().unwrap();
    let member = match request["method"].as_str().unwrap() {
        "initialize" => {
            server.initialized += 1;
            crate::child::member(&fixture("github-mcp-server-0.12.1.initialize.json"))
        }
        "tools/list" => format!("\"result\":{}", fixture("github-mcp-server-0.12.1.tools.json")),
        _ if !server.refusals.is_empty() => {
            let (status, retry_after) = server.refusals.remove(0);
            // As a server that answers everything in JSON does.
            let body = [("content-type", "application/json")];
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = (status, body, "{\"message\":\"no\"}").into_response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            return response;
        }
        _ => recorded("get_issue", &json!({"owner": "o", "repo": "r", "issue_number": 410})),
    };
    let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{member}}}");
    ([("content-type", "application/json")], body).into_response()
}

fn client(url: &str, token: &str) -> GitHubMcp {
    let server = McpServer::Url(url.to_owned());
    GitHubMcp::new(&server, "https://api.github.com", &secret(token), clock(), PATIENT).unwrap()
}

#[tokio::test]
async fn a_server_over_http_is_asked_as_a_child_is() {
    let (url, server) = start().await;
    let client = client(&url, TOKEN);
    for _ in 0..2 {
        assert_eq!(client.fetch_issue(&repository("o/r"), 410).await, Ok(Fetched::Gone));
    }
    assert_eq!(server.lock().unwrap().initialized, 1);
}

#[tokio::test]
async fn a_token_that_the_server_refuses_waits_longest() {
    let (url, _server) = start().await;
    let failed = client(&url, "wrong").fetch_issue(&repository("o/r"), 1).await;
    let Err(Failure::Retry { after: Some(_), reason }) = failed else { panic!("{failed:?}") };
    assert!(!reason.contains("wrong"), "{reason}");
}

#[tokio::test]
async fn a_server_s_own_limits_and_errors_are_told_apart() {
    let (url, server) = start().await;
    let client = client(&url, TOKEN);
    client.fetch_issue(&repository("o/r"), 410).await.unwrap();
    server.lock().unwrap().refusals = vec![(503, None), (429, Some(30))];
    let failed = client.fetch_issue(&repository("o/r"), 1).await;
    assert!(matches!(failed, Err(Failure::Retry { after: None, .. })), "{failed:?}");
    let failed = client.fetch_issue(&repository("o/r"), 1).await;
    let Err(Failure::Quota { wait, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(wait.as_secs(), 31);
}

#[tokio::test]
async fn a_refused_call_waits_longest_too() {
    let (url, server) = start().await;
    let client = client(&url, TOKEN);
    server.lock().unwrap().refusals = vec![(403, None), (401, None)];
    for _ in 0..2 {
        let failed = client.fetch_issue(&repository("o/r"), 1).await;
        assert!(matches!(failed, Err(Failure::Retry { after: Some(_), .. })), "{failed:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_tried_again() {
    let failed = client("http://127.0.0.1:1/mcp", TOKEN).fetch_issue(&repository("o/r"), 1).await;
    assert!(matches!(failed, Err(Failure::Retry { after: None, .. })), "{failed:?}");
}
