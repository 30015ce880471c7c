//! Claiming: due jobs become ours under a lease, with the bodies of their deliveries.
//!
//! Races, and what decides them:
//! - *Two claimers.* On `PostgreSQL` an advisory lock lets one claim at a time, so that the test
//!   "no job of this lane is claimed" sees every earlier claim; SQLite has one writer.
//! - *A replay between the two statements of a claim.* The first one locks what it finds.
//! - *The plan.* Prepared on empty tables the claim would settle on a sequential scan and stay
//!   there; the claiming transaction forbids it.
//! - *The database goes away in between.* Bodies are read in the transaction that claims, so what
//!   could not be handed to a worker was never claimed, and no attempt is lost.
//! - *A delivery that somebody deleted by hand.* Its job is dead with the reason; those that came
//!   with it go on.

use std::collections::HashMap;
use std::time::Duration;

use tracing::{error, warn};

use super::cards::refresh::item_of_lane;
use super::finish::Changed;
use super::jobs::{ClaimedJob, End, Finished, Stage, of_github};
use super::rows::{Statement, to_json};
use super::time::At;
use super::turns::{MOVE_ON, PICK, PICK_LEFT, Picked, SERVED, Serving};
use super::{Database, Store, StoreResult, github_host, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, JobId, Lane, Lease, WorkItemRef};
use crate::queue::turns::LONGEST_WAIT;
use crate::quota::Class;
use crate::sources::Source;
use crate::timeline::{EntryOutcome, TimelineEntry};

/// One key of `PostgreSQL`'s advisory locks, for claiming: any constant of our own.
pub(super) const CLAIM_LOCK: i64 = 0x6a65_7462_7269;

/// Most that one claim for reading brings. A worker holds each body several times over until it has
/// written what they tell. For the sync all that is due of a lane comes together.
#[derive(Debug, Clone, Copy)]
struct Most {
    jobs: i64,
    /// Of bodies; a longer one comes alone.
    bytes: i64,
}

impl Most {
    /// Several batches are in work at once, and each job that is looked at and left is for nothing.
    const POSTGRES: Self = Self { jobs: 128, bytes: 512 * 1024 };
    /// One batch is written at a time, and the longer it is the fewer there are; with twice as many
    /// bytes no more was worked off.
    const SQLITE: Self = Self { jobs: 256, bytes: 1024 * 1024 };
    const ANY: Self = Self { jobs: i64::MAX, bytes: i64::MAX };
}

const LOCK_AND_PLAN: &str =
    "SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true)";

/// A due job with the length of its body. Of the tables themselves: SQLite would walk the whole view.
macro_rules! due {
    ($from:literal) => {
        concat!(
            "SELECT d.id, CASE d.source
                WHEN 'plane' THEN (SELECT p.body_bytes FROM plane_webhook_deliveries p WHERE p.delivery_id = d.delivery_id)
                ELSE (SELECT g.body_bytes FROM github_webhook_events g WHERE g.delivery_id = d.delivery_id) END
            FROM work_queue d ",
            $from
        )
    };
}

/// What is due for reading; nothing of a lane in which something is claimed.
const DUE: Statement = Statement {
    postgres: due!(
        "
        WHERE d.status = 'queued' AND d.stage = 'read' AND d.available_at <= $1
          AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = d.lane)
        ORDER BY d.available_at, d.id LIMIT $2 FOR UPDATE SKIP LOCKED"
    ),
    sqlite: due!(
        "INDEXED BY work_queue_due
        WHERE d.status = 'queued' AND d.stage = 'read' AND d.available_at <= $1
          AND NOT EXISTS (SELECT 1 FROM work_queue c WHERE c.status = 'claimed' AND c.lane = d.lane)
        ORDER BY d.available_at, d.id LIMIT $2"
    ),
};

