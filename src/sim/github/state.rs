//! What the fake GitHub knows, and how things in it are found: names without regard to case,
//! old names and moved issues by redirect, deleted issues as gone.
//!
//! Deliberately absent: how things change (`changes`) and how they look (`json`).

use std::collections::{BTreeMap, BTreeSet};

use super::app::App;
use super::hooks::Hook;
use super::{Instance, SimError};
use crate::clock::Timestamp;

/// A label's color when nobody chose one.
const DEFAULT_COLOR: &str = "ededed";

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    pub(super) instance: Instance,
    next_id: u64,
    users: BTreeMap<String, User>,
    organizations: Vec<Organization>,
    repositories: Vec<Repository>,
    pub(super) app: Option<App>,
}

/// What an organization has beside its account.
#[derive(Debug)]
pub(super) struct Organization {
    pub(super) login: String,
    pub(super) hooks: Vec<Hook>,
}

/// Whose hooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HookPlace {
    Repository(u64),
    Organization(String),
    App,
}

/// An account.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
    /// GitHub's word for what it is.
    pub(super) kind: &'static str,
}

/// A repository with all that is in it.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) owner: User,
    pub(super) name: String,
    pub(super) former_names: Vec<String>,
    /// Whether its issues are switched off.
    pub(super) issues_off: bool,
    /// Logins, in lower case, that can't be assigned.
    pub(super) outsiders: BTreeSet<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) labels: Vec<Label>,
    pub(super) milestones: Vec<Milestone>,
    pub(super) hooks: Vec<Hook>,
    pub(super) slots: BTreeMap<u64, Slot>,
}

/// What stands at a number.
#[derive(Debug)]
pub(super) enum Slot {
    Here(Box<Issue>),
    Deleted,
    Moved { repository: u64, number: u64 },
}

/// A label of a repository.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) color: String,
    pub(super) description: Option<String>,
}

/// Where an issue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The repository's id.
    pub(super) repository: u64,
    /// The repository's name when it was said.
    pub(super) full_name: String,
    pub(super) number: u64,
}

/// A milestone of a repository.
#[derive(Debug, Clone)]
pub(super) struct Milestone {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) due_on: Option<Timestamp>,
    pub(super) creator: User,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// An issue, or a pull request's issue half.
#[derive(Debug, Clone)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) author: User,
    pub(super) closed: Option<Closing>,
    pub(super) reopened: bool,
    pub(super) labels: Vec<Label>,
    pub(super) assignees: Vec<User>,
    /// The number of its milestone.
    pub(super) milestone: Option<u64>,
    /// The issue whose sub-issue it is.
    pub(super) parent: Option<Place>,
    pub(super) comments: Vec<Comment>,
    pub(super) pull: Option<Pull>,
    /// Shown to nobody, as all that a flagged account wrote.
    pub(super) hidden: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// When and why it was closed.
#[derive(Debug, Clone)]
pub(super) struct Closing {
    pub(super) at: Timestamp,
    pub(super) reason: Option<&'static str>,
}

/// The other half of a pull request.
#[derive(Debug, Clone)]
pub(super) struct Pull {
    pub(super) id: u64,
    pub(super) head: String,
    pub(super) draft: bool,
    /// Whose review is asked for.
    pub(super) asked: Vec<User>,
    pub(super) reviews: Vec<Review>,
    pub(super) merged_at: Option<Timestamp>,
    pub(super) merged_by: Option<User>,
    /// Issues that somebody linked with it by hand: repository and number.
    pub(super) linked: Vec<(u64, u64)>,
}

/// A review of a pull request.
#[derive(Debug, Clone)]
pub(super) struct Review {
    pub(super) id: u64,
    pub(super) author: User,
    /// GitHub's word for it.
    pub(super) state: &'static str,
    pub(super) submitted_at: Timestamp,
}

/// A comment.
#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) body: String,
    pub(super) author: User,
    /// Shown to nobody.
    pub(super) hidden: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// So that no id is a number of an issue, too.
const BEFORE_THE_FIRST_ID: u64 = 1_000;

impl State {
    pub(super) fn new(instance: Instance) -> Self {
        Self {
            instance,
            next_id: BEFORE_THE_FIRST_ID,
            users: BTreeMap::new(),
            organizations: Vec::new(),
            repositories: Vec::new(),
            app: None,
        }
    }

    /// An id that nothing else has.
    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The account with this login, made where there is none.
    pub(super) fn user(&mut self, login: &str) -> User {
        let key = login.to_ascii_lowercase();
        if let Some(user) = self.users.get(&key) {
            return user.clone();
        }
        let kind = if login.ends_with("[bot]") { "Bot" } else { "User" };
        let user = User { id: self.next_id(), login: login.to_owned(), kind };
        self.users.insert(key, user.clone());
        user
    }

