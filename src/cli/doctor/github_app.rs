//! The GitHub App whose webhooks come here: its key, and how its hook is set up.

use super::hooks::events_of_all;
use super::{Finding, Installation, LIMIT, is_set};
use crate::clients::github_app::{AppFacts, AppHook, AppKey};
use crate::clients::github_rest::GitHubRest;
use crate::config::UnsignedWebhooks;
use crate::ids::AppId;
use crate::sources::github::ENDPOINT;

const CHECK: &str = "github app";
const KEY: &str = "github.app_private_key";

pub(super) async fn examine(at: &Installation<'_>) -> Vec<Finding> {
    let github = &at.config.github;
    let Some(id) = github.app_id.clone().filter(|_| is_set(at.settings, KEY)) else {
        return Vec::new();
    };
    let Some(pem) = github.app_private_key.expose().next() else {
        return vec![Finding::warning(
            CHECK,
            "was not tried: its key can't be read",
            "see secrets",
        )];
    };
    match AppKey::read(id.clone(), pem) {
        Ok(key) => answered(at, &id, key).await,
        Err(bad) => vec![Finding::of_error(CHECK, &bad)],
    }
}

async fn answered(at: &Installation<'_>, id: &AppId, key: AppKey) -> Vec<Finding> {
    let api_url = &at.config.github.api_url;
    let app = match GitHubRest::of_app(api_url, key, at.clock.clone(), LIMIT) {
        Ok(app) => app,
        Err(error) => {
            return vec![Finding::problem(CHECK, "an address is none", error.to_string())];
        }
    };
    let facts = match app.fetch_app().await {
        Ok(facts) => facts,
        Err(failure) => return vec![Finding::of_error(CHECK, &failure)],
    };
    let mut findings = vec![Finding::ok(CHECK, format!("{api_url} takes the key of {id}"))];
    match app.fetch_app_hook().await {
        Ok(hook) => findings.extend(settings(at, &facts, &hook)),
        Err(failure) => findings.push(Finding::of_error(CHECK, &failure)),
    }
    findings
}

fn settings(at: &Installation<'_>, facts: &AppFacts, hook: &AppHook) -> Vec<Finding> {
    let name = &facts.name;
    let page = format!("in the settings of the GitHub App {name}");
    let endpoint = format!("{}{ENDPOINT}", at.config.public_url);
    if !hook.hook.posts_to(&endpoint) {
        let to = if hook.hook.url.is_empty() { "nowhere" } else { &hook.hook.url };
        return vec![Finding::warning(
            CHECK,
            format!("{name} posts to {to}, not to {endpoint}"),
            format!(
                "{page} tick Active under Webhook and set Webhook URL {endpoint}, or remove github.app_id and {KEY}"
            ),
        )];
    }
    let mut findings = Vec::new();
    let milestones = at.repositories.iter().any(|r| r.milestones.is_some());
    let missing: Vec<_> = events_of_all(milestones)
        .filter(|(event, _)| !facts.events.iter().any(|sent| sent == event))
        .map(|(_, name)| name)
        .collect();
    if !missing.is_empty() {
        findings.push(Finding::warning(
            CHECK,
            format!("{name} is not told of {}", missing.join(", ")),
            format!(
                "{page} tick {} under Permissions & events, Subscribe to events",
                missing.join(", ")
            ),
        ));
    }
    if !hook.is_signed && at.config.github.unsigned != UnsignedWebhooks::Accept {
        findings.push(Finding::problem(
            CHECK,
            format!("the webhook of {name} has no secret, so each delivery is refused with 401"),
            format!("{page} type the secret of github.webhook_secret"),
        ));
    }
    if hook.hook.content_type != "json" {
        findings.push(Finding::warning(
            CHECK,
            format!("the webhook of {name} sends forms, which are longer than JSON and may pass GitHub's limit sooner"),
            format!("{page} set Content type to application/json"),
        ));
    }
    if !hook.is_checked {
        findings.push(Finding::warning(
            CHECK,
            format!("the webhook of {name} does not look at our certificate"),
            format!("{page} choose Enable SSL verification"),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("the webhook of {name} comes here")));
    }
    findings
}
