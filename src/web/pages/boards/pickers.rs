//! The lists that narrow the board.

use super::super::query::{Choice, Params, Picker};
use super::asked::{LONG, NEEDS_A_PERSON, NO_GROUP, NOBODY};
use super::names::ProjectNames;
use crate::board::{HealthState, group_name};
use crate::store::cards::read::{CardChoices, CardSystem};
use crate::work_items::StateGroup;

pub(super) fn pickers(params: &Params, choices: &CardChoices) -> Vec<Picker> {
    let same = |names: &[String]| -> Vec<(String, String)> {
        names.iter().map(|name| (name.clone(), name.clone())).collect()
    };
    let systems = CardSystem::ALL.map(|system| {
        let name = match system {
            CardSystem::Github => "GitHub",
            CardSystem::Plane => "Plane",
            CardSystem::Twins => "Twins only",
            CardSystem::Single => "Without twin",
        };
        (system.as_str().to_owned(), name.to_owned())
    });
    let groups = StateGroup::ALL
        .iter()
        .map(|&group| (group.as_str().to_owned(), group_name(Some(group)).to_owned()))
        .chain([(NO_GROUP.to_owned(), group_name(None).to_owned())]);
    let assignees =
        [(NOBODY.to_owned(), "Nobody".to_owned())].into_iter().chain(same(&choices.assignees));
    let states = [
        HealthState::Failed,
        HealthState::Conflict,
        HealthState::Pending,
        HealthState::Unmapped,
        HealthState::LeftOut,
        HealthState::InSync,
    ];
    let health = [(NEEDS_A_PERSON.to_owned(), "Needs a person".to_owned())]
        .into_iter()
        .chain(states.map(|state| (state.as_str().to_owned(), state.name().to_owned())));
    let mut pickers = vec![
        Picker::new("system", "System", "Any system", systems, params),
        Picker::new("state_group", "State", "Any state", groups, params),
        Picker::new("assignee", "Assignee", "Anyone", assignees, params),
        Picker::new("label", "Label", "Any label", same(&choices.labels), params),
        Picker::new("health", "Health", "Any health", health, params),
    ];
    if params.any(&["unchanged"]) {
        let unchanged = [(LONG.to_owned(), "Unchanged for 14 days".to_owned())];
        pickers.push(Picker::new("unchanged", "Change", "Changed any time", unchanged, params));
    }
    pickers
}

/// The projects, of which several may be chosen.
pub(super) fn projects(params: &Params, names: &ProjectNames) -> Vec<Choice> {
    let chosen = params.all("project");
    let all = names.all().into_iter().map(|(home, name)| Choice {
        chosen: chosen.contains(&home),
        text: name.text(),
        value: home,
    });
    let mut choices: Vec<Choice> = all.collect();
    for value in chosen {
        if choices.iter().all(|choice| choice.value != value) {
            choices.push(Choice { text: names.of(&value).text(), value, chosen: true });
        }
    }
    choices
}
