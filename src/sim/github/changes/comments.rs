//! Comments on issues and in pull requests' conversations; both are `issue_comment` events.

use serde_json::{Value, json};

use super::super::state::Comment;
use super::super::{SimError, json};
use super::Change;

impl Change<'_> {
    pub(in super::super) fn comment(
        &mut self,
        repository: u64,
        number: u64,
        body: &str,
    ) -> Result<u64, SimError> {
        if body.trim().is_empty() {
            return Err(SimError::invalid("IssueComment", "body", "missing_field"));
        }
        self.state.issue(repository, number)?;
        let comment = Comment {
            hidden: false,
            id: self.state.next_id(),
            body: body.to_owned(),
            author: self.actor.clone(),
            created_at: self.now,
            updated_at: self.now,
        };
        let id = comment.id;
        self.touch(repository, number)?.comments.push(comment);
        let about = self.about_comment(repository, number, id)?;
        self.tell(repository, "issue_comment", "created", about)?;
        Ok(id)
    }

    pub(in super::super) fn edit_comment(
        &mut self,
        repository: u64,
        id: u64,
        body: &str,
    ) -> Result<(), SimError> {
        let number = self.state.issue_of_comment(repository, id)?;
        let now = self.now;
        let issue = self.state.issue_mut(repository, number)?;
        let comment = issue.comments.iter_mut().find(|c| c.id == id).ok_or(SimError::NoComment)?;
        if comment.body == body {
            return Ok(());
        }
        let from = std::mem::replace(&mut comment.body, body.to_owned());
        comment.updated_at = now.max(comment.updated_at);
        let about = self.about_comment(repository, number, id)?;
        let changes = json!({"changes": {"body": {"from": from}}});
        self.tell(repository, "issue_comment", "edited", json::with(about, changes))
    }

    pub(in super::super) fn delete_comment(
        &mut self,
        repository: u64,
        id: u64,
    ) -> Result<(), SimError> {
        let number = self.state.issue_of_comment(repository, id)?;
        let about = self.about_comment(repository, number, id)?;
        self.touch(repository, number)?.comments.retain(|c| c.id != id);
        self.tell(repository, "issue_comment", "deleted", about)
    }

    fn about_comment(&self, repository: u64, number: u64, id: u64) -> Result<Value, SimError> {
        let at = &self.state.instance;
        let here = self.state.repository(repository)?;
        let issue = here.issue(number)?;
        Ok(json!({
            "issue": json::issue(at, here, issue),
            "comment": json::comment(at, here, issue, issue.comment(id)?),
        }))
    }
}
