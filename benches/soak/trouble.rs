//! What is done to the service: processes killed and started again, or stopped past their leases
//! and woken; the database stopped as by a power cut; Plane failing in all its ways.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jetbridge::sim::plane::{On, RequestFault, SimPlane};
use rand::RngExt;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::postgres::Cluster;
use crate::process::Served;

/// Longer than the lease of a job and of a link's reading; seconds.
const PAST_THE_LEASE: std::ops::Range<u64> = 21..27;

/// What was done since the last line, and whether more is to be done.
#[derive(Default)]
pub struct Diary {
    lines: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Diary {
    pub fn note(&self, what: impl Into<String>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
    }

    pub fn take(&self) -> String {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner)).join(", ")
    }

    /// No new trouble.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Waits at random; whether there is still trouble to be made then.
    async fn rest(&self, random: &mut StdRng, seconds: std::ops::Range<u64>) -> bool {
        for _ in 0..random.random_range(seconds.start * 4..seconds.end * 4) {
            if self.over.load(Ordering::Relaxed) {
                return false;
            }
            sleep(Duration::from_millis(250)).await;
        }
        true
    }
}

/// A `jetbridge serve` with a data folder of its own, which may be dead.
pub struct Process {
    pub name: String,
    pub folder: TempDir,
    pub port: Arc<AtomicU16>,
    url: String,
    environment: Vec<(&'static str, String)>,
    served: Mutex<Option<Served>>,
}

impl Process {
    pub fn start(
        name: String,
        url: Option<&str>,
        environment: &[(&'static str, String)],
        configuration: &str,
    ) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("jetbridge.toml"), configuration).expect("written");
        let file = format!("sqlite://{}", folder.path().join("jetbridge.db").display());
        let process = Self {
            name,
            folder,
            port: Arc::default(),
            url: url.map_or(file, str::to_owned),
            environment: environment.to_vec(),
            served: Mutex::new(None),
        };
        process.up();
        Arc::new(process)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts it and waits until it listens. What the last one said is kept beside.
    fn up(&self) {
        let log = |name: &str| self.folder.path().join(name);
        if let Ok(said) = fs::read(log("stderr.log")) {
            let mut all = fs::read(log("said-before.log")).unwrap_or_default();
            all.extend(said);
            fs::write(log("said-before.log"), all).expect("written");
        }
        let environment: Vec<_> = self.environment.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let served = Served::start_with(&self.url, self.folder.path(), &[], &environment);
        self.port.store(served.port, Ordering::Relaxed);
        *self.served() = Some(served);
    }

    /// Resident memory in KiB; `None` where it is dead.
    pub fn memory_kib(&self) -> Option<u64> {
        self.served().as_ref().map(|served| {
            let status = fs::read_to_string(format!("/proc/{}/status", served.id()));
            let lives = status.is_ok_and(|status| status.contains("VmRSS:"));
            assert!(lives, "{} died by itself: {}", self.name, self.said());
            served.memory_kib()
        })
    }

    /// A command line over its database, with its settings; whether it was content.
    pub fn run(&self, arguments: &[&str]) -> bool {
        let status = Command::new(env!("CARGO_BIN_EXE_jetbridge"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("JETBRIDGE_DATA_DIR", self.folder.path())
            .env("JETBRIDGE_DATABASE_URL", &self.url)
            .envs(self.environment.iter().map(|(k, v)| (*k, v)))
            .status();
        status.expect("it runs").success()
    }

    /// What it has said since it was started last.
    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr.log")).unwrap_or_default()
    }

    /// Puts what it said where it stays.
    pub fn keep_logs(&self) -> PathBuf {
        let kept = tempfile::Builder::new().prefix("jetbridge-soak-").tempdir().expect("a folder");
        for name in ["said-before.log", "stderr.log"] {
            // There is no earlier one where it was never killed.
            let _ = fs::copy(self.folder.path().join(name), kept.path().join(name));
        }
        kept.keep()
    }

    /// Bytes that wait in its spool, of all that is there but empty files.
    pub fn spool_bytes(&self) -> u64 {
        fn bytes(folder: &Path) -> u64 {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let size = |entry: fs::DirEntry| match entry.metadata() {
                Ok(found) if found.is_dir() => bytes(&entry.path()),
                Ok(found) => found.len(),
                // Drained meanwhile.
                Err(_) => 0,
            };
            entries.map(size).sum()
        }
        bytes(&self.folder.path().join("spool"))
    }

    fn served(&self) -> MutexGuard<'_, Option<Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: &str) {
        let id = self.served().as_ref().expect("it lives").id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().expect("kill runs").success());
    }
}

/// Kills a process and starts it again, or stops it past its lease, until it is over.
pub async fn for_a_process(process: Arc<Process>, diary: Arc<Diary>, mut random: StdRng) {
    while diary.rest(&mut random, 4..16).await {
        if random.random_ratio(2, 3) {
            diary.note(format!("{} killed", process.name));
            process.port.store(0, Ordering::Relaxed);
            let served = process.served().take();
            served.expect("it lives").kill();
            sleep(Duration::from_millis(random.random_range(0..4000))).await;
            let starting = Arc::clone(&process);
            let started = tokio::task::spawn_blocking(move || starting.up()).await;
            started.unwrap_or_else(|_| {
                panic!("{} did not start again: {}", process.name, process.said())
            });
            diary.note(format!("{} started", process.name));
        } else {
            process.signal("-STOP");
            let seconds = random.random_range(PAST_THE_LEASE);
            diary.note(format!("{} paused for {seconds} s", process.name));
            sleep(Duration::from_secs(seconds)).await;
            process.signal("-CONT");
            diary.note(format!("{} woken", process.name));
        }
    }
}

/// Stops the database at once and starts it again some seconds later, until it is over.
pub async fn for_the_database(cluster: Arc<Cluster>, diary: Arc<Diary>, mut random: StdRng) {
    while diary.rest(&mut random, 10..26).await {
        let seconds = random.random_range(2..9);
        diary.note(format!("PostgreSQL stopped for {seconds} s"));
        let stopping = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || stopping.stop()).await.expect("stopped");
        sleep(Duration::from_secs(seconds)).await;
        let starting = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || starting.restart()).await.expect("started");
        diary.note("PostgreSQL started");
    }
}

/// Lets Plane fail now and then, until it is over.
pub async fn for_plane(plane: Arc<SimPlane>, diary: Arc<Diary>, mut random: StdRng) {
    while diary.rest(&mut random, 2..9).await {
        let seconds = Duration::from_secs(random.random_range(1..4));
        let (word, on, fault) = match random.random_range(0..6) {
            0 => ("502", On::Any, RequestFault::Status(502)),
            1 => ("429", On::Any, RequestFault::RetryLater { status: 429, retry_after: seconds }),
            2 => ("slow", On::Any, RequestFault::HangBefore(seconds)),
            3 => ("slow to answer", On::Writes, RequestFault::HangAfter(seconds)),
            4 => ("cut off before", On::Any, RequestFault::CutBefore),
            _ => ("cut off after", On::Writes, RequestFault::CutAfter),
        };
        let count = random.random_range(1..8);
        plane.faults().next_requests(count, on, fault);
        diary.note(format!("Plane {word} ×{count}"));
    }
    plane.faults().clear();
}
