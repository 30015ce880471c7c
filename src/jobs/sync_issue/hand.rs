//! The hand that works on one link: takes up what an earlier attempt left, decides what to carry
//! over, and commits what the link is from then on.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::warn;

use super::comments::planned_from_memory;
use super::placing::GoesOn;
use super::planning::{merged, remembered_item, rendered};
use super::sides::{GithubNow, Occasion, Present};
use super::{HOLD, IssueSync, Report, Target, Told, in_workspace, overtaken, stored};
use crate::clients::plane::PlaneClient;
use crate::config::{RepositoryName, WorkspaceSlug};
use crate::failure::Failure;
use crate::ids::{DeliveryId, Lease, RepositorySyncId};
use crate::rules::{Broken, Placing, Rulebook, Verdict};
use crate::sources::Source;
use crate::store::intents::{IntentEnd, IntentId, NewIntent, Recorded};
use crate::store::links::{IssueLink, LinkUpdate, Save};
use crate::sync::github::Issue;
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::milestones::BundleKind;
use crate::sync::plan::{
    CommentLink, Expected, Gone, Link, LinkStatus, Plan, Rendered, Ruled, Sides, WhenGone, Write,
    WriteBack, plan, plan_gone,
};
use crate::sync::plane::{Item, Project};
use crate::sync::pulls::PullsNow;
use crate::work_items::System;

/// Works on one link that is ours.
pub(super) struct Hand<'a> {
    pub(super) sync: &'a IssueSync,
    /// Asked for the workspace of the link's project.
    pub(super) plane: PlaneClient,
    pub(super) mapping: Mapping,
    pub(super) link: IssueLink,
    /// How the pull requests about the issue stand, once that was looked at.
    pub(super) pulls: Option<PullsNow>,
    pub(super) lease: Lease,
    pub(super) attempt: u32,
    /// The newest of the deliveries that it works for.
    pub(super) cause: Option<(Source, DeliveryId)>,
    pub(super) report: Report,
    pub(super) rulebook: Arc<Rulebook>,
    /// What milestones become.
    pub(super) bundles: Option<BundleKind>,
    /// The repository's row, where the issue itself is brought in step.
    pub(super) repository: Option<RepositorySyncId>,
    /// Whether its rules say which labels an item has.
    pub(super) sets_labels: bool,
    /// What rules add to the issue that they made.
    ruled: Ruled,
    /// The project that the repository is kept in step with.
    pub(super) own_project: Option<String>,
    /// The workspace of the repository's projects.
    pub(super) own_workspace: Option<WorkspaceSlug>,
    /// The project that its rules want for the issue.
    pub(super) placing: Option<Placing>,
    /// What goes back to GitHub.
    pub(super) write_back: WriteBack,
    /// Who is assigned in Plane as its webhooks told, where that goes back.
    pub(super) people: Option<BTreeSet<String>>,
    /// Who is assigned in Plane as it last answered, in this attempt.
    pub(super) in_plane: BTreeSet<String>,
    /// Writes to GitHub that an earlier attempt intended and did not settle.
    pub(super) left_open: Vec<(IntentId, Write)>,
}

impl<'a> Hand<'a> {
    pub(super) fn new(
        sync: &'a IssueSync,
        plane: &PlaneClient,
        mapping: Mapping,
        link: IssueLink,
        lease: Lease,
        attempt: u32,
    ) -> Self {
        let (pulls, cause, report, ruled) = (None, None, Report::default(), Ruled::default());
        let (rulebook, bundles, own_project, placing) = (Arc::default(), None, None, None);
        let (repository, sets_labels) = (None, false);
        let plane = in_workspace(plane, link.key.plane_workspace.as_ref());
        let own_workspace = None;
        Self {
            sync,
            plane,
            mapping,
            link,
            pulls,
            lease,
            attempt,
            cause,
            report,
            rulebook,
            bundles,
            repository,
            sets_labels,
            ruled,
            own_project,
            own_workspace,
            placing,
            write_back: WriteBack::Nothing,
            people: None,
            in_plane: BTreeSet::new(),
            left_open: Vec::new(),
        }
    }

    pub(super) fn into_report(self) -> Report {
        self.report
    }

