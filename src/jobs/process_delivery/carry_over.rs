//! The second stage of a delivery: the issue that it tells of is brought in step with Plane.
//!
//! All deliveries of one issue that are due come together, are carried over once, and end alike: a
//! burst costs one look at each side. Each keeps its own count of attempts.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use tracing::{error, warn};

use super::carry_labels::{LABEL, is_of_labels, lane_of_labels};
use super::filter::{Judged, judged, left_out};
use super::people::items_of;
use super::{
    Known, Processor, Reading, Worked, carry_milestone, ended, ends, entry, guarded, unstored,
    with_json,
};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::{CommentRef, JobId, Lane, Lease, WorkItemRef};
use crate::jobs::sync_issue::{Occasion, Report, Target, Told, of_database};
use crate::metrics::OfKind;
use crate::sources::Source;
use crate::sources::github::closing::named;
use crate::sources::github::normalize::{sync_comment, sync_issue, sync_parent};
use crate::sources::github::payload::{CommentAction, Event, IssueAction, parse};
use crate::store::finish::Changed;
use crate::store::jobs::{ClaimedJob, End, Finish, Finished};
use crate::store::{StoreError, StoreResult};
use crate::sync::github::{Comment, Issue};
use crate::sync::parents::ParentWord;
use crate::sync::plan::{Gone, WhenGone};
use crate::timeline::{EntryOutcome, TimelineEntry};
use crate::work_items::{Kind, WorkItem};

/// The repositories whose deliveries have a second stage, lower case.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Those of issues: of repositories that are kept in step with a project of Plane, and of all
    /// where GitHub can be asked.
    issues: BTreeSet<String>,
    /// Those of pull requests: where there is a project, and states to which they move its items.
    pulls: BTreeSet<String>,
    /// Those of milestones: where there is a project, and they become something in it.
    milestones: BTreeSet<String>,
    /// Those of labels: where there is a project.
    labels: BTreeSet<String>,
    /// Whether GitHub can be asked which issues are linked with a pull request.
    asks_links: bool,
}

/// How often a job may be begun without an end. More than a failure gets: a sync makes many writes,
/// what was made stays, and a crash in the middle of each is no reason to leave off.
const MOST_BEGUN: u32 = 20;

/// Hands a delivery that was read on to the second stage, if its issue has one.
pub(super) fn hand_on(
    job: &ClaimedJob,
    known: &Known,
    followed: &Followed,
    finished: &mut Finished,
) {
    let End::Done { result } = &finished.end else { return };
    let Some(name) = job.repository.as_ref().map(|name| name.to_lowercase()) else { return };
    if job.event_type == LABEL && followed.labels.contains(&name) {
        finished.end =
            End::Handed { result: result.clone(), lane: lane_of_labels(job, &name), place: None };
        return;
    }
    if job.event_type == carry_milestone::EVENT {
        match carry_milestone::lane(job).filter(|_| followed.milestones.contains(&name)) {
            Some(lane) => finished.end = End::Handed { result: result.clone(), lane, place: None },
            None => stays_on_github(finished),
        }
        return;
    }
    let item = finished.entry.item.as_ref().and_then(|item| known.items.get(item));
    let Some((item, state)) = item.and_then(|item| Some((item, item.state.as_ref()?))) else {
        return;
    };
    let lane = match state.kind {
        Kind::Issue if followed.issues.contains(&name) => {
            Lane::new(format!("sync:github:issue:{}", item.external_id))
        }
        Kind::PullRequest
            if followed.pulls.contains(&name)
                && (followed.asks_links || !named(state).is_empty()) =>
        {
            Lane::new(format!("sync:{}", item.item))
        }
        Kind::Issue | Kind::PullRequest => return,
    };
    finished.end = End::Handed { result: result.clone(), lane, place: None };
}

/// Nothing is done with a milestone of a repository that keeps them to itself.
fn stays_on_github(finished: &mut Finished) {
    let reason = format!("{}; milestones of its repository stay on GitHub", finished.entry.reason);
    finished.entry.reason.clone_from(&reason);
    finished.end = End::Done { result: reason };
}

