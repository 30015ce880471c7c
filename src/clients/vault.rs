//! Reads secrets from HashiCorp Vault or OpenBao: key-value engine version 2 over HTTP.
//!
//! `VAULT_ADDR` and `VAULT_TOKEN` say where and as whom, as for Vault's own tools;
//! `VAULT_NAMESPACE` is sent when set, and `VAULT_KV_MOUNT` names the engine's mount where it is
//! not `secret`. `vault:KEY` is the field `KEY` of the secret `jetbridge`, so that one
//! `vault kv put secret/jetbridge plane_webhook_secret=…` serves; `vault:PATH#FIELD` reads
//! another.
//!
//! Deliberately absent: logging in, renewing, watching. A token that expires is the start's
//! problem, since secrets are read only then.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::http_client::http_client;
use crate::config::Environment;

/// The secret that holds our fields when a key names no path.
const DEFAULT_PATH: &str = "jetbridge";
const DEFAULT_MOUNT: &str = "secret";
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// One field of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultKey {
    path: String,
    field: String,
}

/// The text names no field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected KEY or PATH#FIELD")]
pub struct InvalidVaultKey;

impl FromStr for VaultKey {
    type Err = InvalidVaultKey;

    fn from_str(text: &str) -> Result<Self, InvalidVaultKey> {
        let (path, field) = text.split_once('#').unwrap_or((DEFAULT_PATH, text));
        let path = path.trim_matches('/');
        let segments_are_plain = path.split('/').all(|segment| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !matches!(segment, "" | "." | "..") && segment.chars().all(plain)
        });
        if !segments_are_plain || field.is_empty() {
            return Err(InvalidVaultKey);
        }
        Ok(Self { path: path.to_owned(), field: field.to_owned() })
    }
}

impl fmt::Display for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.path, self.field)
    }
}

/// A Vault server and the right to ask it.
#[derive(Clone)]
pub struct Vault {
    address: String,
    token: SecretString,
    namespace: Option<String>,
    mount: String,
    limit: Duration,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault at {}", self.shown_address())
    }
}

/// Vault did not hand out the field. Each line says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// `VAULT_ADDR` or `VAULT_TOKEN` is not set.
    #[error("a vault: secret needs {0}: set it in the environment")]
    NotConfigured(&'static str),
    /// No connection, or none that can be trusted.
    #[error("no connection to Vault at {0}: check VAULT_ADDR and that Vault is running")]
    Unreachable(String),
    /// No answer in time.
    #[error("Vault at {address} did not answer within {}: check that it is healthy", crate::config::HumanDuration(*.limit))]
    TimedOut {
        /// Whom we asked.
        address: String,
        /// How long we waited.
        limit: Duration,
    },
    /// The token is wrong, expired or not allowed to read the path.
    #[error(
        "Vault refuses to read {0} (403): renew VAULT_TOKEN, or give its policy \"read\" on that path"
    )]
    Denied(String),
    /// There is no such secret.
    #[error(
        "Vault has no secret at {place} (404): vault kv put {place} {field}=…, or set VAULT_KV_MOUNT"
    )]
    NotFound {
        /// Mount and path.
        place: String,
        /// The field that was asked for.
        field: String,
    },
    /// There is a secret, but without that field, or the field is no text.
    #[error(
        "the secret {place} in Vault has no text field {field}: vault kv patch {place} {field}=…"
    )]
    FieldMissing {
        /// Mount and path.
        place: String,
        /// The field that was asked for.
        field: String,
    },
    /// Sealed or in maintenance.
    #[error("Vault at {0} is sealed or down for maintenance (503): unseal it, then start again")]
    Sealed(String),
    /// Any other answer.
    #[error(
        "Vault at {address} answered {status}: check VAULT_ADDR (it must name the active node, no proxy)"
    )]
    Unexpected {
        /// Whom we asked.
        address: String,
        /// What came back.
        status: u16,
    },
}

