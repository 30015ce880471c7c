//! What a server tells, as told among all servers: its ids and its names for repositories become
//! such that no other server has them. The one place where a payload meets its host.

use super::{
    Account, Comment, CommentEvent, Event, IssueAction, IssueEvent, Label, LabelEvent,
    MilestoneEvent, PullRequestEvent, Repository, Review, SubIssueEvent, Thing,
};
use crate::config::GithubHost;
use crate::sync::parents::ParentIssue;

impl Event {
    /// The same, told by a server.
    pub(super) fn on(self, host: &GithubHost) -> Self {
        if host.is_default() {
            return self;
        }
        match self {
            Self::Issue(event) => Self::Issue(Box::new(issue_event(*event, host))),
            Self::Comment(event) => {
                let CommentEvent { action, repository, issue, comment, found_at } = *event;
                Self::Comment(Box::new(CommentEvent {
                    action,
                    repository: place(repository, host),
                    issue: thing(issue, host),
                    comment: said(comment, host),
                    found_at,
                }))
            }
            Self::PullRequest(event) => {
                Self::PullRequest(Box::new(pull_request_event(*event, host)))
            }
            Self::Label(event) => Self::Label(Box::new(LabelEvent {
                repository: place(event.repository, host),
                id: host.id(event.id),
                label: label(event.label, host),
                ..*event
            })),
            Self::Milestone(event) => {
                let MilestoneEvent { action, repository, milestone } = *event;
                Self::Milestone(Box::new(MilestoneEvent {
                    action,
                    repository: place(repository, host),
                    milestone: milestone.on(host),
                }))
            }
            Self::SubIssue(event) => {
                let SubIssueEvent { repository, place: own, issue, parent } = *event;
                Self::SubIssue(Box::new(SubIssueEvent {
                    repository: place(repository, host),
                    place: place(own, host),
                    issue: thing(issue, host),
                    parent: parent.map(|parent| ParentIssue {
                        id: host.id(parent.id),
                        key: host.named(parent.key),
                    }),
                }))
            }
            Self::Other { name } => Self::Other { name },
        }
    }
}

fn issue_event(event: IssueEvent, host: &GithubHost) -> IssueEvent {
    let IssueEvent { action, repository, issue, found_at } = event;
    let action = match action {
        IssueAction::Transferred { to } => {
            IssueAction::Transferred { to: to.map(|id| host.id(id)) }
        }
        IssueAction::Opened | IssueAction::Deleted | IssueAction::Changed => action,
    };
    let (repository, issue) = (place(repository, host), thing(issue, host));
    IssueEvent { action, repository, issue, found_at }
}

fn pull_request_event(event: PullRequestEvent, host: &GithubHost) -> PullRequestEvent {
    let review = event.review.map(|review| Review {
        id: host.id(review.id),
        author: review.author.map(|author| account(author, host)),
        ..review
    });
    // People and teams who are asked are known by their ids among one server's.
    PullRequestEvent {
        repository: place(event.repository, host),
        pull_request: thing(event.pull_request, host),
        review,
        asked: event.asked.into_iter().map(|id| asked(id, host)).collect(),
        ..event
    }
}

fn asked(id: String, host: &GithubHost) -> String {
    match id.strip_prefix("team:") {
        Some(team) => format!("team:{}", asked(team.to_owned(), host)),
        None => id.parse().map_or(id, |id| host.id(id).to_string()),
    }
}

fn place(repository: Repository, host: &GithubHost) -> Repository {
    let Repository { id, full_name } = repository;
    Repository { id: id.map(|id| host.id(id)), full_name: host.named(full_name) }
}

fn account(account: Account, host: &GithubHost) -> Account {
    Account { id: host.id(account.id), ..account }
}

fn label(label: Label, host: &GithubHost) -> Label {
    Label { id: label.id.map(|id| host.id(id)), ..label }
}

fn said(comment: Comment, host: &GithubHost) -> Comment {
    Comment {
        id: host.id(comment.id),
        author: comment.author.map(|author| account(author, host)),
        ..comment
    }
}

fn thing(thing: Thing, host: &GithubHost) -> Thing {
    let all = |labels: Vec<Label>| labels.into_iter().map(|l| label(l, host)).collect();
    let people = |people: Vec<Account>| people.into_iter().map(|p| account(p, host)).collect();
    Thing {
        id: host.id(thing.id),
        labels: thing.labels.map(all),
        assignees: thing.assignees.map(people),
        author: thing.author.map(|author| account(author, host)),
        milestone: thing.milestone.on(host),
        parent: thing.parent.map(|key| host.named(key)),
        ..thing
    }
}
