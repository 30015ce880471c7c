//! The hand that works on one link: takes up what an earlier attempt left, decides what to carry
//! over, and commits what the link is from then on.

use std::cmp::Ordering;
use std::sync::Arc;

use tracing::{info, warn};

use super::comments::planned_from_memory;
use super::placing::GoesOn;
use super::sides::{GithubNow, Present};
use super::{HOLD, IssueSync, Report, Target, Told, in_workspace, overtaken, stored};
use crate::clients::plane::PlaneClient;
use crate::config::WorkspaceSlug;
use crate::failure::Failure;
use crate::ids::{DeliveryId, Lease};
use crate::rules::{Broken, Placing, Rulebook, Verdict};
use crate::sources::Source;
use crate::store::intents::{IntentEnd, IntentId, NewIntent, Recorded};
use crate::store::links::{IssueLink, LinkUpdate, Save};
use crate::sync::github::Issue;
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::markdown;
use crate::sync::merge::{Merge, merge};
use crate::sync::plan::{
    Base, CommentLink, Expected, Gone, Link, LinkStatus, Plan, Rendered, Ruled, Sides, TextMerge,
    WhenGone, Write, plan, plan_gone, resume, resume_comment,
};
use crate::sync::plane::{EXTERNAL_SOURCE, Item, Project};
use crate::sync::pulls::PullsNow;

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
    attempt: u32,
    /// The newest of the deliveries that it works for.
    pub(super) cause: Option<(Source, DeliveryId)>,
    pub(super) report: Report,
    pub(super) rulebook: Arc<Rulebook>,
    /// What rules add to the issue that they made.
    ruled: Ruled,
    /// The project that the repository is kept in step with.
    pub(super) own_project: Option<String>,
    /// The workspace of the repository's projects.
    pub(super) own_workspace: Option<WorkspaceSlug>,
    /// The project that its rules want for the issue.
    pub(super) placing: Option<Placing>,
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
        let (rulebook, own_project, placing) = (Arc::default(), None, None);
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
            ruled,
            own_project,
            own_workspace,
            placing,
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
        let known = self.link.github_updated_at;
        let mut now = Box::pin(self.sync.github_now(target, told, known)).await?;
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
            GithubNow::Present(present) if self.is_stale(present) => self.catch_up(present).await,
            GithubNow::Present(present) => self.follow(present, when_gone).await,
        }?;
        self.report.asked = asked;
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

    /// Finds out what became of the writes that an earlier attempt intended and did not settle.
    pub(super) async fn resume(&mut self) -> Result<(), Failure> {
        let open = self.sync.store.open_intents_of(self.link.id).await.map_err(|e| stored(&e))?;
        if open.is_empty() {
            return Ok(());
        }
        let item = match &self.link.item {
            Some(id) => self.fetch_item(id).await?,
            None => None,
        };
        // What was being made may be there under an id that nobody was told.
        let makes = |write: &Write| matches!(write, Write::CreateItem { .. });
        let is_sought = self.link.item.is_none() || open.iter().any(|intent| makes(&intent.write));
        let item = match item {
            None if is_sought => self.find_item().await?,
            known => known,
        };
        let about_comments = |write: &Write| write.kind().ends_with("comment");
        let comments = match &item {
            Some(item) if open.iter().any(|intent| about_comments(&intent.write)) => {
                self.list_comments(&item.id).await?
            }
            _ => Vec::new(),
        };
        let mut links = Vec::new();
        let mut ends = Vec::with_capacity(open.len());
        for intent in open {
            let made = if let (Some(expected), Some(item)) = (&intent.expected, &item) {
                resume(expected, &intent.write, item).map(|base| {
                    self.link.base = base;
                    self.link.item = Some(item.id.clone());
                    self.link.status = LinkStatus::Ok;
                })
            } else if item.is_some() {
                resume_comment(&intent.write, &comments).map(|link| links.push(link))
            } else {
                None
            };
            ends.push(match made {
                Some(()) => IntentEnd::Settled { id: intent.id, answer: None },
                None => IntentEnd::Abandoned {
                    id: intent.id,
                    reason: "it was not made; what is needed is planned anew".to_owned(),
                },
            });
        }
        // A label may have been made without our knowing it.
        self.sync.projects.forget(&self.link.key.plane_project);
        info!(
            link.id = self.link.id.0,
            count = ends.len(),
            "took up {} writes that an earlier attempt had left open",
            ends.len()
        );
        self.save(&links, &ends).await
    }

    /// Carries GitHub's present state over.
    async fn follow(&mut self, present: &Present, when_gone: WhenGone) -> Result<(), Failure> {
        if self.find_place(when_gone).await? == GoesOn::No {
            return Ok(());
        }
        let Present { issue, .. } = present;
        let comment_links =
            self.sync.store.comment_links(self.link.id).await.map_err(|e| stored(&e))?;
        let project = self.project().await?;
        self.note_unmapped(issue, &project).await?;
        let rendered = rendered(issue);
        self.look_at_pulls().await?;
        // A person who asks wants to see Plane put right, whatever we remember of it.
        let asked = when_gone == WhenGone::Recreate;
        if asked || !self.is_nothing_new(issue, &rendered, present, &comment_links, &project) {
            self.item(issue, &rendered, when_gone).await?;
            if self.link.status != LinkStatus::Broken {
                self.comments(present).await?;
            }
        }
        self.link.markdown.clone_from(&issue.body);
        self.link.github_updated_at = Some(issue.updated_at);
        self.link.github_arrival = present.arrival;
        self.link.last_error = None;
        self.save(&[], &[]).await
    }

    /// So that people see whose assignments are not carried over, and say who they are.
    async fn note_unmapped(&self, issue: &Issue, project: &Project) -> Result<(), Failure> {
        let mapping = Resolved::new(&self.mapping, project);
        let unmapped = mapping.unmapped(&issue.assignees);
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
        let remembered = remembered_item(&link, issue);
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
        plan(&Sides { issue, rendered, link, item, pulls, mapping, ruled, merge, when_gone })
    }

    async fn item(
        &mut self,
        issue: &Issue,
        rendered: &Rendered,
        when_gone: WhenGone,
    ) -> Result<(), Failure> {
        let (link, item) = self.linked(when_gone).await?;
        let project = self.project().await?;
        let plan = self.planned(issue, rendered, link.as_ref(), item.as_ref(), &project, when_gone);
        let linked = item.map(|item| item.id).or_else(|| link.map(|link| link.item));
        self.carry_out(plan, linked, &project).await
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

pub(super) fn rendered(issue: &Issue) -> Rendered {
    let title = markdown::title(&issue.title);
    Rendered {
        title: title.text,
        title_cut: title.cut,
        description_html: markdown::issue_description(issue),
    }
}

/// The item as Plane last answered it.
pub(super) fn remembered_item(link: &Link, issue: &Issue) -> Item {
    let Base { plane, .. } = &link.base;
    Item {
        id: link.item.clone(),
        name: plane.name.clone(),
        description_html: plane.description_html.clone(),
        state: plane.state.clone(),
        labels: plane.labels.clone(),
        assignees: plane.assignees.clone(),
        priority: plane.priority,
        external_id: Some(issue.id.to_string()),
        external_source: Some(EXTERNAL_SOURCE.to_owned()),
    }
}

pub(super) fn merged(base: &str, ours: &str, theirs: &str) -> TextMerge {
    match merge(base, ours, theirs) {
        Merge::Merged { html } => TextMerge::Merged(html),
        Merge::Conflict { places } => {
            let blocks: Vec<_> = places.iter().map(|place| (place.block + 1).to_string()).collect();
            TextMerge::Conflict(format!("in block {}", blocks.join(", ")))
        }
    }
}
