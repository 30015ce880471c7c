//! Lays the layers over each other and makes a [`Config`] of them.
//!
//! An error names the key, the place (`jetbridge.toml:12`, a variable, a flag) and what is
//! expected, in one line; it never shows a secret's value.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::environment::{Environment, NotText};
use super::keys::{CONFIG_VARIABLE, KEYS, Layer, OTHER_VARIABLES, PREFIX};
use super::other_hosts::{HostSecrets, hosts_of};
use super::secret::{SecretError, SecretSetting, Secrets};
use super::units::HumanDuration;
use super::values::Setting;
use super::{CanaryConfig, Config, GithubConfig, McpServer, PlaneConfig, RetentionConfig};
use crate::canary::Rhythm;
use crate::ids::AppId;
use crate::queue::retry::RetryPolicy;
use crate::store::DatabaseUrl;

/// The file that is read when no other is named; it may be absent.
const DEFAULT_FILE: &str = "jetbridge.toml";
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

/// What the command line says, as texts; it overrides everything else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub config_file: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--public-url`.
    pub public_url: Option<String>,
    /// `--data-dir`.
    pub data_dir: Option<String>,
    /// `--database-url`.
    pub database_url: Option<String>,
    /// `--workers`.
    pub workers: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The named file is not there or can't be read.
    #[error("{}: can't be read ({why}): name a readable file with --config or {CONFIG_VARIABLE}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {}{why}", path.display(), key.as_ref().map(|k| format!("{k}: ")).unwrap_or_default())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Which key, where the file could be read that far.
        key: Option<String>,
        /// What is expected.
        why: String,
    },
    /// A variable or a flag is wrong.
    #[error("{place}: {why}")]
    Value {
        /// The variable's or the flag's name.
        place: &'static str,
        /// What is expected.
        why: String,
    },
    /// Keys that do not go together.
    #[error("{0}")]
    Conflict(String),
    /// A secret can't be fetched.
    #[error("{key}: {why}")]
    Secret {
        /// Which key.
        key: String,
        /// What is wrong and what to do.
        why: SecretError,
    },
    /// The admin token's file can't be read or made.
    #[error("{}: {why}", path.display())]
    AdminToken {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
}

/// A configuration whose secrets are not fetched yet.
#[derive(Debug, Clone)]
pub struct Settings {
    config: Config,
    admin_token: SecretSetting,
    plane_webhook_secret: SecretSetting,
    plane_api_key: SecretSetting,
    github_webhook_secret: SecretSetting,
    github_token: SecretSetting,
    github_app_private_key: SecretSetting,
    alarm_webhook_url: SecretSetting,
    github_hosts: Vec<HostSecrets>,
    file: Option<PathBuf>,
    warnings: Vec<String>,
}

