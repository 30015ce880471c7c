//! Views of the board that people saved: a name for what stands in an address.

use super::time::At;
use super::{Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;

/// Views that are kept, at most: they stand in one row of the page, each with its count.
pub const MOST_VIEWS: usize = 30;

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardView {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// The address after its question mark.
    pub query: String,
}

/// Whether a view was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It was.
    Yes,
    /// Another view has that name.
    NameTaken,
    /// There is no such view (any more), or there is no room for another one.
    No,
}

impl Store {
    /// In the order in which they were saved.
    pub async fn board_views(&self) -> StoreResult<Vec<BoardView>> {
        const ALL: &str = "SELECT id, name, query FROM board_views ORDER BY id";
        let rows: Vec<(i64, String, String)> =
            on_reader!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(id, name, query)| BoardView { id, name, query }).collect())
    }

    /// Saves a view under a new name.
    pub async fn save_board_view(
        &self,
        name: &str,
        query: &str,
        now: Timestamp,
    ) -> StoreResult<Saved> {
        const ADD: &str = "INSERT INTO board_views (name, query, created_at)
            SELECT $1, $2, $3 WHERE (SELECT count(*) FROM board_views) < $4
            ON CONFLICT (name) DO NOTHING";
        if self.board_views().await?.iter().any(|view| view.name == name) {
            return Ok(Saved::NameTaken);
        }
        let most = i64::try_from(MOST_VIEWS).unwrap_or(i64::MAX);
        let added = on_writer!(self, pool => sqlx::query(ADD).bind(name).bind(query).bind(At(now))
            .bind(most).execute(pool).await?.rows_affected());
        Ok(if added == 1 { Saved::Yes } else { Saved::No })
    }

    /// Calls a view something else.
    pub async fn rename_board_view(&self, id: i64, name: &str) -> StoreResult<Saved> {
        const RENAME: &str = "UPDATE board_views SET name = $2 WHERE id = $1
            AND NOT EXISTS (SELECT 1 FROM board_views o WHERE o.name = $2 AND o.id <> $1)";
        let renamed = on_writer!(self, pool => sqlx::query(RENAME).bind(id).bind(name)
            .execute(pool).await?.rows_affected());
        let is_known = || async {
            Ok::<_, super::StoreError>(self.board_views().await?.iter().any(|view| view.id == id))
        };
        Ok(match renamed {
            1 => Saved::Yes,
            _ if is_known().await? => Saved::NameTaken,
            _ => Saved::No,
        })
    }

    /// Forgets a view, and gives back what it was.
    pub async fn delete_board_view(&self, id: i64) -> StoreResult<Option<BoardView>> {
        const DELETE: &str = "DELETE FROM board_views WHERE id = $1 RETURNING id, name, query";
        let row: Option<(i64, String, String)> = on_writer!(self, pool => sqlx::query_as(DELETE)
            .bind(id).fetch_optional(pool).await?);
        Ok(row.map(|(id, name, query)| BoardView { id, name, query }))
    }
}
