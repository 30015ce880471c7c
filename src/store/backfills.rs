//! How far issues from before the connection have been fetched, and what became of them.
//!
//! A row a repository holds where the walk goes on. What was put in is counted from the inbox itself,
//! so the counts are right whatever was killed when.

use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;
use crate::ids::RepositorySyncId;
use crate::timeline::LEFT_OUT;

/// Where a walk goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRow {
    /// Whose issues.
    pub repository: RepositorySyncId,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When it last moved.
    pub moved_at: Timestamp,
    /// What changed since then is next; `None` is everything.
    pub since: Option<Timestamp>,
    /// The page of that, from 1.
    pub page: u32,
    /// Issues and pull requests that there were at the beginning, where GitHub told.
    pub total: Option<u64>,
    /// When its end was reached.
    pub walked_at: Option<Timestamp>,
    /// Why it does not move, and what to do.
    pub problem: Option<String>,
}

/// What became of what was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackfillCounts {
    /// Issues and pull requests.
    pub issues: u64,
    /// Comments on them.
    pub comments: u64,
    /// Of both, what waits or is being worked on.
    pub waiting: u64,
    /// Of both, what failed for good.
    pub failed: u64,
    /// Of both, what filter or rules leave out of Plane: it is worked off.
    pub left_out: u64,
}

#[derive(FromRow)]
struct Row {
    repository_sync: i64,
    started_at: At,
    moved_at: At,
    since: Option<At>,
    page: i64,
    total: Option<i64>,
    walked_at: Option<At>,
    problem: Option<String>,
}

impl From<Row> for BackfillRow {
    fn from(row: Row) -> Self {
        Self {
            repository: RepositorySyncId(row.repository_sync),
            started_at: row.started_at.0,
            moved_at: row.moved_at.0,
            since: row.since.map(|at| at.0),
            page: u32::try_from(row.page).unwrap_or(1),
            total: row.total.and_then(|n| u64::try_from(n).ok()),
            walked_at: row.walked_at.map(|at| at.0),
            problem: row.problem,
        }
    }
}

impl Store {
    /// All walks, those under way and those that ended.
    pub async fn backfills(&self) -> StoreResult<Vec<BackfillRow>> {
        const LIST: &str =
            "SELECT repository_sync, started_at, moved_at, since, page, total, walked_at, problem
            FROM backfills ORDER BY repository_sync";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await?);
        Ok(rows.into_iter().map(BackfillRow::from).collect())
    }

    /// Says where a walk goes on.
    pub async fn put_backfill(&self, row: &BackfillRow) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO backfills
                (repository_sync, started_at, moved_at, since, page, total, walked_at, problem)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (repository_sync) DO UPDATE SET started_at = excluded.started_at,
                moved_at = excluded.moved_at, since = excluded.since, page = excluded.page,
                total = excluded.total, walked_at = excluded.walked_at, problem = excluded.problem";
        let total = row.total.and_then(|n| i64::try_from(n).ok());
        on_writer!(self, pool => sqlx::query(PUT).bind(row.repository.0).bind(At(row.started_at))
            .bind(At(row.moved_at)).bind(row.since.map(At)).bind(i64::from(row.page)).bind(total)
            .bind(row.walked_at.map(At)).bind(row.problem.as_deref()).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Of what was put in for a repository, how much waits or is being worked on.
    pub async fn backfill_waiting(&self, repository: RepositorySyncId) -> StoreResult<u64> {
        // With the event's name the index on it and the status serves.
        const COUNT: &str = "SELECT count(*) FROM github_webhook_events
            WHERE event_type IN ('issues', 'issue_comment') AND status IN ('pending', 'processing')
              AND repository_sync = $1 AND origin = 'backfill'";
        let waiting: i64 = on_reader!(self, pool =>
            sqlx::query_scalar(COUNT).bind(repository.0).fetch_one(pool).await?);
        Ok(u64::try_from(waiting).unwrap_or_default())
    }

    /// What became of what was put in for a repository.
    pub async fn backfill_counts(
        &self,
        repository: RepositorySyncId,
    ) -> StoreResult<BackfillCounts> {
        const COUNT: &str = "SELECT event_type, status, count(*),
                sum(CASE WHEN substr(result, 1, length($2)) = $2 THEN 1 ELSE 0 END)
            FROM github_webhook_events
            WHERE repository_sync = $1 AND origin = 'backfill' GROUP BY event_type, status";
        let rows: Vec<(String, String, i64, i64)> = on_reader!(self, pool =>
            sqlx::query_as(COUNT).bind(repository.0).bind(LEFT_OUT).fetch_all(pool).await?);
        let mut counts = BackfillCounts::default();
        for (event, status, count, left_out) in rows {
            let count = u64::try_from(count).unwrap_or_default();
            if status == "completed" {
                counts.left_out += u64::try_from(left_out).unwrap_or_default();
            }
            match event.as_str() {
                "issue_comment" => counts.comments += count,
                _ => counts.issues += count,
            }
            match status.as_str() {
                "pending" | "processing" => counts.waiting += count,
                "failed" => counts.failed += count,
                _ => {}
            }
        }
        Ok(counts)
    }
}
