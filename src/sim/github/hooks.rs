//! Hooks, and what became of each delivery: kept for whoever asks later and redelivers.

use serde_json::{Value, json};

use super::Instance;
use super::json::time;
use crate::clock::Timestamp;
use crate::sim::log::Log;
use crate::sources::Encoding;

/// A hook to set up.
#[derive(Debug, Clone)]
pub struct NewHook {
    /// Where it posts to.
    pub url: String,
    /// What it signs with.
    pub secret: Option<String>,
    /// How the payload travels; GitHub's own default over REST is a form.
    pub encoding: Encoding,
    /// Names of events; `*` is all of them.
    pub events: Vec<String>,
}

impl NewHook {
    /// One for all events, in JSON.
    pub fn to(url: impl Into<String>, secret: &str) -> Self {
        Self {
            url: url.into(),
            secret: Some(secret.to_owned()),
            encoding: Encoding::Json,
            events: vec!["*".to_owned()],
        }
    }

    /// The same as a form.
    #[must_use]
    pub fn as_form(self) -> Self {
        Self { encoding: Encoding::Form, ..self }
    }

    /// The same for some events only.
    #[must_use]
    pub fn for_events<'a>(self, events: impl IntoIterator<Item = &'a str>) -> Self {
        Self { events: events.into_iter().map(str::to_owned).collect(), ..self }
    }
}

/// A hook of a repository, an organization or an App.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) settings: NewHook,
    pub(super) created_at: Timestamp,
    /// The newest last.
    pub(super) deliveries: Log<Delivery>,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The receiver answered with this status; 2xx is a success.
    Answered {
        /// Its status.
        status: u16,
        /// The beginning of its body.
        body: String,
    },
    /// It took too long.
    TimedOut,
    /// Nobody there, or it got lost.
    NotConnected,
}

/// One delivery of an event to a hook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Of this attempt; a redelivery has another.
    pub id: u64,
    /// Of the event: `X-GitHub-Delivery`.
    pub guid: String,
    /// `issues`.
    pub event: String,
    /// `opened`; none for a ping.
    pub action: Option<String>,
    /// Whether somebody asked for it again.
    pub redelivery: Redelivery,
    /// When it was sent.
    pub delivered_at: Timestamp,
    /// How it ended.
    pub end: DeliveryEnd,
    /// The headers that went out.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub payload: Value,
    /// The repository whose event it is, where it is about one.
    pub repository_id: Option<u64>,
}

/// Whether a delivery is the first of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redelivery {
    /// It is.
    First,
    /// Somebody asked for it again.
    Again,
}

impl Delivery {
    /// Whether the receiver took it.
    pub fn succeeded(&self) -> bool {
        matches!(self.end, DeliveryEnd::Answered { status: 200..=299, .. })
    }

    /// GitHub's status code and word; what never got an answer has no code.
    fn status(&self) -> (u16, String) {
        match &self.end {
            DeliveryEnd::Answered { status: status @ 200..=299, .. } => (*status, "OK".to_owned()),
            DeliveryEnd::Answered { status, .. } => {
                (*status, format!("Invalid HTTP Response: {status}"))
            }
            DeliveryEnd::TimedOut => (0, "timed out".to_owned()),
            DeliveryEnd::NotConnected => (0, "failed to connect to host".to_owned()),
        }
    }

    /// As it stands in a list.
    pub(super) fn json(&self) -> Value {
        let (status_code, status) = self.status();
        json!({
            "id": self.id,
            "guid": self.guid,
            "delivered_at": time(self.delivered_at),
            "redelivery": self.redelivery == Redelivery::Again,
            "duration": 0.01,
            "status": status,
            "status_code": status_code,
            "event": self.event,
            "action": self.action,
            "installation_id": null,
            "repository_id": self.repository_id,
            "throttled_at": null,
        })
    }

    /// With the request and the answer.
    pub(super) fn full_json(&self, url: &str) -> Value {
        let headers: serde_json::Map<_, _> =
            self.headers.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
        let answer = match &self.end {
            DeliveryEnd::Answered { body, .. } => Some(body),
            DeliveryEnd::TimedOut | DeliveryEnd::NotConnected => None,
        };
        super::json::with(
            self.json(),
            json!({
                "url": url,
                "request": {"headers": headers, "payload": self.payload},
                "response": {"headers": {}, "payload": answer},
            }),
        )
    }
}

impl Hook {
    pub(super) fn new(
        id: u64,
        settings: NewHook,
        created_at: Timestamp,
        remembered: usize,
    ) -> Self {
        Self { id, settings, created_at, deliveries: Log::keeping(remembered) }
    }

    /// Whether it wants to hear of such events.
    pub(super) fn wants(&self, event: &str) -> bool {
        self.settings.events.iter().any(|e| e == "*" || e == event)
    }

    /// `path` is what its address begins with.
    pub(super) fn json(&self, at: &Instance, path: &str) -> Value {
        let url = format!("{}/{path}/hooks/{}", at.api, self.id);
        let mut config = json!({
            "content_type": self.settings.encoding.as_str(),
            "url": self.settings.url,
            "insecure_ssl": "0",
        });
        if self.settings.secret.is_some() {
            config["secret"] = json!("********");
        }
        let last = match self.deliveries.last().map(Delivery::status) {
            Some((code, status)) => json!({"code": code, "status": status, "message": status}),
            None => json!({"code": null, "status": "unused", "message": null}),
        };
        json!({
            "type": if path.starts_with("orgs/") { "Organization" } else { "Repository" },
            "id": self.id,
            "name": "web",
            "active": true,
            "events": self.settings.events,
            "config": config,
            "updated_at": time(self.created_at),
            "created_at": time(self.created_at),
            "url": url,
            "test_url": format!("{url}/test"),
            "ping_url": format!("{url}/pings"),
            "deliveries_url": format!("{url}/deliveries"),
            "last_response": last,
        })
    }
}
