//! A simulated GitHub whose webhooks go over HTTP into the real receiver. Both live by one clock.

use std::time::Duration;

use jetbridge::clients::github_rest::GitHubRest;
use jetbridge::clock::Clock;
use jetbridge::config::Secrets;
use jetbridge::jobs::recover::{Fate, Recover, Report, Task};
use jetbridge::sim::github::{
    Access, NewHook, NewIssue, SimGitHub, SimGitHubConfig, SimToken, WebhookFault,
};
use jetbridge::sources::Source;
use jetbridge::store::deliveries::DeliveryFilter;
use tokio::net::TcpListener;

use crate::support::app::{GithubSettings, TestApp};
use crate::support::databases::TestDatabase;
use crate::support::github::SECRET;

pub const REPOSITORY: &str = "octo/app";
pub const TOKEN: &str = "ghp_of_the_service";
pub const DAY: Duration = Duration::from_hours(24);

pub struct World {
    pub app: TestApp,
    pub github: SimGitHub,
    pub clock: Clock,
    pub public_url: String,
    pub hook: u64,
    pub database: String,
}

impl World {
    pub async fn new(database: TestDatabase) -> Self {
        Self::with_tokens(database, vec![SimToken::full(TOKEN, "jetbridge-bot")]).await
    }

    /// With a hook that has been tried out.
    pub async fn with_tokens(database: TestDatabase, tokens: Vec<SimToken>) -> Self {
        let mut world = Self::without_hook(database, tokens).await;
        let url = format!("{}/api/webhooks/github-mcp/", world.public_url);
        world.hook = world.github.add_hook(REPOSITORY, NewHook::to(url, SECRET)).unwrap();
        world.github.settled().await;
        world
    }

    /// With a repository that has no hook of its own, of an organization that has one.
    pub async fn of_organization(database: TestDatabase, tokens: Vec<SimToken>) -> Self {
        Self::built(database, tokens, |github, endpoint| {
            github.add_organization("octo", NewHook::to(endpoint, SECRET)).unwrap();
        })
        .await
    }

    pub async fn without_hook(database: TestDatabase, tokens: Vec<SimToken>) -> Self {
        Self::built(database, tokens, |_, _| {}).await
    }

    /// What is to be there before the repository is made first.
    async fn built(
        database: TestDatabase,
        tokens: Vec<SimToken>,
        before: impl FnOnce(&SimGitHub, String),
    ) -> Self {
        Self::built_with(database, tokens, &[REPOSITORY], before).await
    }

    /// With several repositories and no hook; webhooks of all of them are taken.
    pub async fn with_repositories(database: TestDatabase, names: &[&str]) -> Self {
        let tokens = ["ghp_none", TOKEN].map(|token| SimToken {
            webhooks: if token == TOKEN { Access::Write } else { Access::None },
            ..SimToken::full(token, "jetbridge-bot")
        });
        Self::built_with(database, tokens.into(), names, |_, _| {}).await
    }

    async fn built_with(
        database: TestDatabase,
        tokens: Vec<SimToken>,
        names: &[&str],
        before: impl FnOnce(&SimGitHub, String),
    ) -> Self {
        let text = database.text.clone();
        let repositories = names.iter().map(|name| (*name).to_owned()).collect();
        let settings = GithubSettings { repositories, ..GithubSettings::default() };
        let configured = settings.configured();
        let app = TestApp::with_github(database, settings).await;
        let clock = app.clock.clone();
        app.store.put_configured_repositories(&configured, clock.now()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let public_url = format!("http://{}", listener.local_addr().unwrap());
        let routes = app.routes.clone();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let config = SimGitHubConfig { clock: clock.clone(), tokens, ..SimGitHubConfig::default() };
        let github = SimGitHub::start(config).await.unwrap();
        before(&github, format!("{public_url}/api/webhooks/github-mcp/"));
        for name in names {
            github.add_repository(name).unwrap();
        }
        Self { app, github, clock, public_url, hook: 0, database: text }
    }

    pub fn rest(&self, token: &str) -> GitHubRest {
        let tokens = Secrets::new([token.to_owned()]);
        let limit = Duration::from_secs(5);
        GitHubRest::new(&self.github.api_url(), &tokens, self.clock.clone(), limit)
            .unwrap()
            .unwrap()
    }

    /// With a token; GitHub keeps deliveries for three days here.
    pub fn recover_with(&self, token: &str) -> Recover {
        let rest = self.rest(token);
        Recover::new(&self.app.store, &self.clock, rest, &self.public_url).keeping(3 * DAY)
    }

    pub fn recover(&self) -> Recover {
        self.recover_with(TOKEN)
    }

    /// A run of the schedule's; what was asked for has arrived and is worked off.
    pub async fn run(&self) -> Report {
        let report = self.recover().run(&Task::of_schedule(), |_| {}).await.unwrap();
        self.arrive().await;
        report
    }

    pub async fn arrive(&self) {
        self.github.settled().await;
        self.app.run_jobs_after(Duration::from_secs(1)).await;
    }

    /// Somebody opens issues, each with one webhook, which meets a fault.
    pub async fn open_issues(&self, faults: &[WebhookFault]) {
        self.open_issues_in(REPOSITORY, faults).await;
    }

    pub async fn open_issues_in(&self, repository: &str, faults: &[WebhookFault]) {
        self.github.add_webhook_faults(faults.iter().copied());
        let ada = self.github.acting_as("ada");
        for at in 0..faults.len() {
            ada.open_issue(repository, &NewIssue::titled(format!("Issue {at}"))).unwrap();
        }
        self.arrive().await;
    }

    pub async fn lose(&self, count: usize) {
        self.open_issues(&vec![WebhookFault::Lose; count]).await;
    }

    /// Deliveries of GitHub's in the inbox.
    pub async fn inbox(&self) -> usize {
        let filter = DeliveryFilter { source: Some(Source::Github), ..DeliveryFilter::default() };
        self.app.store.deliveries(&filter, None, 10_000).await.unwrap().len()
    }

    /// How often a redelivery was asked for.
    pub fn asked(&self) -> usize {
        let asks = |r: &jetbridge::sim::github::SeenRequest| r.method == "POST";
        self.github.requests().iter().filter(|r| asks(r)).count()
    }
}

/// What a report says of the one repository.
pub fn counts(report: &Report) -> (u64, u64) {
    (report.places[0].missing, report.places[0].asked)
}

pub fn fates(report: &Report) -> Vec<Fate> {
    report.deliveries.iter().map(|found| found.fate).collect()
}

pub fn problem(report: &Report) -> &str {
    report.places[0].problem.as_deref().unwrap_or_default()
}
