//! Filter and rules as they are written: the tables of the configuration, checked while they are
//! read, so that whoever reads them (a file, the API, a page) can name the place.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::Rulebook;
use super::expression::{Expression, Refused, Scope, Wanted};
use super::placing::ProjectChoice;

/// The most rules of one repository.
pub const MOST_RULES: usize = 50;

/// One `[[repositories.rules]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table with set or drop")]
pub struct RuleConfig {
    /// What people call it; else it goes by its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which issues it is for; without it, all.
    #[serde(deserialize_with = "truth", skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What it makes of them.
    #[serde(skip_serializing_if = "RuleSet::is_empty")]
    pub set: RuleSet,
    /// Whether they are not carried over at all.
    #[serde(skip_serializing_if = "is_false")]
    pub drop: bool,
    /// Whether no rule after it counts for them.
    #[serde(skip_serializing_if = "is_false")]
    pub stop: bool,
}

/// The expressions of one rule's `set`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table of expressions")]
pub struct RuleSet {
    /// The title: a text.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// All labels, as GitHub calls them: a list of texts.
    #[serde(deserialize_with = "texts", skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// A state of Plane's project: a text.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// All logins: a list of texts.
    #[serde(deserialize_with = "texts", skip_serializing_if = "Option::is_none")]
    pub assignees: Option<String>,
    /// `urgent`, `high`, `medium`, `low` or `none`: a text.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Plane's project, by its id: the bare id, or an expression in which each possible one stands.
    #[serde(deserialize_with = "project", skip_serializing_if = "Option::is_none")]
    pub plane_project: Option<String>,
}

impl RuleSet {
    /// Whether it sets nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_false(word: &bool) -> bool {
    !word
}

/// Reads a repository's `filter` from a file: an expression that is true or false.
///
/// # Errors
/// When it is none, with its place.
pub fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, Scope::Event, Wanted::Truth)
}

/// Reads a repository's `rules`.
///
/// # Errors
/// At the first that can't be used.
pub fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RuleConfig>, D::Error> {
    let rules = Vec::deserialize(deserializer)?;
    Rulebook::read(None, &rules).map_err(D::Error::custom)?;
    Ok(rules)
}

/// A filter and rules by themselves, as people try them: `filter = "…"` and `[[rules]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table with filter and rules")]
pub struct Draft {
    /// As in `[[repositories]]`.
    #[serde(deserialize_with = "filter", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// As in `[[repositories]]`.
    #[serde(deserialize_with = "rules", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleConfig>,
}

impl Draft {
    /// From TOML.
    ///
    /// # Errors
    /// With the line and what is wrong, in one line.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let begins = error.span().unwrap_or_default().start;
            let line = 1 + text.get(..begins).unwrap_or(text).matches('\n').count();
            format!("line {line}: {}", error.message().replace('\n', " "))
        })
    }

    /// Ready to be asked.
    ///
    /// # Errors
    /// At the first expression that is refused.
    pub fn rulebook(&self) -> Result<Rulebook, RefusedRule> {
        Rulebook::read(self.filter.as_deref(), &self.rules)
    }
}

fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, Scope::State, Wanted::Truth)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, Scope::State, Wanted::Text)
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, Scope::State, Wanted::Texts)
}

fn project<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let written = Option::<String>::deserialize(deserializer)?;
    let Some(source) = written.filter(|source| !source.trim().is_empty()) else { return Ok(None) };
    ProjectChoice::read(&source).map_err(D::Error::custom)?;
    Ok(Some(source))
}

/// An empty text is the same as none.
fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
    scope: Scope,
    wanted: Wanted,
) -> Result<Option<String>, D::Error> {
    let written = Option::<String>::deserialize(deserializer)?;
    let Some(source) = written.filter(|source| !source.trim().is_empty()) else { return Ok(None) };
    match Expression::read(&source, scope, wanted) {
        Ok(_) => Ok(Some(source)),
        Err(refused) => Err(D::Error::custom(refused)),
    }
}

/// Which of a repository's expressions is refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct RefusedRule {
    /// `filter`, `rules[2].set.title`; counted from 1, as people count.
    pub key: String,
    /// The place in the expression and the reason.
    pub why: String,
}

impl RefusedRule {
    pub(super) fn of(key: impl Into<String>, refused: &Refused) -> Self {
        Self { key: key.into(), why: refused.to_string() }
    }
}
