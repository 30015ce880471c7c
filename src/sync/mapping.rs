//! Whose words mean what: GitHub's states, labels and logins in the terms of one Plane project,
//! by the repository's configuration first and by likeness second.
//!
//! A name that the configuration gives and the project does not have is a finding that names the
//! ones there are; nothing takes its place in silence. Deliberately absent: when any of it is
//! written (`plan` decides).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::github::{Account, IssueLabel, IssueState};
use super::plan::Finding;
use super::plane::{Member, Priority, Project, ProjectLabel, ProjectState, UnknownPriority};
use crate::config::RepositorySettings;
use crate::work_items::{PullStanding, StateGroup};

/// The keys that `states` may have: of issues, then of pull requests.
pub const STATE_KEYS: [&str; 13] = [
    "open",
    "reopened",
    "completed",
    "closed",
    "not_planned",
    "duplicate",
    "pull_draft",
    "pull_opened",
    "review_requested",
    "changes_requested",
    "approved",
    "merged",
    "pull_closed",
];

/// A repository's `states`, `labels` and `users`, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    /// GitHub's words (see [`STATE_KEYS`]) to names of Plane's states.
    pub states: BTreeMap<String, String>,
    /// GitHub's label names to Plane's; an empty one leaves the label on GitHub, `priority:high`
    /// makes it mean a priority, and a name that ends in `*` stands for all that begin like it.
    pub labels: BTreeMap<String, String>,
    /// GitHub logins to display names, full names, addresses or ids in Plane; [`NOBODY`] for those
    /// who are not carried over.
    pub users: BTreeMap<String, String>,
    /// Ids of Plane's users who are nobody on GitHub, on purpose.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub apart: BTreeSet<String>,
}

/// The priority that a value of `labels` means; `None` for what is the name of a label.
///
/// # Errors
/// When it means a priority that there is not.
pub fn meant_priority(value: &str) -> Option<Result<Priority, UnknownPriority>> {
    value.trim().strip_prefix("priority:").map(str::parse)
}

/// GitHub has none that are longer.
const LONGEST_LOGIN: usize = 39;

/// Whom `users` maps an account to that is nobody in Plane, on purpose.
pub const NOBODY: &str = "";

impl From<&RepositorySettings> for Mapping {
    fn from(settings: &RepositorySettings) -> Self {
        Self {
            states: settings.states.clone(),
            labels: settings.labels.clone(),
            users: settings.users.clone(),
            apart: BTreeSet::new(),
        }
    }
}

impl Mapping {
    /// What is said of a label of GitHub's: by its whole name, or by the longest beginning.
    pub fn label_value(&self, name: &str) -> Option<&str> {
        value_of(&self.labels, name).or_else(|| value_of_beginning(&self.labels, name))
    }

    /// Whether pull requests move work items.
    pub fn follows_pulls(&self) -> bool {
        !self.pull_states().is_empty()
    }

    /// What is said of pull requests: state names by key.
    pub fn pull_states(&self) -> BTreeMap<String, &str> {
        let of_pulls = |key: &str| {
            PullStanding::ALL.into_iter().any(|standing| pull_keys(standing).first() == Some(&key))
        };
        let said = self.states.iter().map(|(key, name)| (state_key(key), name.as_str()));
        said.filter(|(key, _)| of_pulls(key)).collect()
    }
}

/// The keys that say where a pull request's work item belongs, the first one that is set counts.
fn pull_keys(standing: PullStanding) -> &'static [&'static str] {
    match standing {
        PullStanding::Draft => &["pull_draft"],
        PullStanding::Opened => &["pull_opened", "pull_draft"],
        PullStanding::ReviewRequested => &["review_requested", "pull_opened", "pull_draft"],
        PullStanding::ChangesRequested => {
            &["changes_requested", "review_requested", "pull_opened", "pull_draft"]
        }
        PullStanding::Approved => &["approved", "review_requested", "pull_opened", "pull_draft"],
        PullStanding::Closed => &["pull_closed"],
        PullStanding::Merged => &["merged"],
    }
}

/// What a GitHub label is in Plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelTarget {
    /// This one, by id.
    Known(String),
    /// One that has to be made first.
    Missing(NewLabel),
    /// None: it means how soon the item is to be worked on.
    Priority(Priority),
    /// It stays on GitHub.
    Ignored,
}

