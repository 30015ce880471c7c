//! All SQL, for both databases, and the only place that names sqlx.
//!
//! One text serves both: `PostgreSQL` connections have `search_path = ops`, SQLite takes `$1` as
//! it is. Where the dialects must fork, the fork is a pair of constants side by side in the file
//! of the table concerned (batch inserts, the claim). Rows are types of this folder and leave it
//! as domain types.
//!
//! SQLite has one writing connection, handed out in the order of asking, and a few that only
//! read. Nothing here waits for the network while a transaction is open.

pub mod alarms;
pub mod announcements;
pub mod api_tokens;
pub mod audit;
pub mod backfills;
pub mod backup;
pub mod board_limits;
pub mod board_views;
pub mod bundles;
pub mod canary;
pub mod cards;
pub mod changes;
pub mod claim;
mod comments;
mod connect;
pub mod deliveries;
mod delivery_search;
pub mod directory;
pub mod drift;
pub mod duties;
pub mod figures;
pub mod finish;
mod finished_rows;
pub mod flow;
pub mod found;
mod ignored;
pub mod inbox;
pub mod intents;
pub mod jobs;
pub mod label_links;
mod link_rows;
pub mod links;
pub mod links_many;
pub mod members;
mod needless_links;
pub mod people;
pub mod placed_links;
pub mod plane_names;
pub mod pull_moves;
mod pulls;
pub mod queue_now;
pub mod quota_accounts;
pub mod quotas;
pub mod rebuild;
pub mod rebuild_rows;
pub mod rebuild_swap;
pub mod recovery;
pub mod replays;
pub mod repositories;
pub mod repository_health;
pub mod retention;
mod rows;
pub mod sessions;
pub mod settings;
pub mod stats;
mod sweep;
pub mod ties;
mod time;
pub mod timeline;
pub mod turns;
pub mod work_items;
mod write_history;

pub use connect::{DatabaseUrl, InvalidDatabaseUrl, Tables};

use std::sync::Arc;

use sqlx::{PgPool, SqlitePool};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::config::GithubHost;

/// Runs one piece of code on whichever database there is; `$pool` is bound to the pool that may
/// write (`on_writer!`) or only reads (`on_reader!`).
macro_rules! on_writer {
    ($store:expr, $pool:ident => $body:expr) => {
        match &$store.database {
            $crate::store::Database::Postgres($pool) => $body,
            $crate::store::Database::Sqlite { writer: $pool, .. } => $body,
        }
    };
}
macro_rules! on_reader {
    ($store:expr, $pool:ident => $body:expr) => {
        match &$store.database {
            $crate::store::Database::Postgres($pool) => $body,
            $crate::store::Database::Sqlite { reader: $pool, .. } => $body,
        }
    };
}
use {on_reader, on_writer};

/// The database, open and migrated.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    changed: changes::Changed,
    /// `PostgreSQL`'s connections for taking deliveries in, which nothing else may use up.
    intake: Option<PgPool>,
    /// Turns at making cards, which is done by one transaction at a time.
    turns: Arc<Semaphore>,
    /// What was asked of other systems, where nobody else has to know of it.
    accounts: quota_accounts::OwnAccounts,
    /// How its tables are.
    tables: Arc<watch::Sender<Tables>>,
}

#[derive(Debug, Clone)]
enum Database {
    Postgres(PgPool),
    Sqlite { writer: SqlitePool, reader: SqlitePool },
}

/// How many transactions may be on their way to the lock under which cards are made: one that has
/// it, and a few that have their other writes done by then. All others wait without a connection.
const TURNS: usize = 4;

/// The database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not reachable, or gone while asked: may work later.
    #[error("the database is not reachable: {0}")]
    Unreachable(#[source] sqlx::Error),
    /// Its disk is full: works again when there is room.
    #[error("the database's disk is full: free some space, and it goes on by itself ({0})")]
    DiskFull(#[source] sqlx::Error),
    /// It can be read and not written: works again when that is mended.
    #[error(
        "the database can't be written: make its files and their folder writable for the user that runs jetbridge, or set data_dir ({0})"
    )]
    ReadOnly(#[source] sqlx::Error),
    /// Its file is damaged.
    #[error(
        "the database file is damaged: stop jetbridge, keep the file, and bring a backup back with jetbridge restore FILE ({0})"
    )]
    Damaged(#[source] sqlx::Error),
    /// It did not answer in the time that there was: may work later.
    #[error("the database did not answer in time")]
    TooSlow,
    /// Its tables were made by a newer Jetbridge.
    #[error(
        "the database has schema version {found}, this jetbridge knows {known}: start a jetbridge at least as new as the one that migrated it"
    )]
    NewerSchema {
        /// The version in the database.
        found: i64,
        /// The newest version that this binary knows.
        known: i64,
    },
    /// Its tables were made by an older Jetbridge, or are not there yet.
    #[error(
        "the database has schema version {found}, this jetbridge needs {needed}: run jetbridge migrate, or start jetbridge serve, which does it too"
    )]
    OlderSchema {
        /// The version in the database; 0 for an empty one.
        found: i64,
        /// The version that this binary works with.
        needed: i64,
    },
    /// A migration failed.
    #[error("could not migrate the database: {0}")]
    Migration(String),
    /// A stored value is not what this version writes.
    #[error("the database holds an unreadable {what}: {why}")]
    Unreadable {
        /// Which value.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Anything else that the database refuses.
    #[error("the database refused: {0}")]
    Refused(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TooSlow | Self::DiskFull(_) | Self::ReadOnly(_) => true,
            Self::NewerSchema { .. }
            | Self::OlderSchema { .. }
            | Self::Migration(_)
            | Self::Damaged(_)
            | Self::Unreadable { .. }
            | Self::Refused(_) => false,
        }
    }
}

