//! Counts for `/api/v1/stats`, `/readyz`, `/metrics` and the pages' heads.

use serde::Serialize;
use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreResult, on_reader};
use crate::clock::Timestamp;

/// How many deliveries of one kind there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct DeliveryCount {
    /// Who sent them.
    pub source: String,
    /// The sender's word for what happened.
    pub event_type: String,
    /// Where they stand.
    pub status: String,
    /// How many.
    pub count: i64,
}

/// The queue at a glance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueStats {
    /// Jobs that wait.
    pub queued: i64,
    /// Jobs being worked on.
    pub claimed: i64,
    /// Jobs that failed for good.
    pub dead: i64,
    /// Seconds since the oldest due job became due.
    pub oldest_due_seconds: Option<f64>,
}

/// Received → processed in milliseconds, over the newest deliveries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lag {
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 95 of 100 took no longer.
    pub p95_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// How many these figures are of.
    pub samples: usize,
}

/// Deliveries that [`Store::lag`] looks at.
const LAG_SAMPLES: i64 = 1000;

impl Store {
    /// Deliveries by source, event and status.
    pub async fn delivery_counts(&self) -> StoreResult<Vec<DeliveryCount>> {
        const COUNTS: &str = "SELECT source, event_type, status, count(*) AS count FROM deliveries
            GROUP BY source, event_type, status ORDER BY source, event_type, status";
        Ok(on_reader!(self, pool => sqlx::query_as(COUNTS).fetch_all(pool).await?))
    }

    /// The queue's depth and the age of its oldest due job.
    pub async fn queue_stats(&self, now: Timestamp) -> StoreResult<QueueStats> {
        // Each stage has an index of its own, which holds nothing but what waits in it.
        const STATS: &str = "SELECT
            (SELECT count(*) FROM work_queue WHERE status = 'queued' AND stage = 'read')
                + (SELECT count(*) FROM work_queue WHERE status = 'queued' AND stage = 'sync'),
            (SELECT count(*) FROM work_queue WHERE status = 'claimed'),
            (SELECT count(*) FROM work_queue WHERE status = 'dead'),
            (SELECT min(due.soonest) FROM (
                SELECT min(available_at) AS soonest FROM work_queue WHERE status = 'queued' AND stage = 'read'
                UNION ALL SELECT min(available_at) FROM work_queue WHERE status = 'queued' AND stage = 'sync') due)";
        let (queued, claimed, dead, oldest): (i64, i64, i64, Option<At>) =
            on_reader!(self, pool => sqlx::query_as(STATS).fetch_one(pool).await?);
        let due = oldest.map(|at| now - at.0).and_then(|age| age.to_std().ok());
        Ok(QueueStats {
            queued,
            claimed,
            dead,
            oldest_due_seconds: due.map(|age| age.as_secs_f64()),
        })
    }

    /// How long the newest processed deliveries took; `None` while there are none.
    pub async fn lag(&self) -> StoreResult<Option<Lag>> {
        const NEWEST: &str = "SELECT received_at, processed_at FROM deliveries
            WHERE status = 'processed' AND processed_at IS NOT NULL ORDER BY received_at DESC LIMIT $1";
        let times: Vec<(At, At)> = on_reader!(self, pool => sqlx::query_as(NEWEST).bind(LAG_SAMPLES).fetch_all(pool).await?);
        let mut lags: Vec<f64> = times
            .into_iter()
            .map(|(received, processed)| (processed.0 - received.0).to_std().unwrap_or_default())
            .map(|lag| lag.as_secs_f64() * 1000.0)
            .collect();
        lags.sort_by(f64::total_cmp);
        let at = |per_cent: usize| lags[(lags.len() * per_cent / 100).min(lags.len() - 1)];
        Ok((!lags.is_empty()).then(|| Lag {
            p50_ms: at(50),
            p95_ms: at(95),
            p99_ms: at(99),
            samples: lags.len(),
        }))
    }
}
