//! Reading what the board is derived from, and the board itself, as of one moment: each part is a
//! short transaction of its own that writes nothing (a snapshot on both databases), so that a check
//! of a large inbox holds nothing up.
//!
//! A delivery takes part once an attempt at it told of the board: it has a result then, or names
//! that it was read with. Whether it was replayed or failed later does not matter. One that has a
//! result without any attempt was set aside unread, such as one of a repository that is not
//! configured: it takes no part, whatever its body tells.

use sqlx::{Postgres, Sqlite, Transaction};

use super::comments::Row as CommentRow;
use super::rebuild_rows::{ItemRow, StoredComment, StoredItem};
use super::rows::{Statement, statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult, github_host, unreadable};
use crate::clock::Timestamp;
use crate::comments::Comment;
use crate::config::GithubHost;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::work_items::{Snapshot, Text};

/// The tables as they are at one moment.
pub struct Inspection(Snapshotted);

enum Snapshotted {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// A delivery that took part in what the board shows.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Who sent it.
    pub source: Source,
    /// Which one.
    pub delivery_id: DeliveryId,
    /// The item that it is filed under; `None` where it told of none.
    pub item: Option<WorkItemRef>,
    /// Length of its body, also of one that was dropped.
    pub bytes: i64,
    /// Whether the body is there.
    pub body: Body,
}

/// Whether a body is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// It is.
    Kept,
    /// Retention dropped it.
    Dropped,
}

/// A delivery with what reading it takes.
#[derive(Debug, Clone)]
pub struct Readable {
    /// Who sent it.
    pub source: Source,
    /// Which one.
    pub delivery_id: DeliveryId,
    /// The sender's word for what happened.
    pub event_type: String,
    /// The GitHub that it came from.
    pub github_host: GithubHost,
    /// `json` or `form`.
    pub encoding: String,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// When it was committed.
    pub received_at: Timestamp,
    /// Keys of what it was read with, one for each different reading.
    pub names: Vec<String>,
}

/// What GitHub said of an issue when it was asked.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The issue.
    pub item: WorkItemRef,
    /// Its state.
    pub state: Snapshot,
}

/// How much there is to derive from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InboxSize {
    /// Deliveries that took part in what the board shows.
    pub applied: i64,
    /// Deliveries that have not (yet): waiting, failed or dead.
    pub unread: i64,
}

/// Counted by indexes: bodies lie in the tables' own pages.
const SIZE: &str = "
    SELECT
      (SELECT count(*) FROM plane_webhook_deliveries WHERE work_item_ref IS NOT NULL)
        + (SELECT count(*) FROM github_webhook_events WHERE work_item_ref IS NOT NULL)
        + (SELECT count(*) FROM plane_webhook_deliveries WHERE work_item_ref IS NULL AND result IS NOT NULL)
        + (SELECT count(*) FROM github_webhook_events WHERE work_item_ref IS NULL AND result IS NOT NULL AND attempts > 0),
      (SELECT count(*) FROM work_queue w JOIN plane_webhook_deliveries d ON d.delivery_id = w.delivery_id
        WHERE w.source = 'plane' AND w.status <> 'done' AND d.result IS NULL AND d.names IS NULL)
        + (SELECT count(*) FROM work_queue w JOIN github_webhook_events d ON d.delivery_id = w.delivery_id
        WHERE w.source = 'github' AND w.status <> 'done' AND d.result IS NULL)";

/// References after `$1` that any of the tables knows, `$2` of them. Each table gives its first
/// ones from an index, so that their union holds the first ones of all.
const REFS_AFTER: &str = "
    SELECT item FROM (
        SELECT item FROM (SELECT DISTINCT work_item_ref AS item FROM plane_webhook_deliveries WHERE work_item_ref > $1 ORDER BY 1 LIMIT $2) AS p
        UNION SELECT item FROM (SELECT DISTINCT work_item_ref AS item FROM github_webhook_events WHERE work_item_ref > $1 ORDER BY 1 LIMIT $2) AS g
        UNION SELECT item FROM (SELECT work_item_ref AS item FROM work_items WHERE work_item_ref > $1 ORDER BY 1 LIMIT $2) AS i
        UNION SELECT item FROM (SELECT DISTINCT work_item_ref AS item FROM work_item_comments WHERE work_item_ref > $1 ORDER BY 1 LIMIT $2) AS c
        UNION SELECT item FROM (SELECT work_item_ref AS item FROM github_answers WHERE work_item_ref > $1 ORDER BY 1 LIMIT $2) AS a
    ) AS known ORDER BY item LIMIT $2";

