//! How each configured repository is doing: what came last, what failed, how its links stand.
//!
//! All figures come from indexes: the newest delivery from the end of one, failures and waiting
//! jobs from the short ones that hold nothing else.

use std::collections::BTreeMap;

use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreResult, on_reader};
use crate::clock::Timestamp;
use crate::drift::Ledger;
use crate::ids::{DeliveryId, RepositorySyncId};
use crate::sync::plan::LinkStatus;

/// One repository's figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryHealth {
    /// When its last delivery came.
    pub last_seen: Option<Timestamp>,
    /// Deliveries that failed for good.
    pub dead: i64,
    /// Deliveries that wait or are being worked on.
    pub waiting: i64,
    /// Its links, by how they stand.
    pub links: BTreeMap<&'static str, i64>,
    /// The newest delivery that failed for good, and why.
    pub last_failure: Option<(DeliveryId, String)>,
    /// Why its newest link that is behind is behind.
    pub last_link_error: Option<String>,
    /// How far both sides agree.
    pub ledger: Option<Ledger>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    last_seen: Option<At>,
    dead: i64,
    waiting: i64,
    failed_delivery: Option<String>,
    link_error: Option<String>,
}

const HEALTH: &str = "
    SELECT r.id,
        (SELECT g.created_at FROM github_webhook_events g WHERE g.repository_sync = r.id AND g.origin = 'webhook'
            ORDER BY g.created_at DESC LIMIT 1) AS last_seen,
        (SELECT count(*) FROM github_webhook_events g WHERE g.status = 'failed' AND g.repository_sync = r.id) AS dead,
        (SELECT count(*) FROM github_webhook_events g WHERE g.repository_sync = r.id AND g.delivery_id IN (
            SELECT q.delivery_id FROM work_queue q WHERE q.source = 'github' AND q.status = 'queued' AND q.stage = 'read'
            UNION ALL SELECT q.delivery_id FROM work_queue q WHERE q.source = 'github' AND q.status = 'queued' AND q.stage = 'sync'
            UNION ALL SELECT q.delivery_id FROM work_queue q WHERE q.source = 'github' AND q.status = 'claimed')) AS waiting,
        (SELECT g.delivery_id FROM github_webhook_events g WHERE g.status = 'failed' AND g.repository_sync = r.id
            ORDER BY g.created_at DESC LIMIT 1) AS failed_delivery,
        (SELECT l.last_error FROM issue_links l WHERE l.repository_sync = r.id AND l.last_error IS NOT NULL
            ORDER BY l.id DESC LIMIT 1) AS link_error
    FROM repository_syncs r WHERE $1 IS NULL OR r.id = $1";

const LINKS: &str = "
    SELECT repository_sync, status, count(*) FROM issue_links
    WHERE repository_sync IS NOT NULL AND ($1 IS NULL OR repository_sync = $1) GROUP BY repository_sync, status";

impl Store {
    /// Every repository's figures, or those of one.
    pub async fn repository_health(
        &self,
        only: Option<RepositorySyncId>,
    ) -> StoreResult<BTreeMap<RepositorySyncId, RepositoryHealth>> {
        const ERROR: &str =
            "SELECT error_message FROM github_webhook_events WHERE delivery_id = $1";
        let only = only.map(|id| id.0);
        let rows: Vec<Row> =
            on_reader!(self, pool => sqlx::query_as(HEALTH).bind(only).fetch_all(pool).await?);
        let links: Vec<(i64, String, i64)> =
            on_reader!(self, pool => sqlx::query_as(LINKS).bind(only).fetch_all(pool).await?);
        let mut all = BTreeMap::new();
        for row in rows {
            let last_failure = match row.failed_delivery {
                Some(id) => {
                    let why: Option<Option<String>> = on_reader!(self, pool =>
                        sqlx::query_scalar(ERROR).bind(&id).fetch_optional(pool).await?);
                    Some((DeliveryId::new(id), why.flatten().unwrap_or_default()))
                }
                None => None,
            };
            let health = RepositoryHealth {
                last_seen: row.last_seen.map(|at| at.0),
                dead: row.dead,
                waiting: row.waiting,
                links: BTreeMap::new(),
                last_failure,
                last_link_error: row.link_error,
                ledger: None,
            };
            all.insert(RepositorySyncId(row.id), health);
        }
        for (id, status, count) in links {
            let Ok(status) = status.parse::<LinkStatus>() else { continue };
            if let Some(health) = all.get_mut(&RepositorySyncId(id)) {
                health.links.insert(status.as_str(), count);
            }
        }
        for standing in self.drift_ledgers().await? {
            if let Some(health) = all.get_mut(&standing.repository) {
                health.ledger = Some(standing.ledger);
            }
        }
        Ok(all)
    }
}
