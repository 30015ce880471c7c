//! GitHub's side as it is now: asked for where a client is configured, else as webhooks told it.

use std::collections::{BTreeMap, BTreeSet};

use super::IssueSync;
use crate::clients::github::{Fetched, Fidelity, GitHub, ReadGitHub};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::failure::Failure;
use crate::ids::DeliveryId;
use crate::sources::Source;
use crate::store::repositories::Repository;
use crate::sync::github::{Comment, Issue, Milestoned};
use crate::sync::parents::ParentWord;
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
    /// What it said last of the issue's parent.
    pub parent: Option<ParentWord>,
    /// It was deleted or transferred.
    pub gone: Option<Gone>,
    /// The newest delivery that told it, for the record; `None` where a person asks.
    pub cause: Option<(Source, DeliveryId)>,
    /// Which side had something to tell.
    pub occasion: Occasion,
}

/// Why an issue is brought in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Occasion {
    /// GitHub told something of it, or a person asks.
    #[default]
    Github,
    /// Plane told of its people, and GitHub of nothing.
    PlanesPeople,
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
    pub(super) fn asked(&self) -> Option<Box<Issue>> {
        match self {
            Self::Present(present) if present.arrival.is_none() => {
                Some(Box::new(present.issue.clone()))
            }
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
    /// `known` is the time of the newest state that was carried over.
    pub(super) async fn github_now(
        &self,
        target: &Target,
        told: Told,
        known: Option<Timestamp>,
    ) -> Result<GithubNow, Failure> {
        match self.github.as_ref().filter(|github| github.reads(&target.repository.name)) {
            Some(github) => asked(github, target, told, known).await,
            None => Ok(as_told(told)),
        }
    }
}

fn as_told(told: Told) -> GithubNow {
    let Told { issue, arrival, comments, deleted, gone, parent: _, cause: _, occasion: _ } = told;
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

async fn asked(
    github: &GitHub,
    target: &Target,
    told: Told,
    known: Option<Timestamp>,
) -> Result<GithubNow, Failure> {
    let mut at = (target.repository.name.clone(), target.number);
    let mut fetched = github.fetch_issue(&at.0, at.1).await?;
    if let Fetched::MovedTo { repository, number } = fetched {
        // A renamed repository redirects too, and there the issue is still the same one.
        at = (repository, number);
        fetched = github.fetch_issue(&at.0, at.1).await?;
    }
    let (repository, number) = &at;
    let mut issue = match fetched {
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
    if is_behind(&issue, &told, known) {
        return Ok(as_told(Told { issue: newer(told.issue, issue), ..told }));
    }
    // Some servers leave milestones out; then what a webhook of that state told is as good.
    let told_then = told.issue.as_ref().filter(|told| told.updated_at >= issue.updated_at);
    if let (Milestoned::Unsaid, Some(told)) = (&issue.milestone, told_then) {
        issue.milestone.clone_from(&told.milestone);
    }
    let comments = github.fetch_comments(repository, *number).await?;
    let (comments, deleted, listing) = match comments.fidelity {
        Fidelity::Verbatim => {
            (brought_up(comments.all, told), BTreeSet::new(), CommentListing::Whole)
        }
        Fidelity::Altered => (told.comments, told.deleted, CommentListing::Partial),
    };
    let arrival = None;
    Ok(GithubNow::Present(Box::new(Present { issue, arrival, comments, deleted, listing })))
}

/// Whether GitHub's answer is older than what it told itself: a webhook at hand, or the state
/// that was carried over last (`known`). It reads from copies. Such an answer proves nothing, and
/// least of all that what it does not list was deleted.
fn is_behind(issue: &Issue, told: &Told, known: Option<Timestamp>) -> bool {
    let told = told.issue.as_ref().map(|issue| issue.updated_at);
    told.max(known).is_some_and(|newest| issue.updated_at < newest)
}

fn newer(told: Option<Issue>, asked: Issue) -> Option<Issue> {
    told.filter(|told| told.updated_at > asked.updated_at).or(Some(asked))
}

/// A whole listing, each comment as it was last written: an edit moves no time of its issue, so
/// the listing may lack one that a webhook told.
fn brought_up(listed: Vec<Comment>, told: Told) -> Vec<Comment> {
    let mut later: BTreeMap<_, _> = told.comments.into_iter().map(|c| (c.id, c)).collect();
    let kept = listed.into_iter().filter(|comment| !told.deleted.contains(&comment.id));
    let newest = kept.map(|comment| match later.remove(&comment.id) {
        Some(told) if told.updated_at > comment.updated_at => told,
        _ => comment,
    });
    newest.collect()
}

fn unseen((repository, number): &(RepositoryName, u64)) -> Failure {
    Failure::retry(format!(
        "GitHub does not show {repository}#{number} (404): give github.token read access to the repository's issues"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::github::IssueState;

    fn at(second: u32) -> Timestamp {
        format!("2026-11-22T02:00:{second:02}Z").parse().unwrap()
    }

    fn issue(second: u32) -> Issue {
        Issue {
            id: 1,
            number: 1,
            repository: "octo/hello".to_owned(),
            repository_id: None,
            title: format!("At {second}"),
            body: None,
            state: IssueState::Open,
            labels: Vec::new(),
            assignees: Vec::new(),
            author: None,
            html_url: String::new(),
            pull_request: false,
            created_at: at(0),
            updated_at: at(second),
            closed_at: None,
            milestone: Milestoned::Unsaid,
            parent: None,
        }
    }

    fn comment(id: u64, second: u32) -> Comment {
        Comment {
            id,
            body: format!("At {second}"),
            author: None,
            html_url: String::new(),
            created_at: at(0),
            updated_at: at(second),
        }
    }

    #[test]
    fn an_answer_older_than_a_webhook_or_than_what_was_carried_over_is_behind() {
        let told = |issue| Told { issue, ..Told::default() };
        assert!(is_behind(&issue(5), &told(Some(issue(6))), None));
        assert!(is_behind(&issue(5), &told(None), Some(at(6))));
        assert!(is_behind(&issue(5), &told(Some(issue(4))), Some(at(6))));
        assert!(!is_behind(&issue(5), &told(Some(issue(5))), Some(at(5))));
        assert!(!is_behind(&issue(5), &told(None), None));
    }

    #[test]
    fn a_listing_lacks_neither_a_later_edit_nor_a_deletion() {
        let told = Told {
            comments: vec![comment(1, 3), comment(2, 1), comment(4, 9)],
            deleted: BTreeSet::from([3]),
            ..Told::default()
        };
        let listed = vec![comment(1, 2), comment(2, 2), comment(3, 2)];
        // What a whole and present listing does not hold was deleted meanwhile.
        assert_eq!(brought_up(listed, told), [comment(1, 3), comment(2, 2)]);
    }
}
