//! GitHub's issues and pull requests, held against what is known and against what was carried over.

use std::collections::HashMap;

use super::walker::{Compared, Walker};
use super::{Progress, stored};
use crate::clients::github_rest::listing::{ListedIssue, Place};
use crate::drift::{Mark, Why, compare_item};
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::jobs::sync_issue::{Memory, Way};
use crate::sources::Verified;
use crate::sources::github::found::LaneOf;
use crate::sources::github::normalize::normalize;
use crate::sources::github::payload::parse;
use crate::store::links::IssueLink;
use crate::sync::github::Issue;
use crate::sync::plan::LinkStatus;
use crate::work_items::{Change, Snapshot, WorkItem};

/// Issues that are kept for their comments.
const MOST_KEPT: usize = 2_000;

impl Walker<'_> {
    pub(super) async fn walk_issues(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        let mut place = Place::since(self.way.since);
        let mark = self.mark(self.position.issues_mark.as_ref(), place.since);
        place = place.unless(mark);
        loop {
            let (rest, name) = (self.rest, self.now.name.clone());
            let part = self.job.patiently(|| rest.list_issues(&name, &place)).await?;
            if let (Some(since), Some(etag), None) = (place.since, &part.etag, &part.next) {
                self.position.issues_mark = Some(Mark { since, etag: etag.clone() });
            }
            let newest = part.entries.iter().map(|entry| entry.issue.updated_at).max();
            self.way.newest[0] = self.way.newest[0].max(newest);
            self.told(progress, part.entries.len());
            self.check_issues(part.entries).await?;
            let Some(next) = part.next else { return Ok(()) };
            self.way.since = next.since;
            self.keep_place().await?;
            place = next;
        }
    }

    pub(super) async fn check_issues(&mut self, listed: Vec<ListedIssue>) -> Result<(), Failure> {
        let finding = self.finding();
        let mut read = Vec::with_capacity(listed.len());
        for entry in listed {
            let found = finding.issue(lane_of(&entry), &entry.raw);
            let event = parse(&found.github_host(), found.event_type(), found.body())?;
            let Change::State(snapshot) = normalize(&event)?.item else { continue };
            self.met(snapshot.item.to_string());
            read.push((entry, snapshot, found));
        }
        self.report.looked_at.issues += read.len() as u64;
        let refs: Vec<&WorkItemRef> = read.iter().map(|(_, snapshot, _)| &snapshot.item).collect();
        let known = self.known(&refs).await?;
        let ids: Vec<u64> = read.iter().map(|(entry, ..)| entry.issue.id).collect();
        let links = self.links(&ids).await?;
        let mut compared = Vec::with_capacity(read.len());
        for (entry, snapshot, found) in read {
            let known = known.get(&snapshot.item);
            if known.is_none() && self.is_older(snapshot.updated_at) {
                self.report.older += 1;
                continue;
            }
            let mut reasons: Vec<Why> = compare_item(known, &snapshot).into_iter().collect();
            let is_back = reasons.contains(&Why::Back);
            if !entry.issue.pull_request && !is_back {
                let link = links.get(&entry.issue.id);
                match self.way_of(&found, &entry.issue)? {
                    Way::Open => reasons.extend(self.twin(&entry, link).await?),
                    Way::LeftOut => self.report.left_out += 1,
                    Way::Broken(why) => reasons.push(Why::Waits { why }),
                }
            }
            let Snapshot { item, key, updated_at, .. } = *snapshot;
            if self.issues.len() < MOST_KEPT {
                self.issues.insert(entry.issue.number, entry.raw);
            }
            compared.push(Compared { item, key, told_at: updated_at, reasons, found });
        }
        self.settle(compared).await
    }

    /// What the repository's filter and rules would make of what would be put in. Where that would
    /// not be carried over, a missing twin is no difference.
    pub(super) fn way_of(&self, found: &Verified, issue: &Issue) -> Result<Way, Failure> {
        let name = self.repository.name.as_str();
        self.memory.as_ref().map_or(Ok(Way::Open), |memory| memory.way(name, found, issue))
    }

    /// The work item as Plane's webhooks told it, where its people go back to GitHub.
    async fn twin_told(
        &self,
        memory: &Memory,
        link: &IssueLink,
    ) -> Result<Option<WorkItem>, Failure> {
        let twin = link.twin_of(&link.issue_ref()).filter(|_| memory.writes_back());
        let Some(twin) = twin else { return Ok(None) };
        self.job.sync.store.work_item(&twin).await.map_err(|e| stored(&e))
    }

    /// How an issue and its twin differ from what they should be, as far as Plane last answered.
    async fn twin(
        &self,
        entry: &ListedIssue,
        link: Option<&IssueLink>,
    ) -> Result<Option<Why>, Failure> {
        let Some(memory) = &self.memory else { return Ok(None) };
        let Some(link) = link.filter(|link| link.item.is_some()) else {
            return Ok(Some(Why::NoTwin));
        };
        let number = entry.issue.number;
        match link.status {
            LinkStatus::Conflict => {
                let why = "both sides changed the description: bring the two together by hand";
                return Ok(Some(Why::Waits { why: why.to_owned() }));
            }
            LinkStatus::Broken => return self.broken(number, link).await,
            LinkStatus::Pending | LinkStatus::Ok => {}
        }
        let twin = self.twin_told(memory, link).await?;
        Ok(match memory.outstanding(&entry.issue, link, twin.as_ref()) {
            Ok(writes) => (!writes.is_empty()).then_some(Why::TwinBehind { writes }),
            Err(why) => Some(Why::Waits { why }),
        })
    }

    /// A twin that somebody deleted in Plane stays deleted, which is no difference.
    async fn broken(&self, number: u64, link: &IssueLink) -> Result<Option<Why>, Failure> {
        let item = WorkItemRef::new(format!("plane:{}", link.item.as_deref().unwrap_or_default()));
        let known = self.known(&[&item]).await?;
        if known.get(&item).is_some_and(|item| item.deleted_at.is_some()) {
            return Ok(None);
        }
        let why = format!(
            "its work item is gone from Plane: jetbridge sync {}#{number} makes it again",
            self.repository.name
        );
        Ok(Some(Why::Waits { why }))
    }

    pub(super) async fn known(
        &self,
        refs: &[&WorkItemRef],
    ) -> Result<HashMap<WorkItemRef, WorkItem>, Failure> {
        let known = self.job.sync.store.work_items_by_ref(refs).await.map_err(|e| stored(&e))?;
        Ok(known.into_iter().map(|item| (item.item.clone(), item)).collect())
    }

    async fn links(&self, issues: &[u64]) -> Result<HashMap<u64, IssueLink>, Failure> {
        let Some(memory) = &self.memory else { return Ok(HashMap::new()) };
        let links = self.job.sync.store.links_of_issues(issues).await;
        let mut by_issue: HashMap<u64, Vec<IssueLink>> = HashMap::new();
        for link in links.map_err(|e| stored(&e))? {
            by_issue.entry(link.key.github_issue).or_default().push(link);
        }
        let homes =
            by_issue.into_iter().filter_map(|(issue, all)| Some((issue, memory.home(all)?)));
        Ok(homes.collect())
    }
}

pub(super) fn lane_of(entry: &ListedIssue) -> LaneOf {
    if entry.issue.pull_request {
        LaneOf::PullRequest(entry.issue.number)
    } else {
        LaneOf::Issue(entry.issue.id)
    }
}