fn tells_of_pull(reading: &Reading) -> bool {
    let item = reading.told.as_ref().ok().and_then(|told| told.item.item());
    item.is_some_and(is_pull_request)
}

impl Processor {
    /// The repositories whose issues have a second stage, if these readings tell of any.
    pub(super) async fn followed(&self, readings: &[Reading]) -> StoreResult<Followed> {
        let any = readings.iter().any(|reading| reading.job.repository.is_some());
        let (asks, writes) = (self.sync.github.is_some(), self.sync.plane.is_some());
        if !any || !(asks || writes) {
            return Ok(Followed::default());
        }
        let of_pulls = readings.iter().filter(|reading| tells_of_pull(reading));
        let of_pulls = of_pulls.filter_map(|reading| reading.job.repository.as_deref());
        let of_pulls: BTreeSet<String> = of_pulls.map(str::to_lowercase).collect();
        let tells_of_milestone = |r: &Reading| r.job.event_type == carry_milestone::EVENT;
        let any_milestone = readings.iter().any(tells_of_milestone);
        let asks_links = self.sync.github.as_ref().is_some_and(|g| g.rests().next().is_some());
        let mut followed = Followed { asks_links, ..Followed::default() };
        let rulebooks = self.sync.settings.rulebooks().await?;
        let placing = rulebooks.into_iter().filter(|(_, rulebook)| rulebook.places());
        let placing: BTreeSet<_> = placing.map(|(name, _)| name.as_str().to_lowercase()).collect();
        for repository in self.store.repositories().await? {
            let name = repository.name.as_str().to_lowercase();
            let has_project = repository.plane_project.is_some() || placing.contains(&name);
            if writes && has_project && (any_milestone || of_pulls.contains(&name)) {
                let followed_as = self.sync.settings.of(&repository.name).await?;
                if followed_as.mapping.follows_pulls() && of_pulls.contains(&name) {
                    followed.pulls.insert(name.clone());
                }
                if followed_as.settings.milestones.is_some() {
                    followed.milestones.insert(name.clone());
                }
            }
            if writes && has_project {
                followed.labels.insert(name.clone());
            }
            let reads = || self.sync.github.as_ref().is_some_and(|g| g.reads(&repository.name));
            if (asks && reads()) || has_project {
                followed.issues.insert(name);
            }
        }
        Ok(followed)
    }

    /// Brings the one issue that `jobs` tell of in step, all under `lease`.
    pub async fn sync(&self, lease: Lease, jobs: Vec<ClaimedJob>) -> Worked {
        let item = jobs.first().and_then(|job| item_of(job.lane.as_ref()?));
        let lane = jobs.first().and_then(|job| job.lane.as_ref());
        let is_of_milestone = lane.is_some_and(carry_milestone::is_its);
        let followed = match self.followed_by(&jobs).await {
            Ok(followed) => followed,
            Err(error) => return unstored(&error),
        };
        let tied = match self.tied(item.as_ref(), &jobs).await {
            Ok(tied) => tied,
            Err(error) => return unstored(&error),
        };
        let judged = judged(&jobs, followed.as_ref());
        let last_admitted = judged.iter().rposition(|judged| matches!(judged, Judged::Admitted));
        let mut moved = Vec::new();
        let carried = match &item {
            _ if last_admitted.is_none() => Ok(Report::default()),
            // Whatever it is that takes workers down, it is not tried once more.
            _ if jobs.iter().all(is_given_up) => Err(Failure::permanent(format!(
                "gave up: {MOST_BEGUN} workers died or hung while they brought its issue in step"
            ))),
            Some(item) if is_pull_request(item) => {
                unpanicked(self.carry_pull(item, &jobs, &mut moved)).await
            }
            Some(item) => unpanicked(self.carry_over(item, &jobs, tied.as_ref())).await,
            None if is_of_milestone => unpanicked(self.carry_milestone(&jobs)).await,
            None if is_of_labels(&jobs) => unpanicked(self.carry_labels(&jobs)).await,
            None => Err(Failure::permanent("a bug: its lane names no issue")),
        };
        let now = self.clock.now();
        let items = items_of(&jobs, item.as_ref(), tied.as_ref().map(|(_, twin)| twin));
        let mut finished = self.finished(&jobs, &judged, &items, &carried, now);
        wait_together(&mut finished);
        if let Ok(report) = &carried {
            moved.extend(report.elsewhere.iter().cloned());
            for kind in &report.kinds {
                self.metrics.sync_writes.get_or_create(&OfKind { kind }).inc();
            }
        }
        if let (Ok(report), Some(at)) = (&carried, last_admitted) {
            finished[at].entry.changes = self.show_asked(report).await;
        }
        let is_left_out = judged.iter().map(|judged| matches!(judged, Judged::LeftOut(_)));
        let figures = ends::carried(jobs.iter().zip(&finished).zip(is_left_out));
        let told = told_elsewhere(jobs.last(), moved, now);
        let changed = Changed { figures: &figures, told: &told, ..Changed::default() };
        self.end_sync(lease, &jobs, &finished, changed).await
    }

