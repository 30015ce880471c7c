//! How repositories are kept in step: the `settings` of their rows, as the configuration file or a
//! person put them there. What they mean is decided where they are used.

use sqlx::types::Json;

use super::{Store, StoreResult, on_reader, on_writer, unreadable};
use crate::config::{RepositoryName, RepositorySettings};

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
        Ok(put > 0)
    }
}