/// Reads the configuration and fetches its secrets; the texts are warnings to show.
///
/// # Errors
/// See [`ConfigError`].
pub async fn load(
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(Config, Vec<String>), ConfigError> {
    let settings = Settings::read(overrides, environment)?;
    let warnings = settings.warnings().to_vec();
    Ok((settings.resolve(environment).await?, warnings))
}

impl Settings {
    /// Reads file, environment and flags; asks nobody else.
    ///
    /// # Errors
    /// When a named file is missing, a key is unknown or a value is none.
    pub fn read(overrides: &Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        let settings = Self::layered(overrides, environment)?;
        settings.check_servers(&settings.config.github)?;
        Ok(settings)
    }

    /// Reads a file whose repositories are to be put into a service with this configuration.
    ///
    /// # Errors
    /// As [`Settings::read`], and when the service does not know a repository's server.
    pub fn read_beside(
        overrides: &Overrides,
        environment: &Environment,
        service: &GithubConfig,
    ) -> Result<Self, ConfigError> {
        let settings = Self::layered(overrides, environment)?;
        settings.check_servers(service)?;
        Ok(settings)
    }

    fn check_servers(&self, github: &GithubConfig) -> Result<(), ConfigError> {
        let unknown = |error| ConfigError::Conflict(format!("repositories: {error}"));
        self.config.repositories.iter().try_for_each(|r| github.check(&r.name).map_err(unknown))
    }

    fn layered(overrides: &Overrides, environment: &Environment) -> Result<Self, ConfigError> {
        let (mut layer, file) = read_file(overrides, environment)?;
        apply_environment(&mut layer, environment)?;
        apply_overrides(&mut layer, overrides)?;
        let mut settings = build(layer)?;
        settings.file = file;
        settings.warnings = warnings(&settings, environment);
        Ok(settings)
    }

    /// As if nothing were configured anywhere: no file, no variable, no flag.
    ///
    /// # Errors
    /// None that a caller could mend: the defaults are values like others.
    pub fn unset() -> Result<Self, ConfigError> {
        build(Layer::default())
    }

    /// All but the secrets, which are empty here.
    pub fn without_secrets(&self) -> &Config {
        &self.config
    }

    /// The file that was read, if any.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What the operator should know though nothing stops for it, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Fetches all secrets.
    ///
    /// # Errors
    /// When one is not where its key says.
    pub async fn resolve(&self, environment: &Environment) -> Result<Config, ConfigError> {
        let mut config = self.config.clone();
        let places = [
            &mut config.admin_token,
            &mut config.plane.webhook_secret,
            &mut config.plane.api_key,
            &mut config.github.webhook_secret,
            &mut config.github.token,
            &mut config.github.app_private_key,
            &mut config.alarm_webhook_url,
        ];
        let of_hosts = config.github.hosts.iter_mut();
        let of_hosts = of_hosts.flat_map(|host| [&mut host.webhook_secret, &mut host.token]);
        let places = places.into_iter().chain(of_hosts);
        for ((key, setting), place) in self.secrets().into_iter().zip(places) {
            let secrets = setting.fetch(environment).await;
            *place = secrets.map_err(|why| ConfigError::Secret { key, why })?;
        }
        Ok(config)
    }

    /// Every secret's key and setting, always in this order: those with a place of their own, then
    /// two for each of `[[github.hosts]]`.
    pub fn secrets(&self) -> Vec<(String, &SecretSetting)> {
        let own = [
            ("admin_token", &self.admin_token),
            ("plane.webhook_secret", &self.plane_webhook_secret),
            ("plane.api_key", &self.plane_api_key),
            ("github.webhook_secret", &self.github_webhook_secret),
            ("github.token", &self.github_token),
            ("github.app_private_key", &self.github_app_private_key),
            ("alarm_webhook_url", &self.alarm_webhook_url),
        ];
        let own = own.map(|(key, setting)| (key.to_owned(), setting));
        let of_hosts = self.github_hosts.iter().flat_map(HostSecrets::each);
        own.into_iter().chain(of_hosts).collect()
    }
}

fn read_file(
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(Layer, Option<PathBuf>), ConfigError> {
    let from_variable = value_of(environment, CONFIG_VARIABLE)?.map(PathBuf::from);
    let named = overrides.config_file.clone().or(from_variable);
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok((parse(&text, &path)?, Some(path))),
        Err(why) if named.is_none() && why.kind() == std::io::ErrorKind::NotFound => {
            Ok((Layer::default(), None))
        }
        Err(why) => Err(ConfigError::File { path, why }),
    }
}

fn parse(text: &str, path: &Path) -> Result<Layer, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        let table = DeTable::parse(text).ok();
        let repository = table.as_ref().and_then(|table| repository_at(table.get_ref(), &span));
        let of = repository.map(|name| format!("of {name}: ")).unwrap_or_default();
        ConfigError::Line {
            path: path.to_owned(),
            line: 1 + text.get(..span.start).unwrap_or(text).matches('\n').count(),
            key: table.and_then(|table| key_at(table.get_ref(), &span)),
            why: format!("{of}{}", in_our_words(error.message())),
        }
    })
}

