//! One request and its answer: the key, the limits of size and time, and the table.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::pages::{Sizes, page_url};
use super::refusal::{Refusal, existing_id, kind_of, refusal, says_gone};
use super::{Creation, PlaneClient};
use crate::clients::gate::Stopped;
use crate::clients::http_client::{NoAnswer, cause, read_whole, said_at};
use crate::clock::Timestamp;
use crate::quota::{Came, Heard, Kind, Pass, Said, Why};

/// Entries a page: Plane's greatest, and less where the answer is too long.
const SIZES: Sizes = Sizes(&[1000, 100, 20, 5, 1]);
/// Entries after which a list is taken to be endless.
const MOST_ENTRIES: u32 = 50_000;
/// So many of the longest answers may one list come to.
const MOST_ANSWERS: usize = 8;

pub(super) struct Inner {
    pub api_url: Url,
    pub key: SecretString,
    pub timeout: Duration,
    pub http: OnceLock<reqwest::Client>,
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
    },
}

/// An answer, whatever it says.
pub(super) struct Answered {
    pub status: StatusCode,
    wait: Option<Duration>,
    body: Vec<u8>,
    /// Requests that are left, where that is said.
    remaining: Option<u32>,
    /// What time it is at Plane.
    pub said_at: Option<Timestamp>,
}

impl Answered {
    /// What it means when it is no success.
    pub fn refusal(&self) -> Refusal {
        refusal(self.status, self.wait, &self.body)
    }

    /// The object in it.
    pub fn object<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        if !matches!(self.status, StatusCode::OK | StatusCode::CREATED) {
            return Err(self.refusal());
        }
        serde_json::from_slice(&self.body).map_err(|_| Refusal::Unreadable {
            what: format!("{} with {}", self.status.as_u16(), kind_of(&self.body)),
        })
    }

    /// The object in it, or nothing when Plane says that it is gone.
    pub fn object_if_there<T: DeserializeOwned>(&self) -> Result<Option<T>, Refusal> {
        if self.is_gone() { Ok(None) } else { self.object().map(Some) }
    }

    /// The object that was made, or the id of the one that was there before.
    pub fn creation<T: DeserializeOwned>(&self) -> Result<Creation<T>, Refusal> {
        match existing_id(&self.body) {
            Some(id) if self.status == StatusCode::CONFLICT => Ok(Creation::AlreadyThere(id)),
            _ => self.object().map(Creation::Created),
        }
    }

    /// Nothing, after a deletion; what was gone before is gone too.
    pub fn gone(&self) -> Result<(), Refusal> {
        if self.status == StatusCode::NO_CONTENT || self.is_gone() {
            return Ok(());
        }
        Err(self.refusal())
    }

    /// What it tells of the key's limit, and of Plane.
    fn heard(&self) -> Heard {
        let came = match (self.status.as_u16(), self.refusal()) {
            (429, Refusal::Quota { wait }) => Came::Limited { wait: Some(wait) },
            (500.., refusal) => Came::Failed { why: refusal.said() },
            (300..=399 | 401 | 403, _) => Came::Turned,
            _ => Came::Answer,
        };
        Heard { came, said: Said { remaining: self.remaining, ..Said::default() } }
    }

    fn is_gone(&self) -> bool {
        self.status == StatusCode::NOT_FOUND && says_gone(&self.body)
    }
}

