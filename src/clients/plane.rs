//! Plane's REST API, as far as names need it: one project, and a project's states, labels and
//! members.
//!
//! [`Refusal`] is the table from an answer to its meaning. Recorded from a running server, and
//! not what one would guess: a bad token is 403, and so is a workspace or project that does not
//! exist; 429 carries its wait in `Retry-After` alone; nothing is answered without the trailing
//! slash.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::Secrets;
use crate::failure::Failure;

/// Longest answer that is read.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
/// Entries a page: Plane's greatest.
const PER_PAGE: &str = "1000";
/// Pages after which a list is taken to be endless.
const MOST_PAGES: usize = 50;
/// The wait after a 429 that does not say how long: Plane's window.
const QUOTA_WINDOW: Duration = Duration::from_mins(1);
/// Longest wait that a 429 may ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Why Plane did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The key is missing, wrong or expired.
    BadKey,
    /// The key's user may not see it, or it does not exist: Plane does not tell the two apart.
    NoAccess,
    /// It does not exist.
    NotFound,
    /// The key's requests of this minute are used up.
    Quota {
        /// Until there are some again.
        wait: Duration,
    },
    /// Plane did not answer, or answered that it can't now.
    Unavailable {
        /// What happened.
        what: String,
    },
    /// Something answered, but not Plane's API.
    Unreadable {
        /// What came.
        what: String,
    },
    /// Plane does not take the request.
    Rejected {
        /// The status.
        status: u16,
    },
}

impl Refusal {
    /// What it means for whoever asked, with the remedy.
    pub fn failure(&self) -> Failure {
        match self {
            Self::BadKey => Failure::permanent(
                "Plane refused the API key (401 or 403): set plane.api_key to a valid one",
            ),
            Self::NoAccess => Failure::permanent(
                "Plane gave no access (403): make the API key's user a member of the project, and check plane.workspace",
            ),
            Self::NotFound => Failure::permanent(
                "Plane does not know it (404): it was deleted, or plane.api_url is not the API's address",
            ),
            Self::Quota { wait } => Failure::Quota {
                reason: format!(
                    "Plane's request quota is used up (429): waiting {} s",
                    wait.as_secs()
                ),
                wait: *wait,
            },
            Self::Unavailable { what } => Failure::retry(format!(
                "Plane's API is not available: {what}; check plane.api_url if it stays so"
            )),
            Self::Unreadable { what } => Failure::retry(format!(
                "Plane's API gave an unreadable answer: {what}; check plane.api_url"
            )),
            Self::Rejected { status } => Failure::permanent(format!(
                "Plane rejected the request ({status}): please report this"
            )),
        }
    }

    /// Whether the same would be answered to any other request now.
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::BadKey
            | Self::Quota { .. }
            | Self::Unavailable { .. }
            | Self::Unreadable { .. } => true,
            Self::NoAccess | Self::NotFound | Self::Rejected { .. } => false,
        }
    }
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

/// One page of a list, or all of it where Plane does not page.
#[derive(Deserialize)]
#[serde(untagged)]
enum Page<T> {
    All(Vec<T>),
    Part {
        results: Vec<T>,
        #[serde(default)]
        next_page_results: bool,
        #[serde(default)]
        next_cursor: String,
    },
}

/// The text is no address of an API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as https://api.plane.so for plane.api_url")]
pub struct InvalidApiUrl;

/// Asks Plane's API for one workspace. Cheap to clone.
#[derive(Clone)]
pub struct PlaneClient {
    inner: Arc<Inner>,
}

struct Inner {
    api_url: Url,
    workspace: String,
    key: SecretString,
    timeout: Duration,
    http: OnceLock<reqwest::Client>,
}

