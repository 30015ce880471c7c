//! The pull requests of a linked issue: read from what their webhooks told, and what they mean for
//! the work item written like everything else.
//!
//! They are part of every sync of the issue, so an item that is made after its pull request was
//! opened begins where it belongs. A pull request's own delivery comes here alone: GitHub is not
//! asked for the issue, only Plane for the item.

use super::hand::Hand;
use super::{IssueSync, Report, stored};
use crate::failure::Failure;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::store::StoreResult;
use crate::store::links::LinkKey;
use crate::sync::mapping::Resolved;
use crate::sync::plan::{LinkStatus, plan_pulls};
use crate::sync::pulls::PullsNow;
use crate::work_items::{PullStanding, WorkItem};

impl IssueSync {
    /// Moves the work item of a linked issue to where its pull requests say that it belongs.
    ///
    /// # Errors
    /// When Plane can't be asked or told; what was made until then is kept.
    pub async fn follow_pulls(
        &self,
        key: &LinkKey,
        cause: Option<(Source, DeliveryId)>,
        attempt: u32,
    ) -> Result<Report, Failure> {
        let Some(plane) = &self.plane else {
            return Ok(Report::idle("nothing is written to Plane"));
        };
        let Ok(name) = key.repository.parse() else {
            return Err(Failure::permanent("a bug: its link names no repository"));
        };
        let mapping = self.settings.of(&name).await.map_err(|e| stored(&e))?.mapping;
        if !mapping.follows_pulls() {
            return Ok(Report::idle("the issue's repository has no states for pull requests"));
        }
        if let Some(failure) = self.held_up(plane.class(), &name) {
            return Err(failure);
        }
        let (link, lease) = self.held(key).await?;
        let id = link.id;
        let mut hand = Hand::new(self, plane, mapping, link, lease, attempt);
        let done = Box::pin(hand.follow_pulls(cause)).await;
        if let Err(failure) = &done {
            hand.note_failure(failure).await;
        }
        self.store.release_hold(id, lease).await.map_err(|e| stored(&e))?;
        done.map(|()| hand.into_report())
    }

    /// How the pull requests of an issue and of its work item stand.
    pub(super) async fn pulls_now(
        &self,
        issue: Option<&str>,
        item: Option<&str>,
    ) -> StoreResult<PullsNow> {
        let item = item.map(|id| WorkItemRef::new(format!("plane:{id}")));
        let pulls = self.store.pulls_about(issue, item.as_ref()).await?;
        Ok(PullsNow::of(pulls.iter().filter_map(standing)))
    }
}

fn standing(pull: &WorkItem) -> Option<(String, PullStanding)> {
    let state = pull.state.as_ref().filter(|_| pull.deleted_at.is_none())?;
    Some((state.key.clone().unwrap_or_default(), state.pull_standing()?))
}

impl Hand<'_> {
    /// How the issue's pull requests stand; `None` where nothing is to follow them.
    pub(super) async fn look_at_pulls(&mut self) -> Result<(), Failure> {
        if !self.mapping.follows_pulls() {
            return Ok(());
        }
        let key = format!("{}#{}", self.link.key.repository, self.link.key.number);
        let now = self.sync.pulls_now(Some(&key), self.link.item.as_deref()).await;
        self.pulls = Some(now.map_err(|e| stored(&e))?);
        Ok(())
    }

    async fn follow_pulls(&mut self, cause: Option<(Source, DeliveryId)>) -> Result<(), Failure> {
        self.cause = cause;
        self.resume().await?;
        let status = self.link.status;
        let link = self.link.link().filter(|_| status != LinkStatus::Broken);
        let Some(link) = link else {
            self.report = Report::idle("the issue has no work item yet");
            return Ok(());
        };
        self.look_at_pulls().await?;
        let now = self.pulls.clone().unwrap_or_default();
        if now.standing == link.base.pulls.standing {
            self.report = Report::idle("its pull requests stand as before");
            return Ok(());
        }
        let Some(item) = self.fetch_item(&link.item).await? else {
            self.report = Report::idle("the work item is gone from Plane");
            return Ok(());
        };
        let project = self.project().await?;
        let mut plan = plan_pulls(&link, &item, &now, Resolved::new(&self.mapping, &project));
        plan.status = status;
        self.carry_out(plan, Some(link.item), &project).await?;
        self.link.last_error = None;
        self.save(&[], &[]).await
    }
}