/// A label to be made in Plane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NewLabel {
    /// Its name in Plane.
    pub name: String,
    /// GitHub's color as `#rrggbb`, where told.
    pub color: Option<String>,
    /// GitHub's numeric id of the label that it is to stand for, which becomes its mark. `None` for one
    /// that goes by another name there: it is never renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<u64>,
}

/// A mapping held against a project as it is now.
#[derive(Debug, Clone, Copy)]
pub struct Resolved<'a> {
    mapping: &'a Mapping,
    project: &'a Project,
}

impl<'a> Resolved<'a> {
    /// Holds `mapping` against `project`.
    pub fn new(mapping: &'a Mapping, project: &'a Project) -> Self {
        Self { mapping, project }
    }

    /// The state for an issue's state: the configured one, or the first of a fitting group.
    ///
    /// # Errors
    /// When the configured one does not exist, or no state fits.
    pub fn state(&self, of: IssueState) -> Result<&'a ProjectState, Finding> {
        let keys: &[&'static str] = match of {
            IssueState::Open => &["open"],
            IssueState::Reopened => &["reopened", "open"],
            IssueState::Completed => &["completed", "closed"],
            IssueState::NotPlanned => &["not_planned"],
            IssueState::Duplicate => &["duplicate", "not_planned"],
        };
        if let Some((key, wanted)) = keys.iter().find_map(|key| Some((*key, self.configured(key)?)))
        {
            return self.state_named(key, wanted);
        }
        let found = match of {
            IssueState::Open => self
                .default_state()
                .or_else(|| self.first_of(&[StateGroup::Unstarted, StateGroup::Backlog])),
            IssueState::Reopened => self
                .first_of(&[StateGroup::Unstarted, StateGroup::Started, StateGroup::Backlog])
                .or_else(|| self.default_state()),
            IssueState::Completed => self.first_of(&[StateGroup::Completed]),
            IssueState::NotPlanned | IssueState::Duplicate => {
                self.first_of(&[StateGroup::Cancelled])
            }
        };
        found.ok_or(Finding::NoStateFits { state: of })
    }

    /// The state that a rule names.
    ///
    /// # Errors
    /// When the project has none of that name.
    pub fn state_called(&self, wanted: &str) -> Result<&'a ProjectState, Finding> {
        let states = &self.project.states;
        states.iter().find(|state| same(&state.name, wanted)).ok_or_else(|| Finding::NoRuledState {
            wanted: wanted.to_owned(),
            existing: states.iter().map(|state| state.name.clone()).collect(),
        })
    }

    /// The state for how a pull request stands; `None` where nothing is configured.
    ///
    /// # Errors
    /// When the configured one does not exist.
    pub fn pull_state(&self, standing: PullStanding) -> Result<Option<&'a ProjectState>, Finding> {
        let keys = pull_keys(standing);
        let set = keys.iter().find_map(|key| Some((*key, self.configured(key)?)));
        set.map(|(key, wanted)| self.state_named(key, wanted)).transpose()
    }

    /// A state of the project by its id.
    pub fn state_by_id(&self, id: &str) -> Option<&'a ProjectState> {
        self.project.states.iter().find(|state| state.id == id)
    }

    /// The label for a GitHub label: by the map, by the same name, or one to be made.
    ///
    /// A label that goes by no map is found by its mark, too: Plane's may still have the name from
    /// before, or one that a person gave it. One of the very name that nobody made for another label
    /// counts before that.
    pub fn label(&self, label: &IssueLabel) -> LabelTarget {
        let mapped = self.mapping.label_value(&label.name);
        let name = match mapped {
            Some("") => return LabelTarget::Ignored,
            // A wrong word can only come from an older version's database: a label, as it was then.
            Some(value) => match meant_priority(value) {
                Some(Ok(priority)) => return LabelTarget::Priority(priority),
                Some(Err(_)) | None => value,
            },
            None => &label.name,
        };
        let labels = &self.project.labels;
        let mark = label.id.filter(|_| mapped.is_none());
        let is_free = |l: &ProjectLabel| mark.is_none() || l.github.is_none() || l.github == mark;
        let exact = labels.iter().find(|l| l.name == name && is_free(l));
        let marked = || labels.iter().find(|l| mark.is_some() && l.github == mark);
        let named = || labels.iter().find(|l| l.name == name);
        let alike = || labels.iter().find(|l| same(&l.name, name));
        match exact.or_else(marked).or_else(named).or_else(alike) {
            Some(known) => LabelTarget::Known(known.id.clone()),
            None => LabelTarget::Missing(NewLabel {
                name: name.to_owned(),
                color: label.color.as_ref().map(|c| format!("#{}", c.trim_start_matches('#'))),
                github: mark,
            }),
        }
    }

    /// Whether `known` bears the mark of another label of GitHub's than the one whose mark `id` bears.
    pub fn belongs_to_another(&self, known: &str, id: &str) -> bool {
        let mark = |id: &str| self.project.labels.iter().find(|label| label.id == id)?.github;
        matches!((mark(known), mark(id)), (Some(other), Some(own)) if other != own)
    }

    /// The most urgent of the priorities that these labels mean.
    pub fn priority(&self, labels: &[IssueLabel]) -> Option<Priority> {
        let meant = labels.iter().filter_map(|label| match self.label(label) {
            LabelTarget::Priority(priority) => Some(priority),
            LabelTarget::Known(_) | LabelTarget::Missing(_) | LabelTarget::Ignored => None,
        });
        meant.min()
    }

    /// The name of a label of the project, or the id where it is not known.
    pub fn label_name(&self, id: &str) -> String {
        let found = self.project.labels.iter().find(|l| l.id == id);
        found.map_or(id, |label| &label.name).to_owned()
    }

    /// The name of a member of the project, or the id where nobody has it.
    pub fn member_name(&self, id: &str) -> String {
        let found = self.project.members.iter().find(|m| m.id == id);
        found.map_or(id, |member| &member.display_name).to_owned()
    }

    /// Who a GitHub login is in Plane: by the map, or whose address or name is the login; `None`
    /// for one that the map says is nobody.
    ///
    /// # Errors
    /// When nobody fits, or when several people do.
    pub fn member(&self, login: &str) -> Result<Option<&'a Member>, Finding> {
        let configured = value_of(&self.mapping.users, login);
        let wanted = configured.unwrap_or(login);
        if configured == Some(NOBODY) {
            return Ok(None);
        }
        let ways: [fn(&Member) -> Option<&str>; 4] = [
            |member| Some(&member.id),
            |member| member.email.as_deref(),
            |member| Some(&member.display_name),
            |member| Some(&member.full_name),
        ];
        for way in ways {
            let mut fitting = self
                .project
                .members
                .iter()
                .filter(|m| way(m).is_some_and(|name| same(name, wanted)));
            match (fitting.next(), fitting.next()) {
                (None, _) => {}
                (Some(one), None) => return Ok(Some(one)),
                (Some(_), Some(_)) => {
                    return Err(Finding::SeveralMembers {
                        login: login.to_owned(),
                        name: wanted.to_owned(),
                    });
                }
            }
        }
        Err(match configured {
            Some(name) => Finding::NoSuchMember { login: login.to_owned(), name: name.to_owned() },
            None => Finding::UnmappedUser { login: login.to_owned() },
        })
    }

    /// The logins among these, in lower case, about whom nothing says who they are in Plane.
    pub fn unmapped(&self, accounts: &[Account]) -> BTreeSet<String> {
        let is_unmapped = |account: &&Account| {
            matches!(
                self.member(&account.login),
                Err(Finding::UnmappedUser { .. } | Finding::SeveralMembers { .. })
            )
        };
        accounts.iter().filter(is_unmapped).map(|account| account.login.to_lowercase()).collect()
    }

    /// Which GitHub login a member goes by, in lower case: the first of `users` that means them, else
    /// their own name where that is a login and nobody else's; `None` for one who is nobody on GitHub,
    /// on purpose. The same mapping as [`Resolved::member`], the other way.
    ///
    /// # Errors
    /// When nothing says it.
    pub fn login(&self, member: &Member) -> Result<Option<String>, Finding> {
        if self.mapping.apart.contains(&member.id) {
            return Ok(None);
        }
        let is_theirs =
            |login: &&str| matches!(self.member(login), Ok(Some(found)) if found.id == member.id);
        let configured = || self.mapping.users.keys().map(String::as_str).find(is_theirs);
        let names = [member.display_name.trim(), member.full_name.trim()];
        let own = || names.into_iter().filter(|name| is_login(name)).find(is_theirs);
        let login = configured().or_else(own).map(str::to_lowercase);
        login.map(Some).ok_or_else(|| Finding::UnmappedMember { name: member.display_name.clone() })
    }

    /// Somebody who may be assigned in the project.
    pub fn member_by_id(&self, id: &str) -> Option<&'a Member> {
        self.project.members.iter().find(|member| member.id == id)
    }

    /// Those among these members, by id, of whom nothing says who they are on GitHub, with their
    /// names. Who is no member of the project could be assigned by nobody.
    pub fn unmapped_members(&self, ids: &BTreeSet<String>) -> BTreeMap<String, String> {
        let members = ids.iter().filter_map(|id| self.member_by_id(id));
        let unmapped = members.filter(|member| self.login(member).is_err());
        unmapped.map(|member| (member.id.clone(), member.display_name.clone())).collect()
    }

    /// What is wrong with the configuration itself, whether or not an issue needs it now.
    pub fn problems(&self) -> Vec<Finding> {
        let unknown = |key: &&String| !STATE_KEYS.contains(&state_key(key).as_str());
        let keys = self.mapping.states.keys().filter(unknown);
        let keys = keys.map(|key| Finding::UnknownStateKey { key: key.clone() });
        let states = STATE_KEYS
            .into_iter()
            .filter_map(|key| self.state_named(key, self.configured(key)?).err());
        let groups = [IssueState::Open, IssueState::Completed, IssueState::NotPlanned];
        let groups = groups.into_iter().filter_map(|state| {
            self.state(state).err().filter(|f| matches!(f, Finding::NoStateFits { .. }))
        });
        let users = self.mapping.users.keys().filter_map(|login| self.member(login).err());
        keys.chain(states).chain(groups).chain(users).collect()
    }

    fn configured(&self, key: &str) -> Option<&'a str> {
        self.mapping.states.iter().find(|(k, _)| state_key(k) == key).map(|(_, v)| v.as_str())
    }

    fn state_named(&self, key: &'static str, wanted: &str) -> Result<&'a ProjectState, Finding> {
        let states = &self.project.states;
        states.iter().find(|state| same(&state.name, wanted)).ok_or_else(|| Finding::NoSuchState {
            key: key.to_owned(),
            wanted: wanted.to_owned(),
            existing: states.iter().map(|state| state.name.clone()).collect(),
        })
    }

    /// The project's default, unless that counts as closed.
    fn default_state(&self) -> Option<&'a ProjectState> {
        self.project.states.iter().find(|s| s.default && !s.group.is_some_and(ends_work))
    }

    fn first_of(&self, groups: &[StateGroup]) -> Option<&'a ProjectState> {
        groups.iter().find_map(|group| self.project.states.iter().find(|s| s.group == Some(*group)))
    }
}

