//! HTTP: the only place that names axum. `server` drives connections, `webhooks` takes
//! deliveries in, the rest shows what is stored.

pub mod api;
pub mod auth;
pub mod error;
pub mod health;
pub mod openapi;
pub mod server;
pub mod state;
pub mod webhooks;
