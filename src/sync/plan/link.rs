//! What an issue and its work item last agreed on, and the same for a comment and its mirror.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::people::Standing;
use crate::sync::github::{Issue, IssueState};
use crate::sync::milestones::MilestoneBase;
use crate::sync::parents::ParentBase;
use crate::sync::plane::{Item, Priority};
use crate::sync::pulls::PullBase;
use crate::work_items::UnknownWord;

/// An issue's tie to its work item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Plane's id of the work item.
    pub item: String,
    /// What both sides last agreed on.
    pub base: Base,
}

macro_rules! stored_words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The word that is stored and shown.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord::new(text, &[$($word),+])),
                }
            }
        }
    };
}

stored_words! {
    /// How a link stands.
    LinkStatus {
        /// Its item is not made yet.
        Pending = "pending",
        /// In step.
        Ok = "ok",
        /// Both sides changed the same text; waits for a person.
        Conflict = "conflict",
        /// Its item is gone from Plane; waits for a person.
        Broken = "broken",
    }
}

stored_words! {
    /// How a comment's link stands.
    CommentStanding {
        /// Its mirror is not made yet.
        Pending = "pending",
        /// Mirrored.
        Mirrored = "mirrored",
        /// Gone from GitHub, and the mirror with it.
        Deleted = "deleted",
        /// The mirror is a person's affair now: they deleted it, or kept it by editing it.
        Released = "released",
    }
}

/// What both sides last agreed on, field by field. The default is "nothing yet".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Base {
    /// What GitHub had said.
    pub github: GithubSide,
    /// What Plane answered to the last write of each field.
    pub plane: PlaneSide,
    /// Labels that we put there, by id: the only ones we may take away.
    pub our_labels: BTreeSet<String>,
    /// Assignees that we put there, by id: the only ones we may take away.
    pub our_assignees: BTreeSet<String>,
    /// The address that the item's link to GitHub holds.
    pub link_url: Option<String>,
    /// What was last made of the pull requests about it.
    #[serde(skip_serializing_if = "PullBase::is_empty")]
    pub pulls: PullBase,
    /// What was last made of its milestone.
    #[serde(skip_serializing_if = "MilestoneBase::is_empty")]
    pub milestone: MilestoneBase,
    /// How each of Plane's users stood on both sides, by id; `None` while assignees are carried over
    /// one way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<BTreeMap<String, Standing>>,
    /// What was last made of its parent.
    #[serde(skip_serializing_if = "ParentBase::is_empty")]
    pub parent: ParentBase,
}

/// GitHub's half of a base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GithubSide {
    /// The title as it was sent, cut if it had to be.
    pub title: String,
    /// See [`text_hash`]; of the Markdown, and of the title where the description has to tell it.
    /// Empty while no text was ever agreed on.
    pub markdown_sha256: String,
    /// That Markdown alone in Plane's form, without what people changed in Plane: the common
    /// ancestor of the next merge.
    pub rendered_html: String,
    /// Open or closed; `None` while no state was ever agreed on.
    pub state: Option<IssueState>,
    /// Whether the issue's end on GitHub (deleted, transferred) has been dealt with.
    pub gone: bool,
    /// Each label by its lower-case name, with the Plane label that it stood for.
    pub labels: BTreeMap<String, Option<String>>,
    /// GitHub's ids of these, as far as they were told: a label that is renamed is still the same.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label_ids: BTreeMap<String, u64>,
    /// Labels, by lower-case name, that are none in Plane: they stay on GitHub or mean a priority.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub labels_apart: BTreeSet<String>,
    /// Each assignee by lower-case login, with the Plane user that it stood for.
    pub assignees: BTreeMap<String, Option<String>>,
    /// What the repository's rules, and labels that mean a priority, wanted beside all this.
    pub wish: Wish,
    /// What GitHub itself said, where rules made something else of it.
    pub own: Option<Own>,
}

/// What rules or labels want that a GitHub issue has no place for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// The name of a state of Plane's project.
    pub state: Option<String>,
    /// Plane's priority.
    pub priority: Option<Priority>,
}

/// An issue as GitHub has it, where rules carry over something else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// The title.
    pub title: String,
    /// Names of labels.
    pub labels: BTreeSet<String>,
    /// Logins.
    pub assignees: BTreeSet<String>,
}

impl From<&Issue> for Own {
    fn from(issue: &Issue) -> Self {
        Self {
            title: issue.title.clone(),
            labels: issue.labels.iter().map(|label| label.name.clone()).collect(),
            assignees: issue.assignees.iter().map(|account| account.login.clone()).collect(),
        }
    }
}

/// Plane's half of a base.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlaneSide {
    /// The title.
    pub name: String,
    /// The description, exactly as Plane answered it.
    pub description_html: String,
    /// The state that we last wrote or agreed to, by id.
    pub state: Option<String>,
    /// All labels that the item had after our last write of them.
    pub labels: BTreeSet<String>,
    /// All assignees that the item had after our last write of them.
    pub assignees: BTreeSet<String>,
    /// The priority that we last wrote or agreed to; `None` while nothing ever wanted one.
    pub priority: Option<Priority>,
}

impl From<&Item> for PlaneSide {
    fn from(item: &Item) -> Self {
        Self {
            name: item.name.clone(),
            description_html: item.description_html.clone(),
            state: item.state.clone(),
            labels: item.labels.clone(),
            assignees: item.assignees.clone(),
            priority: item.priority,
        }
    }
}

/// A GitHub comment's tie to its mirror in Plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentLink {
    /// GitHub's numeric id.
    pub comment: u64,
    /// Plane's id of the mirror; `None` while there is none.
    pub mirror: Option<String>,
    /// Hash of the Markdown that the mirror shows.
    pub markdown_sha256: String,
    /// The mirror as Plane stores it.
    pub stored_html: String,
    /// How it stands.
    pub standing: CommentStanding,
}

/// The SHA-256 of a Markdown text in hexadecimal digits. Line ends do not count, since some of
/// GitHub's interfaces change them; no text is the same as an empty one.
pub fn text_hash(markdown: Option<&str>) -> String {
    let text = markdown.unwrap_or_default().replace("\r\n", "\n");
    hex::encode(Sha256::digest(text.as_bytes()))
}
