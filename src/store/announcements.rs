//! Hints between processes that share one `PostgreSQL`: "something is due". They carry nothing
//! and may be lost; whoever listens looks at the tables, and looks now and then without a hint.
//!
//! Deliberately absent: a notification in the transaction of a delivery. It would make all commits
//! wait for one another.

use sqlx::postgres::PgListener;

use super::{Database, Store, StoreResult};

const CHANNEL: &str = "jetbridge_work";

/// Hears the hints of other processes (and of this one).
#[derive(Debug)]
pub struct Hints(PgListener);

impl Hints {
    /// Waits for the next hint; a lost connection is made anew.
    ///
    /// # Errors
    /// When the database can't be reached; what was said meanwhile is lost.
    pub async fn next(&mut self) -> StoreResult<()> {
        self.0.recv().await?;
        Ok(())
    }
}

impl Store {
    /// Tells other processes that work is due. SQLite has no other process.
    pub async fn announce_work(&self) -> StoreResult<()> {
        if let Database::Postgres(pool) = &self.database {
            sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(pool).await?;
        }
        Ok(())
    }

    /// Starts listening; `None` on SQLite, where the only worker is in this process.
    pub async fn hints(&self) -> StoreResult<Option<Hints>> {
        let Database::Postgres(pool) = &self.database else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Hints(listener)))
    }
}
