//! What can be written: to Plane, and for assignees to GitHub.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::people::words;
use super::settle::fields_of;
use super::{Assigning, ItemField, PeopleByLogin};
use crate::sync::mapping::NewLabel;
use crate::sync::milestones::{Bundle, BundleChange, BundleFields, BundleKind};
use crate::sync::plane::{ItemChange, NewItem};
use crate::work_items::System;

/// One intended write, as it is recorded before it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "write")]
pub enum Write {
    /// Make a label.
    CreateLabel {
        /// Which.
        label: NewLabel,
    },
    /// Make the work item.
    CreateItem {
        /// What it is to be.
        item: NewItem,
        /// Names of labels that are made just before; see [`Write::with_labels`].
        new_labels: BTreeSet<String>,
    },
    /// Change the work item.
    UpdateItem {
        /// Plane's id.
        item: String,
        /// What is to change.
        change: ItemChange,
        /// Names of labels that are made just before; see [`Write::with_labels`].
        new_labels: BTreeSet<String>,
    },
    /// Take the work item out of the archive: a person asked for it.
    RestoreItem {
        /// Plane's id.
        item: String,
    },
    /// Give the work item a link to the issue.
    CreateLink {
        /// The address.
        url: String,
        /// Its words.
        title: String,
    },
    /// Make a module or a cycle.
    CreateBundle {
        /// Which of the two.
        kind: BundleKind,
        /// What it is to say.
        fields: BundleFields,
        /// GitHub's numeric id of the milestone, which becomes the external id.
        milestone: u64,
    },
    /// Change a module or a cycle.
    UpdateBundle {
        /// Which one.
        bundle: Bundle,
        /// What is to change.
        change: BundleChange,
    },
    /// Put the work item into a module or a cycle.
    EnterBundle {
        /// Plane's id of the work item.
        item: String,
        /// Which one.
        bundle: Bundle,
    },
    /// Take the work item out of a module or a cycle.
    LeaveBundle {
        /// Plane's id of the work item.
        item: String,
        /// Which one.
        bundle: Bundle,
    },
    /// Put the work item under another one, or under none.
    SetParent {
        /// Plane's id of the work item.
        item: String,
        /// Plane's id of the parent.
        parent: Option<String>,
        /// The key of the parent's issue, for people.
        key: Option<String>,
    },
    /// Mirror a comment.
    CreateComment {
        /// GitHub's numeric id, which becomes the external id.
        comment: u64,
        /// What it is to say.
        html: String,
        /// Hash of the Markdown behind it.
        markdown_sha256: String,
    },
    /// Change a mirror.
    UpdateComment {
        /// GitHub's numeric id.
        comment: u64,
        /// Plane's id of the mirror.
        mirror: String,
        /// What it is to say.
        html: String,
        /// Hash of the Markdown behind it.
        markdown_sha256: String,
    },
    /// Delete a mirror.
    DeleteComment {
        /// GitHub's numeric id.
        comment: u64,
        /// Plane's id of the mirror.
        mirror: String,
    },
    /// Change who is assigned on GitHub, at most ten at once.
    ChangeAssignees {
        /// `owner/name`, as GitHub writes it at this moment.
        repository: String,
        /// The number there.
        number: u64,
        /// Which way.
        assigning: Assigning,
        /// Whom.
        people: PeopleByLogin,
    },
}

