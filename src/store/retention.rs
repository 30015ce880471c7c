//! Letting go of what is no longer needed, a small batch a transaction, so that nobody waits for it.
//!
//! Of a delivery only the body goes, and with it its row in the queue, which without a body could
//! only fail: id, hashes and outcome stay, so that repeats are known for ever. Only what was worked
//! off is let go of; what waits, failed or is dead keeps its body whatever its age.
//!
//! Races, and what decides them:
//! - *A replay of a delivery whose body is about to go.* Both take the queue's row first: retention
//!   passes over rows that are held, and a replay that comes second finds none and says that the
//!   body was dropped.
//! - *Two processes at once.* Each passes over what the other holds.

use sqlx::Row;

use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::sources::Source;

/// What a batch let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Rows.
    pub rows: u64,
    /// Bytes of bodies as they were received.
    pub bytes: u64,
}

/// Bodies that are old enough to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Droppable {
    /// How many.
    pub count: u64,
    /// Their bytes as they were received.
    pub bytes: u64,
    /// When the oldest was received.
    pub oldest: Option<Timestamp>,
    /// When the newest was received.
    pub newest: Option<Timestamp>,
}

/// What is purged by its age, besides bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aged {
    /// Writes that have ended, but for the newest of each item that was settled: echoes
    /// are told by it.
    WriteIntents,
    /// Lines of the timeline.
    Timeline,
}

macro_rules! candidates {
    ($table:literal, $time:literal, $done:literal) => {
        concat!(
            "SELECT d.delivery_id FROM ",
            $table,
            " d WHERE d.status = '",
            $done,
            "' AND d.body IS NOT NULL AND d.",
            $time,
            " < $1 ORDER BY d.",
            $time,
            " LIMIT $2"
        )
    };
}
const PLANE_OLD: &str = candidates!("plane_webhook_deliveries", "received_at", "processed");
const GITHUB_OLD: &str = candidates!("github_webhook_events", "created_at", "completed");

/// The queue's rows go first; those that somebody holds are passed over.
const TAKE_JOBS: Statement = Statement {
    postgres: "
        DELETE FROM work_queue WHERE id IN (
            SELECT id FROM work_queue WHERE source = $2 AND status = 'done'
              AND delivery_id IN (SELECT json_array_elements_text($1::json))
            ORDER BY id FOR UPDATE SKIP LOCKED)",
    sqlite: "
        DELETE FROM work_queue WHERE source = $2 AND status = 'done'
          AND delivery_id IN (SELECT value FROM json_each($1))",
};

