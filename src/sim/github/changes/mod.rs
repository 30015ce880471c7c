//! How things change in the fake GitHub, whoever does it, and the events that tell of it.
//!
//! One action of a person is often several events: an issue opened with two labels is `opened`
//! and twice `labeled`. What does not change anything tells nothing. Times are whole seconds, as
//! GitHub's are, so that two changes within one second look alike to whoever compares them.
//!
//! Deliberately absent: permissions (`rest`) and who is told (`hooks`).

mod comments;
mod issues;
mod labels;
mod milestones;
mod pull_requests;
mod repositories;
mod sub_issues;

use serde_json::{Value, json};

use super::SimError;
use super::json;
use super::state::{State, User};
use crate::clock::Timestamp;

pub(super) use issues::NewState;
pub use issues::{CloseReason, IssueEdit, NewIssue};
pub use labels::LabelEdit;
pub(super) use milestones::MilestoneState;
pub use milestones::{MilestoneEdit, NewMilestone};
pub use pull_requests::ReviewVerdict;
pub(super) use pull_requests::{DraftState, Link};

/// Something that hooks are told.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) repository: u64,
    pub(super) name: &'static str,
    pub(super) action: &'static str,
    pub(super) payload: Value,
}

/// Somebody at work, at one moment.
pub(super) struct Change<'a> {
    pub(super) state: &'a mut State,
    pub(super) actor: User,
    pub(super) now: Timestamp,
    pub(super) events: Vec<Event>,
}

impl Change<'_> {
    /// Tells of something in `repository`; the repository and who did it are added.
    fn tell(
        &mut self,
        repository: u64,
        name: &'static str,
        action: &'static str,
        payload: Value,
    ) -> Result<(), SimError> {
        let at = &self.state.instance;
        let here = json::repository(at, self.state.repository(repository)?);
        let envelope = json!({
            "action": action, "repository": here, "sender": json::user(at, &self.actor),
        });
        let payload = json::with(envelope, payload);
        self.events.push(Event { repository, name, action, payload });
        Ok(())
    }

    /// Tells of an issue, or of a pull request where it is one.
    fn tell_of_thread(
        &mut self,
        repository: u64,
        number: u64,
        action: &'static str,
        more: Value,
    ) -> Result<(), SimError> {
        let at = &self.state.instance;
        let here = self.state.repository(repository)?;
        let issue = here.issue(number)?;
        let (name, thread) = match json::pull_request(at, here, issue) {
            Some(pull) => ("pull_request", json!({"number": number, "pull_request": pull})),
            None => ("issues", json!({"issue": json::issue(at, here, issue)})),
        };
        self.tell(repository, name, action, json::with(thread, more))
    }
}
