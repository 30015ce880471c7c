//! One walk over one repository: where it is, what it knows, and what every page comes to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::TimeDelta;
use serde_json::value::RawValue;

use super::report::Report;
use super::{Progress, Reconcile, stored};
use crate::clients::github_rest::GitHubRest;
use crate::clients::github_rest::listing::RepositoryNow;
use crate::clock::Timestamp;
use crate::drift::{DriftItem, Mark, Position, UnderWay, Walk, WalkStep, Why};
use crate::failure::Failure;
use crate::ids::WorkItemRef;
use crate::jobs::sync_issue::{KnownProject, Memory};
use crate::sources::github::found::Finding;
use crate::sources::{Origin, Verified, plane};
use crate::store::found::Again;
use crate::store::repositories::Repository;

/// How far a walk over what changed goes back behind the newest that was seen: copies lag behind.
pub(super) const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// For so long a walk over what changed goes back to what is not mended; then whole ones see to it.
const FOLLOWED: TimeDelta = TimeDelta::hours(24);
/// Items of the ledger that are known from the start.
const MOST_KNOWN: i64 = 10_000;

/// What a walk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To put in what differs.
    Mend,
    /// To tell what still does.
    Prove,
    /// To tell what would be put in; nothing at all is kept.
    Tell,
}

/// A walk.
pub(super) struct Walker<'a> {
    pub(super) job: &'a Reconcile,
    pub(super) repository: &'a Repository,
    pub(super) rest: &'a GitHubRest,
    pub(super) now: RepositoryNow,
    /// Plane's projects and what their items are reckoned with, where there are any.
    pub(super) memory: Option<Memory>,
    pub(super) purpose: Purpose,
    pub(super) position: Position,
    pub(super) way: UnderWay,
    /// What a whole walk has met.
    pub(super) seen: HashSet<String>,
    /// What was met since the place was last kept.
    fresh: Vec<String>,
    /// What the ledger said before, and what it says now of what was looked at.
    pub(super) before: BTreeMap<WorkItemRef, DriftItem>,
    known_as: HashMap<WorkItemRef, DriftItem>,
    pub(super) differing: BTreeMap<WorkItemRef, DriftItem>,
    /// Pull requests on which something may have been said, where their comments are not listed.
    pub(super) spoken: Vec<(u64, Timestamp)>,
    /// Issues as they were given, by number: comments need them.
    pub(super) issues: HashMap<u64, Box<RawValue>>,
    pub(super) report: Report,
    done: u64,
    of: u64,
}

/// One item with what came of comparing it.
pub(super) struct Compared {
    pub(super) item: WorkItemRef,
    pub(super) key: Option<String>,
    pub(super) told_at: Timestamp,
    pub(super) reasons: Vec<Why>,
    /// What would mend it.
    pub(super) found: Verified,
}

/// The repository as GitHub calls it now, if it is the one that is known here.
async fn the_repository(
    job: &Reconcile,
    rest: &GitHubRest,
    repository: &Repository,
) -> Result<RepositoryNow, Failure> {
    let name = &repository.name;
    let Some(now) = job.patiently(|| rest.fetch_repository(name)).await? else {
        return Err(Failure::permanent(format!(
            "GitHub shows no {name} (404): check its name, and that github.token may read it"
        )));
    };
    if let Some(known) = repository.github_id.filter(|known| *known != now.id) {
        return Err(super::another(name, known, now.id));
    }
    Ok(now)
}

/// The projects that the key does not show, each with the reason.
fn hidden(memory: &Memory) -> Vec<String> {
    let hidden = |project: &KnownProject| Some(format!("{}: {}", project.id, project.hidden()?));
    memory.projects().iter().filter_map(hidden).collect()
}

impl<'a> Walker<'a> {
    pub(super) async fn begin(
        job: &'a Reconcile,
        repository: &'a Repository,
        walk: Walk,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let rest = job.rest(&repository.name)?;
        let store = &job.sync.store;
        let now = the_repository(job, rest, repository).await?;
        let memory = job.patiently(|| job.sync.memory_of(repository)).await?;
        let position = store.drift_position(repository.id).await.map_err(|e| stored(&e))?;
        let before = store.drift_items(repository.id, MOST_KNOWN).await.map_err(|e| stored(&e))?;
        let report = Report {
            repository: repository.name.to_string(),
            issues_off: !now.has_issues,
            hidden: memory.iter().flat_map(hidden).collect(),
            ..Report::default()
        };
        let mut walker = Self {
            job,
            repository,
            rest,
            now,
            memory,
            purpose,
            position,
            way: UnderWay::default(),
            seen: HashSet::new(),
            fresh: Vec::new(),
            known_as: before.iter().map(|item| (item.item.clone(), item.clone())).collect(),
            before: before.into_iter().map(|item| (item.item.clone(), item)).collect(),
            differing: BTreeMap::new(),
            spoken: Vec::new(),
            issues: HashMap::new(),
            report,
            done: 0,
            of: 0,
        };
        walker.find_way(walk).await?;
        Ok(walker)
    }

