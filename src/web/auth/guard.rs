//! Stands before every route of the tables: who is it, does the request come from where it says,
//! is the scope enough. Without a caller a program gets 401 and a person the way to `/login`; one
//! whose scope is too small gets 403 with the scope that is needed. What a route changes is written
//! down in the audit log, refused tries too.
//!
//! A deed is done and written down by a task of its own: a client that goes away in the middle
//! stops neither half. Deliberately absent: what the routes do.

use std::net::IpAddr;
use std::sync::Arc;

use axum::RequestExt;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::bearers::{Bearers, Usage};
use super::record::{Target, peer_text, write_down};
use super::{
    bearer, credentials, foreign_origin, hash, is_admin_token, is_safe, is_same_origin, session_of,
    session_token, to_login, unauthorized,
};
use crate::access::{
    ApiTokenText, AuditEntry, Caller, CallerKind, Outcome, Scope, can_not_be_guessed,
};
use crate::clock::Timestamp;
use crate::store::api_tokens::ApiToken;
use crate::web::error::{Problem, ProblemKind, fallback_method};
use crate::web::route_table::Route;
use crate::web::server::Peer;
use crate::web::state::WebState;

/// Who uses a table's routes: it decides which proof counts and how one without is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Programs: a bearer token, or the session of a page's script.
    Programs,
    /// People: a session.
    People,
}

/// What all posts of one audience share.
#[derive(Debug)]
pub struct Guard {
    state: WebState,
    audience: Audience,
    bearers: Bearers,
}

/// The guard at one route.
#[derive(Debug, Clone)]
pub struct Post {
    guard: Arc<Guard>,
    route: Arc<Route>,
}

/// What a connection that stays open keeps of its request, to be asked again whether it may.
#[derive(Clone)]
pub struct Stay {
    guard: Arc<Guard>,
    credentials: HeaderMap,
    name: String,
}

impl Stay {
    /// The caller's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the credentials are still good. A database that does not answer throws nobody out.
    pub async fn is_good(&self) -> bool {
        match self.guard.identify(&self.credentials, None).await {
            Ok(caller) => caller.is_some(),
            Err(problem) => problem.kind != ProblemKind::Unauthorized,
        }
    }
}

impl std::fmt::Debug for Stay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[the credentials of {}]", self.name)
    }
}

/// For handlers behind a guard.
impl<S: Sync> FromRequestParts<S> for Stay {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let guard = parts.extensions.get::<Arc<Guard>>().cloned().ok_or_else(Problem::internal)?;
        Ok(Self { guard, credentials: credentials(&parts.headers), name: caller.name })
    }
}

/// Layer: lets those through who may use the route, and tells it who they are.
pub async fn stand_guard(State(post): State<Post>, request: Request, next: Next) -> Response {
    let caller = match post.guard.identify(request.headers(), peer(&request)).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return post.guard.nobody(request.method(), request.uri()),
        Err(problem) => return problem.into_response(),
    };
    match post.route.deed {
        None => post.let_through(caller, request, next).await,
        Some(deed) => post.do_and_write_down(deed, caller, request, next).await,
    }
}

impl Post {
    /// For one row of a table.
    pub fn new(guard: &Arc<Guard>, route: Route) -> Self {
        Self { guard: Arc::clone(guard), route: Arc::new(route) }
    }

    async fn let_through(&self, caller: Caller, mut request: Request, next: Next) -> Response {
        if let Some(refusal) = self.refusal(&caller, &request) {
            return refusal.into_response();
        }
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(Arc::clone(&self.guard));
        next.run(request).await
    }

    async fn do_and_write_down(
        self,
        deed: &'static str,
        caller: Caller,
        mut request: Request,
        next: Next,
    ) -> Response {
        let state = self.guard.state.clone();
        let route = format!("{} {}", self.route.method, self.route.path);
        let mut entry = AuditEntry::of(state.clock.now(), &caller, deed, route);
        entry.address = peer_text(request.extensions());
        let address = parts_of_address(&mut request).await;
        let deed = tokio::spawn(async move {
            let response = self.let_through(caller, request, next).await;
            let told = response.extensions().get::<Target>().map(|Target(told)| told.as_str());
            let mut entry =
                entry.with_target(told.unwrap_or(&address)).with_status(response.status().as_u16());
            // A page sends its reader on, whether it could do the deed or not.
            let told = response.extensions().get::<Outcome>();
            entry.outcome = told.copied().unwrap_or(entry.outcome);
            write_down(&state, &entry).await;
            response
        });
        match deed.await {
            Ok(response) => response,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Problem::internal().into_response(),
            },
        }
    }

    /// Why this caller may not.
    fn refusal(&self, caller: &Caller, request: &Request) -> Option<Problem> {
        let ours = || is_same_origin(request.headers(), &self.guard.state.public_url);
        if caller.kind == CallerKind::Session && needs_our_page(request) && !ours() {
            return Some(foreign_origin());
        }
        (caller.scope < self.route.scope).then(|| Problem::scope_needed(caller, self.route.scope))
    }
}

