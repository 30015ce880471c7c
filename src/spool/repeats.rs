//! What lies in the spool, by the keys under which a repeat is known, so that a repeat is answered
//! as one while the database can't be asked.
//!
//! Bounded: beyond [`MOST`] deliveries the oldest are forgotten here. A repeat of one of those is
//! spooled too, and the database knows it for what it is when it gets there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ids::DeliveryId;
use crate::sources::{BodyHash, Source, Verified};
use crate::store::inbox::Duplicate;

/// Deliveries that are remembered: some twenty megabytes.
const MOST: usize = 100_000;

/// The beginning of a SHA-256 over what the key is of.
type Key = [u8; 16];

#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: HashMap<Key, Arc<Known>>,
    /// The segment of each and its keys, oldest first.
    order: VecDeque<(u64, Vec<Key>)>,
}

#[derive(Debug)]
struct Known {
    id: DeliveryId,
    hash: BodyHash,
}

impl Repeats {
    /// What a delivery repeats, if it does.
    pub(super) fn of(&self, delivery: &Verified) -> Option<Duplicate> {
        let known = keys(delivery).into_iter().find_map(|key| self.known.get(&key))?;
        let other_body = known.id == *delivery.delivery_id() && known.hash != delivery.body_hash();
        Some(Duplicate { of: known.id.clone(), requeued: false, other_body })
    }

    /// A delivery lies in that segment now.
    pub(super) fn remember(&mut self, segment: u64, delivery: &Verified) {
        let known =
            Arc::new(Known { id: delivery.delivery_id().clone(), hash: delivery.body_hash() });
        let mut keys = keys(delivery);
        keys.retain(|key| !self.known.contains_key(key));
        for key in &keys {
            self.known.insert(*key, Arc::clone(&known));
        }
        self.order.push_back((segment, keys));
        if self.order.len() > MOST {
            self.forget_oldest();
        }
    }

    /// That segment and those before it are gone.
    pub(super) fn forget_to(&mut self, segment: u64) {
        while self.order.front().is_some_and(|(of, _)| *of <= segment) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        for key in self.order.pop_front().map(|(_, keys)| keys).unwrap_or_default() {
            self.known.remove(&key);
        }
    }
}

/// As the database's unique keys: Plane repeats under a new id, GitHub under the same one.
fn keys(delivery: &Verified) -> Vec<Key> {
    let source = delivery.source();
    let id = key(source, b"id", delivery.delivery_id().as_str().as_bytes());
    match source {
        Source::Github => vec![id],
        Source::Plane => {
            let event = delivery.event_id().map(|e| key(source, b"event", e.as_str().as_bytes()));
            let body = key(source, b"body", &delivery.body_hash().0);
            [Some(id), event, Some(body)].into_iter().flatten().collect()
        }
    }
}

fn key(source: Source, kind: &[u8], value: &[u8]) -> Key {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(source.as_str())
        .chain_update([0])
        .chain_update(kind)
        .chain_update([0])
        .chain_update(value)
        .finalize()
        .into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}
