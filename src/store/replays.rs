//! Running deliveries again: what a replay would reach, counted before it is made, and the replay
//! itself in batches, each one transaction.
//!
//! Races, and what decides them:
//! - *A replay of a job that runs.* Nothing is done: the running attempt sees the same body.
//! - *A replay of a body that retention dropped.* Nothing is done: there is nothing to read.
//! - *Two replays of the same deliveries.* The second one queues what is queued already, which
//!   only starts its attempts anew.

use serde::Serialize;
use sqlx::FromRow;

use super::cards::refresh;
use super::changes::REVISE;
use super::deliveries::{DeliveryCursor, DeliveryFilter, DeliveryStatus};
use super::delivery_search::{Half, Search, run_search};
use super::finish::APPEND_TIMELINE;
use super::finished_rows::EntryRow;
use super::jobs::Replayed;
use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreResult, on_reader, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, RepositorySyncId};
use crate::quota::Class;
use crate::sources::Source;
use crate::timeline::EntryOutcome;

/// What became of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayedBatch {
    /// Queued again.
    pub queued: u64,
    /// Left alone, since they are being worked on.
    pub running: u64,
    /// Left alone, since their bodies are no longer kept.
    pub dropped: u64,
}

/// Deliveries alike, as a replay sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayGroup {
    /// Who sent them.
    pub source: Source,
    /// Where they stand.
    pub status: DeliveryStatus,
    /// The configured repository that they come from.
    pub repository: Option<RepositorySyncId>,
    /// What a replay would do with them.
    pub fate: ReplayFate,
    /// How many.
    pub count: i64,
}

/// What a replay would do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayFate {
    /// Queue it.
    Queued,
    /// Leave it, since it is being worked on.
    Running,
    /// Leave it, since its body is no longer kept.
    BodyDropped,
}

#[derive(FromRow)]
struct GroupRow {
    source: String,
    status: String,
    repository: Option<i64>,
    fate: String,
    count: i64,
}

#[derive(Serialize)]
struct NameRow<'a> {
    source: &'static str,
    delivery_id: &'a str,
}

/// From the beginning: read again, in the lane of reading, and as a class of its own.
macro_rules! requeue {
    ($which:literal) => {
        statement!(
            "UPDATE work_queue SET status = 'queued', class = $3, attempts = 0, available_at = $2, requeued_at = $2, finished_at = NULL,
                lane = CASE WHEN stage <> 'sync' THEN lane
                    WHEN work_queue.source = 'plane' THEN (SELECT replace(p.work_item_ref, 'plane:', 'plane:issue:')
                        FROM plane_webhook_deliveries p WHERE p.delivery_id = work_queue.delivery_id)
                    ELSE substr(lane, length('sync:') + 1) END, stage = 'read'
             FROM ",
            rows(source "text", delivery_id "text"),
            $which
        )
    };
}

const REQUEUE: Statement = requeue!(
    " WHERE work_queue.source = r.source AND work_queue.delivery_id = r.delivery_id AND work_queue.status <> 'claimed'
        AND CASE r.source
            WHEN 'plane' THEN EXISTS (SELECT 1 FROM plane_webhook_deliveries p
                WHERE p.delivery_id = r.delivery_id AND p.body IS NOT NULL)
            ELSE EXISTS (SELECT 1 FROM github_webhook_events g
                WHERE g.delivery_id = r.delivery_id AND g.body IS NOT NULL) END
     RETURNING work_queue.source, work_queue.delivery_id, work_queue.lane"
);
/// Queued with an error is a failed attempt that waits for its next one.
const REQUEUE_FAILED: Statement = requeue!(
    " WHERE work_queue.source = r.source AND work_queue.delivery_id = r.delivery_id
        AND (work_queue.status = 'dead' OR (work_queue.status = 'queued' AND work_queue.last_error IS NOT NULL))
     RETURNING work_queue.source, work_queue.delivery_id, work_queue.lane"
);

const RESET_PLANE: Statement = Statement {
    postgres: "UPDATE plane_webhook_deliveries SET status = 'received', processed_at = NULL
        WHERE delivery_id IN (SELECT json_array_elements_text($1::json)) RETURNING delivery_id, work_item_ref",
    sqlite: "UPDATE plane_webhook_deliveries SET status = 'received', processed_at = NULL
        WHERE delivery_id IN (SELECT value FROM json_each($1)) RETURNING delivery_id, work_item_ref",
};
const RESET_GITHUB: Statement = Statement {
    postgres: "UPDATE github_webhook_events SET status = 'pending', processed_at = NULL
        WHERE delivery_id IN (SELECT json_array_elements_text($1::json)) RETURNING delivery_id, work_item_ref",
    sqlite: "UPDATE github_webhook_events SET status = 'pending', processed_at = NULL
        WHERE delivery_id IN (SELECT value FROM json_each($1)) RETURNING delivery_id, work_item_ref",
};