/// A browser sends its cookie whoever made it ask: what changes something, and a socket, whose
/// answers any page could read, must come from a page of ours.
fn needs_our_page(request: &Request) -> bool {
    !is_safe(request.method()) || request.headers().contains_key(header::UPGRADE)
}

fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.0)
}

/// What stands for the `{parts}`, as it was sent.
async fn parts_of_address(request: &mut Request) -> String {
    match request.extract_parts::<RawPathParams>().await {
        Ok(parts) => parts.iter().map(|(_, value)| value).collect::<Vec<_>>().join("/"),
        Err(_) => String::new(),
    }
}

impl Guard {
    /// One for all routes of an audience.
    pub fn new(state: &WebState, audience: Audience) -> Arc<Self> {
        Arc::new(Self { state: state.clone(), audience, bearers: Bearers::default() })
    }

    async fn identify(
        &self,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Option<Caller>, Problem> {
        match headers.get(header::AUTHORIZATION) {
            Some(authorization) if self.is_meant_for_us(authorization, headers) => {
                self.by_bearer(authorization, peer).await.map(Some)
            }
            _ => self.by_session(headers).await,
        }
    }

    /// Browsers behind a proxy with a sign-in of its own send that one's credentials with all that
    /// they ask for: beside a cookie of ours only a token of ours counts.
    fn is_meant_for_us(&self, authorization: &HeaderValue, headers: &HeaderMap) -> bool {
        let is_ours = || {
            bearer(authorization).is_some_and(|token| {
                can_not_be_guessed(token) || is_admin_token(&self.state.admin_token, token)
            })
        };
        self.audience == Audience::Programs
            && (session_token(headers, &self.state.public_url).is_none() || is_ours())
    }

    async fn by_session(&self, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        let session = session_of(&self.state, headers).await?;
        Ok(session.map(|session| Caller {
            name: session.name,
            kind: CallerKind::Session,
            scope: session.scope,
        }))
    }

    async fn by_bearer(
        &self,
        authorization: &HeaderValue,
        peer: Option<IpAddr>,
    ) -> Result<Caller, Problem> {
        let now = self.state.clock.now();
        let token = bearer(authorization).unwrap_or_default();
        let sha256 = hash(token);
        let attempt = self.bearers.begin(token, &sha256, peer, now).map_err(too_many)?;
        if is_admin_token(&self.state.admin_token, token) {
            self.bearers.right_one(&sha256, attempt, now);
            let name = "admin".to_owned();
            return Ok(Caller { name, kind: CallerKind::AdminToken, scope: Scope::Admin });
        }
        let known = if ApiTokenText::is_shape_of(token) {
            self.state.store.find_api_token(&sha256).await?
        } else {
            None
        };
        match known {
            Some(known) if known.is_good(now) => {
                if self.bearers.right_one(&sha256, attempt, now) == Usage::WriteDown {
                    self.write_down_use(&known, now);
                }
                Ok(Caller { name: known.name, kind: CallerKind::ApiToken, scope: known.scope })
            }
            known => {
                self.bearers.wrong_one(&sha256);
                Err(unauthorized(&why_wrong(known.as_ref())))
            }
        }
    }

    /// Beside the request, which does not wait for it.
    fn write_down_use(&self, token: &ApiToken, now: Timestamp) {
        let (store, id) = (self.state.store.clone(), token.id);
        tokio::spawn(async move {
            if let Err(failed) = store.api_token_used(id, now).await {
                tracing::warn!(error = %failed, "the last use of an API token was not written down");
            }
        });
    }

    fn nobody(&self, method: &Method, uri: &Uri) -> Response {
        match self.audience {
            Audience::People => to_login(method, uri),
            Audience::Programs => {
                unauthorized("Send the header Authorization: Bearer TOKEN, or sign in at /login.")
                    .into_response()
            }
        }
    }

    /// For a method that an address does not take: those without a name are not told even that.
    pub async fn wrong_method(&self, request: Request) -> Response {
        match self.identify(request.headers(), peer(&request)).await {
            Ok(Some(_)) => fallback_method(request.method().clone()).await.into_response(),
            Ok(None) => self.nobody(request.method(), request.uri()),
            Err(problem) => problem.into_response(),
        }
    }
}

/// Only its holder learns what became of a token.
fn why_wrong(known: Option<&ApiToken>) -> String {
    match known {
        None => "The token is not right.".to_owned(),
        Some(token) if token.revoked_at.is_some() => {
            format!("The token {} was revoked: ask an admin for another one.", token.name)
        }
        Some(token) => {
            format!("The token {} has expired: ask an admin for another one.", token.name)
        }
    }
}

fn too_many(seconds: u64) -> Problem {
    let detail = format!(
        "Too many wrong tokens came from this address. The next one is looked at in {seconds} s."
    );
    Problem { retry_after: Some(seconds), ..Problem::new(ProblemKind::TooManyAttempts, detail) }
}

/// For handlers: who asks. Only routes behind a guard have one.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| unauthorized("Sign in at /login."))
    }
}
