//! Reading comments; they are written by `store/finish` together with the job that changed them.

use sqlx::FromRow;

use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreError, StoreResult, on_reader, unreadable};
use crate::comments::{Comment, Saying};
use crate::ids::{CommentRef, WorkItemRef};
use crate::work_items::Text;

#[derive(FromRow)]
pub(super) struct Row {
    comment_ref: String,
    work_item_ref: String,
    system: String,
    external_id: String,
    author: Option<String>,
    body: String,
    body_format: String,
    url: Option<String>,
    created_at: Option<At>,
    updated_at: At,
    deleted_at: Option<At>,
    ingested_at: At,
}

impl TryFrom<Row> for Comment {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let format = row.body_format.parse().map_err(|e| unreadable("body format", e))?;
        Ok(Self {
            said: Saying {
                comment: CommentRef::new(row.comment_ref),
                item: WorkItemRef::new(row.work_item_ref),
                system: row.system.parse().map_err(|e| unreadable("system", e))?,
                external_id: row.external_id,
                author: row.author,
                text: Text { format, text: row.body },
                url: row.url,
                created_at: row.created_at.map(|at| at.0),
                updated_at: row.updated_at.0,
            },
            deleted_at: row.deleted_at.map(|at| at.0),
            ingested_at: row.ingested_at.0,
        })
    }
}

macro_rules! select_comments {
    ($rest:literal) => {
        concat!(
            "SELECT comment_ref, work_item_ref, system, external_id, author, body, body_format, url, created_at,
                updated_at, deleted_at, ingested_at FROM work_item_comments ",
            $rest
        )
    };
}

const BY_REF: Statement = Statement {
    postgres: select_comments!("WHERE comment_ref IN (SELECT json_array_elements_text($1::json))"),
    sqlite: select_comments!("WHERE comment_ref IN (SELECT value FROM json_each($1))"),
};

impl Store {
    /// Those of `comments` that are known, deleted or not, in no order.
    pub async fn comments_by_ref(&self, comments: &[&CommentRef]) -> StoreResult<Vec<Comment>> {
        let comments = to_json(comments)?;
        let rows: Vec<Row> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(BY_REF.postgres).bind(comments).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(BY_REF.sqlite).bind(comments).fetch_all(reader).await?
            }
        };
        rows.into_iter().map(Comment::try_from).collect()
    }

    /// The first `limit` comments on an item, deleted ones among them, oldest first.
    pub async fn all_item_comments(
        &self,
        item: &WorkItemRef,
        limit: i64,
    ) -> StoreResult<Vec<Comment>> {
        const OF_ITEM: &str =
            select_comments!("WHERE work_item_ref = $1 ORDER BY created_at, comment_ref LIMIT $2");
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF_ITEM)
            .bind(item.as_str()).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(Comment::try_from).collect()
    }

    /// The first `limit` comments on an item that are not deleted, oldest first.
    pub async fn item_comments(&self, item: &WorkItemRef, limit: i64) -> StoreResult<Vec<Comment>> {
        const OF_ITEM: &str = select_comments!(
            "WHERE work_item_ref = $1 AND deleted_at IS NULL ORDER BY created_at, comment_ref LIMIT $2"
        );
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF_ITEM)
            .bind(item.as_str()).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(Comment::try_from).collect()
    }
}
