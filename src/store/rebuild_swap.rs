//! Putting derived rows in the place of stored ones, while deliveries are worked off.
//!
//! Rows are derived at leisure and laid aside in `rebuild_rows`, each item with a fingerprint of
//! what it was derived from. One transaction then puts all of them in place whose fingerprint is
//! still the same and whose lane nobody works in; the others are derived anew.
//!
//! Cards and revisions follow in the same transaction, once all rows stand: the locks of cards and
//! of revisions are taken after all rows', as everywhere, so no two wait for each other.
//!
//! Races, and what decides them:
//! - *A delivery of the item is applied between the derivation and the swap.* The fingerprint
//!   differs: the item is left out of this swap.
//! - *A delivery of the item is in work during the swap.* Its worker has read the old row and would
//!   write a state made from that. Claims are made one at a time; the swap takes that turn, so
//!   nothing is claimed meanwhile, and items whose lane is claimed are left out. Whoever claims
//!   later reads the new row.
//! - *GitHub's answer is shown meanwhile.* It is written only over the row that it was decided on,
//!   by the time that row was written, which the swap changes. The swap locks its rows before it
//!   looks at fingerprints, so an answer is either in one or waits.

use std::collections::HashSet;

use serde::Serialize;

use super::cards::refresh;
use super::changes::REVISE;
use super::claim::CLAIM_LOCK;
use super::finish::{UPSERT_COMMENTS, UPSERT_ITEMS};
use super::finished_rows::{comment_row, item_row};
use super::rebuild::{FINGERPRINTS, of_items};
use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;
use crate::comments::Comment;
use crate::ids::{CommentRef, DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::work_items::WorkItem;

/// Items that are put in place by one statement.
const CHUNK: i64 = 200;
/// Items whose cards are made by one round of statements.
const CARDS: usize = 500;

/// What shall stand in the tables for one item.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// Which item.
    pub item: WorkItemRef,
    /// What it was derived from, and over which rows.
    pub fingerprint: String,
    /// What becomes of its row.
    pub row: Row,
    /// Comments that are missing or differ.
    pub comments: Vec<Comment>,
    /// Comments that the inbox does not know.
    pub gone: Vec<CommentRef>,
}

/// What becomes of an item's row.
#[derive(Debug, Clone)]
pub enum Row {
    /// It is right.
    Kept,
    /// This takes its place.
    Written(Box<WorkItem>),
    /// The inbox does not know the item.
    Removed,
}

/// What a swap did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swapped {
    /// Items that were put in place.
    pub items: u64,
    /// Items that have to be derived anew.
    pub left: i64,
}

#[derive(Serialize)]
struct LaidAside<'a> {
    run: &'a str,
    work_item_ref: &'a str,
    fingerprint: &'a str,
    item: Option<String>,
    comments: String,
    gone: String,
    derived_at: String,
}

const LAY_ASIDE: Statement = statement!(
    "INSERT INTO rebuild_rows (run, work_item_ref, fingerprint, item, comments, gone, derived_at)
     SELECT r.run, r.work_item_ref, r.fingerprint, r.item, r.comments, r.gone, r.derived_at FROM ",
    rows(run "text", work_item_ref "text", fingerprint "text", item "text", comments "text", gone "text", derived_at "timestamptz"),
    " WHERE true
     ON CONFLICT (run, work_item_ref) DO UPDATE SET fingerprint = excluded.fingerprint, item = excluded.item,
        comments = excluded.comments, gone = excluded.gone, derived_at = excluded.derived_at"
);
/// A row that is right is told by `kept`, one that is to go by nothing.
const KEPT: &str = "kept";

/// SQLite has one writer.
const HOLD: Statement = Statement {
    postgres: "SELECT 1::bigint FROM work_items WHERE work_item_ref IN (SELECT json_array_elements_text($1::json))
        ORDER BY work_item_ref FOR UPDATE",
    sqlite: "SELECT 1 FROM json_each($1) WHERE false",
};

