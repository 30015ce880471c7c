//! Plane's work items, held against what is known.
//!
//! One whose text is too long to be read is there all the same: it is told, and never missing.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::walker::{Compared, Walker};
use super::{Progress, stored};
use crate::clients::plane::PlaneClient;
use crate::clients::plane::listing::{ListedItem, Order, Page, WHOLE_PAGE};
use crate::clock::Timestamp;
use crate::config::WorkspaceSlug;
use crate::drift::{Walk, Why, compare_item};
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::jobs::sync_issue::{Memory, issue_of};
use crate::sources::plane::normalize::{Names, normalize};
use crate::sources::plane::payload::parse;
use crate::sync::plan::LinkStatus;
use crate::work_items::{Change, Snapshot};

/// What is said of an item whose text nobody can read.
const TOO_LONG: &str = "Plane's answer about it is longer than what is read of one (16 MiB): shorten its description in Plane";
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
            let mut place = self.way.page.saturating_mul(WHOLE_PAGE);
            loop {
                let page = self.page(project, Order::Made, place).await?;
                shifted |= total.is_some_and(|before| page.total < before);
                total = Some(page.total);
                self.told(progress, page.items.len());
                self.check_items(project, page.items).await?;
                let Some(next) = page.next else { break };
                place = next;
                self.way.page = place / WHOLE_PAGE;
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
            let (mut place, mut fresh) = (0, false);
            loop {
                let page = self.page(project, Order::ChangedLast, place).await?;
                let is_old = |item: &ListedItem| bound.is_some_and(|b| item.updated_at < b);
                let next = page.next.filter(|_| !page.items.iter().any(is_old));
                let mut items = page.items;
                items.retain(|item| !is_old(item));
                items.retain(|item| met.insert((item.id.clone(), item.updated_at)));
                fresh |= !items.is_empty();
                self.told(progress, items.len());
                self.check_items(project, items).await?;
                let Some(next) = next else { break };
                place = next;
            }
            if place == 0 || !fresh {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn page(&self, project: &str, order: Order, from: u32) -> Result<Page, Failure> {
        let plane = self.plane_side(project)?;
        let ask = || async {
            let page = plane.list_items(project, order, from).await;
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
        let (mut read, mut too_long) = (Vec::with_capacity(listed.len()), Vec::new());
        for entry in listed {
            self.way.newest[2] = self.way.newest[2].max(Some(entry.updated_at));
            let Some(raw) = entry.raw else {
                too_long.push((WorkItemRef::new(format!("plane:{}", entry.id)), entry.updated_at));
                continue;
            };
            let found = finding.item(&entry.id, &raw);
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
        self.settle(compared).await?;
        self.note_too_long(too_long).await
    }

    /// What nobody can read is told, unless it is older than the connection and nobody told of it.
    async fn note_too_long(
        &mut self,
        listed: Vec<(WorkItemRef, Timestamp)>,
    ) -> Result<(), Failure> {
        let refs: Vec<&WorkItemRef> = listed.iter().map(|(item, _)| item).collect();
        let known = self.known(&refs).await?;
        let mut told = Vec::new();
        for (item, updated_at) in listed {
            self.met(item.to_string());
            self.report.looked_at.items += 1;
            if !known.contains_key(&item) && self.is_older(updated_at) {
                self.report.older += 1;
                continue;
            }
            told.push(item);
        }
        if told.is_empty() {
            return Ok(());
        }
        self.note(&told, &Why::Waits { why: TOO_LONG.to_owned() }).await
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
        // Nothing is written to issues that are switched off.
        if self.issues_off() {
            return Ok(behind);
        }
        let names = self.github_projects();
        let told: HashMap<&WorkItemRef, &Snapshot> = listed.map(|s| (&s.item, s)).collect();
        let items: Vec<&WorkItemRef> = told.keys().copied().collect();
        let store = &self.job.sync.store;
        for link in store.links_of_twins(&items).await.map_err(|e| stored(&e))? {
            let Some(twin) = link.twin_of(&link.issue_ref()) else { continue };
            let Some(snapshot) = told.get(&twin) else { continue };
            let people: BTreeSet<String> =
                snapshot.assignees.iter().map(|person| person.id.clone()).collect();
            // Others share the project, and go by settings of their own.
            let is_ours = names.iter().any(|name| name.eq_ignore_ascii_case(&link.key.repository));
            let is_followed = link.status == LinkStatus::Ok && !link.base.github.gone;
            if !is_ours || !is_followed || people == link.base.plane.assignees {
                continue;
            }
            let issue = store.work_item(&link.issue_ref()).await.map_err(|e| stored(&e))?;
            let issue = issue.filter(|issue| issue.deleted_at.is_none());
            let Some(state) = issue.and_then(|issue| issue.state) else { continue };
            let issue = issue_of(&state, &link);
            // Of a project that is not shown GitHub's side says so.
            let writes = memory.outstanding_with(&issue, &link, Some(&people));
            let writes = writes.unwrap_or_default();
            if !writes.is_empty() {
                behind.insert(twin, writes);
            }
        }
        Ok(behind)
    }
}
