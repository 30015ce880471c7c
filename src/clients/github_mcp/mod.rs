//! GitHub through its MCP server: the only place that names rmcp.
//!
//! The server is started or reached at the first question and again when it is gone, each time
//! a little later. One that has met a rate limit refuses by itself, until it
//! believes that the limit is over, and may believe so for an hour: it is ended at once, nobody
//! is asked until the limit has passed, and the next question starts a new one.
//!
//! Races: the lock of the upkeep is held while a server starts, so that many questions start
//! one; it is not held during a question. A session that one question gave up goes on for the
//! others that use it and ends with the last of them.
//!
//! Deliberately absent: the tools that write.

mod answers;
mod process;
mod tools;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use super::github::payload::AccountPayload;
use super::github::refusal::Refusal;
use super::github::{Comments, Fetched, Fidelity, InvalidAddress, ReadGitHub};
use super::github_rest::{address, of_comments};
use crate::clock::{Clock, Timestamp};
use crate::config::{McpServer, RepositoryName, Secrets};
use crate::failure::Failure;
use crate::sync::github::{Account, Comment};
use process::{Launch, Session, Silence, Told};
use tools::{Operation, Operations, READ_COMMENTS, READ_ISSUES, WHO_AM_I};

/// Entries a page: the server's greatest.
const PER_PAGE: usize = 100;
/// Pages after which a list is taken to be endless.
const MOST_PAGES: usize = 300;
/// The wait before a server that failed once is started again; it doubles.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest of these waits.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// Asks GitHub's MCP server. Cheap to clone; the clones share one server.
#[derive(Clone)]
pub struct GitHubMcp {
    inner: Arc<Inner>,
}

struct Inner {
    launch: Launch,
    token: Option<SecretString>,
    clock: Clock,
    limit: Duration,
    upkeep: Mutex<Upkeep>,
}

/// What is known of the server.
#[derive(Default)]
struct Upkeep {
    session: Option<Arc<Session>>,
    /// Failures since the last answer.
    failures: u32,
    /// Not started again before.
    not_before: Option<Timestamp>,
    /// GitHub's limit ends then.
    limited_until: Option<Timestamp>,
}

impl fmt::Debug for GitHubMcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = match &self.inner.launch {
            Launch::Child { program, .. } => program,
            Launch::Http { url } => url,
        };
        f.debug_struct("GitHubMcp").field("server", server).finish_non_exhaustive()
    }
}

impl GitHubMcp {
    /// For a server and the GitHub behind `api_url`, with the first of the tokens. Nothing is
    /// started before the first question.
    ///
    /// # Errors
    /// When an address is none.
    pub fn new(
        server: &McpServer,
        api_url: &str,
        tokens: &Secrets,
        clock: Clock,
        limit: Duration,
    ) -> Result<Self, InvalidAddress> {
        let launch = match server {
            McpServer::Command(words) => {
                let (program, arguments) = words.split_first().ok_or(InvalidAddress {
                    key: "github.mcp",
                    example: "https://api.githubcopilot.com/mcp/",
                })?;
                let (program, arguments) = (program.clone(), arguments.to_vec());
                Launch::Child { program, arguments, host: host_of(api_url)? }
            }
            McpServer::Url(url) => {
                let wrong = InvalidAddress {
                    key: "github.mcp.url",
                    example: "https://api.githubcopilot.com/mcp/",
                };
                Launch::Http { url: address(url).ok_or(wrong)?.to_string() }
            }
        };
        let token = tokens.expose().next().map(SecretString::from);
        let upkeep = Mutex::new(Upkeep::default());
        Ok(Self { inner: Arc::new(Inner { launch, token, clock, limit, upkeep }) })
    }

