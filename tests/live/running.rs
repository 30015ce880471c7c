//! The whole application in this process, on a port of its own, and clients that stay connected.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use jetbridge::app::{App, Role};
use jetbridge::clock::Clock;
use jetbridge::config::{Config, GithubConfig, PlaneConfig, Secrets};
use jetbridge::queue::retry::RetryPolicy;
use jetbridge::store::Store;
use jetbridge::store::sessions::TokenKind;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::databases::{Kind, TestDatabase};
use crate::support::links::link;

pub const TOKEN: &str = "a-token-of-this-test-alone";
const SESSION: &str = "5e55100000000000000000000000000000000000000000000000000000000000";
pub const COOKIE: &str =
    "jetbridge_session=5e55100000000000000000000000000000000000000000000000000000000000";
/// Longer than anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running application.
pub struct Running {
    app: App,
    pub store: Store,
    pub port: u16,
    data_dir: tempfile::TempDir,
    database: Option<TestDatabase>,
}

impl Running {
    pub async fn start(database: &TestDatabase) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let listen = listener.local_addr().unwrap();
        let data_dir = tempfile::tempdir().unwrap();
        let config = Config {
            listen,
            public_url: format!("http://{listen}"),
            data_dir: data_dir.path().to_owned(),
            database_url: database.url.clone(),
            admin_token: Secrets::none(),
            plane: PlaneConfig::default(),
            github: GithubConfig {
                webhook_secret: Secrets::none(),
                unsigned: jetbridge::config::UnsignedWebhooks::Refuse,
                api_url: "http://127.0.0.1:9".to_owned(),
                token: Secrets::none(),
                app_id: None,
                app_private_key: Secrets::none(),
                mcp: None,
                hosts: Vec::new(),
                unknown_repositories: jetbridge::config::UnknownRepositories::Reject,
            },
            retry: RetryPolicy::default(),
            retention: jetbridge::config::RetentionConfig::default(),
            recover_every: Duration::ZERO,
            workers: 1,
            max_body: 1024 * 1024,
            alarm_webhook_url: Secrets::none(),
            reconcile_every: None,
            spool_max_bytes: 0,
            canary: jetbridge::config::CanaryConfig::default(),
            repositories: Vec::new(),
        };
        let token = Secrets::new([TOKEN.to_owned()]);
        let app = App::start(&config, &token, Role::All, Clock::System, listener).await.unwrap();
        let store = app.store.clone();
        Self { app, store, port: listen.port(), data_dir, database: None }
    }

    /// With a SQLite database of its own.
    pub async fn alone() -> Self {
        let database = TestDatabase::new(Kind::Sqlite).await;
        let started = Self::start(&database).await;
        Self { database: Some(database), ..started }
    }

    /// Makes an issue with its work item change; both have new revisions then.
    pub async fn change(&self, issue: u64) {
        link(&self.store, issue, &issue.to_string(), Clock::System.now(), None).await;
    }

    /// The newest revision of all.
    pub async fn newest(&self) -> i64 {
        self.store.pulse().await.unwrap().revision.0
    }

    /// Lets the browser with [`COOKIE`] in.
    pub async fn let_in(&self) {
        let (now, session) = (Clock::System.now(), Sha256::digest(SESSION).into());
        let until = now + Duration::from_hours(1);
        self.store.put_token(&session, TokenKind::Session, now, until).await.unwrap();
    }

    pub async fn stop(self) -> Duration {
        let begun = std::time::Instant::now();
        self.app.stop().await;
        drop((self.data_dir, self.database));
        begun.elapsed()
    }

    pub async fn socket(&self, query: &str) -> Socket {
        let bearer = format!("Bearer {TOKEN}");
        self.socket_with(query, &[("authorization", &bearer)]).await.unwrap()
    }

    /// Opens a WebSocket, or tells with which status and body that is refused.
    pub async fn socket_with(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, (u16, Value)> {
        let address = format!("ws://127.0.0.1:{}/api/v1/live{query}", self.port);
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err((answer.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
            }
            Err(other) => panic!("{other}"),
        }
    }

    /// What `/metrics` says of live connections.
    pub async fn live_figures(&self) -> Vec<String> {
        let text = self.ask("GET", "/metrics", &format!("Authorization: Bearer {TOKEN}"), "").await;
        text.lines().filter(|line| line.starts_with("jetbridge_live_")).map(str::to_owned).collect()
    }

    /// Asks for one thing, with one more header; the whole answer, head and body.
    pub async fn ask(&self, method: &str, path: &str, header: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://127.0.0.1:{}\r\n{header}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len(),
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// Opens the stream of events that pages open.
    pub async fn events(&self, query: &str, last_event_id: Option<&str>) -> Events {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let last = last_event_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /live{query} HTTP/1.1\r\nHost: localhost\r\nCookie: {COOKIE}\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut events = Events { lines: BufReader::new(stream), head: Vec::new() };
        events.read_head().await;
        events
    }
}

/// A WebSocket's client.
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// The next message, or how the socket was closed.
    async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            let next = timeout(DEADLINE, self.0.next()).await.expect("a message in time");
            match next {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub async fn message(&mut self) -> Value {
        self.next().await.expect("an open socket")
    }

    /// The code that it is closed with, after all messages.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Ok(_) => {}
                Err(frame) => return frame.map(|frame| frame.code.into()),
            }
        }
    }

    pub async fn say(&mut self, text: String) {
        // It may be closed already.
        let _ = self.0.send(Message::Text(text.into())).await;
    }

    /// Reads until an item is told of; its revision.
    pub async fn until(&mut self, item: &str) -> i64 {
        loop {
            let message = self.message().await;
            if message["ref"] == item {
                return message["revision"].as_i64().unwrap();
            }
        }
    }
}

/// One server-sent event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: String,
    pub data: String,
}

/// A stream of them, as a browser reads it.
pub struct Events {
    lines: BufReader<TcpStream>,
    /// Status and header lines of the answer, lower case.
    pub head: Vec<String>,
}

impl Events {
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(DEADLINE, self.lines.read_line(&mut line)).await.expect("in time");
        (read.ok()? > 0).then(|| line.trim_end().to_owned())
    }

    async fn read_head(&mut self) {
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            self.head.push(line.to_ascii_lowercase());
        }
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("id", id)) => id.clone_into(&mut event.id),
                Some(("data", data)) => data.clone_into(&mut event.data),
                _ if line == "0" => return None,
                // The lengths of chunks, and the empty line at an event's end.
                _ if line.is_empty() && !event.name.is_empty() => return Some(event),
                _ => {}
            }
        }
    }

    /// Reads until an event of that name comes.
    pub async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("an open stream");
            if event.name == name {
                return event;
            }
        }
    }

    /// The rest of the answer, for refusals.
    pub async fn rest(mut self) -> String {
        let mut text = String::new();
        let _ = timeout(DEADLINE, self.lines.read_to_string(&mut text)).await.expect("its end");
        text
    }
}
