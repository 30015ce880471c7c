//! What may be typed after `recover`.

use clap::Args;

use super::{Listing, When};
use crate::config::RepositoryName;
use crate::jobs::recover::Mode;

#[derive(Debug, Args)]
pub(in crate::cli) struct RecoverArguments {
    /// Ask for nothing; tell what is missing, and end with 1 if anything is
    #[arg(long)]
    dry_run: bool,
    /// Only of this repository
    #[arg(long, value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: Option<RepositoryName>,
    /// Look back to then: 2026-11-22, 2026-11-22T10:00:00Z, or 2h (ago) [default: to where the last run began, as far as GitHub tells]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<When>,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}

impl RecoverArguments {
    pub(in crate::cli) fn mode(&self) -> Mode {
        if self.dry_run { Mode::Look } else { Mode::Ask }
    }
}
