//! clients

pub mod http_client;
pub mod vault;
