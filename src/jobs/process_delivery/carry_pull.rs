//! The second stage of a pull request's delivery: the work items that it is about go where their
//! pull requests say that they belong.
//!
//! The pull request's own item is read and stored by then, with its reviews, so what is asked is
//! how all pull requests of each work item stand now: one delivery or ten, late or not, come to
//! the same. Which issues people linked with it at GitHub no webhook tells, so GitHub is asked for that
//! first, where it can be. Each work item is told on its own timeline which pull request moved it.

use std::collections::BTreeSet;

use super::Processor;
use crate::clients::github_rest::graphql::Linked;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::jobs::sync_issue::{IssueSync, OwnItem, Report, of_database, projects_named};
use crate::rules::Rulebook;
use crate::store::jobs::ClaimedJob;
use crate::store::links::IssueLink;
use crate::store::repositories::Repository;
use crate::store::{StoreError, StoreResult};
use crate::sync::plan::Finding;
use crate::work_items::{System, WorkItem};

impl Processor {
    /// `moved` tells which items were moved and why, also where another one then fails.
    pub(super) async fn carry_pull(
        &self,
        pull: &WorkItemRef,
        jobs: &[ClaimedJob],
        moved: &mut Vec<(WorkItemRef, String)>,
    ) -> Result<Report, Failure> {
        let unread = |e: &StoreError| of_database(format!("the links can't be read: {e}"), e);
        let cause = jobs.last().map(|job| (job.source, job.delivery_id.clone()));
        let attempt = jobs.iter().map(|job| job.attempt).max().unwrap_or(1);
        let class = jobs.iter().map(|job| job.class).min().unwrap_or_default();
        let sync = self.sync.clone().in_class(class);
        let asked = self.ask_links(&sync, pull, attempt).await?;
        let mut seen = BTreeSet::new();
        let mut reports = Vec::new();
        let repositories = self.with_projects().await.map_err(|e| unread(&e))?;
        for item in self.store.items_of_pull(pull).await.map_err(|e| unread(&e))? {
            if item.deleted_at.is_some() {
                continue;
            }
            let links = self.store.links_of(&item.item).await.map_err(|e| unread(&e))?;
            if let Some(link) = newest(links) {
                if seen.insert(link.id) {
                    let report = sync.follow_pulls(&link.key, cause.clone(), attempt).await?;
                    let issue = format!("github:{}", link.key.github_issue);
                    note(moved, WorkItemRef::new(issue), &report);
                    reports.push(report);
                }
            } else if let Some(own) = own(&item, jobs, &repositories) {
                let delivery = cause.as_ref().map(|(_, id)| id);
                let report = sync.follow_own(&own, delivery).await?;
                note(moved, item.item, &report);
                reports.push(report);
            }
        }
        let report = Report::of_pull(reports);
        match asked {
            Asked::Told => Ok(report),
            Asked::Said(finding) => Ok(report.also(finding)),
            // What is known has been carried over; what GitHub will say is, once it does.
            Asked::Later(failure) => Err(failure),
        }
    }

    /// Asks GitHub which issues the pull request closes, which nothing else tells, and remembers it. A
    /// delivery never fails of it: what can't be told now is worth the retries that a failure gets.
    async fn ask_links(
        &self,
        sync: &IssueSync,
        pull: &WorkItemRef,
        attempt: u32,
    ) -> Result<Asked, Failure> {
        let unread = |e: &StoreError| of_database(format!("the item can't be read: {e}"), e);
        let item = self.store.work_item(pull).await.map_err(|e| unread(&e))?;
        let place =
            item.as_ref().and_then(|item| item.state.as_ref()?.key.as_ref()?.rsplit_once('#'));
        let place = place.and_then(|(name, number)| {
            Some((name.parse::<RepositoryName>().ok()?, number.parse().ok()?))
        });
        let Some((repository, number)) = place else { return Ok(Asked::Told) };
        let Some(rest) = sync.github.as_ref().and_then(|github| github.rest(&repository)) else {
            return Ok(Asked::Told);
        };
        match rest.fetch_linked_issues(&repository, number).await {
            Ok(Linked::Told { issues, read, total }) => {
                self.keep_links(pull, issues).await.map_err(|e| unread(&e))?;
                let is_cut = total > read;
                Ok(if is_cut {
                    Asked::Said(Finding::LinksCut { total, read })
                } else {
                    Asked::Told
                })
            }
            Ok(Linked::NotTold { why }) => Ok(Asked::Said(Finding::LinksNotTold { why })),
            Err(failure) => {
                let is_worth_it =
                    matches!(failure, Failure::Quota { .. }) || attempt <= self.policy.max_retries;
                let why = failure.to_string();
                Ok(if is_worth_it {
                    Asked::Later(failure)
                } else {
                    Asked::Said(Finding::LinksNotTold { why })
                })
            }
        }
    }
}

/// What came of asking GitHub for a pull request's issues.
enum Asked {
    /// It is known now, or there is nobody to ask.
    Told,
    /// Something is to be said of it.
    Said(Finding),
    /// It is to be asked again.
    Later(Failure),
}

/// A repository with all of its projects.
type WithProjects = (Repository, Vec<String>);

impl Processor {
    async fn with_projects(&self) -> StoreResult<Vec<WithProjects>> {
        let rulebooks = self.sync.settings.rulebooks().await?;
        let with = |repository: Repository| {
            let found = rulebooks.iter().find(|(name, _)| *name == repository.name);
            let rulebook = found.map(|(_, rulebook)| &**rulebook);
            let projects = projects_named(&repository, rulebook.unwrap_or(&Rulebook::default()));
            (repository, projects)
        };
        Ok(self.store.repositories().await?.into_iter().map(with).collect())
    }
}

fn note(moved: &mut Vec<(WorkItemRef, String)>, item: WorkItemRef, report: &Report) {
    if !report.writes.is_empty() {
        moved.push((item, report.reason()));
    }
}

/// An item of Plane's own in a project that some repository is kept in step with: the pull
/// request's, where it is one of them.
fn own(item: &WorkItem, jobs: &[ClaimedJob], repositories: &[WithProjects]) -> Option<OwnItem> {
    let is_its = |(_, projects): &&WithProjects| projects.contains(&item.project_ref);
    let name = jobs.last().and_then(|job| job.repository.as_deref()).unwrap_or_default();
    let is_of_pull =
        |known: &&WithProjects| is_its(known) && known.0.name.as_str().eq_ignore_ascii_case(name);
    let found =
        repositories.iter().find(is_of_pull).or_else(|| repositories.iter().find(is_its))?;
    (item.system == System::Plane).then(|| OwnItem {
        id: item.external_id.clone(),
        project: item.project_ref.clone(),
        workspace: found.0.plane_workspace.clone(),
        repository: found.0.name.clone(),
    })
}

/// Of an issue whose repository was moved to another project the link with the newer one.
fn newest(links: Vec<IssueLink>) -> Option<IssueLink> {
    links.into_iter().max_by_key(|link| link.id)
}
