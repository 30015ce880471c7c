//! Which repositories are configured: rows of `repository_syncs`, found by GitHub's numeric id
//! (which survives a rename) or by name (whatever the case).
//!
//! A row's name is the one that a person configured, also after a rename at GitHub; what the
//! repository is called now stands in its deliveries. Deliberately absent: what is made of a
//! repository that has no row, which is the receiver's decision.

use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::settings::SETTINGS_CHANGED;
use super::time::At;
use super::{Database, Store, StoreError, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::config::{Direction, RepositoryConfig, RepositoryName, WorkspaceSlug};
use crate::ids::RepositorySyncId;

/// Where a repository's row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `[[repositories]]`: configured as long as it stands there.
    Config,
    /// Added by a person through command line, API or page.
    Manual,
    /// A webhook came from it and `github.unknown_repositories` is `register`.
    Registered,
}

impl Origin {
    const ALL: [Self; 3] = [Self::Config, Self::Manual, Self::Registered];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Manual => "manual",
            Self::Registered => "registered",
        }
    }
}

/// A configured repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The row.
    pub id: RepositorySyncId,
    /// As configured.
    pub name: RepositoryName,
    /// GitHub's numeric id, once a delivery told it.
    pub github_id: Option<u64>,
    /// Plane's project that it is kept in step with; without one it is on the board only.
    pub plane_project: Option<Uuid>,
    /// The workspace of its projects; `None` for `plane.workspace`.
    pub plane_workspace: Option<WorkspaceSlug>,
    /// Who may change whom.
    pub direction: Direction,
    /// Where the row comes from.
    pub origin: Origin,
    /// When the row was made.
    pub created_at: Timestamp,
}

/// A repository that is to be configured.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// `owner/name`.
    pub name: RepositoryName,
    /// GitHub's numeric id, where it is known.
    pub github_id: Option<u64>,
    /// Plane's project.
    pub plane_project: Option<Uuid>,
    /// The workspace of its projects.
    pub plane_workspace: Option<WorkspaceSlug>,
    /// Who may change whom.
    pub direction: Direction,
    /// Where it comes from.
    pub origin: Origin,
}

/// What is to change about a repository; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct RepositoryChange {
    /// Another project, or none.
    pub plane_project: Option<Option<Uuid>>,
    /// Another workspace, or `plane.workspace`.
    pub plane_workspace: Option<Option<WorkspaceSlug>>,
    /// Another direction.
    pub direction: Option<Direction>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    repository: String,
    github_id: Option<i64>,
    plane_project: Option<String>,
    plane_workspace: Option<String>,
    direction: String,
    origin: String,
    created_at: At,
}

impl TryFrom<Row> for Repository {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let project = row.plane_project.as_deref().filter(|project| !project.is_empty());
        Ok(Self {
            id: RepositorySyncId(row.id),
            name: row.repository.parse().map_err(|e| unreadable("repository", e))?,
            github_id: row.github_id.and_then(|id| u64::try_from(id).ok()),
            plane_project: project
                .map(|id| id.parse().map_err(|e| unreadable("plane_project", e)))
                .transpose()?,
            plane_workspace: row
                .plane_workspace
                .map(|slug| slug.parse().map_err(|e| unreadable("plane_workspace", e)))
                .transpose()?,
            direction: row.direction.parse().map_err(|e| unreadable("direction", e))?,
            origin: Origin::ALL
                .into_iter()
                .find(|origin| origin.as_str() == row.origin)
                .ok_or_else(|| unreadable("origin", &row.origin))?,
            created_at: row.created_at.0,
        })
    }
}

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "id, repository, github_id, plane_project, plane_workspace, direction, origin, created_at",
            $after
        )
    };
}

