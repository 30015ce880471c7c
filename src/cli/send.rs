//! `jetbridge send`: a signed sample, to see an installation work without Plane or GitHub.

use std::time::Duration;

use uuid::Uuid;

use super::arguments::{PlaneEvent, SendGithubArguments, SendPlaneArguments};
use super::github_sample;
use super::plane_sample::{Story, webhook};
use super::table::printable;
use super::{Context, Failed, output};
use crate::clients::webhook_sender::{Answer, post_github_webhook, post_plane_webhook};
use crate::config::{Config, GithubHost, UnsignedWebhooks};
use crate::sources::{Source, github as github_source, plane as plane_source};

/// As long as Plane waits.
const PLANE_LIMIT: Duration = Duration::from_secs(30);
/// As long as GitHub waits.
const GITHUB_LIMIT: Duration = Duration::from_secs(10);
/// The repository of samples where none is configured.
const SAMPLE_REPOSITORY: (&str, &str) = ("octo-org", "sample");

/// `send plane`.
pub(super) async fn plane(arguments: &SendPlaneArguments, context: &Context) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let Some(secret) = config.plane.webhook_secret.expose().next() else {
        return Err(Failed::Usage(
            "plane.webhook_secret is not set: set it (or JETBRIDGE_PLANE_WEBHOOK_SECRET) here and where the webhook goes"
                .to_owned(),
        ));
    };
    let url = endpoint(Source::Plane, arguments.to.as_deref(), &config);
    let id = arguments.id.unwrap_or_else(Uuid::new_v4);
    let story =
        Story { event: arguments.event, id, title: &arguments.title, state: arguments.state };
    let webhook = webhook(&story, context.clock.now());
    let delivery = webhook.delivery_id.clone();
    let answer = post_plane_webhook(&url, secret, webhook, PLANE_LIMIT)
        .await
        .map_err(|error| Failed::Operation(error.to_string()))?;
    report(Source::Plane, &url, &answer)?;
    let mut next = vec![
        format!("delivery   jetbridge deliveries show plane {delivery}"),
        format!("work item  jetbridge work-items show plane:{id}"),
    ];
    if arguments.event != PlaneEvent::IssueDeleted {
        next.push(format!("go on      jetbridge send plane issue.updated --id {id} --state Done"));
    }
    output::print(&(next.join("\n") + "\n"))
}

/// `send github`.
pub(super) async fn github(
    arguments: &SendGithubArguments,
    context: &Context,
) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let configured = config.repositories.first().map(|repository| &repository.name);
    let asked = arguments.repository.as_ref().or(configured);
    let (host, (owner, name)) = match asked {
        Some(repository) => (repository.host(), repository.owner_and_name()),
        None => (GithubHost::default(), SAMPLE_REPOSITORY),
    };
    if let Some(repository) = asked {
        let known = config.github.check(repository);
        known.map_err(|unknown| Failed::Usage(unknown.to_string()))?;
    }
    let (own, other) = (&config.github.webhook_secret, config.github.host(&host));
    let secret = other.map_or(own, |other| &other.webhook_secret).expose().next();
    if secret.is_none() && config.github.unsigned == UnsignedWebhooks::Refuse {
        return Err(Failed::Usage(
            "github.webhook_secret is not set: set it (or JETBRIDGE_GITHUB_WEBHOOK_SECRET) here and where the webhook goes"
                .to_owned(),
        ));
    }
    let url = endpoint(Source::Github, arguments.to.as_deref(), &config);
    let repository = format!("{owner}/{name}");
    let story = github_sample::Story {
        event: arguments.event,
        action: arguments.action.as_deref(),
        host,
        repository: &repository,
        number: arguments.number,
        title: &arguments.title,
        comment: &arguments.comment,
    };
    let webhook = github_sample::webhook(&story, context.clock.now());
    let delivery = webhook.delivery_id.clone();
    let answer = post_github_webhook(&url, secret, webhook, GITHUB_LIMIT)
        .await
        .map_err(|error| Failed::Operation(error.to_string()))?;
    report(Source::Github, &url, &answer)?;
    let Some(item) = story.item() else { return Ok(()) };
    output::print(&format!(
        "delivery   jetbridge deliveries show github {delivery}\nwork item  jetbridge work-items show {item}\n"
    ))
}

/// Prints the answer; one that is no 2xx is a failure with its remedy.
fn report(source: Source, url: &str, answer: &Answer) -> Result<(), Failed> {
    let body: String = answer.body.lines().map(printable).collect();
    output::print(&format!("{} {body}\n", answer.status))?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    let remedy = remedy(source, answer);
    Err(Failed::Operation(format!("{url} answered {}: {remedy}", answer.status)))
}

/// Where to post: an address without a path means our endpoint there.
fn endpoint(source: Source, to: Option<&str>, config: &Config) -> String {
    let endpoint = match source {
        Source::Plane => plane_source::ENDPOINT,
        Source::Github => github_source::ENDPOINT,
    };
    let own = || {
        let mut listen = config.listen;
        if listen.ip().is_unspecified() {
            listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{listen}")
    };
    let url = to.map_or_else(own, str::to_owned);
    let has_path = url
        .split_once("://")
        .is_none_or(|(_, rest)| rest.split_once('/').is_some_and(|(_, path)| !path.is_empty()));
    if has_path { url } else { format!("{}{endpoint}", url.trim_end_matches('/')) }
}

fn remedy(source: Source, answer: &Answer) -> &'static str {
    match (source, answer.status) {
        (_, 300..=399) => "post to the address that it names",
        (Source::Plane, 401 | 403) => "make plane.webhook_secret the same here and there",
        (Source::Github, 401 | 403) => "make github.webhook_secret the same here and there",
        (Source::Github, 404) if answer.body.contains("not configured") => {
            "name the repository in [[repositories]] there, or another one with --repository"
        }
        (_, 404 | 405) => "that is not Jetbridge's endpoint, name the right address with --to",
        (_, 413) => "raise max_body there",
        (Source::Plane, 503) => {
            "set plane.webhook_secret there, and see that its database is reachable"
        }
        (Source::Github, 503) => {
            "set github.webhook_secret there, and see that its database is reachable"
        }
        _ => "look at the log there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Overrides, Settings};

    #[test]
    fn an_address_without_a_path_means_the_endpoint_there() {
        let flags =
            |listen: &str| Overrides { listen: Some(listen.to_owned()), ..Overrides::default() };
        let config = |listen| {
            let settings = Settings::read(&flags(listen), &Environment::default()).unwrap();
            settings.without_secrets().clone()
        };
        let cases = [
            (None, "http://127.0.0.1:9000/api/webhooks/plane"),
            (Some("http://host:1"), "http://host:1/api/webhooks/plane"),
            (Some("https://host/"), "https://host/api/webhooks/plane"),
            (Some("https://host/hook"), "https://host/hook"),
        ];
        for (to, expected) in cases {
            assert_eq!(endpoint(Source::Plane, to, &config("0.0.0.0:9000")), expected);
        }
        let github = endpoint(Source::Github, None, &config("127.0.0.1:9000"));
        assert_eq!(github, "http://127.0.0.1:9000/api/webhooks/github-mcp/");
    }
}
