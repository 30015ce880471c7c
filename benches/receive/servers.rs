//! The servers under comparison, each in a process of its own, so that memory can be told apart.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::post;
use http_body_util::{BodyExt, Limited};
use jetbridge::clock::Clock;
use jetbridge::config::Secrets;
use jetbridge::sources::plane::verify::verify;
use jetbridge::sources::{RawDelivery, Verified};
use jetbridge::store::Store;
use jetbridge::web::server;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::load::{ADMIN_TOKEN, SECRET};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// HTTP, HMAC and an answer.
    NoStore,
    /// The same, and for each request a transaction of two inserts, as one writes it first.
    OneTransaction,
    /// The same, and for each request the product's own statement, alone.
    OneStatement,
    /// The product, receiving only.
    Receiver,
    /// The product, receiving only, at half of what it takes flat out.
    SteadyReceiver,
    /// The product, receiving and working off.
    Whole,
}

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoStore => "no store",
            Self::OneTransaction => "one transaction a request",
            Self::OneStatement => "our statement, one a request",
            Self::Receiver => "receiver",
            Self::SteadyReceiver => "receiver at half that rate",
            Self::Whole => "whole",
        }
    }

    /// Rather than something made for the comparison.
    pub(crate) fn is_the_product(self) -> bool {
        matches!(self, Self::Receiver | Self::SteadyReceiver | Self::Whole)
    }

    fn command(self, url: Option<&str>, data_dir: &std::path::Path, port: u16) -> Command {
        let role = match self {
            Self::NoStore | Self::OneTransaction | Self::OneStatement => {
                let mut command = Command::new(std::env::current_exe().expect("our own path"));
                let way = if self == Self::OneStatement { "statement" } else { "transaction" };
                command.args(["--server", url.unwrap_or("none"), way, &port.to_string()]);
                return command;
            }
            Self::Receiver | Self::SteadyReceiver => "receiver",
            Self::Whole => "all",
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_jetbridge"));
        command.args(["serve", "--role", role]);
        command.env("JETBRIDGE_LISTEN", format!("127.0.0.1:{port}"));
        command.env("JETBRIDGE_DATA_DIR", data_dir);
        command.env("JETBRIDGE_PLANE_WEBHOOK_SECRET", SECRET);
        command.env("JETBRIDGE_ADMIN_TOKEN", ADMIN_TOKEN);
        command.env("JETBRIDGE_DATABASE_URL", url.expect("a database"));
        command
    }
}

/// Between two looks at whether a server answers.
const LOOK: Duration = Duration::from_millis(1);

/// A server that does not answer by then never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server in a process.
pub(crate) struct Child {
    process: std::process::Child,
    pub(crate) port: u16,
    started: Instant,
    _data_dir: tempfile::TempDir,
}

impl Child {
    pub(crate) fn start(variant: Variant, url: Option<&str>) -> Self {
        let data_dir = tempfile::tempdir().expect("a folder");
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = free.local_addr().expect("its number").port();
        drop(free);
        let started = Instant::now();
        let mut command = variant.command(url, data_dir.path(), port);
        let process = command.stdout(Stdio::null()).spawn().expect("started");
        Self { process, port, started, _data_dir: data_dir }
    }

