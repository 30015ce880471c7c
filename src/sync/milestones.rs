//! What a GitHub milestone is in Plane: a module or a cycle of its name, by the repository's
//! choice; here both are called a bundle. Pure.
//!
//! - *Of a bundle* name, description and days are kept. A field that GitHub did not change is not
//!   written; where Plane still says what was last written there GitHub's new word is, and where a
//!   person wrote another one that stays. All that is due is one write. A module is given its last
//!   day, a cycle both or none: it begins on the day on which its milestone was made.
//! - *Of an item* only the bundle into which we put it is taken away again. The modules into which
//!   people put it stay beside it. A cycle is one at a time, so an item that a person put into
//!   another one stays there.
//! - Of two states of a milestone the later one counts, of two of one second a fixed one, so that
//!   any order of events ends in the same; an answer to a question counts before both.
//! - Whether a milestone is open or closed is not carried over. A deleted one leaves its bundle as
//!   it is; its issues tell that they are in none.
//!
//! Deliberately absent: which bundle a milestone has (`jobs/sync_issue/bundles`), requests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::github::{Milestone, Milestoned};
use super::markdown;
use super::plan::Finding;
use crate::clock::Timestamp;

/// What milestones become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BundleKind {
    /// An item may be in several.
    Module,
    /// An item is in one at a time.
    Cycle,
}

impl BundleKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Module, Self::Cycle];

    /// The word that is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Cycle => "cycle",
        }
    }

    /// What of Plane's project has to be switched on for it, as its settings call it.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Module => "Modules",
            Self::Cycle => "Cycles",
        }
    }
}

impl fmt::Display for BundleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("milestones become no “{0}”: use module or cycle, or leave the key out")]
pub struct UnknownBundleKind(String);

impl FromStr for BundleKind {
    type Err = UnknownBundleKind;

    fn from_str(text: &str) -> Result<Self, UnknownBundleKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownBundleKind(text.to_owned()))
    }
}

/// First and last day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Days {
    /// The first; never told of a module.
    pub first: Option<String>,
    /// The last.
    pub last: Option<String>,
}

/// What is kept of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BundleFields {
    /// Its name.
    pub name: String,
    /// Its text.
    pub description: String,
    /// When it is.
    pub days: Days,
}

impl BundleFields {
    /// What a milestone wants its bundle to say.
    pub fn of(kind: BundleKind, milestone: &Milestone) -> Self {
        let text = milestone.description.as_deref().unwrap_or_default();
        let last = milestone.due_on.map(day);
        let first = milestone.created_at.map(day).min(last.clone()).or(last.clone());
        Self {
            name: markdown::title(&milestone.title).text,
            description: text.replace('\0', "\u{fffd}").replace("\r\n", "\n").trim().to_owned(),
            days: Days {
                first: first.filter(|_| kind == BundleKind::Cycle && last.is_some()),
                last,
            },
        }
    }
}

/// GitHub's due day is told as a moment of that day.
fn day(at: Timestamp) -> String {
    at.date_naive().to_string()
}

/// What is to be changed of a bundle; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BundleChange {
    /// Another name.
    pub name: Option<String>,
    /// Another text.
    pub description: Option<String>,
    /// Other days.
    pub days: Option<Days>,
}

impl BundleChange {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is changed, in words.
    pub fn fields(&self) -> Vec<&'static str> {
        let fields = [
            (self.name.is_some(), "name"),
            (self.description.is_some(), "description"),
            (self.days.is_some(), "days"),
        ];
        fields.into_iter().filter(|(is_sent, _)| *is_sent).map(|(_, name)| name).collect()
    }
}

/// What a milestone and its bundle last agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BundleBase {
    /// The milestone as it was last carried over; `None` before that.
    pub milestone: Option<Milestone>,
    /// What it wanted then.
    pub told: BundleFields,
    /// What Plane answered to the last write of each field.
    pub plane: BundleFields,
}

/// Whose word a state of a milestone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A webhook's, which may be late.
    Told,
    /// GitHub's own, when it was asked.
    Asked,
}

impl BundleBase {
    /// Whether a state of the milestone counts after what was carried over.
    pub fn is_newer(&self, now: &Milestone, word: Word) -> bool {
        let Some(known) = &self.milestone else { return true };
        match word {
            Word::Asked => now.updated_at >= known.updated_at,
            Word::Told => now > known,
        }
    }

    /// Whether a milestone may have to be written to its bundle.
    pub fn is_behind(&self, kind: BundleKind, now: &Milestone, word: Word) -> bool {
        self.is_newer(now, word) && BundleFields::of(kind, now) != self.told
    }
}

/// What is to be done with a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundlePlan {
    /// What is to be written; empty where nothing is.
    pub change: BundleChange,
    /// What is known once it is written.
    pub base: BundleBase,
    /// For the timeline.
    pub findings: Vec<Finding>,
}