    /// What the server can't do for us, in words; empty where it can do all.
    pub async fn missing_capabilities(&self) -> Result<Vec<&'static str>, Failure> {
        let session = self.session().await.map_err(|refusal| refusal.failure())?;
        Ok(session.operations.missing())
    }

    /// Whether issues come as they were written.
    pub async fn issues_are(&self) -> Result<Fidelity, Failure> {
        self.fidelity(|operations| operations.issue.as_ref(), READ_ISSUES).await
    }

    /// Whether comments come as they were written.
    pub async fn comments_are(&self) -> Result<Fidelity, Failure> {
        self.fidelity(|operations| operations.comments.as_ref(), READ_COMMENTS).await
    }

    async fn fidelity(
        &self,
        which: impl Fn(&Operations) -> Option<&Operation>,
        what: &str,
    ) -> Result<Fidelity, Failure> {
        let session = self.session().await.map_err(|refusal| refusal.failure())?;
        let operation = which(&session.operations).ok_or_else(|| incapable(what).failure())?;
        Ok(operation.fidelity)
    }

    /// Ends the server, where one runs; the next question starts another.
    pub async fn shut_down(&self) {
        let session = self.inner.upkeep.lock().await.session.take();
        // Whoever still asks keeps it; it ends with the last of them.
        if let Some(session) = session.and_then(Arc::into_inner) {
            session.end().await;
        }
    }

    /// A server that answers, started where there is none.
    async fn session(&self) -> Result<Arc<Session>, Refusal> {
        let mut upkeep = self.inner.upkeep.lock().await;
        let now = self.inner.clock.now();
        if let Some(until) = upkeep.limited_until.filter(|until| now < *until) {
            return Err(Refusal::Limited { wait: (until - now).to_std().unwrap_or_default() });
        }
        upkeep.limited_until = None;
        if let Some(session) = upkeep.session.as_ref().filter(|session| !session.is_over()) {
            return Ok(Arc::clone(session));
        }
        if upkeep.session.take().is_some() {
            upkeep.fail(now);
        }
        if let Some(at) = upkeep.not_before.filter(|at| now < *at) {
            let seconds = (at - now).num_seconds().max(1);
            return Err(Refusal::Unavailable {
                what: format!("the MCP server failed and is started again in {seconds} s"),
            });
        }
        match self.inner.launch.start(self.inner.token.as_ref(), self.inner.limit).await {
            Ok(session) => {
                let missing = session.operations.missing();
                if !missing.is_empty() {
                    tracing::warn!("GitHub's MCP server has no tool for {}", missing.join(", "));
                }
                let session = Arc::new(session);
                upkeep.session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(refusal) => {
                upkeep.fail(self.inner.clock.now());
                Err(refusal)
            }
        }
    }

    /// Gives a session up, if it is still the one in use.
    async fn give_up(&self, session: &Arc<Session>, because: Because) {
        let mut upkeep = self.inner.upkeep.lock().await;
        if !upkeep.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            return;
        }
        upkeep.session = None;
        let now = self.inner.clock.now();
        match because {
            Because::Failed => upkeep.fail(now),
            Because::Limited(wait) => upkeep.limited_until = Some(now + wait),
        }
    }

    /// Calls the operation's tool; the text of its answer.
    async fn call(
        &self,
        which: impl Fn(&Operations) -> Option<&Operation>,
        what: &str,
        arguments: impl Fn(&Operation) -> Map<String, Value>,
    ) -> Result<(String, Operation), Refusal> {
        let session = self.session().await?;
        let operation = which(&session.operations).ok_or_else(|| incapable(what))?.clone();
        let refusal = match session.call(&operation.tool, arguments(&operation)).await {
            Ok(Told::Answer(text)) => {
                self.inner.upkeep.lock().await.failures = 0;
                return Ok((text, operation));
            }
            Ok(Told::Error(text)) => answers::refusal(&text, self.inner.clock.now()),
            Err(Silence::Refused(refusal)) => refusal,
            Err(Silence::TimedOut) => {
                self.give_up(&session, Because::Failed).await;
                let what = "the MCP server did not answer in time".to_owned();
                return Err(Refusal::Unavailable { what });
            }
            Err(Silence::Ended) => {
                self.give_up(&session, Because::Failed).await;
                let what = "the MCP server ended while it was asked".to_owned();
                return Err(Refusal::Unavailable { what });
            }
        };
        if let Refusal::Limited { wait } = &refusal {
            self.give_up(&session, Because::Limited(*wait)).await;
        }
        Err(refusal)
    }

    async fn comments(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Comments, Refusal> {
        let mut all: Vec<Comment> = Vec::new();
        for page in 1..=MOST_PAGES {
            let arguments = |operation: &Operation| {
                let mut arguments = about(operation, repository, number);
                if let Some(size) = operation.page_size {
                    arguments.insert("page".to_owned(), json!(page));
                    arguments.insert(size.to_owned(), json!(PER_PAGE));
                }
                arguments
            };
            let (text, operation) =
                self.call(|o| o.comments.as_ref(), READ_COMMENTS, arguments).await?;
            let told = answers::comments(&text)?;
            // The server says neither how many there are nor whether more follow.
            let last = operation.page_size.is_none() || told.len() < PER_PAGE;
            all.extend(told);
            if last {
                return Ok(Comments { all, fidelity: operation.fidelity });
            }
        }
        Err(Refusal::Unreadable { what: format!("a list without end after {MOST_PAGES} pages") })
    }
}

