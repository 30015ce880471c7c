//! `jetbridge send`: a signed sample, to see an installation work without Plane.

use std::time::Duration;

use uuid::Uuid;

use super::arguments::{PlaneEvent, SendPlaneArguments};
use super::plane_sample::{Story, webhook};
use super::table::printable;
use super::{Context, Failed, output};
use crate::clients::webhook_sender::{Answer, post_plane_webhook};
use crate::config::Config;

/// As long as Plane waits.
const LIMIT: Duration = Duration::from_secs(30);
const ENDPOINT: &str = "/api/webhooks/plane";

/// `send plane`.
pub(super) async fn plane(arguments: &SendPlaneArguments, context: &Context) -> Result<(), Failed> {
    let config = context.settings()?.resolve(&context.environment).await?;
    let Some(secret) = config.plane.webhook_secret.expose().next() else {
        return Err(Failed::Usage(
            "plane.webhook_secret is not set: set it (or JETBRIDGE_PLANE_WEBHOOK_SECRET) here and where the webhook goes"
                .to_owned(),
        ));
    };
    let url = endpoint(arguments.to.as_deref(), &config);
    let id = arguments.id.unwrap_or_else(Uuid::new_v4);
    let story =
        Story { event: arguments.event, id, title: &arguments.title, state: arguments.state };
    let webhook = webhook(&story, context.clock.now());
    let delivery = webhook.delivery_id.clone();
    let answer = post_plane_webhook(&url, secret, webhook, LIMIT)
        .await
        .map_err(|error| Failed::Operation(error.to_string()))?;
    let body: String = answer.body.lines().map(printable).collect();
    output::print(&format!("{} {body}\n", answer.status))?;
    if !(200..300).contains(&answer.status) {
        return Err(Failed::Operation(format!(
            "{url} answered {}: {}",
            answer.status,
            remedy(&answer)
        )));
    }
    let mut next = vec![
        format!("delivery   jetbridge deliveries show plane {delivery}"),
        format!("work item  jetbridge work-items show plane:{id}"),
    ];
    if arguments.event != PlaneEvent::IssueDeleted {
        next.push(format!("go on      jetbridge send plane issue.updated --id {id} --state Done"));
    }
    output::print(&(next.join("\n") + "\n"))
}

/// Where to post: an address without a path means our endpoint there.
fn endpoint(to: Option<&str>, config: &Config) -> String {
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
    if has_path { url } else { format!("{}{ENDPOINT}", url.trim_end_matches('/')) }
}

fn remedy(answer: &Answer) -> &'static str {
    match answer.status {
        300..400 => "post to the address that it names",
        403 => "make plane.webhook_secret the same here and there",
        404 | 405 => "that is not Jetbridge's endpoint, name the right address with --to",
        413 => "raise max_body there",
        503 => "set plane.webhook_secret there, and see that its database is reachable",
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
            assert_eq!(endpoint(to, &config("0.0.0.0:9000")), expected);
        }
    }
}
