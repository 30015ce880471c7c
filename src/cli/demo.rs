//! `jetbridge demo`: of the configuration it takes where to listen, and nothing else.

use std::path::PathBuf;

use super::arguments::DemoArguments;
use super::{Context, Failed, serve};
use crate::config::ConfigError;
use crate::demo::{self, DemoError, Remembering, Setup, Voice};
use crate::telemetry;

/// What a wall screen overnight has to hold, and enough to look back for twenty minutes.
const ACTIONS_REMEMBERED: usize = 600;

/// Runs until a signal ends it.
pub(super) fn run(arguments: &DemoArguments, context: &Context) -> Result<(), Failed> {
    if context.overrides.database_url.is_some() {
        return Err(Failed::Usage(
            "the demo keeps a database of its own: leave --database-url out".to_owned(),
        ));
    }
    // The faults are the play, and the play is told on standard output.
    telemetry::init_at("off", &context.environment).map_err(|e| Failed::Usage(e.to_string()))?;
    let settings = context.settings()?;
    let setup = Setup {
        listen: settings.without_secrets().listen,
        data_dir: context.overrides.data_dir.as_ref().map(PathBuf::from),
        pace: arguments.pace,
        seed: arguments.seed.unwrap_or_else(rand::random),
        voice: if arguments.quiet { Voice::Quiet } else { Voice::Aloud },
        remembering: Remembering::Newest(ACTIONS_REMEMBERED),
    };
    let played = serve::runtime()?.block_on(demo::run(setup));
    played.map_err(|error| match error {
        DemoError::Token(error) => ConfigError::into(error),
        other => Failed::Operation(other.to_string()),
    })
}
