//! From a request to a proved delivery: signature over the raw bytes, event, delivery id, JSON,
//! repository.
//!
//! This runs for every request before anything is stored, so it reads no more than the receiver
//! needs (action, repository, the entity for the lane) and keeps the order signature → headers →
//! JSON → repository: who can't sign learns nothing else. Deliberately absent: whether the
//! repository is one of ours, and any judgment of the payload.

use bytes::Bytes;

use super::EVENTS;
use crate::config::{GithubHost, RepositoryName, Secrets, UnsignedWebhooks};
use crate::ids::{DeliveryId, Lane};
use crate::sources::fields::{LONGEST_ID, Object, first, id_of, text_of};
use crate::sources::signature::is_signed;
use crate::sources::{
    BodyHash, Encoding, Origin, RawDelivery, Rejection, RepositoryRef, Source, Verified,
};

/// Header of the signature: `sha256=` and lower-case hex HMAC-SHA256 over the raw body.
pub const SIGNATURE_HEADER: &str = "X-Hub-Signature-256";
/// What stands before the hex digits.
pub const SIGNATURE_PREFIX: &str = "sha256=";
/// Header of the delivery's id: the same for every repetition.
pub const DELIVERY_HEADER: &str = "X-GitHub-Delivery";
/// Header that names the server, where it is not github.com.
pub const HOST_HEADER: &str = "X-GitHub-Enterprise-Host";
/// Header of the event.
pub const EVENT_HEADER: &str = "X-GitHub-Event";

/// Longest event name or action that is kept, characters.
const LONGEST_WORD: usize = 100;

/// A proved request.
#[derive(Debug, Clone)]
pub enum Webhook {
    /// Something to keep and work off.
    Delivery(Box<Verified>),
    /// GitHub tries the hook out.
    Ping,
    /// An event that nothing is done with.
    Unhandled {
        /// Its name, shortened where it is long.
        event: String,
    },
}

/// Whose word is taken.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Whose secrets these are.
    pub host: &'a GithubHost,
    /// Any of them signs.
    pub secrets: &'a Secrets,
    /// Whether a request without a signature is taken too.
    pub unsigned: UnsignedWebhooks,
}

impl Trust<'_> {
    /// A signature that is there must be right, unless there is nothing to check it with.
    fn covers(self, body: &[u8], signature: Option<&str>) -> bool {
        let accepts_unsigned = self.unsigned == UnsignedWebhooks::Accept;
        match signature {
            None => accepts_unsigned,
            Some(_) if self.secrets.is_empty() => accepts_unsigned,
            Some(signature) => signature
                .strip_prefix(SIGNATURE_PREFIX)
                .is_some_and(|hex| is_signed(body, hex, self.secrets)),
        }
    }
}

/// Proves that `body` comes from whom we trust and makes it a delivery.
///
/// # Errors
/// In this order: the signature is missing or wrong; the event or the delivery id is missing,
/// empty or too long; the body is not JSON; a kept event names no repository.
pub fn verify(raw: &RawDelivery<'_>, body: Bytes, trust: Trust<'_>) -> Result<Webhook, Rejection> {
    if !trust.covers(&body, raw.signature) {
        return Err(Rejection::InvalidSignature);
    }
    let plain = |word: &&str| !word.is_empty() && word.len() <= LONGEST_ID && !word.contains('\0');
    let event = raw.event.filter(plain).ok_or(Rejection::MissingHeader(EVENT_HEADER))?;
    let delivery_id =
        raw.delivery_id.filter(plain).ok_or(Rejection::MissingHeader(DELIVERY_HEADER))?;
    let encoding = Encoding::of_content_type(raw.content_type);
    let probe = {
        let json = encoding.json_of(&body).ok_or(Rejection::InvalidJson)?;
        probe(&json, event, trust.host).ok_or(Rejection::InvalidJson)?
    };
    if event == "ping" {
        return Ok(Webhook::Ping);
    }
    if !EVENTS.contains(&event) {
        return Ok(Webhook::Unhandled { event: word(event) });
    }
    let repository = probe.repository.ok_or(Rejection::MissingRepository)?;
    Ok(Webhook::Delivery(Box::new(Verified {
        source: Source::Github,
        delivery_id: DeliveryId::new(delivery_id),
        event_id: None,
        event_type: event.to_owned(),
        action: probe.action,
        lane: probe.lane,
        repository: Some(repository),
        repository_sync: None,
        encoding,
        body_hash: BodyHash::of(&body),
        body,
        origin: Origin::Webhook,
    })))
}

fn word(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_WORD).collect()
}

/// What the receiver must know of a body.
#[derive(Debug, Default)]
struct Probe {
    action: Option<String>,
    repository: Option<RepositoryRef>,
    lane: Option<Lane>,
}

/// Reads the body's outermost fields; `None` when it is not JSON.
fn probe(json: &[u8], event: &str, host: &GithubHost) -> Option<Probe> {
    let json = std::str::from_utf8(json).ok()?;
    let fields = &["action", "issue", "sub_issue", "pull_request", "milestone", "repository"];
    let Some(top) = Object::root(json, fields).ok()? else { return Some(Probe::default()) };
    let action = top.value("action").and_then(text_of).map(|text| word(&text));
    let repository = repository(&top, host);
    let lane = lane(&top, event, host, repository.as_ref());
    Some(Probe { action: action.filter(|a| !a.is_empty()), repository, lane })
}

fn repository(top: &Object<'_>, host: &GithubHost) -> Option<RepositoryRef> {
    let repository = top.value("repository")?;
    let name = first(repository, "full_name").and_then(text_of)?;
    let name = RepositoryName::on(host, &Some(name).filter(|n| n.len() <= LONGEST_ID)?).ok()?;
    let id = first(repository, "id").and_then(id_of).and_then(|id| id.parse().ok());
    let id = id.filter(|id| GithubHost::is_own_id(*id));
    Some(RepositoryRef { name, id: id.map(|id| host.id(id)) })
}

/// One lane for an issue and its comments, one for a pull request and its comments, one for a
/// milestone, and one for all labels of a repository, whose names are not independent of one another.
fn lane(
    top: &Object<'_>,
    event: &str,
    host: &GithubHost,
    repository: Option<&RepositoryRef>,
) -> Option<Lane> {
    let pull_request = |number: String| {
        let repository = repository?.id?;
        Some(Lane::new(format!("github:pull_request:{repository}:{number}")))
    };
    if event == "label" {
        return Some(Lane::new(format!("github:labels:{}", repository?.id?)));
    }
    let own = |value| id_of(value).filter(|id| !id.is_empty());
    let id = |value| {
        let own = own(value)?.parse().ok().filter(|id| GithubHost::is_own_id(*id))?;
        Some(host.id(own).to_string())
    };
    if matches!(event, "pull_request" | "pull_request_review") {
        return first(top.value("pull_request")?, "number").and_then(own).and_then(pull_request);
    }
    if event == "milestone" {
        let milestone = first(top.value("milestone")?, "id").and_then(id)?;
        return Some(Lane::new(format!("github:milestone:{milestone}")));
    }
    if event == "sub_issues" {
        let issue = first(top.value("sub_issue")?, "id").and_then(id)?;
        return Some(Lane::new(format!("github:issue:{issue}")));
    }
    let issue = Object::at("issue", top.value("issue")?, &["id", "number", "pull_request"]).ok()?;
    if issue.value("pull_request").is_some() {
        return issue.value("number").and_then(own).and_then(pull_request);
    }
    issue.value("id").and_then(id).map(|id| Lane::new(format!("github:issue:{id}")))
}
