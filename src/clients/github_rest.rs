//! GitHub's REST API: everything exactly as it was written.
//!
//! Redirects are followed by hand and only within the API's own address, since the requests
//! carry the token: an issue that was moved answers 301, and whoever asked is told where it is.
//! Lists are read to their end by `Link`.

mod credential;
mod exchange;
pub mod graphql;
pub mod listing;
mod milestones;
mod parents;
mod pulls;
mod writing;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use reqwest::{Method, StatusCode, Url};
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use self::credential::Credential;
use self::exchange::{Answer, text};
use self::listing::in_smaller_pages;
use super::gate::{Gate, Stopped, account_name};
use super::github::payload::{AccountPayload, CommentPayload, IssuePayload, LabelPayload};
use super::github::refusal::{Refusal, Signs};
use super::github::{Comments, Fetched, Fidelity, InvalidAddress, ReadGitHub};
use super::github_app::AppKey;
use super::http_client::LONGEST_ANSWER;
use super::limits::{LimitSeen, Tally};
use crate::clock::Clock;
use crate::config::{GithubHost, RepositoryName, Secrets};
use crate::failure::Failure;
use crate::ids::AppId;
use crate::metrics::RemoteFigures;
use crate::quota::ledger::Ledger;
use crate::quota::{Account, Class, Pauses, Remote};
use crate::sync::github::{self, Comment, IssueLabel};

/// Entries a page: GitHub's greatest.
const PER_PAGE: &str = "100";
/// Pages after which a list is taken to be endless.
const MOST_PAGES: usize = 300;
/// What the names of Apps' accounts begin with.
const APP_ACCOUNT: &str = "app-";
/// Redirects after which it is a circle.
const MOST_REDIRECTS: usize = 5;

/// Asks GitHub's REST API with one token. Cheap to clone.
#[derive(Clone)]
pub struct GitHubRest {
    host: GithubHost,
    inner: Arc<Inner>,
    gate: Arc<Gate>,
    /// Of GraphQL's own budget.
    graphql: Arc<Gate>,
    class: Class,
    tally: Tally,
    longest_answer: usize,
}

struct Inner {
    api_url: Url,
    credential: Credential,
    clock: Clock,
    timeout: Duration,
    http: OnceLock<reqwest::Client>,
}

impl fmt::Debug for GitHubRest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let api_url = self.inner.api_url.as_str();
        f.debug_struct("GitHubRest").field("api_url", &api_url).finish_non_exhaustive()
    }
}

/// An address as the configuration has it, without a name and password, which would be shown.
pub(super) fn address(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(url)
}

fn checked(api_url: &str) -> Result<Url, InvalidAddress> {
    let wrong = InvalidAddress { key: "github.api_url", example: "https://api.github.com" };
    address(api_url).ok_or(wrong)
}

/// What a token sees of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryAccess {
    /// Its issues can be read.
    Readable,
    /// There is no such repository, or the token may not see it (404).
    NotShown,
    /// It has no issues: they are switched off (410).
    IssuesOff,
}

/// The next page's address, and what this one held.
pub(super) struct Page<T> {
    pub(super) entries: Vec<T>,
    pub(super) next: Option<Url>,
    /// The last page's, where there is another one.
    pub(super) last: Option<Url>,
}

impl GitHubRest {
    /// With the first of the tokens; `Ok(None)` without one. Nothing is sent and no TLS is set
    /// up before the first question.
    ///
    /// # Errors
    /// When `api_url` is not an http or https address.
    pub fn new(
        api_url: &str,
        tokens: &Secrets,
        clock: Clock,
        timeout: Duration,
    ) -> Result<Option<Self>, InvalidAddress> {
        let token = tokens.expose().next().map(SecretString::from);
        let made = |token| Self::with(api_url, Credential::Token(token), clock, timeout);
        match token {
            Some(token) => made(token).map(Some),
            None => checked(api_url).map(|_| None),
        }
    }

    /// The same for a GitHub App, asking in its own name.
    ///
    /// # Errors
    /// When `api_url` is not an http or https address.
    pub fn of_app(
        api_url: &str,
        key: AppKey,
        clock: Clock,
        timeout: Duration,
    ) -> Result<Self, InvalidAddress> {
        Self::with(api_url, Credential::App(key), clock, timeout)
    }

