//! The real application without its loops: requests go through the real routes into a real
//! database, jobs run when a test says so, and time stands still until it is moved.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jetbridge::clock::{Clock, Timestamp};
use jetbridge::config::{RepositoryConfig, Secrets, UnknownRepositories, UnsignedWebhooks};
use jetbridge::inbox::Inbox;
use jetbridge::jobs::directory::Directory;
use jetbridge::jobs::process_delivery::{PlaneAddress, Processor};
use jetbridge::jobs::settings::CurrentSettings;
use jetbridge::jobs::sync_issue::{IssueSync, Projects};
use jetbridge::live::Live;
use jetbridge::metrics::Metrics;
use jetbridge::queue::Wake;
use jetbridge::queue::retry::RetryPolicy;
use jetbridge::queue::worker::Worker;
use jetbridge::store::Store;
use jetbridge::store::jobs::Stage;
use jetbridge::web::reality::Reality;
use jetbridge::web::state::{SecretState, Setup, WebState};
use jetbridge::web::webhooks::{
    self, GithubEndpoint, Intake, KnownRepositories, Limits, PlaneEndpoint,
};
use serde_json::Value;
use tower::ServiceExt;

use super::databases::TestDatabase;
use super::github::GithubDelivery;
use super::plane::{Delivery, SECRET};

/// Longest body of the application under test.
pub const MAX_BODY: usize = 25 * 1024 * 1024;

/// The application under test.
pub struct TestApp {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub routes: Router,
    worker: Worker,
    _database: TestDatabase,
}

/// How the application under test takes GitHub's webhooks.
pub struct GithubSettings {
    pub secrets: Vec<String>,
    pub unsigned: UnsignedWebhooks,
    pub unknown: UnknownRepositories,
    /// Names as in `[[repositories]]`.
    pub repositories: Vec<String>,
}

impl Default for GithubSettings {
    fn default() -> Self {
        Self {
            secrets: vec![super::github::SECRET.to_owned()],
            unsigned: UnsignedWebhooks::Refuse,
            unknown: UnknownRepositories::Reject,
            repositories: vec![
                "Codertocat/Hello-World".to_owned(),
                "octo-org/octo-repo".to_owned(),
            ],
        }
    }
}

impl GithubSettings {
    pub fn configured(&self) -> Vec<RepositoryConfig> {
        let configured = |name: &String| RepositoryConfig {
            name: name.parse().expect("OWNER/NAME"),
            plane_project: None,
            plane_workspace: None,
            direction: jetbridge::config::Direction::default(),
            filter: None,
            rules: Vec::new(),
            states: std::collections::BTreeMap::default(),
            labels: std::collections::BTreeMap::default(),
            users: std::collections::BTreeMap::default(),
            milestones: None,
            rate_limit: None,
        };
        self.repositories.iter().map(configured).collect()
    }

    fn endpoint(self, store: &Store, clock: &Clock) -> GithubEndpoint {
        let repositories =
            KnownRepositories::new(store.clone(), clock.clone(), &self.configured(), self.unknown);
        GithubEndpoint {
            hosts: Vec::new(),
            secrets: Secrets::new(self.secrets),
            unsigned: self.unsigned,
            repositories,
            limits: limits(),
        }
    }
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: Value,
}

/// The moment at which a test's clock starts.
pub fn start() -> Timestamp {
    "2026-11-22T02:00:00Z".parse().expect("a time")
}

impl TestApp {
    /// What its pages and API are made from; nobody may sign in with a token.
    pub fn web_state(&self) -> WebState {
        WebState {
            store: self.store.clone(),
            clock: self.clock.clone(),
            admin_token: Secrets::none(),
            public_url: "https://hooks.example.org".into(),
            admin_token_file: "jetbridge-data/admin-token".into(),
            plane_secret: SecretState::Set,
            wake: Wake::default(),
            live: Live::new(self.store.clone(), tokio::sync::watch::channel(false).1),
            metrics: self.metrics.clone(),
            pages: Arc::default(),
            spool: None,
            reality: Reality::Real,
            setup: Arc::new(Setup::default()),
        }
    }

