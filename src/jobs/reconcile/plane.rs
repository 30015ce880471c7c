//! Plane's work items, held against what is known.

use std::collections::HashSet;

use super::Progress;
use super::walker::{Compared, Walker};
use crate::clients::plane::PlaneClient;
use crate::clients::plane::listing::{ListedItem, Order, Page};
use crate::clock::Timestamp;
use crate::config::WorkspaceSlug;
use crate::drift::{Walk, Why, compare_item};
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::jobs::sync_issue::Memory;
use crate::sources::plane::normalize::{Names, normalize};
use crate::sources::plane::payload::parse;
use crate::work_items::{Change, Snapshot};

/// How often a list is walked anew since it shifted.
const MOST_ROUNDS: u32 = 5;

impl Walker<'_> {
    pub(super) async fn walk_items(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        let projects = self.plane_projects();
        // Those before the one that the walk was left in are done.
        let done = self.way.project.as_ref().and_then(|at| projects.iter().position(|p| p == at));
        let bound = self.beginning(self.position.items, "plane").await?;
        for project in &projects[done.unwrap_or_default()..] {
            self.way.project = Some(project.clone());
            match self.way.walk {
                Walk::Full => self.walk_all_items(project, progress).await?,
                Walk::Changes => self.walk_changed_items(project, bound, progress).await?,
            }
        }
        self.way.project = None;
        Ok(())
    }

    /// In the order in which they were made. Where their number went down something moved to a
    /// page that was read before, so all of it is read again.
    async fn walk_all_items(
        &mut self,
        project: &str,
        progress: Progress<'_>,
    ) -> Result<(), Failure> {
        for _ in 0..MOST_ROUNDS {
            let (mut shifted, mut total) = (false, None);
            loop {
                let page = self.page(project, Order::Made, self.way.page).await?;
                shifted |= total.is_some_and(|before| page.total < before);
                total = Some(page.total);
                self.told(progress, page.items.len());
                self.check_items(project, page.items).await?;
                if !page.more {
                    break;
                }
                self.way.page += 1;
                self.keep_place().await?;
            }
            self.way.page = 0;
            if !shifted {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The newest first, until they are older than what was looked at before. What changes while
    /// several pages are read comes to the front, so the front is read again.
    async fn walk_changed_items(
        &mut self,
        project: &str,
        bound: Option<Timestamp>,
        progress: Progress<'_>,
    ) -> Result<(), Failure> {
        let mut met: HashSet<(String, Timestamp)> = HashSet::new();
        for _ in 0..MOST_ROUNDS {
            let (mut number, mut fresh) = (0, false);
            loop {
                let page = self.page(project, Order::ChangedLast, number).await?;
                let is_old = |item: &ListedItem| bound.is_some_and(|b| item.updated_at < b);
                let ends = !page.more || page.items.iter().any(is_old);
                let mut items = page.items;
                items.retain(|item| !is_old(item));
                items.retain(|item| met.insert((item.id.clone(), item.updated_at)));
                fresh |= !items.is_empty();
                self.told(progress, items.len());
                self.check_items(project, items).await?;
                if ends {
                    break;
                }
                number += 1;
            }
            if number == 0 || !fresh {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn page(&self, project: &str, order: Order, number: u32) -> Result<Page, Failure> {
        let plane = self.plane_side(project)?;
        let ask = || async {
            let page = plane.list_items(project, order, number).await;
            page.map_err(|refusal| refusal.failure())
        };
        self.job.patiently(ask).await
    }

    /// Plane, asked for the workspace of a project.
    pub(super) fn plane_side(&self, project: &str) -> Result<PlaneClient, Failure> {
        let missing = || Failure::permanent("a bug: no Plane project is configured");
        self.job.sync.plane_in(self.workspace_of(project)).ok_or_else(missing)
    }

    fn workspace_of(&self, project: &str) -> Option<&WorkspaceSlug> {
        let mut known = self.memory.iter().flat_map(Memory::projects);
        known.find(|known| known.id == project)?.workspace.as_ref()
    }

    pub(super) async fn check_items(
        &mut self,
        project: &str,
        listed: Vec<ListedItem>,
    ) -> Result<(), Failure> {
        let finding = self.plane_finding();
        let address = self.job.address.clone();
        let workspace = self.workspace_of(project).map(WorkspaceSlug::to_string);
        let workspace = workspace.or(address.workspace);
        let (workspace, web_url) = (workspace.as_deref(), address.web_url.as_deref());
        let mut read = Vec::with_capacity(listed.len());
        for entry in listed {
            self.way.newest[2] = self.way.newest[2].max(Some(entry.updated_at));
            let found = finding.item(&entry.id, &entry.raw);
            let event = parse(found.body())?;
            let told = normalize(&event, &Names::default(), workspace, web_url, finding.at)?;
            let Change::State(snapshot) = told else { continue };
            self.met(snapshot.item.to_string());
            read.push((snapshot, found));
        }
        let refs: Vec<&WorkItemRef> = read.iter().map(|(snapshot, _)| &snapshot.item).collect();
        let known = self.known(&refs).await?;
        self.report.looked_at.items += read.len() as u64;
        let count = read.len();
        read.retain(|(s, _)| known.contains_key(&s.item) || !self.is_older(s.updated_at));
        self.report.older += (count - read.len()) as u64;
        let compared = read.into_iter().map(|(snapshot, found)| {
            let reasons: Vec<Why> =
                compare_item(known.get(&snapshot.item), &snapshot).into_iter().collect();
            let Snapshot { item, key, updated_at, .. } = *snapshot;
            Compared { item, key, told_at: updated_at, reasons, found }
        });
        let compared = compared.collect();
        self.settle(compared).await
    }
}