/// The same in both dialects but for how a list of texts is read.
macro_rules! in_list {
    ($($before:literal, in $after:literal);+) => {
        Statement {
            postgres: concat!($($before, "IN (SELECT json_array_elements_text($1::json))", $after),+),
            sqlite: concat!($($before, "IN (SELECT value FROM json_each($1))", $after),+),
        }
    };
}

const APPLIED: Statement = in_list!(
    "SELECT 'plane', delivery_id, work_item_ref, body_bytes, CASE WHEN body IS NULL THEN CAST(1 AS bigint) ELSE 0 END
     FROM plane_webhook_deliveries WHERE work_item_ref ", in " AND (result IS NOT NULL OR names IS NOT NULL)";
    " UNION ALL
     SELECT 'github', delivery_id, work_item_ref, body_bytes, CASE WHEN body IS NULL THEN CAST(1 AS bigint) ELSE 0 END
     FROM github_webhook_events WHERE work_item_ref ", in " AND result IS NOT NULL"
);

/// Deliveries that told of no item, after `$1`.
const PLANE_WITHOUT_ITEM: &str = "
    SELECT 'plane', delivery_id, work_item_ref, body_bytes, CASE WHEN body IS NULL THEN CAST(1 AS bigint) ELSE 0 END
    FROM plane_webhook_deliveries
    WHERE work_item_ref IS NULL AND delivery_id > $1 AND result IS NOT NULL
    ORDER BY delivery_id LIMIT $2";
const GITHUB_WITHOUT_ITEM: &str = "
    SELECT 'github', delivery_id, work_item_ref, body_bytes, CASE WHEN body IS NULL THEN CAST(1 AS bigint) ELSE 0 END
    FROM github_webhook_events
    WHERE work_item_ref IS NULL AND delivery_id > $1 AND result IS NOT NULL AND attempts > 0
    ORDER BY delivery_id LIMIT $2";

const PLANE_BODIES: Statement = in_list!(
    "SELECT delivery_id, event_type, encoding, body, received_at, names, CAST(NULL AS text)
     FROM plane_webhook_deliveries WHERE delivery_id ", in " AND body IS NOT NULL"
);
const GITHUB_BODIES: Statement = in_list!(
    "SELECT delivery_id, event_type, encoding, body, created_at, CAST(NULL AS text), github_host
     FROM github_webhook_events WHERE delivery_id ", in " AND body IS NOT NULL"
);

const ITEMS: Statement = in_list!(
    "SELECT work_item_ref, system, external_id, project_ref, title, status, assignee, url, updated_at, key, kind,
        state_group, CAST(labels AS text) AS labels, CAST(assignees AS text) AS assignees, priority, created_at,
        completed_at, deleted_at, ingested_at, CAST(missing AS text) AS missing, CAST(state AS text) AS state,
        description, description_format, moved_to
     FROM work_items WHERE work_item_ref ", in ""
);
const COMMENTS: Statement = in_list!(
    "SELECT comment_ref, work_item_ref, system, external_id, author, body, body_format, url, created_at, updated_at,
        deleted_at, ingested_at
     FROM work_item_comments WHERE work_item_ref ", in ""
);
const ANSWERS: Statement = in_list!(
    "SELECT work_item_ref, CAST(state AS text), description, description_format
     FROM github_answers WHERE work_item_ref ", in ""
);

