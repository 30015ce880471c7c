//! A GitHub, a Plane and the application between them, all in this process and over real HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use jetbridge::app::{App, Role};
use jetbridge::clock::Clock;
use jetbridge::config::{
    Config, Direction, GithubConfig, PlaneConfig, RepositoryConfig, Secrets, UnknownRepositories,
    UnsignedWebhooks,
};
use jetbridge::queue::retry::RetryPolicy;
use jetbridge::sim::github::{NewHook, SimGitHub, SimGitHubConfig, SimToken};
use jetbridge::sim::plane::{Item, SimPlane, SimPlaneConfig};
use jetbridge::store::Store;
use jetbridge::sync::github::Issue;
use jetbridge::sync::markdown;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::support::databases::{Kind, TestDatabase};
use crate::support::process::eventually;

pub const REPOSITORY: &str = "octo/hello";
pub const GITHUB_SECRET: &str = "typed at GitHub";
pub const PLANE_SECRET: &str = "plane_wh_0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "ghp_of_the_service";

/// How the application gets to know an issue's present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// By asking GitHub.
    Rest,
    /// Not at all: webhooks tell.
    Nobody,
}

/// Everything.
pub struct World {
    pub github: SimGitHub,
    /// What time it is on GitHub.
    pub github_clock: Clock,
    /// What time it is here, and on Plane.
    pub clock: Clock,
    pub hook: u64,
    pub plane: SimPlane,
    pub project: Uuid,
    pub store: Store,
    /// Boxed, so that what waits with a world is not too large.
    pub config: Box<Config>,
    app: Option<App>,
    database: TestDatabase,
}

impl World {
    pub async fn new(kind: Kind, asking: Asking) -> Self {
        Self::with_plane(kind, asking, SimPlaneConfig::default()).await
    }

    /// On GitHub it is always the same second, until a test moves its clock.
    pub async fn with_slow_github(kind: Kind, asking: Asking) -> Self {
        let clock = Clock::manual(Clock::System.now());
        Self::with_both(kind, asking, SimPlaneConfig::default(), [clock, Clock::System]).await
    }

    /// With one clock for everybody, which a test moves, and the limits of the real ones.
    pub async fn in_simulated_time(kind: Kind) -> Self {
        let clock = Clock::manual(Clock::System.now());
        let plane = SimPlaneConfig::default().with_rate_limit(60).with_clock(clock.clone());
        Self::with_both(kind, Asking::Rest, plane, [clock.clone(), clock]).await
    }

    /// Assignees go both ways.
    pub async fn both_ways(kind: Kind, plane: SimPlaneConfig) -> Self {
        Self::made(kind, Asking::Rest, plane, [Clock::System, Clock::System], Direction::Both).await
    }

    pub async fn with_plane(kind: Kind, asking: Asking, plane: SimPlaneConfig) -> Self {
        Self::with_both(kind, asking, plane, [Clock::System, Clock::System]).await
    }

    async fn with_both(
        kind: Kind,
        asking: Asking,
        plane: SimPlaneConfig,
        [github_clock, clock]: [Clock; 2],
    ) -> Self {
        Self::made(kind, asking, plane, [github_clock, clock], Direction::GithubToPlane).await
    }

    async fn made(
        kind: Kind,
        asking: Asking,
        plane: SimPlaneConfig,
        [github_clock, clock]: [Clock; 2],
        direction: Direction,
    ) -> Self {
        let database = TestDatabase::new(kind).await;
        let (github, plane) = both_sides(plane, github_clock.clone()).await;
        let project = plane.project("SYNC").unwrap().id;
        let mut config = Box::new(config(&database, &github, &plane, project, asking));
        config.repositories[0].direction = direction;
        let store = database.store().await;
        let mut world = Self {
            github,
            github_clock,
            clock,
            hook: 0,
            plane,
            project,
            store,
            config,
            app: None,
            database,
        };
        world.start().await;
        let port = world.config.listen.port();
        let url = |path: &str| format!("http://127.0.0.1:{port}/api/webhooks/{path}");
        let hook = NewHook::to(url("github-mcp/"), GITHUB_SECRET);
        world.hook = world.github.add_hook(REPOSITORY, hook).unwrap();
        world.plane.add_webhook(&url("plane"), PLANE_SECRET);
        world
    }

    /// Starts the application, again on the same address after the first time.
    pub async fn start(&mut self) {
        self.start_as(Role::All).await;
    }

    /// From now on nobody works, but deliveries are taken in.
    pub async fn receive_only(&mut self) {
        self.stop().await;
        self.start_as(Role::Receiver).await;
    }