    /// Goes on where an earlier walk was, or begins a new one.
    async fn find_way(&mut self, walk: Walk) -> Result<(), Failure> {
        let store = &self.job.sync.store;
        // Without a whole walk before nothing is known of what is gone.
        let is_first = self.position.issues.is_none() && self.purpose == Purpose::Mend;
        // Nobody has looked at the issues while they were switched off.
        let is_another = self.position.issues_off != self.issues_off();
        self.position.issues_off = self.issues_off();
        let walk = if is_first || is_another { Walk::Full } else { walk };
        let left = self.position.under_way.take();
        let left = left.filter(|left| left.walk == Walk::Full && self.purpose == Purpose::Mend);
        // One of which nobody knows when it began may have passed by anything.
        let left = left.filter(|left| left.began_at.is_some() && !is_another);
        if let Some(left) = left {
            let seen = store.drift_seen(self.repository.id).await.map_err(|e| stored(&e))?;
            self.seen = seen.into_iter().collect();
            self.way = left;
        } else {
            if self.purpose == Purpose::Mend {
                let forgotten = store.forget_drift_seen(self.repository.id).await;
                forgotten.map_err(|e| stored(&e))?;
            }
            let began_at = Some(self.job.sync.clock.now());
            self.way = UnderWay { began_at, walk, ..UnderWay::default() };
            self.way.since = self.beginning(self.position.issues, "github").await?;
        }
        let known = store.count_of_projects(self.repository.id, &self.projects()).await;
        self.of = known.map_err(|e| stored(&e))?;
        Ok(())
    }

    /// The names that the repository's issues may stand under, and the Plane projects.
    pub(super) fn projects(&self) -> Vec<String> {
        let mut names = self.github_projects();
        names.extend(self.plane_projects());
        names
    }

    /// Plane's projects that the key shows.
    pub(super) fn plane_projects(&self) -> Vec<String> {
        let all = self.memory.iter().flat_map(Memory::projects);
        all.filter(|project| project.hidden().is_none()).map(|project| project.id.clone()).collect()
    }

    pub(super) fn github_projects(&self) -> Vec<String> {
        let mut names = vec![self.repository.name.to_string(), self.now.name.to_string()];
        names.dedup();
        names
    }

    /// Where a walk over what changed begins: behind the newest that was seen, and behind the
    /// oldest of what is to be mended.
    pub(super) async fn beginning(
        &self,
        newest: Option<Timestamp>,
        system: &str,
    ) -> Result<Option<Timestamp>, Failure> {
        let Some(newest) = newest.filter(|_| self.way.walk == Walk::Changes) else {
            return Ok(None);
        };
        let store = &self.job.sync.store;
        let followed = self.job.sync.clock.now() - FOLLOWED;
        let oldest = store.oldest_drift(self.repository.id, system, followed).await;
        let oldest = oldest.map_err(|e| stored(&e))?;
        Ok(Some(oldest.map_or(newest - OVERLAP, |oldest| oldest.min(newest - OVERLAP))))
    }

    pub(super) async fn go(&mut self, progress: Progress<'_>) -> Result<(), Failure> {
        if self.way.step == WalkStep::Issues {
            if self.issues_off() {
                self.walk_pulls(progress).await?;
            } else {
                self.walk_issues(progress).await?;
            }
            self.next_step(WalkStep::Comments).await?;
            self.way.since = self.beginning(self.position.comments, "github").await?;
        }
        if self.way.step == WalkStep::Comments {
            if self.issues_off() {
                self.walk_conversations().await?;
            } else {
                self.walk_comments(progress).await?;
            }
            self.next_step(WalkStep::Items).await?;
        }
        if self.way.step == WalkStep::Items {
            self.walk_items(progress).await?;
            self.next_step(WalkStep::Missing).await?;
        }
        if self.way.walk == Walk::Full {
            self.look_for_missing().await?;
        }
        self.settle_missing().await?;
        self.end().await
    }