const FIND: &str = columns!(
    "SELECT ",
    " FROM repository_syncs WHERE github_id = $2 OR lower(repository) = lower($1)
      ORDER BY CASE WHEN github_id = $2 THEN 0 ELSE 1 END LIMIT 1"
);
const LIST: &str = columns!("SELECT ", " FROM repository_syncs ORDER BY lower(repository)");
/// A name, or a numeric id, that is there already changes nothing.
const ADD: &str = columns!(
    "INSERT INTO repository_syncs (repository, github_id, plane_project, plane_workspace, direction, origin, created_at)
     VALUES ($1, $2, $3, $7, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING ",
    ""
);
/// What is told overrides what the row said, but for what was learned.
const PUT: &str =
    "INSERT INTO repository_syncs (repository, plane_project, plane_workspace, direction, origin, created_at, settings)
     VALUES ($1, $2, $7, $3, $6, $4, $5)
     ON CONFLICT (lower(repository)) DO UPDATE SET plane_project = excluded.plane_project,
        plane_workspace = excluded.plane_workspace,
        direction = excluded.direction, settings = excluded.settings, origin = excluded.origin";
const UPDATE: &str = columns!(
    "UPDATE repository_syncs SET
        plane_project = CASE WHEN $2 = 1 THEN $3 ELSE plane_project END, direction = COALESCE($4, direction),
        plane_workspace = CASE WHEN $5 = 1 THEN $6 ELSE plane_workspace END,
        origin = 'manual'
     WHERE lower(repository) = lower($1) RETURNING ",
    ""
);
/// Cards without a twin whose project may be another one than they say.
const MARK_CARDS: &str = "INSERT INTO board_dirty (work_item_ref)
     SELECT c.card_ref FROM board_cards c LEFT JOIN repository_syncs r ON lower(r.repository) = lower($1)
     WHERE lower(c.repository) = lower($1) AND c.plane_ref IS NULL
       AND c.home <> COALESCE(r.plane_project, c.repository)
     ON CONFLICT (work_item_ref) DO NOTHING";
const REMOVE: &str = "DELETE FROM repository_syncs WHERE lower(repository) = lower($1)";
const FORGET_ELSEWHERE: &str =
    "UPDATE repository_syncs SET github_id = NULL WHERE github_id = $2 AND id <> $1";
const LEARN: &str = "UPDATE repository_syncs SET github_id = $2 WHERE id = $1";

impl Store {
    /// The repository with that numeric id, else the one of that name.
    pub async fn find_repository(
        &self,
        name: &RepositoryName,
        github_id: Option<u64>,
    ) -> StoreResult<Option<Repository>> {
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(FIND)
            .bind(name.as_str()).bind(signed(github_id)).fetch_optional(pool).await?);
        row.map(Repository::try_from).transpose()
    }

    /// All of them, by name.
    pub async fn repositories(&self) -> StoreResult<Vec<Repository>> {
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await?);
        rows.into_iter().map(Repository::try_from).collect()
    }

    /// Adds one; `None` when there is one of that name or numeric id already.
    pub async fn add_repository(
        &self,
        new: &NewRepository,
        now: Timestamp,
    ) -> StoreResult<Option<Repository>> {
        let row: Option<Row> = on_writer!(self, pool => sqlx::query_as(ADD)
            .bind(new.name.as_str())
            .bind(signed(new.github_id))
            .bind(new.plane_project.map(|id| id.to_string()))
            .bind(new.direction.as_str())
            .bind(new.origin.as_str())
            .bind(At(now))
            .bind(new.plane_workspace.as_ref().map(WorkspaceSlug::as_str))
            .fetch_optional(pool)
            .await?);
        if row.is_some() {
            self.settings_changed().await?;
            self.rehouse_cards(&[new.name.as_str()]).await?;
        }
        row.map(Repository::try_from).transpose()
    }

    /// The cards of these repositories stand by the project that they are kept in step with.
    async fn rehouse_cards(&self, repositories: &[&str]) -> StoreResult<()> {
        for repository in repositories {
            on_writer!(self, pool => sqlx::query(MARK_CARDS).bind(*repository)
                .execute(pool).await.map(drop))?;
        }
        self.make_dirty_cards().await
    }

    /// Gives every `[[repositories]]` its row, as it stands there.
    pub async fn put_configured_repositories(
        &self,
        configured: &[RepositoryConfig],
        now: Timestamp,
    ) -> StoreResult<()> {
        let configured: Vec<_> = configured.iter().collect();
        self.apply_repositories(&configured, Origin::Config, &[], now).await
    }

    /// Puts repositories in place as they are told, and removes others, all of it or nothing.
    pub async fn apply_repositories(
        &self,
        puts: &[&RepositoryConfig],
        origin: Origin,
        removes: &[&RepositoryName],
        now: Timestamp,
    ) -> StoreResult<()> {
        if puts.is_empty() && removes.is_empty() {
            return Ok(());
        }
        macro_rules! apply {
            ($transaction:expr) => {{
                let mut transaction = $transaction;
                for put in puts {
                    sqlx::query(PUT)
                        .bind(put.name.as_str())
                        .bind(put.plane_project.map(|id| id.to_string()))
                        .bind(put.direction.as_str())
                        .bind(At(now))
                        .bind(Json(put.settings()))
                        .bind(origin.as_str())
                        .bind(put.plane_workspace.as_ref().map(WorkspaceSlug::as_str))
                        .execute(&mut *transaction)
                        .await?;
                }
                for name in removes {
                    sqlx::query(REMOVE).bind(name.as_str()).execute(&mut *transaction).await?;
                }
                sqlx::query(SETTINGS_CHANGED).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => apply!(pool.begin().await?),
            Database::Sqlite { writer, .. } => apply!(writer.begin_with("BEGIN IMMEDIATE").await?),
        }
        let names = puts.iter().map(|put| put.name.as_str());
        let names: Vec<_> = names.chain(removes.iter().map(|name| name.as_str())).collect();
        self.rehouse_cards(&names).await
    }

    /// Changes one, which makes it a person's own whoever brought it; `None` when there is none
    /// of that name.
    pub async fn update_repository(
        &self,
        name: &RepositoryName,
        change: RepositoryChange,
    ) -> StoreResult<Option<Repository>> {
        let project = change.plane_project.flatten().map(|id| id.to_string());
        let workspace = change.plane_workspace.clone().flatten().map(String::from);
        let row: Option<Row> = on_writer!(self, pool => sqlx::query_as(UPDATE)
            .bind(name.as_str())
            .bind(i64::from(change.plane_project.is_some()))
            .bind(project)
            .bind(change.direction.map(Direction::as_str))
            .bind(i64::from(change.plane_workspace.is_some()))
            .bind(workspace)
            .fetch_optional(pool)
            .await?);
        self.settings_changed().await?;
        if change.plane_project.is_some() {
            self.rehouse_cards(&[name.as_str()]).await?;
        }
        row.map(Repository::try_from).transpose()
    }

    /// Removes one, and says whether there was one. Its deliveries and items stay.
    pub async fn remove_repository(&self, name: &RepositoryName) -> StoreResult<bool> {
        let removed = on_writer!(self, pool => sqlx::query(REMOVE).bind(name.as_str())
            .execute(pool).await?.rows_affected() > 0);
        if removed {
            self.rehouse_cards(&[name.as_str()]).await?;
        }
        Ok(removed)
    }

    /// Keeps the numeric id that a delivery told; a row that had it loses it.
    pub async fn learn_github_id(
        &self,
        repository: RepositorySyncId,
        github_id: u64,
    ) -> StoreResult<()> {
        macro_rules! learn {
            ($transaction:expr) => {{
                let mut transaction = $transaction;
                for statement in [FORGET_ELSEWHERE, LEARN] {
                    sqlx::query(statement)
                        .bind(repository.0)
                        .bind(signed(Some(github_id)))
                        .execute(&mut *transaction)
                        .await?;
                }
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => learn!(pool.begin().await?),
            Database::Sqlite { writer, .. } => learn!(writer.begin_with("BEGIN IMMEDIATE").await?),
        }
        Ok(())
    }
}

/// Numeric ids as the databases keep them; one beyond their range is as good as none.
fn signed(github_id: Option<u64>) -> Option<i64> {
    github_id.and_then(|id| i64::try_from(id).ok())
}
