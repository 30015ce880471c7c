//! Which repositories deliveries are taken from, without asking the database each time.
//!
//! What was found is remembered for a few seconds, so that a repository removed by another
//! process is soon refused here too. What was not found is not remembered at all: one that is
//! added anywhere is taken at once, and who gets as far as this has signed.
//!
//! A row that came from a configuration file counts only while our own file names it; a person
//! who takes a repository out of the file means it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::info;

use crate::clock::{Clock, Timestamp};
use crate::config::{Direction, RepositoryConfig, RepositoryName, UnknownRepositories};
use crate::ids::RepositorySyncId;
use crate::sources::RepositoryRef;
use crate::store::repositories::{NewRepository, Origin, Repository};
use crate::store::{Store, StoreResult};

/// How long a repository that was found is taken for granted.
const REMEMBERED: Duration = Duration::from_secs(5);
/// More than these are forgotten and looked up again.
const MOST: usize = 10_000;

/// The repositories of one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KnownRepositories {
    store: Store,
    clock: Clock,
    configured: Arc<[RepositoryName]>,
    unknown: UnknownRepositories,
    found: Arc<Mutex<HashMap<Key, (RepositorySyncId, Timestamp)>>>,
}

/// Name in lower case, and numeric id.
type Key = (String, Option<u64>);

impl KnownRepositories {
    /// Takes what `configured` names and what the database holds, and others as `unknown` says.
    pub fn new(
        store: Store,
        clock: Clock,
        configured: &[RepositoryConfig],
        unknown: UnknownRepositories,
    ) -> Self {
        let configured = configured.iter().map(|r| r.name.clone()).collect();
        Self { store, clock, configured, unknown, found: Arc::default() }
    }

    /// The row of the repository that a delivery names; `None` when it is not taken.
    ///
    /// # Errors
    /// When the database can't say.
    pub async fn row_of(&self, told: &RepositoryRef) -> StoreResult<Option<RepositorySyncId>> {
        let key = (told.name.as_str().to_ascii_lowercase(), told.id);
        if let Some(row) = self.remembered(&key) {
            return Ok(Some(row));
        }
        let row = self.look_up(told).await?;
        if let Some(row) = row {
            self.remember(key, row);
        }
        Ok(row)
    }

    async fn look_up(&self, told: &RepositoryRef) -> StoreResult<Option<RepositorySyncId>> {
        let Some(row) = self.known(told).await? else { return Ok(None) };
        if let Some(id) = told.id
            && row.github_id != Some(id)
        {
            self.store.learn_github_id(row.id, id).await?;
        }
        Ok(Some(row.id))
    }

    /// By numeric id, else by name, else a new one.
    async fn known(&self, told: &RepositoryRef) -> StoreResult<Option<Repository>> {
        for id in [told.id, None] {
            let found = self.store.find_repository(&told.name, id).await?;
            if let Some(row) = found.filter(|row| self.counts(row)) {
                return Ok(Some(row));
            }
        }
        self.register(told).await
    }

    fn counts(&self, row: &Repository) -> bool {
        match row.origin {
            Origin::Manual => true,
            Origin::Config => {
                self.configured.contains(&row.name) || self.unknown == UnknownRepositories::Register
            }
            Origin::Registered => self.unknown == UnknownRepositories::Register,
        }
    }

    /// A new row, where the configuration names the repository or takes all.
    async fn register(&self, told: &RepositoryRef) -> StoreResult<Option<Repository>> {
        let origin = if self.configured.contains(&told.name) {
            Origin::Config
        } else if self.unknown == UnknownRepositories::Register {
            Origin::Registered
        } else {
            return Ok(None);
        };
        let new = NewRepository {
            name: told.name.clone(),
            github_id: told.id,
            plane_project: None,
            plane_workspace: None,
            direction: Direction::GithubToPlane,
            origin,
        };
        let added = self.store.add_repository(&new, self.clock.now()).await?;
        if added.is_some() {
            info!(repository = %told.name, "repository {} is new: it is shown on the board", told.name);
            return Ok(added);
        }
        // Somebody else was quicker.
        self.store.find_repository(&told.name, None).await
    }

    fn remembered(&self, key: &Key) -> Option<RepositorySyncId> {
        let found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (row, at) = found.get(key)?;
        let age = (self.clock.now() - *at).to_std().unwrap_or(REMEMBERED);
        (age < REMEMBERED).then_some(*row)
    }

    fn remember(&self, key: Key, row: RepositorySyncId) {
        let now = self.clock.now();
        let mut found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if found.len() >= MOST {
            found.clear();
        }
        found.insert(key, (row, now));
    }
}