    async fn next_step(&mut self, step: WalkStep) -> Result<(), Failure> {
        (self.way.step, self.way.since, self.way.page) = (step, None, 0);
        self.keep_place().await
    }

    async fn end(&mut self) -> Result<(), Failure> {
        let (store, now) = (&self.job.sync.store, self.job.sync.clock.now());
        let newest = self.way.newest;
        let later = |known: Option<Timestamp>, newest: Option<Timestamp>| known.max(newest);
        self.position.issues = later(self.position.issues, newest[0]);
        self.position.comments = later(self.position.comments, newest[1]);
        self.position.items = later(self.position.items, newest[2]);
        // An empty list has an end, too: whatever is made from now on is newer.
        if self.way.walk == Walk::Full {
            self.position.full = self.way.began_at;
            let issues = *self.position.issues.get_or_insert(now - OVERLAP);
            self.position.comments.get_or_insert(issues);
        }
        let remaining: Vec<DriftItem> = self.remaining().into_iter().cloned().collect();
        self.report.of_items(remaining.iter());
        if self.purpose == Purpose::Tell {
            return Ok(());
        }
        let id = self.repository.id;
        if self.way.walk == Walk::Full {
            store.forget_drift_seen(id).await.map_err(|e| stored(&e))?;
        }
        store.keep_drift_position(id, &self.position, &[]).await.map_err(|e| stored(&e))?;
        // It saw each thing at some moment after it began, and nothing of what came later.
        let full = self.way.began_at.filter(|_| self.way.walk == Walk::Full);
        let ended = store.end_drift_walk(id, &self.projects(), full, now).await;
        ended.map_err(|e| stored(&e))?;
        if let Some(began) = full.filter(|_| !self.issues_off()) {
            // What GitHub no longer tells of lies days back, before this walk began.
            let closed = store.close_recover_gap(&self.repository.name, began).await;
            closed.map_err(|e| stored(&e))?;
        }
        Ok(())
    }

    /// Leaves a walk that came to no good end: the next one begins anew.
    pub(super) async fn give_up(&mut self) -> Result<(), Failure> {
        let (store, id) = (&self.job.sync.store, self.repository.id);
        store.forget_drift_seen(id).await.map_err(|e| stored(&e))?;
        let position = store.drift_position(id).await.map_err(|e| stored(&e))?;
        let position = Position { under_way: None, ..position };
        store.keep_drift_position(id, &position, &[]).await.map_err(|e| stored(&e))
    }

    /// Asks once more whether the repository is the one that was walked over, and shows its issues
    /// as it did.
    pub(super) async fn same_repository(&self) -> Result<(), Failure> {
        let now = the_repository(self.job, self.rest, self.repository).await?;
        if now.has_issues == self.now.has_issues {
            return Ok(());
        }
        Err(Failure::permanent(format!(
            "the issues of {} were switched off or on while they were compared, and nothing is taken for deleted: the next comparison looks at all of it",
            self.repository.name
        )))
    }

    /// Whether something came when the walk had begun.
    pub(super) fn is_since(&self, at: Timestamp) -> bool {
        self.way.began_at.is_some_and(|began| at >= began)
    }

    /// GitHub's mark of a list, where nothing of it has to be looked at again.
    pub(super) fn mark(&self, mark: Option<&Mark>, since: Option<Timestamp>) -> Option<String> {
        let followed = self.job.sync.clock.now() - FOLLOWED;
        let is_open = |item: &DriftItem| item.is_mendable() && item.since >= followed;
        let is_settled = !self.before.values().any(is_open);
        let mark = mark.filter(|mark| is_settled && Some(mark.since) == since)?;
        Some(mark.etag.clone())
    }

    /// What differs now: what was found to, and what was before and was not looked at.
    fn remaining(&self) -> Vec<&DriftItem> {
        let untouched = self.before.values().filter(|i| !self.differing.contains_key(&i.item));
        self.differing.values().chain(untouched).collect()
    }

    pub(super) fn into_report(self) -> Report {
        self.report
    }

    /// Whether a state is from before the repository was connected: no webhook was to tell of it.
    pub(super) fn is_older(&self, at: Timestamp) -> bool {
        // GitHub counts in whole seconds.
        at + TimeDelta::seconds(1) < self.repository.created_at
    }

