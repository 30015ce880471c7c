//! A verified delivery set down on disk and taken up again, for the spool.
//!
//! Rule: what comes back is what was verified. The body must have the hash that stands beside it,
//! so a damaged one is none; the sender's signature is not kept, since its secret may have been
//! changed meanwhile. Deliberately absent: files, which are the spool's.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{BodyHash, Encoding, Origin, RepositoryRef, Source, Verified};
use crate::ids::{DeliveryId, EventId, Lane, RepositorySyncId};

/// All of a [`Verified`] but its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    source: Source,
    delivery_id: DeliveryId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_id: Option<EventId>,
    event_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lane: Option<Lane>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository: Option<(String, Option<u64>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository_sync: Option<RepositorySyncId>,
    encoding: Encoding,
    body_sha256: String,
    #[serde(default, skip_serializing_if = "Origin::is_sent")]
    origin: Origin,
}

impl Verified {
    /// What is to stand beside the body.
    pub fn envelope(&self) -> Envelope {
        let repository = self.repository.as_ref();
        Envelope {
            source: self.source,
            delivery_id: self.delivery_id.clone(),
            event_id: self.event_id.clone(),
            event_type: self.event_type.clone(),
            action: self.action.clone(),
            lane: self.lane.clone(),
            repository: repository.map(|r| (r.name.to_string(), r.id)),
            repository_sync: self.repository_sync,
            encoding: self.encoding,
            body_sha256: hex::encode(self.body_hash.0),
            origin: self.origin,
        }
    }

    /// The delivery that was set down; `None` when body or envelope is not what it was.
    pub fn taken_up(envelope: Envelope, body: Bytes) -> Option<Self> {
        let body_hash = BodyHash::of(&body);
        if hex::encode(body_hash.0) != envelope.body_sha256 {
            return None;
        }
        let repository = match envelope.repository {
            Some((name, id)) => Some(RepositoryRef { name: name.parse().ok()?, id }),
            None => None,
        };
        Some(Verified {
            source: envelope.source,
            delivery_id: envelope.delivery_id,
            event_id: envelope.event_id,
            event_type: envelope.event_type,
            action: envelope.action,
            lane: envelope.lane,
            repository,
            repository_sync: envelope.repository_sync,
            encoding: envelope.encoding,
            body,
            body_hash,
            origin: envelope.origin,
        })
    }

    /// Whether it still has to be found out if its repository is one of ours.
    pub fn is_undecided(&self) -> bool {
        self.repository.is_some() && self.repository_sync.is_none()
    }
}
