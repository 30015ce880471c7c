//! The drift ledger: how far both sides agree, which items differ and why, and how far the walk over
//! them has come.
//!
//! One walk at a time looks at a repository (`store/duties`); should two do so all the same, each
//! row says what the later one found, and the next walk puts it right.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;

use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;
use crate::drift::{DriftItem, Ledger, Position, Why};
use crate::ids::{RepositorySyncId, WorkItemRef};

/// How a repository stands, and what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its row.
    pub repository: RepositorySyncId,
    /// What is said of it.
    pub ledger: Ledger,
    /// Of the items that differ, those that are to be mended by what was put in.
    pub mendable: u64,
    /// Since when the one of those differs that was found last.
    pub newest: Option<Timestamp>,
    /// When it was last tried to find out.
    pub tried_at: Option<Timestamp>,
    /// Since when that comes to no end.
    pub failing_since: Option<Timestamp>,
}

#[derive(Serialize)]
struct ItemRow<'a> {
    repository_sync: i64,
    work_item_ref: &'a str,
    key: Option<&'a str>,
    reasons: &'a [Why],
    mendable: bool,
    told_at: Option<String>,
    since: String,
    checked_at: String,
    put_at: Option<String>,
}

#[derive(Serialize)]
struct SeenRow<'a> {
    repository_sync: i64,
    work_item_ref: &'a str,
}

#[derive(FromRow)]
struct DriftRow {
    work_item_ref: String,
    key: Option<String>,
    reasons: Json<Vec<Why>>,
    told_at: Option<At>,
    since: At,
    put_at: Option<At>,
}

#[derive(FromRow)]
struct LedgerRow {
    id: i64,
    repository: String,
    compared: Option<i64>,
    position: Option<Json<Position>>,
    differing: i64,
    mendable: i64,
    newest: Option<At>,
    proven_at: Option<At>,
    full_at: Option<At>,
    tried_at: Option<At>,
    failing_since: Option<At>,
    last_error: Option<String>,
}

const PUT_ITEMS: Statement = statement!(
    "INSERT INTO drift_items (repository_sync, work_item_ref, key, reasons, mendable, told_at, since, checked_at, put_at)
     SELECT r.repository_sync, r.work_item_ref, r.key, r.reasons, r.mendable, r.told_at, r.since, r.checked_at, r.put_at FROM ",
    rows(repository_sync "bigint", work_item_ref "text", key "text", reasons "json", mendable "boolean",
        told_at "timestamptz", since "timestamptz", checked_at "timestamptz", put_at "timestamptz"),
    " WHERE true ON CONFLICT (repository_sync, work_item_ref) DO UPDATE SET key = COALESCE(excluded.key, drift_items.key),
        reasons = excluded.reasons, mendable = excluded.mendable, told_at = excluded.told_at,
        checked_at = excluded.checked_at, put_at = COALESCE(excluded.put_at, drift_items.put_at)"
);

const DROP_ITEMS: Statement = statement!(
    "DELETE FROM drift_items WHERE (repository_sync, work_item_ref) IN (SELECT r.repository_sync, r.work_item_ref FROM ",
    rows(repository_sync "bigint", work_item_ref "text"),
    ")"
);

const PUT_SEEN: Statement = statement!(
    "INSERT INTO drift_seen (repository_sync, work_item_ref) SELECT r.repository_sync, r.work_item_ref FROM ",
    rows(repository_sync "bigint", work_item_ref "text"),
    " WHERE true ON CONFLICT DO NOTHING"
);

const PUT_POSITION: &str = "INSERT INTO drift_walks (repository_sync, position) VALUES ($1, $2)
    ON CONFLICT (repository_sync) DO UPDATE SET position = excluded.position";

/// Of the projects whose names are `$1`.
macro_rules! of_projects {
    ($before:literal, $after:literal) => {
        Statement {
            postgres: concat!(
                $before,
                "w.project_ref IN (SELECT json_array_elements_text($1::json))",
                $after
            ),
            sqlite: concat!($before, "w.project_ref IN (SELECT value FROM json_each($1))", $after),
        }
    };
}

