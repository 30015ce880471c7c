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
use crate::config::{GithubConfig, GithubHost, GithubHostConfig, RepositoryName};
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

/// GitHub through whatever is configured: the server of `github.api_url` through MCP and REST, each
/// of `[[github.hosts]]` through REST.
#[derive(Debug, Clone)]
pub struct GitHub {
    mcp: Option<GitHubMcp>,
    rest: Option<GitHubRest>,
    others: Vec<GitHubRest>,
    /// Servers that are configured.
    servers: usize,
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
        let mut others = Vec::new();
        for GithubHostConfig { host, api_url, token, .. } in &config.hosts {
            let other = GitHubRest::new(api_url, token, clock.clone(), timeout)?;
            others.extend(other.map(|rest| rest.of_host(host.clone())));
        }
        let is_there = mcp.is_some() || rest.is_some() || !others.is_empty();
        let servers = 1 + config.hosts.len();
        Ok(is_there.then_some(Self { mcp, rest, others, servers }))
    }

    /// Of clients that are there.
    pub fn of(mcp: Option<GitHubMcp>, rest: Option<GitHubRest>) -> Option<Self> {
        let is_there = mcp.is_some() || rest.is_some();
        is_there.then_some(Self { mcp, rest, others: Vec::new(), servers: 1 })
    }

    /// Whether there are servers that are not asked over REST.
    pub fn leaves_servers_unasked(&self) -> bool {
        self.rests().count() < self.servers
    }

    /// Whether anybody can be asked about a repository.
    pub fn reads(&self, repository: &RepositoryName) -> bool {
        let by_mcp = self.mcp.is_some() && repository.host().is_default();
        by_mcp || self.rest(repository).is_some()
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

    /// With other REST clients, made of those that there are.
    #[must_use]
    pub fn with_rest(self, change: impl Fn(GitHubRest) -> GitHubRest) -> Self {
        let others = self.others.into_iter().map(&change).collect();
        Self { rest: self.rest.map(change), others, ..self }
    }

    /// The MCP client, where one is configured.
    pub fn mcp(&self) -> Option<&GitHubMcp> {
        self.mcp.as_ref()
    }

    /// The REST client of a repository's server, where a token is configured for that.
    pub fn rest(&self, repository: &RepositoryName) -> Option<&GitHubRest> {
        self.rest_of(&repository.host())
    }

    /// The REST client of a server.
    pub fn rest_of(&self, host: &GithubHost) -> Option<&GitHubRest> {
        self.rests().find(|rest| rest.host() == host)
    }

    /// The REST clients of all servers, that of `github.api_url` first.
    pub fn rests(&self) -> impl Iterator<Item = &GitHubRest> {
        self.rest.iter().chain(&self.others)
    }

    /// The MCP server, where it speaks for a repository's server.
    fn mcp_of(&self, repository: &RepositoryName) -> Option<&GitHubMcp> {
        self.mcp.as_ref().filter(|_| repository.host().is_default())
    }

    /// Ends the MCP server, where one runs.
    pub async fn shut_down(&self) {
        if let Some(mcp) = &self.mcp {
            mcp.shut_down().await;
        }
    }
}

impl From<GitHubRest> for GitHub {
    /// REST alone.
    fn from(rest: GitHubRest) -> Self {
        let (first, others) =
            if rest.host().is_default() { (Some(rest), Vec::new()) } else { (None, vec![rest]) };
        Self { mcp: None, rest: first, others, servers: 1 }
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

/// Nobody to ask.
fn nobody(repository: &RepositoryName) -> Failure {
    let host = repository.host();
    let remedy = if host.is_default() {
        "set github.token or github.mcp.command".to_owned()
    } else {
        format!("set token in the [[github.hosts]] of {host}")
    };
    Failure::permanent(format!("nobody can be asked about {repository}: {remedy}"))
}

impl ReadGitHub for GitHub {
    async fn fetch_issue(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Fetched, Failure> {
        let rest = self.rest(repository);
        let Some(mcp) = self.mcp_of(repository) else {
            return rest.ok_or_else(|| nobody(repository))?.fetch_issue(repository, number).await;
        };
        let told = match mcp.issues_are().await {
            // Not worth a question whose answer would not be used.
            Ok(Fidelity::Altered) if rest.is_some() => None,
            Ok(_) => Some(mcp.fetch_issue(repository, number).await),
            Err(failure) => Some(Err(failure)),
        };
        match (told, rest) {
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
        let rest = self.rest(repository);
        let Some(mcp) = self.mcp_of(repository) else {
            return rest
                .ok_or_else(|| nobody(repository))?
                .fetch_comments(repository, number)
                .await;
        };
        let told = match mcp.comments_are().await {
            Ok(Fidelity::Altered) if rest.is_some() => None,
            Ok(_) => Some(mcp.fetch_comments(repository, number).await),
            Err(failure) => Some(Err(failure)),
        };
        match (told, rest) {
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
            (None, None) => Err(Failure::permanent(
                "no GitHub client is configured: set github.token or github.mcp.command",
            )),
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
