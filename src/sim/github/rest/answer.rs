//! Answers, and GitHub's words for every refusal.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::{Inner, SimError};
use super::Request;

/// What a list gives without being asked for more or less.
const DEFAULT_PAGE: usize = 30;
/// GitHub's greatest page.
const LARGEST_PAGE: usize = 100;

/// Status, headers and JSON.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    pub(super) fn nothing(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(super) fn message(status: u16, message: &str) -> Self {
        Self::new(
            status,
            json!({
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": status.to_string(),
            }),
        )
    }

    pub(super) fn primary_limit() -> Self {
        Self::message(403, "API rate limit exceeded for user ID 1.")
    }

    pub(super) fn secondary_limit(retry_after: Option<Duration>) -> Self {
        let words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        let mut answer = Self::message(403, words);
        if let Some(body) = &mut answer.body {
            // The MCP server tells the two limits apart by this address.
            body["documentation_url"] = json!(
                "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
            );
        }
        answer.retry_after(retry_after)
    }

    pub(super) fn retry_after(self, wait: Option<Duration>) -> Self {
        match wait {
            Some(wait) => self.with_headers([("retry-after", wait.as_secs().to_string())]),
            None => self,
        }
    }

    /// Adds headers; what is there stays.
    pub(super) fn with_headers(
        mut self,
        headers: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        for (name, value) in headers {
            if self.headers.iter().all(|(n, _)| *n != name) {
                self.headers.push((name, value));
            }
        }
        self
    }

    fn etag(&self) -> Option<String> {
        let body = self.body.as_ref().filter(|_| self.status == 200)?;
        Some(format!("W/\"{}\"", hex::encode(Sha256::digest(body.to_string()))))
    }

    /// 304 where the caller has it already.
    pub(super) fn unless_it_is(mut self, known: Option<&str>) -> Self {
        let Some(etag) = self.etag() else { return self };
        if known.is_some_and(|known| known.split(',').any(|k| k.trim() == etag)) {
            (self.status, self.body) = (304, None);
        }
        self.with_headers([("etag", etag)])
    }

    pub(super) fn into_response(self) -> Response {
        let body = self.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// One page of a list, with the `Link` to the others.
pub(super) fn page(request: &Request<'_>, all: &[Value]) -> Answer {
    let size = request.number_in_query("per_page").unwrap_or(DEFAULT_PAGE).clamp(1, LARGEST_PAGE);
    let number = request.number_in_query("page").unwrap_or(1).max(1);
    let pages = all.len().div_ceil(size).max(1);
    // What is hidden leaves its page shorter.
    let entries = all.iter().skip((number - 1) * size).take(size).filter(|entry| !entry.is_null());
    let entries: Vec<&Value> = entries.collect();
    let answer = Answer::ok(json!(entries));
    let links = [
        ("prev", number - 1, number > 1),
        ("next", number + 1, number < pages),
        ("last", pages, number < pages),
        ("first", 1, number > 1),
    ];
    let links: Vec<String> = links
        .into_iter()
        .filter(|(_, _, there)| *there)
        .map(|(rel, page, _)| link(request, rel, &[("page", page.to_string())]))
        .collect();
    if links.is_empty() { answer } else { answer.with_headers([("link", links.join(", "))]) }
}

/// Parts of a path, each behind a slash; nothing where there are none.
pub(super) fn below<T: AsRef<str>>(parts: &[T]) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        path.push_str(part.as_ref());
    }
    path
}

/// One entry of a `Link` header: this request with other parameters.
pub(super) fn link(request: &Request<'_>, rel: &str, parameters: &[(&str, String)]) -> String {
    let mut query = request.query.clone();
    for (key, value) in parameters {
        query.insert((*key).to_owned(), value.clone());
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let path = below(&request.path);
    let api = &request.sim.lock().instance.api;
    match (&request.organization, request.repository.unwrap_or_default()) {
        (Some(login), _) => format!("<{api}/orgs/{login}{path}?{query}>; rel=\"{rel}\""),
        (None, 0) => format!("<{api}{path}?{query}>; rel=\"{rel}\""),
        (None, id) => format!("<{api}/repositories/{id}{path}?{query}>; rel=\"{rel}\""),
    }
}

/// What GitHub answers to this; `rest` is the path behind the repository.
pub(super) fn refusal(sim: &Inner, error: &SimError, rest: &str) -> Answer {
    let moved = |place: String| {
        let url = format!("{}{place}", sim.lock().instance.api);
        let body = json!({
            "message": "Moved Permanently", "url": url,
            "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
        });
        Answer::new(301, body).with_headers([("location", url)])
    };
    match error {
        SimError::NoRepository
        | SimError::NoIssue
        | SimError::NoComment
        | SimError::NoMilestone
        | SimError::NoHook => Answer::message(404, "Not Found"),
        SimError::RepositoryMoved { repository } => {
            moved(format!("/repositories/{repository}{rest}"))
        }
        SimError::Moved { repository, number } => {
            // What comes after the number stays: `/issues/7/comments`.
            let tail = below(&rest.split('/').skip(3).collect::<Vec<_>>());
            moved(format!("/repositories/{repository}/issues/{number}{tail}"))
        }
        SimError::Deleted => Answer::message(410, "This issue was deleted"),
        SimError::IssuesOff => Answer::message(410, "Issues are disabled for this repo"),
        SimError::Invalid { resource, field, code } => Answer::new(
            422,
            json!({
                "message": "Validation Failed",
                "errors": [{"resource": resource, "field": field, "code": code}],
                "documentation_url": "https://docs.github.com/rest",
                "status": "422",
            }),
        ),
    }
}

/// An answer that breaks off before its end, and the connection with it.
pub(super) fn broken() -> Response {
    Response::new(Body::new(Broken))
}

struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