    /// Makes an organization, which may own repositories that are made later.
    pub(super) fn add_organization(&mut self, login: &str) {
        let account = User { kind: "Organization", ..self.user(login) };
        self.users.insert(login.to_ascii_lowercase(), account);
        self.organizations.push(Organization { login: login.to_owned(), hooks: Vec::new() });
    }

    /// The organization that owns a repository.
    pub(super) fn organization_of(&self, repository: &Repository) -> Option<&Organization> {
        self.organizations.iter().find(|o| o.login.eq_ignore_ascii_case(&repository.owner.login))
    }

    pub(super) fn hooks_at(&self, place: &HookPlace) -> Result<&Vec<Hook>, SimError> {
        match place {
            HookPlace::Repository(id) => Ok(&self.repository(*id)?.hooks),
            HookPlace::Organization(login) => {
                let is_it = |o: &&Organization| o.login.eq_ignore_ascii_case(login);
                Ok(&self.organizations.iter().find(is_it).ok_or(SimError::NoRepository)?.hooks)
            }
            HookPlace::App => Ok(&self.app.as_ref().ok_or(SimError::NoHook)?.hooks),
        }
    }

    pub(super) fn hooks_at_mut(&mut self, place: &HookPlace) -> Result<&mut Vec<Hook>, SimError> {
        match place {
            HookPlace::Repository(id) => Ok(&mut self.repository_mut(*id)?.hooks),
            HookPlace::Organization(login) => {
                let is_it = |o: &&mut Organization| o.login.eq_ignore_ascii_case(login);
                let found = self.organizations.iter_mut().find(is_it);
                Ok(&mut found.ok_or(SimError::NoRepository)?.hooks)
            }
            HookPlace::App => Ok(&mut self.app.as_mut().ok_or(SimError::NoHook)?.hooks),
        }
    }

    pub(super) fn hook(&self, place: &HookPlace, id: u64) -> Result<&Hook, SimError> {
        self.hooks_at(place)?.iter().find(|h| h.id == id).ok_or(SimError::NoHook)
    }

    /// What a hook's address begins with.
    pub(super) fn path_of(&self, place: &HookPlace) -> Result<String, SimError> {
        match place {
            HookPlace::Repository(id) => Ok(format!("repos/{}", self.repository(*id)?.full_name())),
            HookPlace::Organization(login) => Ok(format!("orgs/{login}")),
            HookPlace::App => Ok("app".to_owned()),
        }
    }

    /// Makes a repository.
    pub(super) fn add_repository(
        &mut self,
        full_name: &str,
        now: Timestamp,
    ) -> Result<u64, SimError> {
        let Some((owner, name)) = full_name.split_once('/') else {
            return Err(SimError::NoRepository);
        };
        if self.find_repository(owner, name).is_ok() {
            return Err(SimError::invalid("Repository", "name", "already_exists"));
        }
        let owner = self.user(owner);
        let id = self.next_id();
        self.repositories.push(Repository {
            id,
            owner,
            name: name.to_owned(),
            former_names: Vec::new(),
            issues_off: false,
            outsiders: BTreeSet::new(),
            created_at: now,
            updated_at: now,
            labels: Vec::new(),
            milestones: Vec::new(),
            hooks: Vec::new(),
            slots: BTreeMap::new(),
        });
        Ok(id)
    }

    /// By its name, or as moved by one that it had.
    pub(super) fn find_repository(&self, owner: &str, name: &str) -> Result<u64, SimError> {
        let full = format!("{owner}/{name}");
        if let Some(r) =
            self.repositories.iter().find(|r| r.full_name().eq_ignore_ascii_case(&full))
        {
            return Ok(r.id);
        }
        let had = |r: &&Repository| r.former_names.iter().any(|n| n.eq_ignore_ascii_case(&full));
        match self.repositories.iter().find(had) {
            Some(r) => Err(SimError::RepositoryMoved { repository: r.id }),
            None => Err(SimError::NoRepository),
        }
    }

    /// By `owner/name`, whether it still has that name or not.
    pub(super) fn named(&self, full_name: &str) -> Result<u64, SimError> {
        let (owner, name) = full_name.split_once('/').ok_or(SimError::NoRepository)?;
        match self.find_repository(owner, name) {
            Err(SimError::RepositoryMoved { repository }) => Ok(repository),
            other => other,
        }
    }

    pub(super) fn repository(&self, id: u64) -> Result<&Repository, SimError> {
        self.repositories.iter().find(|r| r.id == id).ok_or(SimError::NoRepository)
    }

    pub(super) fn repository_mut(&mut self, id: u64) -> Result<&mut Repository, SimError> {
        self.repositories.iter_mut().find(|r| r.id == id).ok_or(SimError::NoRepository)
    }