    /// How each of the jobs ended, in their order.
    fn finished(
        &self,
        jobs: &[ClaimedJob],
        judged: &[Judged],
        items: &[Option<WorkItemRef>],
        carried: &Result<Report, Failure>,
        now: Timestamp,
    ) -> Vec<Finished> {
        let last = judged.iter().rposition(|judged| matches!(judged, Judged::Admitted));
        let end = |at: usize, job: &ClaimedJob, beside: Option<&Finished>| match &judged[at] {
            Judged::Admitted => {
                let with = last.filter(|last| at < *last).and_then(|at| jobs.get(at));
                self.synced(job, items[at].clone(), carried, with, now)
            }
            Judged::LeftOut(why) => left_out(job, items[at].clone(), why, beside, now),
            Judged::Broken(failure) => self.failed(job, items[at].clone(), failure),
        };
        // Whether any that passed is tried again says what becomes of those that did not.
        let mut finished: Vec<_> =
            jobs.iter().enumerate().map(|(at, job)| end(at, job, None)).collect();
        let passed = finished.iter().zip(judged).filter(|(_, j)| matches!(j, Judged::Admitted));
        let mut again = passed.map(|(f, _)| f).filter(|f| matches!(f.end, End::Again { .. }));
        let Some(again) = again.next_back().cloned() else { return finished };
        for (at, job) in jobs.iter().enumerate() {
            if matches!(judged[at], Judged::LeftOut(_)) {
                finished[at] = end(at, job, Some(&again));
            }
        }
        finished
    }

    /// Commits how the jobs of one issue ended.
    async fn end_sync(
        &self,
        lease: Lease,
        jobs: &[ClaimedJob],
        finished: &[Finished],
        changed: Changed<'_>,
    ) -> Worked {
        let figures = changed.figures;
        match self.store.finish_jobs(lease, finished, changed).await {
            Ok(Finish::Committed) => {
                self.count(figures);
                for (job, finished) in jobs.iter().zip(finished) {
                    self.report(job, finished);
                }
            }
            Ok(Finish::Lost(lost)) => {
                let count = lost.len();
                warn!(
                    count,
                    "{count} jobs of a sync are no longer ours; whoever has them finds nothing left to write"
                );
            }
            Err(error) if error.is_transient() => return unstored(&error),
            Err(error) => {
                error!(error = %error, "a sync could not be finished; its jobs run again when their lease ends");
            }
        }
        Worked::Off
    }

    /// One job's end. `with` is the newest of the jobs that were carried over together.
    fn synced(
        &self,
        job: &ClaimedJob,
        item: Option<WorkItemRef>,
        carried: &Result<Report, Failure>,
        with: Option<&ClaimedJob>,
        now: Timestamp,
    ) -> Finished {
        let report = match carried {
            Ok(report) => report,
            Err(failure) => return self.failed(job, item, failure),
        };
        let (outcome, result) = match with {
            None => (report.outcome(), report.reason()),
            Some(newest) => (
                EntryOutcome::Ignored,
                format!("brought in step together with delivery {}", newest.delivery_id),
            ),
        };
        let entry = entry(job, item, now, outcome, result.clone());
        ended(job, End::Done { result }, entry)
    }

