//! What may be typed after `rebuild`, `retention`, `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

use super::{Format, Listing};
use crate::jobs::rebuild::Mode;

#[derive(Debug, Args)]
pub(in crate::cli) struct RebuildArguments {
    /// Change nothing; tell what differs, and end with 1 if anything does
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}

impl RebuildArguments {
    pub(in crate::cli) fn mode(&self) -> Mode {
        if self.check { Mode::Check } else { Mode::Replace }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RetentionArguments {
    /// Change nothing; tell what would be let go of
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}

/// Whether a command acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Doing {
    /// It does.
    Act,
    /// It tells what it would do.
    Preview,
}

impl RetentionArguments {
    pub(in crate::cli) fn doing(&self) -> Doing {
        if self.dry_run { Doing::Preview } else { Doing::Act }
    }

    pub(in crate::cli) fn format(&self) -> Format {
        self.listing.format()
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BackupArguments {
    /// The file to write
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RestoreArguments {
    /// A file that jetbridge backup wrote
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// Take the place of a database that is there, which is kept aside
    #[arg(long)]
    force: bool,
}

/// What becomes of a file that is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum InTheWay {
    /// It stays, and nothing is done.
    Keep,
    /// It makes room.
    Replace,
}

impl BackupArguments {
    pub(in crate::cli) fn in_the_way(&self) -> InTheWay {
        if self.force { InTheWay::Replace } else { InTheWay::Keep }
    }
}

impl RestoreArguments {
    pub(in crate::cli) fn in_the_way(&self) -> InTheWay {
        if self.force { InTheWay::Replace } else { InTheWay::Keep }
    }
}