/// All that is due of one lane for the sync, which was picked in the same transaction (`store/turns`).
const DUE_SYNC: Statement = Statement {
    postgres: due!(
        "
        WHERE d.status = 'queued' AND d.stage = 'sync' AND d.available_at <= $1 AND d.lane = $3
        ORDER BY d.id LIMIT $2 FOR UPDATE SKIP LOCKED"
    ),
    sqlite: due!(
        "
        WHERE d.status = 'queued' AND d.stage = 'sync' AND d.available_at <= $1 AND d.lane = $3
        ORDER BY d.id LIMIT $2"
    ),
};

const CLAIM: Statement = Statement {
    postgres: "
        UPDATE work_queue q
        SET status = 'claimed', attempts = q.attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        WHERE q.id = ANY (ARRAY(SELECT CAST(json_array_elements_text($4::json) AS bigint))) AND q.status = 'queued'
        RETURNING q.id, q.source, q.delivery_id, q.lane, q.attempts, q.requeued_at, q.last_error,
            CAST(q.class AS bigint)",
    sqlite: "
        UPDATE work_queue
        SET status = 'claimed', attempts = attempts + 1, claimed_at = $1, lease = $2, lease_until = $3
        WHERE id IN (SELECT value FROM json_each($4)) AND status = 'queued'
        RETURNING id, source, delivery_id, lane, attempts, requeued_at, last_error, class",
};

/// Of the tables, too: the ids go into either half of the union.
macro_rules! bodies {
    ($ids:literal) => {
        concat!(
            "SELECT 'plane' AS source, delivery_id, event_type, encoding, body, received_at,
                CAST(NULL AS text) AS repository, origin, CAST(NULL AS text) AS github_host
            FROM plane_webhook_deliveries WHERE delivery_id IN ",
            $ids,
            " UNION ALL
            SELECT 'github', delivery_id, event_type, encoding, body, created_at,
                (SELECT r.repository FROM repository_syncs r WHERE r.id = repository_sync), origin, github_host
            FROM github_webhook_events WHERE delivery_id IN ",
            $ids
        )
    };
}

