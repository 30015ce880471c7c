//! What is answered when something can't be: one problem for API and pages (RFC 9457).
//!
//! A handler returns a [`Problem`], which answers as `application/problem+json`;
//! [`for_browsers`] writes it again as a page for those who would rather have HTML, so that no
//! handler needs to know who asks. Deliberately absent: what went wrong inside. That is in the
//! log.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

use super::reality::Reality;
use crate::access::{Caller, Scope};
use crate::store::StoreError;

/// When to come again after a 503, seconds.
const RETRY_AFTER_SECONDS: u64 = 10;

/// Every kind of problem that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// A parameter, a cursor or a body that can't be read.
    BadRequest,
    /// Neither a token nor a session.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden,
    /// Nothing has this address or this id.
    NotFound,
    /// The address exists, not with this method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    Timeout,
    /// It can't be done in the present state.
    Conflict,
    /// The body is larger than the endpoint reads.
    TooLarge,
    /// Too many attempts.
    TooManyAttempts,
    /// As many as there is room for are here already.
    Overloaded,
    /// The database does not answer.
    StoreUnavailable,
    /// A mistake of ours.
    Internal,
}

impl ProblemKind {
    /// All of them, for the documentation.
    pub const ALL: [Self; 12] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::Conflict,
        Self::TooLarge,
        Self::TooManyAttempts,
        Self::Overloaded,
        Self::StoreUnavailable,
        Self::Internal,
    ];

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word that programs compare.
    pub fn slug(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::TooManyAttempts => "too-many-attempts",
            Self::Overloaded => "overloaded",
            Self::StoreUnavailable => "store-unavailable",
            Self::Internal => "internal",
        }
    }

    /// The same for every problem of the kind.
    pub fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request can’t be read",
            Self::Unauthorized => "Sign in first",
            Self::Forbidden => "That is not allowed",
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "The method is not allowed here",
            Self::Timeout => "The body did not arrive in time",
            Self::Conflict => "Not possible at this moment",
            Self::TooLarge => "The body is too large",
            Self::TooManyAttempts => "Too many attempts",
            Self::Overloaded => "There is no room at this moment",
            Self::StoreUnavailable => "The database does not answer",
            Self::Internal => "Something went wrong here",
        }
    }
}

/// An answer that says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which kind; it decides status and title.
    pub kind: ProblemKind,
    /// This one case, for people.
    pub detail: String,
    /// The parameter that is wrong.
    pub parameter: Option<String>,
    /// Seconds after which it is worth trying again.
    pub retry_after: Option<u64>,
    /// The scope that is needed.
    pub scope: Option<Scope>,
}

/// RFC 9457, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// The kind of problem, as an address in this documentation.
    #[serde(rename = "type")]
    #[schema(example = "/api/docs#bad-request")]
    kind: String,
    /// The kind of problem, for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request, and what to do.
    detail: String,
    /// The parameter that is wrong, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// The scope that is needed, where the caller’s is too small.
    #[serde(skip_serializing_if = "Option::is_none")]
    required_scope: Option<&'static str>,
}

