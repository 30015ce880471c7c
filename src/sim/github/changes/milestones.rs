//! Milestones: made, edited, closed, deleted, and the issues that are in them.

use serde_json::json;

use super::super::state::{Milestone, Slot};
use super::super::{SimError, json};
use super::Change;
use crate::clock::Timestamp;

/// A milestone to make.
#[derive(Debug, Clone, Default)]
pub struct NewMilestone {
    /// Its title.
    pub title: String,
    /// Its text.
    pub description: Option<String>,
    /// When it is due.
    pub due_on: Option<Timestamp>,
}

impl NewMilestone {
    /// One with a title alone.
    pub fn titled(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }
}

/// What to change of a milestone; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct MilestoneEdit {
    /// A new title.
    pub title: Option<String>,
    /// A new text, or none any more.
    pub description: Option<Option<String>>,
    /// Another due day, or none any more.
    pub due_on: Option<Option<Timestamp>>,
}

/// The state that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum MilestoneState {
    Open,
    Closed,
}

impl Change<'_> {
    pub(in super::super) fn add_milestone(
        &mut self,
        repository: u64,
        new: &NewMilestone,
    ) -> Result<u64, SimError> {
        if new.title.trim().is_empty() {
            return Err(SimError::invalid("Milestone", "title", "missing_field"));
        }
        self.refuse_title(repository, &new.title, None)?;
        let (id, creator, now) = (self.state.next_id(), self.actor.clone(), self.now);
        let here = self.state.repository_mut(repository)?;
        let number = here.milestones.iter().map(|m| m.number).max().unwrap_or_default() + 1;
        here.milestones.push(Milestone {
            id,
            number,
            title: new.title.clone(),
            description: new.description.clone(),
            due_on: new.due_on,
            creator,
            closed_at: None,
            created_at: now,
            updated_at: now,
        });
        self.tell_of_milestone(repository, number, "created", json!({}))?;
        Ok(number)
    }

    fn refuse_title(&self, repository: u64, title: &str, but: Option<u64>) -> Result<(), SimError> {
        let mut there = self.state.repository(repository)?.milestones.iter();
        if there.any(|m| m.title == title && Some(m.number) != but) {
            return Err(SimError::invalid("Milestone", "title", "already_exists"));
        }
        Ok(())
    }

    pub(in super::super) fn edit_milestone(
        &mut self,
        repository: u64,
        number: u64,
        edit: &MilestoneEdit,
    ) -> Result<(), SimError> {
        if let Some(title) = &edit.title {
            self.refuse_title(repository, title, Some(number))?;
        }
        let now = self.now;
        let milestone = self.state.repository_mut(repository)?.milestone_mut(number)?;
        let mut changes = json!({});
        if let Some(title) = edit.title.as_ref().filter(|title| **title != milestone.title) {
            changes["title"] = json!({"from": milestone.title});
            milestone.title.clone_from(title);
        }
        if let Some(text) = edit.description.as_ref().filter(|t| **t != milestone.description) {
            changes["description"] = json!({"from": milestone.description});
            milestone.description.clone_from(text);
        }
        if let Some(due) = edit.due_on.filter(|due| *due != milestone.due_on) {
            changes["due_on"] = json!({"from": milestone.due_on.map(json::time)});
            milestone.due_on = due;
        }
        if changes == json!({}) {
            return Ok(());
        }
        milestone.updated_at = now.max(milestone.updated_at);
        self.tell_of_milestone(repository, number, "edited", json!({"changes": changes}))
    }

    pub(in super::super) fn set_milestone_state(
        &mut self,
        repository: u64,
        number: u64,
        wanted: MilestoneState,
    ) -> Result<(), SimError> {
        let now = self.now;
        let milestone = self.state.repository_mut(repository)?.milestone_mut(number)?;
        let action = match (wanted, milestone.closed_at) {
            (MilestoneState::Open, None) | (MilestoneState::Closed, Some(_)) => return Ok(()),
            (MilestoneState::Open, Some(_)) => "opened",
            (MilestoneState::Closed, None) => "closed",
        };
        milestone.closed_at = (wanted == MilestoneState::Closed).then_some(now);
        milestone.updated_at = now.max(milestone.updated_at);
        self.tell_of_milestone(repository, number, action, json!({}))
    }

    pub(in super::super) fn delete_milestone(
        &mut self,
        repository: u64,
        number: u64,
    ) -> Result<(), SimError> {
        let here = self.state.repository(repository)?;
        let last = json::milestone(&self.state.instance, here, here.milestone(number)?);
        let inside: Vec<u64> =
            here.issues().filter(|i| i.milestone == Some(number)).map(|i| i.number).collect();
        for issue in inside {
            self.milestone_issue(repository, issue, None)?;
        }
        let here = self.state.repository_mut(repository)?;
        here.milestones.retain(|m| m.number != number);
        self.tell(repository, "milestone", "deleted", json!({"milestone": last}))
    }

    /// From one into another it is first taken out.
    pub(in super::super) fn milestone_issue(
        &mut self,
        repository: u64,
        number: u64,
        wanted: Option<u64>,
    ) -> Result<(), SimError> {
        let here = self.state.repository(repository)?;
        if let Some(wanted) = wanted {
            here.milestone(wanted)
                .map_err(|_| SimError::invalid("Issue", "milestone", "invalid"))?;
        }
        let before = here.issue(number)?.milestone;
        if before == wanted {
            return Ok(());
        }
        for (milestone, action, then) in
            [(before, "demilestoned", None), (wanted, "milestoned", wanted)]
        {
            let Some(milestone) = milestone else { continue };
            let now = self.now;
            let here = self.state.repository_mut(repository)?;
            if let Some(Slot::Here(issue)) = here.slots.get_mut(&number) {
                issue.milestone = then;
            }
            let found = here.milestone_mut(milestone)?;
            found.updated_at = now.max(found.updated_at);
            self.touch(repository, number)?;
            let here = self.state.repository(repository)?;
            let shown = here.milestone(milestone)?;
            let shown = json::milestone(&self.state.instance, here, shown);
            self.tell_of_thread(repository, number, action, json!({"milestone": shown}))?;
        }
        Ok(())
    }

    fn tell_of_milestone(
        &mut self,
        repository: u64,
        number: u64,
        action: &'static str,
        more: serde_json::Value,
    ) -> Result<(), SimError> {
        let here = self.state.repository(repository)?;
        let shown = json::milestone(&self.state.instance, here, here.milestone(number)?);
        self.tell(repository, "milestone", action, json::with(json!({"milestone": shown}), more))
    }
}
