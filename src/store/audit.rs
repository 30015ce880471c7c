//! The audit log. Rows are added and, 400 days later, taken away; the database itself refuses to
//! change one.

use chrono::TimeDelta;
use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreError, StoreResult, on_reader, on_writer, unreadable};
use crate::access::{AuditEntry, Outcome};
use crate::clock::Timestamp;

/// Rows are kept this long.
pub const KEPT: TimeDelta = TimeDelta::days(400);
/// Names and deeds that can be filtered by.
const CHOICES: i64 = 200;

/// `ops.audit_log.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditId(pub i64);

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; later ones are larger.
    pub id: AuditId,
    /// What it says.
    pub entry: AuditEntry,
}

/// Which rows to list; `None` is any.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Who, by the exact name.
    pub actor: Option<String>,
    /// What, by the exact words.
    pub action: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Then or later.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
}

/// What there is to filter by.
#[derive(Debug, Clone, Default)]
pub struct AuditChoices {
    /// Every name.
    pub actors: Vec<String>,
    /// Every deed.
    pub actions: Vec<String>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    at: At,
    actor: String,
    actor_kind: String,
    scope: Option<String>,
    action: String,
    target: String,
    route: String,
    address: String,
    outcome: String,
    status: Option<i64>,
}

impl TryFrom<Row> for AuditRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let scope = row.scope.map(|scope| scope.parse().map_err(|e| unreadable("scope", e)));
        let entry = AuditEntry {
            at: row.at.0,
            actor: row.actor,
            kind: row.actor_kind.parse().map_err(|e| unreadable("actor_kind", e))?,
            scope: scope.transpose()?,
            action: row.action,
            target: row.target,
            route: row.route,
            address: row.address,
            outcome: row.outcome.parse().map_err(|e| unreadable("outcome", e))?,
            status: row.status.and_then(|status| u16::try_from(status).ok()),
        };
        Ok(Self { id: AuditId(row.id), entry })
    }
}

const ADD: &str = "INSERT INTO audit_log
    (at, actor, actor_kind, scope, action, target, route, address, outcome, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const FORGET: &str = "DELETE FROM audit_log WHERE at < $1";
const LIST: &str = "
    SELECT id, at, actor, actor_kind, scope, action, target, route, address, outcome, status
    FROM audit_log
    WHERE (CAST($1 AS text) IS NULL OR actor = $1) AND (CAST($2 AS text) IS NULL OR action = $2)
      AND (CAST($3 AS text) IS NULL OR outcome = $3)
      AND ($4 IS NULL OR at >= $4) AND ($5 IS NULL OR at < $5)
      AND (CAST($6 AS bigint) IS NULL OR id < $6)
    ORDER BY id DESC LIMIT $7";

impl Store {
    /// Adds a row, and takes away those that are too old.
    pub async fn add_audit_entry(&self, entry: &AuditEntry) -> StoreResult<()> {
        on_writer!(self, pool => {
            sqlx::query(ADD)
                .bind(At(entry.at))
                .bind(entry.actor.as_str())
                .bind(entry.kind.as_str())
                .bind(entry.scope.map(crate::access::Scope::as_str))
                .bind(entry.action.as_str())
                .bind(entry.target.as_str())
                .bind(entry.route.as_str())
                .bind(entry.address.as_str())
                .bind(entry.outcome.as_str())
                .bind(entry.status.map(i64::from))
                .execute(pool)
                .await?;
            sqlx::query(FORGET).bind(At(entry.at - KEPT)).execute(pool).await?;
        });
        Ok(())
    }

    /// Newest first, from before `before`.
    pub async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<AuditId>,
        limit: i64,
    ) -> StoreResult<Vec<AuditRow>> {
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(LIST)
            .bind(filter.actor.as_deref())
            .bind(filter.action.as_deref())
            .bind(filter.outcome.map(Outcome::as_str))
            .bind(filter.since.map(At))
            .bind(filter.until.map(At))
            .bind(before.map(|id| id.0))
            .bind(limit)
            .fetch_all(pool)
            .await?);
        rows.into_iter().map(AuditRow::try_from).collect()
    }

    /// The names and deeds that are in the log.
    pub async fn audit_choices(&self) -> StoreResult<AuditChoices> {
        const ACTORS: &str =
            "SELECT DISTINCT actor FROM audit_log WHERE actor <> '' ORDER BY actor LIMIT $1";
        const ACTIONS: &str = "SELECT DISTINCT action FROM audit_log ORDER BY action LIMIT $1";
        let (actors, actions) = on_reader!(self, pool => (
            sqlx::query_scalar(ACTORS).bind(CHOICES).fetch_all(pool).await?,
            sqlx::query_scalar(ACTIONS).bind(CHOICES).fetch_all(pool).await?,
        ));
        Ok(AuditChoices { actors, actions })
    }
}
