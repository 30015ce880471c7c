//! The queue as it is, by source and by repository, and what it was each minute.

use sqlx::FromRow;

use super::rows::Statement;
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;
use crate::quota::Class;

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

/// What waits in the second stage, for other systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassWaiting {
    /// How soon it has a claim on their quotas.
    pub class: Class,
    /// How many jobs.
    pub jobs: i64,
    /// Of those the ones that are due.
    pub due: i64,
    /// When the next of them is due.
    pub next: Timestamp,
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

/// What is not worked off. Each arm has an index that holds nothing else; of one condition for all
/// neither database sees that, and reads every job that there ever was.
macro_rules! open_jobs {
    ($columns:literal, $and:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM work_queue WHERE status = 'queued' AND stage = 'read'",
            $and,
            " UNION ALL SELECT ",
            $columns,
            " FROM work_queue WHERE status = 'queued' AND stage = 'sync'",
            $and,
            " UNION ALL SELECT ",
            $columns,
            " FROM work_queue WHERE status = 'claimed'",
            $and,
            " UNION ALL SELECT ",
            $columns,
            " FROM work_queue WHERE status = 'dead'",
            $and
        )
    };
}

macro_rules! waiting {
    ($columns:literal, $jobs:expr, $joined:literal) => {
        concat!(
            "SELECT ", $columns, ",
                COUNT(CASE WHEN q.status = 'queued' THEN 1 END) AS queued,
                COUNT(CASE WHEN q.status = 'claimed' THEN 1 END) AS claimed,
                COUNT(CASE WHEN q.status = 'dead' THEN 1 END) AS dead,
                COUNT(CASE WHEN q.status = 'queued' AND q.last_error IS NOT NULL THEN 1 END) AS retrying,
                MIN(CASE WHEN q.status = 'queued' THEN q.available_at END) AS oldest,
                MIN(CASE WHEN q.status = 'dead' THEN q.finished_at END) AS dead_since
            FROM (", $jobs, ") q", $joined, " GROUP BY 1, 2, 3"
        )
    };
}

const BY_SOURCE: &str = waiting!(
    "q.source AS source, q.stage AS stage, '' AS place",
    open_jobs!("source, stage, status, last_error, available_at, finished_at", ""),
    ""
);
const BY_REPOSITORY: &str = waiting!(
    "q.source AS source, '' AS stage, r.repository AS place",
    concat!(
        "SELECT * FROM (",
        open_jobs!(
            "source, delivery_id, status, last_error, available_at, finished_at",
            " AND source = 'github'"
        ),
        ") o LIMIT $1"
    ),
    " JOIN github_webhook_events d ON d.delivery_id = q.delivery_id
      JOIN repository_syncs r ON r.id = d.repository_sync"
);

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
    /// What waits for other systems, by class; an index holds all that this reads.
    pub async fn waiting_by_class(&self, now: Timestamp) -> StoreResult<Vec<ClassWaiting>> {
        const BY_CLASS: &str = "SELECT CAST(class AS bigint), COUNT(*),
                COUNT(CASE WHEN available_at <= $1 THEN 1 END), MIN(available_at)
            FROM work_queue WHERE status = 'queued' AND stage = 'sync' GROUP BY class ORDER BY class";
        let rows: Vec<(i64, i64, i64, At)> = on_reader!(self, pool => sqlx::query_as(BY_CLASS)
            .bind(At(now)).fetch_all(pool).await?);
        let waiting = |(class, jobs, due, next): (i64, i64, i64, At)| ClassWaiting {
            class: Class::of_number(class),
            jobs,
            due,
            next: next.0,
        };
        Ok(rows.into_iter().map(waiting).collect())
    }

    /// What waits, by source and stage.
    pub async fn waiting_by_source(&self) -> StoreResult<Vec<Waiting>> {
        let rows: Vec<WaitingRow> =
            on_reader!(self, pool => sqlx::query_as(BY_SOURCE).fetch_all(pool).await?);
        Ok(rows.into_iter().map(Waiting::from).collect())
    }

    /// What waits, by repository, of the first 20,000 jobs.
    pub async fn waiting_by_repository(&self) -> StoreResult<Vec<Waiting>> {
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

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;
    use crate::store::DatabaseUrl;

    /// `PostgreSQL` has the same partial indexes; on tables as small as a test's it would scan all
    /// the same, so the plan is looked at here.
    #[tokio::test]
    async fn what_waits_is_counted_without_reading_what_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("jetbridge.db"));
        let store = Store::open(&url).await.unwrap();
        let Database::Sqlite { writer, .. } = &store.database else { panic!("SQLite") };
        for counted in [BY_SOURCE, BY_REPOSITORY] {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {counted}"));
            let plan = sqlx::query(explain).bind(1).fetch_all(writer).await.unwrap();
            let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            let reads = |step: &&String| step.contains("work_queue");
            assert_eq!(steps.iter().filter(reads).count(), 4, "{steps:#?}");
            for step in steps.iter().filter(reads) {
                assert!(step.contains("INDEX work_queue_"), "{step} in {steps:#?}");
            }
        }
    }
}
