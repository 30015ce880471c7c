//! What may be typed after `token`.

use clap::{Args, Subcommand, ValueEnum};

use super::Listing;
use crate::access::{ApiTokenName, Lifetime, Scope};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TokenCommand {
    /// Make an API token and print its text, once
    Create(TokenCreateArguments),
    /// List the API tokens, newest first
    List(Listing),
    /// Make an API token, and the sessions it opened, good for nothing
    Revoke(TokenRevokeArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TokenCreateArguments {
    /// What it is called; the audit log says it
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: ApiTokenName,
    /// How much it may do
    #[arg(long, value_enum)]
    pub(in crate::cli) scope: ScopeName,
    /// After how many days it ends, such as 30d, or never [default: 90d]
    #[arg(long, value_name = "DAYS")]
    pub(in crate::cli) expires: Option<Lifetime>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct TokenRevokeArguments {
    /// Its name or its number, as token list shows them
    #[arg(value_name = "NAME|ID")]
    pub(in crate::cli) token: String,
}

/// [`Scope`] as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum ScopeName {
    /// Sees boards, items, deliveries and figures
    Viewer,
    /// Also replays deliveries and keeps saved views
    Operator,
    /// Also configures repositories and gives out tokens
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Viewer => Self::Viewer,
            ScopeName::Operator => Self::Operator,
            ScopeName::Admin => Self::Admin,
        }
    }
}
