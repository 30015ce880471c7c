//! From an answer to the next base, and from a snapshot to whose doing it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{Base, Expected, Finding, Plan, PlaneSide, SentText, Write};
use crate::sync::mapping::Resolved;
use crate::sync::plane::{Item, ItemChange};

/// A field of a work item that is kept in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemField {
    /// The title.
    Title,
    /// The description.
    Description,
    /// The state.
    State,
    /// The labels.
    Labels,
    /// The assignees.
    Assignees,
    /// The priority.
    Priority,
}

impl ItemField {
    const ALL: [Self; 6] = [
        Self::Title,
        Self::Description,
        Self::State,
        Self::Labels,
        Self::Assignees,
        Self::Priority,
    ];

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::State => "state",
            Self::Labels => "labels",
            Self::Assignees => "assignees",
            Self::Priority => "priority",
        }
    }

    fn equal(self, one: &PlaneSide, other: &PlaneSide) -> bool {
        match self {
            Self::Title => one.name == other.name,
            Self::Description => one.description_html == other.description_html,
            Self::State => one.state == other.state,
            Self::Labels => one.labels == other.labels,
            Self::Assignees => one.assignees == other.assignees,
            // Where nothing was ever agreed on, it is nobody's business but Plane's.
            Self::Priority => other.priority.is_none() || one.priority == other.priority,
        }
    }

    fn is_sent(self, change: &ItemChange) -> bool {
        match self {
            Self::Title => change.name.is_some(),
            Self::Description => change.description_html.is_some(),
            Self::State => change.state.is_some(),
            Self::Labels => change.labels.is_some(),
            Self::Assignees => change.assignees.is_some(),
            Self::Priority => change.priority.is_some(),
        }
    }
}

/// The fields that a change sends.
pub(super) fn fields_of(change: &ItemChange) -> impl Iterator<Item = ItemField> + '_ {
    ItemField::ALL.into_iter().filter(|field| field.is_sent(change))
}

/// A write of an item and what Plane answered to it.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// As it was sent, labels filled in.
    pub sent: &'a Write,
    /// The item as Plane has it after that.
    pub item: &'a Item,
}

/// What a link's base is from now on, and what the answer shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The base.
    pub base: Base,
    /// For the timeline.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// The same plan once its labels are made (ids by name): the item's write and the expected
    /// base know them. One that could not be made is left out and tried again by a later plan.
    #[must_use]
    pub fn with_labels(mut self, made: &BTreeMap<String, String>) -> Self {
        self.writes = self.writes.into_iter().map(|write| write.with_labels(made)).collect();
        let base = &mut self.expected.base;
        self.expected.new_labels.retain(|key, name| {
            let Some(id) = made.get(name) else { return true };
            base.github.labels.insert(key.clone(), Some(id.clone()));
            base.our_labels.insert(id.clone());
            base.plane.labels.insert(id.clone());
            false
        });
        self
    }
}

/// Takes what Plane answered as the base: what it left out or rewrote is Plane's doing, no
/// person's, and is not sent again. `None` when the plan wrote nothing to the item.
pub fn settle(
    expected: &Expected,
    answered: Option<Answered<'_>>,
    mapping: Resolved<'_>,
) -> Settled {
    let mut base = expected.base.clone();
    let unmade = expected.new_labels.values().cloned();
    let mut findings: Vec<_> = unmade.map(|name| Finding::LabelNotMade { name }).collect();
    let Some(Answered { sent, item }) = answered else { return Settled { base, findings } };
    let Some(change) = change_of(sent) else { return Settled { base, findings } };
    if let Some(name) = change.name {
        if item.name != name {
            findings.push(Finding::TitleAltered { stored: item.name.clone() });
        }
        base.plane.name.clone_from(&item.name);
    }
    if let Some(html) = change.description_html {
        if item.description_html != html {
            findings.push(Finding::DescriptionAltered);
        }
        if expected.text == SentText::Github {
            base.github.rendered_html.clone_from(&item.description_html);
        }
        base.plane.description_html.clone_from(&item.description_html);
    }
    if let Some(state) = change.state {
        if item.state.as_ref() != Some(&state) {
            findings.push(Finding::StateAltered { sent: state, stored: item.state.clone() });
        }
        base.plane.state.clone_from(&item.state);
    }
    if let Some(labels) = change.labels {
        let names = dropped(&labels, &item.labels, |id| mapping.label_name(id));
        findings.extend((!names.is_empty()).then_some(Finding::LabelsDropped { labels: names }));
        base.our_labels.retain(|id| item.labels.contains(id));
        base.plane.labels.clone_from(&item.labels);
    }
    if let Some(assignees) = change.assignees {
        let members = dropped(&assignees, &item.assignees, |id| mapping.member_name(id));
        findings.extend((!members.is_empty()).then_some(Finding::AssigneesDropped { members }));
        base.our_assignees.retain(|id| item.assignees.contains(id));
        base.people_answered(&assignees, &item.assignees);
    }
    if change.priority.is_some() {
        base.plane.priority = item.priority;
    }
    Settled { base, findings }
}

