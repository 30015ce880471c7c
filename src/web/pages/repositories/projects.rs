//! Plane's projects to choose from. They are asked for once a minute at most, and not waited for
//! long: without an answer there is a field for the project's id.

use std::time::Duration;

use tokio::time::timeout;
use uuid::Uuid;

use super::WebState;
use crate::clients::plane::{PlaneClient, Project, Refusal};
use crate::config::WorkspaceSlug;
use crate::web::state::ProjectName;

/// How long an answer is good.
const FRESH: Duration = Duration::from_mins(1);
/// How long a page waits for Plane.
const PATIENCE: Duration = Duration::from_secs(3);

/// What there is to choose from.
#[derive(Debug, Clone)]
pub(super) struct Projects {
    /// Id, name and workspace.
    pub(super) all: Vec<ProjectName>,
    /// Why there is nothing to choose from, though Plane can be asked.
    pub(super) refused: Option<String>,
}

impl Projects {
    /// Nothing to choose from.
    pub(super) fn none() -> Self {
        Self { all: Vec::new(), refused: None }
    }

    /// As Plane says, or said a moment ago.
    pub(super) async fn read(web: &WebState) -> Self {
        let Some(plane) = &web.setup.plane else { return Self::none() };
        let now = web.clock.now();
        let mut known = web.setup.projects.lock().await;
        let is_fresh =
            |at: &crate::clock::Timestamp| (now - *at).to_std().is_ok_and(|age| age < FRESH);
        if let Some((_, all)) = known.as_ref().filter(|(at, _)| is_fresh(at)) {
            return Self { all: all.clone(), refused: None };
        }
        let others = other_workspaces(web).await;
        let refused = match timeout(PATIENCE, of_all(plane, &others)).await {
            Ok(Ok(mut all)) => {
                all.sort_by_key(|(_, name, _)| name.to_lowercase());
                *known = Some((now, all.clone()));
                return Self { all, refused: None };
            }
            Ok(Err(refusal)) => refusal.failure().to_string(),
            Err(_) => "Plane does not answer".to_owned(),
        };
        let all = known.as_ref().map(|(_, all)| all.clone()).unwrap_or_default();
        Self { all, refused: Some(refused) }
    }

    /// What a project is called, else its id.
    pub(super) fn name_of(&self, project: Uuid) -> String {
        let id = project.to_string();
        let found = self.all.iter().find(|(known, ..)| *known == id);
        found.map_or(id, |(_, name, _)| name.clone())
    }

    /// In which workspace a project is that was chosen here: `None` where it is not among those that
    /// are offered.
    #[expect(
        clippy::option_option,
        reason = "unknown, plane.workspace or another, as the store takes it"
    )]
    pub(super) fn place_of(&self, project: Uuid) -> Option<Option<WorkspaceSlug>> {
        let id = project.to_string();
        self.all.iter().find(|(known, ..)| *known == id).map(|(.., slug)| slug.clone())
    }

    /// What projects are called.
    pub(super) fn names_of(&self, projects: &[Uuid]) -> Vec<String> {
        projects.iter().map(|project| self.name_of(*project)).collect()
    }

    /// Whether the id is in no list: it is then offered beside the others.
    pub(super) fn lacks(&self, project: &str) -> bool {
        !project.is_empty() && self.all.iter().all(|(id, ..)| id != project)
    }
}

/// The workspaces of repositories beside `plane.workspace`. Without an answer of the database
/// there is only that one to choose from.
async fn other_workspaces(web: &WebState) -> Vec<WorkspaceSlug> {
    let repositories = web.store.repositories().await.unwrap_or_default();
    let mut others: Vec<_> = repositories.into_iter().filter_map(|r| r.plane_workspace).collect();
    others.sort();
    others.dedup();
    others
}

/// Ids and names of the projects of all workspaces.
async fn of_all(
    plane: &PlaneClient,
    others: &[WorkspaceSlug],
) -> Result<Vec<ProjectName>, Refusal> {
    let name = |p: &Project| format!("{} ({})", p.name, p.identifier);
    let own = plane.fetch_projects().await?;
    let mut all: Vec<_> =
        own.iter().map(|project| (project.id.clone(), name(project), None)).collect();
    for slug in others {
        // One that the key does not see is no reason to offer nothing of the others.
        let found = match plane.in_workspace(slug.as_str()).fetch_projects().await {
            Err(Refusal::NoAccess | Refusal::NotFound) => continue,
            found => found?,
        };
        let in_it = |project: Project| {
            let called = format!("{} in {slug}", name(&project));
            (project.id, called, Some(slug.clone()))
        };
        all.extend(found.into_iter().map(in_it));
    }
    Ok(all)
}
