//! What people do at GitHub, by name. Each action sends the webhooks that it sends there.

use super::changes::{
    Change, CloseReason, DraftState, IssueEdit, LabelEdit, Link, MilestoneEdit, MilestoneState,
    NewIssue, NewMilestone, NewState, ReviewVerdict,
};
use super::{Inner, SimError};

/// Somebody at work in a fake GitHub.
#[derive(Debug, Clone)]
pub struct Person<'a> {
    sim: &'a Inner,
    login: String,
}

/// All of them fail when what they name is not there.
#[expect(clippy::missing_errors_doc, reason = "said once for all of them")]
impl<'a> Person<'a> {
    pub(super) fn new(sim: &'a Inner, login: &str) -> Self {
        Self { sim, login: login.to_owned() }
    }

    fn act<T>(
        &self,
        repository: &str,
        act: impl FnOnce(&mut Change<'_>, u64) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        self.sim.change(&self.login, |change| {
            let repository = change.state.named(repository)?;
            act(change, repository)
        })
    }

    /// Opens an issue; its number.
    pub fn open_issue(&self, repository: &str, issue: &NewIssue) -> Result<u64, SimError> {
        self.act(repository, |change, r| change.open_issue(r, issue))
    }

    /// Changes title or body.
    pub fn edit_issue(
        &self,
        repository: &str,
        number: u64,
        edit: &IssueEdit,
    ) -> Result<(), SimError> {
        self.act(repository, |change, r| change.edit_issue(r, number, edit))
    }

    /// Changes the title.
    pub fn retitle(&self, repository: &str, number: u64, title: &str) -> Result<(), SimError> {
        let edit = IssueEdit { title: Some(title.to_owned()), body: None };
        self.edit_issue(repository, number, &edit)
    }

    /// Changes the body.
    pub fn rewrite(&self, repository: &str, number: u64, body: &str) -> Result<(), SimError> {
        let edit = IssueEdit { title: None, body: Some(Some(body.to_owned())) };
        self.edit_issue(repository, number, &edit)
    }

    /// Closes an issue, or a pull request without merging it.
    pub fn close(&self, repository: &str, number: u64, why: CloseReason) -> Result<(), SimError> {
        self.act(repository, |change, r| change.set_state(r, number, NewState::Closed(why)))
    }

    /// Opens it again.
    pub fn reopen(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.set_state(r, number, NewState::Open))
    }

    /// Adds a label, which is made where there is none.
    pub fn label(&self, repository: &str, number: u64, label: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| change.label_issue(r, number, &[label.to_owned()]))
    }

    /// Takes a label off.
    pub fn unlabel(&self, repository: &str, number: u64, label: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| {
            change.unlabel_issue(r, number, |l| !l.name.eq_ignore_ascii_case(label))
        })
    }

    /// Makes a label with a color of six hexadecimal digits.
    pub fn add_label(&self, repository: &str, name: &str, color: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| change.create_label(r, name, color, None).map(drop))
    }

    /// Changes a label's name, color or description; the issues that carry it keep it.
    pub fn edit_label(
        &self,
        repository: &str,
        name: &str,
        edit: &LabelEdit,
    ) -> Result<(), SimError> {
        self.act(repository, |change, r| change.edit_label(r, name, edit).map(drop))
    }

    /// Gives a label another name.
    pub fn rename_label(&self, repository: &str, name: &str, to: &str) -> Result<(), SimError> {
        let edit = LabelEdit { name: Some(to.to_owned()), ..LabelEdit::default() };
        self.edit_label(repository, name, &edit)
    }

    /// Gives a label another color.
    pub fn recolor_label(&self, repository: &str, name: &str, to: &str) -> Result<(), SimError> {
        let edit = LabelEdit { color: Some(to.to_owned()), ..LabelEdit::default() };
        self.edit_label(repository, name, &edit)
    }

    /// Deletes a label, which its issues lose.
    pub fn delete_label(&self, repository: &str, name: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| change.delete_label(r, name))
    }

    /// Assigns somebody.
    pub fn assign(&self, repository: &str, number: u64, login: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| change.assign(r, number, &[login.to_owned()]))
    }

    /// Takes somebody off.
    pub fn unassign(&self, repository: &str, number: u64, login: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| {
            change.unassign(r, number, |user| !user.login.eq_ignore_ascii_case(login))
        })
    }

    /// Makes a milestone; its number.
    pub fn add_milestone(&self, repository: &str, new: &NewMilestone) -> Result<u64, SimError> {
        self.act(repository, |change, r| change.add_milestone(r, new))
    }

    /// Changes a milestone's title, text or due day.
    pub fn edit_milestone(
        &self,
        repository: &str,
        number: u64,
        edit: &MilestoneEdit,
    ) -> Result<(), SimError> {
        self.act(repository, |change, r| change.edit_milestone(r, number, edit))
    }

    /// Closes a milestone.
    pub fn close_milestone(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| {
            change.set_milestone_state(r, number, MilestoneState::Closed)
        })
    }

    /// Opens a milestone again.
    pub fn reopen_milestone(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| {
            change.set_milestone_state(r, number, MilestoneState::Open)
        })
    }

    /// Deletes a milestone; its issues are in none then.
    pub fn delete_milestone(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.delete_milestone(r, number))
    }

    /// Puts an issue into a milestone, or into none.
    pub fn set_milestone(
        &self,
        repository: &str,
        number: u64,
        milestone: Option<u64>,
    ) -> Result<(), SimError> {
        self.act(repository, |change, r| change.milestone_issue(r, number, milestone))
    }

    /// Makes an issue of a repository the sub-issue of another one.
    pub fn add_sub_issue(
        &self,
        parent: (&str, u64),
        (repository, number): (&str, u64),
    ) -> Result<(), SimError> {
        self.act(repository, |change, r| {
            let above = (change.state.named(parent.0)?, parent.1);
            change.add_sub_issue(above, (r, number))
        })
    }

    /// Takes an issue off its parent.
    pub fn remove_sub_issue(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.remove_sub_issue((r, number)))
    }

    /// Comments; the comment's id.
    pub fn comment(&self, repository: &str, number: u64, body: &str) -> Result<u64, SimError> {
        self.act(repository, |change, r| change.comment(r, number, body))
    }

    /// Changes a comment.
    pub fn edit_comment(&self, repository: &str, id: u64, body: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| change.edit_comment(r, id, body))
    }

    /// Deletes a comment.
    pub fn delete_comment(&self, repository: &str, id: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.delete_comment(r, id))
    }

    /// Deletes an issue: gone for good (410).
    pub fn delete_issue(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.delete_issue(r, number))
    }

    /// Moves an issue to another repository; its number there.
    pub fn transfer_issue(&self, repository: &str, number: u64, to: &str) -> Result<u64, SimError> {
        self.act(repository, |change, r| {
            let to = change.state.named(to)?;
            change.transfer_issue(r, number, to)
        })
    }

    /// Opens a pull request from branch `head`; its number.
    pub fn open_pull_request(
        &self,
        repository: &str,
        pull: &NewIssue,
        head: &str,
    ) -> Result<u64, SimError> {
        self.act(repository, |change, r| change.open_pull_request(r, pull, head))
    }

    /// Links an issue with a pull request in the sidebar, of which no hook is told.
    pub fn link_issue(&self, repository: &str, number: u64, issue: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.link_issue(r, number, (r, issue), Link::There))
    }

    /// Takes such a link away, of which no hook is told either.
    pub fn unlink_issue(&self, repository: &str, number: u64, issue: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.link_issue(r, number, (r, issue), Link::Gone))
    }

    /// Takes a pull request back to work on it.
    pub fn convert_to_draft(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.set_draft(r, number, DraftState::Draft))
    }

    /// Says that a pull request waits for reviews.
    pub fn mark_ready(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.set_draft(r, number, DraftState::Ready))
    }

    /// Asks somebody to review a pull request.
    pub fn ask_for_review(
        &self,
        repository: &str,
        number: u64,
        login: &str,
    ) -> Result<(), SimError> {
        self.act(repository, |change, r| change.ask_for_review(r, number, login))
    }

    /// Reviews a pull request.
    pub fn review(
        &self,
        repository: &str,
        number: u64,
        verdict: ReviewVerdict,
    ) -> Result<(), SimError> {
        self.act(repository, |change, r| change.review(r, number, verdict))
    }

    /// Takes the weight from somebody's newest review.
    pub fn dismiss(&self, repository: &str, number: u64, reviewer: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| change.dismiss(r, number, reviewer))
    }

    /// Merges a pull request.
    pub fn merge(&self, repository: &str, number: u64) -> Result<(), SimError> {
        self.act(repository, |change, r| change.merge_pull_request(r, number))
    }

    /// Gives a repository another name; the old one redirects.
    pub fn rename_repository(&self, repository: &str, name: &str) -> Result<(), SimError> {
        self.act(repository, |change, r| change.rename_repository(r, name))
    }
}