    pub(super) async fn bring_in_step(
        &mut self,
        target: &Target,
        told: Told,
        when_gone: WhenGone,
    ) -> Result<(), Failure> {
        self.cause.clone_from(&told.cause);
        self.resume().await?;
        let word = told.parent.clone();
        let occasion = told.occasion;
        if self.write_back == WriteBack::Assignees {
            self.people = self.sync.people_told(&self.link).await?;
        }
        if occasion == Occasion::PlanesPeople
            && (self.write_back == WriteBack::Nothing || self.is_agreed_on())
        {
            self.nothing_of_plane();
            return Ok(());
        }
        let known = self.link.github_updated_at;
        let mut now = Box::pin(self.sync.github_now(target, told, known)).await?;
        self.resume_on_github(&now).await?;
        let asked = now.asked();
        if let GithubNow::Present(present) = &mut now
            && let Some(rule) = self.rule(&mut present.issue)?
        {
            let name = &target.repository.name;
            self.report = Report::idle(format!("left out by the rule “{rule}” of {name}"));
            self.report.asked = asked;
            return self.leave_out().await;
        }
        match &now {
            GithubNow::Gone(gone) => self.end(gone).await,
            GithubNow::Unknown => {
                self.report = Report::idle("its webhook does not tell the issue's state");
                Ok(())
            }
            GithubNow::Present(present) if self.is_stale(present) => match occasion {
                Occasion::Github => self.catch_up(present).await,
                // Nothing else would look again at what Plane told.
                Occasion::PlanesPeople => Err(Failure::retry(
                    "GitHub's answer is older than what was carried over: looking again",
                )),
            },
            GithubNow::Present(present) => self.follow(present, when_gone).await,
        }?;
        if !matches!(now, GithubNow::Gone(_)) {
            Box::pin(self.parent(word.as_ref(), &now)).await?;
        }
        // GitHub's answer to a write is newer.
        self.report.asked = self.report.asked.take().or(asked);
        Ok(())
    }

    /// Makes of the issue what the repository's rules want; the name of the rule that drops it.
    fn rule(&mut self, issue: &mut Issue) -> Result<Option<String>, Failure> {
        let repository = &self.link.key.repository;
        let verdict =
            self.rulebook.applied(repository, issue).map_err(|b| broken(&b, repository))?;
        match verdict {
            Verdict::Dropped { rule } => Ok(Some(rule)),
            Verdict::Carried(carried) => {
                *issue = carried.issue;
                self.ruled = carried.ruled;
                self.placing = carried.placing;
                self.report.rules = carried.rules;
                Ok(None)
            }
        }
    }

    /// A rule drops the issue: what failed before is no trouble any more, and where nothing was made
    /// there is nothing to keep in step.
    pub(super) async fn leave_out(&mut self) -> Result<(), Failure> {
        if self.link.last_error.take().is_some() {
            self.save(&[], &[]).await?;
        }
        if self.link.item.is_some() {
            return Ok(());
        }
        let dropped = self.sync.store.drop_needless_link(self.link.id, self.lease).await;
        dropped.map_err(|e| stored(&e))
    }

    /// Whether a later state was carried over before.
    fn is_stale(&self, present: &Present) -> bool {
        let Some(known) = self.link.github_updated_at else { return false };
        match (present.issue.updated_at.cmp(&known), present.arrival, self.link.github_arrival) {
            (Ordering::Equal, Some(arrival), Some(known)) => arrival < known,
            (order, _, _) => order.is_lt(),
        }
    }

    /// Of a late webhook only what it tells of comments counts.
    async fn catch_up(&mut self, present: &Present) -> Result<(), Failure> {
        let tells_of_comments = !present.comments.is_empty() || !present.deleted.is_empty();
        if !tells_of_comments || self.link.status == LinkStatus::Broken {
            self.report = Report::idle("a newer state was carried over before");
            return Ok(());
        }
        self.comments(present).await?;
        self.link.last_error = None;
        self.save(&[], &[]).await
    }

