//! Plane's side: a work item, its comments, and the project's states, labels and members, in
//! REST's terms (references are ids).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::work_items::StateGroup;

/// `external_source` of everything that Jetbridge makes in Plane.
pub const EXTERNAL_SOURCE: &str = "github";

/// How soon a work item is to be worked on, in Plane's words; the most urgent is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// `urgent`.
    Urgent,
    /// `high`.
    High,
    /// `medium`.
    Medium,
    /// `low`.
    Low,
    /// `none`.
    None,
}

impl Priority {
    const ALL: [Self; 5] = [Self::Urgent, Self::High, Self::Medium, Self::Low, Self::None];

    /// Plane's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no priority “{0}”: use urgent, high, medium, low or none")]
pub struct UnknownPriority(String);

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(text: &str) -> Result<Self, UnknownPriority> {
        let word = text.trim().to_lowercase();
        let found = Self::ALL.into_iter().find(|priority| priority.as_str() == word);
        found.ok_or_else(|| UnknownPriority(text.to_owned()))
    }
}

/// A work item as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Plane's id.
    pub id: String,
    /// The title.
    pub name: String,
    /// The description as Plane stores it; a difference from what was sent is Plane's doing.
    pub description_html: String,
    /// The state's id.
    pub state: Option<String>,
    /// Ids of labels.
    pub labels: BTreeSet<String>,
    /// Ids of users.
    pub assignees: BTreeSet<String>,
    /// How soon; `None` for a word that is not known here.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// The id at the external source: GitHub's numeric issue id.
    pub external_id: Option<String>,
    /// [`EXTERNAL_SOURCE`] for what we made.
    pub external_source: Option<String>,
}

/// A work item to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewItem {
    /// The title: 1 to 255 Unicode code points.
    pub name: String,
    /// HTML in the form that Plane stores unchanged; never empty.
    pub description_html: String,
    /// The state's id.
    pub state: Option<String>,
    /// Ids of labels.
    pub labels: BTreeSet<String>,
    /// Ids of users.
    pub assignees: BTreeSet<String>,
    /// How soon; Plane's own choice without one.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// When its issue was opened.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// The user who opened it, by id, where they are a member.
    #[serde(default)]
    pub created_by: Option<String>,
    /// GitHub's numeric issue id.
    pub external_id: String,
}

/// What is to change on a work item; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemChange {
    /// The title.
    pub name: Option<String>,
    /// The description.
    pub description_html: Option<String>,
    /// The state's id.
    pub state: Option<String>,
    /// All labels' ids: Plane replaces the whole list.
    pub labels: Option<BTreeSet<String>>,
    /// All assignees' ids: Plane replaces the whole list.
    pub assignees: Option<BTreeSet<String>>,
    /// How soon.
    #[serde(default)]
    pub priority: Option<Priority>,
}

impl ItemChange {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A comment as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemComment {
    /// Plane's id.
    pub id: String,
    /// As stored: as sent, but for white space at both ends.
    pub comment_html: String,
    /// GitHub's numeric comment id.
    pub external_id: Option<String>,
    /// [`EXTERNAL_SOURCE`] for what we made.
    pub external_source: Option<String>,
}

/// A link on a work item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemLink {
    /// Plane's id.
    pub id: String,
    /// The address.
    pub url: String,
    /// Its words.
    pub title: Option<String>,
}

/// A state of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectState {
    /// Plane's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its group; `None` for one that is not known here.
    pub group: Option<StateGroup>,
    /// Whether new items get it.
    pub default: bool,
}

/// A label of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectLabel {
    /// Plane's id.
    pub id: String,
    /// Its name; Plane takes notice of case.
    pub name: String,
    /// `#rrggbb`, where it has one.
    #[serde(default)]
    pub color: Option<String>,
    /// The mark of one that Jetbridge made: GitHub's numeric id of the label that it stands for.
    #[serde(default)]
    pub github: Option<u64>,
}

/// Somebody who may be assigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The user's id.
    pub id: String,
    /// The name that people see.
    pub display_name: String,
    /// First and last name, where told.
    pub full_name: String,
    /// Their address, where told.
    pub email: Option<String>,
}

/// What of a project a plan needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// Plane's id.
    pub id: String,
    /// In Plane's order (by `sequence`).
    pub states: Vec<ProjectState>,
    /// All labels.
    pub labels: Vec<ProjectLabel>,
    /// All members.
    pub members: Vec<Member>,
}