/// Items first: what is removed here may be another item's comment by now.
const REMOVE_ITEMS: Statement = statement!(
    "DELETE FROM work_items WHERE work_item_ref IN (SELECT r.item FROM ",
    rows(item "text"),
    ")"
);
const REMOVE_COMMENTS: Statement = statement!(
    "DELETE FROM work_item_comments WHERE EXISTS (SELECT 1 FROM ",
    rows(item "text", comment "text"),
    " WHERE r.comment = work_item_comments.comment_ref AND r.item = work_item_comments.work_item_ref)"
);
const TAKE_AWAY: Statement = statement!(
    "DELETE FROM rebuild_rows WHERE run = $2 AND work_item_ref IN (SELECT r.item FROM ",
    rows(item "text"),
    ")"
);
const REFILE_PLANE: &str =
    "UPDATE plane_webhook_deliveries SET work_item_ref = $2 WHERE delivery_id = $1";
const REFILE_GITHUB: &str =
    "UPDATE github_webhook_events SET work_item_ref = $2 WHERE delivery_id = $1";

type AsideRow = (String, String, Option<String>, String, String);

/// One chunk of laid aside rows, as the statements take them.
#[derive(Default)]
struct Chunk {
    items: Vec<String>,
    comments: Vec<String>,
    removed: Vec<String>,
    gone: Vec<Gone>,
    done: Vec<String>,
}

#[derive(Serialize)]
struct Gone {
    item: String,
    comment: String,
}

impl Chunk {
    fn add(&mut self, (item, _, row, comments, gone): AsideRow) -> StoreResult<()> {
        match row {
            None => self.removed.push(item.clone()),
            Some(kept) if kept == KEPT => {}
            Some(row) => self.items.push(row),
        }
        if let Some(inner) = inside(&comments) {
            self.comments.push(inner.to_owned());
        }
        let gone: Vec<String> =
            serde_json::from_str(&gone).map_err(|e| super::unreadable("row of a rebuild", e))?;
        let of = |comment| Gone { item: item.clone(), comment };
        self.gone.extend(gone.into_iter().map(of));
        self.done.push(item);
        Ok(())
    }

    fn list(rows: &[String]) -> String {
        format!("[{}]", rows.join(","))
    }

    /// The statements in their order, with what they take.
    fn writes(&self) -> StoreResult<Vec<(Statement, String)>> {
        let of = |items: &[String]| of_items(items.iter().map(String::as_str));
        Ok(vec![
            (REMOVE_ITEMS, of(&self.removed)?),
            (REMOVE_COMMENTS, to_json(&self.gone)?),
            (UPSERT_ITEMS, Self::list(&self.items)),
            (UPSERT_COMMENTS, Self::list(&self.comments)),
        ])
    }
}

/// The lanes in which deliveries are being read. Without a lane it may be about anything.
struct Busy(Option<HashSet<String>>);

impl Busy {
    fn of(lanes: Vec<(Option<String>,)>) -> Self {
        Self(lanes.into_iter().map(|(lane,)| lane).collect())
    }

    fn has(&self, item: &str) -> bool {
        self.0.as_ref().is_none_or(|lanes| lanes.contains(&lane_of(item)))
    }
}

/// The lane in which deliveries of an item are read.
fn lane_of(item: &str) -> String {
    match item.split_once(':') {
        Some(("github", id)) if id.starts_with("pull_request:") => item.to_owned(),
        Some((system, id)) => format!("{system}:issue:{id}"),
        None => item.to_owned(),
    }
}

const CLAIMED_LANES: &str =
    "SELECT lane FROM work_queue WHERE status = 'claimed' AND stage = 'read'";
const ASIDE: &str = "
    SELECT work_item_ref, fingerprint, item, comments, gone FROM rebuild_rows
    WHERE run = $1 AND work_item_ref > $2 ORDER BY work_item_ref LIMIT $3";
