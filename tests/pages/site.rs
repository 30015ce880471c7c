//! The routes as they are put together when serving, and a browser that is signed in.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::store::sessions::TokenKind;
use jetbridge::web;
use jetbridge::web::state::{SecretState, Setup, WebState};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use crate::support::app::TestApp;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::plane::{Delivery, issue};

pub const TODO: (&str, &str) = ("Todo", "unstarted");
const SESSION: &str = "5e55100000000000000000000000000000000000000000000000000000000000";
const COOKIE: &str =
    "__Host-jetbridge_session=5e55100000000000000000000000000000000000000000000000000000000000";
pub const ID: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";

/// The application under test with its pages.
pub struct Site {
    pub app: TestApp,
    routes: Router,
}

/// An answer, whole.
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    /// Where it sends the browser on to.
    pub fn next(&self) -> String {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.headers["location"].to_str().expect("an address").to_owned()
    }
}

impl Site {
    pub async fn new(database: TestDatabase) -> Self {
        Self::with_secret(database, SecretState::Set).await
    }

    pub async fn on_sqlite() -> Self {
        Self::new(TestDatabase::new(Kind::Sqlite).await).await
    }

    pub async fn with_secret(database: TestDatabase, plane_secret: SecretState) -> Self {
        Self::with_setup(database, plane_secret, Setup::default()).await
    }

    /// With what the configuration says.
    pub async fn with_setup(
        database: TestDatabase,
        plane_secret: SecretState,
        setup: Setup,
    ) -> Self {
        let app = TestApp::new(database).await;
        let state = WebState { plane_secret, setup: Arc::new(setup), ..app.web_state() };
        let now = app.clock.now();
        let session = Sha256::digest(SESSION).into();
        let put =
            app.store.put_token(&session, TokenKind::Session, now, now + Duration::from_hours(1));
        put.await.expect("a session");
        let routes = web::routes(&state, None);
        Self { app, routes }
    }

    /// As a browser that is signed in.
    pub async fn ask(&self, mut request: Request<Body>) -> Page {
        let sent = [("accept", "text/html"), ("sec-fetch-site", "same-origin"), ("cookie", COOKIE)];
        for (name, value) in sent {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let answer = self.routes.clone().oneshot(request).await.expect("an answer");
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Page { status: head.status, headers: head.headers, text }
    }

    pub async fn open(&self, address: &str) -> Page {
        self.ask(Request::get(address).body(Body::empty()).expect("a request")).await
    }

    pub async fn see(&self, address: &str) -> String {
        let page = self.open(address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}: {}", page.text);
        page.text
    }

    pub async fn submit(&self, address: &str) -> Page {
        self.fill_in(address, &[]).await
    }

    /// Sends a form from our own page.
    pub async fn fill_in(&self, address: &str, fields: &[(&str, &str)]) -> Page {
        let form: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(address)
            .header("content-type", "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(form)).expect("a request")).await
    }

    /// Presses the button of the page's last form, with its hidden fields.
    pub async fn press(&self, page: &str, action: &str) -> Page {
        let (_, form) =
            page.rsplit_once(&format!("method=\"post\" action=\"{action}\"")).expect("the form");
        let form = form.split_once("</form>").expect("its end").0;
        let fields: Vec<(String, String)> = form
            .split("<input type=\"hidden\" name=\"")
            .skip(1)
            .map(|rest| {
                let (name, rest) = rest.split_once("\" value=\"").expect("a value");
                (name.to_owned(), rest.split_once('"').expect("its end").0.replace("&#38;", "&"))
            })
            .collect();
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.fill_in(action, &fields).await
    }

    /// Posts a delivery and works it off.
    pub async fn receive(&self, delivery: &Delivery) {
        assert_eq!(self.app.post(delivery).await.status, StatusCode::OK);
        self.app.run_jobs().await;
    }

    pub async fn receive_issue(&self, change: impl FnOnce(&mut Value)) {
        let mut body = issue(ID, "A title", TODO, "2026-11-22T01:00:00Z");
        change(&mut body["data"]);
        self.receive(&Delivery::new(body.to_string())).await;
    }
}

/// What stands in the column of this name.
pub fn column<'a>(board: &'a str, name: &str) -> &'a str {
    let start = format!("<ul class=\"cards\" aria-label=\"{name}\">");
    board.split_once(&start).and_then(|(_, rest)| rest.split_once("</ul>\n")).map_or("", |(c, _)| c)
}

pub fn deleted(id: &str) -> Delivery {
    let body = json!({"event": "issue", "action": "deleted", "webhook_id": "w", "workspace_id": "x", "data": {"id": id}});
    Delivery::new(body.to_string())
}

pub fn broken() -> Delivery {
    Delivery::new(r#"{"event":"issue","action":"updated","data":{"id":"x"}}"#)
}
