//! The REST API under `/` and `/api/v3`: who asks, may they, is there a fault in the way, and
//! then the one table of routes.
//!
//! Deliberately absent: what GitHub answers to anything that Jetbridge and its MCP server do not
//! ask; that is 404.

mod answer;
mod apps;
mod comments;
mod graphql;
mod hooks;
mod issues;
mod labels;
mod milestones;
mod page;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::app::is_signed_word;
use super::faults::{RequestFault, RequestFaults, Striking};
use super::quota::{Quota, Verdict};
use super::state::HookPlace;
use super::tokens::{Access, SimToken};
use super::{Inner, SimError};
use crate::sim::log::Log;
use answer::Answer;
pub(super) use graphql::budget as graphql_budget;

/// Longest request that is read.
const LONGEST_REQUEST: usize = 1024 * 1024;
/// What an App's requests are counted by.
const APP_ACCOUNT: &str = "app";
/// What the secondary limit asks for where nobody said.
const SECONDARY_WAIT: Duration = Duration::from_mins(1);

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What it was answered; none where it was left without an answer.
    pub status: Option<u16>,
}

/// What the API remembers beside the state itself.
#[derive(Debug)]
pub(super) struct Desk {
    tokens: Vec<SimToken>,
    hourly_requests: u64,
    quotas: BTreeMap<String, Quota>,
    pub(super) faults: RequestFaults,
    pub(super) graphql_is_off: bool,
    pub(super) seen: Log<SeenRequest>,
}

impl Desk {
    pub(super) fn new(tokens: Vec<SimToken>, hourly_requests: u64, remembered: usize) -> Self {
        let (quotas, faults) = (BTreeMap::new(), RequestFaults::default());
        let seen = Log::keeping(remembered);
        Self { tokens, hourly_requests, quotas, faults, graphql_is_off: false, seen }
    }

    pub(super) fn quota(&mut self, token: &str) -> &mut Quota {
        let limit = self.hourly_requests;
        self.quotas.entry(token.to_owned()).or_insert_with(|| Quota::new(limit))
    }
}

/// Who asks.
enum Caller {
    Anonymous,
    Known(SimToken),
    /// A GitHub App in its own name.
    App,
}

/// One request, taken apart.
struct Request<'a> {
    sim: &'a Inner,
    caller: Caller,
    method: Method,
    /// Of the repository, where the path names one.
    repository: Option<u64>,
    /// The organization, where the path names one.
    organization: Option<String>,
    /// What follows in the path.
    path: Vec<String>,
    query: BTreeMap<String, String>,
    body: Value,
}

impl Request<'_> {
    /// The repository that the path names.
    fn repository(&self) -> Result<u64, SimError> {
        self.repository.ok_or(SimError::NoRepository)
    }

    /// Whose hooks are meant.
    fn hook_place(&self) -> Result<HookPlace, SimError> {
        match &self.organization {
            Some(login) => Ok(HookPlace::Organization(login.clone())),
            None if apps::is_asked(self) => Ok(HookPlace::App),
            None => self.repository().map(HookPlace::Repository),
        }
    }

    /// Whose changes these are.
    fn login(&self) -> &str {
        match &self.caller {
            Caller::Known(token) => &token.login,
            Caller::Anonymous | Caller::App => "ghost",
        }
    }

    fn number_in_query(&self, key: &str) -> Option<usize> {
        self.query.get(key)?.parse().ok()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.body.get(key)?.as_str()
    }

    /// A list of names, each written out or as an object with a `name`.
    fn names(&self, key: &str) -> Option<Vec<String>> {
        let name = |v: &Value| v.as_str().or_else(|| v["name"].as_str()).map(str::to_owned);
        Some(self.body.get(key)?.as_array()?.iter().filter_map(name).collect())
    }
}

/// Serves until it is stopped.
pub(super) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let router = Router::new().fallback(handle).with_state(inner);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the fake GitHub stopped listening: {error}");
    }
}

