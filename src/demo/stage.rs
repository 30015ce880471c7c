//! The stage: a GitHub, a Plane, the service between them, and what is remembered of the play.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use uuid::Uuid;

use super::cast::{self, PLACES, PLAYERS, SERVICE};
use super::folder::{DATABASE, Folder};
use super::script::{LooseEnd, opening};
use super::{DemoError, Setup};
use crate::app::{self, App, Role, ServeError};
use crate::clock::{Clock, Timestamp};
use crate::config::{
    Config, Direction, RepositoryConfig, Secrets, Settings, load_or_make_admin_token,
};
use crate::ids::WorkItemRef;
use crate::queue::retry::RetryPolicy;
use crate::sim::github::{NewHook, SimGitHub, SimGitHubConfig, SimToken};
use crate::sim::plane::{RateLimit, SimPlane, SimPlaneConfig};
use crate::sources::{github, plane};
use crate::store::{DatabaseUrl, Store};
use crate::web::reality::Reality;

/// Retries after the first attempt.
const RETRIES: u32 = 3;
/// Plane's quota for an installation of one's own, requests a minute.
const PLANE_QUOTA: usize = 600;
/// GitHub's quota for a company's app, requests an hour.
const GITHUB_QUOTA: u64 = 15_000;
/// Requests and deliveries that the simulators remember: longer than anybody waits before having
/// one sent again.
const SIMULATORS_REMEMBER: usize = 100;
/// Jobs with which the service has fallen behind.
const BEHIND: i64 = 60;
/// Webhooks that may wait for their turn at GitHub: more than an opening's.
const WAITING: usize = 100;
/// Actions from one clearing of the database to the next.
const SWEEP_EVERY: u64 = 20;

/// How much of the past stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remembering {
    /// Deliveries of so many actions.
    Newest(usize),
    /// Everything, to look at it afterwards.
    Everything,
}

/// A play under way.
pub struct Demo {
    /// The other side.
    pub github: SimGitHub,
    /// The one side.
    pub plane: SimPlane,
    /// How browsers reach the service.
    pub public_url: String,
    pub(super) hooks: Vec<u64>,
    pub(super) repository_ids: Vec<u64>,
    pub(super) projects: Vec<Option<Uuid>>,
    pub(super) loose_ends: Vec<LooseEnd>,
    /// Items that are gone and not swept away yet, and since which step.
    pub(super) gone: Vec<(u64, WorkItemRef)>,
    pub(super) seed: u64,
    pub(super) step: u64,
    pub(super) pause: Duration,
    /// When the newest actions happened.
    times: VecDeque<Timestamp>,
    remembering: Remembering,
    app: App,
    // The last one: it is removed when nobody writes into it any more.
    folder: Folder,
}

impl Demo {
    /// Builds the stage; nothing has happened yet.
    ///
    /// # Errors
    /// When the address, a folder or a port can't be had.
    pub async fn start(setup: &Setup) -> Result<Self, DemoError> {
        let listener = app::bind(setup.listen).await.map_err(|error| match error {
            ServeError::Listen { address, source } => DemoError::Listen { address, source },
            other => other.into(),
        })?;
        let address = listener.local_addr().unwrap_or(setup.listen);
        let folder = Folder::open(setup.data_dir.as_deref())?;
        let (github, repository_ids) = start_github(setup).await?;
        let plane = start_plane(setup).await?;
        let sides = Sides::new(github, plane);
        let config = sides.config(setup, &folder, address)?;
        let app = start_app(&config, listener).await?;
        let hooks = sides.connect_webhooks(&config.public_url)?;
        let Sides { github, plane, projects, .. } = sides;
        Ok(Self {
            github,
            plane,
            public_url: config.public_url,
            hooks,
            repository_ids,
            projects,
            loose_ends: Vec::new(),
            gone: Vec::new(),
            seed: setup.seed,
            step: 0,
            pause: setup.pace.pause(),
            times: VecDeque::new(),
            remembering: setup.remembering,
            app,
            folder,
        })
    }

    /// Lets the opening happen; what happened, in words.
    pub async fn open_curtain(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        for action in opening(self.seed) {
            said.extend(self.act(&action).await);
        }
        said
    }

