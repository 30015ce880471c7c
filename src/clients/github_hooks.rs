//! GitHub's hooks and what became of their deliveries, over REST: listed, and asked for again.
//!
//! GitHub lists them for three days, GitHub Enterprise Server for seven. `status=failure` leaves out
//! what timed out, so everything is listed and the caller judges. Hooks of a repository and of an
//! organization answer alike, and so does the one of a GitHub App, which only the App itself is told of
//! (`github_app`). Deliberately absent: making or changing hooks.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use super::github::refusal::Refusal;
use super::github_app;
use super::github_rest::{GitHubRest, Page};
use crate::clock::{Timestamp, to_micros};
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::DeliveryId;
use crate::recovery::{Attempt, HookOwner, Noted};

/// Entries a page: GitHub's greatest.
const PER_PAGE: &str = "100";
/// More hooks than GitHub lets anybody have.
const MOST_PAGES_OF_HOOKS: usize = 10;
/// How long github.com keeps deliveries.
const KEPT: Duration = Duration::from_hours(3 * 24);
/// How long GitHub Enterprise Server does.
const KEPT_BY_A_SERVER: Duration = Duration::from_hours(7 * 24);
/// The wait after a permission that is missing: an operator has to mend it.
const AFTER_REFUSAL: Duration = Duration::from_mins(10);

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Whose.
    pub owner: HookOwner,
    /// Its id.
    pub id: u64,
    /// Where it posts to.
    pub url: String,
    /// `json` or `form`.
    pub content_type: String,
    /// Whether it sends anything.
    pub active: bool,
    /// What it is told of; `*` is everything.
    pub events: Vec<String>,
}

impl Hook {
    /// Whether it posts to `endpoint`, whatever the case of its host and the slash at its end.
    pub fn posts_to(&self, endpoint: &str) -> bool {
        let place = |text: &str| {
            let url = Url::parse(text).ok()?;
            let path = url.path().trim_end_matches('/').to_owned();
            Some((
                url.scheme().to_owned(),
                url.host_str()?.to_owned(),
                url.port_or_known_default(),
                path,
            ))
        };
        place(&self.url).is_some_and(|hook| Some(hook) == place(endpoint))
    }
}

/// Where a list of deliveries goes on.
#[derive(Debug, Clone)]
pub struct NextDeliveries(Url);

/// Some deliveries, the newest first.
#[derive(Debug)]
pub struct Deliveries {
    /// Each attempt.
    pub attempts: Vec<Attempt>,
    /// Where the older ones are; none at the end.
    pub next: Option<NextDeliveries>,
}

/// What became of the wish for a redelivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// GitHub will send it.
    Promised,
    /// GitHub knows it no longer, or the token may not ask for it: it does not tell the two apart.
    NotFound,
}

/// What a repository says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFacts {
    /// GitHub's id of it.
    pub id: u64,
    /// What it is called now.
    pub name: RepositoryName,
    /// The organization that owns it; none where a person does.
    pub organization: Option<String>,
}

/// A hook as GitHub gives it.
#[derive(Deserialize)]
pub(super) struct HookPayload {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) active: bool,
    #[serde(default)]
    pub(super) events: Vec<String>,
    #[serde(default)]
    pub(super) config: HookConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HookConfig {
    pub(super) url: String,
    pub(super) content_type: String,
    pub(super) secret: Option<String>,
    /// Text or number.
    pub(super) insecure_ssl: Option<serde_json::Value>,
}

impl HookConfig {
    /// Whether it does not look at the receiver's certificate.
    pub(super) fn is_insecure(&self) -> bool {
        self.insecure_ssl.as_ref().is_some_and(|word| *word == "1" || *word == 1)
    }
}

#[derive(Deserialize)]
struct DeliveryPayload {
    id: u64,
    guid: String,
    delivered_at: Timestamp,
    #[serde(default)]
    status: String,
    status_code: Option<u16>,
    event: String,
    repository_id: Option<u64>,
}