impl Write {
    /// The word under which it is recorded.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateLabel { .. } => "create_label",
            Self::CreateItem { .. } => "create_item",
            Self::UpdateItem { .. } => "update_item",
            Self::RestoreItem { .. } => "restore_item",
            Self::CreateLink { .. } => "create_link",
            Self::CreateBundle { .. } => "create_bundle",
            Self::UpdateBundle { .. } => "update_bundle",
            Self::EnterBundle { .. } => "enter_bundle",
            Self::LeaveBundle { .. } => "leave_bundle",
            Self::SetParent { .. } => "set_parent",
            Self::CreateComment { .. } => "create_comment",
            Self::UpdateComment { .. } => "update_comment",
            Self::DeleteComment { .. } => "delete_comment",
            Self::ChangeAssignees { assigning: Assigning::Add, .. } => "assign",
            Self::ChangeAssignees { assigning: Assigning::Remove, .. } => "unassign",
        }
    }

    /// Which side it is made on.
    pub fn system(&self) -> System {
        match self {
            Self::ChangeAssignees { .. } => System::Github,
            Self::CreateLabel { .. }
            | Self::CreateItem { .. }
            | Self::UpdateItem { .. }
            | Self::RestoreItem { .. }
            | Self::CreateLink { .. }
            | Self::CreateBundle { .. }
            | Self::UpdateBundle { .. }
            | Self::EnterBundle { .. }
            | Self::LeaveBundle { .. }
            | Self::SetParent { .. }
            | Self::CreateComment { .. }
            | Self::UpdateComment { .. }
            | Self::DeleteComment { .. } => System::Plane,
        }
    }

    /// What it is aimed at: Plane's id where there is one, else what identifies it.
    pub fn target(&self) -> String {
        match self {
            Self::CreateLabel { label } => label.name.clone(),
            Self::CreateItem { item, .. } => item.external_id.clone(),
            Self::UpdateItem { item, .. }
            | Self::RestoreItem { item }
            | Self::SetParent { item, .. } => item.clone(),
            Self::CreateLink { url, .. } => url.clone(),
            Self::CreateBundle { milestone, .. } => milestone.to_string(),
            Self::UpdateBundle { bundle, .. }
            | Self::EnterBundle { bundle, .. }
            | Self::LeaveBundle { bundle, .. } => bundle.id.clone(),
            Self::CreateComment { comment, .. } => comment.to_string(),
            Self::UpdateComment { mirror, .. } | Self::DeleteComment { mirror, .. } => {
                mirror.clone()
            }
            Self::ChangeAssignees { repository, number, .. } => format!("{repository}#{number}"),
        }
    }

    /// The same write with the labels that have been made meanwhile, ids by name. A label that
    /// could not be made is left out.
    #[must_use]
    pub fn with_labels(mut self, made: &BTreeMap<String, String>) -> Self {
        let ids = |names: &mut BTreeSet<String>| -> Vec<String> {
            std::mem::take(names).iter().filter_map(|name| made.get(name).cloned()).collect()
        };
        match &mut self {
            Self::CreateItem { item, new_labels } => item.labels.extend(ids(new_labels)),
            Self::UpdateItem { change, new_labels, .. } => {
                let new = ids(new_labels);
                if let Some(labels) = &mut change.labels {
                    labels.extend(new);
                }
            }
            Self::CreateLabel { .. }
            | Self::RestoreItem { .. }
            | Self::CreateLink { .. }
            | Self::CreateBundle { .. }
            | Self::UpdateBundle { .. }
            | Self::EnterBundle { .. }
            | Self::LeaveBundle { .. }
            | Self::SetParent { .. }
            | Self::CreateComment { .. }
            | Self::UpdateComment { .. }
            | Self::DeleteComment { .. }
            | Self::ChangeAssignees { .. } => {}
        }
        self
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateLabel { label } => write!(f, "make the label “{}”", label.name),
            Self::CreateItem { item, .. } => write!(f, "make the work item “{}”", item.name),
            Self::UpdateItem { change, .. } => {
                let fields: Vec<_> = fields_of(change).map(ItemField::as_str).collect();
                write!(f, "change the work item's {}", fields.join(", "))
            }
            Self::RestoreItem { .. } => f.write_str("take the work item out of the archive"),
            Self::CreateLink { url, .. } => write!(f, "link the work item to {url}"),
            Self::CreateBundle { kind, fields, .. } => {
                write!(f, "make the {kind} “{}”", fields.name)
            }
            Self::UpdateBundle { bundle: Bundle { kind, name, .. }, change } => {
                write!(f, "change the {kind} “{name}”: {}", change.fields().join(", "))
            }
            Self::EnterBundle { bundle: Bundle { kind, name, .. }, .. } => {
                write!(f, "put the work item into the {kind} “{name}”")
            }
            Self::LeaveBundle { bundle: Bundle { kind, name, .. }, .. } => {
                write!(f, "take the work item out of the {kind} “{name}”")
            }
            Self::SetParent { key: Some(key), .. } => write!(f, "put the work item under {key}"),
            Self::SetParent { key: None, .. } => f.write_str("take the work item off its parent"),
            Self::CreateComment { comment, .. } => write!(f, "mirror comment {comment}"),
            Self::UpdateComment { comment, .. } => {
                write!(f, "change the mirror of comment {comment}")
            }
            Self::DeleteComment { comment, .. } => {
                write!(f, "delete the mirror of comment {comment}")
            }
            Self::ChangeAssignees { assigning, people, .. } => {
                f.write_str(&words(*assigning, people))
            }
        }
    }
}