    async fn start_as(&mut self, role: Role) {
        let listener = TcpListener::bind(self.config.listen).await.unwrap();
        self.config.listen = listener.local_addr().unwrap();
        let token = Secrets::new(["admin".to_owned()]);
        let app = App::start(&self.config, &token, role, self.clock.clone(), listener).await;
        self.app = Some(app.unwrap());
    }

    /// Stops it in order.
    pub async fn stop(&mut self) {
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
    }

    /// Until every webhook is sent, every job done, and every echo of that as well.
    pub async fn settle(&self) {
        self.quiet().await;
        self.assert_nothing_failed().await;
    }

    /// As [`World::settle`], whatever the ends of the jobs.
    pub async fn quiet(&self) {
        for _ in 0..2 {
            self.github.settled().await;
            self.plane.settled().await;
            eventually("an empty queue", || async {
                // No answer in time is no failure, where both cores have work for minutes.
                let queue = self.store.queue_stats(self.clock.now()).await;
                queue.is_ok_and(|queue| queue.queued == 0 && queue.claimed == 0)
            })
            .await;
        }
    }

    pub async fn assert_nothing_failed(&self) {
        let queue = self.store.queue_stats(self.clock.now()).await.unwrap();
        assert_eq!(queue.dead, 0, "jobs that failed for good");
    }

    /// The items that stand for GitHub's issues.
    pub fn twins(&self) -> Vec<Item> {
        let ours = |item: &Item| item.external.source.as_deref() == Some("github");
        self.plane.items().into_iter().filter(ours).collect()
    }

    /// The one twin of an issue.
    pub fn twin(&self, issue: &Issue) -> Item {
        let id = issue.id.to_string();
        let mut twins = self.twins();
        twins.retain(|item| item.external.id.as_deref() == Some(id.as_str()));
        assert_eq!(twins.len(), 1, "issue {id} has exactly one twin");
        twins.remove(0)
    }

    pub fn issue(&self, number: u64) -> Issue {
        let issues = self.github.issues(REPOSITORY).unwrap();
        issues.into_iter().find(|issue| issue.number == number).unwrap()
    }

    pub fn state_of(&self, item: &Item) -> String {
        let states = self.plane.states();
        states.into_iter().find(|state| state.id == item.state).unwrap().name
    }

    pub fn labels_of(&self, item: &Item) -> BTreeSet<String> {
        let labels = self.plane.labels();
        let name = |id: &Uuid| labels.iter().find(|label| label.id == *id).unwrap().name.clone();
        item.labels.iter().map(name).collect()
    }

    pub fn assignees_of(&self, item: &Item) -> BTreeSet<String> {
        let known = ["sync-bot", "ada", "grace"].map(|name| self.plane.user(name).unwrap());
        let name = |id: &Uuid| known.iter().find(|u| u.id == *id).unwrap().display_name.clone();
        item.assignees.iter().map(name).collect()
    }

    /// Every issue has one twin that says the same, with the same comments; nothing else is there.
    pub fn assert_equal(&self) {
        let issues: Vec<_> = self.github.issues(REPOSITORY).unwrap();
        let issues: Vec<_> = issues.into_iter().filter(|issue| !issue.pull_request).collect();
        let mut twins: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for twin in self.twins() {
            twins.entry(twin.external.id.clone().unwrap_or_default()).or_default().push(twin);
        }
        for issue in &issues {
            let twins = twins.get(&issue.id.to_string()).map(Vec::as_slice);
            let Some([twin]) = twins else { panic!("{} has not exactly one twin", issue.number) };
            self.assert_twin(issue, twin);
        }
        let ids: BTreeSet<_> = issues.iter().map(|issue| issue.id.to_string()).collect();
        for item in self.twins() {
            let id = item.external.id.clone().unwrap();
            let ended = ["Cancelled", "Done"].contains(&self.state_of(&item).as_str());
            assert!(ids.contains(&id) || ended, "item of the gone issue {id} is still open");
        }
        let names: Vec<_> = self.plane.labels().into_iter().map(|label| label.name).collect();
        let unique: BTreeSet<_> = names.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(names.len(), unique.len(), "no label twice: {names:?}");
    }

