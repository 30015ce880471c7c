//! One line of the audit log: who did what to what, from where, when, and how it ended.
//!
//! No secret and no body is ever part of it: it holds the words for a deed, the variable parts of
//! an address, and what a handler says about its target.

use std::fmt;
use std::str::FromStr;

use super::{Caller, CallerKind, Scope};
use crate::clock::Timestamp;

/// Longest target that is kept, in characters.
const LONGEST_TARGET: usize = 300;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The caller may not.
    Refused,
    /// The caller may, but it could not be done.
    Failed,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Failed];

    /// The word that is stored, sent and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// What an HTTP status means for it.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 | 429 => Self::Refused,
            0..=399 => Self::Done,
            _ => Self::Failed,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected done, refused or failed")]
pub struct UnknownOutcome;

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or(UnknownOutcome)
    }
}

/// What is written down of one deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When it ended.
    pub at: Timestamp,
    /// Who: a token's name, `admin`, or the system's user; empty for nobody.
    pub actor: String,
    /// How they came in.
    pub kind: CallerKind,
    /// How much they may do; nobody may do anything.
    pub scope: Option<Scope>,
    /// What, such as `replay a delivery`.
    pub action: String,
    /// Which one, such as `plane/0195…`; may be empty.
    pub target: String,
    /// `POST /api/v1/…` with `{parts}`, or the command.
    pub route: String,
    /// The address that the request came from; empty for a command.
    pub address: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
}

impl AuditEntry {
    /// Of a deed of `caller`'s, done, with neither target nor address.
    pub fn of(at: Timestamp, caller: &Caller, action: &str, route: impl Into<String>) -> Self {
        Self {
            at,
            actor: caller.name.clone(),
            kind: caller.kind,
            scope: Some(caller.scope),
            action: action.to_owned(),
            target: String::new(),
            route: route.into(),
            address: String::new(),
            outcome: Outcome::Done,
            status: None,
        }
    }

    /// Of a deed that somebody unknown tried.
    pub fn of_nobody(at: Timestamp, action: &str, route: impl Into<String>) -> Self {
        let nobody = Caller { name: String::new(), kind: CallerKind::Nobody, scope: Scope::Viewer };
        Self { scope: None, ..Self::of(at, &nobody, action, route) }
    }

    /// With its target: one line, cut where it is too long. A token that somebody put where a
    /// name belongs is left out.
    #[must_use]
    pub fn with_target(mut self, target: &str) -> Self {
        let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        self.target = if ["jbt_", "jba_"].iter().any(|prefix| target.contains(prefix)) {
            "[a token]".to_owned()
        } else {
            target.chars().take(LONGEST_TARGET).map(plain).collect()
        };
        self
    }

    /// With the HTTP status that says how it ended.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        (self.outcome, self.status) = (Outcome::of_status(status), Some(status));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_how_it_ended() {
        for (status, outcome) in [
            (202, Outcome::Done),
            (303, Outcome::Done),
            (403, Outcome::Refused),
            (429, Outcome::Refused),
            (404, Outcome::Failed),
            (503, Outcome::Failed),
        ] {
            assert_eq!(Outcome::of_status(status), outcome, "{status}");
        }
    }

    #[test]
    fn a_target_is_one_short_line() {
        let entry = AuditEntry::of_nobody(Timestamp::UNIX_EPOCH, "sign in", "POST /login");
        let target = format!("a\0b\n{}", "x".repeat(400));
        let kept = entry.with_target(&target).target;
        assert!(kept.starts_with("a\u{fffd}b\u{fffd}x") && kept.chars().count() == 300);
        let entry = AuditEntry::of_nobody(Timestamp::UNIX_EPOCH, "sign in", "POST /login");
        assert_eq!(entry.with_target("x/jbt_0123").target, "[a token]");
    }
}
