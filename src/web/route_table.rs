//! Every address behind the sign-in, with its method, the scope that it needs and the words for
//! what it does. The router is built from these rows, so that none is without a scope, and a test
//! can walk them.
//!
//! Three tables make a part of the web: what a viewer sees, what an operator does, what an admin
//! configures. Deliberately absent: what is open to all (health, sign-in, assets, webhooks).

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::auth::guard::{Guard, Post, stand_guard};
use super::state::WebState;
use crate::access::Scope;

/// One method of one address, and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its method; GET answers HEAD, too.
    pub method: Method,
    /// Its address with `{parts}`.
    pub path: &'static str,
    /// The least that its caller needs.
    pub scope: Scope,
    /// What it does, for the audit log, such as `replay a delivery`; `None` where it only shows.
    pub deed: Option<&'static str>,
}

/// Routes, and what answers them.
#[derive(Debug)]
pub struct Routes {
    scope: Scope,
    rows: Vec<(Route, MethodRouter<WebState>)>,
}

impl Routes {
    /// An empty table: whatever is added to it needs `scope`.
    pub fn needing(scope: Scope) -> Self {
        Self { scope, rows: Vec::new() }
    }

    /// Adds an address that shows something.
    #[must_use]
    pub fn get<H: Handler<T, WebState>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.row(Method::GET, path, None, on(MethodFilter::GET, handler))
    }

    /// Adds an address that does what `deed` says.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, deed: &'static str, handler: H) -> Self
    where
        H: Handler<T, WebState>,
        T: 'static,
    {
        self.row(Method::POST, path, Some(deed), on(MethodFilter::POST, handler))
    }

    /// Adds an address that changes what it names.
    #[must_use]
    pub fn patch<H, T>(self, path: &'static str, deed: &'static str, handler: H) -> Self
    where
        H: Handler<T, WebState>,
        T: 'static,
    {
        self.row(Method::PATCH, path, Some(deed), on(MethodFilter::PATCH, handler))
    }

    /// Adds an address that takes away what it names.
    #[must_use]
    pub fn delete<H, T>(self, path: &'static str, deed: &'static str, handler: H) -> Self
    where
        H: Handler<T, WebState>,
        T: 'static,
    {
        self.row(Method::DELETE, path, Some(deed), on(MethodFilter::DELETE, handler))
    }

    /// This table and another one, each row with the scope that it had.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self
    }

    /// What is in it.
    pub fn list(&self) -> impl Iterator<Item = &Route> {
        self.rows.iter().map(|(route, _)| route)
    }

    fn row(
        mut self,
        method: Method,
        path: &'static str,
        deed: Option<&'static str>,
        handler: MethodRouter<WebState>,
    ) -> Self {
        self.rows.push((Route { method, path, scope: self.scope, deed }, handler));
        self
    }

    /// A router that lets nobody past `guard` who has not the scope of the row.
    pub(super) fn guarded(self, guard: &Arc<Guard>) -> Router<WebState> {
        let mut router = Router::new();
        for (route, handler) in self.rows {
            let (path, post) = (route.path, Post::new(guard, route));
            router = router.route(path, handler.layer(from_fn_with_state(post, stand_guard)));
        }
        let guard = Arc::clone(guard);
        router.method_not_allowed_fallback(move |request: Request| {
            let guard = Arc::clone(&guard);
            async move { guard.wrong_method(request).await }
        })
    }
}
