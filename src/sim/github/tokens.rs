//! Tokens and what they may do, in the words of GitHub's fine-grained permissions.

/// How far a permission goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Not at all.
    None,
    /// Looking.
    Read,
    /// Changing.
    Write,
}

/// Whether labels and assignees may be set; GitHub drops them silently otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushAccess {
    /// They are set.
    Yes,
    /// They are dropped without a word.
    No,
}

/// A token.
#[derive(Debug, Clone)]
pub struct SimToken {
    /// What is sent.
    pub token: String,
    /// Whose it is.
    pub login: String,
    /// Issues, comments, labels.
    pub issues: Access,
    /// Pull requests.
    pub pull_requests: Access,
    /// Hooks and their deliveries.
    pub webhooks: Access,
    /// Hooks of organizations and their deliveries.
    pub organization_hooks: Access,
    /// Whether its user may push.
    pub push: PushAccess,
    /// When it ends, as GitHub says it in a header.
    pub expires: Option<String>,
}

impl SimToken {
    /// One that may do everything.
    pub fn full(token: &str, login: &str) -> Self {
        Self {
            token: token.to_owned(),
            login: login.to_owned(),
            issues: Access::Write,
            pull_requests: Access::Write,
            webhooks: Access::Write,
            organization_hooks: Access::Write,
            push: PushAccess::Yes,
            expires: None,
        }
    }
}
