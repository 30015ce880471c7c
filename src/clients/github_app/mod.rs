//! A GitHub App asking in its own name: about itself, its one hook, and where it is installed.
//!
//! It asks with a word that its key has just signed, which opens these few answers and nothing of
//! a repository. Its limit is its own. Deliberately absent: the tokens of installations, which would
//! open repositories: `github.token` does that.

mod key;

use std::time::Duration;

use serde::Deserialize;

pub use self::key::{AppKey, BadAppKey};
use super::github::refusal::Refusal;
use super::github_hooks::{Hook, HookConfig};
use super::github_rest::GitHubRest;
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::AppId;
use crate::recovery::HookOwner;

/// The wait after a key that is refused: an operator has to mend it.
const AFTER_REFUSAL: Duration = Duration::from_mins(10);

/// What an App says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AppFacts {
    /// What people call it.
    pub name: String,
    /// What it is told of.
    #[serde(default)]
    pub events: Vec<String>,
}

/// The hook of an App, as it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppHook {
    /// The hook, for whoever asks for its deliveries.
    pub hook: Hook,
    /// Whether it signs.
    pub is_signed: bool,
    /// Whether it looks at the receiver's certificate.
    pub is_checked: bool,
}

/// An App in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppInstalled {
    /// Since when its installation is suspended, so that nothing is sent; `None` where it is not.
    pub suspended_at: Option<Timestamp>,
}

impl GitHubRest {
    /// The App itself.
    ///
    /// # Errors
    /// When GitHub refuses its key or can't be asked; the text says what to do.
    pub async fn fetch_app(&self) -> Result<AppFacts, Failure> {
        let asked = self.ask(self.url(&["app"])).await;
        Ok(asked.map_err(|refusal| self.refused(&refusal))?.0)
    }

    /// The App's hook.
    ///
    /// # Errors
    /// As [`GitHubRest::fetch_app`].
    pub async fn fetch_app_hook(&self) -> Result<AppHook, Failure> {
        let asked = self.ask::<HookConfig>(self.url(&["app", "hook", "config"])).await;
        let (config, _) = asked.map_err(|refusal| self.refused(&refusal))?;
        let is_checked = !config.is_insecure();
        Ok(AppHook {
            is_signed: config.secret.is_some(),
            is_checked,
            hook: Hook {
                owner: HookOwner::App,
                id: 0,
                url: config.url,
                content_type: config.content_type,
                active: true,
                events: Vec::new(),
            },
        })
    }

    /// Whether the App is installed where a repository is; `None` where it is not.
    ///
    /// # Errors
    /// As [`GitHubRest::fetch_app`].
    pub async fn fetch_installation(
        &self,
        repository: &RepositoryName,
    ) -> Result<Option<AppInstalled>, Failure> {
        #[derive(Deserialize)]
        struct Answer {
            suspended_at: Option<Timestamp>,
        }
        let (owner, name) = repository.owner_and_name();
        match self.ask::<Answer>(self.url(&["repos", owner, name, "installation"])).await {
            Ok((answer, _)) => Ok(Some(AppInstalled { suspended_at: answer.suspended_at })),
            Err(Refusal::NotFound) => Ok(None),
            Err(refusal) => Err(self.refused(&refusal)),
        }
    }

    /// What a refusal means where the App asked.
    pub(super) fn refused(&self, refusal: &Refusal) -> Failure {
        let unnamed = AppId::new("that is configured");
        refused(refusal, self.app().unwrap_or(&unnamed))
    }
}

/// What to do that an App may be asked about its hook.
pub fn permission() -> &'static str {
    "set github.app_id and github.app_private_key to those in the App's settings at GitHub"
}

fn refused(refusal: &Refusal, app: &AppId) -> Failure {
    let reason = match refusal {
        Refusal::BadToken { message } if is_about_time(message) => format!(
            "GitHub does not take the time in what the GitHub App {app} signed (401, {message}): set this machine's clock, which may differ from GitHub's by less than a minute"
        ),
        Refusal::BadToken { message } => format!(
            "GitHub does not take the key of the GitHub App {app} (401, {message}): set github.app_private_key to one that stands in the App's settings at GitHub, under Private keys"
        ),
        Refusal::NotFound => format!(
            "GitHub knows no GitHub App {app} with such a hook (404): set github.app_id to the App ID or the Client ID in its settings at GitHub"
        ),
        Refusal::Forbidden { message, .. } => format!(
            "GitHub gives the GitHub App {app} no access (403, {message}): look in its settings at GitHub whether it was suspended"
        ),
        other => return other.failure(),
    };
    Failure::Retry { reason, after: Some(AFTER_REFUSAL) }
}

/// Whether these are GitHub's words for a clock that goes wrong.
fn is_about_time(message: &str) -> bool {
    message.contains("('exp')") || message.contains("('iat')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_wrong_is_told_from_a_wrong_key() {
        let said = |words: &str| {
            let refusal = Refusal::BadToken { message: words.to_owned() };
            refused(&refusal, &AppId::new("12")).to_string()
        };
        for words in [
            "'Expiration time' claim ('exp') is too far in the future",
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ] {
            assert!(said(words).contains("set this machine's clock"), "{words}");
        }
        let wrong = said("A JSON web token could not be decoded");
        assert!(wrong.contains("set github.app_private_key"), "{wrong}");
    }
}
