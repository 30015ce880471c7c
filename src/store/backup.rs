//! One file that holds all of an embedded database, made while it is in use; and telling whether a
//! file is such a one. `PostgreSQL` has tools of its own for both.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::connect::newest_sqlite_schema;
use super::{Database, Store, StoreError, StoreResult};

/// The file can't take the place of a database.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is no SQLite file, or can't be read.
    #[error("it can't be read as a backup: {0}")]
    Unreadable(String),
    /// SQLite finds it damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It holds something else.
    #[error("it holds no tables of jetbridge")]
    Foreign,
    /// A newer Jetbridge made it.
    #[error(
        "it has schema version {found}, this jetbridge knows {known}: restore it with a jetbridge at least as new"
    )]
    Newer {
        /// The version in the file.
        found: i64,
        /// The newest version that this binary knows.
        known: i64,
    },
}

impl Store {
    /// Writes the database as it is at one moment into `file`, which is empty or not there; nobody
    /// who writes has to wait. The file is compact, and not yet synced to disk.
    ///
    /// # Errors
    /// When the file can't be written; on `PostgreSQL` always.
    pub async fn copy_into(&self, file: &Path) -> StoreResult<()> {
        let Database::Sqlite { reader, .. } = &self.database else {
            return Err(StoreError::Unreadable {
                what: "database",
                why: "only SQLite is copied into a file".to_owned(),
            });
        };
        let Some(file) = file.to_str() else {
            return Err(StoreError::Unreadable {
                what: "file name",
                why: "it is not UTF-8".to_owned(),
            });
        };
        sqlx::query("VACUUM INTO $1").bind(file).execute(reader).await?;
        Ok(())
    }
}

/// Whether a file is a sound backup; its schema version.
///
/// # Errors
/// Why it is none.
pub async fn examine(file: &Path) -> Result<i64, Unfit> {
    const NEWEST: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    let unreadable = |error: sqlx::Error| Unfit::Unreadable(error.to_string());
    let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
    let mut connection = options.connect().await.map_err(unreadable)?;
    let sound: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)")
        .fetch_all(&mut connection)
        .await
        .map_err(unreadable)?;
    if sound != ["ok"] {
        return Err(Unfit::Damaged(sound.join("; ")));
    }
    let found: i64 =
        sqlx::query_scalar(NEWEST).fetch_one(&mut connection).await.map_err(|_| Unfit::Foreign)?;
    connection.close().await.map_err(unreadable)?;
    let known = newest_sqlite_schema();
    if found > known { Err(Unfit::Newer { found, known }) } else { Ok(found) }
}