/// What still has its row in the queue is held by somebody.
///
/// A dropped body leaves a hole in its page. `PostgreSQL` fills it with new rows; SQLite appends new
/// rows at the end and would keep a page for each row, so there the row moves to the end, where
/// those without a body lie close together, and its page is free.
macro_rules! drop_bodies {
    ($table:literal, $source:literal) => {
        Statement {
            postgres: concat!(
                "UPDATE ",
                $table,
                " SET body = NULL, body_dropped_at = $2
                 WHERE delivery_id IN (SELECT json_array_elements_text($1::json)) AND NOT EXISTS (
                    SELECT 1 FROM work_queue q WHERE q.source = '",
                $source,
                "' AND q.delivery_id = ",
                $table,
                ".delivery_id) RETURNING body_bytes"
            ),
            sqlite: concat!(
                "UPDATE ",
                $table,
                " SET _rowid_ = moved.place, body = NULL, body_dropped_at = $2
                 FROM (SELECT old._rowid_ AS id, (SELECT max(_rowid_) FROM ",
                $table,
                ") + row_number() OVER (ORDER BY old._rowid_) AS place FROM ",
                $table,
                " AS old WHERE old.delivery_id IN (SELECT value FROM json_each($1)) AND NOT EXISTS (
                    SELECT 1 FROM work_queue q WHERE q.source = '",
                $source,
                "' AND q.delivery_id = old.delivery_id)) AS moved
                 WHERE ",
                $table,
                "._rowid_ = moved.id RETURNING body_bytes"
            ),
        }
    };
}
const DROP_PLANE: Statement = drop_bodies!("plane_webhook_deliveries", "plane");
const DROP_GITHUB: Statement = drop_bodies!("github_webhook_events", "github");

const OLD_INTENTS: &str = "
    DELETE FROM write_intents WHERE id IN (
        SELECT w.id FROM write_intents w
        WHERE w.ended_at < $1 AND EXISTS (
            SELECT 1 FROM write_intents n WHERE n.issue_link = w.issue_link AND n.id > w.id
              AND n.status = 'settled' AND n.kind IN ('create_item', 'update_item'))
        ORDER BY w.ended_at LIMIT $2)";
/// The oldest lines have the smallest ids, so the first ones tell whether there is anything to do.
const OLD_TIMELINE: &str = "
    DELETE FROM timeline WHERE id IN (
        SELECT id FROM (SELECT id, at FROM timeline ORDER BY id LIMIT $2) AS first WHERE at < $1)";

macro_rules! drop_batch {
    ($transaction:expr, $dialect:ident, $source:expr, $old:expr, $drop:expr, $before:expr, $limit:expr, $now:expr) => {{
        let mut transaction = $transaction;
        let old: Vec<String> = sqlx::query_scalar($old)
            .bind(At($before))
            .bind($limit)
            .fetch_all(&mut *transaction)
            .await?;
        let ids = to_json(&old)?;
        sqlx::query(TAKE_JOBS.$dialect)
            .bind(&ids)
            .bind($source.as_str())
            .execute(&mut *transaction)
            .await?;
        let bytes: Vec<i64> = sqlx::query_scalar($drop.$dialect)
            .bind(ids)
            .bind(At($now))
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let total: i64 = bytes.iter().sum();
        Purged { rows: bytes.len() as u64, bytes: u64::try_from(total).unwrap_or(0) }
    }};
}

impl Store {
    /// How many bodies of a source are older than `before` and may go.
    pub async fn droppable_bodies(
        &self,
        source: Source,
        before: Timestamp,
    ) -> StoreResult<Droppable> {
        const PLANE: &str = "
            SELECT count(*), CAST(COALESCE(sum(body_bytes), 0) AS bigint), min(received_at), max(received_at)
            FROM plane_webhook_deliveries WHERE status = 'processed' AND body IS NOT NULL AND received_at < $1";
        const GITHUB: &str = "
            SELECT count(*), CAST(COALESCE(sum(body_bytes), 0) AS bigint), min(created_at), max(created_at)
            FROM github_webhook_events WHERE status = 'completed' AND body IS NOT NULL AND created_at < $1";
        let count = match source {
            Source::Plane => PLANE,
            Source::Github => GITHUB,
        };
        let row: (i64, i64, Option<At>, Option<At>) = on_reader!(self, pool => sqlx::query_as(count)
            .bind(At(before)).fetch_one(pool).await?);
        Ok(Droppable {
            count: u64::try_from(row.0).unwrap_or(0),
            bytes: u64::try_from(row.1).unwrap_or(0),
            oldest: row.2.map(|at| at.0),
            newest: row.3.map(|at| at.0),
        })
    }

    /// Drops the bodies of up to `limit` deliveries that were received before `before` and worked
    /// off, the oldest first.
    pub async fn drop_bodies(
        &self,
        source: Source,
        before: Timestamp,
        limit: i64,
        now: Timestamp,
    ) -> StoreResult<Purged> {
        let (old, drop) = match source {
            Source::Plane => (PLANE_OLD, DROP_PLANE),
            Source::Github => (GITHUB_OLD, DROP_GITHUB),
        };
        Ok(match &self.database {
            Database::Postgres(pool) => {
                drop_batch!(pool.begin().await?, postgres, source, old, drop, before, limit, now)
            }
            Database::Sqlite { writer, .. } => {
                let open = writer.begin_with("BEGIN IMMEDIATE").await?;
                drop_batch!(open, sqlite, source, old, drop, before, limit, now)
            }
        })
    }

    /// Purges up to `limit` rows that ended before `before`.
    pub async fn purge(&self, what: Aged, before: Timestamp, limit: i64) -> StoreResult<Purged> {
        let purge = match what {
            Aged::WriteIntents => OLD_INTENTS,
            Aged::Timeline => OLD_TIMELINE,
        };
        let rows = on_writer!(self, pool => sqlx::query(purge).bind(At(before)).bind(limit)
            .execute(pool).await?.rows_affected());
        Ok(Purged { rows, bytes: 0 })
    }

    /// How many rows [`Store::purge`] would purge in all.
    pub async fn purgeable(&self, what: Aged, before: Timestamp) -> StoreResult<u64> {
        const INTENTS: &str = "
            SELECT count(*) FROM write_intents w WHERE w.ended_at < $1 AND EXISTS (
                SELECT 1 FROM write_intents n WHERE n.issue_link = w.issue_link AND n.id > w.id
                  AND n.status = 'settled' AND n.kind IN ('create_item', 'update_item'))";
        const TIMELINE: &str = "SELECT count(*) FROM timeline WHERE at < $1";
        let count = match what {
            Aged::WriteIntents => INTENTS,
            Aged::Timeline => TIMELINE,
        };
        let count: i64 = on_reader!(self, pool => sqlx::query_scalar(count).bind(At(before))
            .fetch_one(pool).await?);
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// When retention dropped a delivery's body; `None` where it did not.
    pub async fn body_dropped_at(
        &self,
        source: Source,
        id: &DeliveryId,
    ) -> StoreResult<Option<Timestamp>> {
        const PLANE: &str =
            "SELECT body_dropped_at FROM plane_webhook_deliveries WHERE delivery_id = $1";
        const GITHUB: &str =
            "SELECT body_dropped_at FROM github_webhook_events WHERE delivery_id = $1";
        let ask = match source {
            Source::Plane => PLANE,
            Source::Github => GITHUB,
        };
        let row: Option<Option<At>> = on_reader!(self, pool => sqlx::query_scalar(ask)
            .bind(id.as_str()).fetch_optional(pool).await?);
        Ok(row.flatten().map(|at| at.0))
    }

    /// Bytes on disk that the database takes, the free ones in it included.
    pub async fn bytes_on_disk(&self) -> StoreResult<u64> {
        const SQLITE: &str =
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        const POSTGRES: &str = "
            SELECT CAST(COALESCE(sum(pg_total_relation_size(c.oid)), 0) AS bigint)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'ops' AND c.relkind = 'r'";
        let row = match &self.database {
            Database::Postgres(pool) => sqlx::query(POSTGRES).fetch_one(pool).await?.try_get(0),
            Database::Sqlite { reader, .. } => {
                sqlx::query(SQLITE).fetch_one(reader).await?.try_get(0)
            }
        };
        let bytes: i64 = row?;
        u64::try_from(bytes).map_err(|e| unreadable("size", e))
    }
}