/// Whether work on an item in this group is over.
pub fn ends_work(group: StateGroup) -> bool {
    match group {
        StateGroup::Completed | StateGroup::Cancelled => true,
        StateGroup::Backlog | StateGroup::Unstarted | StateGroup::Started => false,
    }
}

/// Whether a text has the form of a GitHub login. Those of managed users end in `_` and a short code.
fn is_login(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=LONGEST_LOGIN).contains(&text.len()) && !text.starts_with('-') && text.chars().all(fits)
}

/// Equal but for case and blanks at the ends.
fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    !one.is_empty() && one.to_lowercase() == other.to_lowercase()
}

fn value_of<'a>(map: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    let exact = map.get(key);
    let found = exact.or_else(|| map.iter().find(|(k, _)| same(k, key)).map(|(_, value)| value));
    found.map(String::as_str)
}

/// The value of the longest beginning, written with `*` at its end.
fn value_of_beginning<'a>(map: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    let key = key.to_lowercase();
    let fits = |beginning: &str| key.starts_with(&beginning.to_lowercase());
    let beginnings = map.iter().filter_map(|(k, value)| Some((k.strip_suffix('*')?, value)));
    let longest = beginnings.filter(|(k, _)| fits(k)).max_by_key(|(k, _)| k.chars().count());
    longest.map(|(_, value)| value.as_str())
}

/// People write `not-planned` and `Not planned`, too.
fn state_key(key: &str) -> String {
    key.trim().to_lowercase().replace(['-', ' '], "_")
}