/// What an item is derived from, and what stands in the tables, as a text that changes with either.
pub(super) const FINGERPRINTS: Statement = statement!(
    "SELECT r.item,
        (SELECT count(*) || ':' || count(body) || ':' || COALESCE(sum(length(names)), 0)
            FROM plane_webhook_deliveries d WHERE d.work_item_ref = r.item AND (d.result IS NOT NULL OR d.names IS NOT NULL))
        || '/' || (SELECT count(*) || ':' || count(body)
            FROM github_webhook_events d WHERE d.work_item_ref = r.item AND d.result IS NOT NULL)
        || '/' || COALESCE((SELECT CAST(answered_at AS text) FROM github_answers a WHERE a.work_item_ref = r.item), '')
        || '/' || COALESCE((SELECT CAST(ingested_at AS text) FROM work_items i WHERE i.work_item_ref = r.item), '')
        || '/' || COALESCE((SELECT count(*) || ':' || CAST(max(c.ingested_at) AS text) FROM work_item_comments c WHERE c.work_item_ref = r.item), '')
     FROM ",
    rows(item "text"),
    ""
);

#[derive(serde::Serialize)]
pub(super) struct OfItem<'a> {
    pub(super) item: &'a str,
}

/// The refs as rows for [`FINGERPRINTS`].
pub(super) fn of_items<'a>(items: impl Iterator<Item = &'a str>) -> StoreResult<String> {
    to_json(&items.map(|item| OfItem { item }).collect::<Vec<_>>())
}

type AppliedRow = (String, String, Option<String>, i64, i64);
type BodyRow = (String, String, String, Vec<u8>, At, Option<String>, Option<String>);
type AnswerRow = (String, String, Option<String>, Option<String>);

/// Asks within the snapshot; the query is the same code on both databases.
macro_rules! all {
    ($inspection:expr, $statement:expr, $($bound:expr),+) => {
        match &mut $inspection.0 {
            Snapshotted::Postgres(open) => {
                sqlx::query_as($statement.postgres)$(.bind($bound))+.fetch_all(&mut **open).await?
            }
            Snapshotted::Sqlite(open) => {
                sqlx::query_as($statement.sqlite)$(.bind($bound))+.fetch_all(&mut **open).await?
            }
        }
    };
}

fn same(text: &'static str) -> Statement {
    Statement { postgres: text, sqlite: text }
}

impl Store {
    /// Looks at the tables as they are now. Let go of it soon: it keeps old rows from being
    /// cleared away.
    pub async fn inspect(&self) -> StoreResult<Inspection> {
        const SNAPSHOT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        Ok(Inspection(match &self.database {
            Database::Postgres(pool) => {
                let mut open = pool.begin().await?;
                sqlx::query(SNAPSHOT).execute(&mut *open).await?;
                Snapshotted::Postgres(open)
            }
            Database::Sqlite { reader, .. } => Snapshotted::Sqlite(reader.begin().await?),
        }))
    }
}

impl Inspection {
    /// Ends it.
    pub async fn close(self) -> StoreResult<()> {
        match self.0 {
            Snapshotted::Postgres(open) => open.rollback().await?,
            Snapshotted::Sqlite(open) => open.rollback().await?,
        }
        Ok(())
    }

    /// How much there is.
    pub async fn inbox_size(&mut self) -> StoreResult<InboxSize> {
        let (applied, unread) = match &mut self.0 {
            Snapshotted::Postgres(open) => sqlx::query_as(SIZE).fetch_one(&mut **open).await?,
            Snapshotted::Sqlite(open) => sqlx::query_as(SIZE).fetch_one(&mut **open).await?,
        };
        Ok(InboxSize { applied, unread })
    }

    /// The next references that inbox or board know, after `after`, in the database's order.
    pub async fn items_after(&mut self, after: &str, limit: i64) -> StoreResult<Vec<WorkItemRef>> {
        let rows: Vec<(String,)> = all!(self, same(REFS_AFTER), after, limit);
        Ok(rows.into_iter().map(|(item,)| WorkItemRef::new(item)).collect())
    }

