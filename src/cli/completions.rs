//! `jetbridge completions`.

use clap::CommandFactory;

use super::arguments::Cli;
use super::{Failed, output};

/// Prints what the shell needs to complete our commands.
pub(super) fn run(shell: clap_complete::Shell) -> Result<(), Failed> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "jetbridge", &mut script);
    output::print_bytes(&script)
}
