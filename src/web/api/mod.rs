//! The HTTP API, version 1. Its shapes are types of their own, so that a change inside does not
//! change what programs read.
//!
//! Lists are newest first and paged by an opaque cursor; a parameter that is not known or can't
//! be read is a 400 that names it, since a filter that is quietly dropped shows wrong rows.
//! Deliberately absent: who may ask. That is [`require_api`](super::auth::require_api)'s part.

mod body;
mod cursor;
pub(super) mod deliveries;
pub(super) mod health;
mod parameters;
pub(super) mod replay;
pub(super) mod repositories;
pub(super) mod stats;
pub(super) mod timeline;
pub(super) mod work_items;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use axum::http::request::Parts;
use axum::routing::{get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::error::{Problem, fallback_method};
use super::openapi;
use super::state::WebState;

/// Everything under `/api/v1`, `/api/openapi.json` and `/api/docs`.
pub fn routes() -> Router<WebState> {
    Router::new()
        .route("/api/v1/work-items", get(work_items::list).fallback(fallback_method))
        .route("/api/v1/work-items/{ref}", get(work_items::show).fallback(fallback_method))
        .route(
            "/api/v1/work-items/{ref}/timeline",
            get(work_items::timeline).fallback(fallback_method),
        )
        .route(
            "/api/v1/work-items/{ref}/comments",
            get(work_items::comments).fallback(fallback_method),
        )
        .route("/api/v1/deliveries", get(deliveries::list).fallback(fallback_method))
        .route("/api/v1/deliveries/replay", post(replay::matching).fallback(fallback_method))
        .route(
            "/api/v1/deliveries/{source}/{delivery_id}",
            get(deliveries::show).fallback(fallback_method),
        )
        .route(
            "/api/v1/deliveries/{source}/{delivery_id}/replay",
            post(replay::one).fallback(fallback_method),
        )
        .route(
            "/api/v1/repositories",
            get(repositories::list).post(repositories::add).fallback(fallback_method),
        )
        .route(
            "/api/v1/repositories/{owner}/{name}",
            get(repositories::show)
                .patch(repositories::change)
                .delete(repositories::remove)
                .fallback(fallback_method),
        )
        .route("/api/v1/stats", get(stats::show).fallback(fallback_method))
        .route("/api/v1/health", get(health::show).fallback(fallback_method))
        .route("/api/openapi.json", get(openapi::document).fallback(fallback_method))
        .route("/api/docs", get(openapi::page).fallback(fallback_method))
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