impl Vault {
    /// The server that the environment names.
    ///
    /// # Errors
    /// When `VAULT_ADDR` or `VAULT_TOKEN` is not set.
    pub fn from_environment(environment: &Environment) -> Result<Self, VaultError> {
        let read = |name: &'static str| environment.read(name).ok().flatten();
        let required = |name| read(name).ok_or(VaultError::NotConfigured(name));
        Ok(Self {
            address: required("VAULT_ADDR")?.trim_end_matches('/').to_owned(),
            token: SecretString::from(required("VAULT_TOKEN")?.trim()),
            namespace: read("VAULT_NAMESPACE").map(str::to_owned),
            mount: read("VAULT_KV_MOUNT").unwrap_or(DEFAULT_MOUNT).trim_matches('/').to_owned(),
            limit: TIME_LIMIT,
        })
    }

    /// The same server, waited for no longer than `limit`.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Fetches one field of a secret's newest version.
    ///
    /// # Errors
    /// When Vault can't be asked or does not hand it out.
    pub async fn read_field(&self, key: &VaultKey) -> Result<SecretString, VaultError> {
        let response = self.request(key).await.map_err(|e| self.no_answer(&e))?;
        let place = format!("{}/{}", self.mount, key.path);
        match response.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => {
                return Err(VaultError::Denied(format!("{}/data/{}", self.mount, key.path)));
            }
            StatusCode::NOT_FOUND => {
                return Err(VaultError::NotFound { place, field: key.field.clone() });
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                return Err(VaultError::Sealed(self.shown_address()));
            }
            status => {
                let address = self.shown_address();
                return Err(VaultError::Unexpected { address, status: status.as_u16() });
            }
        }
        let answer: Value = response.json().await.map_err(|e| self.no_answer(&e))?;
        match answer.pointer("/data/data").and_then(|data| data.get(&key.field)) {
            Some(Value::String(secret)) if !secret.is_empty() => {
                Ok(SecretString::from(secret.as_str()))
            }
            _ => Err(VaultError::FieldMissing { place, field: key.field.clone() }),
        }
    }

    async fn request(&self, key: &VaultKey) -> reqwest::Result<Response> {
        let address = format!("{}/v1/{}/data/{}", self.address, self.mount, key.path);
        let mut token = HeaderValue::try_from(self.token.expose_secret()).unwrap_or_else(|_| {
            // What no header can hold is no token either: let Vault say so.
            HeaderValue::from_static("invalid")
        });
        token.set_sensitive(true);
        let mut request = http_client(self.limit)?
            .get(address)
            .header("X-Vault-Token", token)
            .header("X-Vault-Request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        request.send().await
    }

    fn no_answer(&self, error: &reqwest::Error) -> VaultError {
        let address = self.shown_address();
        if error.is_timeout() {
            VaultError::TimedOut { address, limit: self.limit }
        } else if error.is_decode() {
            VaultError::Unexpected { address, status: StatusCode::OK.as_u16() }
        } else {
            VaultError::Unreachable(address)
        }
    }

    /// The address as it may be shown: some people write a password into it.
    fn shown_address(&self) -> String {
        match (self.address.split_once("://"), self.address.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
            (None, Some((_, host))) => host.to_owned(),
            (_, None) => self.address.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_alone_is_a_field_of_our_own_secret() {
        let key: VaultKey = "plane_webhook_secret".parse().unwrap();
        assert_eq!(key.to_string(), "jetbridge#plane_webhook_secret");
        let key: VaultKey = "teams/sync/plane#webhook".parse().unwrap();
        assert_eq!(key.to_string(), "teams/sync/plane#webhook");
    }

    #[test]
    fn a_path_that_would_ask_for_something_else_is_refused() {
        for text in ["", "#", "a#", "#b", "../sys#b", "a//b#c", "a?list=true#b", "a/./b#c"] {
            assert_eq!(text.parse::<VaultKey>(), Err(InvalidVaultKey), "{text}");
        }
    }
}
