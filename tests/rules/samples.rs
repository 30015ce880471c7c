//! An event and an issue to ask about.

use jetbridge::rules::{CommentFacts, Facts, IssueFacts};
use jetbridge::sync::github::{Account, Issue, IssueLabel, IssueState};

pub fn facts() -> Facts {
    Facts {
        event: "issue_comment".to_owned(),
        action: "created".to_owned(),
        sender: "grace".to_owned(),
        repository: "octo/hello".to_owned(),
        issue: IssueFacts::from(&issue()),
        comment: CommentFacts {
            body: "I see it, too".to_owned(),
            author: "grace".to_owned(),
            url: String::new(),
        },
    }
}

pub fn issue() -> Issue {
    let at = "2026-11-22T01:00:00Z".parse().unwrap();
    let label = |name: &str| IssueLabel {
        id: None,
        name: name.to_owned(),
        color: Some("d73a4a".to_owned()),
    };
    Issue {
        id: 1001,
        number: 42,
        repository: "octo/hello".to_owned(),
        repository_id: Some(5),
        title: "Crash on Start: ü".to_owned(),
        body: None,
        state: IssueState::Open,
        labels: vec![label("bug"), label("P1")],
        assignees: vec![Account { id: 7, login: "ada".to_owned() }],
        author: Some(Account { id: 8, login: "grace".to_owned() }),
        html_url: "https://github.com/octo/hello/issues/42".to_owned(),
        pull_request: false,
        created_at: at,
        updated_at: at,
        closed_at: None,
        milestone: jetbridge::sync::github::Milestoned::Unsaid,
        parent: None,
    }
}