impl StoreError {
    /// Whether the database ended this transaction for the sake of another one (a deadlock, a
    /// serialisation failure): nothing is wrong with it, and it may be repeated at once.
    pub fn is_collision(&self) -> bool {
        let Self::Unreachable(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| code.len() == 5 && code.starts_with("40"))
    }

    /// Whether it is about what was to be stored rather than about the database: values that no
    /// database of this kind takes (classes 21, 22, 23 and 54 of `PostgreSQL`'s codes). Everything
    /// else that refuses a delivery, be it a password that was changed, a server that only reads or
    /// tables that are not there, is the database's state, and states pass.
    pub fn is_about_the_row(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Refused(sqlx::Error::Encode(_)) => true,
            Self::Refused(sqlx::Error::Database(error)) => error.code().is_some_and(|code| {
                ["21", "22", "23", "54"].iter().any(|class| code.starts_with(class))
            }),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match condition_of(&error) {
            Condition::Away => Self::Unreachable(error),
            Condition::Full => Self::DiskFull(error),
            Condition::ReadOnly => Self::ReadOnly(error),
            Condition::Damaged => Self::Damaged(error),
            Condition::Sound => Self::Refused(error),
        }
    }
}

/// What an error says of the database as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Away,
    Full,
    ReadOnly,
    Damaged,
    /// Nothing: it is about what was asked.
    Sound,
}

fn condition_of(error: &sqlx::Error) -> Condition {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Condition::Away,
        sqlx::Error::Database(e) => e.code().map_or(Condition::Sound, |code| condition(&code)),
        _ => Condition::Sound,
    }
}

/// `PostgreSQL`: disk full (53100), a server that only reads (25006), as one does that was primary
/// before a fail-over; connection exceptions (08), too many connections and lack of resources (53),
/// shut-down and crash (57P), serialisation failure and deadlock (40). SQLite, each with its
/// extended codes: full (13), read-only (8), damaged (11) and no database (26); busy (5), locked
/// (6), input/output (10), cannot open (14).
fn condition(code: &str) -> Condition {
    match code {
        "53100" => return Condition::Full,
        "25006" => return Condition::ReadOnly,
        // It stood still in a transaction and was thrown out.
        "25P03" => return Condition::Away,
        _ => {}
    }
    if code.len() == 5 {
        let away = ["08", "53", "57P", "40"].iter().any(|class| code.starts_with(class));
        return if away { Condition::Away } else { Condition::Sound };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6 | 10 | 14) => Condition::Away,
        Ok(8) => Condition::ReadOnly,
        Ok(11 | 26) => Condition::Damaged,
        Ok(13) => Condition::Full,
        _ => Condition::Sound,
    }
}

fn unreadable(what: &'static str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable { what, why: why.to_string() }
}

/// A server as stored: null for that of `github.api_url`.
fn github_host(stored: Option<String>) -> StoreResult<GithubHost> {
    let host = stored.map(|name| name.parse().map_err(|e| unreadable("github_host", e)));
    Ok(host.transpose()?.unwrap_or_default())
}

/// Results of the store.
pub type StoreResult<T> = Result<T, StoreError>;

impl Store {
    /// Whether the database answers.
    pub async fn ping(&self) -> StoreResult<()> {
        on_reader!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))
            .map_err(StoreError::from)
    }

    /// `postgres` or `sqlite`, for people.
    pub fn database_name(&self) -> &'static str {
        match self.database {
            Database::Postgres(_) => "postgres",
            Database::Sqlite { .. } => "sqlite",
        }
    }

    /// Closes all connections; a SQLite database is checkpointed.
    pub async fn close(&self) {
        match &self.database {
            Database::Postgres(pool) => {
                if let Some(intake) = &self.intake {
                    intake.close().await;
                }
                pool.close().await;
            }
            Database::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
        }
    }
}

impl Store {
    /// To be had before a transaction is begun that makes cards, and kept to its end: those that
    /// wait for one another must not use up the connections that everybody else needs.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.turns.acquire().await.ok()
    }

    /// How many commits can usefully be under way at once.
    pub fn committers(&self) -> usize {
        match self.database {
            Database::Postgres(_) => 2,
            Database::Sqlite { .. } => 1,
        }
    }
}
