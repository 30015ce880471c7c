//! How many cards a column may hold, as people set it in the page.

use std::collections::HashMap;

use super::{Store, StoreResult, on_reader, on_writer};

impl Store {
    /// The limits of a board, by column: of the one over all projects (`scope` empty) or of one
    /// project's own.
    pub async fn board_limits(&self, scope: &str) -> StoreResult<HashMap<String, i64>> {
        const OF: &str = "SELECT column_slug, most FROM board_limits WHERE scope = $1";
        let rows: Vec<(String, i64)> =
            on_reader!(self, pool => sqlx::query_as(OF).bind(scope).fetch_all(pool).await?);
        Ok(rows.into_iter().collect())
    }

    /// Sets a column's limit; `None` takes it away.
    pub async fn set_board_limit(
        &self,
        scope: &str,
        column: &str,
        most: Option<i64>,
    ) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO board_limits (scope, column_slug, most) VALUES ($1, $2, $3)
            ON CONFLICT (scope, column_slug) DO UPDATE SET most = excluded.most";
        const REMOVE: &str = "DELETE FROM board_limits WHERE scope = $1 AND column_slug = $2";
        match most {
            Some(most) => on_writer!(self, pool => sqlx::query(PUT).bind(scope).bind(column)
                .bind(most).execute(pool).await.map(drop))?,
            None => on_writer!(self, pool => sqlx::query(REMOVE).bind(scope).bind(column)
                .execute(pool).await.map(drop))?,
        }
        Ok(())
    }
}