const COUNT_ASIDE: &str = "SELECT count(*) FROM rebuild_rows WHERE run = $1";

macro_rules! swap {
    ($transaction:expr, $dialect:ident, $rewritten:ident, $run:expr) => {{
        let mut transaction = $transaction;
        let lanes = sqlx::query_as(CLAIMED_LANES).fetch_all(&mut *transaction).await?;
        let busy = Busy::of(lanes);
        let (mut swapped, mut after) = (Swapped::default(), String::new());
        let mut changed: Vec<String> = Vec::new();
        loop {
            let rows: Vec<AsideRow> = sqlx::query_as(ASIDE)
                .bind($run)
                .bind(after.as_str())
                .bind(CHUNK)
                .fetch_all(&mut *transaction)
                .await?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.0);
            let free: Vec<_> = rows.into_iter().filter(|row| !busy.has(&row.0)).collect();
            let items: Vec<_> = free.iter().map(|row| row.0.as_str()).collect();
            sqlx::query(HOLD.$dialect).bind(to_json(&items)?).execute(&mut *transaction).await?;
            let prints: Vec<(String, String)> = sqlx::query_as(FINGERPRINTS.$dialect)
                .bind(of_items(items.into_iter())?)
                .fetch_all(&mut *transaction)
                .await?;
            let same: HashSet<_> = prints.into_iter().collect();
            let mut chunk = Chunk::default();
            for row in free {
                if same.contains(&(row.0.clone(), row.1.clone())) {
                    chunk.add(row)?;
                }
            }
            for (statement, rows) in chunk.writes()? {
                sqlx::query(statement.$dialect).bind(rows).execute(&mut *transaction).await?;
            }
            let done = of_items(chunk.done.iter().map(String::as_str))?;
            let taken = sqlx::query(TAKE_AWAY.$dialect).bind(done).bind($run);
            swapped.items += taken.execute(&mut *transaction).await?.rows_affected();
            changed.append(&mut chunk.done);
        }
        swapped.left =
            sqlx::query_scalar(COUNT_ASIDE).bind($run).fetch_one(&mut *transaction).await?;
        let mut keys = Vec::new();
        for items in changed.chunks(CARDS) {
            keys.push(refresh::$rewritten(&mut transaction, items).await?);
        }
        for (items, keys) in changed.chunks(CARDS).zip(keys) {
            refresh::$dialect(&mut transaction, items.to_vec(), keys).await?;
        }
        if !changed.is_empty() {
            let changed = to_json(&changed)?;
            sqlx::query(REVISE.$dialect).bind(changed).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        swapped
    }};
}

impl Store {
    /// Lays rows aside for the swap of `run`, over those of the same items.
    pub async fn lay_aside(
        &self,
        run: &str,
        replacements: &[Replacement],
        now: Timestamp,
    ) -> StoreResult<()> {
        let rows = replacements.iter().map(|of| laid_aside(run, of, now));
        let rows = to_json(&rows.collect::<StoreResult<Vec<_>>>()?)?;
        match &self.database {
            Database::Postgres(pool) => {
                sqlx::query(LAY_ASIDE.postgres).bind(rows).execute(pool).await?;
            }
            Database::Sqlite { writer, .. } => {
                sqlx::query(LAY_ASIDE.sqlite).bind(rows).execute(writer).await?;
            }
        }
        Ok(())
    }

