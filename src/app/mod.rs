//! Puts the parts together: opens the database, starts the inbox, the worker and the server,
//! and stops them in the order in which nothing is lost.

mod greeting;
pub mod outside;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::clients::alarm_webhook::AlarmWebhook;
use crate::clock::Clock;
use crate::config::admin_token::admin_token_file;
use crate::config::{Config, ConfigError, Secrets, UnsignedWebhooks, load_or_make_admin_token};
use crate::inbox::Inbox;
use crate::jobs::directory::Directory;
use crate::jobs::process_delivery::{PlaneAddress, Processor};
use crate::jobs::retention::Keeper;
use crate::jobs::sync_issue::IssueSync;
use crate::jobs::watch::{Watch, Watcher};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::queue::worker::Worker;
use crate::queue::{Wake, hints};
use crate::store::announcements::Topic;
use crate::store::jobs::Stage;
use crate::store::{DatabaseUrl, Store, StoreError};
use crate::web;
use crate::web::reality::Reality;
use crate::web::state::{SecretState, Setup, WebState};
use crate::web::webhooks::{GithubEndpoint, Intake, KnownRepositories, Limits, PlaneEndpoint};

/// Issues that are brought in step at a time: Plane gives one request a second.
const SYNCS: usize = 4;
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
    let token = load_or_make_admin_token(&config.data_dir, &config.admin_token)?;
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().unwrap_or(config.listen);
    config.public_url = with_port(&config.public_url, address.port());
    let app = App::start(&config, &token.secrets, role, clock, listener).await?;
    greeting::print(&config, address, &app.sign_in_link);
    stop_signal().await;
    info!("stopping: finishing what is in work");
    app.stop().await;
    Ok(())
}

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
    /// Opens the pages once.
    pub sign_in_link: String,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    live: Live,
    working: Vec<JoinHandle<()>>,
    committers: Vec<JoinHandle<()>>,
    hinting: Vec<JoinHandle<()>>,
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
        let lock = lock_data_dir(config)?;
        let store = Store::open(&config.database_url).await?;
        if lock.is_some() {
            let freed = store.reap_all_leases().await?;
            store.release_all_holds().await?;
            if freed > 0 {
                info!("{freed} jobs of the process before this one were queued again");
            }
        }
        store.put_configured_repositories(&config.repositories, clock.now()).await?;
        let (stop, stopped) = watch::channel(false);
        let metrics = Arc::new(Metrics::default());
        let wake = Wake::default();
        let working = start_working(config, role, &store, &clock, &wake, &metrics, &stopped);
        let live = Live::new(store.clone(), stopped.clone());
        let mut hinting = between_processes(&store, &wake, &live, &stopped);
        hinting.push(tokio::spawn(live.clone().follow()));
        let state = WebState {
            store: store.clone(),
            clock: clock.clone(),
            admin_token: admin_token.clone(),
            public_url: config.public_url.as_str().into(),
            admin_token_file: admin_token_file(&config.data_dir).display().to_string().into(),
            plane_secret: secret_state(&config.plane.webhook_secret),
            wake: wake.clone(),
            live: live.clone(),
            metrics: Arc::clone(&metrics),
            reality,
            setup: Arc::new(setup(config, &clock)),
        };
        let sign_in_link = web::auth::one_time_link(&state).await?;
        let (intake, committers) = if role.receives() {
            let (inbox, committers) = Inbox::start(&store, &clock, &wake, &metrics);
            let repositories = KnownRepositories::new(
                store.clone(),
                clock.clone(),
                &config.repositories,
                config.github.unknown_repositories,
            );
            let (plane, github) = endpoints(config, repositories);
            (Some(Intake::new(inbox, plane, github, metrics)), committers)
        } else {
            (None, Vec::new())
        };
        let server =
            tokio::spawn(web::server::serve(listener, web::routes(&state, intake), stopped));
        Ok(Self {
            store,
            sign_in_link,
            stop,
            server,
            live,
            working,
            committers,
            hinting,
            _lock: lock,
        })
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
            for hint in self.hinting {
                let _ = hint.await;
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

/// What works beside the requests: in every process the watch, the queue where it is worked off.
fn start_working(
    config: &Config,
    role: Role,
    store: &Store,
    clock: &Clock,
    wake: &Wake,
    metrics: &Arc<Metrics>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let watch = Watch::new(watcher(config, role), store, clock, metrics);
    if !role.works() {
        return vec![tokio::spawn(watch.run(stopped.clone()))];
    }
    let sync = outside::issue_sync(config, store, clock).counting(metrics);
    let mut working = vec![tokio::spawn(watch.hearing(&sync).run(stopped.clone()))];
    for worker in workers(config, store, clock, wake, metrics, sync) {
        working.push(tokio::spawn(worker.run(stopped.clone())));
    }
    let keeper = Keeper::new(store, clock, config.retention);
    working.push(tokio::spawn(keeper.run(stopped.clone())));
    working
}

/// What pages show of the configuration.
fn setup(config: &Config, clock: &Clock) -> Setup {
    Setup {
        github_secret: secret_state(&config.github.webhook_secret),
        github_unsigned: config.github.unsigned,
        configured: Setup::names_of(&config.repositories),
        plane: outside::plane(&config.plane, clock),
        ..Setup::default()
    }
}

/// Tells other processes what this one commits, and hears what they say.
fn between_processes(
    store: &Store,
    wake: &Wake,
    live: &Live,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let announce = |topic, committed| {
        tokio::spawn(hints::announce(store.clone(), topic, committed, stopped.clone()))
    };
    let (wake_up, look) = (wake.clone(), live.clone());
    let pass_on = move |topic| match topic {
        Topic::Work => wake_up.work_is_due_elsewhere(),
        Topic::Changes => look.look(),
    };
    vec![
        announce(Topic::Work, wake.work_to_announce()),
        announce(Topic::Changes, store.changes_to_announce()),
        tokio::spawn(hints::listen(store.clone(), pass_on, stopped.clone())),
    ]
}

/// What each webhook endpoint goes by.
fn endpoints(config: &Config, repositories: KnownRepositories) -> (PlaneEndpoint, GithubEndpoint) {
    let plane = PlaneEndpoint {
        secrets: config.plane.webhook_secret.clone(),
        limits: Limits::for_plane(config.max_body),
    };
    let github = GithubEndpoint {
        secrets: config.github.webhook_secret.clone(),
        unsigned: config.github.unsigned,
        repositories,
        limits: Limits::for_github(config.max_body),
    };
    if github.unsigned == UnsignedWebhooks::Accept {
        warn!(
            "github.allow_unsigned is true: anybody who reaches {} can make work items; set github.webhook_secret instead",
            crate::sources::github::ENDPOINT
        );
    }
    (plane, github)
}

/// What this process is for whoever looks after all of them.
fn watcher(config: &Config, role: Role) -> Watcher {
    let workers = if role.works() { config.workers + config.workers.min(SYNCS) } else { 0 };
    Watcher {
        role: match role {
            Role::All => "all",
            Role::Receiver => "receiver",
            Role::Worker => "worker",
        },
        workers,
        alarms: AlarmWebhook::new(&config.alarm_webhook_url),
        public_url: config.public_url.clone(),
    }
}

/// A worker for each stage of the queue, over one processor.
fn workers(
    config: &Config,
    store: &Store,
    clock: &Clock,
    wake: &Wake,
    metrics: &Arc<Metrics>,
    sync: IssueSync,
) -> [Worker; 2] {
    let processor = Arc::new(Processor {
        store: store.clone(),
        clock: clock.clone(),
        directory: Directory::new(sync.plane.clone(), store.clone(), clock.clone()),
        plane: PlaneAddress {
            workspace: config.plane.workspace.clone(),
            web_url: config.plane.web_url.clone(),
        },
        sync,
        wake: wake.clone(),
        policy: config.retry,
        chance: rand::random,
        metrics: Arc::clone(metrics),
    });
    let worker = |stage, concurrency| Worker {
        stage,
        store: store.clone(),
        clock: clock.clone(),
        wake: wake.clone(),
        processor: Arc::clone(&processor),
        concurrency,
    };
    [worker(Stage::Read, config.workers), worker(Stage::Sync, config.workers.min(SYNCS))]
}

fn secret_state(secrets: &Secrets) -> SecretState {
    if secrets.is_empty() { SecretState::Missing } else { SecretState::Set }
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
