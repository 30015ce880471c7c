//! What is known of the canary, and when Plane's webhooks came.

use std::time::Duration;

use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreResult, on_reader, on_writer};
use crate::canary::Canary;
use crate::clock::Timestamp;

/// The canary of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptCanary {
    /// Plane's id of its item, once it was made or found.
    pub item: Option<String>,
    /// What is known of it.
    pub canary: Canary,
    /// How often in a row Plane refused to have it touched, and when it last did.
    pub refused: (u32, Option<Timestamp>),
}

#[derive(FromRow)]
struct Row {
    item: Option<String>,
    touched_at: Option<At>,
    heard_after_ms: Option<i64>,
    missing_since: Option<At>,
    refusals: i64,
    refused_at: Option<At>,
}

impl From<Row> for KeptCanary {
    fn from(row: Row) -> Self {
        let after = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
        Self {
            item: row.item,
            canary: Canary {
                touched_at: row.touched_at.map(|at| at.0),
                heard_after: row.heard_after_ms.map(after),
                missing_since: row.missing_since.map(|at| at.0),
            },
            refused: (
                u32::try_from(row.refusals).unwrap_or(u32::MAX),
                row.refused_at.map(|at| at.0),
            ),
        }
    }
}

impl Store {
    /// The canary of a project; nothing is known of one that was never touched.
    pub async fn canary(&self, project: &str) -> StoreResult<KeptCanary> {
        const GET: &str = "SELECT item, touched_at, heard_after_ms, missing_since, CAST(refusals AS bigint) AS refusals, refused_at
            FROM plane_canaries WHERE project = $1";
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(GET).bind(project)
            .fetch_optional(pool).await?);
        Ok(row.map_or_else(KeptCanary::default, KeptCanary::from))
    }

    /// The canary that was touched last, if that was since then.
    pub async fn last_canary(&self, since: Timestamp) -> StoreResult<Option<Canary>> {
        const LAST: &str = "SELECT item, touched_at, heard_after_ms, missing_since, CAST(refusals AS bigint) AS refusals, refused_at
            FROM plane_canaries WHERE touched_at >= $1 ORDER BY touched_at DESC LIMIT 1";
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(LAST).bind(At(since))
            .fetch_optional(pool).await?);
        Ok(row.map(|row| KeptCanary::from(row).canary))
    }

    /// Keeps what is known of it.
    pub async fn put_canary(&self, project: &str, kept: &KeptCanary) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO plane_canaries (project, item, touched_at, heard_after_ms, missing_since, refusals, refused_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (project) DO UPDATE SET item = excluded.item, touched_at = excluded.touched_at,
                heard_after_ms = excluded.heard_after_ms, missing_since = excluded.missing_since,
                refusals = excluded.refusals, refused_at = excluded.refused_at";
        let Canary { touched_at, heard_after, missing_since } = kept.canary;
        let ms = heard_after.map(|after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        let (refusals, refused_at) =
            (i32::try_from(kept.refused.0).unwrap_or(i32::MAX), kept.refused.1);
        on_writer!(self, pool => sqlx::query(PUT).bind(project).bind(&kept.item)
            .bind(touched_at.map(At)).bind(ms).bind(missing_since.map(At)).bind(refusals).bind(refused_at.map(At))
            .execute(pool).await.map(drop))?;
        Ok(())
    }

    /// When a webhook of Plane's last came, and when the first one came since `touched_at`. What we
    /// found ourselves is none.
    pub async fn plane_webhooks_around(
        &self,
        touched_at: Option<Timestamp>,
    ) -> StoreResult<(Option<Timestamp>, Option<Timestamp>)> {
        const LAST: &str = "SELECT received_at FROM plane_webhook_deliveries
            WHERE origin = 'webhook' ORDER BY received_at DESC LIMIT 1";
        const FIRST: &str = "SELECT received_at FROM plane_webhook_deliveries
            WHERE origin = 'webhook' AND received_at >= $1 ORDER BY received_at LIMIT 1";
        let last: Option<At> =
            on_reader!(self, pool => sqlx::query_scalar(LAST).fetch_optional(pool).await?);
        let Some(touched_at) = touched_at else { return Ok((last.map(|at| at.0), None)) };
        let first: Option<At> = on_reader!(self, pool => sqlx::query_scalar(FIRST)
            .bind(At(touched_at)).fetch_optional(pool).await?);
        Ok((last.map(|at| at.0), first.map(|at| at.0)))
    }
}