const RESETS: [(Source, Statement); 2] =
    [(Source::Plane, RESET_PLANE), (Source::Github, RESET_GITHUB)];

/// A job that was queued again: whose delivery, which, its lane.
type QueuedRow = (String, String, Option<String>);

/// Why those of a batch that were not queued were not. A dropped body took its job along.
const LEFT_ALONE: Statement = statement!(
    "SELECT COALESCE(q.status = 'claimed', false) FROM ",
    rows(source "text", delivery_id "text"),
    " LEFT JOIN work_queue q ON q.source = r.source AND q.delivery_id = r.delivery_id
     WHERE q.id IS NOT NULL OR CASE r.source
        WHEN 'plane' THEN EXISTS (SELECT 1 FROM plane_webhook_deliveries p
            WHERE p.delivery_id = r.delivery_id AND p.body IS NULL)
        ELSE EXISTS (SELECT 1 FROM github_webhook_events g
            WHERE g.delivery_id = r.delivery_id AND g.body IS NULL) END"
);

impl Store {
    /// What a replay of all that match would reach, counted up to `most` deliveries of each source.
    pub async fn replay_groups(
        &self,
        filter: &DeliveryFilter,
        after: Option<&DeliveryCursor>,
        most: i64,
    ) -> StoreResult<Vec<ReplayGroup>> {
        let mut search = Search::default();
        let halves = search.halves(filter, after);
        let most = search.number(most);
        let halves = halves.into_iter().map(|(half, conditions)| {
            let Half { source, table, status, repository, .. } = half;
            format!(
                "SELECT * FROM (SELECT '{source}' AS source, {status} AS status, {repository} AS repository,
                    CASE WHEN d.body IS NULL THEN 'dropped'
                        WHEN d.delivery_id IN (SELECT c.delivery_id FROM work_queue c
                            WHERE c.status = 'claimed' AND c.source = '{source}') THEN 'running'
                        ELSE 'queued' END AS fate
                FROM {table} d WHERE {conditions} LIMIT {most}) {table}"
            )
        });
        let halves: Vec<String> = halves.collect();
        if halves.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!(
            "SELECT source, status, repository, fate, count(*) AS count FROM ({}) found
            GROUP BY source, status, repository, fate ORDER BY source, status, repository, fate",
            halves.join(" UNION ALL ")
        );
        let rows: Vec<GroupRow> =
            on_reader!(self, pool => run_search!(query_as, search, text, pool));
        rows.into_iter()
            .map(|row| {
                Ok(ReplayGroup {
                    source: row.source.parse().map_err(|e| unreadable("source", e))?,
                    status: row.status.parse().map_err(|e| unreadable("status", e))?,
                    repository: row.repository.map(RepositorySyncId),
                    fate: match row.fate.as_str() {
                        "dropped" => ReplayFate::BodyDropped,
                        "running" => ReplayFate::Running,
                        _ => ReplayFate::Queued,
                    },
                    count: row.count,
                })
            })
            .collect()
    }

    /// Runs a delivery again, whatever its end was; its attempts begin anew.
    pub async fn replay(
        &self,
        source: Source,
        id: &DeliveryId,
        now: Timestamp,
    ) -> StoreResult<Replayed> {
        let batch = self.replay_batch(&[(source, id)], now).await?;
        Ok(match batch {
            ReplayedBatch { queued: 1.., .. } => Replayed::Queued,
            ReplayedBatch { running: 1.., .. } => Replayed::Running,
            ReplayedBatch { dropped: 1.., .. } => Replayed::Dropped,
            ReplayedBatch { .. } => Replayed::Unknown,
        })
    }

    /// Runs deliveries again in one transaction: some hundreds at a time are quick and keep no
    /// worker waiting. What does not exist counts nowhere.
    pub async fn replay_batch(
        &self,
        deliveries: &[(Source, &DeliveryId)],
        now: Timestamp,
    ) -> StoreResult<ReplayedBatch> {
        self.requeue(REQUEUE, Class::Replay, deliveries, "queued again by hand", now).await
    }

    /// Runs those again that have ended: what they tell of was found to differ once more.
    pub(super) async fn replay_ended(
        &self,
        source: Source,
        ids: &[&DeliveryId],
        now: Timestamp,
    ) -> StoreResult<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let which: Vec<_> = ids.iter().map(|id| (source, *id)).collect();
        let why = "queued again: it was found to differ once more";
        Ok(self.requeue(REQUEUE, Class::Reconcile, &which, why, now).await?.queued)
    }

    /// Runs a failed delivery again because its sender repeated it; whether it was one.
    pub(super) async fn requeue_failed(
        &self,
        source: Source,
        id: &DeliveryId,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let reason = "queued again: its sender repeated it";
        let which = [(source, id)];
        let batch = self.requeue(REQUEUE_FAILED, Class::Live, &which, reason, now).await?;
        Ok(batch.queued > 0)
    }

    async fn requeue(
        &self,
        requeue: Statement,
        class: Class,
        deliveries: &[(Source, &DeliveryId)],
        reason: &str,
        now: Timestamp,
    ) -> StoreResult<ReplayedBatch> {
        let names = deliveries
            .iter()
            .map(|(source, id)| NameRow { source: source.as_str(), delivery_id: id.as_str() });
        let names = to_json(&names.collect::<Vec<_>>())?;
        macro_rules! requeue {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let queued: Vec<QueuedRow> = sqlx::query_as(requeue.$dialect)
                    .bind(&names)
                    .bind(At(now))
                    .bind(class.number())
                    .fetch_all(&mut *transaction)
                    .await?;
                let mut revised = Vec::new();
                for (source, reset) in RESETS {
                    let ids = ids_of(source, &queued);
                    if ids.is_empty() {
                        continue;
                    }
                    let items: Vec<(String, Option<String>)> = sqlx::query_as(reset.$dialect)
                        .bind(to_json(&ids)?)
                        .fetch_all(&mut *transaction)
                        .await?;
                    sqlx::query(APPEND_TIMELINE.$dialect)
                        .bind(entries(source, &items, reason, now)?)
                        .execute(&mut *transaction)
                        .await?;
                    revised.extend(items.into_iter().filter_map(|(_, item)| item));
                }
                let mut claimed: Vec<bool> = Vec::new();
                if queued.len() < deliveries.len() {
                    claimed = sqlx::query_scalar(LEFT_ALONE.$dialect)
                        .bind(&names)
                        .fetch_all(&mut *transaction)
                        .await?;
                }
                refresh::$dialect(&mut transaction, shown(&queued), Vec::new()).await?;
                sqlx::query(REVISE.$dialect)
                    .bind(to_json(&revised)?)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                ReplayedBatch::of(queued.len() as u64, &claimed)
            }};
        }
        let _turn = self.turn().await;
        let batch = match &self.database {
            Database::Postgres(pool) => requeue!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                requeue!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite)
            }
        };
        self.tell_changed();
        Ok(batch)
    }
}

