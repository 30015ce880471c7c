//! What may be typed after `backfill`.

use clap::Args;

use super::Listing;
use crate::config::RepositoryName;
use crate::jobs::backfill::Begin;

#[derive(Debug, Args)]
pub(in crate::cli) struct BackfillArguments {
    /// The repository, which must be configured
    #[arg(value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: RepositoryName,
    /// Begin at the first issue, also where an earlier run was left off or came to its end
    #[arg(long)]
    anew: bool,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}

impl BackfillArguments {
    pub(in crate::cli) fn from(&self) -> Begin {
        if self.anew { Begin::TheBeginning } else { Begin::WhereItWas }
    }
}