    /// Carries GitHub's present state over.
    async fn follow(&mut self, present: &Present, when_gone: WhenGone) -> Result<(), Failure> {
        if self.find_place(when_gone).await? == GoesOn::No {
            return Ok(());
        }
        let Present { issue, .. } = present;
        let comment_links =
            self.sync.store.comment_links(self.link.id).await.map_err(|e| stored(&e))?;
        let mut project = self.project().await?;
        if self.follow_renamed(present, &project).await? {
            project = self.project().await?;
        }
        self.note_unmapped(issue, &project).await?;
        let rendered = rendered(issue);
        self.look_at_pulls().await?;
        // A person who asks wants to see Plane put right, whatever we remember of it.
        let asked = when_gone == WhenGone::Recreate;
        let mut to_github = Vec::new();
        if asked || !self.is_nothing_new(issue, &rendered, present, &comment_links, &project) {
            to_github = self.item(issue, &rendered, when_gone).await?;
            if self.link.status != LinkStatus::Broken {
                self.comments(present).await?;
            }
        }
        Box::pin(self.milestone(present, when_gone)).await?;
        self.link.markdown.clone_from(&issue.body);
        self.link.github_updated_at = Some(issue.updated_at);
        self.link.github_arrival = present.arrival;
        self.note_unmapped_members(&project).await?;
        self.write_to_github(to_github).await?;
        self.link.last_error = None;
        self.save(&[], &[]).await
    }

    /// So that people see whose assignments are not carried over, and say who they are.
    async fn note_unmapped(&self, issue: &Issue, project: &Project) -> Result<(), Failure> {
        let mapping = Resolved::new(&self.mapping, project);
        let unmapped = mapping.unmapped(&issue.assignees);
        let host = issue.repository.parse::<RepositoryName>().map(|name| name.host());
        let host = host.unwrap_or_default();
        let unmapped = unmapped.into_iter().map(|login| host.named(login)).collect();
        let noted = self.sync.store.note_unmapped(self.link.id, &unmapped, self.sync.clock.now());
        noted.await.map_err(|e| stored(&e))
    }

    /// Whether Plane need not even be asked: planned against what it last answered, there is
    /// nothing to write.
    fn is_nothing_new(
        &self,
        issue: &Issue,
        rendered: &Rendered,
        present: &Present,
        comment_links: &[CommentLink],
        project: &Project,
    ) -> bool {
        let Some(link) = self.link.link().filter(|_| self.link.status == LinkStatus::Ok) else {
            return false;
        };
        let remembered = remembered_item(&link, issue, self.people.as_ref());
        let planned = self.planned(
            issue,
            rendered,
            Some(&link),
            Some(&remembered),
            project,
            WhenGone::MarkBroken,
        );
        let comments = planned_from_memory(present, comment_links);
        planned.writes.is_empty()
            && planned.expected.base == link.base
            && comments.writes.is_empty()
            && comments.links.is_empty()
    }

    fn planned(
        &self,
        issue: &Issue,
        rendered: &Rendered,
        link: Option<&Link>,
        item: Option<&Item>,
        project: &Project,
        when_gone: WhenGone,
    ) -> Plan {
        let mapping = Resolved::new(&self.mapping, project);
        let (pulls, ruled, merge) = (self.pulls.as_ref(), &self.ruled, &merged);
        let write_back = self.write_back;
        plan(&Sides {
            issue,
            rendered,
            link,
            item,
            pulls,
            mapping,
            ruled,
            merge,
            when_gone,
            write_back,
        })
    }

    /// Writes the item; gives back what is to be written to GitHub because of it.
    async fn item(
        &mut self,
        issue: &Issue,
        rendered: &Rendered,
        when_gone: WhenGone,
    ) -> Result<Vec<Write>, Failure> {
        let (link, item) = self.linked(when_gone).await?;
        let project = self.project().await?;
        let mut plan =
            self.planned(issue, rendered, link.as_ref(), item.as_ref(), &project, when_gone);
        let (to_github, to_plane) = std::mem::take(&mut plan.writes)
            .into_iter()
            .partition(|write| write.system() == System::Github);
        plan.writes = to_plane;
        self.in_plane = item.as_ref().map(|item| item.assignees.clone()).unwrap_or_default();
        let linked = item.map(|item| item.id).or_else(|| link.map(|link| link.item));
        self.carry_out(plan, linked, &project).await?;
        Ok(to_github)
    }

