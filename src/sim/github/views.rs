//! What a test or the demo may look at without asking over HTTP, and what it may set going.

use std::time::Duration;

use super::hooks::Redelivery;
use super::outbox::Parcel;
use super::state;
use super::{Delivery, SeenRequest, SimError, SimGitHub, json};
use crate::sync::github::{Account, Comment, Issue, IssueLabel, IssueState, Milestone, Milestoned};

/// How a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// On.
    On,
    /// Off.
    Off,
}

impl SimGitHub {
    /// Every issue and pull request that is there, by number.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn issues(&self, repository: &str) -> Result<Vec<Issue>, SimError> {
        let state = self.inner.lock();
        let here = state.repository(state.named(repository)?)?;
        Ok(here.issues().map(|issue| issue_of(&state, here, issue)).collect())
    }

    /// The comments of an issue, the oldest first.
    ///
    /// # Errors
    /// When there is no such issue.
    pub fn comments(&self, repository: &str, number: u64) -> Result<Vec<Comment>, SimError> {
        let state = self.inner.lock();
        let here = state.repository(state.named(repository)?)?;
        let issue = here.issue(number)?;
        let address = json::html_url(&state.instance, here, issue);
        Ok(issue.comments.iter().map(|c| comment_of(&address, c)).collect())
    }

    /// Everything that was sent to a hook, the oldest first.
    ///
    /// # Errors
    /// When there is no such hook.
    pub fn deliveries(&self, repository: &str, hook: u64) -> Result<Vec<Delivery>, SimError> {
        let state = self.inner.lock();
        let place = state::HookPlace::Repository(state.named(repository)?);
        Ok(state.hook(&place, hook)?.deliveries.to_vec())
    }

    /// Sends again what no delivery of its event succeeded with, as a patient person would; how
    /// many that were.
    ///
    /// # Errors
    /// When there is no such hook.
    pub fn redeliver_failed(&self, repository: &str, hook: u64) -> Result<usize, SimError> {
        let all = self.deliveries(repository, hook)?;
        let mut again: Vec<&Delivery> = Vec::new();
        for delivery in &all {
            let arrived = all.iter().any(|d| d.guid == delivery.guid && d.succeeded());
            if !arrived && again.iter().all(|d| d.guid != delivery.guid) {
                again.push(delivery);
            }
        }
        let place = state::HookPlace::Repository(self.inner.lock().named(repository)?);
        let parcels: Vec<_> = again.iter().map(|d| parcel_of(d, &place, hook)).collect();
        let count = parcels.len();
        self.inner.outbox.push(parcels);
        Ok(count)
    }

    /// Whether somebody can be assigned by a program: on GitHub those with access to the repository,
    /// and who commented on the issue. Off, they are left out without a word.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn set_assignable(
        &self,
        repository: &str,
        login: &str,
        switched: Switched,
    ) -> Result<(), SimError> {
        let mut state = self.inner.lock();
        let id = state.named(repository)?;
        let outsiders = &mut state.repository_mut(id)?.outsiders;
        match switched {
            Switched::On => outsiders.remove(&login.to_lowercase()),
            Switched::Off => outsiders.insert(login.to_lowercase()),
        };
        Ok(())
    }

    /// The requests to the REST API that are remembered, the oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.inner.desk().seen.to_vec()
    }

    /// How many requests to the REST API there ever were.
    pub fn request_count(&self) -> usize {
        self.inner.desk().seen.ever()
    }

    /// Takes a pull request away without a word, which nobody can do at GitHub: a simulation that
    /// runs for days would only ever gain some.
    ///
    /// # Errors
    /// When there is no such pull request.
    pub fn forget_pull_request(&self, repository: &str, number: u64) -> Result<(), SimError> {
        let mut state = self.inner.lock();
        let id = state.named(repository)?;
        let here = state.repository_mut(id)?;
        if here.issue(number)?.pull.is_none() {
            return Err(SimError::NoIssue);
        }
        // The number stays taken.
        here.slots.insert(number, state::Slot::Deleted);
        Ok(())
    }

    /// Switches a repository's issues off or on again, as its settings do.
    ///
    /// # Errors
    /// When there is no such repository.
    pub fn switch_issues(&self, repository: &str, to: Switched) -> Result<(), SimError> {
        let mut state = self.inner.lock();
        let id = state.named(repository)?;
        state.repository_mut(id)?.issues_off = to == Switched::Off;
        Ok(())
    }

    /// Shows an issue, or hides it from everybody as GitHub does with what a flagged account wrote:
    /// then it is in no list, and 404 when it is asked for.
    ///
    /// # Errors
    /// When there is no such issue.
    pub fn show_issue(&self, repository: &str, number: u64, to: Switched) -> Result<(), SimError> {
        let mut state = self.inner.lock();
        let id = state.named(repository)?;
        state.issue_mut(id, number)?.hidden = to == Switched::Off;
        Ok(())
    }

    /// The same of a comment.
    ///
    /// # Errors
    /// When there is no such comment.
    pub fn show_comment(
        &self,
        repository: &str,
        comment: u64,
        to: Switched,
    ) -> Result<(), SimError> {
        let mut state = self.inner.lock();
        let id = state.named(repository)?;
        let number = state.issue_of_comment(id, comment)?;
        let issue = state.issue_mut(id, number)?;
        let found =
            issue.comments.iter_mut().find(|c| c.id == comment).ok_or(SimError::NoComment)?;
        found.hidden = to == Switched::Off;
        Ok(())
    }

    /// Switches GraphQL off or on again: a server of one's own may have none.
    pub fn switch_graphql(&self, to: Switched) {
        self.inner.desk().graphql_is_off = to == Switched::Off;
    }

    /// Uses up a token's budget of GraphQL for so long.
    pub fn exhaust_graphql(&self, token: &str, resets_in: Duration) {
        let at = self.inner.now() + resets_in;
        self.inner.desk().quota(&super::rest::graphql_budget(token)).exhaust(at);
    }

    /// Uses up a token's requests for so long.
    pub fn exhaust_quota(&self, token: &str, resets_in: Duration) {
        let at = self.inner.now() + resets_in;
        self.inner.desk().quota(token).exhaust(at);
    }

    /// Refuses a token's requests as too many at once for so long.
    pub fn slow_down(&self, token: &str, period: Duration) {
        let until = self.inner.now() + period;
        self.inner.desk().quota(token).slow_down(until);
    }
}

