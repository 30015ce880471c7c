//! Plane's REST API: the names of a project's parts, and what keeping an issue in step needs.
//!
//! [`Refusal`] is the table from an answer to its meaning. Recorded from a running server, and
//! not what one would guess: a bad token is 403, and so is a workspace or project that does not
//! exist; 429 carries its wait in `Retry-After` alone; nothing is answered without the trailing
//! slash. When an answer says that the quota is used up, the next question is not asked.

mod bundles;
mod canary;
mod exchange;
pub mod listing;
mod pages;
mod parents;
mod read;
mod refusal;
mod shapes;
mod write;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use self::bundles::{BundleSwitches, FoundBundle};
use self::exchange::Inner;
pub use self::read::ProjectRole;
pub use self::refusal::Refusal;
use super::gate::{Gate, Stopped, account_name};
use super::http_client::LONGEST_ANSWER;
use super::limits::{LimitSeen, Tally};
use crate::clock::{Clock, Timestamp};
use crate::config::Secrets;
use crate::metrics::RemoteFigures;
use crate::quota::ledger::Ledger;
use crate::quota::{Account, Class, Pauses, Remote};
use crate::sync::plane::Item;

/// The window of Plane's rate limit, and the wait after a 429 that does not say how long.
const QUOTA_WINDOW: Duration = Duration::from_mins(1);

/// How many requests the key had left, when Plane last said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// So many.
    pub requests: u32,
    /// At that time.
    pub seen_at: Timestamp,
}

/// What a create came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation<T> {
    /// It was made; this is what Plane made of it.
    Created(T),
    /// There was one with this external id; this is its id.
    AlreadyThere(String),
}

impl<T> Creation<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Creation<U> {
        match self {
            Self::Created(made) => Creation::Created(change(made)),
            Self::AlreadyThere(id) => Creation::AlreadyThere(id),
        }
    }
}

/// The twins of a GitHub issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    None,
    /// There is one, as it should be.
    One(Item),
    /// There are several: Plane does not keep external ids unique.
    Several {
        /// The one that was made first.
        oldest: Item,
        /// The ids of the others, the older before the newer.
        others: Vec<String>,
    },
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: String,
    /// `SYNC`.
    pub identifier: String,
    /// Its name.
    pub name: String,
}

/// A state of a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct State {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `backlog`, `unstarted`, `started`, `completed`, `cancelled` or `triage`.
    pub group: String,
}

/// A label of a project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `#rrggbb`, or empty.
    pub color: Option<String>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    /// The user's id, as it stands in `assignees`.
    pub id: String,
    /// The name that people see.
    pub display_name: String,
}

/// The text is no address of an API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as https://api.plane.so for plane.api_url")]
pub struct InvalidApiUrl;

/// Asks Plane's API for one workspace. Cheap to clone.
#[derive(Clone)]
pub struct PlaneClient {
    inner: Arc<Inner>,
    workspace: Arc<str>,
    gate: Arc<Gate>,
    class: Class,
    clock: Clock,
    tally: Tally,
    longest_answer: usize,
}

impl fmt::Debug for PlaneClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaneClient")
            .field("api_url", &self.inner.api_url.as_str())
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

impl PlaneClient {
    /// For one workspace, with the first of the keys. `Ok(None)` without a key. Nothing is sent
    /// and no TLS is set up before the first question.
    ///
    /// # Errors
    /// When `api_url` is not an http or https address.
    pub fn new(
        api_url: &str,
        workspace: &str,
        keys: &Secrets,
        timeout: Duration,
    ) -> Result<Option<Self>, InvalidApiUrl> {
        let mut api_url = Url::parse(api_url).map_err(|_| InvalidApiUrl)?;
        if !matches!(api_url.scheme(), "http" | "https") {
            return Err(InvalidApiUrl);
        }
        // Shown in `Debug`: a name and password written into it must not be.
        api_url
            .set_username("")
            .and_then(|()| api_url.set_password(None))
            .map_err(|()| InvalidApiUrl)?;
        let Some(key) = keys.expose().next().map(SecretString::from) else { return Ok(None) };
        let (workspace, http) = (Arc::from(workspace), OnceLock::new());
        let inner = Arc::new(Inner { api_url, key, timeout, http });
        let (clock, class) = (Clock::System, Class::Live);
        let gate = Arc::new(Gate::new(Remote::Plane, clock.clone()));
        let (tally, longest_answer) = (Tally::of(Remote::Plane.as_str()), LONGEST_ANSWER);
        Ok(Some(Self { inner, workspace, gate, class, clock, tally, longest_answer }))
    }

