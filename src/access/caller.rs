//! Who asks: the name that is shown and kept, how they came in, and how much they may do.

use std::fmt;
use std::str::FromStr;

use super::Scope;

/// Whoever sent a request or typed a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's name, `admin` for the admin token, the system's user for a command.
    pub name: String,
    /// How they came in.
    pub kind: CallerKind,
    /// How much they may do.
    pub scope: Scope,
}

/// How a caller came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    /// With the configured admin token in a header.
    AdminToken,
    /// With an API token in a header.
    ApiToken,
    /// With a browser that signed in.
    Session,
    /// With a command on the server.
    Cli,
    /// Not at all: a sign-in that was refused.
    Nobody,
}

impl CallerKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AdminToken, Self::ApiToken, Self::Session, Self::Cli, Self::Nobody];

    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AdminToken => "admin-token",
            Self::ApiToken => "api-token",
            Self::Session => "session",
            Self::Cli => "cli",
            Self::Nobody => "nobody",
        }
    }
}

impl fmt::Display for CallerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected admin-token, api-token, session, cli or nobody")]
pub struct UnknownCallerKind;

impl FromStr for CallerKind {
    type Err = UnknownCallerKind;

    fn from_str(text: &str) -> Result<Self, UnknownCallerKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownCallerKind)
    }
}