    fn with(
        api_url: &str,
        credential: Credential,
        clock: Clock,
        timeout: Duration,
    ) -> Result<Self, InvalidAddress> {
        let api_url = checked(api_url)?;
        let gate = || Arc::new(Gate::new(Remote::Github, clock.clone()));
        let (gate, graphql) = (gate(), gate());
        let inner = Inner { api_url, credential, clock, timeout, http: OnceLock::new() };
        let (inner, tally) = (Arc::new(inner), Tally::of(Remote::Github.as_str()));
        let longest_answer = LONGEST_ANSWER;
        let host = GithubHost::default();
        Ok(Self { host, inner, gate, graphql, class: Class::Live, tally, longest_answer })
    }

    /// The same client as that of another server than `github.api_url`'s.
    #[must_use]
    pub fn of_host(self, host: GithubHost) -> Self {
        Self { host, ..self }
    }

    /// Whose client it is.
    pub fn host(&self) -> &GithubHost {
        &self.host
    }

    /// The App that asks, where one does.
    pub(super) fn app(&self) -> Option<&AppId> {
        match &self.inner.credential {
            Credential::Token(_) => None,
            Credential::App(key) => Some(key.app()),
        }
    }

    /// Reading no answer that is longer than so many bytes.
    #[must_use]
    pub fn reading_at_most(self, longest_answer: usize) -> Self {
        Self { longest_answer, ..self }
    }

    /// Sharing the token's quota with others.
    #[must_use]
    pub fn sharing(self, ledger: Arc<dyn Ledger>) -> Self {
        Self { gate: Arc::new(self.gate.sharing(ledger)), ..self }
    }

    /// Sharing GraphQL's budget with others.
    #[must_use]
    pub fn sharing_graphql(self, ledger: Arc<dyn Ledger>) -> Self {
        Self { graphql: Arc::new(self.graphql.sharing(ledger)), ..self }
    }

    /// Leaving GitHub alone for so long when it does not answer.
    #[must_use]
    pub fn pausing(self, pauses: Pauses) -> Self {
        let graphql = Arc::new(self.graphql.pausing(pauses));
        Self { gate: Arc::new(self.gate.pausing(pauses)), graphql, ..self }
    }

    /// The same client for requests of a class.
    #[must_use]
    pub fn in_class(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// Counting its requests.
    #[must_use]
    pub fn counting(self, figures: &RemoteFigures) -> Self {
        Self { tally: self.tally.into(figures), ..self }
    }

    /// What the account of the token, or of the App, is called.
    pub fn account_name(&self) -> String {
        let Inner { api_url, credential, .. } = &*self.inner;
        let name = account_name(Remote::Github, api_url.as_str(), credential.account());
        let name = match self.host.name() {
            Some(server) => format!("{name}@{server}"),
            None => name,
        };
        match credential {
            Credential::Token(_) => name,
            Credential::App(_) => format!("{APP_ACCOUNT}{name}"),
        }
    }

    /// What is known of the token's quota, as this process last saw it.
    pub fn account(&self) -> Account {
        self.gate.account()
    }

    /// Why a job of a class should not begin now.
    pub fn look(&self, class: Class) -> Option<Stopped> {
        self.gate.look(class)
    }

    /// What GitHub last said of the token's limit.
    pub fn limit_seen(&self) -> Option<LimitSeen> {
        self.gate.limit_seen()
    }

    /// Whether the token may read a repository's issues: one small question.
    ///
    /// # Errors
    /// When GitHub refuses the token or can't be asked; the text names the permission.
    pub async fn fetch_access(
        &self,
        repository: &RepositoryName,
    ) -> Result<RepositoryAccess, Failure> {
        let (owner, name) = repository.owner_and_name();
        let mut url = self.url(&["repos", owner, name, "issues"]);
        url.query_pairs_mut().append_pair("per_page", "1").append_pair("state", "all");
        match self.ask::<Vec<serde::de::IgnoredAny>>(url).await {
            Ok(_) => Ok(RepositoryAccess::Readable),
            Err(Refusal::NotFound) => Ok(RepositoryAccess::NotShown),
            Err(Refusal::Gone | Refusal::NotGiven { .. }) => Ok(RepositoryAccess::IssuesOff),
            Err(refusal) => Err(refusal.failure()),
        }
    }

    /// Whether the token may read a repository's pull requests: one small question.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn may_read_pulls(&self, repository: &RepositoryName) -> Result<bool, Failure> {
        let (owner, name) = repository.owner_and_name();
        let mut url = self.url(&["repos", owner, name, "pulls"]);
        url.query_pairs_mut().append_pair("per_page", "1");
        match self.ask::<Vec<serde::de::IgnoredAny>>(url).await {
            Ok(_) => Ok(true),
            Err(Refusal::Forbidden { .. } | Refusal::NotFound) => Ok(false),
            Err(refusal) => Err(refusal.failure()),
        }
    }