    /// What Plane's deliveries among these do not tell: the repository of their issue, and its twin.
    async fn tied(
        &self,
        item: Option<&WorkItemRef>,
        jobs: &[ClaimedJob],
    ) -> StoreResult<Option<(RepositoryName, WorkItemRef)>> {
        let any = jobs.iter().any(|job| job.source == Source::Plane);
        match item.filter(|_| any) {
            Some(item) => self.store.tied_repository(item).await,
            None => Ok(None),
        }
    }

    async fn carry_over(
        &self,
        item: &WorkItemRef,
        jobs: &[ClaimedJob],
        tied: Option<&(RepositoryName, WorkItemRef)>,
    ) -> Result<Report, Failure> {
        let unread = |e: &StoreError| of_database(format!("the issue can't be read: {e}"), e);
        let known = self.store.work_item(item).await.map_err(|e| unread(&e))?;
        let Some(known) = known else {
            return Err(Failure::permanent("a bug: its issue was never stored"));
        };
        let Said { issue, written, deleted, parent } = said(jobs)?;
        let Some(number) = number_of(&known, issue.as_ref().map(|(issue, _)| issue)) else {
            return Err(Failure::permanent("the issue's number was never told"));
        };
        let repository = self.repository_of(jobs, tied.map(|(name, _)| name)).await?;
        let target = Target { repository, issue: id_of(item).unwrap_or_default(), number };
        let gone = known.deleted_at.map(|_| match &known.moved_to {
            Some(to) => Gone::Transferred { to: Some(to.to_string()) },
            None => Gone::Deleted,
        });
        let (issue, arrival) = issue.unzip();
        let (comments, deleted) = self.newest(written, deleted).await.map_err(|e| unread(&e))?;
        let cause = jobs.last().map(|job| (job.source, job.delivery_id.clone()));
        let of_plane = jobs.iter().all(|job| job.source == Source::Plane);
        let occasion = if of_plane { Occasion::PlanesPeople } else { Occasion::Github };
        let arrival = arrival.unwrap_or(0);
        let told = Told { issue, arrival, comments, deleted, parent, gone, cause, occasion };
        let attempt = jobs.iter().map(|job| job.attempt).max().unwrap_or(1);
        // Whoever has waited longest with it brings the others along.
        let class = jobs.iter().map(|job| job.class).min().unwrap_or_default();
        let sync = self.sync.clone().in_class(class);
        sync.sync(&target, told, attempt, WhenGone::MarkBroken).await
    }

    /// Those comments that are not known to be newer or gone, and those that are gone for good.
    async fn newest(
        &self,
        mut written: BTreeMap<u64, Comment>,
        deleted: BTreeSet<u64>,
    ) -> StoreResult<(Vec<Comment>, BTreeSet<u64>)> {
        let ids: BTreeSet<_> = written.keys().copied().chain(deleted).collect();
        let refs: Vec<_> = ids.iter().map(|id| CommentRef::new(format!("github:{id}"))).collect();
        if refs.is_empty() {
            return Ok((Vec::new(), BTreeSet::new()));
        }
        let mut gone = BTreeSet::new();
        for known in self.store.comments_by_ref(&refs.iter().collect::<Vec<_>>()).await? {
            let Ok(id) = known.said.external_id.parse() else { continue };
            if known.deleted_at.is_some() {
                gone.insert(id);
            }
            let is_outdated = |c: &Comment| known.said.updated_at > c.updated_at;
            if known.deleted_at.is_some() || written.get(&id).is_some_and(is_outdated) {
                written.remove(&id);
            }
        }
        Ok((written.into_values().collect(), gone))
    }
}

/// Whether more attempts were begun than may come to nothing.
fn is_given_up(job: &ClaimedJob) -> bool {
    job.attempt > MOST_BEGUN
}

/// What the bodies of some deliveries say.
#[derive(Default)]
struct Said {
    /// The newest state of the issue, and which of its second that is.
    issue: Option<(Issue, i64)>,
    /// Each comment as last written.
    written: BTreeMap<u64, Comment>,
    /// Ids of comments that were deleted.
    deleted: BTreeSet<u64>,
    /// What was said last of the issue's parent.
    parent: Option<ParentWord>,
}

