//! What expressions may speak of: an event in the words of no particular sender, and the one table
//! of names that stands in docs/rules.md, too. What is missing is empty.

use crate::sync::github::{Comment, Issue, IssueState};

/// How much of a text is looked at, in bytes.
pub const MOST_TEXT: usize = 64 << 10;
/// How many labels or people are looked at.
pub const MOST_ENTRIES: usize = 200;

/// What one expression is reckoned with. The default is nothing at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The sender's word for what was sent: `issues`, `issue_comment`.
    pub event: String,
    /// What happened: `opened`, `labeled`, `created`.
    pub action: String,
    /// The login of whose doing it is.
    pub sender: String,
    /// `owner/name`, as configured.
    pub repository: String,
    /// The issue, as it was after that.
    pub issue: IssueFacts,
    /// The comment, where one was made, changed or deleted.
    pub comment: CommentFacts,
}

/// An issue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueFacts {
    /// The number people see.
    pub number: i64,
    /// The title.
    pub title: String,
    /// The Markdown.
    pub body: String,
    /// `open` or `closed`.
    pub state: String,
    /// `completed`, `not_planned`, `duplicate`, `reopened`, or nothing.
    pub state_reason: String,
    /// Names of labels.
    pub labels: Vec<String>,
    /// Logins.
    pub assignees: Vec<String>,
    /// The login of who opened it.
    pub author: String,
    /// Whether it is a pull request.
    pub pull_request: bool,
    /// Where a person opens it.
    pub url: String,
}

/// A comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommentFacts {
    /// The Markdown.
    pub body: String,
    /// The login of who wrote it.
    pub author: String,
    /// Where a person opens it.
    pub url: String,
}

impl From<&Issue> for IssueFacts {
    fn from(issue: &Issue) -> Self {
        let (state, state_reason) = match issue.state {
            IssueState::Open => ("open", ""),
            IssueState::Reopened => ("open", "reopened"),
            IssueState::Completed => ("closed", "completed"),
            IssueState::NotPlanned => ("closed", "not_planned"),
            IssueState::Duplicate => ("closed", "duplicate"),
        };
        let facts = Self {
            number: i64::try_from(issue.number).unwrap_or(i64::MAX),
            title: issue.title.clone(),
            body: issue.body.clone().unwrap_or_default(),
            state: state.to_owned(),
            state_reason: state_reason.to_owned(),
            labels: issue.labels.iter().map(|label| label.name.clone()).collect(),
            assignees: issue.assignees.iter().map(|account| account.login.clone()).collect(),
            author: issue.author.as_ref().map(|a| a.login.clone()).unwrap_or_default(),
            pull_request: issue.pull_request,
            url: issue.html_url.clone(),
        };
        facts.bounded()
    }
}

impl IssueFacts {
    /// As much of it as is looked at.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for text in [&mut self.title, &mut self.body] {
            text.truncate(text.floor_char_boundary(MOST_TEXT));
        }
        self.labels.truncate(MOST_ENTRIES);
        self.assignees.truncate(MOST_ENTRIES);
        self
    }
}

impl From<&Comment> for CommentFacts {
    fn from(comment: &Comment) -> Self {
        Self {
            body: cut(&comment.body),
            author: comment.author.as_ref().map(|a| a.login.clone()).unwrap_or_default(),
            url: comment.html_url.clone(),
        }
    }
}

/// As much of a text as is looked at.
fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MOST_TEXT)].to_owned()
}

/// What a fact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    /// True or false.
    Truth,
    /// A whole number.
    Number,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
}

impl FactKind {
    pub(super) fn as_type(self) -> super::expression::Type {
        use super::expression::Type;
        match self {
            Self::Truth => Type::Bool,
            Self::Number => Type::Int,
            Self::Text => Type::Text,
            Self::Texts => Type::texts(),
        }
    }
}

/// What a fact holds in one event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Held<'a> {
    Truth(bool),
    Number(i64),
    Text(&'a str),
    Texts(&'a [String]),
}

/// One name.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// As it is written: `issue.title`.
    pub name: &'static str,
    /// What it is.
    pub kind: FactKind,
    /// Whether rules may use it, too: it belongs to the state and not to what happened.
    pub is_state: bool,
    pub(super) fact: Fact,
}

macro_rules! facts {
    ($($variant:ident $name:literal $kind:ident $scope:ident => $($field:ident).+;)+) => {
        /// Which fact.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Fact { $($variant),+ }

        /// Every name that there is.
        pub const FACTS: &[Named] = &[$(Named {
            name: $name,
            kind: FactKind::$kind,
            is_state: facts!(@ $scope),
            fact: Fact::$variant,
        }),+];

        impl Facts {
            pub(super) fn held(&self, fact: Fact) -> Held<'_> {
                match fact { $(Fact::$variant => facts!(# $kind self.$($field).+)),+ }
            }
        }
    };
    (@ event) => { false };
    (@ state) => { true };
    (# Truth $value:expr) => { Held::Truth($value) };
    (# Number $value:expr) => { Held::Number($value) };
    (# Text $value:expr) => { Held::Text(&$value) };
    (# Texts $value:expr) => { Held::Texts(&$value) };
}

facts! {
    Event "event" Text event => event;
    Action "action" Text event => action;
    Sender "sender" Text event => sender;
    Repository "repository" Text state => repository;
    Number "issue.number" Number state => issue.number;
    Title "issue.title" Text state => issue.title;
    Body "issue.body" Text state => issue.body;
    State "issue.state" Text state => issue.state;
    StateReason "issue.state_reason" Text state => issue.state_reason;
    Labels "issue.labels" Texts state => issue.labels;
    Assignees "issue.assignees" Texts state => issue.assignees;
    Author "issue.author" Text state => issue.author;
    PullRequest "issue.pull_request" Truth state => issue.pull_request;
    Url "issue.url" Text state => issue.url;
    CommentBody "comment.body" Text event => comment.body;
    CommentAuthor "comment.author" Text event => comment.author;
    CommentUrl "comment.url" Text event => comment.url;
}
