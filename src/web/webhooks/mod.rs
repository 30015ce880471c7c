//! The webhook endpoints: prove the sender, commit, answer. Nothing else happens here.
//!
//! Every answer is JSON with a body. Overload makes a request wait *before* its body is read,
//! as long as its sender has patience, since no sender repeats what was refused (`body`).

mod answer;
mod body;
mod github;
mod plane;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;

pub use crate::inbox::KnownRepositories;
pub use body::Limits;
pub use github::GithubEndpoint;

use crate::config::Secrets;
use crate::inbox::Inbox;
use crate::metrics::{Metrics, Received};
use crate::sources::{Source, github as github_source, plane as plane_source};
use body::Budget;

/// What Plane's endpoint needs.
#[derive(Debug)]
pub struct PlaneEndpoint {
    /// Any of them signs; none: the endpoint answers 503.
    pub secrets: Secrets,
    /// What a request may take.
    pub limits: Limits,
}

/// What the endpoints need. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake(Arc<Parts>);

/// Shared by all requests.
#[derive(Debug)]
pub struct Parts {
    inbox: Inbox,
    plane: PlaneEndpoint,
    github: GithubEndpoint,
    budget: Budget,
    metrics: Arc<Metrics>,
}

impl Deref for Intake {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Intake {
    /// Hands what the endpoints accept to `inbox`.
    pub fn new(
        inbox: Inbox,
        plane: PlaneEndpoint,
        github: GithubEndpoint,
        metrics: Arc<Metrics>,
    ) -> Self {
        let budget = Budget::new(plane.limits.max_body.max(github.limits.max_body));
        Self(Arc::new(Parts { inbox, plane, github, budget, metrics }))
    }
}

impl Parts {
    fn accepted_within(&self, time: Duration) {
        self.metrics.accept_seconds.observe(time.as_secs_f64());
        self.metrics.accept_times.observe(time);
    }

    fn count(&self, source: Source, outcome: &'static str) {
        self.metrics.received.get_or_create(&Received { source: source.as_str(), outcome }).inc();
    }
}

/// The endpoints' routes, each with and without its trailing slash.
pub fn routes(intake: Intake) -> Router {
    let plane = || post(plane::receive).fallback(plane::only_post);
    let github = || post(github::receive).get(github::describe).fallback(github::only_get_and_post);
    Router::new()
        .route(plane_source::ENDPOINT, plane())
        .route(&format!("{}/", plane_source::ENDPOINT), plane())
        .route(github_source::ENDPOINT, github())
        .route(github_source::ENDPOINT.trim_end_matches('/'), github())
        .with_state(intake)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
