//! Every write to Plane or GitHub, recorded before it is made, so that a crash leaves no doubt about what
//! to look for. An intent is open until it is settled (its answer is in the link's base) or
//! abandoned (it was not made, or need not be).

use serde::Serialize;
use sqlx::types::Json;

use super::links::{FENCE, LinkId, Save};
use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, Lease};
use crate::sources::Source;
use crate::sync::plan::{Expected, Write};

/// `ops.write_intents.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(pub i64);

/// A write that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewIntent<'a> {
    /// What is to be written.
    pub write: &'a Write,
    /// Where it leads; for writes of the work item itself.
    pub expected: Option<&'a Expected>,
    /// The delivery that it is made for; `None` where a person asked for it.
    pub cause: Option<(Source, &'a DeliveryId)>,
}

/// What came of recording intents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// They are recorded, in the order given.
    Ids(Vec<IntentId>),
    /// They are not: the link is no longer ours, so make no write.
    Lost,
}

/// How far an open intent is known to have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It may or may not have been made.
    Intended,
    /// It was made, and this is the id that the answer named.
    Made {
        /// Plane's id, where the answer had one.
        answer: Option<String>,
    },
}

/// An intent that is neither settled nor abandoned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIntent {
    /// The row.
    pub id: IntentId,
    /// What was to be written.
    pub write: Write,
    /// Where it leads.
    pub expected: Option<Expected>,
    /// How far it came.
    pub progress: Progress,
    /// In which attempt of its job it was recorded, from 1.
    pub attempt: i64,
}

/// The end of an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentEnd {
    /// The link's base holds its outcome.
    Settled {
        /// Which.
        id: IntentId,
        /// Plane's id of what was written, where there is one.
        answer: Option<String>,
    },
    /// It was not made, and will not be.
    Abandoned {
        /// Which.
        id: IntentId,
        /// One line for people.
        reason: String,
    },
}

#[derive(Serialize)]
pub(super) struct EndRow<'a> {
    id: i64,
    status: &'static str,
    answer_id: Option<&'a str>,
    reason: Option<&'a str>,
    ended_at: String,
}

#[derive(Serialize)]
struct NewRow<'a> {
    position: usize,
    kind: &'static str,
    target: String,
    write: &'a Write,
    expected: Option<&'a Expected>,
    source: Option<&'static str>,
    delivery_id: Option<&'a str>,
}

const RECORD: Statement = statement!(
    "INSERT INTO write_intents (issue_link, kind, target, write, expected, source, delivery_id, attempt, intended_at)
     SELECT $2, r.kind, r.target, r.write, r.expected, r.source, r.delivery_id, $3, $4 FROM ",
    rows(position "bigint", kind "text", target "text", write "json", expected "json", source "text",
        delivery_id "text"),
    " WHERE true ORDER BY r.position RETURNING id"
);

pub(super) const END_INTENTS: Statement = statement!(
    "UPDATE write_intents SET status = r.status, answer_id = COALESCE(r.answer_id, write_intents.answer_id),
        reason = r.reason, ended_at = r.ended_at
     FROM ",
    rows(id "bigint", status "text", answer_id "text", reason "text", ended_at "timestamptz"),
    " WHERE write_intents.id = r.id AND write_intents.status IN ('intended', 'made')"
);

pub(super) fn end_row(end: &IntentEnd, now: Timestamp) -> EndRow<'_> {
    let ended_at = to_text(now);
    match end {
        IntentEnd::Settled { id, answer } => EndRow {
            id: id.0,
            status: "settled",
            answer_id: answer.as_deref(),
            reason: None,
            ended_at,
        },
        IntentEnd::Abandoned { id, reason } => EndRow {
            id: id.0,
            status: "abandoned",
            answer_id: None,
            reason: Some(reason),
            ended_at,
        },
    }
}

