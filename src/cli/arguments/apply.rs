//! What may be typed after `apply`.

use std::path::PathBuf;

use clap::Args;

use super::{Doing, Listing};
use crate::apply::Unnamed;

#[derive(Debug, Args)]
pub(in crate::cli) struct ApplyArguments {
    /// A file with [[repositories]], as in jetbridge.toml; other keys are checked and left alone
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Change nothing; show the difference, and what it would write to Plane
    #[arg(long)]
    dry_run: bool,
    /// Remove repositories that people added and the file does not name; what they sent stays
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}

impl ApplyArguments {
    pub(in crate::cli) fn doing(&self) -> Doing {
        if self.dry_run { Doing::Preview } else { Doing::Act }
    }

    pub(in crate::cli) fn unnamed(&self) -> Unnamed {
        if self.prune { Unnamed::Remove } else { Unnamed::Keep }
    }
}
