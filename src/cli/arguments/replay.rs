//! What may be typed after `deliveries replay`: one delivery, or all that match.

use clap::{ArgGroup, Args};

use super::{Listing, StatusName, When};
use crate::sources::Source;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true)
    .args(["one", "status", "of", "event", "repository", "item", "text", "since", "until"]))]
pub(in crate::cli) struct ReplayArguments {
    /// One delivery: its sender (plane, github) and its id, as deliveries list shows them
    #[arg(value_names = ["SOURCE", "DELIVERY"], num_args = 2,
        conflicts_with_all = ["status", "of", "event", "repository", "item", "text", "since", "until", "dry_run", "json"])]
    pub(in crate::cli) one: Option<Vec<String>>,
    /// All with this status [default: failed, the dead letters]
    #[arg(long, value_enum)]
    pub(in crate::cli) status: Option<StatusName>,
    /// Only from this sender (plane, github)
    #[arg(long = "source", value_name = "SOURCE")]
    pub(in crate::cli) of: Option<Source>,
    /// Only this event, such as issue.updated or issues
    #[arg(long)]
    pub(in crate::cli) event: Option<String>,
    /// Only of this repository
    #[arg(long, value_name = "OWNER/NAME")]
    pub(in crate::cli) repository: Option<String>,
    /// Only about this work item, such as plane:ID
    #[arg(long, value_name = "REF")]
    pub(in crate::cli) item: Option<String>,
    /// Only with this beginning of the id, this item key, or these words in the error
    #[arg(long, short = 'q', value_name = "TEXT")]
    pub(in crate::cli) text: Option<String>,
    /// Only received since: 2026-11-22, 2026-11-22T10:00:00Z, or 2h (ago)
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) since: Option<When>,
    /// Only received until: as for --since
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) until: Option<When>,
    /// Change nothing; say what would be queued again
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) listing: Listing,
}
