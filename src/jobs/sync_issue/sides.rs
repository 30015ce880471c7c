//! GitHub's side as it is now: asked for where a client is configured, else as webhooks told it.

use std::collections::BTreeSet;

use super::IssueSync;
use crate::clients::github::{Fetched, Fidelity, GitHub, ReadGitHub};
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::DeliveryId;
use crate::sources::Source;
use crate::store::repositories::Repository;
use crate::sync::github::{Comment, Issue};
use crate::sync::plan::{CommentListing, Gone};

/// Which issue.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is configured.
    pub repository: Repository,
    /// GitHub's numeric id.
    pub issue: u64,
    /// The number people see.
    pub number: u64,
}

/// What webhooks told of the issue: the newest state among those at hand.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Its state.
    pub issue: Option<Issue>,
    /// Which of two states of one second was told later: the greater.
    pub arrival: i64,
    /// Comments, each as last edited.
    pub comments: Vec<Comment>,
    /// Ids of comments that are deleted.
    pub deleted: BTreeSet<u64>,
    /// It was deleted or transferred.
    pub gone: Option<Gone>,
    /// The newest delivery that told it, for the record; `None` where a person asks.
    pub cause: Option<(Source, DeliveryId)>,
}

/// GitHub's side.
#[derive(Debug, Clone)]
pub(super) enum GithubNow {
    /// It is there.
    Present(Box<Present>),
    /// It is not there any more.
    Gone(Gone),
    /// Nothing is known that could be carried over.
    Unknown,
}

impl GithubNow {
    /// The issue, if GitHub itself was asked for it.
    pub(super) fn asked(self) -> Option<Box<Issue>> {
        match self {
            Self::Present(present) if present.arrival.is_none() => Some(Box::new(present.issue)),
            Self::Present(_) | Self::Gone(_) | Self::Unknown => None,
        }
    }
}

/// An issue that is there, with its comments.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) issue: Issue,
    /// `None` for a state that GitHub was asked for: that is always the last one.
    pub(super) arrival: Option<i64>,
    pub(super) comments: Vec<Comment>,
    pub(super) deleted: BTreeSet<u64>,
    pub(super) listing: CommentListing,
}

impl IssueSync {
    pub(super) async fn github_now(
        &self,
        target: &Target,
        told: Told,
    ) -> Result<GithubNow, Failure> {
        match &self.github {
            Some(github) => asked(github, target, told).await,
            None => Ok(as_told(told)),
        }
    }
}

fn as_told(told: Told) -> GithubNow {
    let Told { issue, arrival, comments, deleted, gone, cause: _ } = told;
    match (gone, issue) {
        (Some(gone), _) => GithubNow::Gone(gone),
        (None, Some(issue)) => {
            let listing = CommentListing::Partial;
            let arrival = Some(arrival);
            GithubNow::Present(Box::new(Present { issue, arrival, comments, deleted, listing }))
        }
        (None, None) => GithubNow::Unknown,
    }
}

async fn asked(github: &GitHub, target: &Target, told: Told) -> Result<GithubNow, Failure> {
    let mut at = (target.repository.name.clone(), target.number);
    let mut fetched = github.fetch_issue(&at.0, at.1).await?;
    if let Fetched::MovedTo { repository, number } = fetched {
        // A renamed repository redirects too, and there the issue is still the same one.
        at = (repository, number);
        fetched = github.fetch_issue(&at.0, at.1).await?;
    }
    let (repository, number) = &at;
    let issue = match fetched {
        Fetched::Found(issue) if issue.id == target.issue => issue,
        Fetched::Found(_) | Fetched::MovedTo { .. } => {
            let to = Some(format!("{repository}#{number}"));
            return Ok(GithubNow::Gone(told.gone.unwrap_or(Gone::Transferred { to })));
        }
        Fetched::Sketched(sketch) => {
            return Ok(match told.issue {
                Some(known) => as_told(Told { issue: Some(sketch.over(known)), ..told }),
                None => as_told(told),
            });
        }
        Fetched::Gone => return Ok(GithubNow::Gone(told.gone.unwrap_or(Gone::Deleted))),
        Fetched::NotFound => return told.gone.map(GithubNow::Gone).ok_or_else(|| unseen(&at)),
    };
    let comments = github.fetch_comments(repository, *number).await?;
    let (comments, deleted, listing) = match comments.fidelity {
        Fidelity::Verbatim => (comments.all, BTreeSet::new(), CommentListing::Whole),
        Fidelity::Altered => (told.comments, told.deleted, CommentListing::Partial),
    };
    let arrival = None;
    Ok(GithubNow::Present(Box::new(Present { issue, arrival, comments, deleted, listing })))
}

fn unseen((repository, number): &(RepositoryName, u64)) -> Failure {
    Failure::retry(format!(
        "GitHub does not show {repository}#{number} (404): give github.token read access to the repository's issues"
    ))
}
