//! The queue's table: claiming, finishing, queueing again. The rules of the queue stand in
//! `queue/`; here is what makes them hold.
//!
//! Races, and what decides them:
//! - *Two claimers.* On `PostgreSQL` an advisory lock lets one claim at a time, so that the test
//!   "no job of this lane is claimed" sees every earlier claim; SQLite has one writer.
//! - *A worker that comes back late.* Finishing names the lease; where the row holds another one
//!   (or none) nothing of the whole batch is written.
//! - *A replay of a job that runs.* Nothing is done: the running attempt sees the same body.
//! - *The plan.* Prepared on empty tables the claim would settle on a sequential scan and stay
//!   there; the claiming transaction forbids it.

use std::time::Duration;

use sqlx::Row;

use super::finished_rows::{EntryRow, entry_row, finished_row, item_row};
use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, JobId, Lane, Lease};
use crate::sources::Source;
use crate::timeline::{EntryOutcome, TimelineEntry};
use crate::work_items::WorkItem;

/// A job under our lease, with the delivery it is about.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job.
    pub id: JobId,
    /// Whose delivery.
    pub source: Source,
    /// Which delivery.
    pub delivery_id: DeliveryId,
    /// Its lane.
    pub lane: Option<Lane>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// `json` or `form`.
    pub encoding: String,
    /// The exact bytes; `None` when retention dropped them.
    pub body: Option<Vec<u8>>,
    /// When the delivery was committed.
    pub received_at: Timestamp,
}

/// How an attempt ended, for the queue and for the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Worked off.
    Done {
        /// What came of it.
        result: String,
    },
    /// To be tried again from `at` on.
    Again {
        /// When.
        at: Timestamp,
        /// Why not now.
        error: String,
        /// Whether this attempt counts.
        counted: Counted,
    },
    /// No further attempt.
    Dead {
        /// Why.
        error: String,
    },
}

/// Whether an attempt uses up a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It does.
    Attempt,
    /// It only waited.
    Waiting,
}

/// A job's end with what it leaves on the timeline.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The job.
    pub id: JobId,
    /// Its attempts so far, this one included.
    pub attempts: u32,
    /// How it ended.
    pub end: End,
    /// The timeline's line for it.
    pub entry: TimelineEntry,
}

/// Whether a batch was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// All of it.
    Committed,
    /// Nothing of it: these jobs are no longer ours.
    Lost(Vec<JobId>),
}

/// What became of a wish to run a delivery again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is queued.
    Queued,
    /// It is being worked on this moment.
    Running,
    /// There is no such delivery.
    Unknown,
}

/// One key of `PostgreSQL`'s advisory locks, for claiming: any constant of our own.
const CLAIM_LOCK: i64 = 0x6a65_7462_7269;

const LOCK_AND_PLAN: &str =
    "SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true)";

const CLAIM: Statement = Statement {
    postgres: "
        UPDATE work_queue q
        SET status = 'claimed', attempts = q.attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        FROM (
            SELECT id FROM work_queue d
            WHERE d.status = 'queued' AND d.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = d.lane)
            ORDER BY d.available_at, d.id LIMIT $4 FOR UPDATE SKIP LOCKED
        ) due
        WHERE q.id = due.id AND q.status = 'queued'
        RETURNING q.id, q.source, q.delivery_id, q.lane, q.attempts",
    sqlite: "
        UPDATE work_queue
        SET status = 'claimed', attempts = attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        WHERE id IN (
            SELECT d.id FROM work_queue d INDEXED BY work_queue_due
            WHERE d.status = 'queued' AND d.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = d.lane)
            ORDER BY d.available_at, d.id LIMIT $4
        ) AND status = 'queued'
        RETURNING id, source, delivery_id, lane, attempts",
};

