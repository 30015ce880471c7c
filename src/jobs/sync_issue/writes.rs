//! The hand that works on one link: asks Plane, plans, records each write, makes it, and settles
//! what Plane answered.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{info, warn};

use super::sides::{GithubNow, Present};
use super::{HOLD, IssueSync, Report, Target, Told, overtaken, stored};
use crate::clients::plane::{Creation, Found, PlaneClient, Refusal};
use crate::failure::Failure;
use crate::ids::Lease;
use crate::store::intents::{IntentEnd, IntentId, NewIntent, Recorded};
use crate::store::links::{IssueLink, LinkUpdate, Save};
use crate::sync::github::Issue;
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::markdown;
use crate::sync::merge::{Merge, merge};
use crate::sync::plan::{
    Answered, Base, CommentLink, CommentStanding, Expected, GithubComments, Gone, Link, LinkStatus,
    Plan, Rendered, RenderedComment, Sides, TextMerge, WhenGone, Write, plan, plan_comments,
    plan_gone, resume, resume_comment, settle, settle_comment,
};
use crate::sync::plane::{EXTERNAL_SOURCE, Item, ItemComment, Project, ProjectLabel};

/// Works on one link that is ours.
pub(super) struct Hand<'a> {
    sync: &'a IssueSync,
    plane: &'a PlaneClient,
    mapping: Mapping,
    link: IssueLink,
    lease: Lease,
    attempt: u32,
    report: Report,
}