impl Store {
    /// Records writes that are about to be made, if the link is still ours.
    pub async fn record_intents(
        &self,
        link: LinkId,
        lease: Lease,
        intents: &[NewIntent<'_>],
        attempt: u32,
        now: Timestamp,
    ) -> StoreResult<Recorded> {
        let rows = intents.iter().enumerate().map(|(position, intent)| NewRow {
            position,
            kind: intent.write.kind(),
            target: intent.write.target(),
            write: intent.write,
            expected: intent.expected,
            source: intent.cause.map(|(source, _)| source.as_str()),
            delivery_id: intent.cause.map(|(_, id)| id.as_str()),
        });
        let rows = to_json(&rows.collect::<Vec<_>>())?;
        let token = lease.0.to_string();
        macro_rules! record {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let fence = sqlx::query(FENCE).bind(link.0).bind(token);
                if fence.execute(&mut *transaction).await?.rows_affected() == 0 {
                    transaction.rollback().await?;
                    return Ok(Recorded::Lost);
                }
                let ids: Vec<i64> = sqlx::query_scalar(RECORD.$dialect)
                    .bind(rows)
                    .bind(link.0)
                    .bind(i64::from(attempt))
                    .bind(At(now))
                    .fetch_all(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                ids
            }};
        }
        let mut ids = match &self.database {
            Database::Postgres(pool) => record!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                record!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite)
            }
        };
        ids.sort_unstable();
        Ok(Recorded::Ids(ids.into_iter().map(IntentId).collect()))
    }

    /// Notes that a write was made, before its outcome is worked into the link. Needs no lease:
    /// that it was made is true whoever holds the link now.
    pub async fn mark_made(
        &self,
        intent: IntentId,
        answer: Option<&str>,
        now: Timestamp,
    ) -> StoreResult<()> {
        const MADE: &str = "
            UPDATE write_intents SET status = 'made', answer_id = $2, made_at = $3
            WHERE id = $1 AND status = 'intended'";
        on_writer!(self, pool => sqlx::query(MADE).bind(intent.0).bind(answer).bind(At(now))
            .execute(pool).await?.rows_affected());
        Ok(())
    }

    /// Ends intents without touching the link, if that is still ours.
    pub async fn end_intents(
        &self,
        link: LinkId,
        lease: Lease,
        ends: &[IntentEnd],
        now: Timestamp,
    ) -> StoreResult<Save> {
        let ends: Vec<_> = ends.iter().map(|end| end_row(end, now)).collect();
        let ends = to_json(&ends)?;
        let token = lease.0.to_string();
        macro_rules! end {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let fence = sqlx::query(FENCE).bind(link.0).bind(token);
                if fence.execute(&mut *transaction).await?.rows_affected() == 0 {
                    transaction.rollback().await?;
                    return Ok(Save::Lost);
                }
                sqlx::query(END_INTENTS.$dialect).bind(ends).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => end!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                end!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        Ok(Save::Committed)
    }

    /// A link's intents that are neither settled nor abandoned, oldest first.
    pub async fn open_intents_of(&self, link: LinkId) -> StoreResult<Vec<OpenIntent>> {
        const OPEN: &str = "
            SELECT id, write, expected, status, answer_id, attempt FROM write_intents
            WHERE issue_link = $1 AND status IN ('intended', 'made') ORDER BY id";
        type Row = (i64, Json<Write>, Option<Json<Expected>>, String, Option<String>, i64);
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OPEN).bind(link.0)
            .fetch_all(pool).await?);
        rows.into_iter()
            .map(|(id, Json(write), expected, status, answer, attempt)| {
                let progress = match status.as_str() {
                    "intended" => Progress::Intended,
                    "made" => Progress::Made { answer },
                    other => return Err(unreadable("intent", format!("status “{other}”"))),
                };
                let expected = expected.map(|Json(expected)| expected);
                Ok(OpenIntent { id: IntentId(id), write, expected, progress, attempt })
            })
            .collect()
    }
}
