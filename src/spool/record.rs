//! One delivery as bytes: a fixed head, the envelope as JSON, the exact body.
//!
//! ```text
//! "JBS1"  envelope length u32  body length u32  check 8 bytes  envelope  body
//! ```
//!
//! Numbers are little-endian. The check is the beginning of the SHA-256 of the lengths and the
//! envelope, and the envelope holds the SHA-256 of the body, so every byte is covered while a body
//! is hashed only once, when it is verified. What does not fit its checks is no record.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::sources::Verified;
use crate::sources::spooled::Envelope;

/// Bytes before the envelope.
pub(super) const HEAD: usize = 20;
/// How each record begins, which is also how the next one is found behind damage.
pub(super) const MARK: [u8; 4] = *b"JBS1";
/// No envelope is longer: each of its texts has a limit where it is verified.
const LONGEST_ENVELOPE: usize = 256 * 1024;

/// A delivery with the moment at which it was received.
#[derive(Debug, Clone)]
pub struct Spooled {
    /// The delivery.
    pub delivery: Verified,
    /// When it was received.
    pub received_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Outside {
    received_at: Timestamp,
    #[serde(flatten)]
    envelope: Envelope,
}

/// What a head says of what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    envelope: usize,
    body: usize,
    check: [u8; 8],
}

impl Head {
    /// `None` for bytes that are no head.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (mark, rest) = bytes.split_first_chunk::<4>()?;
        let (envelope, rest) = rest.split_first_chunk::<4>()?;
        let (body, rest) = rest.split_first_chunk::<4>()?;
        let check = *rest.first_chunk::<8>()?;
        let length = |bytes| usize::try_from(u32::from_le_bytes(bytes)).ok();
        let head = Self { envelope: length(*envelope)?, body: length(*body)?, check };
        (*mark == MARK && head.envelope <= LONGEST_ENVELOPE).then_some(head)
    }

    /// Bytes after the head.
    pub(super) fn rest(self) -> usize {
        self.envelope + self.body
    }

    /// The record whose `rest` this is; `None` where a check does not fit.
    pub(super) fn record(self, rest: Vec<u8>) -> Option<Spooled> {
        let mut rest = Bytes::from(rest);
        if rest.len() != self.rest() {
            return None;
        }
        let envelope = rest.split_to(self.envelope);
        if check(lengths(self.envelope, self.body)?, &envelope) != self.check {
            return None;
        }
        let outside: Outside = serde_json::from_slice(&envelope).ok()?;
        let delivery = Verified::taken_up(outside.envelope, rest)?;
        Some(Spooled { delivery, received_at: outside.received_at })
    }
}

/// A delivery as its record; `None` for one whose lengths a record can't hold.
pub(super) fn encode(delivery: &Verified, received_at: Timestamp) -> Option<Vec<u8>> {
    let outside = Outside { received_at, envelope: delivery.envelope() };
    let envelope = serde_json::to_vec(&outside).ok()?;
    let body = delivery.body();
    if envelope.len() > LONGEST_ENVELOPE {
        return None;
    }
    let lengths = lengths(envelope.len(), body.len())?;
    let mut record = Vec::with_capacity(HEAD + envelope.len() + body.len());
    record.extend_from_slice(&MARK);
    record.extend_from_slice(&lengths);
    record.extend_from_slice(&check(lengths, &envelope));
    record.extend_from_slice(&envelope);
    record.extend_from_slice(body);
    Some(record)
}

fn lengths(envelope: usize, body: usize) -> Option<[u8; 8]> {
    let mut lengths = [0; 8];
    lengths[..4].copy_from_slice(&u32::try_from(envelope).ok()?.to_le_bytes());
    lengths[4..].copy_from_slice(&u32::try_from(body).ok()?.to_le_bytes());
    Some(lengths)
}

fn check(lengths: [u8; 8], envelope: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] =
        Sha256::new().chain_update(lengths).chain_update(envelope).finalize().into();
    let mut check = [0; 8];
    check.copy_from_slice(&digest[..8]);
    check
}
