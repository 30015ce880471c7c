//! Which of Plane's projects a rule puts an issue into.
//!
//! The rule: every project that an expression may come to stands in it, as a text. So whoever walks
//! over a repository's Plane side, examines it or looks for an item knows all of its projects
//! without an issue at hand, and what is no id is refused when it is read. Deliberately absent:
//! whether Plane has such a project (it is asked when an issue is to go there).

use std::fmt;

use uuid::Uuid;

use super::expression::{Expression, Fault, Scope, Wanted};
use super::facts::Facts;
use super::written::RuleConfig;

/// What `set.plane_project` says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ProjectChoice {
    /// A bare id.
    Always(Uuid),
    /// An expression, and the ids that it may come to; an empty text is the repository's own
    /// project.
    By(Expression, Vec<Uuid>),
}

/// Where the rules put an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placing {
    /// Plane's project.
    pub project: Uuid,
    /// Which rule says so.
    pub rule: String,
}

impl fmt::Display for Placing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (by the rule “{}”)", self.project, self.rule)
    }
}

impl ProjectChoice {
    /// Reads what was written.
    ///
    /// # Errors
    /// With the place and what to write instead.
    pub(super) fn read(source: &str) -> Result<Self, String> {
        // A bare id would be a subtraction of names, which is no text: the two can't be confused.
        if let Ok(project) = source.trim().parse() {
            return Ok(Self::Always(project));
        }
        let wrong = "expected a project's id (UUID), as in Plane's addresses, or a choice of such texts: 'issue.number > 9 ? \"<id>\" : \"<id>\"'";
        let read = Expression::read(source, Scope::State, Wanted::Text);
        let expression = read.map_err(|refused| format!("{refused}; {wrong}"))?;
        let Some(texts) = expression.outcomes() else {
            return Err(format!(
                "every project has to stand in it as a text, so that all of them are known: {wrong}"
            ));
        };
        let texts = texts.into_iter().map(str::trim).filter(|text| !text.is_empty());
        let id = |text: &str| text.parse().map_err(|_| format!("“{text}” is no id: {wrong}"));
        let projects = texts.map(id).collect::<Result<_, _>>()?;
        Ok(Self::By(expression, projects))
    }

    /// Every project that it may come to.
    pub(super) fn projects(&self) -> &[Uuid] {
        match self {
            Self::Always(project) => std::slice::from_ref(project),
            Self::By(_, projects) => projects,
        }
    }

    /// The project for these facts; `None` for the repository's own.
    ///
    /// # Errors
    /// When it can't be reckoned.
    pub(super) fn of(&self, facts: &Facts) -> Result<Option<Uuid>, Fault> {
        match self {
            Self::Always(project) => Ok(Some(*project)),
            Self::By(expression, _) => Ok(expression.text(facts)?.trim().parse().ok()),
        }
    }
}

/// Every project that these rules may put an issue into, in their order.
pub fn named_projects(rules: &[RuleConfig]) -> Vec<Uuid> {
    let written = rules.iter().filter_map(|rule| rule.set.plane_project.as_deref());
    let read: Vec<_> = written.filter_map(|source| ProjectChoice::read(source).ok()).collect();
    distinct(read.iter())
}

/// A repository's own project, and after it those that its rules name, each once.
pub fn all_projects(own: Option<Uuid>, rules: &[RuleConfig]) -> Vec<Uuid> {
    let named = named_projects(rules).into_iter().filter(|project| own != Some(*project));
    own.into_iter().chain(named).collect()
}

pub(super) fn distinct<'a>(choices: impl Iterator<Item = &'a ProjectChoice>) -> Vec<Uuid> {
    let mut all: Vec<Uuid> = Vec::new();
    for project in choices.flat_map(ProjectChoice::projects) {
        if !all.contains(project) {
            all.push(*project);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";
    const OTHER: &str = "11111111-2222-4333-8444-555555555555";

    fn projects(source: &str) -> Result<Vec<String>, String> {
        let read = ProjectChoice::read(source)?;
        Ok(read.projects().iter().map(Uuid::to_string).collect())
    }

    #[test]
    fn all_projects_that_a_rule_may_come_to_are_known_when_it_is_read() {
        assert_eq!(projects(ONE).unwrap(), [ONE]);
        assert_eq!(projects(&format!("'{ONE}'")).unwrap(), [ONE]);
        let choice = format!("issue.number > 9 ? '{ONE}' : 'a' in issue.labels ? '{OTHER}' : ''");
        assert_eq!(projects(&choice).unwrap(), [ONE, OTHER]);
        assert_eq!(projects("''").unwrap(), [""; 0]);
    }

    #[test]
    fn a_project_that_is_no_id_or_not_known_beforehand_is_refused() {
        for (source, why) in [
            ("mobile", "there is no “mobile” here"),
            ("'mobile'", "“mobile” is no id"),
            ("issue.title", "every project has to stand in it as a text"),
            ("'ce59f358-8bb1-' + issue.title", "every project has to stand in it as a text"),
            ("issue.number", "it comes to a number"),
            (&ONE[..30], "expected"),
        ] {
            let refused = projects(source).unwrap_err();
            assert!(refused.contains(why) && refused.contains("UUID"), "{source}: {refused}");
        }
    }
}