const BODIES: Statement = Statement {
    postgres: "
        SELECT source, delivery_id, encoding, body, received_at FROM deliveries
        WHERE delivery_id IN (SELECT json_array_elements_text($1::json))",
    sqlite: "
        SELECT source, delivery_id, encoding, body, received_at FROM deliveries
        WHERE delivery_id IN (SELECT value FROM json_each($1))",
};

const FINISH_JOBS: Statement = statement!(
    "UPDATE work_queue SET status = r.status, attempts = r.attempts, last_error = r.error,
        available_at = COALESCE(r.available_at, work_queue.available_at), finished_at = r.finished_at,
        lease = NULL, lease_until = NULL
     FROM ",
    rows(id "bigint", status "text", attempts "bigint", error "text", available_at "timestamptz", finished_at "timestamptz"),
    " WHERE work_queue.id = r.id AND work_queue.lease = $2 AND work_queue.status = 'claimed'
     RETURNING work_queue.id"
);

const FINISH_PLANE: Statement = statement!(
    "UPDATE plane_webhook_deliveries SET status = r.delivery_status, attempts = attempts + r.counted,
        last_error = r.error, result = COALESCE(r.result, plane_webhook_deliveries.result),
        work_item_ref = COALESCE(r.work_item_ref, plane_webhook_deliveries.work_item_ref), processed_at = r.finished_at
     FROM ",
    rows(delivery_id "text", delivery_status "text", counted "bigint", error "text", result "text", work_item_ref "text", finished_at "timestamptz"),
    " WHERE plane_webhook_deliveries.delivery_id = r.delivery_id"
);

const UPSERT_ITEMS: Statement = statement!(
    "INSERT INTO work_items (work_item_ref, system, external_id, project_ref, title, status, assignee, url, updated_at,
        key, kind, state_group, labels, assignees, priority, created_at, completed_at, deleted_at, ingested_at, missing, state)
     SELECT r.work_item_ref, r.system, r.external_id, r.project_ref, r.title, r.status, r.assignee, r.url, r.updated_at,
        r.key, r.kind, r.state_group, r.labels, r.assignees, r.priority, r.created_at, r.completed_at, r.deleted_at,
        r.ingested_at, r.missing, r.state
     FROM ",
    rows(work_item_ref "text", system "text", external_id "text", project_ref "text", title "text", status "text",
        assignee "text", url "text", updated_at "timestamptz", key "text", kind "text", state_group "text", labels "jsonb",
        assignees "jsonb", priority "text", created_at "timestamptz", completed_at "timestamptz",
        deleted_at "timestamptz", ingested_at "timestamptz", missing "jsonb", state "jsonb"),
    " WHERE true
     ON CONFLICT (work_item_ref) DO UPDATE SET project_ref = excluded.project_ref, title = excluded.title,
        status = excluded.status, assignee = excluded.assignee, url = excluded.url, updated_at = excluded.updated_at,
        key = excluded.key, kind = excluded.kind, state_group = excluded.state_group, labels = excluded.labels,
        assignees = excluded.assignees, priority = excluded.priority, created_at = excluded.created_at,
        completed_at = excluded.completed_at, deleted_at = excluded.deleted_at, ingested_at = excluded.ingested_at,
        missing = excluded.missing, state = excluded.state"
);

const APPEND_TIMELINE: Statement = statement!(
    "INSERT INTO timeline (work_item_ref, source, delivery_id, attempt, at, outcome, reason, changes)
     SELECT r.work_item_ref, r.source, r.delivery_id, r.attempt, r.at, r.outcome, r.reason, r.changes FROM ",
    rows(work_item_ref "text", source "text", delivery_id "text", attempt "bigint", at "timestamptz",
        outcome "text", reason "text", changes "json"),
    " WHERE true"
);

