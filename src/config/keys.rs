//! Every key there is: its name in the file, its variable, and the place it goes to. The file's
//! shape, the environment and the example file are held to this one table.

use serde::Deserialize;

use super::repositories::RepositoryConfig;
use super::units::{ByteSize, HumanDuration};
use super::values::{HttpUrl, Period, Set, SpoolSize, Workers};
use super::{GithubHost, SecretSetting, UnknownRepositories, UnsignedWebhooks};
use crate::ids::AppId;
use crate::store::DatabaseUrl;

/// What begins the name of every variable of ours.
pub(super) const PREFIX: &str = "JETBRIDGE_";
/// Names the configuration file.
pub(super) const CONFIG_VARIABLE: &str = "JETBRIDGE_CONFIG";
/// Variables of ours that are no keys: read before there is a configuration.
pub(super) const OTHER_VARIABLES: [&str; 3] =
    [CONFIG_VARIABLE, crate::telemetry::LOG_VARIABLE, crate::telemetry::FORMAT_VARIABLE];

/// What file, environment and flags have said so far; each lays its own over the last.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Layer {
    pub(super) listen: Set<std::net::SocketAddr>,
    pub(super) public_url: Set<HttpUrl>,
    pub(super) data_dir: Set<std::path::PathBuf>,
    pub(super) database_url: Set<DatabaseUrl>,
    pub(super) admin_token: Set<SecretSetting>,
    pub(super) plane: PlaneLayer,
    pub(super) github: GithubLayer,
    pub(super) retry: RetryLayer,
    pub(super) retention: RetentionLayer,
    pub(super) recover: RecoverLayer,
    pub(super) workers: Set<Workers>,
    pub(super) max_body: Set<ByteSize>,
    pub(super) alarm_webhook_url: Set<SecretSetting>,
    pub(super) spool: SpoolLayer,
    pub(super) reconcile: ReconcileLayer,
    pub(super) canary: CanaryLayer,
    pub(super) repositories: Vec<RepositoryConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct PlaneLayer {
    pub(super) webhook_secret: Set<SecretSetting>,
    pub(super) api_url: Set<HttpUrl>,
    pub(super) web_url: Set<HttpUrl>,
    pub(super) api_key: Set<SecretSetting>,
    pub(super) workspace: Set<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct GithubLayer {
    pub(super) webhook_secret: Set<SecretSetting>,
    pub(super) allow_unsigned: Set<UnsignedWebhooks>,
    pub(super) api_url: Set<HttpUrl>,
    pub(super) token: Set<SecretSetting>,
    pub(super) app_id: Set<AppId>,
    pub(super) app_private_key: Set<SecretSetting>,
    pub(super) mcp: McpLayer,
    pub(super) unknown_repositories: Set<UnknownRepositories>,
    pub(super) hosts: Vec<HostLayer>,
}

/// One of `[[github.hosts]]`; `name` and `api_url` have no default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HostLayer {
    pub(super) name: GithubHost,
    pub(super) api_url: Set<HttpUrl>,
    #[serde(default)]
    pub(super) webhook_secret: Set<SecretSetting>,
    #[serde(default)]
    pub(super) token: Set<SecretSetting>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct McpLayer {
    pub(super) command: Set<String>,
    pub(super) url: Set<HttpUrl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct RetryLayer {
    pub(super) max_retries: Set<u32>,
    pub(super) base: Set<HumanDuration>,
    pub(super) cap: Set<HumanDuration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct RetentionLayer {
    pub(super) plane_bodies: Set<HumanDuration>,
    pub(super) github_bodies: Set<HumanDuration>,
    pub(super) timeline: Set<HumanDuration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct RecoverLayer {
    pub(super) every: Set<HumanDuration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct SpoolLayer {
    pub(super) max_bytes: Set<SpoolSize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct ReconcileLayer {
    pub(super) every: Set<Period>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
pub(super) struct CanaryLayer {
    pub(super) project: Set<uuid::Uuid>,
    pub(super) every: Set<HumanDuration>,
    pub(super) deadline: Set<HumanDuration>,
}

/// One key that both the file and the environment may set.
pub struct Key {
    /// In the file, dotted: `plane.webhook_secret`.
    pub name: &'static str,
    /// In the environment: `JETBRIDGE_PLANE_WEBHOOK_SECRET`.
    pub variable: &'static str,
    pub(super) set: fn(&mut Layer, &str) -> Result<(), String>,
}

macro_rules! keys {
    ($($name:literal $variable:literal => $($field:ident).+;)+) => {
        /// All keys but those of `[[repositories]]` and `[[github.hosts]]`, which have no variables.
        pub const KEYS: &[Key] = &[$(Key {
            name: $name,
            variable: $variable,
            set: |layer, text| layer.$($field).+.replace_by(text),
        }),+];
    };
}

keys! {
    "listen" "JETBRIDGE_LISTEN" => listen;
    "public_url" "JETBRIDGE_PUBLIC_URL" => public_url;
    "data_dir" "JETBRIDGE_DATA_DIR" => data_dir;
    "database_url" "JETBRIDGE_DATABASE_URL" => database_url;
    "admin_token" "JETBRIDGE_ADMIN_TOKEN" => admin_token;
    "plane.webhook_secret" "JETBRIDGE_PLANE_WEBHOOK_SECRET" => plane.webhook_secret;
    "plane.api_url" "JETBRIDGE_PLANE_API_URL" => plane.api_url;
    "plane.web_url" "JETBRIDGE_PLANE_WEB_URL" => plane.web_url;
    "plane.api_key" "JETBRIDGE_PLANE_API_KEY" => plane.api_key;
    "plane.workspace" "JETBRIDGE_PLANE_WORKSPACE" => plane.workspace;
    "github.webhook_secret" "JETBRIDGE_GITHUB_WEBHOOK_SECRET" => github.webhook_secret;
    "github.allow_unsigned" "JETBRIDGE_GITHUB_ALLOW_UNSIGNED" => github.allow_unsigned;
    "github.api_url" "JETBRIDGE_GITHUB_API_URL" => github.api_url;
    "github.token" "JETBRIDGE_GITHUB_TOKEN" => github.token;
    "github.app_id" "JETBRIDGE_GITHUB_APP_ID" => github.app_id;
    "github.app_private_key" "JETBRIDGE_GITHUB_APP_PRIVATE_KEY" => github.app_private_key;
    "github.mcp.command" "JETBRIDGE_GITHUB_MCP_COMMAND" => github.mcp.command;
    "github.mcp.url" "JETBRIDGE_GITHUB_MCP_URL" => github.mcp.url;
    "github.unknown_repositories" "JETBRIDGE_GITHUB_UNKNOWN_REPOSITORIES" => github.unknown_repositories;
    "retry.max_retries" "JETBRIDGE_RETRY_MAX_RETRIES" => retry.max_retries;
    "retry.base" "JETBRIDGE_RETRY_BASE" => retry.base;
    "retry.cap" "JETBRIDGE_RETRY_CAP" => retry.cap;
    "retention.plane_bodies" "JETBRIDGE_RETENTION_PLANE_BODIES" => retention.plane_bodies;
    "retention.github_bodies" "JETBRIDGE_RETENTION_GITHUB_BODIES" => retention.github_bodies;
    "retention.timeline" "JETBRIDGE_RETENTION_TIMELINE" => retention.timeline;
    "recover.every" "JETBRIDGE_RECOVER_EVERY" => recover.every;
    "workers" "JETBRIDGE_WORKERS" => workers;
    "max_body" "JETBRIDGE_MAX_BODY" => max_body;
    "alarm_webhook_url" "JETBRIDGE_ALARM_WEBHOOK_URL" => alarm_webhook_url;
    "spool.max_bytes" "JETBRIDGE_SPOOL_MAX_BYTES" => spool.max_bytes;
    "reconcile.every" "JETBRIDGE_RECONCILE_EVERY" => reconcile.every;
    "canary.project" "JETBRIDGE_CANARY_PROJECT" => canary.project;
    "canary.every" "JETBRIDGE_CANARY_EVERY" => canary.every;
    "canary.deadline" "JETBRIDGE_CANARY_DEADLINE" => canary.deadline;
}

/// The keys of one `[[github.hosts]]`.
pub const HOST_KEYS: [&str; 4] = ["name", "api_url", "webhook_secret", "token"];

/// The keys of one `[[repositories]]`.
pub const REPOSITORY_KEYS: [&str; 11] = [
    "name",
    "plane_project",
    "plane_workspace",
    "direction",
    "filter",
    "rules",
    "states",
    "labels",
    "users",
    "milestones",
    "rate_limit",
];
