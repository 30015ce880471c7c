//! One exchange with GitHub: its turn by the quota, the token, and what the answer tells of both.
//! What is asked and what an answer means stands with whoever asks.

use std::time::Duration;

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::GitHubRest;
use crate::clients::gate::Stopped;
use crate::clients::github::refusal::{Refusal, Signs};
use crate::clients::http_client::{NoAnswer, cause, http_client, read_whole};
use crate::clock::Timestamp;
use crate::quota::{Came, Heard, Kind, Pass, Said};

/// The API's version that these shapes are of.
const API_VERSION: &str = "2022-11-28";

/// An answer, whatever it says.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl GitHubRest {
    /// One request, when its turn has come.
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: Url,
        etag: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Refusal> {
        let kind = if method == Method::GET { Kind::Read } else { Kind::Write };
        let mut pass = self.pass(kind).await?;
        if pass.is_probe {
            // Harmless and free, and never the fault of the one thing that is asked for next.
            self.send(pass, Method::GET, self.url(&["rate_limit"]), None, None).await?;
            pass = self.pass(kind).await?;
        }
        self.send(pass, method, url, etag, body).await
    }

    pub(super) async fn pass(&self, kind: Kind) -> Result<Pass, Refusal> {
        self.gate.pass(self.class, kind).await.map_err(waiting)
    }

    /// Makes a request, and tells what came of it.
    pub(super) async fn send(
        &self,
        pass: Pass,
        method: Method,
        url: Url,
        etag: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Refusal> {
        self.tally.asked(self.class);
        let answer = self.answer(method, url, etag, body).await;
        let heard = match &answer {
            Ok(answer) => self.heard(answer),
            Err(Refusal::Unavailable { what }) => {
                Heard { came: Came::Failed { why: what.clone() }, said: Said::default() }
            }
            Err(_) => Heard { came: Came::Turned, said: Said::default() },
        };
        let stopped = self.gate.heard(pass, &heard).await;
        match (heard.came, stopped) {
            (Came::Failed { .. }, Some(stopped)) => Err(waiting(stopped)),
            _ => answer,
        }
    }

    pub(super) async fn answer(
        &self,
        method: Method,
        url: Url,
        etag: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, Refusal> {
        let mut request = self.request(method, url)?;
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        self.answered(request).await
    }

    /// A request with all that each one has.
    pub(super) fn request(
        &self,
        method: Method,
        url: Url,
    ) -> Result<reqwest::RequestBuilder, Refusal> {
        let http = if let Some(http) = self.inner.http.get() {
            http
        } else {
            let made = http_client(self.inner.timeout).map_err(|e| unavailable(&e))?;
            self.inner.http.get_or_init(|| made)
        };
        let unsent = || Refusal::BadToken { message: "it can't be sent".to_owned() };
        let token = self.inner.credential.bearer(self.inner.clock.now()).ok_or_else(unsent)?;
        let token = format!("Bearer {}", token.expose_secret());
        let mut token = HeaderValue::from_str(&token).map_err(|_| unsent())?;
        token.set_sensitive(true);
        Ok(http
            .request(method, url)
            .header(header::AUTHORIZATION, token)
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", API_VERSION))
    }

    pub(super) async fn answered(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, Refusal> {
        let answer = request.send().await.map_err(|e| {
            self.tally.unanswered();
            unavailable(&e)
        })?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let wait = wait(&headers, self.inner.clock.now());
        let limited = status == 429 || (status == 403 && wait.is_some());
        self.tally.answered(status.as_u16(), limited);
        let body = read_whole(answer, self.longest_answer).await.map_err(no_answer)?;
        Ok(Answer { status, headers, body })
    }

    /// What an answer tells of the token's limit, and of GitHub.
    pub(super) fn heard(&self, answer: &Answer) -> Heard {
        let Answer { status, headers, body } = answer;
        // Searches and GraphQL have limits of their own.
        let is_ours = text(headers, "x-ratelimit-resource").is_none_or(|name| name == "core");
        let said = if is_ours { said(headers) } else { Said::default() };
        let signs = self.signs(headers, body);
        let is_said = signs.wait.is_some();
        let came = match (status.as_u16(), Refusal::of(status.as_u16(), signs)) {
            (200..=299 | 304 | 404 | 410, _) => Came::Answer,
            (_, Refusal::Limited { wait }) => Came::Limited { wait: is_said.then_some(wait) },
            (500.., _) => Came::Failed { why: format!("it answered {}", status.as_u16()) },
            _ => Came::Turned,
        };
        Heard { came, said }
    }

    pub(super) fn signs(&self, headers: &HeaderMap, body: &[u8]) -> Signs {
        #[derive(Deserialize)]
        struct Words {
            message: String,
        }
        let words = serde_json::from_slice::<Words>(body);
        let message = words.map_or_else(|_| "no words".to_owned(), |words| words.message);
        let needs = text(headers, "x-accepted-github-permissions").map(str::to_owned);
        Signs { message, wait: wait(headers, self.inner.clock.now()), needs }
    }
}

/// What an answer says of the limit that it counts for.
pub(super) fn said(headers: &HeaderMap) -> Said {
    let number = |name| text(headers, name).and_then(|v| v.parse().ok());
    let reset = text(headers, "x-ratelimit-reset").and_then(|v| v.parse().ok());
    Said {
        remaining: number("x-ratelimit-remaining"),
        most: number("x-ratelimit-limit"),
        resets_at: reset.and_then(|seconds| Timestamp::from_timestamp(seconds, 0)),
    }
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// How long GitHub wants us to wait: its `Retry-After`, or the reset of a quota with nothing
/// left in it.
pub(super) fn wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(seconds) = text(headers, "retry-after").and_then(|v| v.parse().ok()) {
        return Some(Duration::from_secs(seconds));
    }
    if text(headers, "x-ratelimit-remaining") != Some("0") {
        return None;
    }
    let reset: i64 = text(headers, "x-ratelimit-reset")?.parse().ok()?;
    let seconds = u64::try_from(reset.saturating_sub(now.timestamp())).unwrap_or_default();
    Some(Duration::from_secs(seconds))
}

pub(super) fn waiting(stopped: Stopped) -> Refusal {
    let Stopped { reason, wait, .. } = stopped;
    Refusal::Waiting { reason, wait }
}

pub(super) fn unavailable(error: &reqwest::Error) -> Refusal {
    no_answer(NoAnswer::Broken(cause(error)))
}

pub(super) fn no_answer(why: NoAnswer) -> Refusal {
    match why {
        NoAnswer::TooLong => Refusal::TooLong,
        NoAnswer::Broken(what) => Refusal::Unavailable { what: what.to_owned() },
    }
}
