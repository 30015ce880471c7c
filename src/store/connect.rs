//! Opening a database: where it is, how its connections are set, and its migrations.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool};
use tokio::sync::{Semaphore, watch};

use super::changes::Changed;
use super::quota_accounts::OwnAccounts;
use super::{Condition, Database, Store, StoreError, StoreResult, TURNS, condition_of, on_writer};

static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long a request waits for a connection before the database counts as gone.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Connections to `PostgreSQL`: the workers and some for pages.
const POSTGRES_CONNECTIONS: u32 = 10;
/// How long a session of ours may stand still in the middle of a transaction, milliseconds. A paused
/// or vanished process would hold its locks, and up everybody who claims; those of its sessions that
/// wait behind each other for a lock are ended one after the other, so it is short beside a lease.
const STANDS_STILL: &str = "5000";
/// Connections to `PostgreSQL` for the two committers and the drain of the inbox alone: they have
/// little time to get one, however busy everything else is.
const INTAKE_CONNECTIONS: u32 = 3;
/// Connections to SQLite that only read.
const SQLITE_READERS: u32 = 2;
/// Bodies of some kilobytes then lie in one or two pages rather than in three or four.
const SQLITE_PAGE: u32 = 8192;
/// KiB of pages that each of those keeps, a quarter of what SQLite would: under load they are bodies,
/// which are read once.
const SQLITE_READER_CACHE: u32 = 512;
/// How long SQLite waits for another process's transaction.
const SQLITE_BUSY: Duration = Duration::from_secs(5);

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// `postgres://…`, which may hold a password and is never printed whole.
    Postgres(String),
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => match PgConnectOptions::from_str(url) {
                Ok(options) => write!(
                    f,
                    "postgres://{}:{}/{}",
                    options.get_host(),
                    options.get_port(),
                    options.get_database().unwrap_or_default()
                ),
                Err(_) => f.write_str("postgres://…"),
            },
        }
    }
}

/// Whether anything can be asked of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// Not as far as is known: the database was not reached yet, or would not have them made.
    Unknown,
    /// They are made, or brought up to date, at this moment.
    BeingMade,
    /// They are those of this version.
    Ready,
}

/// The text is no database's address.
#[derive(Debug, Clone, thiserror::Error)]
#[error("expected sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME")]
pub struct InvalidDatabaseUrl;

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        if let Some(path) = text.strip_prefix("sqlite://").filter(|p| !p.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        let postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if postgres && PgConnectOptions::from_str(text).is_ok() {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(InvalidDatabaseUrl)
    }
}

impl Store {
    /// Opens the database and brings its tables up to date. A SQLite file and its folder are
    /// made if missing.
    ///
    /// # Errors
    /// When it can't be reached, when a migration fails, or when a newer Jetbridge migrated it.
    pub async fn open(url: &DatabaseUrl) -> StoreResult<Self> {
        let store = Self::connect(url, Missing::Make).await?;
        store.bring_up_to_date().await?;
        Ok(store)
    }

    /// A `PostgreSQL` that is looked for when something is asked of it: for a process that starts
    /// while it is away. Nothing can be asked of its tables before [`Store::bring_up_to_date`] has
    /// succeeded.
    ///
    /// # Errors
    /// When the address is none, and for SQLite, which is opened or not there.
    pub fn later(url: &DatabaseUrl) -> StoreResult<Self> {
        match url {
            DatabaseUrl::Postgres(url) => {
                let (options, intake) = postgres(url)?;
                let pool = main_pool().connect_lazy_with(options);
                Ok(Self::over(Database::Postgres(pool), Some(intake), Tables::Unknown))
            }
            DatabaseUrl::Sqlite(_) => Err(StoreError::Unreachable(sqlx::Error::PoolClosed)),
        }
    }

    /// Whether its tables are of an earlier version, or not there yet.
    ///
    /// # Errors
    /// When it can't be reached.
    pub async fn has_older_tables(&self) -> StoreResult<bool> {
        let older = self.schema_version().await? < newest(self.migrator());
        if older {
            self.tables.send_replace(Tables::BeingMade);
        }
        Ok(older)
    }

    /// Brings the tables up to date, as [`Store::open`] does.
    ///
    /// # Errors
    /// When it can't be reached, when a migration fails, or when a newer Jetbridge migrated it.
    pub async fn bring_up_to_date(&self) -> StoreResult<()> {
        let migrated = self.migrate().await;
        let done = match migrated {
            Ok(()) => self.make_dirty_cards().await,
            Err(error) => Err(error),
        };
        let tables = if done.is_ok() { Tables::Ready } else { Tables::Unknown };
        self.tables.send_replace(tables);
        done
    }

    /// How its tables are.
    pub fn tables(&self) -> Tables {
        *self.tables.borrow()
    }

    /// Returns when its tables can be asked.
    pub async fn tables_are_ready(&self) {
        // The sender lives as long as we do.
        let _ = self.tables.subscribe().wait_for(|tables| *tables == Tables::Ready).await;
    }

    /// Opens a database that is there and changes nothing about its tables.
    ///
    /// # Errors
    /// When it can't be reached or is not there, and when its tables are not those of this
    /// version.
    pub async fn open_as_is(url: &DatabaseUrl) -> StoreResult<Self> {
        let store = Self::connect(url, Missing::Refuse).await?;
        let (found, migrator) = (store.schema_version().await, store.migrator());
        let known = newest(migrator);
        let wrong = match found {
            Ok(found) if found < known => StoreError::OlderSchema { found, needed: known },
            Ok(found) if found > known => StoreError::NewerSchema { found, known },
            Ok(_) => return Ok(store),
            Err(error) => error,
        };
        store.close().await;
        Err(wrong)
    }

