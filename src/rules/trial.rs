//! A filter and rules tried on an event that is past: what would become of it, field by field.

use super::facts::{Facts, IssueFacts};
use super::rulebook::{Admission, Rulebook, Verdict};
use crate::sync::github::Issue;

/// What would become of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Its issue would be carried over, as the trial's fields say.
    CarriedOver,
    /// The filter would leave it out.
    LeftOut,
    /// A rule would drop its issue.
    Dropped {
        /// Which.
        rule: String,
    },
    /// It tells of nothing that is carried over: a pull request that passes the filter, a label, a
    /// milestone, or an issue's deletion.
    NothingToCarry,
    /// The filter or a rule comes to nothing for it.
    Broken {
        /// Which, and why.
        why: String,
    },
}

impl Fate {
    /// The word for people and programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CarriedOver => "carried over",
            Self::LeftOut => "left out",
            Self::Dropped { .. } => "dropped",
            Self::NothingToCarry => "nothing to carry over",
            Self::Broken { .. } => "broken",
        }
    }
}

/// One field before the rules and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// `title`, `labels`, `assignees`, `state`, `priority`, `plane_project`.
    pub field: &'static str,
    /// As GitHub says it; empty for what only rules can want.
    pub before: String,
    /// As it would be carried over.
    pub after: String,
}

/// What trying came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What would become of it.
    pub fate: Fate,
    /// The fields that the rules change.
    pub turned: Vec<Turned>,
    /// The rules that were for it.
    pub rules: Vec<String>,
}

/// Tries a filter and rules on one event and the state that it tells.
pub fn tried(rulebook: &Rulebook, facts: &Facts, issue: Option<&Issue>) -> Trial {
    let ended = |fate| Trial { fate, turned: Vec::new(), rules: Vec::new() };
    let issue = issue.filter(|issue| !issue.pull_request);
    // A pull request is not carried over itself, but what passes the filter moves items.
    if issue.is_none() && !facts.issue.pull_request {
        return ended(Fate::NothingToCarry);
    }
    match rulebook.admits(facts) {
        Ok(Admission::Admitted) => {}
        Ok(Admission::LeftOut) => return ended(Fate::LeftOut),
        Err(broken) => return ended(Fate::Broken { why: broken.to_string() }),
    }
    let Some(issue) = issue else { return ended(Fate::NothingToCarry) };
    match rulebook.applied(&facts.repository, issue) {
        Ok(Verdict::Carried(carried)) => {
            let (before, after) = (IssueFacts::from(issue), IssueFacts::from(&carried.issue));
            let state = carried.ruled.wish.state.unwrap_or_default();
            let priority = carried.ruled.wish.priority.map(|priority| priority.to_string());
            let project = carried.placing.map(|placing| placing.project.to_string());
            let fields = [
                ("title", before.title, after.title),
                ("labels", before.labels.join(", "), after.labels.join(", ")),
                ("assignees", before.assignees.join(", "), after.assignees.join(", ")),
                ("state", String::new(), state),
                ("priority", String::new(), priority.unwrap_or_default()),
                ("plane_project", String::new(), project.unwrap_or_default()),
            ];
            let turned = fields.into_iter().filter(|(_, before, after)| before != after);
            let turned = turned.map(|(field, before, after)| Turned { field, before, after });
            Trial { fate: Fate::CarriedOver, turned: turned.collect(), rules: carried.rules }
        }
        Ok(Verdict::Dropped { rule }) => ended(Fate::Dropped { rule }),
        Err(broken) => ended(Fate::Broken { why: broken.to_string() }),
    }
}
