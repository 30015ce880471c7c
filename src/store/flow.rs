//! What came when, what went wrong last, how links stand, and how work flows: the reads behind the
//! health page that belong to no other table's file.

use sqlx::FromRow;

use super::rows::Statement;
use super::time::At;
use super::{Database, Store, StoreResult, on_reader};
use crate::clock::Timestamp;

/// Cycle times that are looked at, the newest first: enough for percentiles.
const MOST_CYCLES: i64 = 20_000;

/// When something last came from a source and a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who sent it.
    pub source: String,
    /// `owner/name`; empty for the whole source.
    pub place: String,
    /// When.
    pub at: Timestamp,
}

/// The newest delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// Who sent it.
    pub source: String,
    /// `owner/name`; empty where there is none.
    pub place: String,
    /// Which delivery.
    pub delivery_id: String,
    /// When it came.
    pub at: Timestamp,
    /// Why, with the remedy.
    pub error: String,
}

/// How many linked issues of a repository stand in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCount {
    /// `owner/name`.
    pub repository: String,
    /// `pending`, `ok`, `conflict` or `broken`.
    pub status: String,
    /// How many.
    pub count: i64,
}

/// The longest silence between two events in the past, and how much past there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rhythm {
    /// Who sends them.
    pub source: String,
    /// Where they belong; empty for the whole source.
    pub place: String,
    /// Seconds of the longest silence.
    pub longest_gap: i64,
    /// Seconds since 1970 of the first of them.
    pub first: i64,
    /// How many there were.
    pub events: i64,
}

/// An item that was completed.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// Its project.
    pub project: String,
    /// Seconds from its creation to its completion.
    pub seconds: f64,
}

/// Items that are not completed, by age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWork {
    /// Their project.
    pub project: String,
    /// One of their keys, which tells what people call the project.
    pub key: Option<String>,
    /// Younger than a day, a week, four weeks, and older.
    pub ages: [i64; 4],
}

#[derive(FromRow)]
struct OpenRow {
    project: String,
    key: Option<String>,
    day: i64,
    week: i64,
    month: i64,
    older: i64,
}

#[derive(FromRow)]
struct ErrorRow {
    source: String,
    place: String,
    delivery_id: String,
    at: At,
    error: String,
}

/// Since `$1`, by source and, if asked for, by place; hours without an event are silence.
macro_rules! rhythm {
    ($place:literal, $epoch:literal) => {
        concat!(
            "SELECT source, place, CAST(COALESCE(MAX(at - before), 0) AS bigint), CAST(MIN(at) AS bigint), CAST(SUM(events) AS bigint)
            FROM (
                SELECT source, place, at, events, LAG(at) OVER (PARTITION BY source, place ORDER BY at) AS before
                FROM (
                    SELECT source, ", $place, " AS place, ", $epoch, " AS at, SUM(count) AS events
                    FROM figures WHERE bucket >= $1 GROUP BY 1, 2, 3
                ) buckets
            ) gaps GROUP BY source, place"
        )
    };
}