    /// Takes note of what was met.
    pub(super) fn met(&mut self, name: String) {
        if self.way.walk == Walk::Full && self.seen.insert(name.clone()) {
            self.fresh.push(name);
        }
    }

    pub(super) fn told(&mut self, progress: Progress<'_>, count: usize) {
        self.done += count as u64;
        self.of = self.of.max(self.done);
        progress(self.done, self.of);
    }

    /// Keeps where the walk is. One over what changed is short, and begins anew.
    pub(super) async fn keep_place(&mut self) -> Result<(), Failure> {
        let fresh = std::mem::take(&mut self.fresh);
        if self.purpose != Purpose::Mend || self.way.walk != Walk::Full {
            return Ok(());
        }
        let mut position = self.position.clone();
        position.under_way = Some(self.way.clone());
        let store = &self.job.sync.store;
        let kept = store.keep_drift_position(self.repository.id, &position, &fresh).await;
        kept.map_err(|e| stored(&e))
    }

    /// Settles what a page came to: the ledger, and the inbox.
    pub(super) async fn settle(&mut self, compared: Vec<Compared>) -> Result<(), Failure> {
        let now = self.job.sync.clock.now();
        let (mut in_sync, mut found) = (Vec::new(), Vec::new());
        let mut changed = BTreeSet::new();
        for Compared { item, key, told_at, reasons, found: delivery } in compared {
            if reasons.is_empty() {
                // What a comment of it came to stands until the comment is looked at.
                if !self.differing.contains_key(&item) && self.before.remove(&item).is_some() {
                    in_sync.push(item);
                }
                continue;
            }
            let is_put = reasons.iter().any(Why::is_mendable) && self.is_due(&item, told_at, now);
            let before = self.known_as.get(&item);
            let known = self.differing.entry(item.clone()).or_insert_with(|| DriftItem {
                item: item.clone(),
                key: None,
                reasons: Vec::new(),
                told_at: Some(told_at),
                since: before.map_or(now, |before| before.since),
                put_at: None,
            });
            if is_put {
                found.push(delivery);
                known.put_at = Some(now);
            }
            known.key = known.key.take().or(key);
            known.told_at = known.told_at.min(Some(told_at));
            for why in reasons {
                if !known.reasons.contains(&why) {
                    known.reasons.push(why);
                }
            }
            changed.insert(item);
        }
        let changed: Vec<DriftItem> =
            changed.iter().filter_map(|item| self.differing.get(item)).cloned().collect();
        self.keep(&in_sync, &changed, found).await
    }

    /// Whether what would mend an item is put in now. What was put in and mended nothing is left
    /// alone ever longer, except by whole walks and where its side tells something newer.
    fn is_due(&self, item: &WorkItemRef, told_at: Timestamp, now: Timestamp) -> bool {
        let Some(before) = self.known_as.get(item) else { return true };
        let is_newer = before.told_at.is_none_or(|before| told_at > before);
        let again_at = before.again_at(self.job.again);
        self.way.walk == Walk::Full || is_newer || again_at.is_none_or(|at| at <= now)
    }

    pub(super) async fn keep(
        &mut self,
        in_sync: &[WorkItemRef],
        changed: &[DriftItem],
        found: Vec<Verified>,
    ) -> Result<(), Failure> {
        if self.purpose == Purpose::Tell {
            self.report.put += found.len() as u64;
            return Ok(());
        }
        let (store, now) = (&self.job.sync.store, self.job.sync.clock.now());
        if !in_sync.is_empty() || !changed.is_empty() {
            let put = store.put_drift(self.repository.id, in_sync, changed, now).await;
            put.map_err(|e| stored(&e))?;
        }
        if self.purpose == Purpose::Mend && !found.is_empty() {
            let again = match self.way.walk {
                Walk::Changes => Again::Processed,
                Walk::Full => Again::Failed,
            };
            let put = store.put_found(&found, again, now).await.map_err(|e| stored(&e))?;
            self.report.add(put);
            self.job.tell_workers().await.map_err(|e| stored(&e))?;
        }
        Ok(())
    }

    pub(super) fn finding(&self) -> Finding {
        Finding {
            origin: Origin::Reconcile,
            at: self.job.sync.clock.now(),
            repository: self.now.name.clone(),
            repository_id: self.now.id,
            row: self.repository.id,
        }
    }

    pub(super) fn plane_finding(&self) -> plane::found::Finding {
        plane::found::Finding { origin: Origin::Reconcile, at: self.job.sync.clock.now() }
    }
}