async fn handle(
    Shared(sim): Shared<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if let Some(page) = page::page(&sim, &uri) {
        return page;
    }
    let is_reading = method == Method::GET || method == Method::HEAD;
    let striking = if is_reading { Striking::Any } else { Striking::Writes };
    let fault = sim.desk().faults.strike(striking);
    let seen_at = {
        let mut desk = sim.desk();
        let target = uri.path_and_query().map_or_else(String::new, ToString::to_string);
        desk.seen.push(SeenRequest { method: method.to_string(), target, status: None })
    };
    let answer = match fault {
        RequestFault::Hang => std::future::pending().await,
        RequestFault::Reset => return answer::broken(),
        RequestFault::None | RequestFault::LostAnswer | RequestFault::HangAfter => {
            let body = axum::body::to_bytes(body, LONGEST_REQUEST).await.unwrap_or_default();
            decide(&sim, &method, &uri, &headers, &body)
        }
        RequestFault::Status(status) => Answer::message(status, "Server Error"),
        RequestFault::TooManyRequests { retry_after } => {
            Answer::message(429, "Too Many Requests").retry_after(retry_after)
        }
        RequestFault::PrimaryLimit { resets_in } => {
            let token = account(&headers).to_owned();
            let at = sim.now() + resets_in;
            let mut desk = sim.desk();
            desk.quota(&token).exhaust(at);
            Answer::primary_limit().with_headers(desk.quota(&token).headers())
        }
        RequestFault::SecondaryLimit { retry_after } => Answer::secondary_limit(retry_after),
    };
    match fault {
        RequestFault::LostAnswer => return answer::broken(),
        RequestFault::HangAfter => std::future::pending::<()>().await,
        _ => {}
    }
    let asked_for = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    let answer = answer.unless_it_is(asked_for);
    let mut desk = sim.desk();
    if answer.status == 304 {
        desk.quota(account(&headers)).give_back();
    }
    if let Some(seen) = desk.seen.get_mut(seen_at) {
        seen.status = Some(answer.status);
    }
    drop(desk);
    answer.into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"))
        .then_some(token.trim())
}

/// Whose limit a request counts against: an App signs each anew, and has one for all.
fn account(headers: &HeaderMap) -> &str {
    match bearer(headers).unwrap_or_default() {
        word if is_signed_word(word) => APP_ACCOUNT,
        token => token,
    }
}

fn decide(sim: &Inner, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Answer {
    let token = bearer(headers).unwrap_or_default();
    let caller = {
        let desk = sim.desk();
        let known = desk.tokens.iter().find(|t| t.token == token).cloned();
        match (known, headers.contains_key(header::AUTHORIZATION)) {
            (Some(known), _) => Caller::Known(known),
            (None, false) => Caller::Anonymous,
            (None, true) if is_signed_word(token) => Caller::App,
            (None, true) => return Answer::message(401, "Bad credentials"),
        }
    };
    if matches!(caller, Caller::App)
        && let Some(refused) = apps::refusal(sim, token)
    {
        return refused;
    }
    let expires = match &caller {
        Caller::Known(token) => token.expires.clone(),
        Caller::Anonymous | Caller::App => None,
    };
    if graphql::is_asked(uri) {
        return graphql::answer(sim, &caller, token, method, body);
    }
    let expires = expires.map(|at| ("github-authentication-token-expiration", at));
    let (verdict, limits) = {
        let mut desk = sim.desk();
        let quota = desk.quota(account(headers));
        (quota.count(sim.now()), quota.headers())
    };
    let answer = match verdict {
        Verdict::Primary => Answer::primary_limit(),
        Verdict::Secondary { retry_after } => {
            Answer::secondary_limit(retry_after.or(Some(SECONDARY_WAIT)))
        }
        Verdict::Pass => match read(sim, caller, method, uri, body) {
            Ok(request) => admit(&request),
            Err(answer) => answer,
        },
    };
    answer.with_headers(limits).with_headers(expires)
}

/// Takes the request apart.
fn read<'a>(
    sim: &'a Inner,
    caller: Caller,
    method: &Method,
    uri: &Uri,
    body: &Bytes,
) -> Result<Request<'a>, Answer> {
    let path = uri.path().strip_prefix("/api/v3").unwrap_or(uri.path());
    let decoded = |part: &str| {
        form_urlencoded::parse(part.replace('+', "%2B").as_bytes())
            .next()
            .map(|(key, _)| key.into_owned())
            .unwrap_or_default()
    };
    let mut parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let mut organization = None;
    let repository = match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["repos", owner, name, rest @ ..] => {
            let found = sim.lock().find_repository(owner, name);
            let found =
                found.map_err(|error| answer::refusal(sim, &error, &answer::below(rest)))?;
            parts.drain(..3);
            Some(found)
        }
        ["orgs", login, ..] => {
            organization = Some((*login).to_owned());
            parts.drain(..2);
            None
        }
        ["repositories", id, ..] => {
            let id = id.parse().unwrap_or_default();
            parts.drain(..2);
            Some(id)
        }
        _ => None,
    };
    let body = match body.as_ref() {
        [] => Value::Null,
        body => serde_json::from_slice(body)
            .map_err(|_| Answer::message(400, "Problems parsing JSON"))?,
    };
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query = query.into_owned().collect();
    let (method, path) = (method.clone(), parts);
    Ok(Request { sim, caller, method, repository, organization, path, query, body })
}

