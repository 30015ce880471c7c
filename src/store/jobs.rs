//! jobs

use super::{Store, StoreResult};
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::sources::Source;

/// What became of asking for a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It will be worked off again.
    Queued,
    /// It is being worked off right now.
    Running,
    /// There is no such delivery.
    Unknown,
}

impl Store {
    /// Queues a delivery again.
    pub async fn replay(
        &self,
        _source: Source,
        _id: &DeliveryId,
        _now: Timestamp,
    ) -> StoreResult<Replayed> {
        unimplemented!()
    }
}
