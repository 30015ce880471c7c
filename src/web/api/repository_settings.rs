//! How a repository is kept in step, read and changed over the API: the keys of its
//! `[[repositories]]` beside name, project and direction, under the same names and with the same
//! checks as in a file.
//!
//! Deliberately absent: what the keys mean, and what a change would write, which `apply --dry-run`
//! and the mapping page tell.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::config::{
    Direction, RepositoryConfig, RepositoryName, RepositorySettings, WorkspaceSlug,
};
use crate::store::repositories::Repository;
use crate::store::{Store, StoreResult};
use crate::web::error::{Problem, ProblemKind};

/// What a repository has beside its settings.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    pub(super) name: &'a RepositoryName,
    pub(super) plane_project: Option<Uuid>,
    pub(super) plane_workspace: Option<WorkspaceSlug>,
    pub(super) direction: Direction,
}

/// Keys with what they are to be; a key with null goes back to nothing said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct GivenSettings(Map<String, Value>);

/// The settings of all repositories that have any.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<String, RepositorySettings>);

impl Known {
    pub(super) async fn read(store: &Store) -> StoreResult<Self> {
        let all = store.repository_settings().await?;
        let lower = |name: &str| name.to_ascii_lowercase();
        Ok(Self(all.into_iter().map(|(name, known)| (lower(name.as_str()), known)).collect()))
    }

    pub(super) fn of(&self, repository: &Repository) -> RepositorySettings {
        let name = repository.name.as_str().to_ascii_lowercase();
        self.0.get(&name).cloned().unwrap_or_default()
    }
}

impl GivenSettings {
    /// What there will be: the given keys, each as a whole, over those there are.
    ///
    /// # Errors
    /// A 400 that says which key can't be used, and why.
    pub(super) fn over(
        self,
        present: &RepositorySettings,
        beside: &Beside<'_>,
    ) -> Result<RepositoryConfig, Problem> {
        let wrong = |why: String| {
            Problem::new(ProblemKind::BadRequest, format!("The settings can’t be used: {why}."))
        };
        let mut whole = match serde_json::to_value(present) {
            Ok(Value::Object(whole)) => whole,
            _ => Map::new(),
        };
        let beside = json!({
            "name": beside.name.as_str(),
            "plane_project": beside.plane_project.map(|id| id.to_string()).unwrap_or_default(),
            "plane_workspace": beside.plane_workspace.as_ref().map(WorkspaceSlug::as_str).unwrap_or_default(),
            "direction": beside.direction.as_str(),
        });
        for (key, value) in self.0 {
            if beside.get(&key).is_some() {
                return Err(wrong(format!("{key} stands beside them, not in them")));
            }
            match value {
                Value::Null => whole.remove(&key),
                value => whole.insert(key, value),
            };
        }
        whole.extend(beside.as_object().cloned().unwrap_or_default());
        serde_json::from_value(Value::Object(whole)).map_err(|error| wrong(error.to_string()))
    }
}
