//! Stands before every route of the tables: who is it, does the request come from where it says,
//! is the scope enough. Without a caller a program gets 401 and a person the way to `/login`; one
//! whose scope is too small gets 403 with the scope that is needed.
//!
//! Deliberately absent: what the routes do.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{
    bearer, foreign_origin, has_session, is_admin_token, is_safe, is_same_origin, to_login,
    unauthorized,
};
use crate::access::{Caller, CallerKind, Scope};
use crate::web::error::{Problem, ProblemKind, fallback_method};
use crate::web::route_table::Route;
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
}

/// The guard at one route.
#[derive(Debug, Clone)]
pub struct Post {
    guard: Arc<Guard>,
    route: Arc<Route>,
}

impl Post {
    /// For one row of a table.
    pub fn new(guard: &Arc<Guard>, route: Route) -> Self {
        Self { guard: Arc::clone(guard), route: Arc::new(route) }
    }
}

/// Whether these credentials are still good, for a connection that stays open. A database that
/// does not answer throws nobody out.
pub async fn may_stay(state: &WebState, credentials: &HeaderMap) -> bool {
    match Guard::new(state, Audience::Programs).identify(credentials).await {
        Ok(caller) => caller.is_some(),
        Err(problem) => problem.kind != ProblemKind::Unauthorized,
    }
}

/// Layer: lets those through who may use the route, and tells it who they are.
pub async fn stand_guard(State(post): State<Post>, mut request: Request, next: Next) -> Response {
    let caller = match post.guard.identify(request.headers()).await {
        Ok(Some(caller)) => caller,
        Ok(None) => return post.guard.nobody(request.method(), request.uri()),
        Err(problem) => return problem.into_response(),
    };
    if let Some(refusal) = post.refusal(&caller, &request) {
        return refusal.into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

impl Post {
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
/// answer any page could read, must come from a page of ours.
fn needs_our_page(request: &Request) -> bool {
    !is_safe(request.method()) || request.headers().contains_key(header::UPGRADE)
}

impl Guard {
    /// One for all routes of an audience.
    pub fn new(state: &WebState, audience: Audience) -> Arc<Self> {
        Arc::new(Self { state: state.clone(), audience })
    }

    async fn identify(&self, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
        if self.audience == Audience::Programs
            && let Some(authorization) = headers.get(header::AUTHORIZATION)
        {
            let right =
                bearer(authorization).is_some_and(|t| is_admin_token(&self.state.admin_token, t));
            let admin = admin(CallerKind::AdminToken);
            return if right {
                Ok(Some(admin))
            } else {
                Err(unauthorized("The token is not right."))
            };
        }
        let session = has_session(&self.state, headers).await?;
        Ok(session.then(|| admin(CallerKind::Session)))
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
        match self.identify(request.headers()).await {
            Ok(Some(_)) => fallback_method(request.method().clone()).await.into_response(),
            Ok(None) => self.nobody(request.method(), request.uri()),
            Err(problem) => problem.into_response(),
        }
    }
}

fn admin(kind: CallerKind) -> Caller {
    Caller { name: "admin".to_owned(), kind, scope: Scope::Admin }
}

/// For handlers: who asks. Only routes behind a guard have one.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| unauthorized("Sign in at /login."))
    }
}
