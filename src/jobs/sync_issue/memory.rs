//! What is left to be written for an issue, reckoned from what Plane last answered: the same plan
//! as a sync would make, without asking Plane for the item. Where assignees go both ways, who is
//! assigned in Plane is what its webhooks told last.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::asking::refused;
use super::github_writes::people_of;
use super::hand::broken;
use super::placing::{placed_by, projects_named};
use super::planning::{merged, remembered_item, rendered};
use super::{IssueSync, in_workspace, stored};
use crate::clients::plane::{PlaneClient, Refusal};
use crate::config::{RepositoryName, WorkspaceSlug};
use crate::failure::Failure;
use crate::jobs::settings::Followed;
use crate::rules::{Admission, Rulebook, Verdict};
use crate::sources::Verified;
use crate::sources::github::facts::facts;
use crate::store::links::IssueLink;
use crate::store::repositories::Repository;
use crate::sync::github::{Issue, Milestone, Milestoned};
use crate::sync::home::{Place, Placed, PlacedBy, home, place};
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::milestones::BundleKind;
use crate::sync::plan::{Sides, WhenGone, WriteBack, plan};
use crate::sync::plane::Project;
use crate::work_items::WorkItem;

/// What an issue's twin is reckoned with: one for a repository.
#[derive(Debug, Clone)]
pub struct Memory {
    mapping: Mapping,
    /// The project that the repository is kept in step with.
    own: Option<String>,
    projects: KnownProjects,
    rulebook: Arc<Rulebook>,
    bundles: Option<BundleKind>,
    write_back: WriteBack,
}

/// The projects of one repository, in their order: its own, those that its rules name, and those in
/// which a rule of before put an item. Of one that the key does not show the reason stands here.
pub type KnownProjects = Vec<KnownProject>;

/// One of them.
#[derive(Debug, Clone)]
pub struct KnownProject {
    /// Its id.
    pub id: String,
    /// Its workspace; `None` for `plane.workspace`.
    pub workspace: Option<WorkspaceSlug>,
    parts: Result<Arc<Project>, String>,
}

impl KnownProject {
    /// Why the key does not show it.
    pub fn hidden(&self) -> Option<&str> {
        self.parts.as_ref().err().map(String::as_str)
    }
}

impl IssueSync {
    /// Plane's projects with their states, labels and members, and whose words mean what; `None`
    /// where nothing is written to Plane.
    ///
    /// # Errors
    /// When Plane can't be asked.
    pub async fn memory_of(&self, repository: &Repository) -> Result<Option<Memory>, Failure> {
        let Some(plane) = &self.plane else { return Ok(None) };
        let followed = self.settings.of(&repository.name).await.map_err(|e| stored(&e))?;
        let named = projects_named(repository, &followed.rulebook);
        if named.is_empty() {
            return Ok(None);
        }
        let workspace = repository.plane_workspace.clone();
        let named = named.into_iter().map(|id| (id, workspace.clone())).collect();
        let by = placed_by(&followed.rulebook);
        let known = self.known_projects(plane, &repository.name, named, by).await?;
        let write_back = self.write_back(&repository.name, repository.direction);
        Ok(Some(Memory::new(followed, own_project(repository), known, write_back)))
    }

    /// Projects with their states, labels and members, and those in which items of the repository
    /// have stayed.
    pub(super) async fn known_projects(
        &self,
        plane: &PlaneClient,
        repository: &RepositoryName,
        mut named: Vec<(String, Option<WorkspaceSlug>)>,
        by: PlacedBy,
    ) -> Result<KnownProjects, Failure> {
        let items = self.store.projects_of_items(repository, by).await;
        for placed in items.map_err(|e| stored(&e))? {
            // Where an item was made is where the project is.
            match named.iter_mut().find(|(project, _)| *project == placed.0) {
                Some(known) => *known = placed,
                None => named.push(placed),
            }
        }
        let is_alone = named.len() == 1;
        let mut known = Vec::with_capacity(named.len());
        for (id, workspace) in named {
            let plane = in_workspace(plane, workspace.as_ref());
            let parts = match self.asked_project(&plane, &id).await? {
                Ok(parts) => Ok(parts),
                // The others are compared all the same.
                Err(refusal @ (Refusal::NoAccess | Refusal::NotFound)) if !is_alone => {
                    Err(refusal.failure().to_string())
                }
                Err(refusal) => return Err(refused(&refusal)),
            };
            known.push(KnownProject { id, workspace, parts });
        }
        Ok(known)
    }
}

fn own_project(repository: &Repository) -> Option<String> {
    repository.plane_project.map(|project| project.to_string())
}

/// What a repository's filter and rules would make of a delivery that is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It brings its issue in step.
    Open,
    /// The filter or a rule leaves it out, which is as it should be.
    LeftOut,
    /// The filter or a rule comes to nothing for it: a person has to mend that.
    Broken(String),
}