    /// Milliseconds from its start to its first answer.
    pub(crate) async fn first_answer_ms(&self) -> f64 {
        self.until("/healthz", |status| status.is_some()).await;
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    /// Waits until its tables are made.
    pub(crate) async fn is_ready(&self) {
        self.until("/readyz", |status| status == Some(200)).await;
    }

    async fn until(&self, path: &str, holds: fn(Option<u16>) -> bool) {
        let looking = async {
            while !holds(crate::load::status_of(self.port, path).await) {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, looking).await.expect("a server");
    }

    /// Resident memory now, KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Most resident memory so far, KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .expect("its status");
        let line = status.lines().find(|line| line.starts_with(key)).expect("the figure");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }

    pub(crate) fn stop(self) {
        drop(self);
    }
}

/// Also when the benchmark breaks off.
impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How a child process stores.
#[derive(Clone)]
enum Storing {
    Nothing,
    Statement(Store),
    Postgres(sqlx::PgPool),
    Sqlite(sqlx::SqlitePool),
}

/// What a child process does: `none` as address means no store.
pub(crate) fn serve_child(arguments: &[String]) {
    let url = arguments.first().map_or("none", String::as_str).to_owned();
    let alone = arguments.get(1).is_some_and(|way| way == "statement");
    let port = arguments.get(2).and_then(|port| port.parse().ok()).expect("a port");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async move {
        let storing = open(&url, alone).await;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind(address).await.expect("the port");
        let state = (storing, Secrets::new([SECRET.to_owned()]));
        let routes = Router::new().route("/api/webhooks/plane", post(take)).with_state(state);
        let (_stop, stopped) = watch::channel(false);
        server::serve(listener, routes, stopped).await;
    });
}

async fn open(url: &str, alone: bool) -> Storing {
    if url == "none" {
        return Storing::Nothing;
    }
    // The tables, and the settings of the product's own connections.
    let store = crate::open(url).await;
    if alone {
        return Storing::Statement(store);
    }
    store.close().await;
    if url.starts_with("postgres") {
        let options = PgConnectOptions::from_str(url).expect("an address");
        let options = options.options([("search_path", "ops")]);
        let pool = PgPoolOptions::new().max_connections(10).connect_with(options).await;
        return Storing::Postgres(pool.expect("a connection"));
    }
    let options = SqliteConnectOptions::from_str(url).expect("a path");
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    Storing::Sqlite(pool.expect("a connection"))
}

async fn take(
    State((storing, secrets)): State<(Storing, Secrets)>,
    request: Request<Body>,
) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, 25 << 20).collect().await.expect("a body").to_bytes();
    let text = |name: &str| header(&head.headers, name);
    let raw = RawDelivery {
        delivery_id: text("x-plane-delivery"),
        signature: text("x-plane-signature"),
        event: text("x-plane-event"),
        content_type: text("content-type"),
    };
    let verified = verify(&raw, body, &secrets).expect("a right signature");
    storing.store(&verified).await;
    axum::Json(serde_json::json!({"ok": true, "delivery_id": verified.delivery_id()}))
}

const DELIVERY: &str = "INSERT INTO plane_webhook_deliveries
    (delivery_id, event_type, encoding, body_sha256, body_bytes, received_at, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const JOB: &str =
    "INSERT INTO work_queue (source, delivery_id, lane, available_at) VALUES ('plane', $1, $2, $3)";

impl Storing {
    async fn store(&self, verified: &Verified) {
        let now = Clock::System.now();
        macro_rules! two_inserts {
            ($pool:expr) => {{
                let mut transaction = $pool.begin().await.expect("begun");
                let id = verified.delivery_id().as_str();
                sqlx::query(DELIVERY)
                    .bind(id)
                    .bind(verified.event_type())
                    .bind(verified.encoding().as_str())
                    .bind(verified.body_hash().0.to_vec())
                    .bind(i64::try_from(verified.body().len()).expect("a length"))
                    .bind(now)
                    .bind(verified.body().to_vec())
                    .execute(&mut *transaction)
                    .await
                    .expect("stored");
                let lane = verified.lane().map(|lane| lane.as_str());
                sqlx::query(JOB)
                    .bind(id)
                    .bind(lane)
                    .bind(now)
                    .execute(&mut *transaction)
                    .await
                    .expect("queued");
                transaction.commit().await.expect("committed");
            }};
        }
        match self {
            Self::Nothing => {}
            Self::Statement(store) => {
                drop(store.insert_deliveries(&[verified], now).await.expect("stored"));
            }
            Self::Postgres(pool) => two_inserts!(pool),
            Self::Sqlite(pool) => two_inserts!(pool),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}