impl Problem {
    /// A problem of the given kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let later = matches!(kind, ProblemKind::Overloaded | ProblemKind::StoreUnavailable);
        let retry_after = later.then_some(RETRY_AFTER_SECONDS);
        Self { kind, detail: detail.into(), parameter: None, retry_after, scope: None }
    }

    /// Nothing has this address or id.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::NotFound, detail)
    }

    /// The parameter `name` is not as `detail` says it should be.
    pub fn bad_parameter(name: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        let name = name.into();
        let detail = format!("parameter {name}: {detail}");
        Self { parameter: Some(name), ..Self::new(ProblemKind::BadRequest, detail) }
    }

    /// The caller's scope is smaller than `needed`.
    pub fn scope_needed(caller: &Caller, needed: Scope) -> Self {
        let detail = format!(
            "This needs the scope {needed}; {} has {}. Ask an admin for a token of that scope, or sign in \
             with one.",
            caller.name, caller.scope
        );
        Self { scope: Some(needed), ..Self::new(ProblemKind::Forbidden, detail) }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// What all problems of this kind are called.
    pub fn title(&self) -> &'static str {
        self.kind.title()
    }

    fn body(&self) -> ProblemBody {
        ProblemBody {
            kind: format!("/api/docs#{}", self.kind.slug()),
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.detail.clone(),
            parameter: self.parameter.clone(),
            required_scope: self.scope.map(Scope::as_str),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(failed: StoreError) -> Self {
        error!(error = %failed, "a page or an API answer failed at the database");
        if failed.is_transient() {
            let detail = "Nothing can be read or changed at the moment. Try again in some seconds; \
                if it lasts, run jetbridge doctor on the server.";
            return Self::new(ProblemKind::StoreUnavailable, detail);
        }
        Self::internal()
    }
}

impl Problem {
    /// A mistake of ours, whose reason the caller has logged.
    pub fn internal() -> Self {
        let detail = "The log of this moment says why: look there, and report it if it is new.";
        Self::new(ProblemKind::Internal, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let problem_json = HeaderValue::from_static("application/problem+json");
        let mut response =
            (self.status(), [(header::CONTENT_TYPE, problem_json)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemKind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(scope) = self.scope {
            // RFC 6750, section 3.1.
            let needed = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
            let needed = HeaderValue::try_from(needed);
            headers.extend(needed.map(|needed| (header::WWW_AUTHENTICATE, needed)));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Layer: writes a [`Problem`] as a page where the request would rather have HTML than JSON.
pub async fn for_browsers(
    State(reality): State<Reality>,
    request: Request,
    next: Next,
) -> Response {
    let page = prefers_html(request.headers());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = next.run(request).await;
    if !page {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let Ok(html) = ErrorPage::new(&problem, &method, &uri, reality).render() else {
        return response;
    };
    let (mut head, _) = response.into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::CONTENT_TYPE);
    let (page, body) = Html(html).into_response().into_parts();
    head.headers.extend(page.headers);
    Response::from_parts(head, body)
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    status: u16,
    kind: &'static str,
    title: &'static str,
    detail: &'a str,
    /// Where the same page can be asked for again.
    again: Option<&'a str>,
    sign_in: bool,
    signed_in_only: bool,
    look_at_server: bool,
    reality: Reality,
}

impl<'a> ErrorPage<'a> {
    fn new(problem: &'a Problem, method: &Method, uri: &'a Uri, reality: Reality) -> Self {
        let repeatable = problem.retry_after.is_some() && method == Method::GET;
        let unauthorized = problem.kind == ProblemKind::Unauthorized;
        Self {
            status: problem.status().as_u16(),
            kind: problem.kind.slug(),
            title: problem.title(),
            detail: &problem.detail,
            again: repeatable.then(|| uri.path_and_query().map_or("/", |p| p.as_str())),
            sign_in: unauthorized,
            signed_in_only: !unauthorized,
            look_at_server: problem.status().is_server_error(),
            reality,
        }
    }
}

/// Whether `Accept` ranks HTML above JSON. `*/*` alone, as programs send it, does not.
fn prefers_html(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT);
    let ranges: Vec<(String, f32)> = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(media_range)
        .collect();
    let quality = |wanted: &[&str]| {
        let named = |want: &&str| ranges.iter().find(|(range, _)| range == want).map(|r| r.1);
        wanted.iter().find_map(named).unwrap_or(0.0)
    };
    let html = quality(&["text/html", "text/*", "*/*"]);
    html > quality(&["application/problem+json", "application/json", "application/*", "*/*"])
}

fn media_range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    (range, quality.map_or(1.0, |q| q.parse().unwrap_or(0.0)))
}

/// For addresses that nothing answers.
pub fn fallback_not_found() -> std::future::Ready<Problem> {
    let detail =
        "No page and no endpoint has this address: /boards and /api/docs are good places to start.";
    std::future::ready(Problem::not_found(detail))
}

/// For addresses that do not take the request's method; `Allow` lists those they take.
pub async fn fallback_method(method: Method) -> Problem {
    let detail =
        format!("This address does not take {method}; the header Allow says what it takes.");
    Problem::new(ProblemKind::MethodNotAllowed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        prefers_html(&headers)
    }

    #[test]
    fn browsers_get_pages_and_programs_get_json() {
        assert!(accepting("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(accepting("text/html"));
        assert!(accepting("application/json;q=0.5, TEXT/HTML"));
        assert!(!accepting("*/*"));
        assert!(!accepting("application/json, text/plain, */*"));
        assert!(!accepting("text/html;q=0.2, application/json"));
        assert!(!accepting("text/html;q=nonsense"));
        assert!(!prefers_html(&HeaderMap::new()));
    }

    #[test]
    fn a_failure_of_the_database_is_not_told_to_the_outside() {
        let failed = StoreError::Migration("relation secret_table is broken".to_owned());
        let problem = Problem::from(failed);
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!format!("{problem:?}").contains("secret_table"));
    }
}