impl From<DeliveryPayload> for Attempt {
    fn from(payload: DeliveryPayload) -> Self {
        let taken = matches!(payload.status_code, Some(200..=299))
            || payload.status.eq_ignore_ascii_case("ok");
        Self {
            id: payload.id,
            guid: DeliveryId::new(payload.guid),
            event: payload.event,
            repository_id: payload.repository_id,
            delivered_at: to_micros(payload.delivered_at),
            noted: if taken { Noted::Taken } else { Noted::NotTaken },
            status: payload.status,
        }
    }
}

#[derive(Deserialize)]
struct RepositoryPayload {
    id: u64,
    full_name: String,
    owner: OwnerPayload,
}

#[derive(Deserialize)]
struct OwnerPayload {
    login: String,
    #[serde(default, rename = "type")]
    kind: String,
}

impl GitHubRest {
    /// How long this GitHub keeps deliveries for whoever asks.
    pub fn keeps_deliveries(&self) -> Duration {
        let host = self.api_url().host_str().unwrap_or_default();
        if host == "api.github.com" || host.ends_with(".ghe.com") { KEPT } else { KEPT_BY_A_SERVER }
    }

    /// A repository's id, name and owner; `None` where GitHub shows none of that name.
    ///
    /// # Errors
    /// When GitHub can't be asked; the text says what to do.
    pub async fn fetch_facts(
        &self,
        name: &RepositoryName,
    ) -> Result<Option<RepositoryFacts>, Failure> {
        let (owner, repository) = name.owner_and_name();
        match self.ask::<RepositoryPayload>(self.url(&["repos", owner, repository])).await {
            Ok((found, _)) => Ok(Some(RepositoryFacts {
                id: self.host().id(found.id),
                name: RepositoryName::on(self.host(), &found.full_name)
                    .unwrap_or_else(|_| name.clone()),
                organization: (found.owner.kind == "Organization")
                    .then(|| self.host().named(found.owner.login)),
            })),
            Err(Refusal::NotFound) => Ok(None),
            Err(refusal) => Err(refusal.failure()),
        }
    }

    /// All hooks of a repository or an organization.
    ///
    /// # Errors
    /// When GitHub does not show them; the text names the permission that is missing.
    pub async fn fetch_hooks(&self, owner: &HookOwner) -> Result<Vec<Hook>, Failure> {
        let hooks = self.ask_hooks(owner).await.map_err(|r| self.closed(&r, owner, "read"))?;
        let hook = |hook: HookPayload| Hook {
            owner: owner.clone(),
            id: hook.id,
            url: hook.config.url,
            content_type: hook.config.content_type,
            active: hook.active,
            events: hook.events,
        };
        Ok(hooks.into_iter().map(hook).collect())
    }

    /// All hooks of an owner as they were given.
    pub(super) async fn ask_hooks(&self, owner: &HookOwner) -> Result<Vec<HookPayload>, Refusal> {
        let mut url = self.hook_url(owner, None, &[]);
        url.query_pairs_mut().append_pair("per_page", PER_PAGE);
        let mut hooks = Vec::new();
        for _ in 0..MOST_PAGES_OF_HOOKS {
            let page: Page<HookPayload> = self.ask_page(url).await?;
            hooks.extend(page.entries);
            let Some(next) = page.next else { break };
            url = next;
        }
        Ok(hooks)
    }

    /// A hook's newest deliveries, or those that follow on `next`.
    ///
    /// # Errors
    /// As [`GitHubRest::fetch_hooks`].
    pub async fn fetch_deliveries(
        &self,
        hook: &Hook,
        next: Option<NextDeliveries>,
    ) -> Result<Deliveries, Failure> {
        let url = next.map_or_else(
            || {
                let mut url = self.hook_url(&hook.owner, Some(hook.id), &["deliveries"]);
                url.query_pairs_mut().append_pair("per_page", PER_PAGE);
                url
            },
            |next| next.0,
        );
        let page: Page<DeliveryPayload> = self
            .ask_page(url)
            .await
            .map_err(|refusal| self.closed(&refusal, &hook.owner, "read"))?;
        let next = page.next.filter(|_| !page.entries.is_empty()).map(NextDeliveries);
        let attempts = page.entries.into_iter().map(Attempt::from);
        let attempts = attempts.map(|attempt| {
            let repository_id = attempt.repository_id.map(|id| self.host().id(id));
            Attempt { repository_id, ..attempt }
        });
        Ok(Deliveries { attempts: attempts.collect(), next })
    }

