//! Whoever the webhooks are sent to: keeps all of them and answers as told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

/// One webhook as it arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Arrived {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `issues.opened`.
    pub fn name(&self) -> String {
        let event = self.header("X-GitHub-Event");
        match self.json()["action"].as_str() {
            Some(action) => format!("{event}.{action}"),
            None => event.to_owned(),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    arrived: Vec<Arrived>,
    answers: Vec<u16>,
}

/// Listens on a port of its own.
pub struct Receiver {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let router = Router::new().fallback(take).with_state(Arc::clone(&inner));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inner }
    }

    /// The next webhook is answered so; 200 when nothing is said.
    pub fn answer_next_with(&self, status: u16) {
        self.inner.lock().unwrap().answers.push(status);
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.inner.lock().unwrap().arrived.clone()
    }

    /// The names of all that arrived, pings aside.
    pub fn names(&self) -> Vec<String> {
        self.arrived().iter().map(Arrived::name).filter(|name| name != "ping").collect()
    }
}

async fn take(
    State(inner): State<Arc<Mutex<Inner>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut inner = inner.lock().unwrap();
    inner.arrived.push(Arrived { headers, body });
    let status = if inner.answers.is_empty() { 200 } else { inner.answers.remove(0) };
    StatusCode::from_u16(status).unwrap()
}
