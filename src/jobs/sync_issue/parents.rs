//! The parent of an issue that is brought in step, and its sub-issues: work items go under one
//! another as their issues do. The decision is `sync/parents`.
//!
//! GitHub is asked for a parent only where something hints at one: the webhook that tells of it, an
//! address in the issue that is not the known one, or none there where one is known.
//!
//! What GitHub says is committed before the parent's item is looked for, and a parent's item before
//! those who wait for it are: whichever of the two comes first, the other one sees it.

use super::asking::refused;
use super::hand::Hand;
use super::sides::GithubNow;
use super::{IssueSync, Report, stored};
use crate::clients::plane::{PlaneClient, Refusal};
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::store::intents::IntentEnd;
use crate::store::links::{IssueLink, LinkKey};
use crate::sync::mapping::Mapping;
use crate::sync::parents::{ParentBase, ParentIssue, ParentPlan, ParentWord, There, plan_parent};
use crate::sync::plan::{Finding, LinkStatus, Write};

/// Items above one another that are looked at for a circle: GitHub has eight levels.
const HIGHEST: usize = 16;

/// In place of the id of a parent that the token does not see.
const UNSEEN: u64 = 0;

/// Where an item stands.
enum Under {
    /// It is gone or archived.
    Gone,
    /// Under this one, or under none.
    Item(Option<String>),
}

/// An issue whose sub-issues may wait for its item.
pub(super) struct Above {
    key: LinkKey,
    item: String,
    cause: Option<(Source, DeliveryId)>,
    attempt: u32,
}

impl IssueSync {
    /// Puts the items of an issue's sub-issues under its own, where that is not done yet. Who is held
    /// by somebody looks for this item afterwards.
    pub(super) async fn follow_sub_issues(
        &self,
        plane: &PlaneClient,
        above: &Above,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let LinkKey { github_issue, plane_project, .. } = &above.key;
        let below = self.store.links_of_sub_issues(*github_issue, plane_project).await;
        for link in below.map_err(|e| stored(&e))? {
            if link.item.is_none() || !link.base.parent.is_behind(Some(&above.item)) {
                continue;
            }
            let Some(below) = self.put_under(plane, &link.key, above).await? else { continue };
            report.kinds.extend(&below.kinds);
            if !below.writes.is_empty() || !below.findings.is_empty() {
                let item = WorkItemRef::new(format!("github:{}", link.key.github_issue));
                report.elsewhere.push((item, below.reason()));
            }
        }
        Ok(())
    }

    /// Looks for the parent's item once more: it may have been made while this issue was held here,
    /// and its own sync has passed by then.
    pub(super) async fn look_up_once_more(
        &self,
        plane: &PlaneClient,
        this: &Above,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let LinkKey { github_issue, plane_project, .. } = &this.key;
        let link = self.store.link_of_issue(*github_issue, plane_project).await;
        let Some(link) = link.map_err(|e| stored(&e))? else { return Ok(()) };
        let Some(parent) = self.parents_item_of(&link).await? else { return Ok(()) };
        if !link.base.parent.is_behind(Some(&parent)) {
            return Ok(());
        }
        if let Some(done) = self.put_under(plane, &link.key, this).await? {
            report.add(done);
        }
        Ok(())
    }

    /// Puts one item under that of its parent; `None` where somebody else holds it.
    async fn put_under(
        &self,
        plane: &PlaneClient,
        key: &LinkKey,
        by: &Above,
    ) -> Result<Option<Report>, Failure> {
        let Some((link, lease)) = self.held_if_free(key).await? else { return Ok(None) };
        let id = link.id;
        let mut hand = Hand::new(self, plane, Mapping::default(), link, lease, by.attempt);
        hand.cause.clone_from(&by.cause);
        let done = Box::pin(hand.under_parent()).await;
        if let Err(failure) = &done {
            hand.note_failure(failure).await;
        }
        self.store.release_hold(id, lease).await.map_err(|e| stored(&e))?;
        done.map(|()| Some(hand.into_report()))
    }

