//! Labels: those that an issue carries, and what happens to those of a repository.

use serde_json::value::RawValue;

use super::{NUMBER, Repository};
use crate::config::GithubHost;
use crate::failure::Failure;
use crate::sources::fields::{Object, missing, text_of, unexpected};

/// What happened to a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelAction {
    /// It was made.
    Created,
    /// It is gone.
    Deleted,
    /// It is another one now.
    Changed,
}

/// A label and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelEvent {
    /// What happened.
    pub action: LabelAction,
    /// Where.
    pub repository: Repository,
    /// GitHub's numeric id of the label.
    pub id: u64,
    /// The label after that.
    pub label: Label,
    /// Its name before, where that changed.
    pub name_from: Option<String>,
    /// Its color before, where that changed.
    pub color_from: Option<String>,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The numeric id.
    pub id: Option<u64>,
    /// Its name.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: Option<String>,
}

pub(super) fn event(
    top: &Object<'_>,
    action: &str,
    repository: Repository,
) -> Result<LabelEvent, Failure> {
    let value = top.value("label").ok_or_else(|| missing("label", "the label as an object"))?;
    let label = label("label", value)?;
    let id = label.id.ok_or_else(|| missing("label.id", NUMBER))?;
    let changes = top.object("changes", &["name", "color"])?;
    let from = |name: &'static str| {
        let change = changes.as_ref().map(|changes| changes.object(name, &["from"]));
        let change = change.transpose()?.flatten();
        Ok::<_, Failure>(change.map(|change| change.text("from")).transpose()?.flatten())
    };
    Ok(LabelEvent {
        action: match action {
            "created" => LabelAction::Created,
            "deleted" => LabelAction::Deleted,
            _ => LabelAction::Changed,
        },
        repository,
        id,
        name_from: from("name")?,
        color_from: from("color")?,
        label,
    })
}

/// A label, as an issue carries it or as an event tells of it.
pub(super) fn label(path: &str, value: &RawValue) -> Result<Label, Failure> {
    if let Some(name) = text_of(value) {
        return Ok(Label { id: None, name: name.into_owned(), color: None });
    }
    let fields = Object::at(path.to_owned(), value, &["id", "name", "color"])?;
    let name = fields.text("name")?.ok_or_else(|| unexpected(path, "a label's name", value))?;
    let is_color = |c: &String| c.len() == 6 && c.bytes().all(|b| b.is_ascii_hexdigit());
    // An issue's label does without one.
    let id = fields.value("id").and_then(|id| id.get().parse().ok());
    let id = id.filter(|id| GithubHost::is_own_id(*id));
    Ok(Label { id, name, color: fields.word("color")?.filter(is_color) })
}