/// One line, without the value that serde repeats: it may be a secret at the wrong place.
fn in_our_words(message: &str) -> String {
    let message = message.replace('\n', " ");
    let wrong_type = message.starts_with("invalid type") || message.starts_with("invalid value");
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if wrong_type => format!("expected {expected}"),
        _ => message.replacen("unknown field", "unknown key", 1),
    }
}

/// The dotted name of the innermost key whose name or value holds the span.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    table.iter().find_map(|(key, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(table) => key_at(table, span),
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| item.get_ref().as_table())
                .find_map(|table| key_at(table, span)),
            _ => None,
        };
        let name = key.get_ref();
        inner
            .map(|inner| format!("{name}.{inner}"))
            .or_else(|| (holds(key.span()) || holds(value.span())).then(|| name.to_string()))
    })
}

/// The name of the repository in whose filter or rules the span is: they are long enough to lose
/// sight of it.
fn repository_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let DeValue::Array(repositories) = table.get("repositories")?.get_ref() else { return None };
    let tables = repositories.iter().filter_map(|repository| repository.get_ref().as_table());
    let mut of_rules = tables.filter(|table| {
        let values = ["filter", "rules"].into_iter().filter_map(|key| table.get(key));
        values.into_iter().any(|value| match value.get_ref() {
            DeValue::Array(rules) => rules
                .iter()
                .filter_map(|rule| rule.get_ref().as_table())
                .any(|rule| holds(value.span()) || key_at(rule, span).is_some()),
            _ => holds(value.span()),
        })
    });
    Some(of_rules.next()?.get("name")?.get_ref().as_str()?.to_owned())
}

fn apply_environment(layer: &mut Layer, environment: &Environment) -> Result<(), ConfigError> {
    for key in KEYS {
        if let Some(text) = value_of(environment, key.variable)? {
            (key.set)(layer, text)
                .map_err(|why| ConfigError::Value { place: key.variable, why })?;
        }
    }
    Ok(())
}

fn value_of<'a>(
    environment: &'a Environment,
    variable: &'static str,
) -> Result<Option<&'a str>, ConfigError> {
    environment
        .read(variable)
        .map_err(|e: NotText| ConfigError::Value { place: variable, why: e.to_string() })
}

fn apply_overrides(layer: &mut Layer, overrides: &Overrides) -> Result<(), ConfigError> {
    fn lay<T: Setting>(
        set: &mut super::values::Set<T>,
        place: &'static str,
        text: Option<&String>,
    ) -> Result<(), ConfigError> {
        let text = text.map_or("", String::as_str);
        set.replace_by(text).map_err(|why| ConfigError::Value { place, why })
    }
    lay(&mut layer.listen, "--listen", overrides.listen.as_ref())?;
    lay(&mut layer.public_url, "--public-url", overrides.public_url.as_ref())?;
    lay(&mut layer.data_dir, "--data-dir", overrides.data_dir.as_ref())?;
    lay(&mut layer.database_url, "--database-url", overrides.database_url.as_ref())?;
    lay(&mut layer.workers, "--workers", overrides.workers.as_ref())
}