    /// The same client for another workspace. A key belongs to a user and reaches all of the
    /// user's workspaces, and so does its quota: both clients share it.
    #[must_use]
    pub fn in_workspace(&self, slug: &str) -> Self {
        Self { workspace: Arc::from(slug), ..self.clone() }
    }

    /// The workspace that it asks, by its slug.
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// Reckoning the quota by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { gate: Arc::new(self.gate.by(clock.clone())), clock, ..self }
    }

    /// Reading no answer that is longer than so many bytes.
    #[must_use]
    pub fn reading_at_most(self, longest_answer: usize) -> Self {
        Self { longest_answer, ..self }
    }

    /// Sharing the key's quota with others.
    #[must_use]
    pub fn sharing(self, ledger: Arc<dyn Ledger>) -> Self {
        Self { gate: Arc::new(self.gate.sharing(ledger)), ..self }
    }

    /// Leaving Plane alone for so long when it does not answer.
    #[must_use]
    pub fn pausing(self, pauses: Pauses) -> Self {
        Self { gate: Arc::new(self.gate.pausing(pauses)), ..self }
    }

    /// The same client for requests of a class.
    #[must_use]
    pub fn in_class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// Whose requests these are.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Counting its requests.
    #[must_use]
    pub fn counting(self, figures: &RemoteFigures) -> Self {
        Self { tally: self.tally.into(figures), ..self }
    }

    /// What the account of the key is called.
    pub fn account_name(&self) -> String {
        let Inner { api_url, key, .. } = &*self.inner;
        account_name(Remote::Plane, api_url.as_str(), key.expose_secret())
    }

    /// What is known of the key's quota, as this process last saw it.
    pub fn account(&self) -> Account {
        self.gate.account()
    }

    /// Why a job of a class should not begin now.
    pub fn look(&self, class: Class) -> Option<Stopped> {
        self.gate.look(class)
    }

    /// What Plane last said of the key's limit.
    pub fn limit_seen(&self) -> Option<LimitSeen> {
        self.gate.limit_seen()
    }

    /// How many requests the key had left; `None` when Plane did not say so within a minute.
    pub fn remaining(&self) -> Option<Remaining> {
        let seen = self.gate.limit_seen()?;
        let remaining = Remaining { requests: seen.remaining?, seen_at: seen.seen_at };
        (remaining.seen_at + QUOTA_WINDOW > self.clock.now()).then_some(remaining)
    }

    /// Whose key it is.
    pub async fn fetch_me(&self) -> Result<User, Refusal> {
        self.ask(self.url(&["users", "me"])).await
    }

    /// Whose key it is, and what time it is at Plane where that is said.
    pub async fn fetch_me_and_time(&self) -> Result<(User, Option<Timestamp>), Refusal> {
        let answer = self.exchange(Method::GET, self.url(&["users", "me"]), None).await?;
        Ok((answer.object()?, answer.said_at))
    }

    /// One project.
    pub async fn fetch_project(&self, project: &str) -> Result<Project, Refusal> {
        self.ask(self.project_url(project, &[])?).await
    }

    /// All projects that the key's user can see.
    pub async fn fetch_projects(&self) -> Result<Vec<Project>, Refusal> {
        self.ask_all(self.url(&["workspaces", &self.workspace, "projects"])).await
    }

    /// All states of a project.
    pub async fn fetch_states(&self, project: &str) -> Result<Vec<State>, Refusal> {
        self.ask_all(self.project_url(project, &["states"])?).await
    }

    /// All labels of a project.
    pub async fn fetch_labels(&self, project: &str) -> Result<Vec<Label>, Refusal> {
        self.ask_all(self.project_url(project, &["labels"])?).await
    }

    /// All users that are or were members of a project.
    pub async fn fetch_members(&self, project: &str) -> Result<Vec<User>, Refusal> {
        self.ask_all(self.project_url(project, &["members"])?).await
    }
}