const BODIES: Statement = Statement {
    postgres: bodies!("(SELECT json_array_elements_text($1::json))"),
    sqlite: bodies!("(SELECT value FROM json_each($1))"),
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
type ClaimRow = (i64, String, String, Option<String>, i64, Option<At>, Option<String>, i64);
type BodyRow =
    (String, String, String, String, Option<Vec<u8>>, At, Option<String>, String, Option<String>);

/// The lane whose turn it is, its repository's turn moved on; `None` when nobody's is.
macro_rules! next_lane {
    ($transaction:ident, $dialect:ident, $serving:ident, $now:ident) => {{
        let picked: Option<Picked> = sqlx::query_as(PICK.$dialect)
            .bind(At($now))
            .bind($serving.up_to.number())
            .bind(At($now + LONGEST_WAIT))
            .fetch_optional(&mut *$transaction)
            .await?;
        if let Some(picked) = picked {
            let moves = [
                (picked.place, picked.start() + 1, picked.next_at($serving, $now)),
                (SERVED, picked.start(), None),
            ];
            for (place, turn, next_at) in moves {
                let move_on = sqlx::query(MOVE_ON).bind(place).bind(turn).bind(next_at);
                move_on.execute(&mut *$transaction).await?;
            }
            Some(picked.lane)
        } else {
            sqlx::query_scalar::<_, Option<String>>(PICK_LEFT.$dialect)
                .bind(At($now))
                .bind($serving.up_to.number())
                .fetch_optional(&mut *$transaction)
                .await?
                .flatten()
        }
    }};
}

impl Store {
    /// Takes up to `limit` due jobs of a stage under a new lease of length `lease_for`, oldest
    /// first, of lanes in which nothing is claimed. In [`Stage::Read`] fewer come where their bodies
    /// are long. Several jobs of one lane may come together: they are ours together. In
    /// [`Stage::Sync`] all come from one lane.
    pub async fn claim_jobs(
        &self,
        stage: Stage,
        limit: i64,
        lease: Lease,
        lease_for: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedJob>> {
        self.claim_serving(Serving::all(), stage, limit, lease, lease_for, now).await
    }

    /// As [`Store::claim_jobs`]; in [`Stage::Sync`] that of a lane in which a job of the class
    /// `up_to`, or of one before it, is due, of the repository whose turn it is. Jobs of any class in
    /// that lane come along.
    pub async fn claim_serving(
        &self,
        serving: Serving<'_>,
        stage: Stage,
        limit: i64,
        lease: Lease,
        lease_for: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedJob>> {
        loop {
            let claimed = self.claim_once(serving, stage, limit, lease, lease_for, now);
            let (jobs, orphans) = claimed.await?;
            let is_all = orphans.is_empty();
            self.bury(lease, orphans, now).await;
            if is_all || !jobs.is_empty() {
                return Ok(jobs);
            }
        }
    }

    /// One claim: jobs with their deliveries, and those that have none.
    async fn claim_once(
        &self,
        serving: Serving<'_>,
        stage: Stage,
        limit: i64,
        lease: Lease,
        lease_for: Duration,
        now: Timestamp,
    ) -> StoreResult<(Vec<ClaimedJob>, Vec<Orphan>)> {
        let token = lease.0.to_string();
        let due = match stage {
            Stage::Read => DUE,
            Stage::Sync => DUE_SYNC,
        };
        macro_rules! claim {
            ($transaction:expr, $dialect:ident, $most:expr) => {{
                let mut transaction = $transaction;
                let most = match stage {
                    Stage::Read => $most,
                    Stage::Sync => Most::ANY,
                };
                let lane = match stage {
                    Stage::Read => None,
                    Stage::Sync => match next_lane!(transaction, $dialect, serving, now) {
                        Some(lane) => Some(lane),
                        None => return Ok((Vec::new(), Vec::new())),
                    },
                };
                let mut due = sqlx::query_as(due.$dialect).bind(At(now)).bind(limit.min(most.jobs));
                if let Some(lane) = lane {
                    due = due.bind(lane);
                }
                let due = within_bytes(due.fetch_all(&mut *transaction).await?, most.bytes);
                if due.is_empty() {
                    transaction.commit().await?;
                    return Ok((Vec::new(), Vec::new()));
                }
                let rows: Vec<ClaimRow> = sqlx::query_as(CLAIM.$dialect)
                    .bind(At(now))
                    .bind(token)
                    .bind(At(now + lease_for))
                    .bind(to_json(&due)?)
                    .fetch_all(&mut *transaction)
                    .await?;
                if let Some(ids) = of_github(rows.iter().map(|row| (&row.1, &row.2)))? {
                    let processing = sqlx::query(MARK_PROCESSING.$dialect).bind(ids);
                    processing.execute(&mut *transaction).await?;
                }
                let mut claimed = (Vec::new(), Vec::new());
                if !rows.is_empty() {
                    let ids: Vec<&str> = rows.iter().map(|row| row.2.as_str()).collect();
                    let bodies = sqlx::query_as(BODIES.$dialect).bind(to_json(&ids)?);
                    claimed = with_bodies(rows, bodies.fetch_all(&mut *transaction).await?)?;
                }
                transaction.commit().await?;
                claimed
            }};
        }
        Ok(match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                sqlx::query(LOCK_AND_PLAN).bind(CLAIM_LOCK).execute(&mut *transaction).await?;
                claim!(transaction, postgres, Most::POSTGRES)
            }
            Database::Sqlite { writer, .. } => {
                claim!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite, Most::SQLITE)
            }
        })
    }

    /// Ends jobs that have nothing to work on. Should that fail, their lease ends and they are
    /// met again.
    async fn bury(&self, lease: Lease, orphans: Vec<Orphan>, now: Timestamp) {
        if orphans.is_empty() {
            return;
        }
        let count = orphans.len();
        let finished: Vec<_> = orphans.into_iter().map(|orphan| orphan.buried(now)).collect();
        error!(count, "{count} jobs have no delivery any more: it was deleted in the database");
        if let Err(error) = self.finish_jobs(lease, &finished, Changed::default()).await {
            warn!(error = %error, "jobs without a delivery could not be ended; they are met again when their lease ends");
        }
    }
}

