//! Work items of Plane's own, which have no issue on GitHub: all that follows is their state.
//!
//! The rules are those of a linked item. The row is held, the move is recorded before it is made,
//! and who finds one that was not settled looks at the item first: where it is where the move was
//! to lead, the move was made.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::asking::refused;
use super::{BUSY, HOLD, IssueSync, Report, overtaken, stored};
use crate::clients::plane::PlaneClient;
use crate::clock::Timestamp;
use crate::config::{RepositoryName, WorkspaceSlug};
use crate::failure::Failure;
use crate::ids::{DeliveryId, Lease, WorkItemRef};
use crate::store::links::Save;
use crate::store::pull_moves::{MoveIntent, PullMove};
use crate::sync::mapping::{Mapping, Resolved};
use crate::sync::plan::{Finding, Write};
use crate::sync::plane::{Item, ItemChange};
use crate::sync::pulls::{IssueSays, Place, PullBase, PullsNow, advance};

/// One item of Plane's own.
#[derive(Debug, Clone)]
pub struct OwnItem {
    /// Plane's id.
    pub id: String,
    /// Plane's project.
    pub project: String,
    /// Its workspace; `None` for `plane.workspace`.
    pub workspace: Option<WorkspaceSlug>,
    /// The repository whose states count.
    pub repository: RepositoryName,
}

/// One that is held.
struct Held<'a> {
    plane: &'a PlaneClient,
    item: &'a OwnItem,
    reference: WorkItemRef,
    mapping: Mapping,
    lease: Lease,
    delivery: Option<&'a DeliveryId>,
}

impl IssueSync {
    /// Moves an item of Plane's own to where its pull requests say that it belongs.
    ///
    /// # Errors
    /// When Plane can't be asked or told.
    pub async fn follow_own(
        &self,
        item: &OwnItem,
        delivery: Option<&DeliveryId>,
    ) -> Result<Report, Failure> {
        let Some(plane) = &self.plane_in(item.workspace.as_ref()) else {
            return Ok(Report::idle("nothing is written to Plane"));
        };
        let settings = self.settings.of(&item.repository).await;
        let mapping = settings.map_err(|e| stored(&e))?.mapping;
        if !mapping.follows_pulls() {
            return Ok(Report::idle("the repository has no states for pull requests"));
        }
        if let Some(failure) = self.held_up(plane.class(), &item.repository) {
            return Err(failure);
        }
        let reference = WorkItemRef::new(format!("plane:{}", item.id));
        let (lease, now) = (Lease(Uuid::new_v4()), self.clock.now());
        let held = self.store.hold_pull_move(&reference, &item.project, lease, now + HOLD, now);
        let Some(known) = held.await.map_err(|e| stored(&e))? else {
            let reason = "another worker is moving this work item".to_owned();
            return Err(Failure::Quota { reason, wait: BUSY });
        };
        let held = Held { plane, item, reference, mapping, lease, delivery };
        let done = Box::pin(self.move_own(&held, known)).await;
        if done.is_err() {
            let released = self.store.release_pull_move(&held.reference, lease).await;
            released.map_err(|e| stored(&e))?;
        }
        done
    }

    async fn move_own(&self, held: &Held<'_>, known: PullMove) -> Result<Report, Failure> {
        let now = self.pulls_now(None, Some(&held.item.id)).await.map_err(|e| stored(&e))?;
        if known.open.is_none() && known.base.standing == now.standing {
            self.settle_own(held, &known.base, None).await?;
            return Ok(Report::idle("its pull requests stand as before"));
        }
        let (id, project) = (&held.item.id, &held.item.project);
        let item = held.plane.fetch_item(project, id).await.map_err(|r| refused(&r))?;
        let Some(item) = item else {
            self.settle_own(held, &known.base, None).await?;
            return Ok(Report::idle("the work item is gone from Plane"));
        };
        let made = known.open.filter(|open| item.state.as_ref() == Some(&open.to));
        let base = made.map_or(known.base, |open| open.base);
        self.step_own(held, &base, &now, &item).await
    }

    async fn step_own(
        &self,
        held: &Held<'_>,
        base: &PullBase,
        now: &PullsNow,
        item: &Item,
    ) -> Result<Report, Failure> {
        let project = self.project_of(held.plane, &held.item.project).await?;
        let mapping = Resolved::new(&held.mapping, &project);
        let place = Place { state: item.state.as_deref(), issue: IssueSays::Nothing };
        let mut report = Report::default();
        let step = match advance(base, now, place, mapping) {
            Ok(step) => step,
            Err(finding) => {
                report.findings.push(finding);
                self.settle_own(held, base, None).await?;
                return Ok(report);
            }
        };
        let Some(to) = step.to else {
            self.settle_own(held, &step.base, None).await?;
            return Ok(report);
        };
        let intent = MoveIntent {
            to: to.clone(),
            base: step.base.clone(),
            delivery_id: held.delivery.cloned(),
        };
        let until = self.clock.now() + HOLD;
        let kept = self.store.intend_pull_move(&held.reference, held.lease, &intent, until).await;
        if kept.map_err(|e| stored(&e))? == Save::Lost {
            return Err(overtaken());
        }
        let change = ItemChange { state: Some(to.clone()), ..ItemChange::default() };
        let moved = held.plane.update_item(&held.item.project, &held.item.id, &change).await;
        moved.map_err(|r| refused(&r))?;
        report.wrote(&Write::UpdateItem {
            item: held.item.id.clone(),
            change,
            new_labels: BTreeSet::new(),
        });
        report.findings.push(Finding::moved_by_pull(now, item.state.as_deref(), &to, mapping));
        self.settle_own(held, &step.base, Some(self.clock.now())).await?;
        Ok(report)
    }

    async fn settle_own(
        &self,
        held: &Held<'_>,
        base: &PullBase,
        moved_at: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let kept = self.store.settle_pull_move(&held.reference, held.lease, base, moved_at).await;
        match kept.map_err(|e| stored(&e))? {
            Save::Committed => Ok(()),
            Save::Lost => Err(overtaken()),
        }
    }
}
