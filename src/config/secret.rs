//! Secrets that never print themselves, and where they are kept.
//!
//! A secret's setting is a comma-separated list; each entry is the secret itself or says where it
//! is: `env:NAME`, `file:/path`, `vault:KEY`. What a variable, a file or Vault holds is one
//! secret, commas and all. Reading a setting and fetching what it points to are two steps, so
//! that a command that needs no secret asks nobody for one.
//!
//! No error, no `Debug` and no `Display` here holds any part of a secret.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use super::environment::{Environment, NotText};
use crate::clients::vault::{Vault, VaultError, VaultKey};

/// A list of secrets, all of them good while one replaces another. `Debug` tells how many.
#[derive(Clone, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// From plain texts; empty ones are dropped.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Self {
        Self(texts.into_iter().filter(|t| !t.is_empty()).map(SecretString::from).collect())
    }

    /// No secret at all.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts, for computing with them, never for printing.
    pub fn expose(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} secret(s)]", self.0.len())
    }
}

/// A secret's setting as written, not yet fetched.
#[derive(Debug, Clone, Default)]
pub struct SecretSetting(Vec<SecretPlace>);

/// Where one secret is.
#[derive(Clone)]
enum SecretPlace {
    Here(SecretString),
    Variable(String),
    File(PathBuf),
    Vault(VaultKey),
}

impl fmt::Debug for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(_) => f.write_str("[secret]"),
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Vault(key) => write!(f, "vault:{key}"),
        }
    }
}

/// The entry names a place but not which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected secrets between commas, each written out or as env:NAME, file:/path, vault:KEY or vault:PATH#FIELD"
)]
pub struct InvalidSecretSetting;

/// Why a secret could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// `env:NAME` names a variable that is not set.
    #[error("the environment variable {0} is not set or is empty: set it, or change env:{0}")]
    VariableMissing(String),
    /// `env:NAME` names a variable that is not text.
    #[error("the environment variable {0} {1}")]
    VariableNotText(String, NotText),
    /// `file:/path` can't be read.
    #[error("{} can't be read ({why}): make it readable for jetbridge's user, or change file:{}", .path.display(), .path.display())]
    FileUnreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: std::io::ErrorKind,
    },
    /// `file:/path` holds nothing.
    #[error("{} is empty: write the secret into it", .0.display())]
    FileEmpty(PathBuf),
    /// Vault does not hand it out.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl FromStr for SecretSetting {
    type Err = InvalidSecretSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSecretSetting> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(SecretPlace::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl SecretSetting {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The environment variables that the setting points to.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|place| match place {
            SecretPlace::Variable(name) => Some(name.as_str()),
            SecretPlace::Here(_) | SecretPlace::File(_) | SecretPlace::Vault(_) => None,
        })
    }

    /// Fetches every secret of the list, in its order.
    ///
    /// # Errors
    /// When one of them is not where the setting says: a list that is only half there would
    /// refuse half of the deliveries.
    pub async fn fetch(&self, environment: &Environment) -> Result<Secrets, SecretError> {
        let mut secrets = Vec::with_capacity(self.0.len());
        for place in &self.0 {
            secrets.push(place.fetch(environment).await?);
        }
        Ok(Secrets(secrets))
    }
}

impl SecretPlace {
    fn parse(entry: &str) -> Result<Self, InvalidSecretSetting> {
        let place = match entry.split_once(':') {
            Some(("env" | "file" | "vault", "")) => return Err(InvalidSecretSetting),
            Some(("env", name)) => Self::Variable(name.to_owned()),
            Some(("file", path)) => Self::File(PathBuf::from(path)),
            Some(("vault", key)) => Self::Vault(key.parse().map_err(|_| InvalidSecretSetting)?),
            _ => Self::Here(SecretString::from(entry)),
        };
        Ok(place)
    }

    async fn fetch(&self, environment: &Environment) -> Result<SecretString, SecretError> {
        match self {
            Self::Here(secret) => Ok(secret.clone()),
            Self::Variable(name) => match environment.read(name) {
                Ok(Some(value)) => Ok(SecretString::from(value)),
                Ok(None) => Err(SecretError::VariableMissing(name.clone())),
                Err(error) => Err(SecretError::VariableNotText(name.clone(), error)),
            },
            Self::File(path) => read_file(path),
            Self::Vault(key) => Ok(Vault::from_environment(environment)?.read_field(key).await?),
        }
    }
}

fn read_file(path: &Path) -> Result<SecretString, SecretError> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| SecretError::FileUnreadable { path: path.to_owned(), why: e.kind() })?;
    // Editors and `echo` end a file with a newline that is no part of the secret.
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(SecretError::FileEmpty(path.to_owned())),
        secret => Ok(SecretString::from(secret)),
    }
}
