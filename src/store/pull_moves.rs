//! Work items of Plane's own that pull requests move: what was last made of their pull requests,
//! and the write that is under way.
//!
//! It is to these what `links` is to issues, as far as one field needs it: who works on an item
//! holds its row under a lease, and says what it is about to write before it writes. Deliberately
//! absent: a history of writes. The item's timeline has one.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::changes::REVISE;
use super::links::Save;
use super::rows::to_json;
use super::time::At;
use super::{Database, Store, StoreResult, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, Lease, WorkItemRef};
use crate::sync::pulls::PullBase;

/// A move that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveIntent {
    /// The state, by id.
    pub to: String,
    /// What is known once it is made.
    pub base: PullBase,
    /// The delivery that it is made for.
    pub delivery_id: Option<DeliveryId>,
}

/// A row that is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullMove {
    /// What was last made of the item's pull requests.
    pub base: PullBase,
    /// What an earlier attempt intended and did not settle.
    pub open: Option<MoveIntent>,
}

#[derive(FromRow)]
struct Row {
    base: Option<String>,
    intent: Option<String>,
}

fn text<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|e| unreadable("pull move", e))
}

fn read<T: for<'a> Deserialize<'a>>(text: Option<String>) -> StoreResult<Option<T>> {
    let read = |text: String| serde_json::from_str(&text).map_err(|e| unreadable("pull move", e));
    text.map(read).transpose()
}

impl Store {
    /// Takes an item for us until `until`, making its row where there is none; `None` while
    /// somebody else has it.
    pub async fn hold_pull_move(
        &self,
        item: &WorkItemRef,
        plane_project: &str,
        lease: Lease,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<PullMove>> {
        const HOLD: &str = "
            INSERT INTO pull_moves (plane_ref, plane_project, lease, lease_until) VALUES ($1, $2, $3, $4)
            ON CONFLICT (plane_ref) DO UPDATE SET plane_project = excluded.plane_project,
                lease = excluded.lease, lease_until = excluded.lease_until
            WHERE pull_moves.lease IS NULL OR pull_moves.lease_until < $5 OR pull_moves.lease = excluded.lease
            RETURNING base, intent";
        let row: Option<Row> = on_writer!(self, pool => sqlx::query_as(HOLD).bind(item.as_str())
            .bind(plane_project).bind(lease.0.to_string()).bind(At(until)).bind(At(now))
            .fetch_optional(pool).await?);
        let Some(row) = row else { return Ok(None) };
        let base = read(row.base)?.unwrap_or_default();
        Ok(Some(PullMove { base, open: read(row.intent)? }))
    }

    /// Records a move that is about to be made, and holds the item until `until`, if it is ours.
    pub async fn intend_pull_move(
        &self,
        item: &WorkItemRef,
        lease: Lease,
        intent: &MoveIntent,
        until: Timestamp,
    ) -> StoreResult<Save> {
        const INTEND: &str = "
            UPDATE pull_moves SET intent = $3, lease_until = $4 WHERE plane_ref = $1 AND lease = $2";
        let intent = text(intent)?;
        let kept = on_writer!(self, pool => sqlx::query(INTEND).bind(item.as_str())
            .bind(lease.0.to_string()).bind(intent).bind(At(until))
            .execute(pool).await?.rows_affected());
        Ok(Save::of(kept))
    }

    /// Writes what is known from now on, ends what was intended and lets go, if it is still ours.
    pub async fn settle_pull_move(
        &self,
        item: &WorkItemRef,
        lease: Lease,
        base: &PullBase,
        moved_at: Option<Timestamp>,
    ) -> StoreResult<Save> {
        const SETTLE: &str = "
            UPDATE pull_moves SET base = $3, intent = NULL, lease = NULL, lease_until = NULL,
                moved_at = COALESCE($4, moved_at)
            WHERE plane_ref = $1 AND lease = $2";
        let (base, revised) = (text(base)?, to_json(&[item])?);
        macro_rules! settle {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let settle = sqlx::query(SETTLE)
                    .bind(item.as_str())
                    .bind(lease.0.to_string())
                    .bind(base)
                    .bind(moved_at.map(At));
                if settle.execute(&mut *transaction).await?.rows_affected() == 0 {
                    transaction.rollback().await?;
                    return Ok(Save::Lost);
                }
                sqlx::query(REVISE.$dialect).bind(revised).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => settle!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                settle!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        self.tell_changed();
        Ok(Save::Committed)
    }

    /// Lets go of an item, if it is still ours; what was intended stays open.
    pub async fn release_pull_move(&self, item: &WorkItemRef, lease: Lease) -> StoreResult<()> {
        const RELEASE: &str = "
            UPDATE pull_moves SET lease = NULL, lease_until = NULL WHERE plane_ref = $1 AND lease = $2";
        on_writer!(self, pool => sqlx::query(RELEASE).bind(item.as_str()).bind(lease.0.to_string())
            .execute(pool).await?.rows_affected());
        Ok(())
    }
}
