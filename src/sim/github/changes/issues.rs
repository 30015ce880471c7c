//! Issues: opened, edited, closed, labeled, assigned, deleted, transferred.

use serde_json::{Value, json};

use super::super::state::{Closing, Issue, Label, Made, Slot, User};
use super::super::{SimError, json};
use super::Change;

/// An issue to open.
#[derive(Debug, Clone, Default)]
pub struct NewIssue {
    /// Its title.
    pub title: String,
    /// Its Markdown.
    pub body: Option<String>,
    /// Names of labels; unknown ones are made.
    pub labels: Vec<String>,
    /// Logins.
    pub assignees: Vec<String>,
}

impl NewIssue {
    /// One with a title alone.
    pub fn titled(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The same with a body.
    #[must_use]
    pub fn with_body(self, body: impl Into<String>) -> Self {
        Self { body: Some(body.into()), ..self }
    }

    /// The same with labels.
    #[must_use]
    pub fn with_labels<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { labels: names.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// The same with assignees.
    #[must_use]
    pub fn assigned_to<'a>(self, logins: impl IntoIterator<Item = &'a str>) -> Self {
        Self { assignees: logins.into_iter().map(str::to_owned).collect(), ..self }
    }
}

/// What to change of an issue; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct IssueEdit {
    /// A new title.
    pub title: Option<String>,
    /// A new body, or none any more.
    pub body: Option<Option<String>>,
}

/// Why an issue is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Done.
    Completed,
    /// Won't be done.
    NotPlanned,
    /// Another issue has it.
    Duplicate,
}

impl CloseReason {
    /// GitHub's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NotPlanned => "not_planned",
            Self::Duplicate => "duplicate",
        }
    }
}

/// The state that somebody wants.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum NewState {
    Open,
    Closed(CloseReason),
}

