//! A fake GitHub: users, repositories, issues, comments, pull requests and hooks, over real HTTP,
//! with webhooks sent and signed as GitHub does.
//!
//! Its rule: refuse what GitHub refuses, in GitHub's words (401, 403, 404, 410, 422, both kinds
//! of rate limit), redirect what moved, send several webhooks for one action, and none again
//! unless asked. [`SimGitHub::acting_as`] is a person at work, the REST API under `/` and
//! `/api/v3` is a program at work, [`RequestFault`] and [`WebhookFault`] are bad days.
//!
//! Deliberately absent: GraphQL but for one question, code, texts of reviews, members and teams of organizations,
//! private repositories, and GitHub's refusal to post to local addresses.

mod actions;
mod app;
mod changes;
mod faults;
mod hooks;
mod json;
mod outbox;
mod quota;
mod rest;
mod state;
mod tokens;
mod views;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clients::github_webhook::GithubWebhookSender;
use crate::clock::Clock;
use crate::sim::log;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use actions::Person;
pub use app::SimApp;
pub use changes::{
    CloseReason, IssueEdit, LabelEdit, MilestoneEdit, NewIssue, NewMilestone, ReviewVerdict,
};
pub use faults::{RequestFault, WebhookFault};
pub use hooks::{Delivery, DeliveryEnd, NewHook, Redelivery};
pub use rest::SeenRequest;
pub use tokens::{Access, PushAccess, SimToken};
pub use views::Switched;

/// How a fake GitHub is set up.
#[derive(Debug, Clone)]
pub struct SimGitHubConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What time it is there.
    pub clock: Clock,
    /// What pages' addresses begin with; empty: its own address, where it shows them as plain text.
    pub web_url: String,
    /// What its webhooks say its server is called; `None` for github.com.
    pub server: Option<String>,
    /// Who may do what.
    pub tokens: Vec<SimToken>,
    /// Requests an hour and token.
    pub hourly_requests: u64,
    /// How long a receiver of webhooks may take.
    pub webhook_limit: Duration,
    /// How many requests, and how many deliveries of a hook, it remembers: the newest.
    pub remembered: usize,
    /// How long deliveries are listed and sent again.
    pub deliveries_kept: Duration,
}

impl Default for SimGitHubConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            clock: Clock::System,
            web_url: "https://github.com".to_owned(),
            server: None,
            tokens: Vec::new(),
            hourly_requests: 5_000,
            webhook_limit: Duration::from_secs(10),
            remembered: log::MOST,
            deliveries_kept: Duration::from_hours(3 * 24),
        }
    }
}

/// Where a fake is found, where its ids begin, how much it remembers.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    api: String,
    web: String,
    remembered: usize,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// There is no such repository.
    #[error("there is no such repository")]
    NoRepository,
    /// It has another name now.
    #[error("the repository has another name now")]
    RepositoryMoved {
        /// Its id.
        repository: u64,
    },
    /// There is no such issue.
    #[error("there is no such issue")]
    NoIssue,
    /// The issue was deleted.
    #[error("the issue was deleted")]
    Deleted,
    /// The repository's issues are switched off.
    #[error("the repository's issues are switched off")]
    IssuesOff,
    /// The issue was transferred.
    #[error("the issue was transferred")]
    Moved {
        /// The id of the repository where it is now.
        repository: u64,
        /// Its number there.
        number: u64,
    },
    /// There is no such comment.
    #[error("there is no such comment")]
    NoComment,
    /// There is no such milestone.
    #[error("there is no such milestone")]
    NoMilestone,
    /// There is no such hook.
    #[error("there is no such hook or delivery")]
    NoHook,
    /// GitHub's "Validation Failed".
    #[error("{resource}.{field} is refused: {code}")]
    Invalid {
        /// Of what.
        resource: &'static str,
        /// Which field.
        field: &'static str,
        /// GitHub's word for what is wrong.
        code: &'static str,
    },
}

impl SimError {
    fn invalid(resource: &'static str, field: &'static str, code: &'static str) -> Self {
        Self::Invalid { resource, field, code }
    }
}

/// A running fake GitHub; gone when dropped.
#[derive(Debug)]
pub struct SimGitHub {
    inner: Arc<Inner>,
    address: SocketAddr,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug)]
struct Inner {
    state: Mutex<state::State>,
    outbox: outbox::Outbox,
    sender: GithubWebhookSender,
    clock: Clock,
    deliveries_kept: Duration,
    server: Option<String>,
    desk: Mutex<rest::Desk>,
}