    /// All labels of a repository.
    ///
    /// # Errors
    /// When GitHub refuses the token or can't be asked.
    pub async fn fetch_labels(
        &self,
        repository: &RepositoryName,
    ) -> Result<Vec<IssueLabel>, Failure> {
        let (owner, name) = repository.owner_and_name();
        let labels = self.all::<LabelPayload>(self.url(&["repos", owner, name, "labels"])).await;
        let labels = labels.map_err(|refusal| refusal.failure())?;
        Ok(labels.into_iter().map(|label| IssueLabel::from(label).on(&self.host)).collect())
    }

    /// Where the API is.
    pub(super) fn api_url(&self) -> &Url {
        &self.inner.api_url
    }

    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.inner.api_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn issue_url(&self, repository: &RepositoryName, number: u64, rest: &[&str]) -> Url {
        let (owner, name) = repository.owner_and_name();
        let number = number.to_string();
        let mut path = vec!["repos", owner, name, "issues", &number];
        path.extend(rest);
        self.url(&path)
    }

    async fn issue(&self, repository: &RepositoryName, number: u64) -> Result<Fetched, Refusal> {
        let asked = self.ask(self.issue_url(repository, number, &[])).await;
        let (answer, _): (IssuePayload, _) = match asked {
            Ok(found) => found,
            Err(Refusal::Gone) => return Ok(Fetched::Gone),
            Err(Refusal::NotFound) => return Ok(Fetched::NotFound),
            Err(refusal) => return Err(refusal),
        };
        Ok(found_or_moved(answer, repository, number))
    }

    async fn comments(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Vec<Comment>, Refusal> {
        let url = self.issue_url(repository, number, &["comments"]);
        let all = self.all::<CommentPayload>(url).await?;
        Ok(all.into_iter().map(|comment| Comment::from(comment).on(&self.host)).collect())
    }

    /// A list to its end.
    async fn all<T: DeserializeOwned>(&self, mut url: Url) -> Result<Vec<T>, Refusal> {
        url.query_pairs_mut().append_pair("per_page", PER_PAGE);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let page: Page<T> = self.ask_short_page(url).await?;
            all.extend(page.entries);
            let Some(next) = page.next else { return Ok(all) };
            url = next;
        }
        Err(Refusal::Unreadable { what: format!("a list without end after {MOST_PAGES} pages") })
    }

    pub(super) async fn ask_page<T: DeserializeOwned>(&self, url: Url) -> Result<Page<T>, Refusal> {
        let (entries, headers) = self.ask(url).await?;
        let place = |rel| linked(&headers, rel).map(|place| self.own(&place)).transpose();
        let (next, last) = (place("next")?, place("last")?);
        Ok(Page { entries, next, last })
    }

    /// A page, in smaller ones from there on where it is too long to be read.
    pub(super) async fn ask_short_page<T: DeserializeOwned>(
        &self,
        url: Url,
    ) -> Result<Page<T>, Refusal> {
        let smaller = in_smaller_pages(&url);
        match (self.ask_page(url).await, smaller) {
            (Err(Refusal::TooLong), Some(smaller)) => self.ask_page(smaller).await,
            (asked, _) => asked,
        }
    }

