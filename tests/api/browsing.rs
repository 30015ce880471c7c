//! The routes as they are put together when serving, and a browser that talks to them.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::config::Secrets;
use jetbridge::web;
use jetbridge::web::state::{Setup, WebState};
use serde_json::Value;
use tower::ServiceExt;

use crate::support::app::TestApp;
use crate::support::databases::{Kind, TestDatabase};

/// One of two admin tokens.
pub const TOKEN: &str = "jba_the-admin-token-of-these-tests";
const OLD_TOKEN: &str = "jba_the-one-before";

/// The application under test with its pages.
pub struct Site {
    pub app: TestApp,
    pub state: WebState,
    routes: Router,
}

/// An answer, whole.
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

    /// `name=value` of the cookie that it sets.
    pub fn cookie(&self) -> &str {
        self.header("set-cookie").split(';').next().expect("a first part")
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
        Self::with_setup(public_url, database, Setup::default()).await
    }

    /// With what the configuration says.
    pub async fn with_setup(public_url: &str, database: TestDatabase, setup: Setup) -> Self {
        let app = TestApp::new(database).await;
        let state = WebState {
            admin_token: Secrets::new([TOKEN.to_owned(), OLD_TOKEN.to_owned()]),
            public_url: public_url.into(),
            setup: Arc::new(setup),
            ..app.web_state()
        };
        let routes = web::routes(&state, None);
        Self { app, state, routes }
    }

    pub async fn send(&self, request: Request<Body>) -> Seen {
        let response = self.routes.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("text");
        Seen { status: head.status, headers: head.headers, body }
    }

    /// GET with the token.
    pub async fn get(&self, path: &str) -> Seen {
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {TOKEN}"))], "").await
    }

    /// POST with the token.
    pub async fn post(&self, path: &str, body: &str) -> Seen {
        self.ask(Method::POST, path, &[("authorization", &format!("Bearer {TOKEN}"))], body).await
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Seen {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// Sends the sign-in form from our own page.
    pub async fn sign_in(&self, form: &[(&str, &str)]) -> Seen {
        let form: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(Method::POST, "/login", &[("sec-fetch-site", "same-origin")], &form).await
    }

    /// The cookie of a new session.
    pub async fn session(&self) -> String {
        let seen = self.sign_in(&[("token", TOKEN)]).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER);
        seen.cookie().to_owned()
    }

    /// Whether a page opens with this cookie.
    pub async fn opens_with(&self, cookie: &str) -> bool {
        let seen = self.ask(Method::GET, "/boards", &[("cookie", cookie)], "").await;
        assert!([StatusCode::OK, StatusCode::SEE_OTHER].contains(&seen.status), "{seen:?}");
        seen.status == StatusCode::OK
    }
}