    /// The item and what was last agreed on with it.
    async fn linked(
        &mut self,
        when_gone: WhenGone,
    ) -> Result<(Option<Link>, Option<Item>), Failure> {
        let Some(link) = self.link.link() else { return Ok((None, self.find_item().await?)) };
        let shown = self.fetch_item(&link.item).await?;
        if shown.is_some() || when_gone == WhenGone::MarkBroken {
            return Ok((Some(link), shown));
        }
        // Archived items are hidden from those who ask by id, and forbid another one all the same.
        let Some(found) = self.find_item().await? else { return Ok((Some(link), None)) };
        if found.id == link.item {
            return Ok((Some(link), Some(self.restore_item(&found.id).await?)));
        }
        // Another one: nothing was agreed on with it, and it has no link to the issue yet.
        self.link.base.link_url = None;
        if self.fetch_item(&found.id).await?.is_some() {
            return Ok((None, Some(found)));
        }
        Ok((None, Some(self.restore_item(&found.id).await?)))
    }

    /// The issue is gone from GitHub.
    async fn end(&mut self, gone: &Gone) -> Result<(), Failure> {
        let Some(link) = self.link.link().filter(|link| !link.base.github.gone) else {
            self.report = Report::idle("the issue is gone from GitHub and has no work item to end");
            return Ok(());
        };
        let item = self.fetch_item(&link.item).await?;
        let project = self.project().await?;
        let mapping = Resolved::new(&self.mapping, &project);
        let Some(plan) = plan_gone(gone, Some(&link), item.as_ref(), mapping) else {
            return Ok(());
        };
        self.carry_out(plan, Some(link.item), &project).await?;
        self.link.last_error = None;
        self.save(&[], &[]).await
    }

    /// Records a write that is about to be made, and that the link is still ours.
    pub(super) async fn intend(
        &self,
        write: &Write,
        expected: Option<&Expected>,
    ) -> Result<IntentId, Failure> {
        let store = &self.sync.store;
        let now = self.sync.clock.now();
        let kept = store.renew_hold(self.link.id, self.lease, now + HOLD).await;
        if kept.map_err(|e| stored(&e))? == Save::Lost {
            return Err(overtaken());
        }
        let cause = self.cause.as_ref().map(|(source, id)| (*source, id));
        let intents = [NewIntent { write, expected, cause }];
        let recorded =
            store.record_intents(self.link.id, self.lease, &intents, self.attempt, now).await;
        match recorded.map_err(|e| stored(&e))? {
            Recorded::Ids(ids) => ids.first().copied().ok_or_else(overtaken),
            Recorded::Lost => Err(overtaken()),
        }
    }

    /// Commits the link as it is now, with comments and ended intents.
    pub(super) async fn save(
        &self,
        comments: &[CommentLink],
        ends: &[IntentEnd],
    ) -> Result<(), Failure> {
        let update = self.update(self.link.last_error.as_deref());
        let (store, now) = (&self.sync.store, self.sync.clock.now());
        let saved = store.save_link(self.link.id, self.lease, &update, comments, ends, now).await;
        match saved.map_err(|e| stored(&e))? {
            Save::Committed => Ok(()),
            Save::Lost => Err(overtaken()),
        }
    }

    fn update<'b>(&'b self, last_error: Option<&'b str>) -> LinkUpdate<'b> {
        LinkUpdate {
            item: self.link.item.as_deref(),
            base: &self.link.base,
            markdown: self.link.markdown.as_deref(),
            github_updated_at: self.link.github_updated_at,
            github_arrival: self.link.github_arrival,
            status: self.link.status,
            last_error,
        }
    }

    /// So that whoever looks at the link sees why it is not in step.
    pub(super) async fn note_failure(&mut self, failure: &Failure) {
        let error = Some(failure.to_string());
        // Who waits for the same thing once more has nothing new to tell.
        if matches!(failure, Failure::Quota { .. }) && self.link.last_error == error {
            return;
        }
        self.link.last_error = error;
        if let Err(failure) = self.save(&[], &[]).await {
            warn!(
                link.id = self.link.id.0,
                "why link {} is not in step could not be noted: {failure}", self.link.id.0
            );
        }
    }
}

/// A rule that comes to nothing is mended by a person, who then replays.
pub(in crate::jobs) fn broken(broken: &Broken, repository: &str) -> Failure {
    Failure::permanent(format!("{broken} (of {repository}); mend it, then replay"))
}
