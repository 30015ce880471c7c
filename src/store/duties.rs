//! Which processes there are, and which of them does what only one has to do.

use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use super::rows::Statement;
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;

/// What a process says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Batches that it may work on at once; 0 where it doesn't work.
    pub workers: u64,
    /// Batches that it works on.
    pub busy: i64,
    /// Milliseconds in which 99 of 100 deliveries of the last minutes were accepted.
    pub accepted_p99_ms: Option<f64>,
    /// Milliseconds that 99 of 100 commits of deliveries took in the last minutes.
    pub commit_p99_ms: Option<f64>,
    /// Requests refused since it started.
    pub refused: u64,
    /// Database connections open.
    pub connections: u32,
    /// Database connections at most.
    pub most_connections: u32,
}

/// A process as it last said.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Its own name for itself.
    pub id: String,
    /// `all`, `receiver` or `worker`.
    pub role: String,
    /// Its version.
    pub version: String,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// When it last said so.
    pub seen_at: Timestamp,
    /// What it says.
    pub facts: Facts,
}

#[derive(FromRow)]
struct Row {
    id: String,
    role: String,
    version: String,
    started_at: At,
    seen_at: At,
    facts: Json<Facts>,
}

impl Store {
    /// Takes or keeps a duty until `until`; whether it is `holder`'s.
    pub async fn take_duty(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        const TAKE: &str = "INSERT INTO duties (name, holder, held_until) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
            WHERE duties.holder = excluded.holder OR duties.held_until < $4";
        let taken = on_writer!(self, pool => sqlx::query(TAKE).bind(name).bind(holder).bind(At(until)).bind(At(now))
            .execute(pool).await?.rows_affected());
        Ok(taken > 0)
    }

    /// Lets go of all duties of `holder`, so that another process need not wait, and of its row.
    pub async fn leave(&self, holder: &str) -> StoreResult<()> {
        for leave in ["DELETE FROM duties WHERE holder = $1", "DELETE FROM processes WHERE id = $1"]
        {
            on_writer!(self, pool => sqlx::query(leave).bind(holder).execute(pool).await.map(drop))?;
        }
        Ok(())
    }

    /// Says that a process is there.
    pub async fn put_process(&self, process: &Process) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO processes (id, role, version, started_at, seen_at, facts)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, facts = excluded.facts";
        on_writer!(self, pool => sqlx::query(PUT).bind(&process.id).bind(&process.role).bind(&process.version)
            .bind(At(process.started_at)).bind(At(process.seen_at)).bind(Json(process.facts))
            .execute(pool).await.map(drop))?;
        Ok(())
    }

    /// The processes that said something since `since`, the longest running first.
    pub async fn processes(&self, since: Timestamp) -> StoreResult<Vec<Process>> {
        const LIST: &str = "SELECT id, role, version, started_at, seen_at, facts FROM processes
            WHERE seen_at >= $1 ORDER BY started_at, id";
        let rows: Vec<Row> =
            on_reader!(self, pool => sqlx::query_as(LIST).bind(At(since)).fetch_all(pool).await?);
        let process = |row: Row| Process {
            id: row.id,
            role: row.role,
            version: row.version,
            started_at: row.started_at.0,
            seen_at: row.seen_at.0,
            facts: row.facts.0,
        };
        Ok(rows.into_iter().map(process).collect())
    }

    /// Whether a process that works the queue off said something since `since`.
    pub async fn somebody_works(&self, since: Timestamp) -> StoreResult<bool> {
        let processes = self.processes(since).await?;
        Ok(processes.iter().any(|process| process.facts.workers > 0))
    }

    /// The database's size in bytes.
    pub async fn database_bytes(&self) -> StoreResult<i64> {
        const SIZE: Statement = Statement {
            postgres: "SELECT pg_database_size(current_database())",
            sqlite: "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        };
        Ok(match &self.database {
            Database::Postgres(pool) => sqlx::query_scalar(SIZE.postgres).fetch_one(pool).await?,
            Database::Sqlite { reader, .. } => {
                sqlx::query_scalar(SIZE.sqlite).fetch_one(reader).await?
            }
        })
    }

    /// Connections of this process: open, idle, at most.
    pub fn connections(&self) -> (u32, u32, u32) {
        let count = |size: u32, idle: usize, most: u32| {
            (size, u32::try_from(idle).unwrap_or(u32::MAX), most)
        };
        match &self.database {
            Database::Postgres(pool) => {
                let pools = || [Some(pool), self.intake.as_ref()].into_iter().flatten();
                count(
                    pools().map(PgPool::size).sum(),
                    pools().map(PgPool::num_idle).sum(),
                    pools().map(|pool| pool.options().get_max_connections()).sum(),
                )
            }
            Database::Sqlite { writer, reader } => count(
                writer.size() + reader.size(),
                writer.num_idle() + reader.num_idle(),
                writer.options().get_max_connections() + reader.options().get_max_connections(),
            ),
        }
    }
}
