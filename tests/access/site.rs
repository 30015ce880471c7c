//! All routes as a server has them, and callers of every kind.

use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::access::{ApiTokenId, ApiTokenText, Scope};
use jetbridge::config::Secrets;
use jetbridge::store::api_tokens::NewApiToken;
use jetbridge::store::audit::{AuditFilter, AuditRow};
use jetbridge::web;
use jetbridge::web::server::Peer;
use jetbridge::web::state::WebState;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::app::TestApp;
use crate::support::databases::{Kind, TestDatabase};

pub const ADMIN: &str = "jba_the-admin-token-of-these-tests";
/// From where the requests come.
pub const ADDRESS: &str = "192.0.2.7";

pub struct Site {
    pub app: TestApp,
    pub state: WebState,
    routes: Router,
}

/// A token that was made for a test.
pub struct Made {
    pub id: ApiTokenId,
    pub text: String,
}

/// An answer; its body is read only where it ends.
#[derive(Debug)]
pub struct Seen {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("readable"))
    }

    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().expect("a first part").to_owned()
    }
}

pub async fn sqlite() -> Site {
    Site::new(TestDatabase::new(Kind::Sqlite).await).await
}

impl Site {
    pub async fn new(database: TestDatabase) -> Self {
        Self::at("http://127.0.0.1:8080", database).await
    }

    pub async fn at(public_url: &str, database: TestDatabase) -> Self {
        let app = TestApp::new(database).await;
        let state = WebState {
            admin_token: Secrets::new([ADMIN.to_owned()]),
            public_url: public_url.into(),
            ..app.web_state()
        };
        let routes = web::routes(&state, None);
        Self { app, state, routes }
    }

    /// A token that is good for ten days.
    pub async fn token(&self, name: &str, scope: Scope) -> Made {
        let text = ApiTokenText::of(rand::random());
        let now = self.app.clock.now();
        let new = NewApiToken {
            name: &name.parse().unwrap(),
            scope,
            sha256: text.sha256(),
            created_by: "a test",
            expires_at: Some(now + chrono::TimeDelta::days(10)),
        };
        let made = self.app.store.add_api_token(&new, now).await.unwrap().expect("a free name");
        Made { id: made.id, text: text.expose().to_owned() }
    }

    pub async fn ask_from(
        &self,
        peer: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Seen {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).expect("a request");
        let peer: IpAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(Peer(peer));
        let response = self.routes.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let streams = head.headers.get("content-type").is_some_and(|t| t == "text/event-stream");
        // A stream has no end to wait for.
        let body = if streams {
            String::new()
        } else {
            let body = body.collect().await.expect("a whole body").to_bytes();
            String::from_utf8_lossy(&body).into_owned()
        };
        Seen { status: head.status, headers: head.headers, body }
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Seen {
        self.ask_from(ADDRESS, method, path, headers, body).await
    }

    /// With a bearer token.
    pub async fn bearer(&self, token: &str, method: Method, path: &str, body: &str) -> Seen {
        self.ask(method, path, &[("authorization", &format!("Bearer {token}"))], body).await
    }

    /// With a session, from a page of ours.
    pub async fn browser(&self, cookie: &str, method: Method, path: &str, body: &str) -> Seen {
        let headers =
            [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("accept", "text/html")];
        self.ask(method, path, &headers, body).await
    }

    pub async fn sign_in(&self, form: &[(&str, &str)]) -> Seen {
        let form: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(Method::POST, "/login", &[("sec-fetch-site", "same-origin")], &form).await
    }

    /// The cookie of a new session.
    pub async fn session(&self, token: &str) -> String {
        let seen = self.sign_in(&[("token", token)]).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{seen:?}");
        seen.cookie()
    }

    /// The audit log, newest first.
    pub async fn audit(&self) -> Vec<AuditRow> {
        self.app.store.audit_log(&AuditFilter::default(), None, 10_000).await.unwrap()
    }

    /// Whether a page opens with this cookie.
    pub async fn opens_with(&self, cookie: &str) -> bool {
        self.browser(cookie, Method::GET, "/boards", "").await.status == StatusCode::OK
    }
}
