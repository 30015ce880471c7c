//! Puts the parts together: opens the database, starts the inbox, the worker and the server,
//! and stops them in the order in which nothing is lost.

mod behind;
mod greeting;
mod in_web;
mod outage;
pub mod outside;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::config::{Config, ConfigError, Secrets, load_or_make_admin_token};
use crate::inbox::KnownRepositories;
use crate::live::Live;
use crate::spool::{Spool, SpoolError, folder_in};
use crate::store::{DatabaseUrl, Store, StoreError};
use crate::web;
use crate::web::reality::Reality;
use crate::web::state::WebState;
use behind::Behind;
use in_web::{receiving, shown};
use outage::Database;

/// How long live connections may take to say good-bye.
const LIVE_LIMIT: Duration = Duration::from_secs(2);
/// All of stopping, from the signal to the end of the process.
const STOP_LIMIT: Duration = Duration::from_secs(9);

/// Which half of the work this process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Both.
    All,
    /// Takes deliveries in and shows pages.
    Receiver,
    /// Works the queue off; serves health, metrics and pages too.
    Worker,
}

impl Role {
    fn receives(self) -> bool {
        matches!(self, Self::All | Self::Receiver)
    }
    fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The admin token.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address.
    #[error("can't listen on {address}: {source}; set `listen` to a free address")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the SQLite database.
    #[error("another jetbridge already serves {}: stop it, or set another `data_dir`; several processes need PostgreSQL", .0.display())]
    InUse(PathBuf),
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The data folder.
    #[error("can't write to {}: {source}; make it writable or set `data_dir`", path.display())]
    DataDir {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Serves until SIGTERM or SIGINT, then stops in order.
///
/// # Errors
/// When it can't start.
pub async fn serve(config: Config, role: Role, clock: Clock) -> Result<(), ServeError> {
    let mut config = config;
    outlive_file_limits();
    let token = load_or_make_admin_token(&config.data_dir, &config.admin_token)?;
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().unwrap_or(config.listen);
    config.public_url = with_port(&config.public_url, address.port());
    let mut app =
        App::serving(Reality::Real, &config, &token.secrets, role, clock, listener).await?;
    let mut stopping = pin!(stop_signal());
    let begun = tokio::select! {
        begun = app.begin() => Some(begun),
        () = &mut stopping => None,
    };
    if let Some(Ok(())) = begun {
        let spooled = app.spooled();
        greeting::print(&config, address, app.sign_in_link.as_deref(), spooled.as_deref());
        stopping.await;
    }
    info!("stopping: finishing what is in work");
    app.stop().await;
    begun.unwrap_or(Ok(()))
}

/// A file that may not grow any more is an error to answer, not the end of the process.
#[cfg(target_os = "linux")]
fn outlive_file_limits() {
    /// `SIGXFSZ`, whose handler tokio keeps for as long as the process lives.
    const FILE_TOO_LARGE: i32 = 25;
    if let Err(error) = signal(SignalKind::from_raw(FILE_TOO_LARGE)) {
        warn!("a limit on the size of files would end this process ({error})");
    }
}

#[cfg(not(target_os = "linux"))]
fn outlive_file_limits() {}

/// With port 0 only binding tells which one it is.
fn with_port(public_url: &str, port: u16) -> String {
    public_url
        .strip_suffix(":0")
        .map_or_else(|| public_url.to_owned(), |host| format!("{host}:{port}"))
}

pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn stop_signal() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(error) => {
                warn!("SIGTERM can't be caught ({error}); stop with Ctrl-C");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// A running Jetbridge.
pub struct App {
    /// Its database.
    pub store: Store,
    /// Opens the pages once; `None` while the database that would know of it is away.
    pub sign_in_link: Option<String>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    live: Live,
    spool: Option<Spool>,
    /// What [`App::begin`] has yet to do.
    beginning: Option<(Database, Box<Behind>)>,
    working: Vec<JoinHandle<()>>,
    committers: Vec<JoinHandle<()>>,
    _lock: Option<File>,
}

impl App {
    /// Starts everything that `role` asks for.
    ///
    /// # Errors
    /// When the database, the data folder or the address can't be had.
    pub async fn start(
        config: &Config,
        admin_token: &Secrets,
        role: Role,
        clock: Clock,
        listener: TcpListener,
    ) -> Result<Self, ServeError> {
        Self::start_in(Reality::Real, config, admin_token, role, clock, listener).await
    }

    /// As [`App::start`], with pages that say whether what they show is real.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_in(
        reality: Reality,
        config: &Config,
        admin_token: &Secrets,
        role: Role,
        clock: Clock,
        listener: TcpListener,
    ) -> Result<Self, ServeError> {
        let mut app = Self::serving(reality, config, admin_token, role, clock, listener).await?;
        match app.begin().await {
            Ok(()) => Ok(app),
            Err(error) => {
                app.stop().await;
                Err(error)
            }
        }
    }

    /// Answers requests; [`App::begin`] is to follow.
    async fn serving(
        reality: Reality,
        config: &Config,
        admin_token: &Secrets,
        role: Role,
        clock: Clock,
        listener: TcpListener,
    ) -> Result<Self, ServeError> {
        let lock = lock_data_dir(config)?;
        let spool = outage::open_spool(config, role, &clock)?;
        let (store, database) = outage::open_store(config, spool.as_ref(), &clock).await?;
        if lock.is_some() {
            release_all(&store).await?;
        }
        let (stop, stopped) = watch::channel(false);
        let live = Live::new(store.clone(), stopped.clone());
        let repositories = KnownRepositories::new(
            store.clone(),
            clock.clone(),
            &config.repositories,
            config.github.unknown_repositories,
        );
        let shown = shown(config, admin_token, &store, &clock, &live);
        let state = WebState { spool, reality, ..shown };
        let behind = Behind {
            config: config.clone(),
            role,
            state: state.clone(),
            repositories: repositories.clone(),
            stopped: stopped.clone(),
        };
        let (intake, committers) = if role.receives() {
            let (intake, committers) = receiving(config, &state, repositories);
            (Some(intake), committers)
        } else {
            (None, Vec::new())
        };
        let routes = web::routes(&state, intake);
        let server = tokio::spawn(web::server::serve(listener, routes, stopped));
        Ok(Self {
            store,
            sign_in_link: None,
            stop,
            server,
            live,
            spool: state.spool,
            beginning: Some((database, Box::new(behind))),
            working: Vec::new(),
            committers,
            _lock: lock,
        })
    }

    /// Starts what needs the database, now or when it is there.
    async fn begin(&mut self) -> Result<(), ServeError> {
        let Some((database, behind)) = self.beginning.take() else { return Ok(()) };
        let Behind { config, state, .. } = &*behind;
        let database = match database {
            Database::Older => {
                let upgraded =
                    outage::upgrade(config, &self.store, self.spool.as_ref(), &state.clock).await;
                upgraded.inspect_err(|_| self.say_what_waits(config))?
            }
            Database::Ready | Database::Away => database,
        };
        if database == Database::Ready {
            self.sign_in_link = link(state).await?;
            self.working = behind.start();
        } else {
            self.working = vec![tokio::spawn(behind.start_later())];
        }
        Ok(())
    }

    /// What its spool holds, in words.
    fn spooled(&self) -> Option<String> {
        self.spool.as_ref().and_then(|spool| spool.state().said())
    }

    /// For the end of a process that has accepted deliveries and can't bring them anywhere.
    fn say_what_waits(&self, config: &Config) {
        if let Some(said) = self.spooled() {
            let folder = folder_in(&config.data_dir);
            error!(
                "{said}, in {}: the next start that succeeds brings them into the database",
                folder.display()
            );
        }
    }

    /// Stops: no new requests, those in work are answered, batches in work are finished.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let orderly = async {
            let _ = self.server.await;
            let _ = timeout(LIVE_LIMIT, self.live.drained()).await;
            for committer in self.committers {
                let _ = committer.await;
            }
            for worker in self.working {
                let _ = worker.await;
            }
            self.store.close().await;
        };
        if timeout(STOP_LIMIT, orderly).await.is_err() {
            warn!(
                "stopping took longer than {STOP_LIMIT:?}; what was in work runs again at the next start"
            );
        }
    }
}