/// The first of the due jobs whose bodies stay within `most` bytes, at least one.
fn within_bytes(due: Vec<(i64, Option<i64>)>, most: i64) -> Vec<i64> {
    let mut total = 0_i64;
    due.into_iter()
        .enumerate()
        .take_while(|(place, (_, bytes))| {
            total = total.saturating_add(bytes.unwrap_or(0));
            *place == 0 || total <= most
        })
        .map(|(_, (id, _))| id)
        .collect()
}

/// A job whose delivery is gone.
struct Orphan {
    id: JobId,
    source: Source,
    delivery_id: DeliveryId,
    lane: Option<Lane>,
    attempts: u32,
    last_error: Option<String>,
}

impl Orphan {
    fn buried(self, now: Timestamp) -> Finished {
        const WHY: &str = "its delivery was deleted in the database: there is nothing to read";
        let item = self.lane.as_ref().and_then(|lane| item_of_lane(lane.as_str()));
        let entry = TimelineEntry {
            item: item.map(WorkItemRef::new),
            source: self.source,
            delivery_id: self.delivery_id,
            attempt: i64::from(self.attempts),
            at: now,
            outcome: EntryOutcome::Dead,
            reason: WHY.to_owned(),
            changes: Vec::new(),
        };
        Finished {
            id: self.id,
            attempts: self.attempts,
            last_error: self.last_error,
            end: End::Dead { error: WHY.to_owned() },
            entry,
        }
    }
}

/// Claimed jobs with their deliveries in the order of arrival, and those that have none.
fn with_bodies(
    mut rows: Vec<ClaimRow>,
    bodies: Vec<BodyRow>,
) -> StoreResult<(Vec<ClaimedJob>, Vec<Orphan>)> {
    rows.sort_unstable_by_key(|row| row.0);
    let mut by_id: HashMap<_, _> = bodies
        .into_iter()
        .map(|(source, id, event, encoding, body, at, repository, origin, host)| {
            ((source, id), (event, encoding, body, at, repository, origin, host))
        })
        .collect();
    let (mut jobs, mut orphans) = (Vec::with_capacity(rows.len()), Vec::new());
    for (id, source, delivery_id, lane, attempts, requeued_at, last_error, class) in rows {
        let delivery = by_id.remove(&(source.clone(), delivery_id.clone()));
        let id = JobId(id);
        let source = source.parse().map_err(|e| unreadable("source", e))?;
        let delivery_id = DeliveryId::new(delivery_id);
        let lane = lane.map(Lane::new);
        let attempt = u32::try_from(attempts).unwrap_or(u32::MAX);
        let Some((event_type, encoding, body, received_at, repository, origin, host)) = delivery
        else {
            orphans.push(Orphan { id, source, delivery_id, lane, attempts: attempt, last_error });
            continue;
        };
        jobs.push(ClaimedJob {
            id,
            source,
            delivery_id,
            event_type,
            repository,
            github_host: github_host(host)?,
            origin: origin.parse().map_err(|e| unreadable("origin", e))?,
            lane,
            class: Class::of_number(class),
            attempt,
            last_error,
            encoding,
            body,
            received_at: received_at.0,
            since: requeued_at.unwrap_or(received_at).0,
        });
    }
    Ok((jobs, orphans))
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store::DatabaseUrl;

    /// Most of what is stored was worked off long ago: SQLite once read all of it for each claim.
    #[tokio::test]
    async fn no_claim_on_sqlite_walks_what_was_worked_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::Sqlite(folder.path().join("jetbridge.db"));
        let store = Store::open(&url).await.expect("a store");
        let Database::Sqlite { writer, .. } = &store.database else { panic!("SQLite") };
        for statement in [DUE, DUE_SYNC, CLAIM, BODIES, MARK_PROCESSING] {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.sqlite));
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(explain).fetch_all(writer).await.expect("a plan");
            assert!(!plan.is_empty());
            for (.., step) in plan {
                let walks = step.starts_with("SCAN") && !step.contains("json_each");
                assert!(!walks, "{step} in {}", statement.sqlite);
            }
        }
    }
}