    /// Puts in place what was laid aside, as far as nothing changed meanwhile.
    pub async fn swap_in(&self, run: &str) -> StoreResult<Swapped> {
        const TURN: &str = "SELECT pg_advisory_xact_lock($1)";
        let swapped = match &self.database {
            Database::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                sqlx::query(TURN).bind(CLAIM_LOCK).execute(&mut *transaction).await?;
                swap!(transaction, postgres, rewritten_postgres, run)
            }
            Database::Sqlite { writer, .. } => {
                let transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                swap!(transaction, sqlite, rewritten_sqlite, run)
            }
        };
        self.tell_changed();
        Ok(swapped)
    }

    /// The items that a swap left, after `after`.
    pub async fn left_aside(&self, run: &str, after: &str) -> StoreResult<Vec<WorkItemRef>> {
        let rows: Vec<AsideRow> = on_reader!(self, pool => sqlx::query_as(ASIDE)
            .bind(run).bind(after).bind(CHUNK).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|row| WorkItemRef::new(row.0)).collect())
    }

    /// Forgets what was laid aside for these items: they are right by now.
    pub async fn forget_aside(&self, run: &str, items: &[&WorkItemRef]) -> StoreResult<()> {
        let items = of_items(items.iter().map(|item| item.as_str()))?;
        match &self.database {
            Database::Postgres(pool) => {
                sqlx::query(TAKE_AWAY.postgres).bind(items).bind(run).execute(pool).await?;
            }
            Database::Sqlite { writer, .. } => {
                sqlx::query(TAKE_AWAY.sqlite).bind(items).bind(run).execute(writer).await?;
            }
        }
        Ok(())
    }

    /// Clears what a rebuild laid aside that never came to its end, derived before `before`.
    pub async fn clear_aside(&self, before: Timestamp) -> StoreResult<u64> {
        const CLEAR: &str = "DELETE FROM rebuild_rows WHERE derived_at < $1";
        Ok(on_writer!(self, pool => sqlx::query(CLEAR).bind(At(before)).execute(pool).await?
            .rows_affected()))
    }

    /// Files a delivery under the item that its body tells of.
    pub async fn refile(
        &self,
        source: Source,
        delivery: &DeliveryId,
        item: Option<&WorkItemRef>,
    ) -> StoreResult<()> {
        let refile = match source {
            Source::Plane => REFILE_PLANE,
            Source::Github => REFILE_GITHUB,
        };
        let item = item.map(WorkItemRef::as_str);
        on_writer!(self, pool => sqlx::query(refile).bind(delivery.as_str()).bind(item)
            .execute(pool).await?.rows_affected());
        Ok(())
    }
}

/// The rows of a JSON array without its brackets; `None` where it is empty.
fn inside(rows: &str) -> Option<&str> {
    rows.strip_prefix('[')?.strip_suffix(']').filter(|rows| !rows.is_empty())
}

fn laid_aside<'a>(run: &'a str, of: &'a Replacement, now: Timestamp) -> StoreResult<LaidAside<'a>> {
    let written;
    let item = match &of.row {
        Row::Kept => Some(KEPT.to_owned()),
        Row::Removed => None,
        Row::Written(item) => {
            written = WorkItem { ingested_at: now, ..WorkItem::clone(item) };
            inside(&to_json(&[item_row(&written)])?).map(str::to_owned)
        }
    };
    let comments: Vec<_> =
        of.comments.iter().map(|c| Comment { ingested_at: now, ..c.clone() }).collect();
    Ok(LaidAside {
        run,
        work_item_ref: of.item.as_str(),
        fingerprint: &of.fingerprint,
        item,
        comments: to_json(&comments.iter().map(comment_row).collect::<Vec<_>>())?,
        gone: to_json(&of.gone)?,
        derived_at: to_text(now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_waits_for_its_own_lane_and_all_wait_for_work_without_one() {
        let lanes = |lanes: &[Option<&str>]| {
            Busy::of(lanes.iter().map(|lane| (lane.map(str::to_owned),)).collect())
        };
        let some = lanes(&[
            Some("plane:issue:a"),
            Some("github:issue:7"),
            Some("github:pull_request:1:2"),
        ]);
        for busy in ["plane:a", "github:7", "github:pull_request:1:2"] {
            assert!(some.has(busy), "{busy}");
        }
        for free in ["plane:b", "github:8", "github:pull_request:1:3"] {
            assert!(!some.has(free), "{free}");
        }
        assert!(lanes(&[None]).has("plane:b"));
        assert!(!lanes(&[]).has("plane:b"));
    }
}
