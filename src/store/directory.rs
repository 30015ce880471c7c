//! What is known of Plane's names (projects, states, labels, members), kept over restarts. What
//! the entries mean, and when they are too old, is `jobs/directory`'s business.

use super::time::At;
use super::{Database, Store, StoreError, StoreResult, on_reader};
use crate::clock::Timestamp;

/// What a row of the directory is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A project.
    Project,
    /// A state.
    State,
    /// A label.
    Label,
    /// A user.
    Member,
}

impl EntryKind {
    const ALL: [Self; 4] = [Self::Project, Self::State, Self::Label, Self::Member];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::State => "state",
            Self::Label => "label",
            Self::Member => "member",
        }
    }
}

/// One row of the directory.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryEntry {
    /// What it is about.
    pub kind: EntryKind,
    /// Its id at Plane.
    pub id: String,
    /// The project in which it was found.
    pub scope: String,
    /// What is known of it.
    pub entry: serde_json::Value,
    /// When Plane said so.
    pub fetched_at: Timestamp,
}

// The same statement but for the cast: PostgreSQL takes no text for a json column.
const PUT_POSTGRES: &str = "\
    INSERT INTO plane_directory (kind, id, scope, entry, fetched_at) VALUES ($1, $2, $3, $4::json, $5) \
    ON CONFLICT (kind, id) DO UPDATE SET \
    scope = excluded.scope, entry = excluded.entry, fetched_at = excluded.fetched_at \
    WHERE excluded.fetched_at >= plane_directory.fetched_at";
const PUT_SQLITE: &str = "\
    INSERT INTO plane_directory (kind, id, scope, entry, fetched_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (kind, id) DO UPDATE SET \
    scope = excluded.scope, entry = excluded.entry, fetched_at = excluded.fetched_at \
    WHERE excluded.fetched_at >= plane_directory.fetched_at";
const ALL: &str = "\
    SELECT kind, id, scope, CAST(entry AS text), fetched_at FROM plane_directory ORDER BY kind, id";

/// Runs the statement once for each entry, in one transaction.
macro_rules! put_all {
    ($pool:expr, $put:expr, $entries:expr) => {{
        let mut transaction = $pool.begin().await?;
        for entry in $entries {
            sqlx::query($put)
                .bind(entry.kind.as_str())
                .bind(&entry.id)
                .bind(&entry.scope)
                .bind(entry.entry.to_string())
                .bind(At(entry.fetched_at))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
    }};
}

impl Store {
    /// Keeps entries, each over an older one of the same kind and id; all of them or none.
    pub async fn put_directory_entries(&self, entries: &[DirectoryEntry]) -> StoreResult<()> {
        // Two processes that keep the same entries must lock them in the same order.
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by(|a, b| (a.kind.as_str(), &a.id).cmp(&(b.kind.as_str(), &b.id)));
        match &self.database {
            Database::Postgres(pool) => put_all!(pool, PUT_POSTGRES, entries),
            Database::Sqlite { writer, .. } => put_all!(writer, PUT_SQLITE, entries),
        }
        Ok(())
    }

    /// What is known of a project's entries of one kind, by id.
    pub async fn directory_of(
        &self,
        kind: EntryKind,
        scope: &str,
    ) -> StoreResult<Vec<serde_json::Value>> {
        const OF: &str = "SELECT CAST(entry AS text) FROM plane_directory \
            WHERE kind = $1 AND scope = $2 ORDER BY id";
        let rows: Vec<String> = on_reader!(self, pool =>
            sqlx::query_scalar(OF).bind(kind.as_str()).bind(scope).fetch_all(pool).await?);
        let read = |row: String| serde_json::from_str(&row);
        rows.into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|e| StoreError::Unreadable { what: "directory entry", why: e.to_string() })
    }

    /// All entries, by kind and id.
    pub async fn directory_entries(&self) -> StoreResult<Vec<DirectoryEntry>> {
        let rows: Vec<(String, String, String, String, At)> =
            on_reader!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await)?;
        rows.into_iter().map(entry_of).collect()
    }
}

fn entry_of(row: (String, String, String, String, At)) -> StoreResult<DirectoryEntry> {
    let (kind, id, scope, entry, At(fetched_at)) = row;
    let unreadable = |why: String| StoreError::Unreadable { what: "directory entry", why };
    let kind = EntryKind::ALL
        .into_iter()
        .find(|k| k.as_str() == kind)
        .ok_or_else(|| unreadable(format!("unknown kind “{kind}”")))?;
    let entry = serde_json::from_str(&entry).map_err(|e| unreadable(e.to_string()))?;
    Ok(DirectoryEntry { kind, id, scope, entry, fetched_at })
}