fn dropped(
    sent: &BTreeSet<String>,
    stored: &BTreeSet<String>,
    name: impl Fn(&str) -> String,
) -> Vec<String> {
    sent.difference(stored).map(|id| name(id)).collect()
}

/// What a write of an item sends; `None` for every other write.
fn change_of(write: &Write) -> Option<ItemChange> {
    match write {
        Write::CreateItem { item, .. } => Some(ItemChange {
            name: Some(item.name.clone()),
            description_html: Some(item.description_html.clone()),
            state: item.state.clone(),
            labels: Some(item.labels.clone()),
            assignees: Some(item.assignees.clone()),
            priority: item.priority,
        }),
        Write::UpdateItem { change, .. } => Some(change.clone()),
        Write::CreateLabel { .. }
        | Write::RestoreItem { .. }
        | Write::CreateLink { .. }
        | Write::CreateBundle { .. }
        | Write::UpdateBundle { .. }
        | Write::EnterBundle { .. }
        | Write::LeaveBundle { .. }
        | Write::SetParent { .. }
        | Write::CreateComment { .. }
        | Write::UpdateComment { .. }
        | Write::DeleteComment { .. }
        | Write::ChangeAssignees { .. } => None,
    }
}

/// After a crash: the base if an intended write of the item was made after all, judged by the
/// item as it is now. `None` when it was not: abandon the intent and plan anew.
///
/// A creation was made if there is an item with its external id. Plane takes a change whole or
/// not at all, so one text of it that is there proves the rest; without a text all of it must be
/// there. What a person changed since then differs from this base, as it should.
pub fn resume(expected: &Expected, write: &Write, item: &Item) -> Option<Base> {
    was_made(write, item)?.then(|| {
        let mut base = expected.base.clone();
        base.our_labels.retain(|id| item.labels.contains(id));
        base.our_assignees.retain(|id| item.assignees.contains(id));
        // Left out by Plane, or taken off since: the next plan sees which side has them.
        let sent = change_of(write).and_then(|change| change.assignees).unwrap_or_default();
        if let Some(people) = &mut base.people {
            people.retain(|id, _| !sent.contains(id) || item.assignees.contains(id));
        }
        base
    })
}

fn was_made(write: &Write, item: &Item) -> Option<bool> {
    if let Write::CreateItem { item: new, .. } = write {
        return Some(item.external_id.as_ref() == Some(&new.external_id));
    }
    let sent = change_of(write)?;
    let there = PlaneSide::from(item);
    let wanted = overlay(&there, &sent);
    let text = |field: &ItemField| matches!(field, ItemField::Title | ItemField::Description);
    let texts: Vec<_> = fields_of(&sent).filter(text).collect();
    Some(if texts.is_empty() {
        fields_of(&sent).all(|field| field.equal(&there, &wanted))
    } else {
        texts.into_iter().any(|field| field.equal(&there, &wanted))
    })
}

fn overlay(under: &PlaneSide, change: &ItemChange) -> PlaneSide {
    let ItemChange { name, description_html, state, labels, assignees, priority } = change.clone();
    PlaneSide {
        name: name.unwrap_or_else(|| under.name.clone()),
        description_html: description_html.unwrap_or_else(|| under.description_html.clone()),
        state: state.or_else(|| under.state.clone()),
        labels: labels.unwrap_or_else(|| under.labels.clone()),
        assignees: assignees.unwrap_or_else(|| under.assignees.clone()),
        priority: priority.or(under.priority),
    }
}

/// Whose doing a snapshot of an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognized {
    /// Every field is as we left it or as we are just writing it.
    Echo,
    /// These fields are not.
    Change(Vec<ItemField>),
}

/// Compares what Plane says (a webhook, a poll) with the base and with writes that are intended
/// but not settled. By state, not by author: our token may be a person's.
pub fn recognize(item: &Item, base: &Base, open: &[Write]) -> Recognized {
    let there = PlaneSide::from(item);
    let intended: Vec<_> = open
        .iter()
        .filter_map(change_of)
        .map(|change| (overlay(&there, &change), change))
        .collect();
    let ours = |field: ItemField| {
        field.equal(&there, &base.plane)
            || intended
                .iter()
                .any(|(wanted, change)| field.is_sent(change) && field.equal(&there, wanted))
    };
    let changed: Vec<_> = ItemField::ALL.into_iter().filter(|field| !ours(*field)).collect();
    if changed.is_empty() { Recognized::Echo } else { Recognized::Change(changed) }
}