    /// Lets the next thing happen; in words, where there is something to say. Nothing happens
    /// while the service has fallen behind: people who wait for it do not either.
    pub async fn play(&mut self) -> Option<String> {
        let queue = self.app.store.queue_stats(Clock::System.now()).await.ok()?;
        if queue.queued + queue.claimed > BEHIND || self.github.webhooks_waiting() > WAITING {
            return None;
        }
        self.notice_dead_deliveries(queue.dead);
        let action = super::script::next(self.seed, self.step, &self.scene());
        let said = self.act(&action).await;
        self.step += 1;
        self.forget_the_past().await;
        said
    }

    /// How many things have happened.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Its database.
    pub fn store(&self) -> &Store {
        &self.app.store
    }

    /// Opens the pages once.
    pub fn sign_in_link(&self) -> &str {
        // Its SQLite is there from the start, so there is one.
        self.app.sign_in_link.as_deref().unwrap_or_default()
    }

    /// Where its data is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What becomes of the folder, for people.
    pub fn folder_fate(&self) -> &'static str {
        self.folder.fate()
    }

    /// The project of a place in [`PLACES`].
    pub fn project(&self, place: usize) -> Option<Uuid> {
        self.projects.get(place).copied().flatten()
    }

    /// The hook of a place in [`PLACES`].
    pub fn hook(&self, place: usize) -> Option<u64> {
        self.hooks.get(place).copied()
    }

    /// Ends everything, and removes a temporary folder.
    pub async fn stop(self) {
        let Self { github, plane, app, folder, .. } = self;
        // Nobody talks any more before the service stops listening.
        drop((github, plane));
        app.stop().await;
        drop(folder);
    }

    async fn forget_the_past(&mut self) {
        let Remembering::Newest(most) = self.remembering else { return };
        self.times.push_back(Clock::System.now());
        if self.times.len() > most {
            self.times.pop_front();
        }
        if !self.step.is_multiple_of(SWEEP_EVERY) {
            return;
        }
        let before = match self.times.front() {
            Some(oldest) if self.times.len() == most => *oldest,
            _ => Timestamp::UNIX_EPOCH,
        };
        // A webhook that is still on its way must find its item.
        let oldest = self.step.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX));
        let queue = self.app.store.queue_stats(Clock::System.now()).await;
        let idle = queue.is_ok_and(|queue| queue.queued + queue.claimed == 0);
        let (swept, kept): (Vec<_>, Vec<_>) =
            self.gone.iter().cloned().partition(|(since, _)| idle || *since < oldest);
        let swept: Vec<_> = swept.into_iter().map(|(_, item)| item).collect();
        match self.app.store.sweep(before, &swept).await {
            Ok(()) => self.gone = kept,
            Err(error) => tracing::warn!(%error, "old data could not be thrown away: {error}"),
        }
    }
}

async fn start_github(setup: &Setup) -> Result<(SimGitHub, Vec<u64>), DemoError> {
    let quota = if setup.pace.leaves_quotas_whole() { GITHUB_QUOTA } else { u64::MAX };
    let config = SimGitHubConfig {
        tokens: vec![SimToken::full(&token(setup.seed), SERVICE)],
        hourly_requests: quota,
        // A click on an address shows what is played, and not somebody's page at the real one.
        web_url: String::new(),
        remembered: remembered(setup.remembering),
        ..SimGitHubConfig::default()
    };
    let github = SimGitHub::start(config).await.map_err(DemoError::Simulator)?;
    let owner = github.acting_as(PLAYERS[0].login);
    let mut ids = Vec::with_capacity(PLACES.len());
    for place in PLACES {
        // It is empty: no name is taken.
        ids.push(github.add_repository(place.repository).unwrap_or_default());
        for (label, color) in cast::LABELS {
            let _ = owner.add_label(place.repository, label, color);
        }
    }
    drop(owner);
    Ok((github, ids))
}

async fn start_plane(setup: &Setup) -> Result<SimPlane, DemoError> {
    let rate_limit = if setup.pace.leaves_quotas_whole() {
        RateLimit::PerMinute(PLANE_QUOTA)
    } else {
        RateLimit::Unlimited
    };
    let mut config = SimPlaneConfig {
        workspace: cast::WORKSPACE.to_owned(),
        workspace_id: cast::WORKSPACE_ID,
        users: cast::plane_users(),
        seed: setup.seed,
        rate_limit,
        webhook_retry_wait: setup.pace.retry_base(),
        remembered: remembered(setup.remembering),
        ..SimPlaneConfig::default()
    };
    for (identifier, name) in PLACES.iter().filter_map(|place| place.project) {
        config = config.with_project(identifier, name);
    }
    SimPlane::start(config).await.map_err(DemoError::Simulator)
}

