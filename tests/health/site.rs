//! The application with its pages, signed in, and one that looks after its figures.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::clients::alarm_webhook::AlarmWebhook;
use jetbridge::config::Secrets;
use jetbridge::health::{self, Health, Range};
use jetbridge::jobs::watch::{Watch, Watcher};
use jetbridge::metrics::Metrics;
use jetbridge::spool::Spool;
use jetbridge::store::sessions::TokenKind;
use jetbridge::web;
use jetbridge::web::state::WebState;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use crate::support::app::TestApp;
use crate::support::databases::TestDatabase;
use crate::support::github;
use crate::support::plane::{Delivery, issue_delivery};

pub const TOKEN: &str = "jba_the-token-of-these-tests";
const SESSION: &str = "5e55100000000000000000000000000000000000000000000000000000000000";
pub const TODO: (&str, &str) = ("Todo", "unstarted");

pub struct Site {
    pub app: TestApp,
    pub routes: Router,
}

impl Site {
    pub async fn new(database: TestDatabase) -> Self {
        Self::with_spool(database, None).await
    }

    /// A process that has a spool, or none.
    pub async fn with_spool(database: TestDatabase, spool: Option<Spool>) -> Self {
        let app = TestApp::new(database).await;
        let configured = support_repositories();
        app.store.put_configured_repositories(&configured, app.clock.now()).await.unwrap();
        let admin_token = Secrets::new([TOKEN.to_owned()]);
        let state = WebState { admin_token, spool, ..app.web_state() };
        let (now, session) = (app.clock.now(), Sha256::digest(SESSION).into());
        let ends = now + Duration::from_hours(1000);
        app.store.put_token(&session, TokenKind::Session, now, ends).await.unwrap();
        let routes = web::routes(&state, None);
        Self { app, routes }
    }

    /// One that looks after the figures as a process does.
    pub fn watch(&self, alarms: Option<&str>) -> Watch {
        let watcher = Watcher {
            role: "all",
            workers: 6,
            alarms: alarms.and_then(|url| AlarmWebhook::new(&Secrets::new([url.to_owned()]))),
            public_url: "https://hooks.example.org".to_owned(),
        };
        Watch::new(watcher, &self.app.store, &self.app.clock, &Arc::new(Metrics::default()))
    }

    pub async fn health(&self, range: Range) -> Health {
        health::read(&self.app.store, range, self.app.clock.now()).await.unwrap()
    }

    /// As a program gets the API, and as somebody who is signed in gets a page.
    pub async fn get(&self, path: &str) -> String {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let bearer = HeaderValue::from_str(&format!("Bearer {TOKEN}")).unwrap();
        let cookie = HeaderValue::from_str(&format!("__Host-jetbridge_session={SESSION}")).unwrap();
        let (name, value) = if path.starts_with("/health") {
            ("cookie", cookie)
        } else {
            ("authorization", bearer)
        };
        request.headers_mut().insert(name, value);
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await).unwrap()
    }

    /// Posts work of Plane's, to be worked off.
    pub async fn send_issue(&self, id: &str, title: &str) {
        let delivery = issue_delivery(id, title, TODO, "2026-11-22T01:00:00Z");
        assert_eq!(self.app.post(&delivery).await.status, 200);
    }

    /// Posts what can't be read.
    pub async fn send_broken(&self, mark: &str) -> Delivery {
        let body = format!(r#"{{"event":"issue","action":"updated","data":{{"id":"{mark}"}}}}"#);
        let broken = Delivery::new(body);
        assert_eq!(self.app.post(&broken).await.status, 200);
        broken
    }

    /// Posts an issue of GitHub's.
    pub async fn send_github(&self, id: u64) {
        let issue = github::issue(id, "A title", "open", "2026-11-22T01:00:00Z");
        let answer = self.app.post_github(&github::issue_delivery("opened", &issue)).await;
        assert_eq!(answer.status, 202);
    }

    pub async fn run_after(&self, seconds: u64) {
        self.app.run_jobs_after(Duration::from_secs(seconds)).await;
    }
}

fn support_repositories() -> Vec<jetbridge::config::RepositoryConfig> {
    crate::support::app::GithubSettings::default().configured()
}