impl<'a> Hand<'a> {
    pub(super) fn new(
        sync: &'a IssueSync,
        plane: &'a PlaneClient,
        mapping: Mapping,
        link: IssueLink,
        lease: Lease,
        attempt: u32,
    ) -> Self {
        Self { sync, plane, mapping, link, lease, attempt, report: Report::default() }
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
        self.resume().await?;
        let now = Box::pin(self.sync.github_now(target, told)).await?;
        match &now {
            GithubNow::Gone(gone) => self.end(gone).await,
            GithubNow::Unknown => {
                self.report = Report::idle("its webhook does not tell the issue's state");
                Ok(())
            }
            GithubNow::Present(present) if self.is_stale(present) => self.catch_up(present).await,
            GithubNow::Present(present) => self.follow(present, when_gone).await,
        }
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
    async fn resume(&mut self) -> Result<(), Failure> {
        let open = self.sync.store.open_intents_of(self.link.id).await.map_err(|e| stored(&e))?;
        if open.is_empty() {
            return Ok(());
        }
        let item = match &self.link.item {
            Some(id) => self.fetch_item(id).await?,
            None => self.find_item().await?,
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
        let Present { issue, .. } = present;
        let comment_links =
            self.sync.store.comment_links(self.link.id).await.map_err(|e| stored(&e))?;
        let project = self.project().await?;
        let rendered = rendered(issue);
        if !self.is_nothing_new(issue, &rendered, present, &comment_links, &project) {
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
        let mirrors: Vec<_> = comment_links.iter().filter_map(remembered_mirror).collect();
        let comments = rendered_comments(present);
        let comments = plan_comments(&github_comments(present, &comments), comment_links, &mirrors);
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
        plan(&Sides { issue, rendered, link, item, mapping, merge: &merged, when_gone })
    }

    async fn item(
        &mut self,
        issue: &Issue,
        rendered: &Rendered,
        when_gone: WhenGone,
    ) -> Result<(), Failure> {
        let link = self.link.link();
        let item = match &link {
            Some(link) => self.fetch_item(&link.item).await?,
            None => self.find_item().await?,
        };
        let project = self.project().await?;
        let plan = self.planned(issue, rendered, link.as_ref(), item.as_ref(), &project, when_gone);
        let linked = item.map(|item| item.id).or_else(|| link.map(|link| link.item));
        self.carry_out(plan, linked, &project).await
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

    /// Makes the writes of a plan in their order; each is settled before the next is made.
    async fn carry_out(
        &mut self,
        plan: Plan,
        linked: Option<String>,
        project: &Project,
    ) -> Result<(), Failure> {
        self.report.findings.extend(plan.findings.iter().cloned());
        let made = self.make_labels(&plan).await?;
        let Plan { writes, status, mut expected, .. } = plan.with_labels(&made);
        // Only a link that was made counts; the plan knows of none.
        expected.base.link_url.clone_from(&self.link.base.link_url);
        let mut item_id = linked;
        let mut is_settled = false;
        for write in &writes {
            match write {
                Write::CreateItem { .. } | Write::UpdateItem { .. } => {
                    let item = self.write_item(write, &expected, project).await?;
                    self.link.status = status;
                    item_id = Some(item);
                    is_settled = true;
                }
                Write::CreateLink { url, title } => {
                    let Some(item) = item_id.clone() else { continue };
                    if !is_settled {
                        self.settle_unwritten(&expected, &item, project, status);
                        is_settled = true;
                    }
                    self.write_link(write, &item, url, title).await?;
                }
                Write::CreateLabel { .. }
                | Write::CreateComment { .. }
                | Write::UpdateComment { .. }
                | Write::DeleteComment { .. } => {}
            }
        }
        if let (false, Some(item)) = (is_settled, &item_id) {
            self.settle_unwritten(&expected, item, project, status);
        }
        Ok(())
    }

    fn settle_unwritten(
        &mut self,
        expected: &Expected,
        item: &str,
        project: &Project,
        status: LinkStatus,
    ) {
        let settled = settle(expected, None, Resolved::new(&self.mapping, project));
        self.report.findings.extend(settled.findings);
        self.link.base = settled.base;
        self.link.item = Some(item.to_owned());
        self.link.status = status;
    }

    /// Ids of the labels that were made, by name. One that Plane does not take is left out.
    async fn make_labels(&mut self, plan: &Plan) -> Result<BTreeMap<String, String>, Failure> {
        let mut made = BTreeMap::new();
        for write in &plan.writes {
            let Write::CreateLabel { label } = write else { continue };
            let intent = self.intend(write, None).await?;
            let project = &self.link.key.plane_project;
            let asked = self.plane.create_label(project, &label.name, label.color.as_deref());
            match asked.await {
                Ok(id) => {
                    let known = ProjectLabel { id: id.clone(), name: label.name.clone() };
                    self.sync.projects.add_label(project, known);
                    made.insert(label.name.clone(), id.clone());
                    self.report.wrote(write);
                    self.save(&[], &[IntentEnd::Settled { id: intent, answer: Some(id) }]).await?;
                }
                Err(Refusal::Invalid { words }) => {
                    warn!(label = %label.name, "Plane does not take the label “{}”: {words}", label.name);
                    self.save(&[], &[IntentEnd::Abandoned { id: intent, reason: words }]).await?;
                }
                Err(refusal) => return Err(refused(&refusal)),
            }
        }
        Ok(made)
    }

    async fn write_item(
        &mut self,
        write: &Write,
        expected: &Expected,
        project: &Project,
    ) -> Result<String, Failure> {
        let intent = self.intend(write, Some(expected)).await?;
        let id = &self.link.key.plane_project;
        let answered = match write {
            Write::CreateItem { item, .. } => match self.plane.create_item(id, item).await {
                Ok(Creation::Created(item)) => Ok(item),
                Ok(Creation::AlreadyThere(there)) => {
                    return self.made_by_another(intent, &there).await;
                }
                Err(refusal) => Err(refusal),
            },
            Write::UpdateItem { item, change, .. } => {
                self.plane.update_item(id, item, change).await
            }
            other => {
                return Err(Failure::permanent(format!("a bug: {} writes no item", other.kind())));
            }
        };
        let item = answered.map_err(|refusal| self.item_refused(&refusal))?;
        let answer = Answered { sent: write, item: &item };
        let settled = settle(expected, Some(answer), Resolved::new(&self.mapping, project));
        self.report.findings.extend(settled.findings);
        self.report.wrote(write);
        self.link.base = settled.base;
        self.link.item = Some(item.id.clone());
        self.link.status = LinkStatus::Ok;
        let answer = Some(item.id.clone());
        self.save(&[], &[IntentEnd::Settled { id: intent, answer }]).await?;
        Ok(item.id)
    }

    /// What stands there is not what we meant to make: the next attempt reads it and goes on from
    /// that. It counts, so that a Plane that hides what it refuses is not asked for ever.
    async fn made_by_another<T>(&self, intent: IntentId, there: &str) -> Result<T, Failure> {
        let reason = format!("Plane already has an item for this issue ({there})");
        let end = IntentEnd::Abandoned { id: intent, reason: reason.clone() };
        self.save(&[], &[end]).await?;
        Err(Failure::retry(format!("{reason}: the next try takes it over")))
    }

    /// What Plane does not take may come from a list of ours that is out of date.
    fn item_refused(&self, refusal: &Refusal) -> Failure {
        match refusal {
            Refusal::Invalid { words } if words.contains("does not exist") => {
                self.sync.projects.forget(&self.link.key.plane_project);
                Failure::retry(format!(
                    "Plane does not know a state, label or person any more ({words}): they are asked for anew"
                ))
            }
            other => refused(other),
        }
    }

    async fn write_link(
        &mut self,
        write: &Write,
        item: &str,
        url: &str,
        title: &str,
    ) -> Result<(), Failure> {
        let intent = self.intend(write, None).await?;
        let project = &self.link.key.plane_project;
        match self.plane.create_link(project, item, url, title).await {
            Ok(()) => {}
            // The text says where it comes from, too: no reason to stop before the comments.
            Err(Refusal::Invalid { words }) => {
                warn!(link.id = self.link.id.0, "Plane does not take the link to {url}: {words}");
                let end = IntentEnd::Abandoned { id: intent, reason: words };
                return self.save(&[], &[end]).await;
            }
            Err(refusal) => return Err(refused(&refusal)),
        }
        self.report.wrote(write);
        self.link.base.link_url = Some(url.to_owned());
        self.save(&[], &[IntentEnd::Settled { id: intent, answer: None }]).await
    }

    async fn comments(&mut self, present: &Present) -> Result<(), Failure> {
        let Some(item) = self.link.item.clone() else { return Ok(()) };
        // Read only now: a new item makes all mirrors pending again.
        let links = self.sync.store.comment_links(self.link.id).await.map_err(|e| stored(&e))?;
        if present.comments.is_empty() && present.deleted.is_empty() && links.is_empty() {
            return Ok(());
        }
        let mirrors = self.list_comments(&item).await?;
        let comments = rendered_comments(present);
        let plan = plan_comments(&github_comments(present, &comments), &links, &mirrors);
        self.report.findings.extend(plan.findings);
        if !plan.links.is_empty() {
            self.save(&plan.links, &[]).await?;
        }
        for write in &plan.writes {
            self.write_comment(write, &item).await?;
        }
        Ok(())
    }

    async fn write_comment(&mut self, write: &Write, item: &str) -> Result<(), Failure> {
        let intent = self.intend(write, None).await?;
        let project = &self.link.key.plane_project;
        let answered = match write {
            Write::CreateComment { comment, html, .. } => {
                let external_id = comment.to_string();
                let made = self.plane.create_comment(project, item, html, &external_id).await;
                match made.map_err(|r| refused(&r))? {
                    Creation::Created(mirror) => Some(mirror),
                    // Under another item of the project, or hidden by a lost answer: as it is
                    // there, the next attempt finds it.
                    Creation::AlreadyThere(id) => Some(ItemComment {
                        id,
                        comment_html: html.trim().to_owned(),
                        external_id: Some(comment.to_string()),
                        external_source: Some(EXTERNAL_SOURCE.to_owned()),
                    }),
                }
            }
            Write::UpdateComment { mirror, html, .. } => {
                let changed = self.plane.update_comment(project, item, mirror, html).await;
                Some(changed.map_err(|r| refused(&r))?)
            }
            Write::DeleteComment { mirror, .. } => {
                let deleted = self.plane.delete_comment(project, item, mirror).await;
                deleted.map_err(|r| refused(&r))?;
                None
            }
            other => {
                return Err(Failure::permanent(format!("a bug: {} is no comment", other.kind())));
            }
        };
        self.report.wrote(write);
        let answer = answered.as_ref().map(|mirror| mirror.id.clone());
        let links: Vec<_> = settle_comment(write, answered.as_ref()).into_iter().collect();
        self.save(&links, &[IntentEnd::Settled { id: intent, answer }]).await
    }

    /// Records a write that is about to be made, and that the link is still ours.
    async fn intend(
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
        let intents = [NewIntent { write, expected }];
        let recorded =
            store.record_intents(self.link.id, self.lease, &intents, self.attempt, now).await;
        match recorded.map_err(|e| stored(&e))? {
            Recorded::Ids(ids) => ids.first().copied().ok_or_else(overtaken),
            Recorded::Lost => Err(overtaken()),
        }
    }

    /// Commits the link as it is now, with comments and ended intents.
    async fn save(&self, comments: &[CommentLink], ends: &[IntentEnd]) -> Result<(), Failure> {
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
        self.link.last_error = Some(failure.to_string());
        if let Err(failure) = self.save(&[], &[]).await {
            warn!(
                link.id = self.link.id.0,
                "why link {} is not in step could not be noted: {failure}", self.link.id.0
            );
        }
    }

    async fn project(&self) -> Result<Arc<Project>, Failure> {
        let project = &self.link.key.plane_project;
        self.sync.projects.project(self.plane, project).await.map_err(|r| refused(&r))
    }

    async fn fetch_item(&self, id: &str) -> Result<Option<Item>, Failure> {
        let project = &self.link.key.plane_project;
        self.plane.fetch_item(project, id).await.map_err(|r| refused(&r))
    }

    async fn find_item(&self) -> Result<Option<Item>, Failure> {
        let key = &self.link.key;
        let issue = key.github_issue.to_string();
        let found = self.plane.find_item_by_external(&key.plane_project, &issue).await;
        Ok(match found.map_err(|r| refused(&r))? {
            Found::None => None,
            Found::One(item) => Some(item),
            Found::Several { oldest, others } => {
                warn!(issue = %issue, count = others.len(), "Plane has {} more items for issue {issue}; the oldest is kept in step, delete the others: {}", others.len(), others.join(", "));
                Some(oldest)
            }
        })
    }

    async fn list_comments(&self, item: &str) -> Result<Vec<ItemComment>, Failure> {
        let project = &self.link.key.plane_project;
        self.plane.list_comments(project, item).await.map_err(|r| refused(&r))
    }
}

fn rendered(issue: &Issue) -> Rendered {
    let title = markdown::title(&issue.title);
    Rendered {
        title: title.text,
        title_cut: title.cut,
        description_html: markdown::issue_description(issue),
    }
}

fn rendered_comments(present: &Present) -> Vec<RenderedComment<'_>> {
    let html = |comment| RenderedComment { comment, html: markdown::comment_html(comment) };
    present.comments.iter().map(html).collect()
}

fn github_comments<'a>(
    present: &'a Present,
    comments: &'a [RenderedComment<'a>],
) -> GithubComments<'a> {
    GithubComments { present: comments, deleted: &present.deleted, listing: present.listing }
}

