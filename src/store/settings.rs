//! How repositories are kept in step: the `settings` of their rows, as the configuration file or a
//! person put them there. What they mean is decided where they are used.
//!
//! A revision counts their changes and those of people, so that whoever keeps a copy sees at once
//! whether it is still good.

use sqlx::types::Json;

use super::{Store, StoreResult, on_reader, on_writer, unreadable};
use crate::config::{RepositoryName, RepositorySettings};

/// Settings or people were changed.
pub(super) const SETTINGS_CHANGED: &str =
    "UPDATE settings_revision SET revision = revision + 1 WHERE id = 1";

impl Store {
    /// The settings of all repositories that have any.
    pub async fn repository_settings(
        &self,
    ) -> StoreResult<Vec<(RepositoryName, RepositorySettings)>> {
        const ALL: &str =
            "SELECT repository, settings FROM repository_syncs WHERE settings IS NOT NULL";
        let rows: Vec<(String, Json<RepositorySettings>)> =
            on_reader!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await?);
        rows.into_iter()
            .map(|(name, settings)| {
                Ok((name.parse().map_err(|e| unreadable("repository", e))?, settings.0))
            })
            .collect()
    }

    /// Puts the settings of one repository in place of those it had, and says whether there is one
    /// of that name.
    pub async fn put_repository_settings(
        &self,
        name: &RepositoryName,
        settings: &RepositorySettings,
    ) -> StoreResult<bool> {
        const PUT: &str =
            "UPDATE repository_syncs SET settings = $2 WHERE lower(repository) = lower($1)";
        let put = on_writer!(self, pool => sqlx::query(PUT).bind(name.as_str()).bind(Json(settings))
            .execute(pool).await?.rows_affected());
        self.settings_changed().await?;
        Ok(put > 0)
    }

    /// How often settings or people have changed.
    pub async fn settings_revision(&self) -> StoreResult<i64> {
        const NOW: &str = "SELECT revision FROM settings_revision WHERE id = 1";
        Ok(on_reader!(self, pool => sqlx::query_scalar(NOW).fetch_one(pool).await?))
    }

    /// Settings or people were changed.
    pub(super) async fn settings_changed(&self) -> StoreResult<()> {
        on_writer!(self, pool => sqlx::query(SETTINGS_CHANGED).execute(pool).await.map(drop))?;
        Ok(())
    }
}
