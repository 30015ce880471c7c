//! Pull requests: opened and merged. What they share with issues is done as for issues.

use serde_json::json;

use super::super::SimError;
use super::super::state::{Closing, Issue, Pull};
use super::{Change, NewIssue};

impl Change<'_> {
    pub(in super::super) fn open_pull_request(
        &mut self,
        repository: u64,
        new: &NewIssue,
        head: &str,
    ) -> Result<u64, SimError> {
        if new.title.trim().is_empty() {
            return Err(SimError::invalid("PullRequest", "title", "missing_field"));
        }
        let id = self.state.next_id();
        let number = self.state.repository(repository)?.next_number();
        let pull = Pull {
            id: self.state.next_id(),
            head: head.to_owned(),
            merged_at: None,
            merged_by: None,
        };
        let issue = Issue {
            id,
            number,
            title: new.title.clone(),
            body: new.body.clone(),
            author: self.actor.clone(),
            closed: None,
            reopened: false,
            labels: Vec::new(),
            assignees: Vec::new(),
            comments: Vec::new(),
            pull: Some(pull),
            hidden: false,
            created_at: self.now,
            updated_at: self.now,
        };
        self.place(repository, issue)?;
        self.tell_of_thread(repository, number, "opened", json!({}))?;
        self.label_issue(repository, number, &new.labels)?;
        self.assign(repository, number, &new.assignees)?;
        Ok(number)
    }

    /// A merge is told as `closed`; there is no event of its own.
    pub(in super::super) fn merge_pull_request(
        &mut self,
        repository: u64,
        number: u64,
    ) -> Result<(), SimError> {
        let (now, merged_by) = (self.now, Some(self.actor.clone()));
        let issue = self.state.issue_mut(repository, number)?;
        let open = issue.closed.is_none();
        let Some(pull) = issue.pull.as_mut().filter(|_| open) else {
            return Err(SimError::invalid("PullRequest", "state", "invalid"));
        };
        (pull.merged_at, pull.merged_by) = (Some(now), merged_by);
        issue.closed = Some(Closing { at: now, reason: None });
        self.touch(repository, number)?;
        self.tell_of_thread(repository, number, "closed", json!({}))
    }
}