    /// The newest migration that was run; 0 where none was.
    async fn schema_version(&self) -> StoreResult<i64> {
        const NEWEST: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
        let asked = on_writer!(self, pool => sqlx::query_scalar(NEWEST).fetch_one(pool).await);
        match asked {
            Err(sqlx::Error::Database(error)) if says_no_such_table(&*error) => Ok(0),
            other => Ok(other?),
        }
    }

    fn migrator(&self) -> &'static Migrator {
        match &self.database {
            Database::Postgres(_) => &POSTGRES,
            Database::Sqlite { .. } => &SQLITE,
        }
    }

    async fn connect(url: &DatabaseUrl, missing: Missing) -> StoreResult<Self> {
        let (database, intake) = match url {
            DatabaseUrl::Sqlite(path) => (connect_sqlite(path, missing).await?, None),
            DatabaseUrl::Postgres(url) => {
                let (pool, intake) = connect_postgres(url).await?;
                (Database::Postgres(pool), Some(intake))
            }
        };
        Ok(Self::over(database, intake, Tables::Ready))
    }

    fn over(database: Database, intake: Option<PgPool>, tables: Tables) -> Self {
        let turns = Arc::new(Semaphore::new(TURNS));
        let (changed, accounts) = (Changed::default(), OwnAccounts::default());
        let tables = Arc::new(watch::Sender::new(tables));
        Self { database, changed, intake, turns, accounts, tables }
    }

    async fn migrate(&self) -> StoreResult<()> {
        match &self.database {
            Database::Postgres(pool) => {
                // A migration that fails or is given up leaves its connection with the lock of all
                // migrations, or in the midst of a statement: it is one that nobody else gets.
                let own = pool_of(1).connect_lazy_with((*pool.connect_options()).clone());
                let done = self.migrate_postgres(&own).await;
                own.close().await;
                done
            }
            Database::Sqlite { writer, .. } => {
                SQLITE.run(writer).await.map_err(|error| migration_error(error, &SQLITE))
            }
        }
    }

    async fn migrate_postgres(&self, own: &PgPool) -> StoreResult<()> {
        // Two processes that start at once may both find it missing.
        let made = sqlx::query("CREATE SCHEMA IF NOT EXISTS ops").execute(own).await;
        if let Err(error) = made
            && !error
                .as_database_error()
                .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
        {
            return Err(error.into());
        }
        self.tables.send_replace(Tables::BeingMade);
        POSTGRES.run(own).await.map_err(|error| migration_error(error, &POSTGRES))
    }
}

/// The newest schema of SQLite that this binary knows.
pub(super) fn newest_sqlite_schema() -> i64 {
    newest(&SQLITE)
}

fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|m| m.version).max().unwrap_or(0)
}

/// What becomes of a SQLite file that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Refuse,
}

fn says_no_such_table(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code == "42P01") || error.message().contains("no such table")
}

fn migration_error(error: MigrateError, migrator: &Migrator) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) => {
            StoreError::NewerSchema { found, known: newest(migrator) }
        }
        // The connection was lost, or never had: no fault of the migration's.
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
            if condition_of(&error) != Condition::Sound =>
        {
            error.into()
        }
        other => StoreError::Migration(other.to_string()),
    }
}

async fn connect_postgres(url: &str) -> StoreResult<(PgPool, PgPool)> {
    let (options, intake) = postgres(url)?;
    let pool = main_pool().connect_with(options).await?;
    Ok((pool, intake))
}

/// How to connect, and the connections for taking deliveries in, which are made when a process begins
/// to receive and kept, or when the first delivery comes.
fn postgres(url: &str) -> StoreResult<(PgConnectOptions, PgPool)> {
    let options = PgConnectOptions::from_str(url)
        .map_err(StoreError::Refused)?
        .application_name("jetbridge")
        .options([
            ("search_path", "ops"),
            ("jit", "off"),
            // A third of what the default costs, for texts of items as well as for bodies.
            ("default_toast_compression", "lz4"),
            ("idle_in_transaction_session_timeout", STANDS_STILL),
        ]);
    let intake = pool_of(INTAKE_CONNECTIONS).idle_timeout(None).connect_lazy_with(options.clone());
    Ok((options, intake))
}

/// For everything but the inbox. A connection's buffers stay as long as the longest batch that went
/// through them, and each of them meets one in time: they are given back with the connection.
fn main_pool() -> PgPoolOptions {
    pool_of(POSTGRES_CONNECTIONS).after_release(|connection, _| {
        connection.shrink_buffers();
        Box::pin(async { Ok(true) })
    })
}

fn pool_of(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
}

async fn connect_sqlite(path: &Path, missing: Missing) -> StoreResult<Database> {
    if missing == Missing::Make
        && let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::Unreachable(sqlx::Error::Io(e)))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(missing == Missing::Make)
        .page_size(SQLITE_PAGE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT.max(SQLITE_BUSY))
        // SQLite ends a transaction by itself when the disk is full or fails; sqlx goes on counting
        // it as open, and would never begin another one on this connection.
        .before_acquire(|connection, _| {
            let usable = !connection.is_in_transaction();
            Box::pin(async move { Ok(usable) })
        })
        .connect_with(options.clone())
        .await?;
    let reader = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .min_connections(0)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(
            options
                .read_only(true)
                .create_if_missing(false)
                .pragma("cache_size", format!("-{SQLITE_READER_CACHE}")),
        );
    Ok(Database::Sqlite { writer, reader })
}