impl PlaneClient {
    /// An id comes from a payload: what is no UUID never becomes part of a path.
    pub(super) fn project_url(&self, project: &str, part: &[&str]) -> Result<Url, Refusal> {
        let id = id(project)?;
        let mut path = vec!["workspaces", self.workspace(), "projects", &id];
        path.extend(part);
        Ok(self.url(&path))
    }

    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.inner.api_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path).push("");
        }
        url
    }

    pub(super) async fn ask_all<T: DeserializeOwned>(&self, url: Url) -> Result<Vec<T>, Refusal> {
        let (mut all, mut from, mut read) = (Vec::new(), 0, 0);
        while from < MOST_ENTRIES {
            let (answer, size) = self.page_at(&url, SIZES, from).await?;
            read += answer.body.len();
            if read > self.longest_answer * MOST_ANSWERS {
                return Err(Refusal::TooLong);
            }
            match answer.object()? {
                Page::All(entries) => return Ok(entries),
                Page::Part { results, next_page_results } => {
                    all.extend(results);
                    if !next_page_results {
                        return Ok(all);
                    }
                }
            }
            from += size;
        }
        let what = format!("a list without end after {MOST_ENTRIES} entries");
        Err(Refusal::Unreadable { what })
    }

    /// The greatest page from a place of a list on that is short enough to be read, and how many
    /// entries it was to have.
    pub(super) async fn page_at(
        &self,
        url: &Url,
        sizes: Sizes,
        from: u32,
    ) -> Result<(Answered, u32), Refusal> {
        for size in sizes.at(from) {
            match self.exchange(Method::GET, page_url(url, size, from), None).await {
                Err(Refusal::TooLong) => {}
                asked => return asked.map(|answer| (answer, size)),
            }
        }
        Err(Refusal::TooLong)
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, url: Url) -> Result<T, Refusal> {
        self.exchange(Method::GET, url, None).await?.object()
    }

    pub(super) async fn exchange(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<Answered, Refusal> {
        let kind = if method == Method::GET { Kind::Read } else { Kind::Write };
        let mut pass = self.pass(kind).await?;
        if pass.is_probe {
            // Harmless, and never the fault of the one thing that is asked for next.
            self.send(pass, Method::GET, self.url(&["users", "me"]), None).await?;
            pass = self.pass(kind).await?;
        }
        self.send(pass, method, url, body).await
    }

    async fn pass(&self, kind: Kind) -> Result<Pass, Refusal> {
        self.gate.pass(self.class, kind).await.map_err(refusal_of)
    }

    /// Makes a request, and tells what came of it.
    async fn send(
        &self,
        pass: Pass,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<Answered, Refusal> {
        self.tally.asked(self.class);
        let answered = self.answer(method, url, body).await;
        let heard = match &answered {
            Ok(answered) => answered.heard(),
            Err(refusal @ Refusal::Unavailable { .. }) => {
                Heard { came: Came::Failed { why: refusal.said() }, said: Said::default() }
            }
            Err(_) => Heard { came: Came::Turned, said: Said::default() },
        };
        let stopped = self.gate.heard(pass, &heard).await;
        match (heard.came, stopped) {
            (Came::Failed { .. }, Some(stopped)) => Err(refusal_of(stopped)),
            _ => answered,
        }
    }

    async fn answer(
        &self,
        method: Method,
        url: Url,
        body: Option<Value>,
    ) -> Result<Answered, Refusal> {
        let http = self.http()?;
        let key = self.inner.key.expose_secret();
        let mut key = HeaderValue::from_str(key).map_err(|_| Refusal::BadKey)?;
        key.set_sensitive(true);
        let mut request = http.request(method, url).header("X-API-Key", key);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|e| {
            self.tally.unanswered();
            unavailable(&e)
        })?;
        let status = answer.status();
        self.tally.answered(status.as_u16(), status == StatusCode::TOO_MANY_REQUESTS);
        let headers = answer.headers().clone();
        let wait = number(&headers, "retry-after").map(u64::from).map(Duration::from_secs);
        let wait = wait.map(|wait| wait.max(Duration::from_secs(1)));
        let remaining = number(&headers, "x-ratelimit-remaining");
        let body = read_whole(answer, self.longest_answer).await.map_err(no_answer)?;
        Ok(Answered { status, wait, body, remaining, said_at: said_at(&headers) })
    }

    fn http(&self) -> Result<&reqwest::Client, Refusal> {
        if let Some(http) = self.inner.http.get() {
            return Ok(http);
        }
        let made = crate::clients::http_client::http_client(self.inner.timeout)
            .map_err(|e| unavailable(&e))?;
        Ok(self.inner.http.get_or_init(|| made))
    }
}

/// Why nothing was asked.
fn refusal_of(stopped: Stopped) -> Refusal {
    match stopped {
        Stopped { why: Some(Why::UsedUp), wait, .. } => Refusal::Quota { wait },
        Stopped { reason, wait, .. } => Refusal::Waiting { reason, wait },
    }
}

/// An id as it may stand in a path.
pub(super) fn id(text: &str) -> Result<String, Refusal> {
    uuid::Uuid::parse_str(text).map(|id| id.to_string()).map_err(|_| Refusal::NotFound)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u32> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn unavailable(error: &reqwest::Error) -> Refusal {
    no_answer(NoAnswer::Broken(cause(error)))
}

fn no_answer(why: NoAnswer) -> Refusal {
    match why {
        NoAnswer::TooLong => Refusal::TooLong,
        NoAnswer::Broken(what) => Refusal::Unavailable { what: what.to_owned() },
    }
}
