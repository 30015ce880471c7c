//! What of Plane's answers is read, and what it becomes.

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset};
use serde::Deserialize;

use crate::sync::plane::{
    EXTERNAL_SOURCE, Item, ItemComment, ItemLink, Member, ProjectLabel, ProjectState,
};
use crate::work_items::StateGroup;

#[derive(Deserialize)]
pub(super) struct ItemAnswer {
    id: String,
    name: String,
    description_html: Option<String>,
    state: Option<String>,
    labels: BTreeSet<String>,
    assignees: BTreeSet<String>,
    priority: Option<String>,
    external_id: Option<String>,
    external_source: Option<String>,
}

impl From<ItemAnswer> for Item {
    fn from(answer: ItemAnswer) -> Self {
        Self {
            id: answer.id,
            name: answer.name,
            description_html: answer.description_html.unwrap_or_default(),
            state: answer.state,
            labels: answer.labels,
            assignees: answer.assignees,
            priority: answer.priority.and_then(|word| word.parse().ok()),
            external_id: answer.external_id,
            external_source: answer.external_source,
        }
    }
}

/// As much of an item as it takes to tell twins apart. Ordered oldest first.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TwinAnswer {
    /// In the time zone of the key's user.
    created_at: DateTime<FixedOffset>,
    pub id: String,
    pub external_id: Option<String>,
    pub external_source: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct CommentAnswer {
    id: String,
    comment_html: Option<String>,
    external_id: Option<String>,
    external_source: Option<String>,
}

impl From<CommentAnswer> for ItemComment {
    fn from(answer: CommentAnswer) -> Self {
        Self {
            id: answer.id,
            comment_html: answer.comment_html.unwrap_or_default(),
            external_id: answer.external_id,
            external_source: answer.external_source,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct LinkAnswer {
    id: String,
    url: String,
    title: Option<String>,
}

impl From<LinkAnswer> for ItemLink {
    fn from(answer: LinkAnswer) -> Self {
        Self { id: answer.id, url: answer.url, title: answer.title }
    }
}

#[derive(Deserialize)]
pub(super) struct StateAnswer {
    id: String,
    name: String,
    group: String,
    pub sequence: f64,
    #[serde(default)]
    default: bool,
}

impl From<StateAnswer> for ProjectState {
    fn from(answer: StateAnswer) -> Self {
        let group = StateGroup::ALL.iter().copied().find(|group| group.as_str() == answer.group);
        Self { id: answer.id, name: answer.name, group, default: answer.default }
    }
}

#[derive(Deserialize)]
pub(super) struct LabelAnswer {
    id: String,
    name: String,
    color: Option<String>,
    external_id: Option<String>,
    external_source: Option<String>,
}

impl From<LabelAnswer> for ProjectLabel {
    fn from(answer: LabelAnswer) -> Self {
        let is_ours = answer.external_source.as_deref() == Some(EXTERNAL_SOURCE);
        Self {
            id: answer.id,
            name: answer.name,
            color: answer.color.filter(|color| !color.is_empty()),
            github: answer.external_id.filter(|_| is_ours).and_then(|id| id.parse().ok()),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct MemberAnswer {
    id: String,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    display_name: String,
    email: Option<String>,
}

impl From<MemberAnswer> for Member {
    fn from(answer: MemberAnswer) -> Self {
        let full_name = format!("{} {}", answer.first_name.trim(), answer.last_name.trim());
        Self {
            id: answer.id,
            display_name: answer.display_name,
            full_name: full_name.trim().to_owned(),
            email: answer.email.filter(|email| !email.is_empty()),
        }
    }
}
