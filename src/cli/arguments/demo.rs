//! What may be typed behind `demo`.

use clap::Args;

use crate::demo::pace::Pace;

/// Nothing real is asked or told, whatever is configured. The data is in a temporary folder, which
/// is removed at the end, unless --data-dir names a new one to keep.
#[derive(Debug, Args)]
pub(in crate::cli) struct DemoArguments {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(in crate::cli) listen: Option<String>,
    /// Time from one action to the next, such as 500ms or 5s
    #[arg(long, value_name = "TIME", default_value_t = Pace::default())]
    pub(in crate::cli) pace: Pace,
    /// Repeat a certain play; its number is told at the start [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::cli) seed: Option<u64>,
    /// Do not tell each action
    #[arg(long)]
    pub(in crate::cli) quiet: bool,
}