const UNSEEN: Statement = of_projects!(
    "SELECT w.work_item_ref FROM work_items w WHERE ",
    " AND w.deleted_at IS NULL AND w.kind = 'issue' AND NOT EXISTS (
        SELECT 1 FROM drift_seen s WHERE s.repository_sync = $2 AND s.work_item_ref = w.work_item_ref)
     ORDER BY w.work_item_ref"
);

const UNSEEN_COMMENTS: Statement = of_projects!(
    "SELECT c.comment_ref FROM work_items w JOIN work_item_comments c ON c.work_item_ref = w.work_item_ref WHERE ",
    " AND w.system = 'github' AND w.deleted_at IS NULL AND c.deleted_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM drift_seen s WHERE s.repository_sync = $2 AND s.work_item_ref = 'comment:' || c.comment_ref)
     ORDER BY c.comment_ref"
);

const COUNT: Statement = of_projects!(
    "SELECT count(*) FROM work_items w WHERE ",
    " AND w.deleted_at IS NULL AND $2 = $2"
);

impl Store {
    /// Where a repository's walk is.
    pub async fn drift_position(&self, repository: RepositorySyncId) -> StoreResult<Position> {
        const ONE: &str = "SELECT position FROM drift_walks WHERE repository_sync = $1";
        let found: Option<Json<Position>> = on_reader!(self, pool =>
            sqlx::query_scalar(ONE).bind(repository.0).fetch_optional(pool).await?);
        Ok(found.map(|Json(position)| position).unwrap_or_default())
    }

