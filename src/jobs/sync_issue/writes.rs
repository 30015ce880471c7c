//! The writes of a plan, one after the other: each is recorded, made, and settled before the next.

use std::collections::BTreeMap;

use tracing::warn;

use super::hand::Hand;
use super::refused;
use crate::clients::plane::{Creation, Refusal};
use crate::failure::Failure;
use crate::store::intents::{IntentEnd, IntentId};
use crate::sync::mapping::Resolved;
use crate::sync::plan::{Answered, Expected, LinkStatus, Plan, Write, settle};
use crate::sync::plane::{Item, Project};

impl Hand<'_> {
    /// Makes the writes of a plan in their order; each is settled before the next is made.
    pub(super) async fn carry_out(
        &mut self,
        plan: Plan,
        linked: Option<String>,
        project: &Project,
    ) -> Result<(), Failure> {
        self.report.findings.extend(plan.findings.iter().cloned());
        let made = self.make_labels(&plan).await?;
        let Plan { writes, status, mut expected, .. } = plan.with_labels(&made);
        // Only a link that was made counts, and on this item; the plan knows of none.
        let is_new = writes.iter().any(|write| matches!(write, Write::CreateItem { .. }));
        let made = self.link.base.link_url.clone();
        expected.base.link_url = made.filter(|_| !is_new);
        let parent = self.link.base.parent.clone();
        expected.base.parent = if is_new { parent.afresh() } else { parent };
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
                Write::RestoreItem { .. }
                | Write::CreateLabel { .. }
                | Write::CreateBundle { .. }
                | Write::UpdateBundle { .. }
                | Write::EnterBundle { .. }
                | Write::LeaveBundle { .. }
                | Write::SetParent { .. }
                | Write::CreateComment { .. }
                | Write::UpdateComment { .. }
                | Write::DeleteComment { .. }
                | Write::ChangeAssignees { .. } => {}
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
            match self.make_label(label).await {
                Ok(id) => {
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

    /// Takes an item out of the archive.
    pub(super) async fn restore_item(&mut self, item: &str) -> Result<Item, Failure> {
        let write = Write::RestoreItem { item: item.to_owned() };
        let intent = self.intend(&write, None).await?;
        let restored = self.plane.restore_item(&self.link.key.plane_project, item).await;
        let restored = restored.map_err(|refusal| refused(&refusal))?;
        self.report.wrote(&write);
        self.save(&[], &[IntentEnd::Settled { id: intent, answer: None }]).await?;
        Ok(restored)
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
        self.in_plane.clone_from(&item.assignees);
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
}