    /// An address that GitHub gave, if the token may go there.
    fn own(&self, address: &str) -> Result<Url, Refusal> {
        let url = self.inner.api_url.join(address).ok();
        url.filter(|url| url.origin() == self.inner.api_url.origin()).ok_or_else(|| {
            Refusal::Unreadable {
                what: "it pointed to a place outside of github.api_url".to_owned(),
            }
        })
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        url: Url,
    ) -> Result<(T, HeaderMap), Refusal> {
        let unasked = || Refusal::of(StatusCode::NOT_MODIFIED.as_u16(), Signs::default());
        self.ask_unless(url, None).await?.ok_or_else(unasked)
    }

    /// With `etag`: `None` where the answer is the one that it marks, which costs no quota.
    async fn ask_unless<T: DeserializeOwned>(
        &self,
        url: Url,
        etag: Option<&str>,
    ) -> Result<Option<(T, HeaderMap)>, Refusal> {
        let mut url = url;
        for _ in 0..MOST_REDIRECTS {
            let Answer { status, headers, body } =
                self.exchange(Method::GET, url, etag, None).await?;
            if status == StatusCode::NOT_MODIFIED && etag.is_some() {
                return Ok(None);
            }
            if status.is_redirection() {
                let place = headers.get(header::LOCATION).and_then(|v| v.to_str().ok());
                let place = place.ok_or_else(|| Refusal::of(status.as_u16(), Signs::default()))?;
                url = self.own(place)?;
                continue;
            }
            if !status.is_success() {
                return Err(Refusal::of(status.as_u16(), self.signs(&headers, &body)));
            }
            let value = serde_json::from_slice(&body).map_err(|_| Refusal::Unreadable {
                what: format!("{} with something else than was asked for", status.as_u16()),
            })?;
            return Ok(Some((value, headers)));
        }
        Err(Refusal::Unreadable { what: "it redirected in a circle".to_owned() })
    }

    /// Asks for something to be done, which takes no words; a redirect is no success.
    pub(super) async fn post(&self, url: Url) -> Result<(), Refusal> {
        let Answer { status, headers, body } = self.exchange(Method::POST, url, None, None).await?;
        if status.is_success() {
            return Ok(());
        }
        Err(Refusal::of(status.as_u16(), self.signs(&headers, &body)))
    }
}

/// Found where it was looked for, or somewhere else.
pub(super) fn found_or_moved(
    answer: IssuePayload,
    repository: &RepositoryName,
    number: u64,
) -> Fetched {
    match answer.repository(&repository.host()) {
        Some(place) if place != *repository || answer.number() != number => {
            Fetched::MovedTo { repository: place, number: answer.number() }
        }
        Some(place) => Fetched::Found(answer.into_issue(&place)),
        None => Fetched::Found(answer.into_issue(repository)),
    }
}

/// Where a `Link` header says that a page is: `next`, `last`.
fn linked(headers: &HeaderMap, rel: &str) -> Option<String> {
    let mut entries = text(headers, "link")?.split(',');
    let rel = format!("rel=\"{rel}\"");
    let (_, rest) = entries.find(|entry| entry.contains(&rel))?.split_once('<')?;
    rest.split_once('>').map(|(url, _)| url.to_owned())
}

/// An issue whose comments are asked for was there a moment ago: what it is now, the next
/// attempt will find out.
pub(super) fn of_comments(refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::Gone | Refusal::NotFound => {
            Failure::retry("the issue vanished while its comments were read: looking again")
        }
        other => other.failure(),
    }
}

impl ReadGitHub for GitHubRest {
    async fn fetch_issue(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Fetched, Failure> {
        self.issue(repository, number).await.map_err(|refusal| refusal.failure())
    }

    async fn fetch_comments(
        &self,
        repository: &RepositoryName,
        number: u64,
    ) -> Result<Comments, Failure> {
        let all = self.comments(repository, number).await.map_err(|r| of_comments(&r))?;
        Ok(Comments { all, fidelity: Fidelity::Verbatim })
    }

    async fn who_am_i(&self) -> Result<github::Account, Failure> {
        let (account, _): (AccountPayload, _) =
            self.ask(self.url(&["user"])).await.map_err(|refusal| refusal.failure())?;
        Ok(github::Account::from(account).on(&self.host))
    }
}
