//! The queue as it is, by source and by repository, and what it was each minute.

use sqlx::FromRow;

use super::rows::Statement;
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;

/// Jobs that are looked at when they are told apart by repository: enough for any day, and a bound
/// for the worst one.
const MOST_JOBS: i64 = 20_000;

/// What waits of one source and stage, or of one repository.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Whose deliveries.
    pub source: String,
    /// `read` or `sync`; empty where stages are not told apart.
    pub stage: String,
    /// `owner/name`; empty where places are not told apart.
    pub place: String,
    /// Jobs that wait.
    pub queued: i64,
    /// Jobs in work.
    pub claimed: i64,
    /// Jobs that failed for good.
    pub dead: i64,
    /// Jobs that failed and wait for another attempt.
    pub retrying: i64,
    /// When the oldest waiting job became due.
    pub oldest: Option<Timestamp>,
    /// When the first of the dead ones died.
    pub dead_since: Option<Timestamp>,
}

#[derive(FromRow)]
struct WaitingRow {
    source: String,
    stage: String,
    place: String,
    queued: i64,
    claimed: i64,
    dead: i64,
    retrying: i64,
    oldest: Option<At>,
    dead_since: Option<At>,
}

impl From<WaitingRow> for Waiting {
    fn from(row: WaitingRow) -> Self {
        Self {
            source: row.source,
            stage: row.stage,
            place: row.place,
            queued: row.queued,
            claimed: row.claimed,
            dead: row.dead,
            retrying: row.retrying,
            oldest: row.oldest.map(|at| at.0),
            dead_since: row.dead_since.map(|at| at.0),
        }
    }
}

macro_rules! waiting {
    ($columns:literal, $from:literal) => {
        concat!(
            "SELECT ", $columns, ",
                COUNT(CASE WHEN q.status = 'queued' THEN 1 END) AS queued,
                COUNT(CASE WHEN q.status = 'claimed' THEN 1 END) AS claimed,
                COUNT(CASE WHEN q.status = 'dead' THEN 1 END) AS dead,
                COUNT(CASE WHEN q.status = 'queued' AND q.last_error IS NOT NULL THEN 1 END) AS retrying,
                MIN(CASE WHEN q.status = 'queued' THEN q.available_at END) AS oldest,
                MIN(CASE WHEN q.status = 'dead' THEN q.finished_at END) AS dead_since
            FROM ", $from, " GROUP BY 1, 2, 3"
        )
    };
}

/// What the queue held in one minute or, of several, at its worst.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueueSample {
    /// Seconds since 1970 at which the minute or the slot begins.
    pub slot: i64,
    /// Jobs that waited.
    pub waiting: i64,
    /// Seconds since the oldest of them was due.
    pub oldest_seconds: f64,
}

impl Store {
    /// What waits, by source and stage.
    pub async fn waiting_by_source(&self) -> StoreResult<Vec<Waiting>> {
        const BY_SOURCE: &str = waiting!(
            "q.source AS source, q.stage AS stage, '' AS place",
            "work_queue q WHERE q.status IN ('queued', 'claimed', 'dead')"
        );
        let rows: Vec<WaitingRow> =
            on_reader!(self, pool => sqlx::query_as(BY_SOURCE).fetch_all(pool).await?);
        Ok(rows.into_iter().map(Waiting::from).collect())
    }

    /// What waits, by repository, of the first 20,000 jobs.
    pub async fn waiting_by_repository(&self) -> StoreResult<Vec<Waiting>> {
        const BY_REPOSITORY: &str = waiting!(
            "q.source AS source, '' AS stage, r.repository AS place",
            "(SELECT * FROM work_queue WHERE status IN ('queued', 'claimed', 'dead') AND source = 'github' LIMIT $1) q
                JOIN github_webhook_events d ON d.delivery_id = q.delivery_id
                JOIN repository_syncs r ON r.id = d.repository_sync"
        );
        let rows: Vec<WaitingRow> = on_reader!(self, pool => sqlx::query_as(BY_REPOSITORY).bind(MOST_JOBS).fetch_all(pool).await?);
        Ok(rows.into_iter().map(Waiting::from).collect())
    }

    /// Keeps what the queue holds in this minute, unless another process has done so.
    pub async fn put_queue_sample(
        &self,
        minute: Timestamp,
        waiting: i64,
        working: i64,
        dead: i64,
        oldest_seconds: f64,
    ) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO queue_samples (at, waiting, working, dead, oldest_seconds)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        on_writer!(self, pool => sqlx::query(PUT).bind(At(minute)).bind(waiting).bind(working).bind(dead)
            .bind(oldest_seconds).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// The worst of each slot of `step` seconds, since a time that is the beginning of one.
    pub async fn queue_samples(
        &self,
        since: Timestamp,
        step: i64,
    ) -> StoreResult<Vec<QueueSample>> {
        macro_rules! samples {
            ($slot:literal) => {
                concat!(
                    "SELECT CAST(",
                    $slot,
                    " AS bigint), MAX(waiting), MAX(oldest_seconds)
                    FROM queue_samples WHERE at >= $1 GROUP BY 1 ORDER BY 1"
                )
            };
        }
        const SAMPLES: Statement = Statement {
            postgres: samples!(
                "floor(extract(epoch FROM at) / CAST($2 AS bigint)) * CAST($2 AS bigint)"
            ),
            sqlite: samples!("unixepoch(at) / $2 * $2"),
        };
        let rows: Vec<(i64, i64, f64)> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(SAMPLES.postgres).bind(At(since)).bind(step).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(SAMPLES.sqlite).bind(At(since)).bind(step).fetch_all(reader).await?
            }
        };
        let sample =
            |(slot, waiting, oldest_seconds)| QueueSample { slot, waiting, oldest_seconds };
        Ok(rows.into_iter().map(sample).collect())
    }

    /// Forgets samples of the queue and of quotas, processes that are gone, and alarms and notices
    /// that are long over.
    pub async fn purge_samples(&self, before: Timestamp, gone: Timestamp) -> StoreResult<()> {
        const PURGES: [&str; 5] = [
            "DELETE FROM queue_samples WHERE at < $1",
            "DELETE FROM quota_samples WHERE at < $1",
            "DELETE FROM alarms WHERE cleared_at < $1",
            "DELETE FROM alarm_notices WHERE made_at < $1",
            "DELETE FROM processes WHERE seen_at < $1",
        ];
        for (at, purge) in PURGES.into_iter().enumerate() {
            let before = if at == 4 { gone } else { before };
            on_writer!(self, pool => sqlx::query(purge).bind(At(before)).execute(pool).await.map(drop))?;
        }
        Ok(())
    }
}