/// `jobs` in the order of their arrival.
fn said(jobs: &[ClaimedJob]) -> Result<Said, Failure> {
    let mut said = Said::default();
    for job in jobs.iter().filter(|job| job.source == Source::Github) {
        let event =
            guarded(|| with_json(job, |json| parse(&job.github_host, &job.event_type, json)))?;
        said.add(job.id, &event);
    }
    Ok(said)
}

impl Said {
    fn add(&mut self, job: JobId, event: &Event) {
        let word = sync_parent(event, job.0);
        let order = |word: &ParentWord| (word.at, word.arrival);
        if word.as_ref().map(order) > self.parent.as_ref().map(order) {
            self.parent = word;
        }
        if let Some(told) = sync_issue(event) {
            // Whatever else happened in its first second happened later.
            let is_first = matches!(event, Event::Issue(e) if e.action == IssueAction::Opened);
            let told = (told, if is_first { 0 } else { job.0 });
            let order = |(issue, arrival): &(Issue, i64)| (issue.updated_at, *arrival);
            if self.issue.as_ref().is_none_or(|known| order(known) <= order(&told)) {
                self.issue = Some(told);
            }
        }
        match sync_comment(event) {
            Some((CommentAction::Deleted, comment)) => {
                self.deleted.insert(comment.id);
            }
            Some((CommentAction::Written, comment)) => {
                let known = self.written.get(&comment.id);
                if known.is_none_or(|known| known.updated_at <= comment.updated_at) {
                    self.written.insert(comment.id, comment);
                }
            }
            None => {}
        }
    }
}

/// Those that are tried again are tried together, so that their order of arrival stays.
fn wait_together(finished: &mut [Finished]) {
    let times = finished.iter().filter_map(|f| match &f.end {
        End::Again { at, .. } => Some(*at),
        End::Done { .. } | End::Handed { .. } | End::Dead { .. } => None,
    });
    let Some(last) = times.max() else { return };
    for finished in finished {
        if let End::Again { at, .. } = &mut finished.end {
            *at = last;
        }
    }
}

/// A panic is one issue's failure, not the worker's.
async fn unpanicked<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut work = Box::pin(work);
    poll_fn(|context| {
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))).unwrap_or_else(|_| {
            Poll::Ready(Err(Failure::permanent(
                "a bug: bringing its issue in step panicked; please report it",
            )))
        })
    })
    .await
}

/// `github:123` of the lane `sync:github:issue:123`; a pull request's lane is its name.
fn item_of(lane: &Lane) -> Option<WorkItemRef> {
    let item = lane.as_str().strip_prefix("sync:")?;
    match item.strip_prefix("github:issue:") {
        Some(id) => Some(WorkItemRef::new(format!("github:{id}"))),
        None => Some(WorkItemRef::new(item)).filter(is_pull_request),
    }
}

fn is_pull_request(item: &WorkItemRef) -> bool {
    item.as_str().starts_with("github:pull_request:")
}

/// What stands on the timelines of the items that a pull request moved: with its own delivery.
fn told_elsewhere(
    newest: Option<&ClaimedJob>,
    moved: Vec<(WorkItemRef, String)>,
    now: Timestamp,
) -> Vec<TimelineEntry> {
    let Some(job) = newest else { return Vec::new() };
    let told = |(item, reason)| entry(job, Some(item), now, EntryOutcome::Applied, reason);
    moved.into_iter().map(told).collect()
}

fn id_of(item: &WorkItemRef) -> Option<u64> {
    item.as_str().strip_prefix("github:")?.parse().ok()
}

/// The number, as the payload says it or as it stands in the key `owner/name#12`.
fn number_of(known: &WorkItem, issue: Option<&Issue>) -> Option<u64> {
    let key = || known.state.as_ref()?.key.as_ref()?.rsplit_once('#')?.1.parse().ok();
    issue.map(|issue| issue.number).or_else(key)
}
