//! Writing to GitHub: the only door to it, and narrow. Each kind of write is one method here, with
//! what GitHub answered given back, since it leaves out without a word what it does not like.
//!
//! REST alone, with `github.token`. The MCP servers' `update_issue` and `issue_write` replace the
//! whole list of assignees, so whoever was assigned in the meantime would be taken off, and newer
//! ones answer with nothing but an id.
//!
//! Every write goes through the gate as a write: at least a second apart, 80 a minute, 500 an hour,
//! and lower classes leave room. Deliberately absent: what is to be written (`sync/plan`), and trying
//! again; whoever writes has recorded it before.

use super::GitHub;
use super::refusal::Refusal;
use crate::clients::gate::Stopped;
use crate::clients::github_rest::GitHubRest;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::sync::github::Issue;
use crate::sync::plan::Assigning;

/// Writes to GitHub with a token that may.
#[derive(Debug, Clone, Copy)]
pub struct GitHubWriter<'a> {
    rest: &'a GitHubRest,
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It was taken; the issue as GitHub has it after that.
    Taken(Box<Issue>),
    /// It was refused for what it says (422), so that it never will be taken.
    Refused {
        /// GitHub's words.
        words: String,
    },
}

/// Whether a token may write to a repository's issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAccess {
    /// It may.
    Granted,
    /// Its user may not push there, so that GitHub drops assignees without a word.
    NoPush,
    /// It may not.
    Denied {
        /// The permission that it takes, where GitHub says so.
        needs: Option<String>,
    },
    /// GitHub shows the token no such repository.
    NotShown,
}

impl GitHub {
    /// Who writes, where anybody may: a token for REST is configured.
    pub fn writer(&self, repository: &RepositoryName) -> Option<GitHubWriter<'_>> {
        self.rest(repository).map(|rest| GitHubWriter { rest })
    }
}

impl<'a> GitHubWriter<'a> {
    /// With this client.
    pub fn new(rest: &'a GitHubRest) -> Self {
        Self { rest }
    }

    /// Why a write can't go now, as far as this process knows, so that none is recorded in vain.
    pub fn held_up(&self) -> Option<Failure> {
        let Stopped { reason, wait, .. } = self.rest.look_write()?;
        Some(Failure::Quota { reason, wait })
    }

    /// Assigns people to an issue, or takes them off; everybody else stays as they are. GitHub takes
    /// at most ten logins at once, and leaves out without a word who can't be assigned.
    ///
    /// # Errors
    /// When the token may not, which names the permission, or GitHub can't be asked. After
    /// [`Failure::Quota`] nothing was written.
    pub async fn change_assignees(
        &self,
        repository: &RepositoryName,
        number: u64,
        assigning: Assigning,
        logins: &[&str],
    ) -> Result<Written, Failure> {
        match self.rest.send_assignees(repository, number, assigning, logins).await {
            Ok(issue) => Ok(Written::Taken(Box::new(issue))),
            Err(Refusal::Rejected { message, .. }) => Ok(Written::Refused { words: message }),
            Err(refusal) => Err(not_written(&refusal, repository)),
        }
    }

    /// Whether the token may write to a repository's issues. Nothing is written: what is asked for is
    /// the assignees of issue 0, which no repository has.
    ///
    /// # Errors
    /// When GitHub refuses the token or can't be asked.
    pub async fn access(&self, repository: &RepositoryName) -> Result<WriteAccess, Failure> {
        match self.rest.send_assignees(repository, 0, Assigning::Add, &[]).await {
            Ok(_)
            | Err(
                Refusal::NotFound
                | Refusal::Gone
                | Refusal::NotGiven { .. }
                | Refusal::Rejected { .. }
                | Refusal::Unreadable { .. },
            ) => {}
            Err(Refusal::Forbidden { needs, .. }) => return Ok(WriteAccess::Denied { needs }),
            Err(refusal) => return Err(refusal.failure()),
        }
        // A token that sees nothing is told the same of every repository.
        Ok(match self.rest.may_push(repository).await? {
            None => WriteAccess::NotShown,
            Some(false) => WriteAccess::NoPush,
            Some(true) => WriteAccess::Granted,
        })
    }
}

/// What to give the token so that it may write to a repository's issues.
pub fn permission(repository: &RepositoryName) -> String {
    format!(
        "give github.token the repository permission Issues: read and write (a classic token: repo), of a user with write access to {repository}"
    )
}

/// What a refused write means; the remedy is another one than for reading.
fn not_written(refusal: &Refusal, repository: &RepositoryName) -> Failure {
    match refusal {
        Refusal::Forbidden { message, needs } => {
            let needs = needs.as_deref().map_or_else(String::new, |n| format!(", it needs {n}"));
            let Failure::Retry { after, .. } = refusal.failure() else { return refusal.failure() };
            let reason = format!(
                "GitHub does not let the token write to the issues of {repository} (403, {message}{needs}): {}",
                permission(repository)
            );
            Failure::Retry { reason, after }
        }
        // It was there a moment ago: what it is now, the next attempt finds out.
        Refusal::NotFound | Refusal::Gone | Refusal::Unreadable { .. } => Failure::retry(format!(
            "the issue in {repository} was not where it was when its assignees were written: looking again"
        )),
        other => other.failure(),
    }
}