/// A link that signs in once; `None` when the database can't keep it at this moment.
async fn link(state: &WebState) -> Result<Option<String>, ServeError> {
    match web::auth::one_time_link(state).await {
        Ok(link) => Ok(Some(link)),
        Err(error) if error.is_transient() => {
            warn!(error = %error, "no sign-in link could be made: sign in with the admin token");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What the process before this one had, where there can be no other.
async fn release_all(store: &Store) -> Result<(), StoreError> {
    let freed = store.reap_all_leases().await?;
    store.release_all_holds().await?;
    if freed > 0 {
        info!("{freed} jobs of the process before this one were queued again");
    }
    Ok(())
}

/// SQLite belongs to one serving process, which the lock beside the file proves. `PostgreSQL`
/// needs none.
fn lock_data_dir(config: &Config) -> Result<Option<File>, ServeError> {
    match &config.database_url {
        DatabaseUrl::Sqlite(path) => lock_database(path).map(Some),
        DatabaseUrl::Postgres(_) => Ok(None),
    }
}

/// Takes the lock beside a SQLite file; it is given back with the file returned.
///
/// # Errors
/// When a process serves the database, or the folder can't be written to.
pub fn lock_database(path: &Path) -> Result<File, ServeError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = |source| ServeError::DataDir { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let file = File::create(path.with_extension("lock")).map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(ServeError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(unwritable(source)),
    }
}