    /// Asks for an attempt at a delivery to be made again, under the same GUID.
    ///
    /// # Errors
    /// When the token may not, which names the permission, or GitHub can't be asked.
    pub async fn request_redelivery(
        &self,
        owner: &HookOwner,
        hook: u64,
        attempt: u64,
    ) -> Result<Redelivery, Failure> {
        let attempt = attempt.to_string();
        let url = self.hook_url(owner, Some(hook), &["deliveries", &attempt, "attempts"]);
        match self.post(url).await {
            Ok(()) => Ok(Redelivery::Promised),
            Err(Refusal::NotFound | Refusal::Gone | Refusal::NotGiven { .. }) => {
                Ok(Redelivery::NotFound)
            }
            Err(refusal) => Err(self.closed(&refusal, owner, "write")),
        }
    }

    pub(super) fn hook_url(&self, owner: &HookOwner, hook: Option<u64>, rest: &[&str]) -> Url {
        // An App has one, which goes without a number.
        let hook = hook.filter(|_| *owner != HookOwner::App).map(|hook| hook.to_string());
        let mut path = match owner {
            HookOwner::Repository(name) => {
                let (owner, name) = name.owner_and_name();
                vec!["repos", owner, name, "hooks"]
            }
            HookOwner::Organization(login) => {
                vec!["orgs", login.rsplit('/').next().unwrap_or_default(), "hooks"]
            }
            HookOwner::App => vec!["app", "hook"],
        };
        path.extend(hook.as_deref());
        path.extend(rest);
        self.url(&path)
    }

    /// Hooks are closed to most tokens; the remedy is not that of issues.
    fn closed(&self, refusal: &Refusal, owner: &HookOwner, access: &str) -> Failure {
        if *owner == HookOwner::App {
            return self.refused(refusal);
        }
        closed(refusal, owner, access)
    }
}

/// What to give the token so that it may read hooks and ask for redeliveries: who may read and not
/// write would find out too late that he needs both.
pub fn permission(owner: &HookOwner) -> String {
    match owner {
        HookOwner::Repository(name) => format!(
            "give github.token the repository permission Webhooks: read and write (a classic token: admin:repo_hook), of a user who administers {name}"
        ),
        HookOwner::Organization(login) => format!(
            "give github.token the organization permission Webhooks: read and write (a classic token: admin:org_hook), of an owner of {login}"
        ),
        HookOwner::App => github_app::permission().to_owned(),
    }
}

fn closed(refusal: &Refusal, owner: &HookOwner, access: &str) -> Failure {
    let (reason, after) = match refusal {
        Refusal::Forbidden { message, .. } => (
            format!(
                "GitHub does not let the token {access} the webhooks of {owner} (403, {message})"
            ),
            Some(AFTER_REFUSAL),
        ),
        Refusal::NotFound => {
            (format!("GitHub shows the token no webhooks of {owner} (404)"), Some(AFTER_REFUSAL))
        }
        other => return other.failure(),
    };
    Failure::Retry { reason: format!("{reason}: {}", permission(owner)), after }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(url: &str) -> Hook {
        Hook {
            owner: HookOwner::Organization("octo".to_owned()),
            id: 1,
            url: url.to_owned(),
            content_type: "json".to_owned(),
            active: true,
            events: Vec::new(),
        }
    }

    #[test]
    fn a_hook_is_ours_whatever_its_slash_its_case_and_its_port() {
        let endpoint = "https://hooks.example.org/api/webhooks/github-mcp/";
        for ours in [
            endpoint,
            "https://hooks.example.org/api/webhooks/github-mcp",
            "https://HOOKS.example.org:443/api/webhooks/github-mcp/",
        ] {
            assert!(hook(ours).posts_to(endpoint), "{ours}");
        }
        for other in [
            "http://hooks.example.org/api/webhooks/github-mcp/",
            "https://hooks.example.org/api/webhooks/plane",
            "https://hooks.example.org:8443/api/webhooks/github-mcp/",
            "https://ci.example.org/api/webhooks/github-mcp/",
            "",
        ] {
            assert!(!hook(other).posts_to(endpoint), "{other}");
        }
    }
}
