//! Alarms that are raised, and what is to be told of them.
//!
//! Raising is an insert under a key that allows one raised alarm of a kind and subject, clearing an
//! update of it, and the notice is written in the same transaction: whoever's change it was, it is
//! told once.

use serde::Serialize;
use sqlx::FromRow;

use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::alarms::{Alarm, Changed};
use crate::clock::Timestamp;

/// An alarm that is raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaisedAlarm {
    /// The word of its kind.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// What is wrong.
    pub title: String,
    /// More of it.
    pub detail: String,
    /// The line to paste.
    pub remedy: String,
    /// Since when.
    pub raised_at: Timestamp,
}

/// A notice to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its row.
    pub id: i64,
    /// The JSON to send.
    pub body: String,
    /// How often it was tried, this time included.
    pub attempts: i64,
}

#[derive(FromRow)]
struct Row {
    kind: String,
    subject: String,
    title: String,
    detail: String,
    remedy: String,
    raised_at: At,
}

impl From<Row> for RaisedAlarm {
    fn from(row: Row) -> Self {
        Self {
            kind: row.kind,
            subject: row.subject,
            title: row.title,
            detail: row.detail,
            remedy: row.remedy,
            raised_at: row.raised_at.0,
        }
    }
}

#[derive(Serialize)]
struct AlarmRow<'a> {
    kind: &'static str,
    subject: &'a str,
    title: &'a str,
    detail: &'a str,
    remedy: &'a str,
    raised_at: String,
}

const RAISE: Statement = statement!(
    "INSERT INTO alarms (kind, subject, title, detail, remedy, raised_at)
     SELECT r.kind, r.subject, r.title, r.detail, r.remedy, r.raised_at FROM ",
    rows(kind "text", subject "text", title "text", detail "text", remedy "text", raised_at "timestamptz"),
    " WHERE true ON CONFLICT DO NOTHING RETURNING kind, subject, title, detail, remedy, raised_at"
);
/// What is raised already is told as it is now.
const REWORD: Statement = statement!(
    "UPDATE alarms SET title = r.title, detail = r.detail, remedy = r.remedy FROM ",
    rows(kind "text", subject "text", title "text", detail "text", remedy "text"),
    " WHERE alarms.kind = r.kind AND alarms.subject = r.subject AND alarms.cleared_at IS NULL"
);
const CLEAR: Statement = statement!(
    "UPDATE alarms SET cleared_at = $2 WHERE cleared_at IS NULL AND NOT EXISTS (SELECT 1 FROM ",
    rows(kind "text", subject "text"),
    " WHERE r.kind = alarms.kind AND r.subject = alarms.subject)
     RETURNING kind, subject, title, detail, remedy, raised_at"
);
const ADD_NOTICE: &str = "INSERT INTO alarm_notices (body, due_at, made_at) VALUES ($1, $2, $2)";

impl Store {
    /// Makes `alarms` those that are raised. `notice` tells what to send of a change, if anything.
    pub async fn set_alarms(
        &self,
        alarms: &[Alarm],
        now: Timestamp,
        notice: impl Fn(Changed, &RaisedAlarm) -> Option<String>,
    ) -> StoreResult<Vec<(Changed, RaisedAlarm)>> {
        let rows = to_json(&alarms.iter().map(alarm_row).collect::<Vec<_>>())?;
        macro_rules! set {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let reword = sqlx::query(REWORD.$dialect).bind(&rows);
                reword.execute(&mut *transaction).await?;
                let raise = sqlx::query_as(RAISE.$dialect).bind(&rows);
                let raised: Vec<Row> = raise.fetch_all(&mut *transaction).await?;
                let clear = sqlx::query_as(CLEAR.$dialect).bind(&rows).bind(At(now));
                let cleared: Vec<Row> = clear.fetch_all(&mut *transaction).await?;
                let raised =
                    raised.into_iter().map(|row| (Changed::Raised, RaisedAlarm::from(row)));
                let cleared = cleared.into_iter().map(|row| (Changed::Cleared, row.into()));
                let changes: Vec<_> = raised.chain(cleared).collect();
                for (changed, alarm) in &changes {
                    let Some(body) = notice(*changed, alarm) else { continue };
                    let add = sqlx::query(ADD_NOTICE).bind(body).bind(At(now));
                    add.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                Ok(changes)
            }};
        }
        match &self.database {
            Database::Postgres(pool) => set!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                set!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite)
            }
        }
    }

    /// The alarms that are raised, the oldest first.
    pub async fn alarms(&self) -> StoreResult<Vec<RaisedAlarm>> {
        const LIST: &str = "SELECT kind, subject, title, detail, remedy, raised_at FROM alarms
            WHERE cleared_at IS NULL ORDER BY raised_at, id";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await?);
        Ok(rows.into_iter().map(RaisedAlarm::from).collect())
    }

    /// How many alarms are raised.
    pub async fn alarm_count(&self) -> StoreResult<i64> {
        const COUNT: &str = "SELECT COUNT(*) FROM alarms WHERE cleared_at IS NULL";
        Ok(on_reader!(self, pool => sqlx::query_scalar(COUNT).fetch_one(pool).await?))
    }

    /// Takes the oldest due notice; it is due again at `again` unless it is sent until then.
    pub async fn take_notice(
        &self,
        now: Timestamp,
        again: Timestamp,
    ) -> StoreResult<Option<Notice>> {
        const TAKE: &str = "UPDATE alarm_notices SET attempts = attempts + 1, due_at = $2
            WHERE id = (SELECT id FROM alarm_notices WHERE sent_at IS NULL AND due_at <= $1 ORDER BY due_at, id LIMIT 1)
              AND sent_at IS NULL AND due_at <= $1
            RETURNING id, body, attempts";
        let row: Option<(i64, String, i64)> = on_writer!(self, pool => sqlx::query_as(TAKE).bind(At(now)).bind(At(again))
            .fetch_optional(pool).await?);
        Ok(row.map(|(id, body, attempts)| Notice { id, body, attempts }))
    }

    /// Says what became of a notice: sent, or to be tried again at `again`.
    pub async fn put_notice_end(
        &self,
        id: i64,
        now: Timestamp,
        end: Result<(), (String, Timestamp)>,
    ) -> StoreResult<()> {
        const SENT: &str = "UPDATE alarm_notices SET sent_at = $2, last_error = NULL WHERE id = $1";
        const FAILED: &str = "UPDATE alarm_notices SET due_at = $2, last_error = $3 WHERE id = $1";
        on_writer!(self, pool => match &end {
            Ok(()) => sqlx::query(SENT).bind(id).bind(At(now)).execute(pool).await.map(drop),
            Err((why, again)) => sqlx::query(FAILED).bind(id).bind(At(*again)).bind(why).execute(pool).await.map(drop),
        })?;
        Ok(())
    }
}

fn alarm_row(alarm: &Alarm) -> AlarmRow<'_> {
    AlarmRow {
        kind: alarm.kind.as_str(),
        subject: &alarm.subject,
        title: &alarm.title,
        detail: &alarm.detail,
        remedy: &alarm.remedy,
        raised_at: to_text(alarm.since),
    }
}