    pub async fn new(database: TestDatabase) -> Self {
        Self::with_secrets(database, &[SECRET]).await
    }

    pub async fn with_secrets(database: TestDatabase, secrets: &[&str]) -> Self {
        Self::with(database, secrets, GithubSettings::default()).await
    }

    /// With GitHub's side as the settings say.
    pub async fn with_github(database: TestDatabase, github: GithubSettings) -> Self {
        Self::with(database, &[SECRET], github).await
    }

    async fn with(database: TestDatabase, secrets: &[&str], github: GithubSettings) -> Self {
        let store = database.store().await;
        let clock = Clock::manual(start());
        let (wake, metrics) = (Wake::default(), Arc::new(Metrics::default()));
        let (inbox, _) = Inbox::start(&store, &clock, &wake, &metrics);
        let secrets = Secrets::new(secrets.iter().map(|&s| s.to_owned()));
        let plane = PlaneEndpoint { secrets, limits: limits() };
        let github = github.endpoint(&store, &clock);
        let routes = webhooks::routes(Intake::new(inbox, plane, github, Arc::clone(&metrics)));
        let sync = IssueSync {
            store: store.clone(),
            clock: clock.clone(),
            plane: None,
            github: None,
            projects: Projects::new(clock.clone()),
            settings: CurrentSettings::new(store.clone(), clock.clone()),
        };
        let processor = Processor {
            store: store.clone(),
            clock: clock.clone(),
            directory: Directory::new(None, store.clone(), clock.clone()),
            plane: PlaneAddress::default(),
            sync,
            wake: wake.clone(),
            policy: RetryPolicy::default(),
            chance: || 1.0,
            metrics: Arc::clone(&metrics),
        };
        let worker = Worker {
            stage: Stage::Read,
            store: store.clone(),
            clock: clock.clone(),
            wake,
            processor: Arc::new(processor),
            concurrency: 1,
        };
        Self { store, clock, metrics, routes, worker, _database: database }
    }

    /// Posts a delivery to Plane's endpoint.
    pub async fn post(&self, delivery: &Delivery) -> Answer {
        self.send(request(delivery).body(Body::from(delivery.body.clone())).expect("a request"))
            .await
    }

    /// Posts a delivery to GitHub's endpoint.
    pub async fn post_github(&self, delivery: &GithubDelivery) -> Answer {
        let body = Body::from(delivery.body.clone());
        self.send(super::github::request(delivery).body(body).expect("a request")).await
    }

    /// Sends any request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.routes.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let json = serde_json::from_slice(&body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&body)));
        Answer { status: head.status, headers: head.headers, json }
    }

    /// Works off what is due.
    pub async fn run_jobs(&self) -> usize {
        self.worker.work_off_due().await
    }

    /// What the inbox and the workers tell each other.
    pub fn wake(&self) -> &Wake {
        &self.worker.wake
    }

    /// Lets time pass, and works off what has become due.
    pub async fn run_jobs_after(&self, wait: Duration) -> usize {
        self.clock.advance(wait);
        self.run_jobs().await
    }

    /// Nothing waits, nothing is in work, nothing is dead.
    pub async fn assert_queue_is_empty(&self) {
        let queue = self.store.queue_stats(self.clock.now()).await.expect("figures");
        assert_eq!((queue.queued, queue.claimed, queue.dead), (0, 0, 0), "jobs are left over");
    }
}

/// A signed POST to Plane's endpoint, without its body.
pub fn request(delivery: &Delivery) -> axum::http::request::Builder {
    Request::post("/api/webhooks/plane")
        .header("content-type", &delivery.content_type)
        .header("content-length", delivery.body.len())
        .header("x-plane-delivery", &delivery.id)
        .header("x-plane-event", "issue")
        .header("x-plane-signature", &delivery.signature)
}

/// Short waits, since tests wait for them.
fn limits() -> Limits {
    let (patience, body) = (Duration::from_secs(5), Duration::from_millis(300));
    Limits { max_body: MAX_BODY, patience, body, answer: Duration::from_secs(20) }
}