/// The same event once more for the same hook.
pub(super) fn parcel_of(delivery: &Delivery, place: &state::HookPlace, hook: u64) -> Parcel {
    Parcel {
        repository: delivery.repository_id,
        place: place.clone(),
        hook,
        guid: delivery.guid.clone(),
        event: delivery.event.clone(),
        action: delivery.action.clone(),
        payload: delivery.payload.clone(),
        redelivery: Redelivery::Again,
    }
}

fn account(user: &state::User) -> Account {
    Account { id: user.id, login: user.login.clone() }
}

fn issue_of(state: &state::State, here: &state::Repository, issue: &state::Issue) -> Issue {
    let label = |l: &state::Label| IssueLabel {
        id: Some(l.id),
        name: l.name.clone(),
        color: Some(l.color.clone()),
    };
    Issue {
        id: issue.id,
        number: issue.number,
        repository: here.full_name(),
        repository_id: Some(here.id),
        title: issue.title.clone(),
        body: issue.body.clone(),
        state: IssueState::of(issue.state(), issue.state_reason()),
        labels: issue.labels.iter().map(label).collect(),
        assignees: issue.assignees.iter().map(account).collect(),
        author: Some(account(&issue.author)),
        html_url: json::html_url(&state.instance, here, issue),
        pull_request: issue.pull.is_some(),
        created_at: issue.created_at,
        updated_at: issue.updated_at,
        closed_at: issue.closed.as_ref().map(|c| c.at),
        milestone: match issue.milestone.and_then(|number| here.milestone(number).ok()) {
            Some(milestone) => Milestoned::In(milestone_of(milestone)),
            None => Milestoned::Nowhere,
        },
        parent: issue.parent.as_ref().map(|at| format!("{}#{}", at.full_name, at.number)),
    }
}

fn milestone_of(milestone: &state::Milestone) -> Milestone {
    Milestone {
        updated_at: milestone.updated_at,
        id: milestone.id,
        number: milestone.number,
        title: milestone.title.clone(),
        description: milestone.description.clone(),
        due_on: milestone.due_on,
        created_at: Some(milestone.created_at),
    }
}

fn comment_of(issue_url: &str, comment: &state::Comment) -> Comment {
    Comment {
        id: comment.id,
        body: comment.body.clone(),
        author: Some(account(&comment.author)),
        html_url: format!("{issue_url}#issuecomment-{}", comment.id),
        created_at: comment.created_at,
        updated_at: comment.updated_at,
    }
}