impl Store {
    /// When something was last sent, by source and by repository; what was found by asking does not
    /// count.
    pub async fn last_seen(&self) -> StoreResult<Vec<Seen>> {
        const SEEN: &str = "SELECT 'plane', '', (SELECT received_at FROM plane_webhook_deliveries
                WHERE origin = 'webhook' ORDER BY received_at DESC LIMIT 1)
            UNION ALL SELECT 'github', '', (SELECT created_at FROM github_webhook_events
                WHERE origin = 'webhook' ORDER BY created_at DESC LIMIT 1)
            UNION ALL SELECT 'github', r.repository,
                (SELECT d.created_at FROM github_webhook_events d
                    WHERE d.repository_sync = r.id AND d.origin = 'webhook' ORDER BY d.created_at DESC LIMIT 1)
                FROM repository_syncs r";
        let rows: Vec<(String, String, Option<At>)> =
            on_reader!(self, pool => sqlx::query_as(SEEN).fetch_all(pool).await?);
        let seen =
            |(source, place, at): (_, _, Option<At>)| Some(Seen { source, place, at: at?.0 });
        Ok(rows.into_iter().filter_map(seen).collect())
    }

    /// The newest failed delivery of Plane's and of each repository.
    pub async fn last_errors(&self) -> StoreResult<Vec<LastError>> {
        const ERRORS: &str = "SELECT * FROM (
                SELECT 'plane' AS source, '' AS place, delivery_id, received_at AS at, COALESCE(last_error, '') AS error
                FROM plane_webhook_deliveries WHERE status = 'failed' ORDER BY received_at DESC LIMIT 1
            ) plane
            UNION ALL
            SELECT source, place, delivery_id, at, error FROM (
                SELECT 'github' AS source, COALESCE(r.repository, '') AS place, d.delivery_id, d.created_at AS at,
                    COALESCE(d.error_message, '') AS error,
                    ROW_NUMBER() OVER (PARTITION BY d.repository_sync ORDER BY d.created_at DESC) AS nth
                FROM github_webhook_events d LEFT JOIN repository_syncs r ON r.id = d.repository_sync
                WHERE d.status = 'failed'
            ) github WHERE nth = 1";
        let rows: Vec<ErrorRow> =
            on_reader!(self, pool => sqlx::query_as(ERRORS).fetch_all(pool).await?);
        let error = |row: ErrorRow| LastError {
            source: row.source,
            place: row.place,
            delivery_id: row.delivery_id,
            at: row.at.0,
            error: row.error,
        };
        Ok(rows.into_iter().map(error).collect())
    }

    /// How linked issues stand, by repository.
    pub async fn link_counts(&self) -> StoreResult<Vec<LinkCount>> {
        const LINKS: &str = "SELECT repository, status, COUNT(*) FROM issue_links
            GROUP BY repository, status ORDER BY repository, status";
        let rows: Vec<(String, String, i64)> =
            on_reader!(self, pool => sqlx::query_as(LINKS).fetch_all(pool).await?);
        let count = |(repository, status, count)| LinkCount { repository, status, count };
        Ok(rows.into_iter().map(count).collect())
    }

    /// How events came since `since`, by source and by place.
    pub async fn rhythms(&self, since: Timestamp) -> StoreResult<Vec<Rhythm>> {
        const RHYTHMS: [Statement; 2] = [
            Statement {
                postgres: rhythm!("''", "extract(epoch FROM bucket)"),
                sqlite: rhythm!("''", "unixepoch(bucket)"),
            },
            Statement {
                postgres: rhythm!("place", "extract(epoch FROM bucket)"),
                sqlite: rhythm!("place", "unixepoch(bucket)"),
            },
        ];
        let mut rhythms: Vec<Rhythm> = Vec::new();
        for statement in RHYTHMS {
            let rows: Vec<(String, String, i64, i64, i64)> = match &self.database {
                Database::Postgres(pool) => {
                    sqlx::query_as(statement.postgres).bind(At(since)).fetch_all(pool).await?
                }
                Database::Sqlite { reader, .. } => {
                    sqlx::query_as(statement.sqlite).bind(At(since)).fetch_all(reader).await?
                }
            };
            let rhythm = |(source, place, longest_gap, first, events)| Rhythm {
                source,
                place,
                longest_gap,
                first,
                events,
            };
            let known = !rhythms.is_empty();
            // The second time an empty place is what belongs nowhere, not the whole source.
            rhythms.extend(
                rows.into_iter().map(rhythm).filter(|r: &Rhythm| !known || !r.place.is_empty()),
            );
        }
        Ok(rhythms)
    }

    /// The newest items that were completed since `since`.
    pub async fn cycles(&self, since: Timestamp) -> StoreResult<Vec<Cycle>> {
        macro_rules! cycles {
            ($seconds:literal) => {
                concat!(
                    "SELECT project_ref, CAST(", $seconds, " AS double precision) FROM work_items
                    WHERE completed_at >= $1 AND created_at IS NOT NULL AND deleted_at IS NULL AND state_group = 'completed'
                    ORDER BY completed_at DESC LIMIT $2"
                )
            };
        }
        const CYCLES: Statement = Statement {
            postgres: cycles!("extract(epoch FROM completed_at - created_at)"),
            sqlite: cycles!("unixepoch(completed_at) - unixepoch(created_at)"),
        };
        let rows: Vec<(String, f64)> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(CYCLES.postgres)
                    .bind(At(since))
                    .bind(MOST_CYCLES)
                    .fetch_all(pool)
                    .await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(CYCLES.sqlite)
                    .bind(At(since))
                    .bind(MOST_CYCLES)
                    .fetch_all(reader)
                    .await?
            }
        };
        Ok(rows.into_iter().map(|(project, seconds)| Cycle { project, seconds }).collect())
    }

    /// Items that are not completed, by project and age, the project with the most first.
    pub async fn open_work(&self, now: Timestamp) -> StoreResult<Vec<OpenWork>> {
        const OPEN: &str = "SELECT project_ref AS project, MAX(key) AS key,
                COUNT(CASE WHEN created_at > $1 THEN 1 END) AS day,
                COUNT(CASE WHEN created_at <= $1 AND created_at > $2 THEN 1 END) AS week,
                COUNT(CASE WHEN created_at <= $2 AND created_at > $3 THEN 1 END) AS month,
                COUNT(CASE WHEN created_at <= $3 OR created_at IS NULL THEN 1 END) AS older
            FROM work_items
            WHERE deleted_at IS NULL AND (state_group IS NULL OR state_group IN ('backlog', 'unstarted', 'started'))
            GROUP BY project_ref ORDER BY COUNT(*) DESC, project_ref LIMIT 50";
        let [day, week, month] = [1, 7, 28].map(|days| At(now - chrono::TimeDelta::days(days)));
        let rows: Vec<OpenRow> = on_reader!(self, pool => sqlx::query_as(OPEN).bind(day).bind(week).bind(month).fetch_all(pool).await?);
        let open = |row: OpenRow| OpenWork {
            project: row.project,
            key: row.key,
            ages: [row.day, row.week, row.month, row.older],
        };
        Ok(rows.into_iter().map(open).collect())
    }
}
