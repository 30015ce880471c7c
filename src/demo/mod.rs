//! `jetbridge demo`: the whole service between a GitHub and a Plane that are played inside this
//! process, with people who act there, so that a newcomer sees webhooks arrive, the sync happen
//! and cards move without an account anywhere.
//!
//! The rule: only the other side is played. Everything between the webhook and the board is the
//! real thing over real HTTP on 127.0.0.1, and nothing here reaches past it, but for throwing old
//! data away (`store/sweep`). Nothing real is asked or told: of the configuration only `listen`
//! counts.
//!
//! `script` decides what happens (pure), `acting` does it, `stage` builds what it happens on.

mod acting;
pub mod cast;
mod folder;
mod greeting;
pub mod pace;
pub mod script;
mod stage;
mod texts;
mod view;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::time::sleep;

use crate::app::{self, ServeError};
use crate::config::ConfigError;
use crate::store::StoreError;
use pace::Pace;
pub use stage::{Demo, Remembering};

/// How a demo is to be.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where people's browsers find it.
    pub listen: SocketAddr,
    /// Where the data is kept; none for a temporary folder.
    pub data_dir: Option<PathBuf>,
    /// How quickly things happen.
    pub pace: Pace,
    /// What happens, as a number.
    pub seed: u64,
    /// Whether it says what happens.
    pub voice: Voice,
    /// How much of the past stays.
    pub remembering: Remembering,
}

/// Whether each action is told on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// One line an action.
    Aloud,
    /// Nothing after the greeting.
    Quiet,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The address.
    #[error("can't listen on {address}: {source}; name a free one with --listen 127.0.0.1:0")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A simulator has no port.
    #[error("a simulator can't listen on 127.0.0.1: {0}; try again")]
    Simulator(io::Error),
    /// The folder holds a database.
    #[error("{} holds a database already, which the demo leaves alone: name a new folder with --data-dir, or leave it out", .0.display())]
    FolderInUse(PathBuf),
    /// The folder can't be made.
    #[error("can't make the folder {}: {source}; name another with --data-dir", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The admin token.
    #[error(transparent)]
    Token(#[from] ConfigError),
    /// The service does not start.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Its database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Plays until SIGTERM or SIGINT.
///
/// # Errors
/// When it can't start.
pub async fn run(setup: Setup) -> Result<(), DemoError> {
    let mut stopped = tokio::spawn(app::stop_signal());
    let mut demo = Demo::start(&setup).await?;
    greeting::print(&demo, &setup);
    let mut said = demo.open_curtain().await;
    loop {
        if setup.voice == Voice::Aloud {
            for line in said.drain(..) {
                // A closed standard output is nobody's problem.
                let _ = writeln!(io::stdout().lock(), "{line}");
            }
        }
        tokio::select! {
            _ = &mut stopped => break,
            () = sleep(setup.pace.wait(setup.seed, demo.step())) => {}
        }
        said = demo.play().await.into_iter().collect();
    }
    demo.stop().await;
    Ok(())
}