/// Why a session is given up.
enum Because {
    Failed,
    Limited(Duration),
}

impl Upkeep {
    fn fail(&mut self, now: Timestamp) {
        let doublings = self.failures.min(16);
        let wait = FIRST_BACKOFF.saturating_mul(1 << doublings).min(LONGEST_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + wait);
    }
}

/// The arguments that every tool for an issue takes.
fn about(operation: &Operation, repository: &RepositoryName, number: u64) -> Map<String, Value> {
    let (owner, name) = repository.owner_and_name();
    let mut arguments = Map::new();
    arguments.insert("owner".to_owned(), json!(owner));
    arguments.insert("repo".to_owned(), json!(name));
    arguments.insert("issue_number".to_owned(), json!(number));
    if let Some(method) = operation.method {
        arguments.insert("method".to_owned(), json!(method));
    }
    arguments
}

fn incapable(what: &str) -> Refusal {
    Refusal::Incapable {
        what: format!(
            "GitHub's MCP server has no tool for {what}: enable its toolset, or set github.token so that REST is used"
        ),
    }
}

/// `GITHUB_HOST` for the GitHub behind an API address; none for github.com itself. Servers
/// before 1.10 take no notice of its port.
fn host_of(api_url: &str) -> Result<Option<String>, InvalidAddress> {
    let wrong = InvalidAddress { key: "github.api_url", example: "https://api.github.com" };
    let url = address(api_url).ok_or_else(|| wrong.clone())?;
    let host = url.host_str().ok_or(wrong)?;
    if host == "api.github.com" {
        return Ok(None);
    }
    // A tenant's API is at api.TENANT.ghe.com, and the tenant at TENANT.ghe.com.
    let host = match host.strip_prefix("api.") {
        Some(tenant) if tenant.ends_with(".ghe.com") => tenant,
        _ => host,
    };
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Ok(Some(format!("{}://{host}{port}", url.scheme())))
}

impl ReadGitHub for GitHubMcp {
    async fn fetch_issue(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Fetched, Failure> {
        let arguments = |operation: &Operation| about(operation, repository, number);
        let asked = self.call(|o| o.issue.as_ref(), READ_ISSUES, arguments).await;
        let fetched = match asked {
            Ok((text, operation)) => answers::issue(&text, operation.fidelity, repository, number),
            Err(Refusal::Gone) => Ok(Fetched::Gone),
            Err(Refusal::NotFound) => Ok(Fetched::NotFound),
            Err(refusal) => Err(refusal),
        };
        fetched.map_err(|refusal| refusal.failure())
    }

    async fn fetch_comments(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Comments, Failure> {
        self.comments(repository, number).await.map_err(|refusal| of_comments(&refusal))
    }

    async fn who_am_i(&self) -> Result<Account, Failure> {
        let asked = self.call(|o| o.who_am_i.as_ref(), WHO_AM_I, |_| Map::new()).await;
        let account = asked.and_then(|(text, _)| answers::read::<AccountPayload>(&text));
        account.map(Account::from).map_err(|refusal| refusal.failure())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_one_behind_the_api() {
        let cases = [
            ("https://api.github.com", None),
            ("https://ghe.example.com/api/v3", Some("https://ghe.example.com")),
            ("https://api.octo.ghe.com", Some("https://octo.ghe.com")),
            ("http://127.0.0.1", Some("http://127.0.0.1")),
            ("http://127.0.0.1:8099/api/v3/", Some("http://127.0.0.1:8099")),
        ];
        for (api_url, host) in cases {
            assert_eq!(host_of(api_url).unwrap().as_deref(), host, "{api_url}");
        }
        assert!(host_of("127.0.0.1").is_err());
    }
}