/// Decides what a bundle is to say. `theirs` is what it says now.
pub fn plan_bundle(
    kind: BundleKind,
    base: &BundleBase,
    now: &Milestone,
    word: Word,
    theirs: &BundleFields,
) -> BundlePlan {
    let mut plan =
        BundlePlan { change: BundleChange::default(), base: base.clone(), findings: Vec::new() };
    if !base.is_newer(now, word) {
        return plan;
    }
    let wanted = BundleFields::of(kind, now);
    let BundlePlan { change, base: next, findings } = &mut plan;
    let mut kept = Vec::new();
    let mut field = |name, told: bool, says: bool, ours: bool| -> bool {
        if !told && !says && !ours {
            kept.push(name);
        }
        !told && !says && ours
    };
    let names = (wanted.name == base.told.name, wanted.name == theirs.name);
    if field("name", names.0, names.1, base.plane.name == theirs.name) {
        change.name = Some(wanted.name.clone());
    }
    let texts =
        (wanted.description == base.told.description, wanted.description == theirs.description);
    if field("description", texts.0, texts.1, base.plane.description == theirs.description) {
        change.description = Some(wanted.description.clone());
    }
    let days = (wanted.days == base.told.days, same_days(&wanted.days, &theirs.days));
    if field("days", days.0, days.1, base.plane.days == theirs.days) {
        change.days = Some(wanted.days.clone());
    }
    findings.extend((!kept.is_empty()).then(|| Finding::BundleKept {
        kind,
        name: theirs.name.clone(),
        fields: kept.into_iter().map(str::to_owned).collect(),
    }));
    for (says, mine, there) in [
        (names.1, &mut next.plane.name, &theirs.name),
        (texts.1, &mut next.plane.description, &theirs.description),
    ] {
        if says {
            mine.clone_from(there);
        }
    }
    if days.1 {
        next.plane.days.clone_from(&theirs.days);
    }
    next.told = wanted;
    next.milestone = Some(now.clone());
    plan
}

/// Takes what Plane answered to a change as agreed.
pub fn settle_bundle(base: BundleBase, sent: &BundleChange, answer: &BundleFields) -> BundleBase {
    let BundleBase { milestone, told, mut plane } = base;
    if sent.name.is_some() {
        plane.name.clone_from(&answer.name);
    }
    if sent.description.is_some() {
        plane.description.clone_from(&answer.description);
    }
    if sent.days.is_some() {
        plane.days.clone_from(&answer.days);
    }
    BundleBase { milestone, told, plane }
}

/// Plane tells a cycle's days as moments.
fn same_days(wanted: &Days, there: &Days) -> bool {
    let same = |wanted: Option<&str>, there: Option<&str>| match (wanted, there) {
        (None, None) => true,
        (Some(wanted), Some(there)) => there.starts_with(wanted),
        _ => false,
    };
    let last = same(wanted.last.as_deref(), there.last.as_deref());
    last && (wanted.first.is_none() || same(wanted.first.as_deref(), there.first.as_deref()))
}

/// A bundle into which an item was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// What it is.
    pub kind: BundleKind,
    /// Plane's id.
    pub id: String,
    /// What it was called then, for people.
    pub name: String,
}

impl Bundle {
    /// Whether both are the same one.
    pub fn is(&self, other: &Self) -> bool {
        (self.kind, &self.id) == (other.kind, &other.id)
    }
}

/// What was last made of an issue's milestone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MilestoneBase {
    /// GitHub's id of the one that was carried over; `None` for none.
    pub told: Option<u64>,
    /// The bundle into which we put the item: the only one from which we may take it.
    pub ours: Option<Bundle>,
}

impl MilestoneBase {
    /// Whether there never was one.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is known once an item was moved for the milestone `told`, whose bundle is `target`.
    #[must_use]
    pub fn after(&self, told: Option<u64>, target: Option<&Bundle>, moves: &Moves) -> Self {
        let stays = self.ours.as_ref().is_some_and(|ours| target.is_some_and(|t| t.is(ours)));
        let ours = if stays { target.cloned() } else { moves.enter.clone() };
        Self { told, ours }
    }

    /// Whether the issue is in another milestone than the one that was carried over.
    pub fn is_behind(&self, now: &Milestoned) -> bool {
        match now {
            Milestoned::Unsaid => false,
            Milestoned::Nowhere => self.told.is_some(),
            Milestoned::In(milestone) => self.told != Some(milestone.id),
        }
    }
}

/// Where an item is now, as far as it has to be known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// The bundle into which it is to be put has it already, which is not our doing.
    pub in_target: bool,
    /// A cycle that is neither ours nor the one into which it is to be put, by its name.
    pub elsewhere: Option<String>,
}

/// What is to be done with an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    /// The bundle to take it out of.
    pub leave: Option<Bundle>,
    /// The bundle to put it into.
    pub enter: Option<Bundle>,
    /// For the timeline.
    pub finding: Option<Finding>,
}

/// Decides into which bundle an item goes, `target` being that of its milestone.
pub fn moves(base: &MilestoneBase, target: Option<&Bundle>, at: &Whereabouts) -> Moves {
    let ours = base.ours.as_ref();
    if target.is_some_and(|target| ours.is_some_and(|ours| ours.is(target))) {
        return Moves::default();
    }
    let is_cycle = |bundle: &Bundle| bundle.kind == BundleKind::Cycle;
    let to_cycle = target.is_some_and(is_cycle);
    let kept = at.elsewhere.as_ref().filter(|_| to_cycle);
    let finding = kept.map(|cycle| Finding::CycleKept {
        cycle: cycle.clone(),
        milestone: target.map(|target| target.name.clone()).unwrap_or_default(),
    });
    let enter = target.filter(|_| kept.is_none() && !at.in_target).cloned();
    // From one cycle an item goes to the next by itself.
    let leave = ours.filter(|ours| !(to_cycle && is_cycle(ours))).cloned();
    Moves { leave, enter, finding }
}

#[cfg(test)]
mod tests;
