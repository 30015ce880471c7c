//! The application with its pages, as a browser that is signed in sees it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::board::Card;
use jetbridge::store::cards::read::CardFilter;
use jetbridge::store::sessions::TokenKind;
use jetbridge::web;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use crate::support::app::TestApp;
use crate::support::databases::TestDatabase;
use crate::support::github::{GithubDelivery, issue, issue_delivery};
use crate::support::links::link;
use crate::support::plane;

const SESSION: &str = "5e55100000000000000000000000000000000000000000000000000000000000";

pub const REPOSITORY: &str = "Codertocat/Hello-World";
pub const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";
pub const TODO: (&str, &str) = ("Todo", "unstarted");
pub const DOING: (&str, &str) = ("Doing", "started");

pub struct Site {
    pub app: TestApp,
    routes: Router,
}

impl Site {
    pub async fn new(database: TestDatabase) -> Self {
        let app = TestApp::new(database).await;
        let state = app.web_state();
        let now = app.clock.now();
        let session = Sha256::digest(SESSION).into();
        let until = now + Duration::from_hours(1);
        app.store.put_token(&session, TokenKind::Session, now, until).await.unwrap();
        let routes = web::routes(&state, None);
        Self { app, routes }
    }

    async fn ask(&self, mut request: Request<Body>) -> (StatusCode, String, String) {
        let cookie = format!("__Host-jetbridge_session={SESSION}");
        let sent =
            [("accept", "text/html"), ("sec-fetch-site", "same-origin"), ("cookie", &cookie)];
        for (name, value) in sent {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let to = head.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
        (head.status, to.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    pub async fn see(&self, address: &str) -> String {
        let (status, _, text) = self.ask(Request::get(address).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "{address}: {text}");
        text
    }

    /// Sends a form; the status and where it leads.
    pub async fn submit(&self, address: &str, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let form: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(address)
            .header("content-type", "application/x-www-form-urlencoded");
        let (status, to, _) = self.ask(request.body(Body::from(form)).unwrap()).await;
        (status, to)
    }

    /// One of Plane's work items in a state.
    pub async fn plane(&self, id: &str, title: &str, state: (&str, &str), at: &str) {
        self.receive_plane(&plane::issue(id, title, state, at)).await;
    }

    pub async fn receive_plane(&self, body: &Value) {
        let delivery = plane::Delivery::new(body.to_string());
        assert_eq!(self.app.post(&delivery).await.status, StatusCode::OK);
        self.app.run_jobs().await;
    }

    /// An issue of GitHub's, number 12.
    pub async fn github(&self, id: u64, title: &str, state: &str, at: &str) {
        self.receive_github(&issue_delivery("edited", &issue(id, title, state, at))).await;
    }

    pub async fn receive_github(&self, delivery: &GithubDelivery) {
        assert_eq!(self.app.post_github(delivery).await.status, StatusCode::ACCEPTED);
        self.app.run_jobs().await;
    }

    pub async fn link(&self, issue: u64, item: &str) {
        link(&self.app.store, issue, item, self.app.clock.now(), None).await;
    }

    pub async fn cards(&self) -> Vec<Card> {
        self.app.store.cards(&CardFilter::default(), None, 100).await.unwrap()
    }

    /// The only card that there is.
    pub async fn card(&self) -> Card {
        let mut cards = self.cards().await;
        assert_eq!(cards.len(), 1, "{cards:?}");
        cards.remove(0)
    }
}

/// What stands in the column of this name.
pub fn column<'a>(board: &'a str, name: &str) -> &'a str {
    let start = format!("<ul class=\"cards\" aria-label=\"{name}\">");
    board.split_once(&start).and_then(|(_, rest)| rest.split_once("</ul>\n")).map_or("", |(c, _)| c)
}
