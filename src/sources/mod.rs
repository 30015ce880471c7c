//! Where deliveries come from, and the two forms they have here: a request's raw parts, and a
//! [`Verified`] delivery. Only a source's `verify` makes the second of the first, `found` makes one
//! of what the source answered when it was asked, and only the second can enter the inbox.
//!
//! A new source is a folder with the same four files as `plane/` (`mod`, `verify`, `payload`,
//! `normalize`), a variant of [`Source`], a route in `web/webhooks` and a table in `migrations/`;
//! the compiler lists the rest. Remote payload types never leave their source's folder.

mod fields;
pub mod github;
mod origin;
pub mod plane;
mod signature;
pub mod spooled;

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::comments::CommentChange;
use crate::config::{GithubHost, RepositoryName};
use crate::ids::{DeliveryId, EventId, Lane, RepositorySyncId};
use crate::work_items::Change;
pub use origin::{Origin, UnknownOrigin};

/// A system that sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Plane, the project tracker.
    Plane,
    /// GitHub: issues, pull requests, their comments.
    Github,
}

impl Source {
    /// All sources, for listings.
    pub const ALL: [Self; 2] = [Self::Plane, Self::Github];

    /// As stored in `ops.work_queue.source` and written in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plane => "plane",
            Self::Github => "github",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no source.
#[derive(Debug, thiserror::Error)]
#[error("unknown source “{0}”: expected plane or github")]
pub struct UnknownSource(String);

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| UnknownSource(text.to_owned()))
    }
}

/// SHA-256 of a delivery's raw body: the key under which retries with a new id are known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BodyHash(pub [u8; 32]);

impl BodyHash {
    /// Hashes the raw bytes.
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }
}

impl fmt::Debug for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// How a body is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// The body is the JSON text.
    Json,
    /// `application/x-www-form-urlencoded`, the JSON text in the field `payload`.
    Form,
}

impl Encoding {
    /// From a `Content-Type` value; anything that is not a form is taken for JSON, as it is
    /// proved by parsing anyway.
    pub fn of_content_type(content_type: Option<&str>) -> Self {
        let essence = content_type.and_then(|v| v.split(';').next()).map(str::trim);
        match essence {
            Some(e) if e.eq_ignore_ascii_case("application/x-www-form-urlencoded") => Self::Form,
            _ => Self::Json,
        }
    }

    /// As stored beside the body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Form => "form",
        }
    }

    /// The JSON text inside `body`; `None` for a form without `payload`.
    pub fn json_of(self, body: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
        match self {
            Self::Json => Some(body.into()),
            Self::Form => form_urlencoded::parse(body)
                .find(|(name, _)| name == "payload")
                .map(|(_, json)| json.into_owned().into_bytes().into()),
        }
    }
}

/// What a request brought, unproved. Header values are missing when they are not readable text.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawDelivery<'a> {
    /// The sender's id of the delivery.
    pub delivery_id: Option<&'a str>,
    /// The sender's signature.
    pub signature: Option<&'a str>,
    /// The sender's event header.
    pub event: Option<&'a str>,
    /// The request's `Content-Type`.
    pub content_type: Option<&'a str>,
}

/// The repository that a delivery says it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRef {
    /// `owner/name`, as the sender writes it at this moment.
    pub name: RepositoryName,
    /// The sender's numeric id of it, which survives a rename.
    pub id: Option<u64>,
}

/// A delivery whose sender is proved and whose body is JSON. Made by a source alone: by its `verify`
/// of what was sent, by its `found` of what the source answered when it was asked.
#[derive(Debug, Clone)]
pub struct Verified {
    source: Source,
    delivery_id: DeliveryId,
    event_id: Option<EventId>,
    event_type: String,
    action: Option<String>,
    lane: Option<Lane>,
    repository: Option<RepositoryRef>,
    repository_sync: Option<RepositorySyncId>,
    encoding: Encoding,
    body: Bytes,
    body_hash: BodyHash,
    origin: Origin,
}

impl Verified {
    /// Who sent it.
    pub fn source(&self) -> Source {
        self.source
    }
    /// The sender's id of it.
    pub fn delivery_id(&self) -> &DeliveryId {
        &self.delivery_id
    }
    /// The sender's id of the event, where there is one.
    pub fn event_id(&self) -> Option<&EventId> {
        self.event_id.as_ref()
    }
    /// `issue.updated` (Plane), `issues` (GitHub): the sender's own words.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }
    /// What happened, where the sender says it apart from the event.
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }
    /// The repository it comes from, where the source has repositories.
    pub fn repository(&self) -> Option<&RepositoryRef> {
        self.repository.as_ref()
    }
    /// The GitHub that it is of.
    pub fn github_host(&self) -> GithubHost {
        self.repository.as_ref().map(|told| told.name.host()).unwrap_or_default()
    }
    /// The row of that repository, once it was found.
    pub fn repository_sync(&self) -> Option<RepositorySyncId> {
        self.repository_sync
    }
    /// The same finding told once more at another day: a delivery of its own, which says when it was
    /// asked for.
    #[must_use]
    pub(crate) fn told_again(&self, at: crate::clock::Timestamp) -> Self {
        let id = DeliveryId::new(format!("{}-{}", self.delivery_id, at.format("%Y%m%d")));
        Self { delivery_id: id, ..self.clone() }
    }
    /// The same delivery, its repository found.
    #[must_use]
    pub fn of_repository(mut self, row: RepositorySyncId) -> Self {
        self.repository_sync = Some(row);
        self
    }
    /// The entity it is about; without one it waits for nobody.
    pub fn lane(&self) -> Option<&Lane> {
        self.lane.as_ref()
    }
    /// How the body is written.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }
    /// The exact bytes as received.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
    /// SHA-256 of the exact bytes.
    pub fn body_hash(&self) -> BodyHash {
        self.body_hash
    }
    /// Whether it was sent, or found by asking.
    pub fn origin(&self) -> Origin {
        self.origin
    }
}

/// What a delivery says, once it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Of an item.
    pub item: Change,
    /// Of a comment on it.
    pub comment: Option<CommentChange>,
}

impl From<Change> for Told {
    fn from(item: Change) -> Self {
        Self { item, comment: None }
    }
}

/// Why a request is not a delivery. `web/webhooks` gives each its status and words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The signature is missing or fits none of the secrets.
    InvalidSignature,
    /// A required header is missing, empty, too long or not readable.
    MissingHeader(&'static str),
    /// The body is not JSON.
    InvalidJson,
    /// The body does not say which repository it comes from.
    MissingRepository,
}