impl fmt::Debug for PlaneClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaneClient")
            .field("api_url", &self.inner.api_url.as_str())
            .field("workspace", &self.inner.workspace)
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
        let (workspace, http) = (workspace.to_owned(), OnceLock::new());
        let inner = Arc::new(Inner { api_url, workspace, key, timeout, http });
        Ok(Some(Self { inner }))
    }

    /// Whose key it is.
    pub async fn fetch_me(&self) -> Result<User, Refusal> {
        self.ask(self.url(&["users", "me"])).await
    }

    /// One project.
    pub async fn fetch_project(&self, project: &str) -> Result<Project, Refusal> {
        self.ask(self.project_url(project, None)?).await
    }

    /// All states of a project.
    pub async fn fetch_states(&self, project: &str) -> Result<Vec<State>, Refusal> {
        self.ask_all(self.project_url(project, Some("states"))?).await
    }

    /// All labels of a project.
    pub async fn fetch_labels(&self, project: &str) -> Result<Vec<Label>, Refusal> {
        self.ask_all(self.project_url(project, Some("labels"))?).await
    }

    /// All users that are or were members of a project.
    pub async fn fetch_members(&self, project: &str) -> Result<Vec<User>, Refusal> {
        self.ask_all(self.project_url(project, Some("members"))?).await
    }

    /// An id comes from a payload: what is no UUID never becomes part of a path.
    fn project_url(&self, project: &str, part: Option<&str>) -> Result<Url, Refusal> {
        let id = uuid::Uuid::parse_str(project).map_err(|_| Refusal::NotFound)?.to_string();
        let mut path = vec!["workspaces", &self.inner.workspace, "projects", &id];
        path.extend(part);
        Ok(self.url(&path))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.inner.api_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path).push("");
        }
        url
    }

    async fn ask_all<T: DeserializeOwned>(&self, url: Url) -> Result<Vec<T>, Refusal> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut url = url.clone();
            url.query_pairs_mut().append_pair("per_page", PER_PAGE);
            if let Some(cursor) = &cursor {
                url.query_pairs_mut().append_pair("cursor", cursor);
            }
            match self.ask(url).await? {
                Page::All(entries) => return Ok(entries),
                Page::Part { results, next_page_results, next_cursor } => {
                    all.extend(results);
                    if !next_page_results || next_cursor.is_empty() {
                        return Ok(all);
                    }
                    cursor = Some(next_cursor);
                }
            }
        }
        Err(Refusal::Unreadable { what: format!("a list without end after {MOST_PAGES} pages") })
    }

    async fn ask<T: DeserializeOwned>(&self, url: Url) -> Result<T, Refusal> {
        let http = if let Some(http) = self.inner.http.get() {
            http
        } else {
            let made =
                super::http_client::http_client(self.inner.timeout).map_err(|e| unavailable(&e))?;
            self.inner.http.get_or_init(|| made)
        };
        let key = self.inner.key.expose_secret();
        let mut key = reqwest::header::HeaderValue::from_str(key).map_err(|_| Refusal::BadKey)?;
        key.set_sensitive(true);
        let answer =
            http.get(url).header("X-API-Key", key).send().await.map_err(|e| unavailable(&e))?;
        let status = answer.status();
        let wait = retry_after(&answer);
        let body = read(answer).await?;
        if status != StatusCode::OK {
            return Err(refusal(status, wait, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|_| Refusal::Unreadable { what: format!("200 with {}", kind_of(&body)) })
    }
}

/// The one table from a status to its meaning.
fn refusal(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Refusal {
    match status.as_u16() {
        401 => Refusal::BadKey,
        403 if says_bad_token(body) => Refusal::BadKey,
        403 => Refusal::NoAccess,
        404 if is_json(body) => Refusal::NotFound,
        429 => Refusal::Quota { wait: wait.unwrap_or(QUOTA_WINDOW).min(LONGEST_WAIT) },
        status @ (200..=399 | 404) => {
            Refusal::Unreadable { what: format!("{status} with {}", kind_of(body)) }
        }
        status @ 400..=499 => Refusal::Rejected { status },
        status => Refusal::Unavailable { what: format!("it answered {status}") },
    }
}

/// Plane tells a bad token from a lack of permission by its words alone.
fn says_bad_token(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        detail: String,
    }
    serde_json::from_slice(body).is_ok_and(|answer: Answer| answer.detail.contains("token"))
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

fn kind_of(body: &[u8]) -> &'static str {
    match body.trim_ascii_start().first() {
        None => "nothing in it",
        Some(b'<') => "a web page",
        _ if is_json(body) => "JSON of another shape",
        Some(_) => "something that is not JSON",
    }
}

/// Plane gives seconds.
fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).max(Duration::from_secs(1)))
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| unavailable(&e))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Refusal::Unreadable { what: "more than 16 MiB".to_owned() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unavailable(error: &reqwest::Error) -> Refusal {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the answer broke off"
    };
    Refusal::Unavailable { what: what.to_owned() }
}
