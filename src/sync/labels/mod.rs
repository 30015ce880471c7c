//! Labels of a repository beside those of a Plane project. Pure.
//!
//! The rule: what a label is called follows from all that was told of it together, never from what
//! was told last, since GitHub promises no order and its label webhooks carry no time. Each tells one
//! step, from one name to another; the name that more steps lead to than leave is the present one
//! ([`LabelNow::of`]). Colors alike. A deletion is for good: ids are not given twice.
//!
//! What proves that Jetbridge made a label in Plane is the mark that it put there: GitHub's id as its
//! `external_id` ([`ProjectLabel::github`]). Only such a label is renamed and recolored, in one write,
//! so that all items keep it. Base, ours and theirs as for every field: a name or a color that a person
//! changed in Plane stays.
//!
//! - *Several repositories in one project, or a mapping that names the label.* It is not theirs to
//!   lose: it is left as it is ([`Standing::Left`]), and the issues of this repository get another one
//!   with their next change. So they do where Plane has another label of the new name already.
//! - *Names that move on*: `a` becomes `b` while `b` became `c`. Plane takes no name twice, so who makes
//!   room goes first ([`Scene::next`]); two that change places are told apart by a name in between.
//! - *Deleted on GitHub*: the label stays in Plane. Whether other people's items have it would take a
//!   walk over all of them.
//!
//! Deliberately absent: labels that an issue carries (`plan`), Plane to GitHub, descriptions.

mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::mapping::NewLabel;
use super::plane::{Project, ProjectLabel};

pub use scene::{LabelPlan, Scene, is_set_apart, whose_else};

/// What people see of a label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelFace {
    /// Its name.
    pub name: String,
    /// `#rrggbb` in lower case; `None` where it has none or it was not told.
    pub color: Option<String>,
}

impl LabelFace {
    /// With a color as either side writes it.
    pub fn new(name: &str, color: Option<&str>) -> Self {
        Self { name: name.to_owned(), color: color.and_then(hue) }
    }
}

fn hue(color: &str) -> Option<String> {
    let digits = color.trim().trim_start_matches('#');
    (!digits.is_empty()).then(|| format!("#{}", digits.to_lowercase()))
}

/// What a webhook says of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelStep {
    /// GitHub's numeric id.
    pub id: u64,
    /// What happened.
    pub happened: Happened,
    /// The label after that.
    pub face: LabelFace,
    /// Its name before, where that is what changed.
    pub name_from: Option<String>,
    /// Its color before, where that is what changed.
    pub color_from: Option<String>,
}

/// What happened to a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It was made.
    Created,
    /// It is another one now.
    Edited,
    /// It is gone.
    Deleted,
}

/// A label as all that was told of it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelNow {
    /// GitHub's numeric id.
    pub id: u64,
    /// What it looks like.
    pub face: LabelFace,
    /// Names that it has had before.
    pub former: BTreeSet<String>,
    /// Whether its making was told.
    pub origin: Origin,
    /// Whether it is still there.
    pub is_gone: bool,
}

/// What is known of a label's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Its making was told.
    Told,
    /// It was there before anything was told.
    Older,
}

impl LabelNow {
    /// Whether it was ever told to have had this name.
    pub fn was_called(&self, name: &str) -> bool {
        self.face.name == name || self.former.contains(name)
    }

    /// Of all steps of one label that were ever told, in the order of their arrival. That order counts
    /// only where steps are missing, as one is where the label shows a name that no step tells of.
    /// `first` is what it was when it was first met, for one that went
    /// round in a circle.
    pub fn of(steps: &[&LabelStep], first: Option<&LabelFace>) -> Option<Self> {
        let last = steps.last()?;
        let made = steps.iter().filter(|step| step.happened == Happened::Created);
        let edited = || steps.iter().filter(|step| step.happened == Happened::Edited);
        let names = made.clone().map(|step| (None, step.face.name.as_str()));
        let renamed = edited()
            .filter_map(|step| Some((Some(step.name_from.as_deref()?), step.face.name.as_str())));
        let names: Vec<_> = names.chain(renamed).collect();
        let colors = made.filter_map(|step| Some((None, step.face.color.as_deref()?)));
        let recolored = edited().filter_map(|step| {
            Some((Some(step.color_from.as_deref()?), step.face.color.as_deref()?))
        });
        let colors: Vec<_> = colors.chain(recolored).collect();
        let is_told =
            |name: &str| names.iter().any(|(from, to)| *from == Some(name) || *to == name);
        let mut shown = steps.iter().rev().map(|step| step.face.name.as_str());
        let unheard = shown.find(|name| !is_told(name));
        let name = unheard.or_else(|| end(&names)).or(first.map(|face| face.name.as_str()));
        let color = end(&colors).or(first.and_then(|face| face.color.as_deref()));
        let name = name.unwrap_or(&last.face.name).to_owned();
        let told = || names.iter().flat_map(|(from, to)| from.iter().chain([to]));
        let former = told().filter(|told| **told != name).map(|told| (*told).to_owned());
        let happened = |what| steps.iter().any(|step| step.happened == what);
        Some(Self {
            id: last.id,
            former: former.collect(),
            face: LabelFace {
                color: color.or(last.face.color.as_deref()).map(str::to_owned),
                name,
            },
            origin: if happened(Happened::Created) { Origin::Told } else { Origin::Older },
            is_gone: happened(Happened::Deleted),
        })
    }
}

