//! The milestone of an issue that is brought in step: its work item goes into the module or cycle
//! of the milestone, and out of the one into which we had put it. The decision is
//! `sync/milestones`; here both sides are asked, and each write is recorded, made and settled.
//!
//! An item that was made just now is in nothing, so nobody is asked where it is. Of another one it
//! is asked right before it is moved, and not at all as long as its milestone stays the same.

use super::asking::refused;
use super::bundles::{Counterpart, Make, Said};
use super::hand::Hand;
use super::sides::Present;
use crate::clients::plane::Refusal;
use crate::failure::Failure;
use crate::store::bundles::BundleKey;
use crate::store::intents::IntentEnd;
use crate::sync::github::Milestoned;
use crate::sync::milestones::{Bundle, BundleKind, Moves, Whereabouts, Word, moves};
use crate::sync::plan::{Finding, LinkStatus, WhenGone, Write};

/// Whether the item may be in something already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    MadeNow,
    Older,
}

impl Hand<'_> {
    /// Puts the item where the milestone of its issue belongs.
    pub(super) async fn milestone(
        &mut self,
        present: &Present,
        when_gone: WhenGone,
    ) -> Result<(), Failure> {
        let Some(kind) = self.bundles.filter(|_| self.link.status != LinkStatus::Broken) else {
            return Ok(());
        };
        let Some(item) = self.link.item.clone() else { return Ok(()) };
        let now = &present.issue.milestone;
        let is_behind = self.link.base.milestone.is_behind(now);
        let counterpart = match now {
            Milestoned::Unsaid => return Ok(()),
            Milestoned::Nowhere => Counterpart::None,
            Milestoned::In(milestone) => {
                let make = match (when_gone, is_behind) {
                    (WhenGone::Recreate, _) => Make::Again,
                    (WhenGone::MarkBroken, true) => Make::IfMissing,
                    (WhenGone::MarkBroken, false) => Make::Never,
                };
                let word = if present.arrival.is_none() { Word::Asked } else { Word::Told };
                let key = BundleKey {
                    milestone: milestone.id,
                    plane_project: self.link.key.plane_project.clone(),
                    kind,
                };
                let (said, cause) = (Said { milestone, word }, self.cause.as_ref());
                let kept =
                    self.sync.keep_bundle(&self.plane, &key, said, make, cause, &mut self.report);
                kept.await?
            }
        };
        let (target, is_new) = match counterpart {
            // Nothing was carried over: the next sync looks again.
            Counterpart::Off => return Ok(()),
            Counterpart::None => (None, false),
            Counterpart::There(bundle) => (Some(bundle), false),
            Counterpart::Made(bundle) => (Some(bundle), true),
        };
        match (is_behind, is_new) {
            (false, false) => return Ok(()),
            // The one into which it was put is gone.
            (false, true) => self.link.base.milestone.ours = None,
            (true, _) => {}
        }
        let told = match now {
            Milestoned::In(milestone) => Some(milestone.id),
            Milestoned::Nowhere | Milestoned::Unsaid => None,
        };
        let made_now = self.report.kinds.contains(&"create_item");
        let age = if made_now { Item::MadeNow } else { Item::Older };
        let at = self.whereabouts(&item, target.as_ref(), is_new, age).await?;
        let moves = moves(&self.link.base.milestone, target.as_ref(), &at);
        self.move_item(&item, told, target.as_ref(), moves).await
    }

    /// Where the item is now, as far as it makes a difference.
    async fn whereabouts(
        &self,
        item: &str,
        target: Option<&Bundle>,
        is_new: bool,
        age: Item,
    ) -> Result<Whereabouts, Failure> {
        let mut at = Whereabouts::default();
        let Some(target) = target.filter(|_| age == Item::Older) else { return Ok(at) };
        let ours = self.link.base.milestone.ours.as_ref();
        if ours.is_some_and(|ours| ours.is(target)) {
            return Ok(at);
        }
        let ours = ours.filter(|ours| ours.kind == target.kind);
        if target.kind == BundleKind::Cycle
            && let Some(ours) = ours
            && self.is_in(item, ours).await?
        {
            return Ok(at);
        }
        at.in_target = !is_new && self.is_in(item, target).await?;
        if target.kind == BundleKind::Module || at.in_target {
            return Ok(at);
        }
        let project = &self.link.key.plane_project;
        let cycles = self.plane.list_bundles(project, BundleKind::Cycle).await;
        for cycle in cycles.map_err(|r| refused(&r))? {
            let is_asked = cycle.id == target.id || ours.is_some_and(|ours| ours.id == cycle.id);
            if is_asked || cycle.is_empty {
                continue;
            }
            let (kind, name) = (BundleKind::Cycle, cycle.fields.name);
            let cycle = Bundle { kind, id: cycle.id, name };
            if self.is_in(item, &cycle).await? {
                at.elsewhere = Some(cycle.name);
                break;
            }
        }
        Ok(at)
    }

    async fn is_in(&self, item: &str, bundle: &Bundle) -> Result<bool, Failure> {
        let project = &self.link.key.plane_project;
        let is_in = self.plane.bundle_has(project, bundle.kind, &bundle.id, item).await;
        is_in.map_err(|r| refused(&r))
    }

    async fn move_item(
        &mut self,
        item: &str,
        told: Option<u64>,
        target: Option<&Bundle>,
        moves: Moves,
    ) -> Result<(), Failure> {
        let base = self.link.base.milestone.clone();
        let mut after = base.after(told, target, &moves);
        self.report.findings.extend(moves.finding);
        if let Some(bundle) = moves.leave {
            self.leave(item, bundle).await?;
        }
        if let Some(bundle) = moves.enter
            && !self.enter(item, bundle).await?
        {
            after.ours = None;
            // It could not go from the one to the other by itself.
            if let Some(left) = self.link.base.milestone.ours.clone() {
                self.leave(item, left).await?;
            }
        }
        self.link.base.milestone = after;
        self.save(&[], &[]).await
    }

    async fn leave(&mut self, item: &str, bundle: Bundle) -> Result<(), Failure> {
        let write = Write::LeaveBundle { item: item.to_owned(), bundle: bundle.clone() };
        let intent = self.intend(&write, None).await?;
        let project = &self.link.key.plane_project;
        let left = self.plane.leave_bundle(project, bundle.kind, &bundle.id, item).await;
        left.map_err(|r| refused(&r))?;
        self.report.wrote(&write);
        self.link.base.milestone.ours = None;
        self.save(&[], &[IntentEnd::Settled { id: intent, answer: None }]).await
    }

    /// Whether Plane took it.
    async fn enter(&mut self, item: &str, bundle: Bundle) -> Result<bool, Failure> {
        let write = Write::EnterBundle { item: item.to_owned(), bundle: bundle.clone() };
        let intent = self.intend(&write, None).await?;
        let project = &self.link.key.plane_project;
        let (kind, name) = (bundle.kind, bundle.name.clone());
        let finding = match self.plane.enter_bundle(project, kind, &bundle.id, item).await {
            Ok(()) => {
                self.report.wrote(&write);
                self.link.base.milestone.ours = Some(bundle);
                self.save(&[], &[IntentEnd::Settled { id: intent, answer: None }]).await?;
                return Ok(true);
            }
            Err(Refusal::NotFound) => Finding::BundleGone { kind, milestone: name },
            Err(Refusal::Invalid { words }) => Finding::BundleRefused { kind, name, words },
            Err(refusal) => return Err(refused(&refusal)),
        };
        let reason = finding.to_string();
        self.report.findings.push(finding);
        self.save(&[], &[IntentEnd::Abandoned { id: intent, reason }]).await?;
        Ok(false)
    }

    /// After a crash: whether an item that was being put into a bundle is there.
    pub(super) async fn resume_entry(&mut self, write: &Write) -> Result<Option<()>, Failure> {
        let Write::EnterBundle { item, bundle } = write else { return Ok(None) };
        let is_its = self.link.item.as_deref() == Some(item.as_str());
        if !is_its || !self.is_in(item, bundle).await? {
            return Ok(None);
        }
        self.link.base.milestone.ours = Some(bundle.clone());
        Ok(Some(()))
    }
}
