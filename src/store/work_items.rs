//! Reading work items; they are written by `store/jobs` together with the job that changed them.

use sqlx::FromRow;
use sqlx::types::Json;

use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreError, StoreResult, on_reader, unreadable};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::work_items::{Snapshot, StateGroup, System, Text, WorkItem};

/// Which items to list; `None` is any. Deleted ones are listed only when `status` asks for them.
#[derive(Debug, Clone, Default)]
pub struct WorkItemFilter {
    /// Where they live.
    pub system: Option<System>,
    /// The project's id or `owner/name`.
    pub project: Option<String>,
    /// The exact name of the state, or `deleted`.
    pub status: Option<String>,
    /// The group of the state.
    pub state_group: Option<StateGroup>,
    /// The exact name of one of the assignees.
    pub assignee: Option<String>,
    /// The exact name of one of the labels.
    pub label: Option<String>,
    /// Part of title or key, whatever the case.
    pub q: Option<String>,
}

/// Where the next page starts: after this one (newest `updated_at` first).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItemCursor {
    /// Its time.
    pub updated_at: Timestamp,
    /// Its reference, among those of the same time.
    pub item: WorkItemRef,
}

#[derive(FromRow)]
pub(super) struct Row {
    work_item_ref: String,
    system: String,
    external_id: String,
    project_ref: String,
    state: Option<Json<Snapshot>>,
    deleted_at: Option<At>,
    moved_to: Option<String>,
    ingested_at: At,
    #[sqlx(default)]
    description: Option<String>,
    #[sqlx(default)]
    description_format: Option<String>,
}

impl TryFrom<Row> for WorkItem {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let mut state = row.state.map(|state| state.0);
        if let (Some(state), Some(text), Some(format)) =
            (&mut state, row.description, row.description_format)
        {
            let format = format.parse().map_err(|e| unreadable("description format", e))?;
            state.description = Some(Text { format, text });
        }
        Ok(Self {
            item: WorkItemRef::new(row.work_item_ref),
            system: row.system.parse().map_err(|e| unreadable("system", e))?,
            external_id: row.external_id,
            project_ref: row.project_ref,
            state,
            deleted_at: row.deleted_at.map(|at| at.0),
            moved_to: row.moved_to.map(WorkItemRef::new),
            ingested_at: row.ingested_at.0,
        })
    }
}

/// Whole items; lists leave the description out.
macro_rules! select_items {
    ($where:literal) => {
        concat!(
            "SELECT work_item_ref, system, external_id, project_ref, state, deleted_at, moved_to, ingested_at,
                description, description_format FROM work_items ",
            $where
        )
    };
}

/// What a filter asks for, `$1` to `$7`. Names inside the JSON columns are compared as the JSON
/// text of a name, so that no name can be taken for another.
macro_rules! matching {
    ($elements_of_assignees:literal, $elements_of_labels:literal, $like:literal) => {
        concat!(
            "(CAST($1 AS text) IS NULL OR system = $1) AND (CAST($2 AS text) IS NULL OR project_ref = $2)
             AND (CASE WHEN CAST($3 AS text) IS NULL THEN deleted_at IS NULL ELSE status = $3 END)
             AND (CAST($4 AS text) IS NULL OR state_group = $4)
             AND (CAST($5 AS text) IS NULL OR EXISTS (SELECT 1 FROM ", $elements_of_assignees, " WHERE e.value ->> 'name' = $5))
             AND (CAST($6 AS text) IS NULL OR EXISTS (SELECT 1 FROM ", $elements_of_labels, " WHERE e.value ->> 'name' = $6))
             AND (CAST($7 AS text) IS NULL OR title ", $like, " $7 ESCAPE '\\' OR key ", $like, " $7 ESCAPE '\\')"
        )
    };
}
macro_rules! in_both_dialects {
    ($before:literal, $after:literal) => {
        Statement {
            postgres: concat!(
                $before,
                matching!(
                    "jsonb_array_elements(assignees) AS e(value)",
                    "jsonb_array_elements(labels) AS e(value)",
                    "ILIKE"
                ),
                $after
            ),
            sqlite: concat!(
                $before,
                matching!("json_each(assignees) AS e", "json_each(labels) AS e", "LIKE"),
                $after
            ),
        }
    };
}

const LIST: Statement = in_both_dialects!(
    "SELECT work_item_ref, system, external_id, project_ref, state, deleted_at, moved_to, ingested_at FROM work_items WHERE ",
    " AND ($8 IS NULL OR updated_at < $8 OR (updated_at = $8 AND work_item_ref > $9))
      ORDER BY updated_at DESC, work_item_ref LIMIT $10"
);
pub(super) const BY_REF: Statement = Statement {
    postgres: select_items!("WHERE work_item_ref IN (SELECT json_array_elements_text($1::json))"),
    sqlite: select_items!("WHERE work_item_ref IN (SELECT value FROM json_each($1))"),
};

/// Binds a filter to `$1`–`$7`.
macro_rules! bind_filter {
    ($query:expr, $filter:expr) => {
        $query
            .bind($filter.system.map(System::as_str))
            .bind($filter.project.as_deref())
            .bind($filter.status.as_deref())
            .bind($filter.state_group.map(StateGroup::as_str))
            .bind($filter.assignee.as_deref())
            .bind($filter.label.as_deref())
            .bind($filter.q.as_deref().map(containing))
    };
}

/// A pattern for texts that contain `part`, taken literally. How letters beyond ASCII compare in
/// other case is the database's affair; written as they are they always match.
fn containing(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

impl Store {
    /// Newest `updated_at` first, without descriptions.
    pub async fn work_items(
        &self,
        filter: &WorkItemFilter,
        after: Option<&WorkItemCursor>,
        limit: i64,
    ) -> StoreResult<Vec<WorkItem>> {
        macro_rules! list {
            ($pool:expr, $dialect:ident) => {
                bind_filter!(sqlx::query_as(LIST.$dialect), filter)
                    .bind(after.map(|a| At(a.updated_at)))
                    .bind(after.map(|a| a.item.as_str()))
                    .bind(limit)
                    .fetch_all($pool)
                    .await?
            };
        }
        let rows: Vec<Row> = match &self.database {
            Database::Postgres(pool) => list!(pool, postgres),
            Database::Sqlite { reader, .. } => list!(reader, sqlite),
        };
        rows.into_iter().map(WorkItem::try_from).collect()
    }

    /// One item, deleted or not.
    pub async fn work_item(&self, item: &WorkItemRef) -> StoreResult<Option<WorkItem>> {
        const ONE: &str = select_items!("WHERE work_item_ref = $1");
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(ONE).bind(item.as_str())
            .fetch_optional(pool).await?);
        row.map(WorkItem::try_from).transpose()
    }

    /// Those of `items` that are known, in no order.
    pub async fn work_items_by_ref(&self, items: &[&WorkItemRef]) -> StoreResult<Vec<WorkItem>> {
        let items = to_json(items)?;
        let rows: Vec<Row> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(BY_REF.postgres).bind(items).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(BY_REF.sqlite).bind(items).fetch_all(reader).await?
            }
        };
        rows.into_iter().map(WorkItem::try_from).collect()
    }
}
