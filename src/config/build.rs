//! From what is set to what holds: the defaults, and the checks that no key can make alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::command_line::words;
use super::keys::{CanaryLayer, GithubLayer, Layer, McpLayer, RetentionLayer, RetryLayer};
use super::other_hosts::{HostSecrets, hosts_of};
use super::secret::{SecretSetting, Secrets};
use super::units::HumanDuration;
use super::values::Set;
use super::{
    CanaryConfig, Config, ConfigError, GithubConfig, McpServer, PlaneConfig, RetentionConfig,
    Settings,
};
use crate::canary::Rhythm;
use crate::ids::AppId;
use crate::queue::retry::RetryPolicy;
use crate::store::DatabaseUrl;

/// Repeats of a delivery come within this time; without its body a failed one could not be run again.
const SHORTEST_AGE: Duration = Duration::from_hours(1);
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_DATA_DIR: &str = "./jetbridge-data";
const DEFAULT_MAX_BODY: usize = 25 << 20;
const DEFAULT_RECONCILE: Duration = Duration::from_hours(6);
const DEFAULT_SPOOL: u64 = 1 << 30;
const SHORTEST_RECOVER: Duration = Duration::from_mins(1);
const DEFAULT_RECOVER: Duration = Duration::from_mins(10);
const SHORTEST_CANARY: Duration = Duration::from_mins(1);
const DEFAULT_GITHUB_API: &str = "https://api.github.com";

/// Fills in the defaults and checks what no key can say alone.
pub(super) fn build(layer: Layer) -> Result<Settings, ConfigError> {
    let listen = layer.listen.0.unwrap_or(DEFAULT_LISTEN);
    let data_dir = layer.data_dir.0.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR));
    let in_data_dir = || DatabaseUrl::Sqlite(data_dir.join("jetbridge.db"));
    if let Some(twice) = twice(layer.repositories.iter().map(|r| &r.name)) {
        return Err(ConfigError::Conflict(format!(
            "repositories: {twice} is there twice: keep one [[repositories]] of that name"
        )));
    }
    let (github, github_secrets, github_hosts) = github_of(layer.github)?;
    let config = Config {
        listen,
        public_url: layer.public_url.0.map_or_else(|| public_url_of(listen), |url| url.0),
        database_url: layer.database_url.0.unwrap_or_else(in_data_dir),
        data_dir,
        admin_token: Secrets::none(),
        plane: PlaneConfig {
            webhook_secret: Secrets::none(),
            api_url: layer.plane.api_url.0.map(|url| url.0),
            web_url: layer.plane.web_url.0.map(|url| url.0),
            api_key: Secrets::none(),
            workspace: layer.plane.workspace.0,
        },
        github,
        retry: retry_policy(&layer.retry)?,
        retention: ages(&layer.retention)?,
        recover_every: recover_every(layer.recover.every.0)?,
        workers: layer.workers.0.map_or_else(twice_the_cores, |workers| workers.0),
        max_body: layer.max_body.0.map_or(DEFAULT_MAX_BODY, |size| size.0),
        alarm_webhook_url: Secrets::none(),
        spool_max_bytes: layer.spool.max_bytes.0.map_or(DEFAULT_SPOOL, |size| size.0),
        reconcile_every: layer.reconcile.every.0.map_or(Some(DEFAULT_RECONCILE), |period| period.0),
        canary: canary_of(&layer.canary)?,
        repositories: layer.repositories,
    };
    let [github_webhook_secret, github_token, github_app_private_key] = github_secrets;
    Ok(Settings {
        config,
        admin_token: layer.admin_token.0.unwrap_or_default(),
        plane_webhook_secret: layer.plane.webhook_secret.0.unwrap_or_default(),
        plane_api_key: layer.plane.api_key.0.unwrap_or_default(),
        github_webhook_secret,
        github_token,
        github_app_private_key,
        alarm_webhook_url: layer.alarm_webhook_url.0.unwrap_or_default(),
        github_hosts,
        file: None,
        warnings: Vec::new(),
    })
}

/// GitHub's side; where the secrets of its webhooks, its token and the App's key are; and those of other
/// servers.
fn github_of(
    github: GithubLayer,
) -> Result<(GithubConfig, [SecretSetting; 3], Vec<HostSecrets>), ConfigError> {
    let app_id = app_of(&github)?;
    let (hosts, of_hosts) = hosts_of(github.hosts)?;
    let config = GithubConfig {
        webhook_secret: Secrets::none(),
        unsigned: github.allow_unsigned.0.unwrap_or_default(),
        api_url: github.api_url.0.map_or_else(|| DEFAULT_GITHUB_API.to_owned(), |url| url.0),
        token: Secrets::none(),
        app_id,
        app_private_key: Secrets::none(),
        mcp: mcp_server(&github.mcp)?,
        unknown_repositories: github.unknown_repositories.0.unwrap_or_default(),
        hosts,
    };
    let secrets = [github.webhook_secret, github.token, github.app_private_key];
    Ok((config, secrets.map(|secret| secret.0.unwrap_or_default()), of_hosts))
}

