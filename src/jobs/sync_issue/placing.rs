//! Into which of Plane's projects an issue's item goes: decided when it is made, and for good.
//!
//! GitHub is asked only once the link is held, and what the rules want is known only then. So an
//! issue without a link is held under the first of its repository's projects, and its link moved
//! before anything is made. Races, and what decides them:
//! - *Two begin one issue at once.* Both hold the same row, one after the other.
//! - *The row was moved between a look and a hold.* Whoever then made a new row looks once more,
//!   finds the other one, lets go of its own and comes back later.
//! - *An item was made and the answer lost, and then the rules say another project.* A link for
//!   which a write was ever recorded is not moved before its project was asked for the item.

use super::hand::Hand;
use super::{FORBIDDEN, IssueSync, Report, overtaken, refused, stored};
use crate::clients::plane::Refusal;
use crate::failure::Failure;
use crate::ids::{Lease, WorkItemRef};
use crate::rules::Rulebook;
use crate::store::links::{IssueLink, LinkKey, Save};
use crate::store::placed_links::NewPlace;
use crate::store::repositories::Repository;
use crate::sync::home::{Place, Placed, PlacedBy, home, place};
use crate::sync::plan::{Base, Finding, LinkStatus, WhenGone};

/// Whether an issue goes on to be carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoesOn {
    /// It has a project.
    Yes,
    /// It has none, and is left out.
    No,
}

/// Whether a repository's rules speak of projects.
pub(in crate::jobs) fn placed_by(rulebook: &Rulebook) -> PlacedBy {
    if rulebook.places() { PlacedBy::Rules } else { PlacedBy::Repository }
}

/// The repository's own project, and all that its rules name.
pub fn projects_named(repository: &Repository, rulebook: &Rulebook) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for project in repository.plane_project.into_iter().chain(rulebook.projects()) {
        let project = project.to_string();
        if !all.contains(&project) {
            all.push(project);
        }
    }
    all
}

impl IssueSync {
    /// The link of an issue, held. `key` says the repository's own project, or the first that its
    /// rules name.
    pub(super) async fn held_at_home(
        &self,
        key: &LinkKey,
        own: Option<&str>,
        by: PlacedBy,
    ) -> Result<(IssueLink, Lease), Failure> {
        let known = self.home_of(key.github_issue, own, by).await?;
        let project = known.map_or_else(|| key.plane_project.clone(), |l| l.key.plane_project);
        let key = LinkKey { plane_project: project, ..key.clone() };
        let (link, lease) = self.held(&key).await?;
        if link.revision == 0 {
            let now = self.home_of(key.github_issue, own, by).await?;
            if now.is_some_and(|home| home.id != link.id) {
                let dropped = self.store.drop_needless_link(link.id, lease).await;
                dropped.map_err(|e| stored(&e))?;
                return Err(overtaken());
            }
        }
        Ok((link, lease))
    }

    async fn home_of(
        &self,
        issue: u64,
        own: Option<&str>,
        by: PlacedBy,
    ) -> Result<Option<IssueLink>, Failure> {
        let item = WorkItemRef::new(format!("github:{issue}"));
        let links = self.store.links_of(&item).await.map_err(|e| stored(&e))?;
        Ok(home(links, own, by))
    }
}

