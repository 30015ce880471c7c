//! What may be typed after `rules`.

use clap::{Args, Subcommand};

use super::{Listing, When};
use crate::config::RepositoryName;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RulesCommand {
    /// Try a filter and rules on what GitHub has sent; changes nothing
    Test(RulesTestArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RulesTestArguments {
    /// Whose deliveries [default: the only one that is configured]
    #[arg(long, value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: Option<RepositoryName>,
    /// A filter in place of the configured one
    #[arg(long, value_name = "EXPRESSION")]
    pub(in crate::cli) filter: Option<String>,
    /// A rule in place of the configured ones, as TOML: 'set.priority = "issue…"'; several are tried
    /// in their order
    #[arg(long = "rule", value_name = "TOML")]
    pub(in crate::cli) rules: Vec<String>,
    /// Only received since: 2026-11-22, 2026-11-22T10:00:00Z, or 2h (ago)
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<When>,
    /// The newest so many
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(in crate::cli) limit: u32,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}
