//! Configuration: defaults, `jetbridge.toml`, environment, flags, each over the one before.

pub mod secret;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::queue::retry::RetryPolicy;
use crate::store::DatabaseUrl;
pub use secret::Secrets;

/// Everything an operator can set, parsed, with secrets resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How the outside reaches us, no trailing slash.
    pub public_url: String,
    /// Where SQLite, the admin token and later the spool live.
    pub data_dir: PathBuf,
    /// The database.
    pub database_url: DatabaseUrl,
    /// The admin token, where one is configured; otherwise `<data_dir>/admin-token` holds it.
    pub admin_token: Secrets,
    /// Plane's side.
    pub plane: PlaneConfig,
    /// Retries.
    pub retry: RetryPolicy,
    /// Concurrent workers.
    pub workers: usize,
    /// Longest body accepted, bytes.
    pub max_body: usize,
}

/// `plane.*`.
#[derive(Debug, Clone, Default)]
pub struct PlaneConfig {
    /// All accepted; empty: the endpoint answers 503.
    pub webhook_secret: Secrets,
    /// `https://api.plane.so`, no trailing slash.
    pub api_url: Option<String>,
    /// `https://app.plane.so`, no trailing slash.
    pub web_url: Option<String>,
    /// `X-API-Key`; the first is used.
    pub api_key: Secrets,
    /// The workspace's slug.
    pub workspace: Option<String>,
}