    fn assert_twin(&self, issue: &Issue, item: &Item) {
        assert_eq!(item.name, issue.title);
        assert_eq!(item.description_html, markdown::issue_description(issue));
        let closed = ["Done", "Cancelled"].contains(&self.state_of(item).as_str());
        assert_eq!(closed, issue.state.is_closed(), "{} is {:?}", issue.number, issue.state);
        let labels: BTreeSet<_> = issue.labels.iter().map(|label| label.name.clone()).collect();
        assert_eq!(self.labels_of(item), labels, "labels of {}", issue.number);
        let members = ["ada", "grace"];
        let mapped = issue.assignees.iter().map(|a| a.login.clone());
        let mapped: BTreeSet<_> =
            mapped.filter(|login| members.contains(&login.as_str())).collect();
        assert_eq!(self.assignees_of(item), mapped, "assignees of {}", issue.number);
        let wanted: BTreeMap<_, _> = self
            .github
            .comments(REPOSITORY, issue.number)
            .unwrap()
            .iter()
            .map(|comment| (comment.id.to_string(), markdown::comment_html(comment)))
            .collect();
        let mirrors: Vec<_> = self.plane.comments(item.id);
        let there: BTreeMap<_, _> = mirrors
            .iter()
            .map(|c| (c.external.id.clone().unwrap_or_default(), c.comment_html.clone()))
            .collect();
        assert_eq!(there, wanted, "comments of {}", issue.number);
        assert_eq!(mirrors.len(), wanted.len(), "no comment twice");
        assert_eq!(self.plane.links(item.id).len(), 1, "one link to GitHub");
    }

    /// What Plane was asked to write so far.
    pub fn writes(&self) -> usize {
        self.plane.writes().len()
    }

    /// How often GitHub was asked to change assignees so far.
    pub fn assignments(&self) -> usize {
        let requests = self.github.requests();
        let writes = requests.iter().filter(|seen| seen.method != "GET");
        writes.filter(|seen| seen.target.ends_with("/assignees")).count()
    }

    pub fn folder(&self) -> &std::path::Path {
        self.database.folder.path()
    }

    pub fn database_text(&self) -> &str {
        &self.database.text
    }
}

async fn both_sides(plane: SimPlaneConfig, clock: Clock) -> (SimGitHub, SimPlane) {
    let tokens = vec![SimToken::full(TOKEN, "sync-bot")];
    let github = SimGitHubConfig { tokens, clock, ..SimGitHubConfig::default() };
    let github = SimGitHub::start(github).await;
    let github = github.unwrap();
    github.add_repository(REPOSITORY).unwrap();
    // A webhook that found nobody at home comes again soon, so that tests need not wait.
    let plane = SimPlaneConfig { webhook_retry_wait: Duration::from_millis(200), ..plane };
    let plane = SimPlane::start(plane.with_project("SYNC", "Sync")).await.unwrap();
    (github, plane)
}

fn config(
    database: &TestDatabase,
    github: &SimGitHub,
    plane: &SimPlane,
    project: Uuid,
    asking: Asking,
) -> Config {
    let token = match asking {
        Asking::Rest => Secrets::new([TOKEN.to_owned()]),
        Asking::Nobody => Secrets::default(),
    };
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        public_url: "http://127.0.0.1".to_owned(),
        data_dir: database.folder.path().to_owned(),
        database_url: database.url.clone(),
        admin_token: Secrets::default(),
        plane: PlaneConfig {
            webhook_secret: Secrets::new([PLANE_SECRET.to_owned()]),
            api_url: Some(plane.api_url()),
            web_url: Some("https://plane.example.com".to_owned()),
            api_key: Secrets::new([plane.api_key()]),
            workspace: Some(plane.workspace()),
        },
        github: GithubConfig {
            webhook_secret: Secrets::new([GITHUB_SECRET.to_owned()]),
            unsigned: UnsignedWebhooks::Refuse,
            api_url: github.api_url(),
            token,
            app_id: None,
            app_private_key: Secrets::none(),
            mcp: None,
            hosts: Vec::new(),
            unknown_repositories: UnknownRepositories::Reject,
        },
        retry: RetryPolicy {
            max_retries: 3,
            base: Duration::from_millis(20),
            cap: Duration::from_millis(200),
        },
        retention: jetbridge::config::RetentionConfig::default(),
        recover_every: Duration::ZERO,
        workers: 4,
        max_body: 25 * 1024 * 1024,
        alarm_webhook_url: Secrets::none(),
        spool_max_bytes: 0,
        reconcile_every: None,
        canary: jetbridge::config::CanaryConfig::default(),
        repositories: vec![repository(project)],
    }
}

fn repository(project: Uuid) -> RepositoryConfig {
    RepositoryConfig {
        name: REPOSITORY.parse().unwrap(),
        plane_project: Some(project),
        plane_workspace: None,
        direction: Direction::GithubToPlane,
        filter: None,
        rules: Vec::new(),
        states: BTreeMap::new(),
        labels: BTreeMap::new(),
        users: BTreeMap::new(),
        milestones: None,
        rate_limit: None,
    }
}