/// Lets the request through where its token may, and says which permission it takes.
fn admit(request: &Request<'_>) -> Answer {
    if let Some(answer) = apps::answer(request) {
        return answer;
    }
    let reading = request.method == Method::GET || request.method == Method::HEAD;
    let wanted = if reading { Access::Read } else { Access::Write };
    let area = match (request.repository, request.path.first().map(String::as_str)) {
        (None, Some("hooks")) if request.organization.is_some() => "organization_hooks",
        (Some(_), Some("hooks")) => "repository_hooks",
        (Some(_), Some("pulls")) => "pull_requests",
        (Some(_), Some(_)) => "issues",
        _ => "metadata",
    };
    let has = match (&request.caller, area) {
        (Caller::Anonymous, "repository_hooks" | "organization_hooks") => {
            return Answer::message(404, "Not Found");
        }
        (Caller::Anonymous, _) if !reading => {
            return Answer::message(401, "Requires authentication");
        }
        (Caller::Anonymous, _) | (Caller::Known(_), "metadata") => Access::Read,
        (Caller::Known(token), "issues") => token.issues,
        (Caller::Known(token), "pull_requests") => token.pull_requests,
        (Caller::Known(token), "organization_hooks") => token.organization_hooks,
        (Caller::Known(token), _) => token.webhooks,
        (Caller::App, _) => Access::None,
    };
    let word = if reading { "read" } else { "write" };
    let answer = if has < wanted {
        let by = if matches!(request.caller, Caller::App) {
            "integration"
        } else {
            "personal access token"
        };
        Answer::message(403, &format!("Resource not accessible by {by}"))
    } else {
        route(request).unwrap_or_else(|error| {
            answer::refusal(request.sim, &error, &answer::below(&request.path))
        })
    };
    answer.with_headers([("x-accepted-github-permissions", format!("{area}={word}"))])
}

/// The table of routes.
fn route(request: &Request<'_>) -> Result<Answer, SimError> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    if request.organization.is_some() {
        return match (method, path.as_slice()) {
            // What changes them is not asked for by anybody.
            ("GET", ["hooks", ..]) | ("POST", ["hooks", .., "attempts"]) => {
                hooks::route(request, method, &path[1..])
            }
            _ => Err(SimError::NoRepository),
        };
    }
    if request.repository.is_none() {
        return match (method, path.as_slice()) {
            ("GET", ["user"]) => Ok(who_am_i(request)),
            ("GET", ["_ping"]) => Ok(Answer::ok(json!("GitHub lives!"))),
            _ => Err(SimError::NoRepository),
        };
    }
    if path.first() == Some(&"issues") && issues_are_off(request)? && !is_of_a_pull(request, &path)
    {
        return Err(SimError::IssuesOff);
    }
    match (method, path.as_slice()) {
        ("GET", []) => show_repository(request),
        ("GET", ["issues", "comments"]) => comments::of_repository(request),
        (_, ["issues", "comments", id]) => comments::route(request, method, id),
        (_, ["issues", number, "comments"]) => comments::route_of_issue(request, method, number),
        (_, ["issues", number, "labels", rest @ ..]) => {
            labels::route_of_issue(request, method, number, rest)
        }
        (_, ["issues", rest @ ..]) => issues::route(request, method, rest),
        ("GET", ["pulls"]) => issues::list_pull_requests(request),
        ("GET", ["pulls", number]) => issues::show_pull_request(request, number),
        (_, ["labels", rest @ ..]) => labels::route(request, method, rest),
        (_, ["milestones", rest @ ..]) => milestones::route(request, method, rest),
        (_, ["hooks", rest @ ..]) => hooks::route(request, method, rest),
        _ => Err(SimError::NoRepository),
    }
}

fn issues_are_off(request: &Request<'_>) -> Result<bool, SimError> {
    Ok(request.sim.lock().repository(request.repository()?)?.issues_off)
}

/// What is said of a pull request goes on where issues are switched off.
fn is_of_a_pull(request: &Request<'_>, path: &[&str]) -> bool {
    let number = path.get(1).and_then(|number| number.parse().ok());
    let state = request.sim.lock();
    let here = request.repository().and_then(|id| state.repository(id));
    let issue = here.and_then(|here| here.issue(number.ok_or(SimError::NoIssue)?));
    issue.is_ok_and(|issue| issue.pull.is_some())
}

fn who_am_i(request: &Request<'_>) -> Answer {
    if !matches!(request.caller, Caller::Known(_)) {
        return Answer::message(401, "Requires authentication");
    }
    let mut state = request.sim.lock();
    let user = state.user(request.login());
    Answer::ok(super::json::user(&state.instance, &user))
}

fn show_repository(request: &Request<'_>) -> Result<Answer, SimError> {
    let state = request.sim.lock();
    let here = state.repository(request.repository()?)?;
    let mut shown = super::json::repository(&state.instance, here);
    // What the asking user may; tells nothing of what their token may.
    if matches!(request.caller, Caller::Known(_)) {
        shown["permissions"] = json!({"pull": true, "push": issues::may_push(request)});
    }
    Ok(Answer::ok(shown))
}

/// A number in a path; what is none is not found.
fn number_in(text: &str) -> Result<u64, SimError> {
    text.parse().map_err(|_| SimError::NoIssue)
}
