//! HTTP: the only place that names axum. `server` drives connections, `webhooks` takes
//! deliveries in, the rest shows what is stored.

pub mod pages;
pub mod server;
pub mod state;
pub mod webhooks;
