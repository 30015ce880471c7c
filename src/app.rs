//! Wiring: a stand-in until the real one is merged.

use crate::clock::Clock;
use crate::config::Config;

/// Which half of the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Both halves in one process.
    All,
    /// Takes webhooks and shows pages.
    Receiver,
    /// Works off the queue.
    Worker,
}

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServeError(pub String);

/// Runs until asked to stop.
pub async fn serve(_config: Config, _role: Role, _clock: Clock) -> Result<(), ServeError> {
    unimplemented!()
}
