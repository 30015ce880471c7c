//! Which module or cycle of Plane a GitHub milestone is, what both last agreed on, and the write
//! that is under way.
//!
//! It is to these what `links` is to issues: who works on one holds its row under a lease, and says
//! what it is about to write before it writes. Deliberately absent: which items are in it, which
//! each item's own link knows.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::links::Save;
use super::time::At;
use super::{Store, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, Lease};
use crate::sync::milestones::{BundleBase, BundleChange, BundleKind};

/// Which row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleKey {
    /// GitHub's numeric id of the milestone.
    pub milestone: u64,
    /// Plane's project.
    pub plane_project: String,
    /// What it becomes there.
    pub kind: BundleKind,
}

/// A write of a bundle that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleIntent {
    /// What is to be written: of a new one all that it is to say.
    pub change: BundleChange,
    /// The delivery that it is made for.
    pub delivery_id: Option<DeliveryId>,
}

/// A milestone's row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BundleRow {
    /// Plane's id; `None` until it is made or found.
    pub id: Option<String>,
    /// What both last agreed on.
    pub base: BundleBase,
    /// What an earlier attempt intended and did not settle.
    pub open: Option<BundleIntent>,
}

#[derive(FromRow)]
struct Row {
    plane_id: Option<String>,
    base: Option<String>,
    intent: Option<String>,
}

impl TryFrom<Row> for BundleRow {
    type Error = super::StoreError;
    fn try_from(row: Row) -> StoreResult<Self> {
        Ok(Self {
            id: row.plane_id,
            base: read(row.base)?.unwrap_or_default(),
            open: read(row.intent)?,
        })
    }
}

fn text<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|e| unreadable("milestone", e))
}

fn read<T: for<'a> Deserialize<'a>>(text: Option<String>) -> StoreResult<Option<T>> {
    let read = |text: String| serde_json::from_str(&text).map_err(|e| unreadable("milestone", e));
    text.map(read).transpose()
}

fn database_id(id: u64) -> StoreResult<i64> {
    i64::try_from(id).map_err(|e| unreadable("GitHub id", e))
}

impl Store {
    /// What is known of a milestone; `None` where nothing is.
    pub async fn bundle(&self, key: &BundleKey) -> StoreResult<Option<BundleRow>> {
        const ONE: &str = "
            SELECT plane_id, base, intent FROM milestone_bundles
            WHERE milestone_id = $1 AND plane_project = $2 AND kind = $3";
        let id = database_id(key.milestone)?;
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(ONE).bind(id)
            .bind(&key.plane_project).bind(key.kind.as_str()).fetch_optional(pool).await?);
        row.map(BundleRow::try_from).transpose()
    }

    /// Takes a milestone for us until `until`, making its row where there is none; `None` while
    /// somebody else has it.
    pub async fn hold_bundle(
        &self,
        key: &BundleKey,
        lease: Lease,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<BundleRow>> {
        const HOLD: &str = "
            INSERT INTO milestone_bundles (milestone_id, plane_project, kind, lease, lease_until)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (milestone_id, plane_project, kind) DO UPDATE SET
                lease = excluded.lease, lease_until = excluded.lease_until
            WHERE milestone_bundles.lease IS NULL OR milestone_bundles.lease_until < $6
                OR milestone_bundles.lease = excluded.lease
            RETURNING plane_id, base, intent";
        let id = database_id(key.milestone)?;
        let row: Option<Row> = on_writer!(self, pool => sqlx::query_as(HOLD).bind(id)
            .bind(&key.plane_project).bind(key.kind.as_str()).bind(lease.0.to_string())
            .bind(At(until)).bind(At(now)).fetch_optional(pool).await?);
        row.map(BundleRow::try_from).transpose()
    }

    /// Records a write that is about to be made, and holds the milestone until `until`, if it is
    /// ours.
    pub async fn intend_bundle(
        &self,
        key: &BundleKey,
        lease: Lease,
        intent: &BundleIntent,
        until: Timestamp,
    ) -> StoreResult<Save> {
        const INTEND: &str = "
            UPDATE milestone_bundles SET intent = $5, lease_until = $6
            WHERE milestone_id = $1 AND plane_project = $2 AND kind = $3 AND lease = $4";
        let (id, intent) = (database_id(key.milestone)?, text(intent)?);
        let kept = on_writer!(self, pool => sqlx::query(INTEND).bind(id)
            .bind(&key.plane_project).bind(key.kind.as_str()).bind(lease.0.to_string())
            .bind(intent).bind(At(until)).execute(pool).await?.rows_affected());
        Ok(Save::of(kept))
    }

    /// Writes what is known from now on, ends what was intended and lets go, if it is still ours.
    pub async fn settle_bundle(
        &self,
        key: &BundleKey,
        lease: Lease,
        id: Option<&str>,
        base: &BundleBase,
    ) -> StoreResult<Save> {
        const SETTLE: &str = "
            UPDATE milestone_bundles SET plane_id = $5, base = $6, intent = NULL, lease = NULL,
                lease_until = NULL
            WHERE milestone_id = $1 AND plane_project = $2 AND kind = $3 AND lease = $4";
        let (milestone, base) = (database_id(key.milestone)?, text(base)?);
        let kept = on_writer!(self, pool => sqlx::query(SETTLE).bind(milestone)
            .bind(&key.plane_project).bind(key.kind.as_str()).bind(lease.0.to_string())
            .bind(id).bind(base).execute(pool).await?.rows_affected());
        Ok(Save::of(kept))
    }

    /// Lets go of a milestone, if it is still ours; what was intended stays open.
    pub async fn release_bundle(&self, key: &BundleKey, lease: Lease) -> StoreResult<()> {
        const RELEASE: &str = "
            UPDATE milestone_bundles SET lease = NULL, lease_until = NULL
            WHERE milestone_id = $1 AND plane_project = $2 AND kind = $3 AND lease = $4";
        let id = database_id(key.milestone)?;
        on_writer!(self, pool => sqlx::query(RELEASE).bind(id).bind(&key.plane_project)
            .bind(key.kind.as_str()).bind(lease.0.to_string()).execute(pool).await?.rows_affected());
        Ok(())
    }
}
