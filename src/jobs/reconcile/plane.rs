//! Plane's work items, held against what is known.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::walker::{Compared, Walker};
use super::{Progress, stored};
use crate::clients::plane::PlaneClient;
use crate::clients::plane::listing::{ListedItem, Order, Page};
use crate::clock::Timestamp;
use crate::drift::{Walk, Why, compare_item};
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::jobs::sync_issue::issue_of;
use crate::sources::plane::normalize::{Names, normalize};
use crate::sources::plane::payload::parse;
use crate::sync::plan::LinkStatus;
use crate::work_items::{Change, Snapshot};

/// How often a list is walked anew since it shifted.
const MOST_ROUNDS: u32 = 5;

impl Walker<'_> {
    pub(super) async fn walk_items(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        if self.project.is_none() {
            return Ok(());
        }
        match self.way.walk {
            Walk::Full => self.walk_all_items(progress).await,
            Walk::Changes => self.walk_changed_items(progress).await,
        }
    }

    /// In the order in which they were made. Where their number went down something moved to a
    /// page that was read before, so all of it is read again.
    async fn walk_all_items(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        for _ in 0..MOST_ROUNDS {
            let (mut shifted, mut total) = (false, None);
            loop {
                let page = self.page(Order::Made, self.way.page).await?;
                shifted |= total.is_some_and(|before| page.total < before);
                total = Some(page.total);
                self.told(progress, page.items.len());
                self.check_items(page.items).await?;
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
    async fn walk_changed_items(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        let bound = self.beginning(self.position.items, "plane").await?;
        let mut met: HashSet<(String, Timestamp)> = HashSet::new();
        for _ in 0..MOST_ROUNDS {
            let (mut number, mut fresh) = (0, false);
            loop {
                let page = self.page(Order::ChangedLast, number).await?;
                let is_old = |item: &ListedItem| bound.is_some_and(|b| item.updated_at < b);
                let ends = !page.more || page.items.iter().any(is_old);
                let mut items = page.items;
                items.retain(|item| !is_old(item));
                items.retain(|item| met.insert((item.id.clone(), item.updated_at)));
                fresh |= !items.is_empty();
                self.told(progress, items.len());
                self.check_items(items).await?;
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

    async fn page(&self, order: Order, number: u32) -> Result<Page, Failure> {
        let (plane, project) = self.plane_side()?;
        let ask = || async {
            let page = plane.list_items(project, order, number).await;
            page.map_err(|refusal| refusal.failure())
        };
        self.job.patiently(ask).await
    }

    pub(super) fn plane_side(&self) -> Result<(&PlaneClient, &str), Failure> {
        let missing = || Failure::permanent("a bug: no Plane project is configured");
        let plane = self.job.sync.plane.as_ref().ok_or_else(missing)?;
        Ok((plane, self.project.as_deref().ok_or_else(missing)?))
    }

    pub(super) async fn check_items(&mut self, listed: Vec<ListedItem>) -> Result<(), Failure> {
        let finding = self.plane_finding();
        let address = self.job.address.clone();
        let (workspace, web_url) = (address.workspace.as_deref(), address.web_url.as_deref());
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
        let behind = self.behind_plane(read.iter().map(|(snapshot, _)| &**snapshot)).await?;
        let compared = read.into_iter().map(|(snapshot, found)| {
            let mut reasons: Vec<Why> =
                compare_item(known.get(&snapshot.item), &snapshot).into_iter().collect();
            let writes = behind.get(&snapshot.item).cloned();
            reasons.extend(writes.map(|writes| Why::TwinBehind { writes }));
            let Snapshot { item, key, updated_at, .. } = *snapshot;
            Compared { item, key, told_at: updated_at, reasons, found }
        });
        let compared = compared.collect();
        self.settle(compared).await
    }

    /// What people of Plane's would write to GitHub, by their item: webhooks told of them, and what
    /// should have followed did not.
    async fn behind_plane<'b>(
        &self,
        listed: impl Iterator<Item = &'b Snapshot>,
    ) -> Result<HashMap<WorkItemRef, Vec<String>>, Failure> {
        let mut behind = HashMap::new();
        let Some(memory) = self.memory.as_ref().filter(|memory| memory.writes_back()) else {
            return Ok(behind);
        };
        let told: HashMap<&WorkItemRef, &Snapshot> = listed.map(|s| (&s.item, s)).collect();
        let items: Vec<&WorkItemRef> = told.keys().copied().collect();
        let store = &self.job.sync.store;
        for link in store.links_of_twins(&items).await.map_err(|e| stored(&e))? {
            let Some(twin) = link.twin_of(&link.issue_ref()) else { continue };
            let Some(snapshot) = told.get(&twin) else { continue };
            let people: BTreeSet<String> =
                snapshot.assignees.iter().map(|person| person.id.clone()).collect();
            if link.status != LinkStatus::Ok || people == link.base.plane.assignees {
                continue;
            }
            let issue = store.work_item(&link.issue_ref()).await.map_err(|e| stored(&e))?;
            let Some(state) = issue.and_then(|issue| issue.state) else { continue };
            let issue = issue_of(&state, &link);
            let writes = memory.outstanding_with(&issue, &link, Some(&people));
            if !writes.is_empty() {
                behind.insert(twin, writes);
            }
        }
        Ok(behind)
    }
}
