//! clients

mod http_client;
pub mod plane_identity;
pub mod vault;
pub mod webhook_sender;
