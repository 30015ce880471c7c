//! Labels of a repository: made, changed, deleted. An edit is told once, of the label alone; the issues
//! that carry it show it changed without a word of their own and keep their time.

use serde_json::{Value, json};

use super::super::state::{Issue, Label};
use super::super::{SimError, json};
use super::Change;

/// What to change of a label; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct LabelEdit {
    /// A new name.
    pub name: Option<String>,
    /// A new color, six hexadecimal digits.
    pub color: Option<String>,
    /// A new description.
    pub description: Option<String>,
}

impl Change<'_> {
    pub(in super::super) fn create_label(
        &mut self,
        repository: u64,
        name: &str,
        color: &str,
        description: Option<&str>,
    ) -> Result<Label, SimError> {
        check_color(color)?;
        let label = self.state.add_label(repository, name, color, description)?;
        self.tell_of_label(repository, "created", &label, json!({}))?;
        Ok(label)
    }

    pub(in super::super) fn edit_label(
        &mut self,
        repository: u64,
        name: &str,
        edit: &LabelEdit,
    ) -> Result<Label, SimError> {
        let here = self.state.repository(repository)?;
        let mut label = here.label(name).cloned().ok_or(SimError::NoIssue)?;
        let mut changes = json!({});
        if let Some(name) = edit.name.as_ref().filter(|name| **name != label.name) {
            if name.is_empty() {
                return Err(SimError::invalid("Label", "name", "missing_field"));
            }
            if here.label(name).is_some_and(|twin| twin.id != label.id) {
                return Err(SimError::invalid("Label", "name", "already_exists"));
            }
            changes["name"] = json!({"from": label.name});
            label.name.clone_from(name);
        }
        if let Some(color) = edit.color.as_ref().filter(|color| **color != label.color) {
            check_color(color)?;
            changes["color"] = json!({"from": label.color});
            label.color.clone_from(color);
        }
        if edit.description.is_some() && edit.description != label.description {
            changes["description"] =
                json!({"from": label.description.as_deref().unwrap_or_default()});
            label.description.clone_from(&edit.description);
        }
        if changes == json!({}) {
            return Ok(label);
        }
        let here = self.state.repository_mut(repository)?;
        let own = here.labels.iter_mut();
        let places = own.chain(
            here.slots
                .values_mut()
                .filter_map(|slot| slot.issue_mut())
                .flat_map(|issue: &mut Issue| issue.labels.iter_mut()),
        );
        for place in places.filter(|place| place.id == label.id) {
            *place = label.clone();
        }
        self.tell_of_label(repository, "edited", &label, json!({"changes": changes}))?;
        Ok(label)
    }

    /// Takes a label away; the issues that carried it lose it, each with an event of its own.
    pub(in super::super) fn delete_label(
        &mut self,
        repository: u64,
        name: &str,
    ) -> Result<(), SimError> {
        let here = self.state.repository_mut(repository)?;
        let label = here.label(name).cloned().ok_or(SimError::NoIssue)?;
        here.labels.retain(|known| known.id != label.id);
        let carries = |issue: &&Issue| issue.labels.iter().any(|known| known.id == label.id);
        let numbers: Vec<u64> = here.issues().filter(carries).map(|issue| issue.number).collect();
        self.tell_of_label(repository, "deleted", &label, json!({}))?;
        for number in numbers {
            self.unlabel_issue(repository, number, |known| known.id != label.id)?;
        }
        Ok(())
    }

    pub(super) fn tell_of_label(
        &mut self,
        repository: u64,
        action: &'static str,
        label: &Label,
        more: Value,
    ) -> Result<(), SimError> {
        let at = &self.state.instance;
        let label = json::label(at, self.state.repository(repository)?, label);
        self.tell(repository, "label", action, json::with(json!({"label": label}), more))
    }
}

fn check_color(color: &str) -> Result<(), SimError> {
    let is_color = color.len() == 6 && color.bytes().all(|b| b.is_ascii_hexdigit());
    if is_color { Ok(()) } else { Err(SimError::invalid("Label", "color", "invalid")) }
}