impl Hand<'_> {
    /// Sees to it that the link stands for the project that is wanted, as long as nothing is made.
    pub(super) async fn find_place(&mut self, when_gone: WhenGone) -> Result<GoesOn, Failure> {
        let own = self.own_project.clone();
        let placing = self.placing.clone();
        let wanted = placing.as_ref().map(|placing| placing.project.to_string()).or(own);
        let by = placing.map(|placing| placing.rule);
        let mut what = place(self.link.placed(), wanted.as_deref());
        let is_unfinished = self.link.item.is_none();
        if what == Place::There && is_unfinished && self.has_begun().await? {
            // It may be there under an id that nobody was told: then it is taken over there.
            what = if self.find_item().await?.is_some() { Place::Stays } else { what };
        }
        if what == Place::Stays && when_gone == WhenGone::Recreate && self.is_gone().await? {
            what = Place::There;
        }
        match (what, wanted) {
            (Place::Nowhere, _) => {
                let name = &self.link.key.repository;
                self.report = Report::idle(format!(
                    "left out by the rules of {name}: none of them names a project of Plane's for it, and the repository has none of its own"
                ));
                self.leave_out().await?;
                return Ok(GoesOn::No);
            }
            (Place::There, Some(wanted)) => self.move_link(&wanted, by.as_deref()).await?,
            (Place::Stays, Some(wanted)) => self.note_stay(&wanted, by).await?,
            (Place::Here | Place::There | Place::Stays, _) => {
                if self.link.item.is_none() && self.link.placed_by != by {
                    let project = self.link.key.plane_project.clone();
                    self.move_link(&project, by.as_deref()).await?;
                }
                self.want(None).await?;
            }
        }
        Ok(GoesOn::Yes)
    }

    async fn has_begun(&self) -> Result<bool, Failure> {
        self.sync.store.has_begun(self.link.id).await.map_err(|e| stored(&e))
    }

    /// Whether the item is neither shown nor hidden in the archive.
    async fn is_gone(&self) -> Result<bool, Failure> {
        let Some(item) = &self.link.item else { return Ok(true) };
        Ok(self.fetch_item(item).await?.is_none() && self.find_item().await?.is_none())
    }

    async fn move_link(&mut self, project: &str, by: Option<&str>) -> Result<(), Failure> {
        let (store, now) = (&self.sync.store, self.sync.clock.now());
        let workspace = self.own_workspace.clone();
        let place = NewPlace { project, by, workspace: workspace.as_ref() };
        let placed = store.place_link(self.link.id, self.lease, place, now).await;
        if placed.map_err(|e| stored(&e))? == Save::Lost {
            return Err(Failure::retry(format!(
                "another worker took this issue over, or it has a link with project {project} already: look at its page"
            )));
        }
        self.link = IssueLink {
            key: LinkKey {
                plane_project: project.to_owned(),
                plane_workspace: workspace,
                ..self.link.key.clone()
            },
            placed_by: by.map(str::to_owned),
            wanted_project: None,
            item: None,
            base: Base::default(),
            markdown: None,
            github_updated_at: None,
            github_arrival: None,
            status: LinkStatus::Pending,
            synced_at: None,
            ..self.link.clone()
        };
        if let Some(plane) = self.sync.plane_in(self.link.key.plane_workspace.as_ref()) {
            self.plane = plane.in_class(self.plane.class());
        }
        Ok(())
    }

    /// The item stays where it is, and whoever looks at it is told so.
    async fn note_stay(&mut self, wanted: &str, by: Option<String>) -> Result<(), Failure> {
        let key = &self.link.key;
        self.report.findings.push(Finding::StaysInProject {
            by: by.map_or_else(
                || format!("the configuration of {}", key.repository),
                |rule| format!("the rule “{rule}”"),
            ),
            wanted: wanted.to_owned(),
            project: key.plane_project.clone(),
            key: format!("{}#{}", key.repository, key.number),
        });
        self.want(Some(wanted)).await
    }

    async fn want(&mut self, project: Option<&str>) -> Result<(), Failure> {
        if self.link.wanted_project.as_deref() == project {
            return Ok(());
        }
        let kept = self.sync.store.want_project(self.link.id, self.lease, project).await;
        if kept.map_err(|e| stored(&e))? == Save::Lost {
            return Err(overtaken());
        }
        self.link.wanted_project = project.map(str::to_owned);
        Ok(())
    }

    /// What it means that the link's project is refused: whoever named it is told, and the
    /// workspace.
    pub(super) fn place_refused(&self, refusal: &Refusal) -> Failure {
        let is_unseen = matches!(refusal, Refusal::NoAccess | Refusal::NotFound);
        let key = &self.link.key;
        let (rule, slug) = (&self.link.placed_by, &key.plane_workspace);
        if !is_unseen || (rule.is_none() && slug.is_none()) {
            return refused(refusal);
        }
        let by = match rule {
            Some(rule) => format!("the rule “{rule}” of {}", key.repository),
            None => key.repository.clone(),
        };
        let of = slug.as_ref().map(|slug| format!(" of the workspace {slug}")).unwrap_or_default();
        Failure::Retry {
            reason: format!(
                "{by} puts it into Plane's project {}{of}, which the key does not show: {}",
                key.plane_project,
                refusal.failure()
            ),
            after: Some(FORBIDDEN),
        }
    }
}
