//! Hints between processes that share one `PostgreSQL`: "something is due", "something changed".
//! They carry nothing and may be lost; whoever listens looks at the tables, and looks now and then
//! without a hint.
//!
//! Deliberately absent: a notification in the transaction of a delivery or of a batch. It would
//! make all commits wait for one another.

use sqlx::postgres::PgListener;

use super::{Database, Store, StoreResult};

/// What a hint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Jobs are due.
    Work,
    /// Items changed.
    Changes,
}

impl Topic {
    const ALL: [Self; 2] = [Self::Work, Self::Changes];

    fn channel(self) -> &'static str {
        match self {
            Self::Work => "jetbridge_work",
            Self::Changes => "jetbridge_changes",
        }
    }
}

/// Hears the hints of other processes (and of this one), of all topics.
#[derive(Debug)]
pub struct Hints(PgListener);

impl Hints {
    /// Waits for the next hint; a lost connection is made anew.
    ///
    /// # Errors
    /// When the database can't be reached; what was said meanwhile is lost.
    pub async fn next(&mut self) -> StoreResult<Topic> {
        loop {
            let hint = self.0.recv().await?;
            let topic = Topic::ALL.into_iter().find(|topic| topic.channel() == hint.channel());
            if let Some(topic) = topic {
                return Ok(topic);
            }
        }
    }
}

impl Store {
    /// Tells other processes. SQLite has no other process.
    pub async fn announce(&self, topic: Topic) -> StoreResult<()> {
        if let Database::Postgres(pool) = &self.database {
            sqlx::query("SELECT pg_notify($1, '')").bind(topic.channel()).execute(pool).await?;
        }
        Ok(())
    }

    /// Starts listening; `None` on SQLite, where everything happens in this process.
    pub async fn hints(&self) -> StoreResult<Option<Hints>> {
        let Database::Postgres(pool) = &self.database else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all(Topic::ALL.map(Topic::channel)).await?;
        Ok(Some(Hints(listener)))
    }
}
