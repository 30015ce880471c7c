//! Pull requests: opened, reviewed and merged. What they share with issues is done as for issues.

use serde_json::{Value, json};

use super::super::state::{Closing, Issue, Pull, Review};
use super::super::{SimError, json};
use super::{Change, NewIssue};

/// What a pull request says of itself only where it is shown alone.
const ONLY_ALONE: [&str; 12] = [
    "merged",
    "mergeable",
    "rebaseable",
    "mergeable_state",
    "merged_by",
    "comments",
    "review_comments",
    "maintainer_can_modify",
    "commits",
    "additions",
    "deletions",
    "changed_files",
];

/// Whether a pull request waits for reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum DraftState {
    Draft,
    Ready,
}

/// Whether an issue is to be linked with a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Link {
    There,
    Gone,
}

/// What a reviewer says of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewVerdict {
    /// It may be merged.
    Approve,
    /// It may not be merged as it is.
    RequestChanges,
    /// Neither.
    Comment,
}

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
            draft: false,
            asked: Vec::new(),
            reviews: Vec::new(),
            merged_at: None,
            merged_by: None,
            linked: Vec::new(),
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
            milestone: None,
            parent: None,
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

    fn pull_mut(&mut self, repository: u64, number: u64) -> Result<&mut Pull, SimError> {
        let pull = self.touch(repository, number)?.pull.as_mut();
        pull.ok_or_else(|| SimError::invalid("PullRequest", "number", "invalid"))
    }

    /// Links an issue in the sidebar, or takes the link away. Neither moves a time, and no hook is told.
    pub(in super::super) fn link_issue(
        &mut self,
        repository: u64,
        number: u64,
        issue: (u64, u64),
        wanted: Link,
    ) -> Result<(), SimError> {
        self.state.issue(issue.0, issue.1)?;
        let pull = self.state.issue_mut(repository, number)?.pull.as_mut();
        let pull = pull.ok_or_else(|| SimError::invalid("PullRequest", "number", "invalid"))?;
        pull.linked.retain(|known| *known != issue);
        if wanted == Link::There {
            pull.linked.push(issue);
        }
        Ok(())
    }

    pub(in super::super) fn set_draft(
        &mut self,
        repository: u64,
        number: u64,
        wanted: DraftState,
    ) -> Result<(), SimError> {
        let pull = self.pull_mut(repository, number)?;
        let (draft, action) = match wanted {
            DraftState::Draft => (true, "converted_to_draft"),
            DraftState::Ready => (false, "ready_for_review"),
        };
        if pull.draft == draft {
            return Ok(());
        }
        pull.draft = draft;
        self.tell_of_thread(repository, number, action, json!({}))
    }

    pub(in super::super) fn ask_for_review(
        &mut self,
        repository: u64,
        number: u64,
        login: &str,
    ) -> Result<(), SimError> {
        let asked = self.state.user(login);
        let told = json::user(&self.state.instance, &asked);
        let pull = self.pull_mut(repository, number)?;
        if pull.asked.iter().all(|known| known.id != asked.id) {
            pull.asked.push(asked);
        }
        let more = json!({"requested_reviewer": told});
        self.tell_of_thread(repository, number, "review_requested", more)
    }

    /// Who has reviewed is no longer asked to.
    pub(in super::super) fn review(
        &mut self,
        repository: u64,
        number: u64,
        verdict: ReviewVerdict,
    ) -> Result<(), SimError> {
        let state = match verdict {
            ReviewVerdict::Approve => "approved",
            ReviewVerdict::RequestChanges => "changes_requested",
            ReviewVerdict::Comment => "commented",
        };
        let (id, author) = (self.state.next_id(), self.actor.clone());
        let review = Review { id, author, state, submitted_at: self.now };
        let pull = self.pull_mut(repository, number)?;
        pull.asked.retain(|asked| asked.id != review.author.id);
        pull.reviews.push(review.clone());
        self.tell_of_review(repository, number, "submitted", &review)
    }

    /// The newest review of a person no longer counts.
    pub(in super::super) fn dismiss(
        &mut self,
        repository: u64,
        number: u64,
        reviewer: &str,
    ) -> Result<(), SimError> {
        let pull = self.pull_mut(repository, number)?;
        let of = |r: &&mut Review| r.author.login.eq_ignore_ascii_case(reviewer);
        let found = pull.reviews.iter_mut().rev().find(of);
        let review = found.ok_or_else(|| SimError::invalid("Review", "id", "missing"))?;
        review.state = "dismissed";
        let review = review.clone();
        self.tell_of_review(repository, number, "dismissed", &review)
    }

    fn tell_of_review(
        &mut self,
        repository: u64,
        number: u64,
        action: &'static str,
        review: &Review,
    ) -> Result<(), SimError> {
        let at = &self.state.instance;
        let here = self.state.repository(repository)?;
        let issue = here.issue(number)?;
        let mut pull = json::pull_request(at, here, issue).unwrap_or_default();
        // This event tells the pull request as lists do, without what only it alone has.
        if let Value::Object(fields) = &mut pull {
            fields.retain(|name, _| !ONLY_ALONE.contains(&name.as_str()));
        }
        let review = json::review(at, here, issue, review);
        let payload = json!({"review": review, "pull_request": pull});
        self.tell(repository, "pull_request_review", action, payload)
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