/// Fills in the defaults and checks what no key can say alone.
fn build(layer: Layer) -> Result<Settings, ConfigError> {
    let Layer {
        listen,
        public_url,
        data_dir,
        database_url,
        admin_token,
        plane,
        github,
        retry,
        retention,
        recover,
        workers,
        max_body,
        alarm_webhook_url,
        spool,
        reconcile,
        canary,
        repositories,
    } = layer;
    let listen = listen.0.unwrap_or(DEFAULT_LISTEN);
    let data_dir = data_dir.0.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR));
    let in_data_dir = || DatabaseUrl::Sqlite(data_dir.join("jetbridge.db"));
    if let Some(twice) = twice(repositories.iter().map(|r| &r.name)) {
        return Err(ConfigError::Conflict(format!(
            "repositories: {twice} is there twice: keep one [[repositories]] of that name"
        )));
    }
    let app_id = app_of(&github)?;
    let (hosts, github_hosts) = hosts_of(github.hosts)?;
    let config = Config {
        listen,
        public_url: public_url.0.map_or_else(|| public_url_of(listen), |url| url.0),
        database_url: database_url.0.unwrap_or_else(in_data_dir),
        data_dir,
        admin_token: Secrets::none(),
        plane: PlaneConfig {
            webhook_secret: Secrets::none(),
            api_url: plane.api_url.0.map(|url| url.0),
            web_url: plane.web_url.0.map(|url| url.0),
            api_key: Secrets::none(),
            workspace: plane.workspace.0,
        },
        github: GithubConfig {
            webhook_secret: Secrets::none(),
            unsigned: github.allow_unsigned.0.unwrap_or_default(),
            api_url: github.api_url.0.map_or_else(|| DEFAULT_GITHUB_API.to_owned(), |url| url.0),
            token: Secrets::none(),
            app_id,
            app_private_key: Secrets::none(),
            mcp: mcp_server(&github.mcp)?,
            unknown_repositories: github.unknown_repositories.0.unwrap_or_default(),
            hosts,
        },
        retry: retry_policy(&retry)?,
        retention: ages(&retention)?,
        recover_every: recover_every(recover.every.0)?,
        workers: workers.0.map_or_else(twice_the_cores, |workers| workers.0),
        max_body: max_body.0.map_or(DEFAULT_MAX_BODY, |size| size.0),
        alarm_webhook_url: Secrets::none(),
        spool_max_bytes: spool.max_bytes.0.map_or(DEFAULT_SPOOL, |size| size.0),
        reconcile_every: reconcile.every.0.map_or(Some(DEFAULT_RECONCILE), |period| period.0),
        canary: canary_of(&canary)?,
        repositories,
    };
    Ok(Settings {
        config,
        admin_token: admin_token.0.unwrap_or_default(),
        plane_webhook_secret: plane.webhook_secret.0.unwrap_or_default(),
        plane_api_key: plane.api_key.0.unwrap_or_default(),
        github_webhook_secret: github.webhook_secret.0.unwrap_or_default(),
        github_token: github.token.0.unwrap_or_default(),
        github_app_private_key: github.app_private_key.0.unwrap_or_default(),
        alarm_webhook_url: alarm_webhook_url.0.unwrap_or_default(),
        github_hosts,
        file: None,
        warnings: Vec::new(),
    })
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
fn app_of(github: &super::keys::GithubLayer) -> Result<Option<AppId>, ConfigError> {
    let has_key = github.app_private_key.0.as_ref().is_some_and(|key| !key.is_empty());
    if github.app_id.0.is_some() == has_key {
        return Ok(github.app_id.0.clone());
    }
    Err(ConfigError::Conflict(
        "github.app_id and github.app_private_key go together: set both, or neither".to_owned(),
    ))
}

fn mcp_server(mcp: &super::keys::McpLayer) -> Result<Option<McpServer>, ConfigError> {
    match (&mcp.command.0, &mcp.url.0) {
        (Some(_), Some(_)) => Err(ConfigError::Conflict(
            "github.mcp.command and github.mcp.url are both set: remove one".to_owned(),
        )),
        (Some(command), None) => {
            let words = super::command_line::words(command).map_err(|_| {
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
fn ages(retention: &super::keys::RetentionLayer) -> Result<RetentionConfig, ConfigError> {
    let age = |key: &str, set: &super::values::Set<HumanDuration>| match set.0 {
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

fn canary_of(canary: &super::keys::CanaryLayer) -> Result<CanaryConfig, ConfigError> {
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

fn retry_policy(retry: &super::keys::RetryLayer) -> Result<RetryPolicy, ConfigError> {
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

fn warnings(settings: &Settings, environment: &Environment) -> Vec<String> {
    let is_known = |name: &str| {
        KEYS.iter().any(|key| key.variable == name)
            || OTHER_VARIABLES.contains(&name)
            || settings.secrets().iter().any(|(_, s)| s.variables().any(|v| v == name))
    };
    environment
        .names_with(PREFIX)
        .filter(|name| !is_known(name))
        .map(|name| {
            format!("{name} is no variable of jetbridge and does nothing: check its spelling, or unset it")
        })
        .collect()
}