impl ReplayedBatch {
    /// From how many were queued, and of all that exist whether each is being worked on, where
    /// some were left alone.
    fn of(queued: u64, claimed: &[bool]) -> Self {
        let running = claimed.iter().filter(|claimed| **claimed).count() as u64;
        let known = claimed.len() as u64;
        Self { queued, running, dropped: known.saturating_sub(queued + running) }
    }
}

/// The items whose cards tell of these jobs.
fn shown(queued: &[QueuedRow]) -> Vec<String> {
    queued.iter().filter_map(|(_, _, lane)| refresh::item_of_lane(lane.as_deref()?)).collect()
}

fn ids_of(source: Source, queued: &[QueuedRow]) -> Vec<&str> {
    let of = queued.iter().filter(|(s, ..)| s == source.as_str());
    of.map(|(_, id, _)| id.as_str()).collect()
}

/// The timeline's lines of those that were queued again.
fn entries(
    source: Source,
    items: &[(String, Option<String>)],
    reason: &str,
    now: Timestamp,
) -> StoreResult<String> {
    let rows = items.iter().map(|(delivery_id, item)| EntryRow {
        work_item_ref: item.as_deref(),
        source: source.as_str(),
        delivery_id,
        attempt: 0,
        at: to_text(now),
        outcome: EntryOutcome::Replayed.as_str(),
        reason,
        changes: &[],
    });
    to_json(&rows.collect::<Vec<_>>())
}
