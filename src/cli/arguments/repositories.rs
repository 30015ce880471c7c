//! What may be typed after `repo` and `sync`.

use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::Listing;
use crate::config::{Direction, RepositoryName, WorkspaceSlug};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RepoCommand {
    /// Accept a repository's webhooks, or change what was said of it
    Add(RepoAddArguments),
    /// List the configured repositories
    List(Listing),
    /// Accept its webhooks no longer; what it sent stays
    Remove(RepoArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RepoAddArguments {
    /// Which repository
    #[arg(value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: RepositoryName,
    /// Plane's project that it is kept in step with [default: none, it is on the board only unless rules name projects]
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) plane_project: Option<Uuid>,
    /// The workspace of its projects, by its slug [default: plane.workspace]
    #[arg(long, value_name = "SLUG")]
    pub(in crate::cli) plane_workspace: Option<WorkspaceSlug>,
    /// Who may change whom [default: github-to-plane]
    #[arg(long, value_enum)]
    pub(in crate::cli) direction: Option<DirectionName>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RepoArguments {
    /// Which repository
    #[arg(value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: RepositoryName,
}

/// [`Direction`] as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum DirectionName {
    /// GitHub leads, Plane follows
    GithubToPlane,
    /// GitHub leads, Plane follows; assignees go both ways
    Both,
}

impl From<DirectionName> for Direction {
    fn from(name: DirectionName) -> Self {
        match name {
            DirectionName::GithubToPlane => Self::GithubToPlane,
            DirectionName::Both => Self::Both,
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SyncArguments {
    /// Which issue, such as octo-org/octo-repo#42
    #[arg(value_name = "OWNER/NAME#NUMBER")]
    pub(in crate::cli) issue: IssueName,
}

/// An issue as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct IssueName {
    /// Where.
    pub(in crate::cli) repository: RepositoryName,
    /// Which one there.
    pub(in crate::cli) number: u64,
}

impl FromStr for IssueName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected an issue as OWNER/NAME#NUMBER";
        let (repository, number) = text.split_once('#').ok_or(wrong)?;
        let repository = repository.parse().map_err(|_| wrong)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or(wrong)?;
        Ok(Self { repository, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_is_a_repository_and_a_number() {
        let name: IssueName = "octo-org/octo-repo#42".parse().unwrap();
        assert_eq!((name.repository.as_str(), name.number), ("octo-org/octo-repo", 42));
        for wrong in ["", "octo-org/octo-repo", "octo-org#42", "a/b#0", "a/b#x", "a/b#-1", "#1"] {
            assert!(wrong.parse::<IssueName>().is_err(), "{wrong}");
        }
    }
}