    /// Keeps where a repository's walk is, and what it has met since.
    pub async fn keep_drift_position(
        &self,
        repository: RepositorySyncId,
        position: &Position,
        seen: &[String],
    ) -> StoreResult<()> {
        let row = |item| SeenRow { repository_sync: repository.0, work_item_ref: item };
        let seen = to_json(&seen.iter().map(|item| row(item)).collect::<Vec<_>>())?;
        macro_rules! keep {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let put = sqlx::query(PUT_POSITION).bind(repository.0).bind(Json(position));
                put.execute(&mut *transaction).await?;
                sqlx::query(PUT_SEEN.$dialect).bind(seen).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => keep!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                keep!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        Ok(())
    }

    /// What the whole walk under way has met.
    pub async fn drift_seen(&self, repository: RepositorySyncId) -> StoreResult<Vec<String>> {
        const ALL: &str = "SELECT work_item_ref FROM drift_seen WHERE repository_sync = $1";
        Ok(
            on_reader!(self, pool => sqlx::query_scalar(ALL).bind(repository.0).fetch_all(pool).await?),
        )
    }

    /// Forgets what a walk has met: another one begins, or it has ended.
    pub async fn forget_drift_seen(&self, repository: RepositorySyncId) -> StoreResult<()> {
        const FORGET: &str = "DELETE FROM drift_seen WHERE repository_sync = $1";
        on_writer!(self, pool => sqlx::query(FORGET).bind(repository.0).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Of the items that were checked now, those that differ; all others of them are in sync.
    pub async fn put_drift(
        &self,
        repository: RepositorySyncId,
        in_sync: &[WorkItemRef],
        differing: &[DriftItem],
        now: Timestamp,
    ) -> StoreResult<()> {
        let row = |item: &DriftItem| (item.told_at.map(to_text), item.is_mendable());
        let rows = differing.iter().map(|item| {
            let (told_at, mendable) = row(item);
            ItemRow {
                repository_sync: repository.0,
                work_item_ref: item.item.as_str(),
                key: item.key.as_deref(),
                reasons: &item.reasons,
                mendable,
                told_at,
                since: to_text(item.since),
                checked_at: to_text(now),
                put_at: item.put_at.map(to_text),
            }
        });
        let rows = to_json(&rows.collect::<Vec<_>>())?;
        let gone = in_sync
            .iter()
            .map(|item| SeenRow { repository_sync: repository.0, work_item_ref: item.as_str() });
        let gone = to_json(&gone.collect::<Vec<_>>())?;
        macro_rules! put {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                sqlx::query(DROP_ITEMS.$dialect).bind(gone).execute(&mut *transaction).await?;
                sqlx::query(PUT_ITEMS.$dialect).bind(rows).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => put!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                put!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        Ok(())
    }

    /// The items of a repository that are not in sync, those that have been so longest first.
    pub async fn drift_items(
        &self,
        repository: RepositorySyncId,
        limit: i64,
    ) -> StoreResult<Vec<DriftItem>> {
        const LIST: &str =
            "SELECT work_item_ref, key, reasons, told_at, since, put_at FROM drift_items
            WHERE repository_sync = $1 ORDER BY since, work_item_ref LIMIT $2";
        let rows: Vec<DriftRow> = on_reader!(self, pool => sqlx::query_as(LIST).bind(repository.0).bind(limit)
            .fetch_all(pool).await?);
        let item = |row: DriftRow| DriftItem {
            item: WorkItemRef::new(row.work_item_ref),
            key: row.key,
            reasons: row.reasons.0,
            told_at: row.told_at.map(|At(at)| at),
            since: row.since.0,
            put_at: row.put_at.map(|At(at)| at),
        };
        Ok(rows.into_iter().map(item).collect())
    }

    /// The known items of these projects that the whole walk has not met.
    pub async fn drift_unseen(
        &self,
        repository: RepositorySyncId,
        projects: &[String],
    ) -> StoreResult<Vec<WorkItemRef>> {
        let found = self.of_projects(UNSEEN, repository, projects).await?;
        Ok(found.into_iter().map(WorkItemRef::new).collect())
    }

    /// The same of comments on GitHub's issues: their references.
    pub async fn drift_unseen_comments(
        &self,
        repository: RepositorySyncId,
        projects: &[String],
    ) -> StoreResult<Vec<String>> {
        self.of_projects(UNSEEN_COMMENTS, repository, projects).await
    }

    async fn of_projects(
        &self,
        statement: Statement,
        repository: RepositorySyncId,
        projects: &[String],
    ) -> StoreResult<Vec<String>> {
        let projects = to_json(projects)?;
        Ok(match &self.database {
            Database::Postgres(pool) => {
                let query = sqlx::query_scalar(statement.postgres).bind(projects);
                query.bind(repository.0).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                let query = sqlx::query_scalar(statement.sqlite).bind(projects);
                query.bind(repository.0).fetch_all(reader).await?
            }
        })
    }

    /// How many items of these projects are known and not gone.
    pub async fn count_of_projects(
        &self,
        repository: RepositorySyncId,
        projects: &[String],
    ) -> StoreResult<u64> {
        let names = to_json(projects)?;
        let known: i64 = match &self.database {
            Database::Postgres(pool) => {
                let query = sqlx::query_scalar(COUNT.postgres).bind(names);
                query.bind(repository.0).fetch_one(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                let query = sqlx::query_scalar(COUNT.sqlite).bind(names);
                query.bind(repository.0).fetch_one(reader).await?
            }
        };
        Ok(u64::try_from(known).unwrap_or_default())
    }

    /// A walk over these projects came to its end.
    pub async fn end_drift_walk(
        &self,
        repository: RepositorySyncId,
        projects: &[String],
        full: Option<Timestamp>,
        now: Timestamp,
    ) -> StoreResult<()> {
        // Items that are not known yet were compared, too.
        const END: &str =
            "UPDATE drift_walks SET proven_at = $2, tried_at = $2, full_at = COALESCE($3, full_at),
                last_error = NULL, failing_since = NULL, compared = $4 + (SELECT count(*) FROM drift_items d
                    WHERE d.repository_sync = $1
                      AND NOT EXISTS (SELECT 1 FROM work_items w
                        WHERE w.work_item_ref = d.work_item_ref AND w.deleted_at IS NULL))
            WHERE repository_sync = $1";
        let known = self.count_of_projects(repository, projects).await?;
        let known = i64::try_from(known).unwrap_or(i64::MAX);
        on_writer!(self, pool => sqlx::query(END).bind(repository.0).bind(At(now)).bind(full.map(At))
            .bind(known).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// A walk did not come to its end.
    pub async fn note_drift_failure(
        &self,
        repository: RepositorySyncId,
        why: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        const NOTE: &str = "INSERT INTO drift_walks (repository_sync, position, tried_at, failing_since, last_error)
            VALUES ($1, $2, $3, $3, $4)
            ON CONFLICT (repository_sync) DO UPDATE SET tried_at = excluded.tried_at, last_error = excluded.last_error,
                failing_since = COALESCE(drift_walks.failing_since, excluded.failing_since)";
        on_writer!(self, pool => sqlx::query(NOTE).bind(repository.0).bind(Json(Position::default()))
            .bind(At(now)).bind(why).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// How each repository stands.
    pub async fn drift_ledgers(&self) -> StoreResult<Vec<Standing>> {
        const LIST: &str = "SELECT r.id, r.repository, w.compared, w.position, w.proven_at, w.full_at, w.tried_at, w.failing_since, w.last_error,
                (SELECT count(*) FROM drift_items d WHERE d.repository_sync = r.id) AS differing,
                (SELECT count(*) FROM drift_items d WHERE d.repository_sync = r.id AND d.mendable) AS mendable,
                (SELECT max(d.since) FROM drift_items d WHERE d.repository_sync = r.id AND d.mendable) AS newest
            FROM repository_syncs r LEFT JOIN drift_walks w ON w.repository_sync = r.id ORDER BY lower(r.repository)";
        let rows: Vec<LedgerRow> =
            on_reader!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await?);
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        let ledger = |row: LedgerRow| {
            let ledger = Ledger {
                repository: row.repository,
                compared: count(row.compared.unwrap_or_default()),
                differing: count(row.differing),
                proven_at: row.proven_at.map(|At(at)| at),
                full_at: row.full_at.map(|At(at)| at),
                issues_off: row.position.is_some_and(|Json(position)| position.issues_off),
                last_error: row.last_error,
            };
            Standing {
                repository: RepositorySyncId(row.id),
                ledger,
                mendable: count(row.mendable),
                newest: row.newest.map(|At(at)| at),
                tried_at: row.tried_at.map(|At(at)| at),
                failing_since: row.failing_since.map(|At(at)| at),
            }
        };
        Ok(rows.into_iter().map(ledger).collect())
    }

    /// The time of the oldest state of a system's items that is to be mended and differs since then
    /// or later: a walk has to go back to it to prove that it was.
    pub async fn oldest_drift(
        &self,
        repository: RepositorySyncId,
        system: &str,
        since: Timestamp,
    ) -> StoreResult<Option<Timestamp>> {
        const OLDEST: &str = "SELECT min(told_at) FROM drift_items
            WHERE repository_sync = $1 AND mendable AND substr(work_item_ref, 1, length($2)) = $2 AND since >= $3";
        let oldest: Option<At> = on_reader!(self, pool => sqlx::query_scalar(OLDEST).bind(repository.0)
            .bind(format!("{system}:")).bind(At(since)).fetch_one(pool).await?);
        Ok(oldest.map(|At(at)| at))
    }

    /// How many jobs of found differences are not worked off yet.
    pub async fn found_under_way(&self) -> StoreResult<i64> {
        const OPEN: &str =
            "SELECT count(*) FROM work_queue WHERE status IN ('queued', 'claimed') AND class = 2";
        Ok(on_reader!(self, pool => sqlx::query_scalar(OPEN).fetch_one(pool).await?))
    }
}