    pub(super) fn issue(&self, repository: u64, number: u64) -> Result<&Issue, SimError> {
        self.repository(repository)?.issue(number)
    }

    pub(super) fn issue_mut(
        &mut self,
        repository: u64,
        number: u64,
    ) -> Result<&mut Issue, SimError> {
        let slots = &mut self.repository_mut(repository)?.slots;
        match slots.get_mut(&number) {
            Some(Slot::Here(issue)) => Ok(issue),
            Some(Slot::Deleted) => Err(SimError::Deleted),
            Some(Slot::Moved { repository, number }) => {
                Err(SimError::Moved { repository: *repository, number: *number })
            }
            None => Err(SimError::NoIssue),
        }
    }

    /// The number of the issue that has the comment.
    pub(super) fn issue_of_comment(&self, repository: u64, comment: u64) -> Result<u64, SimError> {
        let holds = |issue: &&Issue| issue.comments.iter().any(|c| c.id == comment);
        let found = self.repository(repository)?.issues().find(holds);
        found.map(|issue| issue.number).ok_or(SimError::NoComment)
    }

    /// The label of this name and whether it had to be made: GitHub makes unknown ones.
    pub(super) fn label(&mut self, repository: u64, name: &str) -> Result<(Label, Made), SimError> {
        if let Some(label) = self.repository(repository)?.label(name) {
            return Ok((label.clone(), Made::Before));
        }
        self.add_label(repository, name, DEFAULT_COLOR, None).map(|label| (label, Made::Now))
    }

    pub(super) fn add_label(
        &mut self,
        repository: u64,
        name: &str,
        color: &str,
        description: Option<&str>,
    ) -> Result<Label, SimError> {
        if name.is_empty() {
            return Err(SimError::invalid("Label", "name", "missing_field"));
        }
        if self.repository(repository)?.label(name).is_some() {
            return Err(SimError::invalid("Label", "name", "already_exists"));
        }
        let label = Label {
            id: self.next_id(),
            name: name.to_owned(),
            color: color.to_owned(),
            description: description.map(str::to_owned),
        };
        self.repository_mut(repository)?.labels.push(label.clone());
        Ok(label)
    }
}

/// Whether something was there or had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Before,
    Now,
}

impl Slot {
    /// The issue, where one stands there.
    pub(super) fn issue_mut(&mut self) -> Option<&mut Issue> {
        match self {
            Self::Here(issue) => Some(issue),
            Self::Deleted | Self::Moved { .. } => None,
        }
    }
}

impl Repository {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner.login, self.name)
    }

    pub(super) fn label(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|l| l.name.to_lowercase() == name.to_lowercase())
    }

    pub(super) fn issue(&self, number: u64) -> Result<&Issue, SimError> {
        match self.slots.get(&number) {
            Some(Slot::Here(issue)) => Ok(issue),
            Some(Slot::Deleted) => Err(SimError::Deleted),
            Some(Slot::Moved { repository, number }) => {
                Err(SimError::Moved { repository: *repository, number: *number })
            }
            None => Err(SimError::NoIssue),
        }
    }

    /// The issue at a number, unless it is hidden.
    pub(super) fn shown(&self, number: u64) -> Result<&Issue, SimError> {
        let issue = self.issue(number)?;
        if issue.hidden { Err(SimError::NoIssue) } else { Ok(issue) }
    }

    /// Those that are here, by number.
    pub(super) fn issues(&self) -> impl Iterator<Item = &Issue> {
        self.slots.values().filter_map(|slot| match slot {
            Slot::Here(issue) => Some(&**issue),
            Slot::Deleted | Slot::Moved { .. } => None,
        })
    }

    pub(super) fn milestone(&self, number: u64) -> Result<&Milestone, SimError> {
        self.milestones.iter().find(|m| m.number == number).ok_or(SimError::NoMilestone)
    }

    pub(super) fn milestone_mut(&mut self, number: u64) -> Result<&mut Milestone, SimError> {
        self.milestones.iter_mut().find(|m| m.number == number).ok_or(SimError::NoMilestone)
    }

    /// The number that the next issue or pull request gets.
    pub(super) fn next_number(&self) -> u64 {
        self.slots.keys().next_back().copied().unwrap_or_default() + 1
    }
}

impl Issue {
    /// GitHub's word for its state.
    pub(super) fn state(&self) -> &'static str {
        if self.closed.is_some() { "closed" } else { "open" }
    }

    /// GitHub's word for why; none while it is open for the first time.
    pub(super) fn state_reason(&self) -> Option<&'static str> {
        match &self.closed {
            Some(closing) => closing.reason,
            None => self.reopened.then_some("reopened"),
        }
    }

    pub(super) fn comment(&self, id: u64) -> Result<&Comment, SimError> {
        self.comments.iter().find(|c| c.id == id).ok_or(SimError::NoComment)
    }
}
