//! Claiming: due jobs become ours under a lease, with the bodies of their deliveries.
//!
//! Races, and what decides them:
//! - *Two claimers.* On `PostgreSQL` an advisory lock lets one claim at a time, so that the test
//!   "no job of this lane is claimed" sees every earlier claim; SQLite has one writer.
//! - *The plan.* Prepared on empty tables the claim would settle on a sequential scan and stay
//!   there; the claiming transaction forbids it.

use std::collections::HashMap;
use std::time::Duration;

use super::jobs::{ClaimedJob, Stage, of_github};
use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, JobId, Lane, Lease};

/// One key of `PostgreSQL`'s advisory locks, for claiming: any constant of our own.
pub(super) const CLAIM_LOCK: i64 = 0x6a65_7462_7269;

const LOCK_AND_PLAN: &str =
    "SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true)";

const CLAIM: Statement = Statement {
    postgres: "
        UPDATE work_queue q
        SET status = 'claimed', attempts = q.attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        FROM (
            SELECT id FROM work_queue d
            WHERE d.status = 'queued' AND d.stage = 'read' AND d.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = d.lane)
            ORDER BY d.available_at, d.id LIMIT $4 FOR UPDATE SKIP LOCKED
        ) due
        WHERE q.id = due.id AND q.status = 'queued'
        RETURNING q.id, q.source, q.delivery_id, q.lane, q.attempts, q.requeued_at",
    sqlite: "
        UPDATE work_queue
        SET status = 'claimed', attempts = attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        WHERE id IN (
            SELECT d.id FROM work_queue d INDEXED BY work_queue_due
            WHERE d.status = 'queued' AND d.stage = 'read' AND d.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = d.lane)
            ORDER BY d.available_at, d.id LIMIT $4
        ) AND status = 'queued'
        RETURNING id, source, delivery_id, lane, attempts, requeued_at",
};

/// All due jobs of one lane, that of the oldest.
const CLAIM_SYNC: Statement = Statement {
    postgres: "
        UPDATE work_queue q
        SET status = 'claimed', attempts = q.attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        FROM (
            SELECT id FROM work_queue d
            WHERE d.status = 'queued' AND d.stage = 'sync' AND d.available_at <= $1 AND d.lane = (
                SELECT f.lane FROM work_queue f
                WHERE f.status = 'queued' AND f.stage = 'sync' AND f.available_at <= $1
                  AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = f.lane)
                ORDER BY f.available_at, f.id LIMIT 1)
            ORDER BY d.id LIMIT $4 FOR UPDATE SKIP LOCKED
        ) due
        WHERE q.id = due.id AND q.status = 'queued'
        RETURNING q.id, q.source, q.delivery_id, q.lane, q.attempts, q.requeued_at",
    sqlite: "
        UPDATE work_queue
        SET status = 'claimed', attempts = attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        WHERE id IN (
            SELECT d.id FROM work_queue d
            WHERE d.status = 'queued' AND d.stage = 'sync' AND d.available_at <= $1 AND d.lane = (
                SELECT f.lane FROM work_queue f INDEXED BY work_queue_sync_due
                WHERE f.status = 'queued' AND f.stage = 'sync' AND f.available_at <= $1
                  AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = f.lane)
                ORDER BY f.available_at, f.id LIMIT 1)
            ORDER BY d.id LIMIT $4
        ) AND status = 'queued'
        RETURNING id, source, delivery_id, lane, attempts, requeued_at",
};

const BODIES: Statement = Statement {
    postgres: "
        SELECT source, delivery_id, event_type, encoding, body, received_at, repository FROM deliveries
        WHERE delivery_id IN (SELECT json_array_elements_text($1::json))",
    sqlite: "
        SELECT source, delivery_id, event_type, encoding, body, received_at, repository FROM deliveries
        WHERE delivery_id IN (SELECT value FROM json_each($1))",
};

/// What only GitHub's table says: that a delivery is being worked on.
const MARK_PROCESSING: Statement = Statement {
    postgres: "
        UPDATE github_webhook_events SET status = 'processing'
        WHERE delivery_id IN (SELECT json_array_elements_text($1::json))",
    sqlite: "
        UPDATE github_webhook_events SET status = 'processing'
        WHERE delivery_id IN (SELECT value FROM json_each($1))",
};
type ClaimRow = (i64, String, String, Option<String>, i64, Option<At>);
type BodyRow = (String, String, String, String, Option<Vec<u8>>, At, Option<String>);

impl Store {
    /// Takes up to `limit` due jobs of a stage under a new lease of length `lease_for`, oldest
    /// first, at most those of lanes in which nothing is claimed. Several jobs of one lane may
    /// come together: they are ours together. In [`Stage::Sync`] all come from one lane.
    pub async fn claim_jobs(
        &self,
        stage: Stage,
        limit: i64,
        lease: Lease,
        lease_for: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedJob>> {
        let token = lease.0.to_string();
        let claim = match stage {
            Stage::Read => CLAIM,
            Stage::Sync => CLAIM_SYNC,
        };
        macro_rules! claim {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let claim = sqlx::query_as(claim.$dialect)
                    .bind(At(now))
                    .bind(token)
                    .bind(At(now + lease_for))
                    .bind(limit);
                let rows: Vec<ClaimRow> = claim.fetch_all(&mut *transaction).await?;
                if let Some(ids) = of_github(rows.iter().map(|row| (&row.1, &row.2)))? {
                    let processing = sqlx::query(MARK_PROCESSING.$dialect).bind(ids);
                    processing.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                rows
            }};
        }
        let mut rows = match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                sqlx::query(LOCK_AND_PLAN).bind(CLAIM_LOCK).execute(&mut *transaction).await?;
                claim!(transaction, postgres)
            }
            Database::Sqlite { writer, .. } => {
                claim!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite)
            }
        };
        rows.sort_unstable_by_key(|row| row.0);
        self.with_bodies(rows).await
    }

    async fn with_bodies(&self, rows: Vec<ClaimRow>) -> StoreResult<Vec<ClaimedJob>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = rows.iter().map(|row| row.2.as_str()).collect();
        let ids = to_json(&ids)?;
        let bodies: Vec<BodyRow> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(BODIES.postgres).bind(ids).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(BODIES.sqlite).bind(ids).fetch_all(reader).await?
            }
        };
        let mut by_id: HashMap<_, _> = bodies
            .into_iter()
            .map(|(source, id, event, encoding, body, at, repository)| {
                ((source, id), (event, encoding, body, at, repository))
            })
            .collect();
        rows.into_iter()
            .map(|(id, source, delivery_id, lane, attempts, requeued_at)| {
                let Some((event_type, encoding, body, received_at, repository)) =
                    by_id.remove(&(source.clone(), delivery_id.clone()))
                else {
                    return Err(unreadable("job", "its delivery is missing"));
                };
                Ok(ClaimedJob {
                    id: JobId(id),
                    source: source.parse().map_err(|e| unreadable("source", e))?,
                    delivery_id: DeliveryId::new(delivery_id),
                    event_type,
                    repository,
                    lane: lane.map(Lane::new),
                    attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
                    encoding,
                    body,
                    received_at: received_at.0,
                    since: requeued_at.unwrap_or(received_at).0,
                })
            })
            .collect()
    }
}
