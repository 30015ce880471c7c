//! Counts for `/api/v1/stats`, `/readyz`, `/metrics` and the pages' heads.

use super::{Store, StoreResult};
use crate::clock::Timestamp;

/// How many deliveries of one kind there are.
#[derive(Debug, Clone, serde::Serialize)]
pub struct DeliveryCount { pub source: String, pub event_type: String, pub status: String, pub count: i64 }

/// The queue at a glance.
#[derive(Debug, Clone, serde::Serialize)]
pub struct QueueStats { pub queued: i64, pub claimed: i64, pub dead: i64, /// Seconds since the oldest due job became due.
 pub oldest_due_seconds: Option<f64> }

/// Received → processed, milliseconds, over the newest 1,000 processed deliveries.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Lag { pub p50_ms: f64, pub p95_ms: f64, pub p99_ms: f64, pub samples: i64 }

impl Store {
    pub async fn delivery_counts(&self) -> StoreResult<Vec<DeliveryCount>> { unimplemented!() }
    pub async fn queue_stats(&self, _now: Timestamp) -> StoreResult<QueueStats> { unimplemented!() }
    pub async fn lag(&self) -> StoreResult<Option<Lag>> { unimplemented!() }
}
