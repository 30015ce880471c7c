//! `jetbridge serve`: logging, configuration, threads; then the service takes over.

use tokio::runtime::Runtime;

use super::arguments::ServeArguments;
use super::{Context, Failed};
use crate::app;
use crate::config::load;
use crate::telemetry;

/// More threads than this only wait for the database together.
const MOST_THREADS: usize = 8;
/// Names are looked up on these; nothing else of ours blocks.
const BLOCKING_THREADS: usize = 4;

/// Runs until a signal ends it.
pub(super) fn run(arguments: &ServeArguments, context: &Context) -> Result<(), Failed> {
    telemetry::init(&context.environment).map_err(|e| Failed::Usage(e.to_string()))?;
    runtime()?.block_on(async {
        let (config, warnings) = load(&context.overrides, &context.environment).await?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let served = app::serve(config, arguments.role.into(), context.clock.clone()).await;
        served.map_err(|error| Failed::Operation(error.to_string()))
    })
}

/// Threads for a service.
pub(super) fn runtime() -> Result<Runtime, Failed> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(MOST_THREADS))
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("jetbridge")
        .enable_all()
        .build()
        .map_err(|e| Failed::Operation(format!("can't start threads: {e}")))
}
