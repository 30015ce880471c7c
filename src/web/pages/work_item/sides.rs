//! Both sides of a linked item beside each other.

use super::super::spans::{grouped, when};
use super::super::{Mark, group_icon};
use crate::board::{Face, cut, drawable, short_key};
use crate::clock::Timestamp;
use crate::comments::Comment;
use crate::store::links::IssueLink;
use crate::sync::compare::{Agreement, CommentCounts, Field, compare};
use crate::sync::plan::{CommentLink, CommentStanding};
use crate::work_items::{Label, Snapshot, System, WorkItem};

/// The panel.
pub(super) struct Sides {
    pub(super) github: Head,
    pub(super) plane: Head,
    pub(super) agreed: Option<String>,
    pub(super) rows: Vec<Row>,
}

/// A side's name.
pub(super) struct Head {
    pub(super) mark: Mark,
    pub(super) key: String,
}

/// One field.
pub(super) struct Row {
    pub(super) field: &'static str,
    pub(super) github: Shown,
    pub(super) plane: Shown,
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) word: &'static str,
    pub(super) differs: bool,
}

impl Row {
    /// From left to right.
    pub(super) fn sides(&self) -> [&Shown; 2] {
        [&self.github, &self.plane]
    }
}

/// A value as it is drawn.
pub(super) enum Shown {
    Text(String),
    /// Icon and word.
    State(&'static str, String),
    People(Vec<Face>),
    /// Name and color.
    Labels(Vec<(String, Option<String>)>),
    /// There is none, in a word.
    Nothing(&'static str),
}

impl Sides {
    /// `None` where there are not two sides to show.
    pub(super) fn new(
        item: &WorkItem,
        others: &[WorkItem],
        link: Option<&IssueLink>,
        mirrors: &[CommentLink],
        comments: &[Comment],
        now: Timestamp,
    ) -> Option<Self> {
        let link = link?;
        let twin = link.twin_of(&item.item)?;
        let twin = others.iter().find(|other| other.item == twin)?;
        let (github, plane) = match item.system {
            System::Github => (item, twin),
            System::Plane => (twin, item),
        };
        let (told, stored) = (github.state.as_ref()?, plane.state.as_ref()?);
        let mirrored = mirrors.iter().filter(|m| m.standing == CommentStanding::Mirrored).count();
        let own = comments.iter().filter(|comment| comment.deleted_at.is_none()).count();
        let known = mirrors.iter().filter(|m| m.standing != CommentStanding::Deleted).count();
        let on_github = if item.system == System::Github { own } else { known };
        let counts = CommentCounts { github: on_github, mirrored };
        let rows = compare(told, stored, &link.base, link.status, counts);
        let rows = rows.into_iter().map(|(field, agreement)| {
            let (tone, icon, word) = words(agreement);
            Row {
                field: name(field),
                github: shown(field, told, counts.github),
                plane: shown(field, stored, counts.mirrored),
                tone,
                icon,
                word,
                differs: agreement == Agreement::Conflict,
            }
        });
        Some(Self {
            github: Head { mark: System::Github.into(), key: cut(&short_key(github), 60) },
            plane: Head { mark: System::Plane.into(), key: cut(&short_key(plane), 60) },
            agreed: link.synced_at.map(|at| when(at, now)),
            rows: rows.collect(),
        })
    }
}

fn name(field: Field) -> &'static str {
    match field {
        Field::Title => "Title",
        Field::State => "State",
        Field::Assignees => "Assignees",
        Field::Labels => "Labels",
        Field::Priority => "Priority",
        Field::Description => "Description",
        Field::Comments => "Comments",
    }
}

fn words(agreement: Agreement) -> (&'static str, &'static str, &'static str) {
    match agreement {
        Agreement::Equal => ("is-good", "ok", "equal"),
        Agreement::OnItsWay => ("is-wait", "clock", "on its way"),
        Agreement::PlanesOwn => ("is-off", "person", "Plane’s own"),
        Agreement::Conflict => ("is-clash", "conflict", "conflict"),
        Agreement::OneSide => ("is-off", "ignored", "one side"),
        Agreement::Refused => ("is-warn", "failed", "refused"),
    }
}

fn shown(field: Field, side: &Snapshot, comments: usize) -> Shown {
    match field {
        Field::Title => Shown::Text(cut(&side.title, 300)),
        Field::State => {
            let status = side.status.clone().unwrap_or_else(|| "unknown".to_owned());
            Shown::State(group_icon(side.state_group), cut(&status, 60))
        }
        Field::Assignees if side.assignees.is_empty() => Shown::Nothing("nobody"),
        Field::Assignees => Shown::People(side.assignees.iter().take(10).map(Face::from).collect()),
        Field::Labels if side.labels.is_empty() => Shown::Nothing("none"),
        Field::Labels => Shown::Labels(side.labels.iter().take(20).map(label).collect()),
        Field::Priority => match (side.system, &side.priority) {
            (System::Github, _) => Shown::Nothing("has none"),
            (System::Plane, None) => Shown::Nothing("none"),
            (System::Plane, Some(priority)) => Shown::Text(priority.clone()),
        },
        Field::Description => match &side.description {
            None if side.system == System::Plane => Shown::Nothing("not told"),
            None => Shown::Nothing("none"),
            Some(text) if super::is_blank(&super::shown(text)) => Shown::Nothing("none"),
            Some(text) => Shown::Text(characters(text.text.chars().count())),
        },
        Field::Comments => Shown::Text(comments.to_string()),
    }
}

fn characters(count: usize) -> String {
    match i64::try_from(count).unwrap_or(i64::MAX) {
        1 => "1 character".to_owned(),
        count => format!("{} characters", grouped(count)),
    }
}

fn label(label: &Label) -> (String, Option<String>) {
    (cut(&label.name, 80), drawable(label.color.as_deref()).map(str::to_owned))
}
