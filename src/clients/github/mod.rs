//! GitHub. Reading: one narrow interface, two implementations behind it. Writing: `write`.
//!
//! [`GitHubRest`] reads everything as it was written.
//! [`GitHubMcp`] asks the MCP server that the operator runs; what
//! it gives may be altered, and says so ([`Fidelity`], [`IssueSketch`]). [`GitHub`] is both: MCP
//! for what it does faithfully, REST for the rest.
//!
//! Deliberately absent: retries, which the queue has.

pub(in crate::clients) mod payload;
pub(in crate::clients) mod refusal;
pub mod write;

use std::time::Duration;

use super::github_mcp::GitHubMcp;
use super::github_rest::GitHubRest;
use crate::clock::{Clock, Timestamp};
use crate::config::{GithubConfig, RepositoryName};
use crate::failure::Failure;
use crate::metrics::RemoteFigures;
use crate::quota::Class;
use crate::sync::github::{Account, Comment, Issue, IssueState};

/// What became of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and what is asked for is there")]
pub enum Fetched {
    /// It is there, exactly so.
    Found(Issue),
    /// It is there, told by a server that leaves things out and alters text.
    Sketched(IssueSketch),
    /// It is somewhere else: transferred, or its repository has another name.
    MovedTo {
        /// Where to.
        repository: RepositoryName,
        /// Its number there.
        number: u64,
    },
    /// It was deleted.
    Gone,
    /// There is none, or the token may not see it: GitHub does not tell the two apart.
    NotFound,
}

/// What may be believed of an issue that an altering server told: neither ids nor text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSketch {
    /// The number people see.
    pub number: u64,
    /// Open, or closed and why.
    pub state: IssueState,
    /// Names, in GitHub's order.
    pub labels: Vec<String>,
    /// Logins, in GitHub's order.
    pub assignees: Vec<String>,
    /// GitHub's time of this state.
    pub updated_at: Timestamp,
}

impl IssueSketch {
    /// What is known for certain of the issue: `known` with the sketch's state. Its time stays
    /// that of `known`, since text, labels' colors and accounts are of that time: the webhook
    /// that tells of the rest must still count as newer.
    #[must_use]
    pub fn over(&self, known: Issue) -> Issue {
        if self.updated_at <= known.updated_at {
            return known;
        }
        Issue { state: self.state, ..known }
    }
}

/// How an answer relates to what people wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// Every character as it was written.
    Verbatim,
    /// Characters and tags may be missing or changed: never to be shown as the original, and
    /// never to be written back.
    Altered,
}

/// All comments of an issue, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comments {
    /// Each of them.
    pub all: Vec<Comment>,
    /// Whether their bodies may be believed.
    pub fidelity: Fidelity,
}