impl Store {
    /// Takes up to `limit` due jobs under a new lease of length `lease_for`, oldest first, at
    /// most those of lanes in which nothing is claimed. Several jobs of one lane may come
    /// together: they are ours together.
    pub async fn claim_jobs(
        &self,
        limit: i64,
        lease: Lease,
        lease_for: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedJob>> {
        let token = lease.0.to_string();
        let mut rows = match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                sqlx::query(LOCK_AND_PLAN).bind(CLAIM_LOCK).execute(&mut *transaction).await?;
                let claim = sqlx::query_as(CLAIM.postgres)
                    .bind(At(now))
                    .bind(token)
                    .bind(At(now + lease_for))
                    .bind(limit);
                let rows: Vec<ClaimRow> = claim.fetch_all(&mut *transaction).await?;
                transaction.commit().await?;
                rows
            }
            Database::Sqlite { writer, .. } => {
                let claim = sqlx::query_as(CLAIM.sqlite)
                    .bind(At(now))
                    .bind(token)
                    .bind(At(now + lease_for))
                    .bind(limit);
                claim.fetch_all(writer).await?
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
        let mut by_id: std::collections::HashMap<_, _> = bodies
            .into_iter()
            .map(|(source, id, encoding, body, at)| ((source, id), (encoding, body, at)))
            .collect();
        rows.into_iter()
            .map(|(id, source, delivery_id, lane, attempts)| {
                let Some((encoding, body, received_at)) =
                    by_id.remove(&(source.clone(), delivery_id.clone()))
                else {
                    return Err(unreadable("job", "its delivery is missing"));
                };
                Ok(ClaimedJob {
                    id: JobId(id),
                    source: source.parse().map_err(|e| unreadable("source", e))?,
                    delivery_id: DeliveryId::new(delivery_id),
                    lane: lane.map(Lane::new),
                    attempt: u32::try_from(attempts).unwrap_or(u32::MAX),
                    encoding,
                    body,
                    received_at: received_at.0,
                })
            })
            .collect()
    }

    /// Writes the ends of a batch, the items they changed and their timeline in one commit, if
    /// every job is still under `lease`.
    pub async fn finish_jobs(
        &self,
        lease: Lease,
        finished: &[Finished],
        items: &[&WorkItem],
    ) -> StoreResult<Finish> {
        let jobs = to_json(&finished.iter().map(finished_row).collect::<Vec<_>>())?;
        let entries = to_json(&finished.iter().map(|f| entry_row(&f.entry)).collect::<Vec<_>>())?;
        let items = (!items.is_empty())
            .then(|| to_json(&items.iter().map(|i| item_row(i)).collect::<Vec<_>>()));
        let items = items.transpose()?;
        macro_rules! finish {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let token = lease.0.to_string();
                let kept: Vec<i64> = sqlx::query_scalar(FINISH_JOBS.$dialect)
                    .bind(jobs.as_str())
                    .bind(token)
                    .fetch_all(&mut *transaction)
                    .await?;
                if kept.len() < finished.len() {
                    transaction.rollback().await?;
                    return Ok(Finish::Lost(lost(finished, &kept)));
                }
                sqlx::query(FINISH_PLANE.$dialect)
                    .bind(jobs.as_str())
                    .execute(&mut *transaction)
                    .await?;
                if let Some(items) = items {
                    sqlx::query(UPSERT_ITEMS.$dialect)
                        .bind(items)
                        .execute(&mut *transaction)
                        .await?;
                }
                sqlx::query(APPEND_TIMELINE.$dialect)
                    .bind(entries)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => finish!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                finish!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        Ok(Finish::Committed)
    }

    /// Lets a lease that is still held end later.
    pub async fn renew_lease(&self, lease: Lease, until: Timestamp) -> StoreResult<()> {
        const RENEW: &str =
            "UPDATE work_queue SET lease_until = $2 WHERE lease = $1 AND status = 'claimed'";
        let token = lease.0.to_string();
        on_writer!(self, pool => sqlx::query(RENEW).bind(token).bind(At(until)).execute(pool).await?.rows_affected());
        Ok(())
    }

    /// Queues again what was claimed under leases that ended before `now`; returns how many.
    pub async fn reap_leases(&self, now: Timestamp) -> StoreResult<u64> {
        const REAP: &str =
            "UPDATE work_queue SET status = 'queued', lease = NULL, lease_until = NULL
            WHERE status = 'claimed' AND lease_until < $1";
        Ok(
            on_writer!(self, pool => sqlx::query(REAP).bind(At(now)).execute(pool).await?.rows_affected()),
        )
    }

    /// Ends all leases at once: for a database that no other process works on.
    pub async fn reap_all_leases(&self) -> StoreResult<u64> {
        const REAP: &str =
            "UPDATE work_queue SET status = 'queued', lease = NULL, lease_until = NULL
            WHERE status = 'claimed'";
        Ok(on_writer!(self, pool => sqlx::query(REAP).execute(pool).await?.rows_affected()))
    }

    /// Runs a delivery again, whatever its end was; its attempts begin anew.
    pub async fn replay(
        &self,
        source: Source,
        id: &DeliveryId,
        now: Timestamp,
    ) -> StoreResult<Replayed> {
        const STATUS: &str = "SELECT status FROM work_queue WHERE source = $1 AND delivery_id = $2";
        if self.requeue(source, id, now, REQUEUE_ANY, "queued again by hand").await? {
            return Ok(Replayed::Queued);
        }
        let known = on_reader!(self, pool => sqlx::query(STATUS).bind(source.as_str()).bind(id.as_str())
            .fetch_optional(pool).await?.is_some());
        Ok(if known { Replayed::Running } else { Replayed::Unknown })
    }

    /// Runs a failed delivery again because its sender repeated it.
    pub(super) async fn requeue_failed(
        &self,
        source: Source,
        id: &DeliveryId,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.requeue(source, id, now, REQUEUE_FAILED, "queued again: its sender repeated it").await
    }

    async fn requeue(
        &self,
        source: Source,
        id: &DeliveryId,
        now: Timestamp,
        requeue: &'static str,
        reason: &str,
    ) -> StoreResult<bool> {
        const RESET: &str =
            "UPDATE plane_webhook_deliveries SET status = 'received', processed_at = NULL
            WHERE delivery_id = $1 RETURNING work_item_ref";
        let Source::Plane = source;
        macro_rules! requeue {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let queued = sqlx::query(requeue)
                    .bind(source.as_str())
                    .bind(id.as_str())
                    .bind(At(now))
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
                if queued == 0 {
                    return Ok(false);
                }
                let item: Option<String> = sqlx::query(RESET)
                    .bind(id.as_str())
                    .fetch_one(&mut *transaction)
                    .await?
                    .try_get(0)?;
                let entry = EntryRow {
                    work_item_ref: item.as_deref(),
                    source: source.as_str(),
                    delivery_id: id.as_str(),
                    attempt: 0,
                    at: to_text(now),
                    outcome: EntryOutcome::Replayed.as_str(),
                    reason,
                    changes: &[],
                };
                sqlx::query(APPEND_TIMELINE.$dialect)
                    .bind(to_json(&[entry])?)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => requeue!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                requeue!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        Ok(true)
    }
}

const REQUEUE_ANY: &str = "
    UPDATE work_queue SET status = 'queued', attempts = 0, available_at = $3, finished_at = NULL
    WHERE source = $1 AND delivery_id = $2 AND status <> 'claimed'";

/// Queued with an error is a failed attempt that waits for its next one.
const REQUEUE_FAILED: &str = "
    UPDATE work_queue SET status = 'queued', attempts = 0, available_at = $3, finished_at = NULL
    WHERE source = $1 AND delivery_id = $2 AND (status = 'dead' OR (status = 'queued' AND last_error IS NOT NULL))";

type ClaimRow = (i64, String, String, Option<String>, i64);
type BodyRow = (String, String, String, Option<Vec<u8>>, At);

fn lost(finished: &[Finished], kept: &[i64]) -> Vec<JobId> {
    finished.iter().map(|f| f.id).filter(|id| !kept.contains(&id.0)).collect()
}
