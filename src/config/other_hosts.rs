//! `[[github.hosts]]`: servers beside that of `github.api_url`. Which names and numbers they have is
//! `github_host`'s.

use super::build::twice;
use super::keys::HostLayer;
use super::{ConfigError, GithubHost, GithubHostConfig, SecretSetting, Secrets};

/// The secrets of one of `[[github.hosts]]`.
#[derive(Debug, Clone)]
pub(super) struct HostSecrets {
    host: GithubHost,
    webhook_secret: SecretSetting,
    token: SecretSetting,
}

impl HostSecrets {
    /// Key and setting of each, in the order in which they are fetched.
    pub(super) fn each(&self) -> [(String, &SecretSetting); 2] {
        let of = |key| format!("github.hosts.{key} of {}", self.host);
        [(of("webhook_secret"), &self.webhook_secret), (of("token"), &self.token)]
    }
}

/// Other servers, and where their secrets are.
pub(super) fn hosts_of(
    layers: Vec<HostLayer>,
) -> Result<(Vec<GithubHostConfig>, Vec<HostSecrets>), ConfigError> {
    let conflict = |what: String| ConfigError::Conflict(format!("github.hosts: {what}"));
    if let Some(host) = twice(layers.iter().map(|layer| &layer.name)) {
        return Err(conflict(format!("{host} is there twice: keep one of that name")));
    }
    if twice(layers.iter().map(|layer| layer.name.number())).is_some() {
        return Err(conflict(
            "two of the names come to the same number, under which their issues could not be told apart: write one of them with its port, such as ghe.example.com:443".to_owned(),
        ));
    }
    if let Some(host) = twice(layers.iter().map(|layer| layer.name.without_port())) {
        return Err(conflict(format!(
            "{host} is there with two ports, and its webhooks name none: keep one of them"
        )));
    }
    if layers.iter().any(|layer| layer.name.without_port() == "github.com") {
        return Err(conflict(
            "github.com does not name itself in its webhooks: leave github.api_url to it, and make a block for each other server".to_owned(),
        ));
    }
    let (mut hosts, mut secrets) = (Vec::new(), Vec::new());
    for HostLayer { name: host, api_url, webhook_secret, token } in layers {
        let Some(api_url) = api_url.0 else {
            return Err(conflict(format!(
                "api_url of {host} is empty: set its address, such as https://{host}/api/v3"
            )));
        };
        let Some(webhook_secret) = webhook_secret.0.filter(|secret| !secret.is_empty()) else {
            return Err(conflict(format!(
                "webhook_secret of {host} is not set: set what is typed as Secret in its webhooks, since none without a signature is taken from it"
            )));
        };
        let token = token.0.unwrap_or_default();
        let none = Secrets::none;
        let config = GithubHostConfig {
            host: host.clone(),
            api_url: api_url.0,
            webhook_secret: none(),
            token: none(),
        };
        hosts.push(config);
        secrets.push(HostSecrets { host, webhook_secret, token });
    }
    Ok((hosts, secrets))
}