/// Where steps lead that may have been told in any order: to what more of them lead to than leave.
fn end<'a>(steps: &[(Option<&'a str>, &'a str)]) -> Option<&'a str> {
    let mut balance: BTreeMap<&str, i64> = BTreeMap::new();
    for (from, to) in steps.iter().filter(|(from, to)| *from != Some(*to)) {
        *balance.entry(to).or_default() += 1;
        if let Some(from) = from {
            *balance.entry(from).or_default() -= 1;
        }
    }
    // More than one where a step in between was never told.
    steps.iter().rev().map(|(_, to)| *to).find(|to| balance.get(to).is_some_and(|n| *n > 0))
}

/// How a label's counterpart stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It follows GitHub's.
    #[default]
    Followed,
    /// It is others' as well, and stays as it is.
    Left,
    /// GitHub's is gone.
    Ended,
}

/// A label's tie to the one that Jetbridge made for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelLink {
    /// Plane's id.
    pub plane_label: String,
    /// How it stands.
    pub standing: Standing,
    /// What GitHub said when both sides last agreed.
    pub github: LabelFace,
    /// What Plane had then.
    pub plane: LabelFace,
    /// What GitHub's was when it was first met.
    pub first: LabelFace,
}

impl LabelLink {
    /// Of one that was just made.
    pub fn made(plane_label: String, github: LabelFace, plane: LabelFace) -> Self {
        let (standing, first) = (Standing::Followed, github.clone());
        Self { plane_label, standing, github, plane, first }
    }

    /// One that was there without a record of ours: the mark proves that it is the counterpart. A name
    /// that GitHub's has had is what we gave it; another one is a person's.
    fn adopted(label: &ProjectLabel, now: &LabelNow) -> Self {
        let there = face_of(label);
        let is_ours = there.name == now.face.name || now.former.contains(&there.name);
        let github = if is_ours { there.clone() } else { now.face.clone() };
        let plane = LabelFace { name: github.name.clone(), color: there.color.clone() };
        let (plane_label, first) = (label.id.clone(), github.clone());
        Self { plane_label, standing: Standing::Followed, github, plane, first }
    }
}

/// One intended write of a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "write")]
pub enum LabelWrite {
    /// Make it.
    Create {
        /// Which.
        label: NewLabel,
    },
    /// Give it another name or color.
    Change {
        /// Plane's id.
        label: String,
        /// Its name before.
        was: String,
        /// The new name.
        name: Option<String>,
        /// The new color.
        color: Option<String>,
    },
}

impl LabelWrite {
    /// The word under which it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create_label",
            Self::Change { .. } => "change_label",
        }
    }

    /// Whether the project shows that it was made: what a crash leaves open.
    pub fn is_made(&self, project: &Project) -> Option<String> {
        let found = project.labels.iter().find(|there| match self {
            Self::Create { label } => label.github.is_some() && there.github == label.github,
            Self::Change { label, name, color, .. } => {
                there.id == *label
                    && name.as_ref().is_none_or(|name| there.name == *name)
                    && color
                        .as_ref()
                        .is_none_or(|color| face_of(there).color.as_ref() == Some(color))
            }
        });
        found.map(|label| label.id.clone())
    }
}

impl fmt::Display for LabelWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { label } => write!(f, "make the label “{}”", label.name),
            Self::Change { was, name: Some(name), color: None, .. } => {
                write!(f, "rename the label “{was}” to “{name}”")
            }
            Self::Change { was, name: Some(name), color: Some(_), .. } => {
                write!(f, "rename the label “{was}” to “{name}” and recolor it")
            }
            Self::Change { was, .. } => write!(f, "recolor the label “{was}”"),
        }
    }
}

/// What a label of a project looks like.
pub fn face_of(label: &ProjectLabel) -> LabelFace {
    LabelFace::new(&label.name, label.color.as_deref())
}