impl SimGitHub {
    /// Starts one.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn start(config: SimGitHubConfig) -> std::io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let api = match address.port() {
            80 => format!("http://{}", address.ip()),
            _ => format!("http://{address}"),
        };
        let web = if config.web_url.is_empty() { api.clone() } else { config.web_url };
        let instance = Instance { api, web, remembered: config.remembered };
        let desk = rest::Desk::new(config.tokens, config.hourly_requests, config.remembered);
        let inner = Arc::new(Inner {
            state: Mutex::new(state::State::new(instance)),
            outbox: outbox::Outbox::default(),
            sender: GithubWebhookSender::new(config.webhook_limit),
            clock: config.clock,
            deliveries_kept: config.deliveries_kept,
            server: config.server,
            desk: Mutex::new(desk),
        });
        let sending = tokio::spawn(outbox::run(Arc::downgrade(&inner)));
        let serving = tokio::spawn(rest::serve(listener, Arc::clone(&inner)));
        Ok(Self { inner, address, tasks: [sending, serving] })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `github.api_url` is to be.
    pub fn api_url(&self) -> String {
        self.inner.lock().instance.api.clone()
    }

    /// Makes a repository, `owner/name`; its id.
    ///
    /// # Errors
    /// When there is one of that name, or it is none.
    pub fn add_repository(&self, full_name: &str) -> Result<u64, SimError> {
        let now = self.inner.now();
        self.inner.lock().add_repository(full_name, now)
    }

    /// Sets up a hook, which is told so by a `ping`; its id.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn add_hook(&self, repository: &str, hook: NewHook) -> Result<u64, SimError> {
        let id = self.inner.lock().named(repository)?;
        let owner = self.inner.lock().repository(id)?.owner.login.clone();
        self.inner.change(&owner, |change| change.add_hook(id, hook))
    }

    /// Makes an organization with a hook that is told of all its repositories; those are made
    /// later. The hook's id.
    ///
    /// # Errors
    /// None that a caller could mend.
    pub fn add_organization(&self, login: &str, hook: NewHook) -> Result<u64, SimError> {
        self.inner.lock().add_organization(login);
        let place = state::HookPlace::Organization(login.to_owned());
        self.inner.change(login, |change| change.add_quiet_hook(&place, hook))
    }

    /// Somebody at work; made where there is no such account.
    pub fn acting_as(&self, login: &str) -> Person<'_> {
        Person::new(&self.inner, login)
    }

    /// The next webhooks meet these, one each.
    pub fn add_webhook_faults(&self, faults: impl IntoIterator<Item = WebhookFault>) {
        self.inner.outbox.add_faults(faults);
    }

    /// The next requests meet these, one each.
    pub fn add_request_faults(&self, faults: impl IntoIterator<Item = RequestFault>) {
        self.inner.desk().faults.add(faults::Striking::Any, faults);
    }

    /// The next requests that change something meet these, one each.
    pub fn add_write_faults(&self, faults: impl IntoIterator<Item = RequestFault>) {
        self.inner.desk().faults.add(faults::Striking::Writes, faults);
    }

    /// Takes back the faults that no request has met.
    pub fn clear_request_faults(&self) {
        self.inner.desk().faults.clear();
    }

    /// Keeps webhooks back until [`Self::release_webhooks`].
    pub fn hold_webhooks(&self) {
        self.inner.outbox.hold();
    }

    /// Sends what was kept back, in the order that `arrange` makes of their numbers (from 0): it
    /// may leave out, repeat and swap.
    pub fn release_webhooks(&self, arrange: impl FnOnce(Vec<usize>) -> Vec<usize>) {
        self.inner.outbox.release(arrange);
    }

    /// How many webhooks wait for their turn.
    pub fn webhooks_waiting(&self) -> usize {
        self.inner.outbox.waiting()
    }

    /// Waits until every webhook was sent and answered, but for those that are kept back.
    pub async fn settled(&self) {
        self.inner.outbox.settled().await;
    }
}

impl Drop for SimGitHub {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, state::State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, rest::Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whole seconds: GitHub knows no shorter time.
    fn now(&self) -> crate::clock::Timestamp {
        chrono::SubsecRound::trunc_subsecs(self.clock.now(), 0)
    }

    /// When the oldest delivery was made that is still listed and sent again.
    fn deliveries_since(&self) -> crate::clock::Timestamp {
        self.clock.now() - self.deliveries_kept
    }

    /// Lets somebody change something; what happened is on its way to the hooks before anything
    /// else can happen.
    fn change<T>(
        &self,
        login: &str,
        act: impl FnOnce(&mut changes::Change<'_>) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        let now = self.now();
        let mut state = self.lock();
        let actor = state.user(login);
        let mut change = changes::Change { state: &mut state, actor, now, events: Vec::new() };
        let result = act(&mut change)?;
        let events = change.events;
        let parcels: Vec<_> =
            events.iter().flat_map(|event| outbox::parcels_for(&state, event)).collect();
        self.outbox.push(parcels);
        Ok(result)
    }
}