/// Reads GitHub.
pub trait ReadGitHub {
    /// An issue, or a pull request's issue half, as it is now.
    fn fetch_issue(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> impl Future<Output = Result<Fetched, Failure>> + Send;

    /// All comments of an issue that is there.
    fn fetch_comments(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> impl Future<Output = Result<Comments, Failure>> + Send;

    /// Whose token it is.
    fn who_am_i(&self) -> impl Future<Output = Result<Account, Failure>> + Send;
}

/// GitHub through whatever is configured.
#[derive(Debug, Clone)]
pub struct GitHub {
    mcp: Option<GitHubMcp>,
    rest: Option<GitHubRest>,
}

impl GitHub {
    /// From the configuration: REST where there is a token, MCP where there is a server, `None`
    /// where there is neither. Nothing is started or sent before the first question.
    ///
    /// # Errors
    /// When an address is none; the text names the key.
    pub fn new(
        config: &GithubConfig,
        clock: &Clock,
        timeout: Duration,
    ) -> Result<Option<Self>, InvalidAddress> {
        let rest = GitHubRest::new(&config.api_url, &config.token, clock.clone(), timeout)?;
        let mcp = match &config.mcp {
            Some(server) => Some(GitHubMcp::new(
                server,
                &config.api_url,
                &config.token,
                clock.clone(),
                timeout,
            )?),
            None => None,
        };
        Ok(Self::of(mcp, rest))
    }

    /// Of clients that are there.
    pub fn of(mcp: Option<GitHubMcp>, rest: Option<GitHubRest>) -> Option<Self> {
        (mcp.is_some() || rest.is_some()).then_some(Self { mcp, rest })
    }

    /// Counting what REST is asked.
    #[must_use]
    pub fn counting(self, figures: &RemoteFigures) -> Self {
        self.with_rest(|rest| rest.counting(figures))
    }

    /// The same client for requests of a class. The MCP server asks on its own account.
    #[must_use]
    pub fn in_class(self, class: Class) -> Self {
        self.with_rest(|rest| rest.in_class(class))
    }

    /// With another REST client, made of the one that there is.
    #[must_use]
    pub fn with_rest(self, change: impl FnOnce(GitHubRest) -> GitHubRest) -> Self {
        Self { rest: self.rest.map(change), ..self }
    }

    /// The MCP client, where one is configured.
    pub fn mcp(&self) -> Option<&GitHubMcp> {
        self.mcp.as_ref()
    }

    /// The REST client, where a token is configured.
    pub fn rest(&self) -> Option<&GitHubRest> {
        self.rest.as_ref()
    }

    /// Ends the MCP server, where one runs.
    pub async fn shut_down(&self) {
        if let Some(mcp) = &self.mcp {
            mcp.shut_down().await;
        }
    }
}

/// A failure of the MCP server that REST can make good. A used-up quota is the token's, and a
/// refusal is GitHub's own: REST would get the same.
fn rest_may_help(failure: &Failure) -> bool {
    match failure {
        Failure::Retry { after, .. } => after.is_none(),
        Failure::Permanent { .. } => true,
        Failure::Quota { .. } => false,
    }
}

fn note(failure: &Failure) {
    tracing::warn!("asking GitHub over REST, since the MCP server failed: {failure}");
}

/// Nobody to ask; [`GitHub::of`] makes none like that.
fn nobody() -> Failure {
    Failure::permanent("no GitHub client is configured: set github.token or github.mcp.command")
}

impl ReadGitHub for GitHub {
    async fn fetch_issue(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Fetched, Failure> {
        let Some(mcp) = &self.mcp else {
            return self.rest.as_ref().ok_or_else(nobody)?.fetch_issue(repository, number).await;
        };
        let told = match mcp.issues_are().await {
            // Not worth a question whose answer would not be used.
            Ok(Fidelity::Altered) if self.rest.is_some() => None,
            Ok(_) => Some(mcp.fetch_issue(repository, number).await),
            Err(failure) => Some(Err(failure)),
        };
        match (told, &self.rest) {
            (Some(Err(failure)), Some(rest)) if rest_may_help(&failure) => {
                note(&failure);
                rest.fetch_issue(repository, number).await
            }
            (None | Some(Ok(Fetched::Sketched(_))), Some(rest)) => {
                rest.fetch_issue(repository, number).await
            }
            (Some(told), _) => told,
            (None, None) => mcp.fetch_issue(repository, number).await,
        }
    }

    async fn fetch_comments(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Comments, Failure> {
        let Some(mcp) = &self.mcp else {
            return self.rest.as_ref().ok_or_else(nobody)?.fetch_comments(repository, number).await;
        };
        let told = match mcp.comments_are().await {
            Ok(Fidelity::Altered) if self.rest.is_some() => None,
            Ok(_) => Some(mcp.fetch_comments(repository, number).await),
            Err(failure) => Some(Err(failure)),
        };
        match (told, &self.rest) {
            (Some(Err(failure)), Some(rest)) if rest_may_help(&failure) => {
                note(&failure);
                rest.fetch_comments(repository, number).await
            }
            (None, Some(rest)) => rest.fetch_comments(repository, number).await,
            (Some(told), _) => told,
            (None, None) => mcp.fetch_comments(repository, number).await,
        }
    }

    async fn who_am_i(&self) -> Result<Account, Failure> {
        match (&self.rest, &self.mcp) {
            (Some(rest), _) => rest.who_am_i().await,
            (None, Some(mcp)) => mcp.who_am_i().await,
            (None, None) => Err(nobody()),
        }
    }
}

/// The text is no address of an API or a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an http or https address such as {example} for {key}")]
pub struct InvalidAddress {
    /// Which key.
    pub(in crate::clients) key: &'static str,
    /// A good one.
    pub(in crate::clients) example: &'static str,
}