impl Memory {
    /// What would become of a delivery about `issue` in the second stage, once it was put in.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn way(&self, repository: &str, found: &Verified, issue: &Issue) -> Result<Way, Failure> {
        if self.rulebook.is_empty() {
            return Ok(Way::Open);
        }
        if self.rulebook.has_filter() {
            let facts = {
                let (host, event) = (found.github_host(), found.event_type());
                facts(&host, event, repository, found.body())?
            };
            match self.rulebook.admits(&facts) {
                Ok(Admission::Admitted) => {}
                Ok(Admission::LeftOut) => return Ok(Way::LeftOut),
                Err(why) => return Ok(Way::Broken(broken(&why, repository).to_string())),
            }
        }
        Ok(match self.rulebook.applied(repository, issue) {
            Ok(Verdict::Carried(carried)) if carried.placing.is_none() && self.own.is_none() => {
                Way::LeftOut
            }
            Ok(Verdict::Carried(_)) => Way::Open,
            Ok(Verdict::Dropped { .. }) => Way::LeftOut,
            Err(why) => Way::Broken(broken(&why, repository).to_string()),
        })
    }

    pub(super) fn new(
        followed: Followed,
        own: Option<String>,
        projects: KnownProjects,
        write_back: WriteBack,
    ) -> Self {
        let Followed { mapping, rulebook, settings } = followed;
        Self { mapping, own, projects, rulebook, bundles: settings.milestones, write_back }
    }

    /// Whether people of Plane's go back to GitHub.
    pub fn writes_back(&self) -> bool {
        self.write_back == WriteBack::Assignees
    }

    /// All projects.
    pub fn projects(&self) -> &[KnownProject] {
        &self.projects
    }

    /// Of what stands for an issue in several projects the one that counts.
    pub fn home<L: Placed>(&self, links: impl IntoIterator<Item = L>) -> Option<L> {
        home(links, self.own.as_deref(), placed_by(&self.rulebook))
    }

    fn parts(&self, project: &str) -> Result<&Project, String> {
        let known = self.projects.iter().find(|known| known.id == project);
        let none = || "the repository does not go by this project any more".to_owned();
        let known = known.ok_or_else(none)?;
        let why = |why: &String| format!("its work item is in Plane's project {project}: {why}");
        known.parts.as_ref().map(|parts| &**parts).map_err(why)
    }

    /// Which other project the rules want for an issue than the one in which its item is.
    pub(super) fn wants_elsewhere(&self, issue: &Issue, link: &IssueLink) -> Option<String> {
        let Ok(Verdict::Carried(carried)) = self.rulebook.applied(&link.key.repository, issue)
        else {
            return None;
        };
        let wanted = carried.placing.map(|placing| placing.project.to_string());
        let wanted = wanted.or_else(|| self.own.clone())?;
        (place(link.placed(), Some(&wanted)) == Place::Stays).then_some(wanted)
    }

    /// What is left to be written to either side, one line each; nothing where both are in step.
    /// `twin` is the item as Plane's webhooks told it.
    ///
    /// # Errors
    /// When its project is not shown, with the reason.
    pub fn outstanding(
        &self,
        issue: &Issue,
        link: &IssueLink,
        twin: Option<&WorkItem>,
    ) -> Result<Vec<String>, String> {
        let people = twin.filter(|_| self.writes_back()).and_then(people_of);
        self.outstanding_with(issue, link, people.as_ref())
    }

    /// As [`Memory::outstanding`], with those who are assigned in Plane by id.
    ///
    /// # Errors
    /// As there.
    pub fn outstanding_with(
        &self,
        issue: &Issue,
        link: &IssueLink,
        people: Option<&BTreeSet<String>>,
    ) -> Result<Vec<String>, String> {
        let Some(known) = link.link() else { return Ok(Vec::new()) };
        let carried = match self.rulebook.applied(&link.key.repository, issue) {
            Ok(Verdict::Carried(carried)) => carried,
            Ok(Verdict::Dropped { .. }) => return Ok(Vec::new()),
            Err(broken) => return Ok(vec![broken.to_string()]),
        };
        let project = self.parts(&link.key.plane_project)?;
        let issue = &carried.issue;
        let (rendered, item) = (rendered(issue), remembered_item(&known, issue, people));
        let planned = plan(&Sides {
            issue,
            ruled: &carried.ruled,
            rendered: &rendered,
            link: Some(&known),
            item: Some(&item),
            pulls: None,
            mapping: Resolved::new(&self.mapping, project),
            merge: &merged,
            when_gone: WhenGone::MarkBroken,
            write_back: self.write_back,
        });
        let moved = self.bundles.filter(|_| known.base.milestone.is_behind(&issue.milestone));
        let moved = moved.map(|kind| match &issue.milestone {
            Milestoned::In(Milestone { title, .. }) => {
                format!("put the work item into the {kind} “{title}”")
            }
            Milestoned::Nowhere | Milestoned::Unsaid => {
                format!("take the work item out of the {kind} of its milestone")
            }
        });
        let known = known.base.parent.told.as_ref().map(|told| &told.key);
        let parent = issue.parent.as_ref().filter(|parent| known != Some(parent));
        let under = parent.map(|parent| format!("put the work item under {parent}"));
        let writes = planned.writes.iter().map(ToString::to_string);
        Ok(writes.chain(moved).chain(under).collect())
    }
}
