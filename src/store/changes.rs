//! Revisions: which items changed, in the order of the commits.
//!
//! Whatever changes what a card or an item's page shows ends its transaction with `REVISE`, which
//! gives each item concerned the next revision, and says so after the commit (`tell_changed`).
//! A reader asks for what is above the last revision that it has seen, and gets each item once, with
//! its newest one. No row is ever removed, so it misses nothing however long it was away.
//!
//! Races, and what decides them:
//! - *Two commits at once.* On `PostgreSQL` revisions are given under an advisory lock that the
//!   commit releases, so whoever sees a revision sees all lower ones, too. It is taken as the last
//!   step, after all row locks, so it can't be part of a deadlock. SQLite has one writer.
//! - *A crash between commit and hint.* Readers look without a hint, too.
//!
//! Deliberately absent: what changed. Whoever wants to know reads the item.

use std::sync::Arc;

use sqlx::FromRow;
use tokio::sync::Notify;

use super::rows::Statement;
use super::{Store, StoreResult, on_reader};
use crate::ids::{Revision, WorkItemRef};

/// Gives the items whose references are in the JSON array `$1` the next revisions: the last
/// statement of a transaction.
pub(super) const REVISE: Statement = Statement {
    postgres: "SELECT revise_work_items($1::json)",
    sqlite: "INSERT OR REPLACE INTO work_item_changes (work_item_ref) SELECT DISTINCT value FROM json_each($1)",
};

/// An item that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChange {
    /// Its newest revision.
    pub revision: Revision,
    /// Which item.
    pub item: WorkItemRef,
}

/// How far everything is; two that differ mean that something happened in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The newest revision of any item.
    pub revision: Revision,
    /// The newest attempt.
    pub attempt: i64,
    /// The newest job.
    pub job: i64,
}

/// Rung after each commit of this process that gave revisions; one listener each.
#[derive(Debug, Clone, Default)]
pub(super) struct Changed {
    reader: Arc<Notify>,
    announcer: Arc<Notify>,
}

#[derive(FromRow)]
struct Row {
    revision: i64,
    work_item_ref: String,
}

impl Store {
    /// Says that a commit gave revisions.
    pub(super) fn tell_changed(&self) {
        self.changed.reader.notify_one();
        self.changed.announcer.notify_one();
    }

    /// Rings when this process changed items: for the one that follows the changes.
    pub fn changes_to_read(&self) -> Arc<Notify> {
        Arc::clone(&self.changed.reader)
    }

    /// The same for the one that tells other processes.
    pub fn changes_to_announce(&self) -> Arc<Notify> {
        Arc::clone(&self.changed.announcer)
    }

    /// The first `limit` items that changed after `after`, oldest change first.
    pub async fn changes_after(&self, after: Revision, limit: i64) -> StoreResult<Vec<ItemChange>> {
        const AFTER: &str = "SELECT revision, work_item_ref FROM work_item_changes
            WHERE revision > $1 ORDER BY revision LIMIT $2";
        // Planned anew each time: a plan made on the empty table would read all of it.
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(AFTER).persistent(false)
            .bind(after.0).bind(limit).fetch_all(pool).await?);
        let change = |row: Row| ItemChange {
            revision: Revision(row.revision),
            item: WorkItemRef::new(row.work_item_ref),
        };
        Ok(rows.into_iter().map(change).collect())
    }

    /// How far everything is; cheap enough to ask for many times a second.
    pub async fn pulse(&self) -> StoreResult<Pulse> {
        const PULSE: &str = "SELECT COALESCE((SELECT max(revision) FROM work_item_changes), 0),
            COALESCE((SELECT max(id) FROM timeline), 0), COALESCE((SELECT max(id) FROM work_queue), 0)";
        let (revision, attempt, job): (i64, i64, i64) =
            on_reader!(self, pool => sqlx::query_as(PULSE).fetch_one(pool).await?);
        Ok(Pulse { revision: Revision(revision), attempt, job })
    }
}