    /// The work item of an issue's parent in the same project, where there is one.
    async fn parents_item_of(&self, link: &IssueLink) -> Result<Option<String>, Failure> {
        let Some(told) = &link.base.parent.told else { return Ok(None) };
        let project = &link.key.plane_project;
        let parent = self.store.link_of_issue(told.id, project).await.map_err(|e| stored(&e))?;
        let is_there = |link: &IssueLink| link.status != LinkStatus::Broken;
        Ok(parent.filter(is_there).and_then(|link| link.item))
    }
}

impl Hand<'_> {
    /// Whoever may wait for the item of this issue can be told.
    pub(super) fn as_parent(&self) -> Option<Above> {
        let item = self.link.item.clone().filter(|_| self.link.status != LinkStatus::Broken)?;
        let (key, cause) = (self.link.key.clone(), self.cause.clone());
        Some(Above { key, item, cause, attempt: self.attempt })
    }

    async fn under_parent(&mut self) -> Result<(), Failure> {
        self.resume().await?;
        self.carry_parent().await
    }

    /// Takes in what GitHub says of the parent, and puts the item under it.
    pub(super) async fn parent(
        &mut self,
        word: Option<&ParentWord>,
        now: &GithubNow,
    ) -> Result<(), Failure> {
        let before = self.link.base.parent.clone();
        let mut base = before.clone();
        if let Some(word) = word {
            base = base.hear(word);
        }
        if let Some(answer) = self.asked_parent(word, now, base.told.as_ref()).await? {
            base = base.learn(&answer);
        }
        if base != before {
            let is_news = base.told != before.told;
            self.link.base.parent = base;
            self.save(&[], &[]).await?;
            if is_news {
                self.tell_who_waits().await?;
            }
        }
        self.carry_parent().await
    }

    /// What GitHub answers, where something hints at a parent and it can be asked.
    async fn asked_parent(
        &self,
        word: Option<&ParentWord>,
        now: &GithubNow,
        known: Option<&ParentIssue>,
    ) -> Result<Option<ParentWord>, Failure> {
        let GithubNow::Present(present) = now else { return Ok(None) };
        let issue = &present.issue;
        let hint = issue.parent.as_ref();
        let is_asked = match (hint, known) {
            (Some(hint), known) => known.is_none_or(|known| known.key != *hint),
            // Only GitHub itself leaves it out where there is none.
            (None, Some(_)) => present.arrival.is_none(),
            (None, None) => false,
        };
        let Some(name) =
            issue.repository.parse::<RepositoryName>().ok().filter(|_| is_asked || word.is_some())
        else {
            return Ok(None);
        };
        let rest = self.sync.github.as_ref().and_then(|github| github.rest(&name));
        let Some(rest) = rest else { return Ok(None) };
        let parent = match (rest.fetch_parent(&name, issue.number).await?, hint) {
            (None, Some(_)) if word.is_some_and(|word| word.parent.is_some()) => return Ok(None),
            // It has one that the token does not see, and so no item here.
            (None, Some(hint)) => Some(ParentIssue { id: UNSEEN, key: hint.clone() }),
            (parent, _) => parent,
        };
        let arrival = word.map_or(0, |word| word.arrival);
        Ok(Some(ParentWord { parent, at: issue.updated_at, arrival }))
    }

    /// Says why the item does not go under its parent now.
    async fn tell_who_waits(&mut self) -> Result<(), Failure> {
        let Some(told) = self.link.base.parent.told.clone() else { return Ok(()) };
        if self.parents_item().await?.is_some() {
            return Ok(());
        }
        let name = told.key.split_once('#').and_then(|(name, _)| name.parse().ok());
        let repository = match name {
            Some(name) => {
                self.sync.store.find_repository(&name, None).await.map_err(|e| stored(&e))?
            }
            None => None,
        };
        let project = repository.and_then(|repository| repository.plane_project);
        let is_here = project.is_some_and(|id| id.to_string() == self.link.key.plane_project);
        let parent = told.key;
        self.report.found(if is_here {
            Finding::ParentWaits { parent }
        } else {
            Finding::ParentElsewhere { parent }
        });
        Ok(())
    }

    async fn parents_item(&self) -> Result<Option<String>, Failure> {
        self.sync.parents_item_of(&self.link).await
    }

    /// Puts the item under that of its parent, where that is not done yet.
    async fn carry_parent(&mut self) -> Result<(), Failure> {
        let Some(item) = self.link.item.clone() else { return Ok(()) };
        let target = self.parents_item().await?;
        let is_behind = self.link.base.parent.is_behind(target.as_deref());
        if !is_behind || self.link.status == LinkStatus::Broken {
            return Ok(());
        }
        let Under::Item(parent) = self.parent_of(&item).await? else { return Ok(()) };
        let is_circle = match target.as_deref().filter(|target| parent.as_deref() != Some(*target))
        {
            Some(target) => self.is_below(target, &item).await?,
            None => false,
        };
        let there = There { parent: parent.as_deref(), is_circle };
        let ParentPlan { set, base, finding } =
            plan_parent(&self.link.base.parent, target.as_deref(), there);
        if let Some(finding) = finding {
            self.report.found(finding);
        }
        let Some(parent) = set else {
            self.link.base.parent = base;
            return self.save(&[], &[]).await;
        };
        let key = base.told.as_ref().filter(|_| parent.is_some()).map(|told| told.key.clone());
        let write = Write::SetParent { item: item.clone(), parent: parent.clone(), key };
        let intent = self.intend(&write, None).await?;
        let project = &self.link.key.plane_project;
        match self.plane.set_parent(project, &item, parent.as_deref()).await {
            Ok(()) => {
                self.link.base.parent = base;
                self.report.wrote(&write);
                self.save(&[], &[IntentEnd::Settled { id: intent, answer: None }]).await
            }
            Err(Refusal::Invalid { words }) => {
                self.link.base.parent = ParentBase { ours: None, ..base };
                let told = self.link.base.parent.told.as_ref();
                let parent = told.map(|told| told.key.clone()).unwrap_or_default();
                self.report.found(Finding::ParentRefused { parent, words: words.clone() });
                let end = IntentEnd::Abandoned { id: intent, reason: words };
                self.save(&[], &[end]).await
            }
            Err(refusal) => Err(refused(&refusal)),
        }
    }

    async fn parent_of(&self, item: &str) -> Result<Under, Failure> {
        let project = &self.link.key.plane_project;
        let found = self.plane.fetch_parent(project, item).await.map_err(|r| refused(&r))?;
        Ok(found.map_or(Under::Gone, Under::Item))
    }

    /// Whether `item` is somewhere above `below`.
    async fn is_below(&self, below: &str, item: &str) -> Result<bool, Failure> {
        let mut at = below.to_owned();
        for _ in 0..HIGHEST {
            if at == item {
                return Ok(true);
            }
            match self.parent_of(&at).await? {
                Under::Item(Some(above)) => at = above,
                Under::Item(None) | Under::Gone => return Ok(false),
            }
        }
        Ok(true)
    }

    /// After a crash: whether a parent that was being set is there.
    pub(super) async fn resume_parent(&mut self, write: &Write) -> Result<Option<()>, Failure> {
        let Write::SetParent { item, parent, .. } = write else { return Ok(None) };
        if self.link.item.as_deref() != Some(item.as_str()) {
            return Ok(None);
        }
        match self.parent_of(item).await? {
            Under::Item(there) if there == *parent => {}
            Under::Item(_) | Under::Gone => return Ok(None),
        }
        let base = &mut self.link.base.parent;
        (base.ours, base.carried) = (parent.clone(), parent.clone());
        Ok(Some(()))
    }
}
