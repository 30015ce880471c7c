//! HTTP: the only place that names axum. `server` drives connections, `webhooks` takes
//! deliveries in, the rest shows what is stored.
//!
//! Closed by default: what is not named open here stands behind the sign-in.

pub mod api;
pub mod auth;
pub mod error;
pub mod health;
pub mod openapi;
pub mod pages;
pub mod reality;
pub mod route_table;
pub mod server;
pub mod shared_pages;
pub mod state;
mod upgrade;
pub mod webhooks;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use auth::guard::{Audience, Guard};
use route_table::Routes;
use state::WebState;
use webhooks::Intake;

/// All routes of a process: webhook endpoints where it takes deliveries in, pages and API always.
pub fn routes(state: &WebState, intake: Option<Intake>) -> Router {
    let programs = api_routes().guarded(&Guard::new(state, Audience::Programs));
    let people = for_people().guarded(&Guard::new(state, Audience::People));
    let stored = programs.merge(people).merge(auth::routes());
    let shown = stored
        .layer(from_fn_with_state(state.store.clone(), upgrade::wait_for_tables))
        .merge(health::metrics_routes().guarded(&Guard::new(state, Audience::Programs)))
        .merge(health::routes())
        .merge(pages::assets())
        .fallback(error::fallback_not_found)
        .method_not_allowed_fallback(error::fallback_method)
        .layer(from_fn_with_state(state.reality, error::for_browsers))
        .layer(from_fn(auth::security_headers))
        .layer(from_fn_with_state(state.clone(), reality::say_so))
        .with_state(state.clone());
    match intake {
        Some(intake) => webhooks::routes(intake).merge(shown),
        None => shown,
    }
}

/// What is behind a bearer token or a session.
pub fn for_programs() -> Routes {
    api_routes().and(health::metrics_routes())
}

fn api_routes() -> Routes {
    api::viewer().and(api::operator()).and(api::admin())
}

/// What is behind a session alone.
pub fn for_people() -> Routes {
    pages::viewer().and(pages::operator()).and(pages::admin())
}
