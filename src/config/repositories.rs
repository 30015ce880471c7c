//! `[[repositories]]`: which repositories are kept in step, and how. Read and checked here; what
//! the entries mean is decided where repositories are synchronized.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::GithubHost;
use crate::queue::turns::RateLimit;
use crate::rules::RuleConfig;
use crate::rules::written::{filter, rules};
use crate::sync::mapping::meant_priority;
use crate::sync::milestones::BundleKind;
use crate::sync::plane::UnknownPriority;

/// `owner/name` at GitHub, `host/owner/name` at one of `[[github.hosts]]`; no notice is taken of case.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct RepositoryName(String);

/// The text is no `owner/name`, nor `host/owner/name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a repository as OWNER/NAME, or HOST/OWNER/NAME for one of [[github.hosts]]")]
pub struct InvalidRepositoryName;

impl RepositoryName {
    /// As written in the configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it is.
    pub fn host(&self) -> GithubHost {
        let mut parts = self.0.rsplitn(3, '/');
        let host = parts.nth(2).map(str::parse);
        host.and_then(Result::ok).unwrap_or_default()
    }

    /// What its own server calls it: owner, name.
    pub fn owner_and_name(&self) -> (&str, &str) {
        let mut parts = self.0.rsplitn(3, '/');
        let name = parts.next().unwrap_or_default();
        (parts.next().unwrap_or_default(), name)
    }

    /// What a server calls it, as a name among those of all servers.
    ///
    /// # Errors
    /// When `own` is no `owner/name`.
    pub fn on(host: &GithubHost, own: &str) -> Result<Self, InvalidRepositoryName> {
        if own.matches('/').count() != 1 {
            return Err(InvalidRepositoryName);
        }
        host.named(own.to_owned()).parse()
    }

    /// As two segments of an address of ours.
    pub fn path(&self) -> String {
        self.0.replacen('/', "%2F", self.0.matches('/').count() - 1)
    }
}

impl PartialEq for RepositoryName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for RepositoryName {}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidRepositoryName;

    fn from_str(text: &str) -> Result<Self, InvalidRepositoryName> {
        let plain = |part: &str| {
            let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !matches!(part, "" | "." | "..") && part.chars().all(good)
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [owner, name] if plain(owner) && plain(name) => Ok(Self(text.to_owned())),
            [host, owner, name] if plain(owner) && plain(name) => {
                let host: GithubHost = host.parse().map_err(|_| InvalidRepositoryName)?;
                Ok(Self(host.named(format!("{owner}/{name}"))))
            }
            _ => Err(InvalidRepositoryName),
        }
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = InvalidRepositoryName;

    fn try_from(text: String) -> Result<Self, InvalidRepositoryName> {
        text.parse()
    }
}

/// A workspace of Plane's, by its slug: the first part of its addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkspaceSlug(String);

/// The text is no slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a workspace's slug: the first part of its addresses in Plane, letters, digits, - and _"
)]
pub struct InvalidWorkspace;

impl WorkspaceSlug {
    /// As it stands in addresses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkspaceSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WorkspaceSlug {
    type Err = InvalidWorkspace;

    fn from_str(text: &str) -> Result<Self, InvalidWorkspace> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let is_slug = !text.is_empty() && text.chars().all(good);
        is_slug.then(|| Self(text.to_owned())).ok_or(InvalidWorkspace)
    }
}

impl TryFrom<String> for WorkspaceSlug {
    type Error = InvalidWorkspace;

    fn try_from(text: String) -> Result<Self, InvalidWorkspace> {
        text.parse()
    }
}

impl From<WorkspaceSlug> for String {
    fn from(slug: WorkspaceSlug) -> Self {
        slug.0
    }
}

/// Who may change whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Direction {
    /// GitHub leads, Plane follows.
    #[default]
    #[serde(rename = "github-to-plane")]
    GithubToPlane,
    /// The same, and what people change in Plane reaches GitHub, too: by now who is assigned.
    #[serde(rename = "both")]
    Both,
}

impl Direction {
    /// The word that is written and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GithubToPlane => "github-to-plane",
            Self::Both => "both",
        }
    }
}

/// The text names no direction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown direction “{0}”: expected github-to-plane or both")]
pub struct UnknownDirection(String);

impl FromStr for Direction {
    type Err = UnknownDirection;

    fn from_str(text: &str) -> Result<Self, UnknownDirection> {
        [Self::GithubToPlane, Self::Both]
            .into_iter()
            .find(|direction| direction.as_str() == text)
            .ok_or_else(|| UnknownDirection(text.to_owned()))
    }
}

/// One `[[repositories]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with a name")]
pub struct RepositoryConfig {
    /// Which repository.
    pub name: RepositoryName,
    /// Plane's project that it is kept in step with.
    #[serde(default, deserialize_with = "project_id")]
    pub plane_project: Option<Uuid>,
    /// The workspace of its projects; without it `plane.workspace`.
    #[serde(default, deserialize_with = "workspace")]
    pub plane_workspace: Option<WorkspaceSlug>,
    /// Who may change whom.
    #[serde(default)]
    pub direction: Direction,
    /// An expression that an event must meet to be a reason to write to Plane.
    #[serde(default, deserialize_with = "filter")]
    pub filter: Option<String>,
    /// How issues are carried over, in order.
    #[serde(default, deserialize_with = "rules")]
    pub rules: Vec<RuleConfig>,
    /// GitHub's words to Plane's state names.
    #[serde(default)]
    pub states: BTreeMap<String, String>,
    /// GitHub's label names to Plane's, or to `priority:` and a priority.
    #[serde(default, deserialize_with = "labels")]
    pub labels: BTreeMap<String, String>,
    /// GitHub logins to Plane's display names or addresses.
    #[serde(default)]
    pub users: BTreeMap<String, String>,
    /// What milestones become in Plane; without it they stay on GitHub.
    #[serde(default, deserialize_with = "bundle_kind")]
    pub milestones: Option<BundleKind>,
    /// How fast its issues may be brought in step.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

/// How a repository is kept in step: what its `[[repositories]]` says beside name, project and
/// direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepositorySettings {
    /// An expression that an event must meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Rules in their order, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleConfig>,
    /// GitHub's words to Plane's state names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub states: BTreeMap<String, String>,
    /// GitHub's label names to Plane's, or to `priority:` and a priority.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// GitHub logins to Plane's display names or addresses.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, String>,
    /// What milestones become in Plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milestones: Option<BundleKind>,
    /// How fast its issues may be brought in step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

impl RepositoryConfig {
    /// How it is kept in step.
    pub fn settings(&self) -> RepositorySettings {
        RepositorySettings {
            filter: self.filter.clone(),
            rules: self.rules.clone(),
            states: self.states.clone(),
            labels: self.labels.clone(),
            users: self.users.clone(),
            milestones: self.milestones,
            rate_limit: self.rate_limit,
        }
    }
}

/// A value of `labels`. A misspelled priority would quietly become the name of a label.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct LabelValue(String);

impl TryFrom<String> for LabelValue {
    type Error = UnknownPriority;

    fn try_from(text: String) -> Result<Self, UnknownPriority> {
        meant_priority(&text).transpose()?;
        Ok(Self(text))
    }
}

fn labels<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, LabelValue>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.0)).collect())
}

fn bundle_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BundleKind>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

/// An empty text is the same as none.
fn workspace<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<WorkspaceSlug>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let slug = (!text.is_empty()).then(|| text.parse()).transpose();
    slug.map_err(D::Error::custom)
}

fn project_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| D::Error::custom("expected a project's id (UUID), as in Plane's addresses");
    text.parse().map(Some).map_err(wrong)
}