/// The item as Plane last answered it.
fn remembered_item(link: &Link, issue: &Issue) -> Item {
    let Base { plane, .. } = &link.base;
    Item {
        id: link.item.clone(),
        name: plane.name.clone(),
        description_html: plane.description_html.clone(),
        state: plane.state.clone(),
        labels: plane.labels.clone(),
        assignees: plane.assignees.clone(),
        external_id: Some(issue.id.to_string()),
        external_source: Some(EXTERNAL_SOURCE.to_owned()),
    }
}

/// A comment's mirror as Plane last answered it.
fn remembered_mirror(link: &CommentLink) -> Option<ItemComment> {
    (link.standing == CommentStanding::Mirrored).then_some(())?;
    Some(ItemComment {
        id: link.mirror.clone()?,
        comment_html: link.stored_html.clone(),
        external_id: Some(link.comment.to_string()),
        external_source: Some(EXTERNAL_SOURCE.to_owned()),
    })
}

fn merged(base: &str, ours: &str, theirs: &str) -> TextMerge {
    match merge(base, ours, theirs) {
        Merge::Merged { html } => TextMerge::Merged(html),
        Merge::Conflict { places } => {
            let blocks: Vec<_> = places.iter().map(|place| (place.block + 1).to_string()).collect();
            TextMerge::Conflict(format!("in block {}", blocks.join(", ")))
        }
    }
}

/// What a refusal of Plane means for a sync: a key or a membership is put right by a person, which
/// takes a while, so it waits longest.
fn refused(refusal: &Refusal) -> Failure {
    match refusal.failure() {
        Failure::Permanent { reason } if matches!(refusal, Refusal::BadKey | Refusal::NoAccess) => {
            Failure::Retry { reason, after: Some(super::FORBIDDEN) }
        }
        other => other,
    }
}
