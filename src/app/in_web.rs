//! What the configuration gives to the web: to pages and API, and to the webhook endpoints.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::warn;

use super::outside;
use crate::clock::Clock;
use crate::config::admin_token::admin_token_file;
use crate::config::{Config, GithubHost, GithubHostConfig, Secrets, UnsignedWebhooks};
use crate::inbox::{Inbox, KnownRepositories};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::queue::Wake;
use crate::store::Store;
use crate::web::reality::Reality;
use crate::web::state::{SecretState, Setup, WebState};
use crate::web::webhooks::{GithubEndpoint, Intake, Limits, PlaneEndpoint};

/// What pages and API are made from, of a real service without a spool.
pub(super) fn shown(
    config: &Config,
    admin_token: &Secrets,
    store: &Store,
    clock: &Clock,
    live: &Live,
) -> WebState {
    WebState {
        store: store.clone(),
        clock: clock.clone(),
        admin_token: admin_token.clone(),
        public_url: config.public_url.as_str().into(),
        admin_token_file: admin_token_file(&config.data_dir).display().to_string().into(),
        plane_secret: secret_state(&config.plane.webhook_secret),
        setup: Arc::new(setup(config, store, clock)),
        wake: Wake::default(),
        live: live.clone(),
        pages: Arc::default(),
        metrics: Arc::new(Metrics::default()),
        spool: None,
        reality: Reality::Real,
    }
}

/// What pages show of the configuration.
fn setup(config: &Config, store: &Store, clock: &Clock) -> Setup {
    Setup {
        github_secret: secret_state(&config.github.webhook_secret),
        github_unsigned: config.github.unsigned,
        servers: Setup::servers_of(&config.github),
        configured: Setup::names_of(&config.repositories),
        plane: outside::plane(config, store, clock),
        github: outside::github(config, store, clock),
        ..Setup::default()
    }
}

/// The webhook endpoints, and what commits for them.
pub(super) fn receiving(
    config: &Config,
    state: &WebState,
    repositories: KnownRepositories,
) -> (Intake, Vec<JoinHandle<()>>) {
    let WebState { store, clock, wake, metrics, spool, .. } = state;
    let (inbox, committers) = Inbox::start_with(store, clock, wake, metrics, spool.clone());
    let (plane, github) = endpoints(config, repositories);
    (Intake::new(inbox, plane, github, Arc::clone(metrics)), committers)
}

/// What each webhook endpoint goes by.
fn endpoints(config: &Config, repositories: KnownRepositories) -> (PlaneEndpoint, GithubEndpoint) {
    let plane = PlaneEndpoint {
        secrets: config.plane.webhook_secret.clone(),
        limits: Limits::for_plane(config.max_body),
    };
    let github = GithubEndpoint {
        secrets: config.github.webhook_secret.clone(),
        unsigned: config.github.unsigned,
        hosts: config.github.hosts.iter().map(secrets_of).collect(),
        repositories,
        limits: Limits::for_github(config.max_body),
    };
    if github.unsigned == UnsignedWebhooks::Accept {
        warn!(
            "github.allow_unsigned is true: anybody who reaches {} can make work items; set github.webhook_secret instead",
            crate::sources::github::ENDPOINT
        );
    }
    (plane, github)
}

fn secrets_of(other: &GithubHostConfig) -> (GithubHost, Secrets) {
    (other.host.clone(), other.webhook_secret.clone())
}

fn secret_state(secrets: &Secrets) -> SecretState {
    if secrets.is_empty() { SecretState::Missing } else { SecretState::Set }
}