fn remembered(remembering: Remembering) -> usize {
    match remembering {
        Remembering::Newest(_) => SIMULATORS_REMEMBER,
        Remembering::Everything => usize::MAX,
    }
}

async fn start_app(config: &Config, listener: TcpListener) -> Result<App, DemoError> {
    let token = load_or_make_admin_token(&config.data_dir, &config.admin_token)?;
    let clock = Clock::System;
    let app = App::start_in(Reality::Simulated, config, &token.secrets, Role::All, clock, listener);
    Ok(app.await?)
}

/// Both sides, and what the service has to know of them.
struct Sides {
    github: SimGitHub,
    plane: SimPlane,
    /// By place.
    projects: Vec<Option<Uuid>>,
    plane_secret: String,
    github_secret: String,
}

impl Sides {
    fn new(github: SimGitHub, plane: SimPlane) -> Self {
        let project = |place: &cast::Place| Some(plane.project(place.project?.0)?.id);
        let projects = PLACES.iter().map(project).collect();
        let plane_secret = random_secret("plane_wh_");
        Self { github, plane, projects, plane_secret, github_secret: random_secret("") }
    }

    /// Nothing of what an operator has configured is in it.
    fn config(
        &self,
        setup: &Setup,
        folder: &Folder,
        address: SocketAddr,
    ) -> Result<Config, DemoError> {
        let base = setup.pace.retry_base();
        let mut config = Settings::unset()?.without_secrets().clone();
        config.listen = address;
        config.public_url = public_url(address);
        folder.path().clone_into(&mut config.data_dir);
        config.database_url = DatabaseUrl::Sqlite(folder.path().join(DATABASE));
        // What was swept from the tables would be missing, and lost webhooks come back by the script.
        config.recover_every = Duration::ZERO;
        config.retry = RetryPolicy { max_retries: RETRIES, base, cap: base * 4 };
        config.plane.webhook_secret = Secrets::new([self.plane_secret.clone()]);
        config.plane.api_url = Some(self.plane.api_url());
        config.plane.web_url = Some(self.plane.api_url());
        config.plane.api_key = Secrets::new([self.plane.api_key()]);
        config.plane.workspace = Some(self.plane.workspace());
        config.github.webhook_secret = Secrets::new([self.github_secret.clone()]);
        config.github.api_url = self.github.api_url();
        config.github.token = Secrets::new([token(setup.seed)]);
        // What is old is swept without a word there, which is no drift.
        config.reconcile_every = None;
        config.repositories = PLACES.iter().zip(&self.projects).filter_map(repository).collect();
        Ok(config)
    }

    /// Once the service listens, so that a hook's first ping finds somebody at home.
    fn connect_webhooks(&self, base: &str) -> Result<Vec<u64>, DemoError> {
        self.plane.add_webhook(&format!("{base}{}", plane::ENDPOINT), &self.plane_secret);
        let url = format!("{base}{}", github::ENDPOINT);
        let hook = |place: &cast::Place| {
            self.github.add_hook(place.repository, NewHook::to(url.as_str(), &self.github_secret))
        };
        let hooks: Result<_, _> = PLACES.iter().map(hook).collect();
        hooks.map_err(|error| DemoError::Simulator(std::io::Error::other(error)))
    }
}

/// `None` for a name that GitHub could not have.
fn repository((place, project): (&cast::Place, &Option<Uuid>)) -> Option<RepositoryConfig> {
    let accounts = PLAYERS.iter().filter(|player| player.plane.is_some());
    let users = accounts.map(|player| (player.login.to_owned(), player.email.to_owned()));
    Some(RepositoryConfig {
        name: place.repository.parse().ok()?,
        plane_project: *project,
        plane_workspace: None,
        direction: Direction::GithubToPlane,
        filter: None,
        rules: Vec::new(),
        states: BTreeMap::new(),
        labels: BTreeMap::new(),
        users: users.collect(),
        milestones: None,
        rate_limit: None,
    })
}

fn random_secret(prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(rand::random::<[u8; 16]>()))
}

/// Nobody outside can use it: the simulator listens on 127.0.0.1 and is gone with the demo.
fn token(seed: u64) -> String {
    format!("ghp_demo_{seed}")
}

/// How this machine's browsers and the simulators reach the service.
fn public_url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("http://{}", SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()));
    }
    format!("http://{address}")
}
