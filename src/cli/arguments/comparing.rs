//! What may be typed after `reconcile`.

use clap::Args;

use super::{Doing, Listing};
use crate::config::RepositoryName;
use crate::jobs::reconcile::Missing;

#[derive(Debug, Args)]
pub(in crate::cli) struct ReconcileArguments {
    /// Change nothing; tell what differs and what would be put in
    #[arg(long)]
    dry_run: bool,
    /// Only this repository, and the Plane project that it is kept in step with
    #[arg(long, value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: Option<RepositoryName>,
    /// Compare everything, not only what changed since the last time: finds what was deleted
    #[arg(long)]
    pub(in crate::cli) full: bool,
    /// Take what a side no longer shows for deleted, also where nothing says so, and however much
    /// that is; look at it with --dry-run before
    #[arg(long, requires = "full")]
    missing_is_deleted: bool,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}

impl ReconcileArguments {
    pub(in crate::cli) fn missing(&self) -> Missing {
        if self.missing_is_deleted { Missing::IsDeleted } else { Missing::IsTold }
    }

    pub(in crate::cli) fn doing(&self) -> Doing {
        if self.dry_run { Doing::Preview } else { Doing::Act }
    }
}
