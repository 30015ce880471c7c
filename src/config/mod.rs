//! Configuration: defaults, `jetbridge.toml`, environment, flags, each over the one before.
//!
//! What comes out is parsed and checked, so that nothing further in reads a text twice. Secrets
//! are fetched in a second step ([`Settings::resolve`]), by those who need them. Deliberately
//! absent: `.env` files, reloading.

pub mod admin_token;
mod build;
mod command_line;
mod environment;
mod github_host;
mod keys;
mod load;
mod other_hosts;
mod parse;
pub mod repositories;
pub mod secret;
mod units;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::canary::Rhythm;
use crate::ids::AppId;
use crate::queue::retry::RetryPolicy;
use crate::store::DatabaseUrl;
pub use admin_token::{AdminToken, TokenOrigin, load_or_make_admin_token};
pub use environment::{Environment, NotText};
pub use github_host::{GithubHost, InvalidHost};
pub use keys::{HOST_KEYS, KEYS, Key, REPOSITORY_KEYS};
pub use load::{ConfigError, Overrides, Settings, load};
pub use repositories::{
    Direction, InvalidWorkspace, RepositoryConfig, RepositoryName, RepositorySettings,
    WorkspaceSlug,
};
pub use secret::{SecretError, SecretSetting, Secrets};
pub use units::{ByteSize, HumanDuration};

/// Everything an operator can set, parsed, with secrets resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How the outside reaches us, no trailing slash.
    pub public_url: String,
    /// Where SQLite, the admin token and the spool live.
    pub data_dir: PathBuf,
    /// The database.
    pub database_url: DatabaseUrl,
    /// The admin token, where one is configured; otherwise `<data_dir>/admin-token` holds it.
    pub admin_token: Secrets,
    /// Plane's side.
    pub plane: PlaneConfig,
    /// GitHub's side.
    pub github: GithubConfig,
    /// Retries.
    pub retry: RetryPolicy,
    /// What is let go of with age.
    pub retention: RetentionConfig,
    /// How often GitHub is asked for webhooks that never arrived; 0: not at all.
    pub recover_every: Duration,
    /// Concurrent workers.
    pub workers: usize,
    /// Longest body accepted, bytes.
    pub max_body: usize,
    /// Where alarms are told; the first is used.
    pub alarm_webhook_url: Secrets,
    /// Bytes that the spool may take on disk; 0: there is none.
    pub spool_max_bytes: u64,
    /// How often both sides are compared; `None`: only when a person asks.
    pub reconcile_every: Option<Duration>,
    /// The item that shows whether Plane's webhooks still come.
    pub canary: CanaryConfig,
    /// `[[repositories]]`, in the file's order.
    pub repositories: Vec<RepositoryConfig>,
}

/// `canary.*`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CanaryConfig {
    /// Plane's project in which the item is; without one there is none.
    pub project: Option<uuid::Uuid>,
    /// How often it is touched, and how long its webhook may take.
    pub rhythm: Rhythm,
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

/// `github.*`.
#[derive(Debug, Clone)]
pub struct GithubConfig {
    /// All accepted; empty: the endpoint answers 503.
    pub webhook_secret: Secrets,
    /// Whether a webhook without a signature is taken.
    pub unsigned: UnsignedWebhooks,
    /// `https://api.github.com`, no trailing slash.
    pub api_url: String,
    /// The first is used.
    pub token: Secrets,
    /// The GitHub App whose hook comes here, where one is configured.
    pub app_id: Option<AppId>,
    /// Its private key; the first is used.
    pub app_private_key: Secrets,
    /// The MCP server, where one is configured.
    pub mcp: Option<McpServer>,
    /// What becomes of webhooks from repositories that are not configured.
    pub unknown_repositories: UnknownRepositories,
    /// `[[github.hosts]]`: other servers, in the file's order.
    pub hosts: Vec<GithubHostConfig>,
}

impl GithubConfig {
    /// What is configured of a server beside that of `api_url`.
    pub fn host(&self, host: &GithubHost) -> Option<&GithubHostConfig> {
        self.hosts.iter().find(|other| other.host == *host)
    }

    /// Where a server's API is.
    pub fn api_url_of(&self, host: &GithubHost) -> &str {
        self.host(host).map_or(&self.api_url, |other| &other.api_url)
    }

    /// Where people see what is on a server.
    pub fn web_url_of(&self, host: &GithubHost) -> &str {
        match self.api_url_of(host) {
            "https://api.github.com" => "https://github.com",
            api => api.strip_suffix("/api/v3").unwrap_or(api),
        }
    }

    /// Why repositories of a server can't be kept here, where they can't.
    ///
    /// # Errors
    /// When the server is not configured.
    pub fn check(&self, repository: &RepositoryName) -> Result<(), UnknownHost> {
        let host = repository.host();
        let is_known = self.knows(&host);
        if is_known { Ok(()) } else { Err(UnknownHost { repository: repository.clone(), host }) }
    }

    /// Whether repositories of a server can be kept here.
    pub fn knows(&self, host: &GithubHost) -> bool {
        host.is_default() || self.host(host).is_some()
    }
}

/// The repository is of a server that is not configured.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "{repository} is of the server {host}, which is not configured: add [[github.hosts]] with name = \"{host}\", or name it OWNER/NAME if it is of the server of github.api_url"
)]
pub struct UnknownHost {
    repository: RepositoryName,
    host: GithubHost,
}

/// One of `[[github.hosts]]`.
#[derive(Debug, Clone)]
pub struct GithubHostConfig {
    /// The server.
    pub host: GithubHost,
    /// `https://ghe.example.com/api/v3`, no trailing slash.
    pub api_url: String,
    /// All accepted; never empty.
    pub webhook_secret: Secrets,
    /// The first is used.
    pub token: Secrets,
}

/// `retention.*`: ages; `None` keeps for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionConfig {
    /// Bodies of Plane's deliveries that were worked off.
    pub plane_bodies: Option<Duration>,
    /// Bodies of GitHub's deliveries that were worked off.
    pub github_bodies: Option<Duration>,
    /// Lines of the timeline.
    pub timeline: Option<Duration>,
}

/// `github.mcp.*`: how the GitHub MCP server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McpServer {
    /// A child process that speaks over its standard input and output: program, then arguments.
    Command(Vec<String>),
    /// Streamable HTTP.
    Url(String),
}

/// `github.allow_unsigned`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnsignedWebhooks {
    /// 401.
    #[default]
    Refuse,
    /// Taken as they are, which is said at every start.
    Accept,
}

/// `github.unknown_repositories`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownRepositories {
    /// 404.
    #[default]
    Reject,
    /// Shown on the board, never written to.
    Register,
}
