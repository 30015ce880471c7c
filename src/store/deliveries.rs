//! Reading deliveries of all sources through the view `deliveries`.

use super::{Store, StoreResult};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// Committed, not yet worked off.
    Received,
    /// Worked off; `result` says what came of it.
    Processed,
    /// The last attempt failed; `last_error` says why.
    Failed,
}

/// A delivery without its body.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub source: Source,
    pub delivery_id: DeliveryId,
    pub event_type: String,
    pub status: DeliveryStatus,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub result: Option<String>,
    pub item: Option<WorkItemRef>,
    pub body_bytes: i64,
    pub body_sha256: String,
    pub received_at: Timestamp,
    pub processed_at: Option<Timestamp>,
}

/// Which deliveries to list; `None` is any.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub source: Option<Source>,
    pub status: Option<DeliveryStatus>,
    pub event: Option<String>,
    pub item: Option<WorkItemRef>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Where the next page of deliveries starts: after this one (newest first).
#[derive(Debug, Clone)]
pub struct DeliveryCursor {
    pub received_at: Timestamp,
    pub delivery_id: DeliveryId,
}

impl Store {
    /// Newest first.
    pub async fn deliveries(&self, _filter: &DeliveryFilter, _after: Option<&DeliveryCursor>, _limit: i64) -> StoreResult<Vec<Delivery>> { unimplemented!() }
    /// One, with its exact body (`None` when it was dropped by retention).
    pub async fn delivery(&self, _source: Source, _id: &DeliveryId) -> StoreResult<Option<(Delivery, Option<Vec<u8>>)>> { unimplemented!() }
}