impl Change<'_> {
    pub(in super::super) fn open_issue(
        &mut self,
        repository: u64,
        new: &NewIssue,
    ) -> Result<u64, SimError> {
        if new.title.trim().is_empty() {
            return Err(SimError::invalid("Issue", "title", "missing_field"));
        }
        let id = self.state.next_id();
        let number = self.state.repository(repository)?.next_number();
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
            pull: None,
            hidden: false,
            created_at: self.now,
            updated_at: self.now,
        };
        self.place(repository, issue)?;
        // The first payload shows the issue as it was opened, labels and all.
        let labels = self.add_labels(repository, number, &new.labels)?;
        let people = self.add_assignees(repository, number, &new.assignees)?;
        self.tell_of_thread(repository, number, "opened", json!({}))?;
        self.tell_of_labels(repository, number, "labeled", &labels)?;
        self.tell_of_assignees(repository, number, "assigned", &people)?;
        Ok(number)
    }

    pub(super) fn place(&mut self, repository: u64, issue: Issue) -> Result<(), SimError> {
        let slots = &mut self.state.repository_mut(repository)?.slots;
        slots.insert(issue.number, Slot::Here(Box::new(issue)));
        Ok(())
    }

    /// Marks the issue as changed now.
    pub(super) fn touch(&mut self, repository: u64, number: u64) -> Result<&mut Issue, SimError> {
        let now = self.now;
        let issue = self.state.issue_mut(repository, number)?;
        issue.updated_at = now.max(issue.updated_at);
        Ok(issue)
    }

    pub(in super::super) fn edit_issue(
        &mut self,
        repository: u64,
        number: u64,
        edit: &IssueEdit,
    ) -> Result<(), SimError> {
        if edit.title.as_ref().is_some_and(|t| t.trim().is_empty()) {
            return Err(SimError::invalid("Issue", "title", "missing_field"));
        }
        let issue = self.state.issue_mut(repository, number)?;
        let mut changes = json!({});
        if let Some(title) = edit.title.as_ref().filter(|title| **title != issue.title) {
            changes["title"] = json!({"from": issue.title});
            issue.title.clone_from(title);
        }
        if let Some(body) = edit.body.as_ref().filter(|body| **body != issue.body) {
            changes["body"] = json!({"from": issue.body.as_deref().unwrap_or_default()});
            issue.body.clone_from(body);
        }
        if changes == json!({}) {
            return Ok(());
        }
        self.touch(repository, number)?;
        self.tell_of_thread(repository, number, "edited", json!({"changes": changes}))
    }

    pub(in super::super) fn set_state(
        &mut self,
        repository: u64,
        number: u64,
        wanted: NewState,
    ) -> Result<(), SimError> {
        let now = self.now;
        let issue = self.state.issue_mut(repository, number)?;
        let action = match (wanted, &issue.closed) {
            // GitHub takes no notice of a reason while the state stays.
            (NewState::Open, None) | (NewState::Closed(_), Some(_)) => return Ok(()),
            (NewState::Open, Some(_)) => {
                if issue.pull.as_ref().is_some_and(|p| p.merged_at.is_some()) {
                    return Err(SimError::invalid("PullRequest", "state", "invalid"));
                }
                (issue.closed, issue.reopened) = (None, true);
                "reopened"
            }
            (NewState::Closed(reason), None) => {
                let reason = issue.pull.is_none().then(|| reason.as_str());
                issue.closed = Some(Closing { at: now, reason });
                "closed"
            }
        };
        self.touch(repository, number)?;
        self.tell_of_thread(repository, number, action, json!({}))
    }

    /// Adds labels without a word about the issue; answers with those that it did not have.
    fn add_labels(
        &mut self,
        repository: u64,
        number: u64,
        names: &[String],
    ) -> Result<Vec<Label>, SimError> {
        let mut added = Vec::new();
        for name in names {
            let (label, made) = self.state.label(repository, name)?;
            if made == Made::Now {
                self.tell_of_label(repository, "created", &label, json!({}))?;
            }
            let issue = self.state.issue_mut(repository, number)?;
            if issue.labels.iter().all(|l| l.id != label.id) {
                issue.labels.push(label.clone());
                added.push(label);
            }
        }
        Ok(added)
    }

    fn add_assignees(
        &mut self,
        repository: u64,
        number: u64,
        logins: &[String],
    ) -> Result<Vec<User>, SimError> {
        let mut added = Vec::new();
        for login in logins {
            let user = self.state.user(login);
            let issue = self.state.issue_mut(repository, number)?;
            if issue.assignees.iter().all(|a| a.id != user.id) {
                issue.assignees.push(user.clone());
                added.push(user);
            }
        }
        Ok(added)
    }

    fn tell_of_labels(
        &mut self,
        repository: u64,
        number: u64,
        action: &'static str,
        labels: &[Label],
    ) -> Result<(), SimError> {
        for label in labels {
            let at = &self.state.instance;
            let label = json::label(at, self.state.repository(repository)?, label);
            self.tell_of_thread(repository, number, action, json!({"label": label}))?;
        }
        Ok(())
    }

    fn tell_of_assignees(
        &mut self,
        repository: u64,
        number: u64,
        action: &'static str,
        people: &[User],
    ) -> Result<(), SimError> {
        for user in people {
            let user = json::user(&self.state.instance, user);
            self.tell_of_thread(repository, number, action, json!({"assignee": user}))?;
        }
        Ok(())
    }

    pub(in super::super) fn label_issue(
        &mut self,
        repository: u64,
        number: u64,
        names: &[String],
    ) -> Result<(), SimError> {
        self.state.issue(repository, number)?;
        let added = self.add_labels(repository, number, names)?;
        if !added.is_empty() {
            self.touch(repository, number)?;
        }
        self.tell_of_labels(repository, number, "labeled", &added)
    }

    pub(in super::super) fn unlabel_issue(
        &mut self,
        repository: u64,
        number: u64,
        keep: impl Fn(&Label) -> bool,
    ) -> Result<(), SimError> {
        let issue = self.state.issue_mut(repository, number)?;
        let (kept, removed): (Vec<_>, Vec<_>) = issue.labels.drain(..).partition(|l| keep(l));
        issue.labels = kept;
        if !removed.is_empty() {
            self.touch(repository, number)?;
        }
        self.tell_of_labels(repository, number, "unlabeled", &removed)
    }

    pub(in super::super) fn assign(
        &mut self,
        repository: u64,
        number: u64,
        logins: &[String],
    ) -> Result<(), SimError> {
        self.state.issue(repository, number)?;
        let added = self.add_assignees(repository, number, logins)?;
        if !added.is_empty() {
            self.touch(repository, number)?;
        }
        self.tell_of_assignees(repository, number, "assigned", &added)
    }

    pub(in super::super) fn unassign(
        &mut self,
        repository: u64,
        number: u64,
        keep: impl Fn(&User) -> bool,
    ) -> Result<(), SimError> {
        let issue = self.state.issue_mut(repository, number)?;
        let (kept, removed): (Vec<_>, Vec<_>) = issue.assignees.drain(..).partition(|u| keep(u));
        issue.assignees = kept;
        if !removed.is_empty() {
            self.touch(repository, number)?;
        }
        self.tell_of_assignees(repository, number, "unassigned", &removed)
    }

    pub(in super::super) fn delete_issue(
        &mut self,
        repository: u64,
        number: u64,
    ) -> Result<(), SimError> {
        let last = self.last_words(repository, number)?;
        self.state.repository_mut(repository)?.slots.insert(number, Slot::Deleted);
        self.tell(repository, "issues", "deleted", last)
    }

    /// The issue as it was, for the event that tells of its end.
    fn last_words(&self, repository: u64, number: u64) -> Result<Value, SimError> {
        let here = self.state.repository(repository)?;
        let issue = here.issue(number)?;
        if issue.pull.is_some() {
            return Err(SimError::invalid("PullRequest", "number", "invalid"));
        }
        Ok(json!({"issue": json::issue(&self.state.instance, here, issue)}))
    }

    /// Moves the issue to another repository, where it gets a new id and number; its comments
    /// move along. Answers with the new number.
    pub(in super::super) fn transfer_issue(
        &mut self,
        repository: u64,
        number: u64,
        to: u64,
    ) -> Result<u64, SimError> {
        let last = self.last_words(repository, number)?;
        let old_place = json::repository(&self.state.instance, self.state.repository(repository)?);
        let mut issue = self.state.issue(repository, number)?.clone();
        issue.id = self.state.next_id();
        issue.number = self.state.repository(to)?.next_number();
        issue.updated_at = self.now;
        issue.milestone = None;
        // Labels stay behind, except those that the new place has too.
        let there = self.state.repository(to)?;
        issue.labels = issue.labels.iter().filter_map(|l| there.label(&l.name).cloned()).collect();
        let new_number = issue.number;
        self.place(to, issue)?;
        let moved = Slot::Moved { repository: to, number: new_number };
        self.state.repository_mut(repository)?.slots.insert(number, moved);

        let at = &self.state.instance;
        let there = self.state.repository(to)?;
        let changes = json!({"changes": {
            "new_issue": json::issue(at, there, there.issue(new_number)?),
            "new_repository": json::repository(at, there),
        }});
        let arrived = json!({"changes": {"old_issue": last["issue"], "old_repository": old_place}});
        self.tell(repository, "issues", "transferred", json::with(last, changes))?;
        self.tell_of_thread(to, new_number, "opened", arrived)?;
        Ok(new_number)
    }
}
