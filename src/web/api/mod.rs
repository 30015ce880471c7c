//! The HTTP API, version 1. Its shapes are types of their own, so that a change inside does not
//! change what programs read.
//!
//! Lists are newest first and paged by an opaque cursor; a parameter that is not known or can't
//! be read is a 400 that names it, since a filter that is quietly dropped shows wrong rows.
//! Deliberately absent: who may ask. The tables say the scope, the
//! [guard](super::auth::guard) looks at it.

pub(super) mod audit;
pub(super) mod body;
mod cursor;
pub(super) mod deliveries;
pub(super) mod drift;
pub(super) mod health;
pub(super) mod live;
mod parameters;
pub(super) mod people;
mod remotes;
pub(super) mod replay;
pub(super) mod repositories;
mod repository_settings;
pub(super) mod rules;
pub(super) mod stats;
pub(super) mod timeline;
pub(super) mod tokens;
pub(super) mod work_items;

use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::error::Problem;
use super::openapi;
use super::route_table::Routes;
use crate::access::Scope;

/// What a viewer sees under `/api`.
pub fn viewer() -> Routes {
    Routes::needing(Scope::Viewer)
        .get("/api/v1/work-items", work_items::list)
        .get("/api/v1/work-items/{ref}", work_items::show)
        .get("/api/v1/work-items/{ref}/timeline", work_items::timeline)
        .get("/api/v1/work-items/{ref}/comments", work_items::comments)
        .get("/api/v1/deliveries", deliveries::list)
        .get("/api/v1/deliveries/{source}/{delivery_id}", deliveries::show)
        .get("/api/v1/repositories", repositories::list)
        .get("/api/v1/repositories/{owner}/{name}", repositories::show)
        .get("/api/v1/repositories/{owner}/{name}/drift", drift::show)
        .get("/api/v1/people", people::list)
        .post("/api/v1/rules/test", "try rules", rules::test)
        .get("/api/v1/live", live::follow)
        .get("/api/v1/stats", stats::show)
        .get("/api/v1/health", health::show)
        .get("/api/openapi.json", openapi::document)
        .get("/api/docs", openapi::page)
}

/// What an operator does there.
pub fn operator() -> Routes {
    Routes::needing(Scope::Operator)
        .post("/api/v1/deliveries/replay", "replay all that match", replay::matching)
        .post("/api/v1/deliveries/{source}/{delivery_id}/replay", "replay a delivery", replay::one)
}

/// What an admin configures there.
pub fn admin() -> Routes {
    Routes::needing(Scope::Admin)
        .get("/api/v1/audit", audit::list)
        .get("/api/v1/tokens", tokens::list)
        .post("/api/v1/tokens", "make a token", tokens::make)
        .delete("/api/v1/tokens/{id}", "revoke a token", tokens::revoke)
        .post("/api/v1/people", "say who a person is in Plane", people::decide)
        .delete("/api/v1/people/{login}", "forget who a person is in Plane", people::forget)
        .post("/api/v1/repositories", "add a repository", repositories::add)
        .patch("/api/v1/repositories/{owner}/{name}", "change a repository", repositories::change)
        .delete("/api/v1/repositories/{owner}/{name}", "remove a repository", repositories::remove)
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T: ToSchema> {
    /// Newest first.
    items: Vec<T>,
    /// Give it as `cursor` for the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Asked for one row more than a page holds: cuts it off and says where the next page starts.
fn page_of<Row, T: ToSchema>(
    mut rows: Vec<Row>,
    limit: usize,
    cursor: impl Fn(&Row) -> String,
    shape: impl Fn(Row) -> T,
) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(cursor);
    Page { items: rows.into_iter().map(shape).collect(), next_cursor }
}

/// An address' variable parts; what can't be one of them is a 404, as nothing has that address.
pub(super) struct Address<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Address<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<_, PathRejection> =
            axum::extract::Path::<T>::from_request_parts(parts, state).await;
        // PostgreSQL's texts hold no NUL.
        match path {
            Ok(path) if !parts.uri.path().contains("%00") => Ok(Self(path.0)),
            _ => Err(Problem::not_found(
                "The address can't be read: percent-encode its parts as UTF-8.",
            )),
        }
    }
}