pub(super) fn twice<T: PartialEq>(mut items: impl Iterator<Item = T> + Clone) -> Option<T> {
    while let Some(item) = items.next() {
        if items.clone().any(|later| later == item) {
            return Some(item);
        }
    }
    None
}

/// Nobody reaches `0.0.0.0`, and a browser on this machine reaches the loopback address.
fn public_url_of(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

fn twice_the_cores() -> usize {
    2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// An App without its key, or a key without its App, is half of a setting.
fn app_of(github: &GithubLayer) -> Result<Option<AppId>, ConfigError> {
    let has_key = github.app_private_key.0.as_ref().is_some_and(|key| !key.is_empty());
    if github.app_id.0.is_some() == has_key {
        return Ok(github.app_id.0.clone());
    }
    Err(ConfigError::Conflict(
        "github.app_id and github.app_private_key go together: set both, or neither".to_owned(),
    ))
}

fn mcp_server(mcp: &McpLayer) -> Result<Option<McpServer>, ConfigError> {
    match (&mcp.command.0, &mcp.url.0) {
        (Some(_), Some(_)) => Err(ConfigError::Conflict(
            "github.mcp.command and github.mcp.url are both set: remove one".to_owned(),
        )),
        (Some(command), None) => {
            let words = words(command).map_err(|_| {
                ConfigError::Conflict(
                    "github.mcp.command: a quote is opened and not closed: close it".to_owned(),
                )
            })?;
            Ok((!words.is_empty()).then_some(McpServer::Command(words)))
        }
        (None, Some(url)) => Ok(Some(McpServer::Url(url.0.clone()))),
        (None, None) => Ok(None),
    }
}

/// An age of nothing would drop what was received a moment ago: a slip of the pen.
fn ages(retention: &RetentionLayer) -> Result<RetentionConfig, ConfigError> {
    let age = |key: &str, set: &Set<HumanDuration>| match set.0 {
        Some(HumanDuration(age)) if age < SHORTEST_AGE => Err(ConfigError::Conflict(format!(
            "{key} ({}) must be at least {}: leave it out to keep everything",
            HumanDuration(age),
            HumanDuration(SHORTEST_AGE)
        ))),
        set => Ok(set.map(|age| age.0)),
    };
    Ok(RetentionConfig {
        plane_bodies: age("retention.plane_bodies", &retention.plane_bodies)?,
        github_bodies: age("retention.github_bodies", &retention.github_bodies)?,
        timeline: age("retention.timeline", &retention.timeline)?,
    })
}

/// Each run asks GitHub at least once for each repository.
fn recover_every(set: Option<HumanDuration>) -> Result<Duration, ConfigError> {
    match set {
        None => Ok(DEFAULT_RECOVER),
        Some(HumanDuration(every)) if every.is_zero() || every >= SHORTEST_RECOVER => Ok(every),
        Some(every) => Err(ConfigError::Conflict(format!(
            "recover.every ({every}) must be at least {}, or 0s to switch it off: change it",
            HumanDuration(SHORTEST_RECOVER)
        ))),
    }
}

fn canary_of(canary: &CanaryLayer) -> Result<CanaryConfig, ConfigError> {
    let default = Rhythm::default();
    let rhythm = Rhythm {
        every: canary.every.0.map_or(default.every, |every| every.0),
        deadline: canary.deadline.0.map_or(default.deadline, |deadline| deadline.0),
    };
    for (key, given) in [("canary.every", rhythm.every), ("canary.deadline", rhythm.deadline)] {
        if given < SHORTEST_CANARY {
            return Err(ConfigError::Conflict(format!(
                "{key} ({}) must be at least {}: each touch takes some of Plane's requests",
                HumanDuration(given),
                HumanDuration(SHORTEST_CANARY)
            )));
        }
    }
    Ok(CanaryConfig { project: canary.project.0, rhythm })
}

fn retry_policy(retry: &RetryLayer) -> Result<RetryPolicy, ConfigError> {
    let default = RetryPolicy::default();
    let policy = RetryPolicy {
        max_retries: retry.max_retries.0.unwrap_or(default.max_retries),
        base: retry.base.0.map_or(default.base, |d| d.0),
        cap: retry.cap.0.map_or(default.cap, |d| d.0),
    };
    if policy.base.is_zero() || policy.base > policy.cap {
        return Err(ConfigError::Conflict(format!(
            "retry.base ({}) must be more than 0s and no more than retry.cap ({}): change one",
            HumanDuration(policy.base),
            HumanDuration(policy.cap)
        )));
    }
    Ok(policy)
}
