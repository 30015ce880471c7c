//! What GitHub says of the token and of a repository's webhooks, for whoever looks for what is
//! wrong. Nothing is changed, and nothing here decides.

use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::github::payload::AccountPayload;
use super::github::refusal::Refusal;
use super::github_hooks::HookPayload;
use super::github_rest::GitHubRest;
use super::http_client::said_at;
use crate::clock::Timestamp;
use crate::failure::Failure;
use crate::recovery::HookOwner;
use crate::sync::github::Account;

/// What answers say of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Whose it is.
    pub login: String,
    /// When it ends; `None` where it does not, or GitHub does not say.
    pub expires_at: Option<Timestamp>,
    /// A classic token's scopes; `None` for one of another kind, whose permissions are not told.
    pub scopes: Option<Vec<String>>,
    /// What time it is at GitHub.
    pub said_at: Option<Timestamp>,
}

/// A webhook of a repository, as it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    /// Its number.
    pub id: u64,
    /// Whether it is switched on.
    pub state: HookState,
    /// Names of events; `*` is all of them.
    pub events: Vec<String>,
    /// Where it posts to.
    pub url: String,
    /// `json` or `form`.
    pub content_type: String,
    /// Whether it signs.
    pub secret: HookSecret,
    /// Whether it looks at the receiver's certificate.
    pub certificate: CertificateCheck,
}

/// Whether a hook is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookState {
    /// It is.
    On,
    /// It is not, and sends nothing.
    Off,
}

/// Whether a hook signs what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookSecret {
    /// A secret is typed there; GitHub never shows it.
    Set,
    /// None is.
    Unset,
}

/// Whether a hook looks at the receiver's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateCheck {
    /// It does.
    On,
    /// It takes any.
    Off,
}

/// The hooks of a repository, as far as the token may see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HooksSeen {
    /// All of them.
    All(Vec<HookSettings>),
    /// The token may not look.
    NotShown {
        /// The permission that it takes, where GitHub says so.
        needs: Option<String>,
    },
}

/// How one delivery of a hook ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sent {
    /// What was answered; 0 where nothing was.
    pub status_code: u16,
    /// GitHub's words for it.
    pub status: String,
    /// When it was sent.
    pub delivered_at: Timestamp,
}

impl From<HookPayload> for HookSettings {
    fn from(hook: HookPayload) -> Self {
        let insecure = hook.config.is_insecure();
        Self {
            id: hook.id,
            state: if hook.active { HookState::On } else { HookState::Off },
            events: hook.events,
            url: hook.config.url,
            content_type: hook.config.content_type,
            secret: match hook.config.secret {
                Some(_) => HookSecret::Set,
                None => HookSecret::Unset,
            },
            certificate: if insecure { CertificateCheck::Off } else { CertificateCheck::On },
        }
    }
}

impl GitHubRest {
    /// Whose token it is, and what its answer says of it.
    ///
    /// # Errors
    /// When GitHub refuses it or can't be asked.
    pub async fn fetch_token_facts(&self) -> Result<TokenFacts, Failure> {
        let asked = self.ask::<AccountPayload>(self.url(&["user"])).await;
        let (account, headers) = asked.map_err(|refusal| refusal.failure())?;
        let scopes = word(&headers, "x-oauth-scopes").map(|scopes| {
            let scopes = scopes.split(',').map(str::trim).filter(|scope| !scope.is_empty());
            scopes.map(str::to_owned).collect()
        });
        let expires = word(&headers, "github-authentication-token-expiration");
        Ok(TokenFacts {
            login: Account::from(account).login,
            expires_at: expires.and_then(expiry),
            scopes,
            said_at: said_at(&headers),
        })
    }

    /// The webhooks of a repository or of an organization.
    ///
    /// # Errors
    /// When GitHub can't be asked.
    pub async fn fetch_hook_settings(&self, owner: &HookOwner) -> Result<HooksSeen, Failure> {
        match self.ask_hooks(owner).await {
            Ok(hooks) => Ok(HooksSeen::All(hooks.into_iter().map(Into::into).collect())),
            Err(Refusal::Forbidden { needs, .. }) => Ok(HooksSeen::NotShown { needs }),
            Err(Refusal::NotFound) => Ok(HooksSeen::NotShown { needs: None }),
            Err(refusal) => Err(refusal.failure()),
        }
    }

    /// The newest deliveries of a hook.
    ///
    /// # Errors
    /// When GitHub can't be asked, or does not show them.
    pub async fn fetch_last_sent(
        &self,
        owner: &HookOwner,
        hook: u64,
    ) -> Result<Vec<Sent>, Failure> {
        let mut url = self.hook_url(owner, Some(hook), &["deliveries"]);
        url.query_pairs_mut().append_pair("per_page", "20");
        let (sent, _) = self.ask(url).await.map_err(|refusal| refusal.failure())?;
        Ok(sent)
    }
}

fn word<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// `2026-12-01 08:00:00 UTC`, or with an offset such as `+0200`.
fn expiry(text: &str) -> Option<Timestamp> {
    let text = text.replace(" UTC", " +0000");
    chrono::DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S %z").ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_is_read_in_both_of_githubs_forms() {
        let end = "2026-12-01T08:00:00Z".parse().ok();
        assert_eq!(expiry("2026-12-01 08:00:00 UTC"), end);
        assert_eq!(expiry("2026-12-01 10:00:00 +0200"), end);
        assert_eq!(expiry("soon"), None);
    }
}
