//! Lays the layers over each other; `parse` reads the file, `build` makes a [`Config`] of them.
//!
//! An error names the key, the place (`jetbridge.toml:12`, a variable, a flag) and what is
//! expected, in one line; it never shows a secret's value.

use std::path::{Path, PathBuf};

use super::build::build;
use super::environment::{Environment, NotText};
use super::keys::{CONFIG_VARIABLE, KEYS, Layer, OTHER_VARIABLES, PREFIX};
use super::other_hosts::HostSecrets;
use super::parse::parse;
use super::secret::{SecretError, SecretSetting};
use super::values::{Set, Setting};
use super::{Config, GithubConfig};

/// The file that is read when no other is named; it may be absent.
const DEFAULT_FILE: &str = "jetbridge.toml";

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
    pub(super) config: Config,
    pub(super) admin_token: SecretSetting,
    pub(super) plane_webhook_secret: SecretSetting,
    pub(super) plane_api_key: SecretSetting,
    pub(super) github_webhook_secret: SecretSetting,
    pub(super) github_token: SecretSetting,
    pub(super) github_app_private_key: SecretSetting,
    pub(super) alarm_webhook_url: SecretSetting,
    pub(super) github_hosts: Vec<HostSecrets>,
    pub(super) file: Option<PathBuf>,
    pub(super) warnings: Vec<String>,
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
        set: &mut Set<T>,
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