    /// The deliveries that took part in these items.
    pub async fn applied(&mut self, items: &[&WorkItemRef]) -> StoreResult<Vec<Applied>> {
        let rows: Vec<AppliedRow> = all!(self, APPLIED, to_json(items)?);
        rows.into_iter().map(applied).collect()
    }

    /// The next deliveries that told of no item.
    pub async fn without_item(
        &mut self,
        source: Source,
        after: &str,
        limit: i64,
    ) -> StoreResult<Vec<Applied>> {
        let statement = same(match source {
            Source::Plane => PLANE_WITHOUT_ITEM,
            Source::Github => GITHUB_WITHOUT_ITEM,
        });
        let rows: Vec<AppliedRow> = all!(self, statement, after, limit);
        rows.into_iter().map(applied).collect()
    }

    /// The bodies of these deliveries, all of one source.
    pub async fn bodies(
        &mut self,
        source: Source,
        deliveries: &[&DeliveryId],
    ) -> StoreResult<Vec<Readable>> {
        let statement = match source {
            Source::Plane => PLANE_BODIES,
            Source::Github => GITHUB_BODIES,
        };
        let rows: Vec<BodyRow> = all!(self, statement, to_json(deliveries)?);
        let readable = |row: BodyRow| {
            let (id, event_type, encoding, body, At(received_at), names, host) = row;
            Ok(Readable {
                source,
                delivery_id: DeliveryId::new(id),
                event_type,
                github_host: github_host(host)?,
                encoding,
                body,
                received_at,
                names: names.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            })
        };
        rows.into_iter().map(readable).collect()
    }

    /// The rows of these items as they are stored.
    pub async fn stored_items(&mut self, items: &[&WorkItemRef]) -> StoreResult<Vec<StoredItem>> {
        let rows: Vec<ItemRow> = all!(self, ITEMS, to_json(items)?);
        Ok(rows.into_iter().map(StoredItem::from).collect())
    }

    /// The rows of these items' comments as they are stored.
    pub async fn stored_comments(
        &mut self,
        items: &[&WorkItemRef],
    ) -> StoreResult<Vec<StoredComment>> {
        let rows: Vec<CommentRow> = all!(self, COMMENTS, to_json(items)?);
        rows.into_iter().map(|row| Comment::try_from(row).map(StoredComment::from)).collect()
    }

    /// What GitHub said of these items when it was asked.
    pub async fn answers(&mut self, items: &[&WorkItemRef]) -> StoreResult<Vec<Answer>> {
        let rows: Vec<AnswerRow> = all!(self, ANSWERS, to_json(items)?);
        rows.into_iter().map(answer).collect()
    }

    /// A text for each item that changes with what it is derived from and with its rows.
    pub async fn fingerprints(
        &mut self,
        items: &[&WorkItemRef],
    ) -> StoreResult<Vec<(WorkItemRef, String)>> {
        let items = of_items(items.iter().map(|item| item.as_str()))?;
        let rows: Vec<(String, String)> = all!(self, FINGERPRINTS, items);
        Ok(rows.into_iter().map(|(item, print)| (WorkItemRef::new(item), print)).collect())
    }
}

fn applied((source, id, item, bytes, dropped): AppliedRow) -> StoreResult<Applied> {
    Ok(Applied {
        source: source.parse().map_err(|e| unreadable("source", e))?,
        delivery_id: DeliveryId::new(id),
        item: item.map(WorkItemRef::new),
        bytes,
        body: if dropped == 1 { Body::Dropped } else { Body::Kept },
    })
}

fn answer((item, state, description, format): AnswerRow) -> StoreResult<Answer> {
    let mut state: Snapshot =
        serde_json::from_str(&state).map_err(|e| unreadable("answer of GitHub", e))?;
    if let (Some(text), Some(format)) = (description, format) {
        let format = format.parse().map_err(|e| unreadable("description format", e))?;
        state.description = Some(Text { format, text });
    }
    Ok(Answer { item: WorkItemRef::new(item), state })
}
