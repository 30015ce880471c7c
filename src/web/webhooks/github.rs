//! GitHub's endpoint. An event that nothing is done with is answered and counted, not stored: the
//! hook's owner chose too much, and a redelivery would bring it again.

use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::answer::{Refused, acceptance, json, outcome_of, wrong_method};
use super::{Intake, Limits, text};
use crate::config::{GithubHost, Secrets, UnsignedWebhooks};
use crate::inbox::{KnownRepositories, PATIENCE};
use crate::sources::github::EVENTS;
use crate::sources::github::verify::{
    DELIVERY_HEADER, EVENT_HEADER, HOST_HEADER, SIGNATURE_HEADER, Trust, Webhook, verify,
};
use crate::sources::{RawDelivery, Rejection, Source, Verified};
use crate::store::StoreError;
use crate::store::inbox::Accepted;

/// That of `github.api_url`.
static DEFAULT: GithubHost = GithubHost::of_api_url();

/// What GitHub's endpoint needs.
#[derive(Debug)]
pub struct GithubEndpoint {
    /// Any of them signs.
    pub secrets: Secrets,
    /// Whether a webhook without a signature is taken.
    pub unsigned: UnsignedWebhooks,
    /// Other servers, each with secrets of its own, and never without a signature.
    pub hosts: Vec<(GithubHost, Secrets)>,
    /// Which repositories are taken.
    pub repositories: KnownRepositories,
    /// What a request may take.
    pub limits: Limits,
}

/// What a request came to.
enum Taken {
    Stored { delivery_id: String, event: String, accepted: Accepted },
    Ping,
    Ignored { event: String },
}

#[derive(Serialize)]
struct Notice<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignored: bool,
    event: &'a str,
}

/// `POST /api/webhooks/github-mcp/`.
pub(super) async fn receive(State(intake): State<Intake>, request: Request) -> Response {
    let begun = Instant::now();
    let limit = intake.github.limits.answer;
    let taken = timeout(limit, accept(&intake, request)).await.unwrap_or(Err(Refused::NotStorable));
    match taken {
        Ok(Taken::Stored { delivery_id, event, accepted }) => {
            intake.accepted_within(begun.elapsed());
            intake.count(Source::Github, outcome_of(&accepted));
            acceptance(&delivery_id, Some(&event), &accepted)
        }
        Ok(Taken::Ping) => {
            intake.count(Source::Github, "ping");
            json(StatusCode::OK, &Notice { ok: true, ignored: false, event: "ping" })
        }
        Ok(Taken::Ignored { event }) => {
            intake.count(Source::Github, "ignored");
            debug!(delivery.event = %event, "an event that nothing is done with: {event}");
            json(StatusCode::OK, &Notice { ok: true, ignored: true, event: &event })
        }
        Err(refused) => {
            intake.count(Source::Github, refused.outcome());
            intake.metrics.refused.fetch_add(1, Ordering::Relaxed);
            refused.into_answer(Source::Github)
        }
    }
}

#[derive(Serialize)]
struct WhatThisIs {
    ok: bool,
    endpoint: &'static str,
    description: &'static str,
    events: [&'static str; EVENTS.len()],
}

/// `GET /api/webhooks/github-mcp/`: for whoever looks whether it is there.
pub(super) async fn describe() -> Response {
    let answer = WhatThisIs {
        ok: true,
        endpoint: crate::sources::github::ENDPOINT,
        description: "GitHub posts its webhooks here, as JSON or as a form, signed with X-Hub-Signature-256",
        events: EVENTS,
    };
    json(StatusCode::OK, &answer)
}

pub(super) async fn only_get_and_post() -> Response {
    wrong_method("GET, POST", "method not allowed: send a POST, or a GET to see what this is")
}

impl GithubEndpoint {
    /// Whose word a request is, before it is proved: the server that it names, if that is one of
    /// `[[github.hosts]]`, else that of `github.api_url`. Only that server's secrets count then, so
    /// that nobody speaks for another one.
    fn trust(&self, headers: &HeaderMap) -> Trust<'_> {
        let named = text(headers, HOST_HEADER).unwrap_or_default();
        match self.hosts.iter().find(|(host, _)| host.is_called(named)) {
            Some((host, secrets)) => Trust { host, secrets, unsigned: UnsignedWebhooks::Refuse },
            None => Trust { host: &DEFAULT, secrets: &self.secrets, unsigned: self.unsigned },
        }
    }
}

/// Finds the repository's row. While the database is away nobody knows which repositories are ours,
/// and a 404 would lose the delivery: it is accepted, and decided when the database is back.
async fn decide(intake: &Intake, verified: Verified) -> Result<Verified, Refused> {
    let Some(told) = verified.repository().cloned() else {
        return Err(Refused::Rejected(Rejection::MissingRepository));
    };
    let asking = intake.github.repositories.row_of(&told);
    let asked = match intake.inbox.spool() {
        Some(spool) if spool.is_spooling() => return Ok(verified),
        Some(_) => timeout(PATIENCE, asking).await.unwrap_or(Err(StoreError::TooSlow)),
        None => asking.await,
    };
    match asked {
        Ok(Some(row)) => Ok(verified.of_repository(row)),
        Ok(None) => Err(Refused::UnknownRepository(told.name)),
        Err(error) if intake.inbox.spool().is_some() => {
            warn!(error = %error, "repository {} can't be looked up: its delivery goes into the spool", told.name);
            Ok(verified)
        }
        Err(error) => {
            warn!(error = %error, repository = %told.name, "repository {} can't be looked up; its sender was answered 503", told.name);
            Err(Refused::NotStorable)
        }
    }
}

async fn accept(intake: &Intake, request: Request) -> Result<Taken, Refused> {
    let github = &intake.github;
    let (head, body) = request.into_parts();
    let trust = github.trust(&head.headers);
    let signed_only = trust.unsigned == UnsignedWebhooks::Refuse;
    if signed_only && trust.secrets.is_empty() {
        return Err(Refused::NotConfigured(
            "github.webhook_secret (JETBRIDGE_GITHUB_WEBHOOK_SECRET)",
        ));
    }
    if signed_only && !head.headers.contains_key(SIGNATURE_HEADER) {
        return Err(Refused::Rejected(Rejection::InvalidSignature));
    }
    let (body, _in_flight) =
        intake.budget.read(&head.headers, body, github.limits, &intake.metrics).await?;
    // A signature that is there and no text is as wrong as any.
    let signature = head.headers.get(SIGNATURE_HEADER).map(|v| v.to_str().unwrap_or_default());
    let raw = RawDelivery {
        delivery_id: text(&head.headers, DELIVERY_HEADER),
        signature,
        event: text(&head.headers, EVENT_HEADER),
        content_type: text(&head.headers, "content-type"),
    };
    let verified = match verify(&raw, body, trust).map_err(Refused::Rejected)? {
        Webhook::Delivery(verified) => *verified,
        Webhook::Ping => return Ok(Taken::Ping),
        Webhook::Unhandled { event } => return Ok(Taken::Ignored { event }),
    };
    let verified = decide(intake, verified).await?;
    let (delivery_id, event) =
        (verified.delivery_id().to_string(), verified.event_type().to_owned());
    let accepted = intake.inbox.accept(verified).await.map_err(Refused::from)?;
    Ok(Taken::Stored { delivery_id, event, accepted })
}
