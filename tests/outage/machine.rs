//! SQLite on a machine out of order: a full disk, a folder that can't be written, damaged files,
//! too few file handles. No false 2xx, a clear error, and recovery when it is mended.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jetbridge::store::Store;
use tempfile::TempDir;

use crate::support::process::{Client, Served, eventually};
use crate::world::{new_delivery, post, worked_off};

/// A small disk of its own, unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this process may not mount, which is said; in CI that is a failure.
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output()
            .unwrap();
        if output.status.success() {
            return Some(Self(folder));
        }
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a small disk: {why}");
        println!("NOT RUN: a small disk can't be mounted here ({})", why.trim());
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn make_read_only(&self) {
        let remount = ["-o", "remount,ro"];
        assert!(Command::new("mount").args(remount).arg(self.path()).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn url_in(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("jetbridge.db").display())
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("stderr.log")).unwrap_or_default()
}

async fn stored(url: &str) -> i64 {
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    worked_off(&store).await;
    let count = store.delivery_counts().await.unwrap().iter().map(|c| c.count).sum();
    // Otherwise the last process to end is not the last one that has the file.
    store.close().await;
    count
}

/// Posts until it is refused, and returns how many were accepted.
async fn accepted_until_refused(client: &mut Client) -> i64 {
    let mut accepted = 0;
    loop {
        let answer = client.post(&new_delivery()).await.expect("an answer");
        match answer.status {
            200 => accepted += 1,
            503 => {
                assert!(answer.head.contains("retry-after: "), "{}", answer.head);
                return accepted;
            }
            _ => panic!("{answer:?}"),
        }
        assert!(accepted < 20_000, "the disk is never full");
    }
}

#[tokio::test]
async fn a_full_disk_under_sqlite_is_a_503_and_nothing_accepted_is_lost() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let (url, ballast) = (url_in(disk.path()), disk.path().join("ballast"));
    let logs = tempfile::tempdir().unwrap();
    std::fs::write(&ballast, vec![0; 12 << 20]).unwrap();
    let database = disk.path().display().to_string();
    let served =
        Served::start_with(&url, logs.path(), &[], &[("JETBRIDGE_DATA_DIR", database.as_str())]);
    let mut client = served.connect().await;
    let accepted = accepted_until_refused(&mut client).await;
    assert!(accepted > 10, "{accepted}");
    assert!(
        log_of(logs.path()).contains("disk is full: free some space"),
        "{}",
        log_of(logs.path())
    );
    std::fs::remove_file(&ballast).unwrap();
    eventually("being accepted again", || {
        let connecting = served.connect();
        async move { connecting.await.post(&new_delivery()).await.is_some_and(|r| r.status == 200) }
    })
    .await;
    let total = stored(&url).await;
    assert_eq!(total, accepted + 1, "what was refused is not there, what was accepted is");
}

fn serve(folder: &Path) -> Output {
    // One that starts all the same must not run for ever.
    Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_jetbridge"), "serve"])
        .current_dir("/")
        .env_clear()
        .env("JETBRIDGE_LISTEN", "127.0.0.1:0")
        .env("JETBRIDGE_DATA_DIR", folder)
        .env("JETBRIDGE_LOG", "error")
        .output()
        .unwrap()
}

/// It ends at once with one line that says what to do.
fn refuses_to_start(folder: &Path, says: &str) {
    let output = serve(folder);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{:?}: {error}", output.status);
    assert!(error.contains(says), "{error}");
    assert!(!error.contains("panicked"), "{error}");
}

#[tokio::test]
async fn a_data_folder_that_can_not_be_written_stops_the_start_and_is_named() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    disk.make_read_only();
    refuses_to_start(disk.path(), &disk.path().display().to_string());
}

#[tokio::test]
async fn a_data_folder_that_became_read_only_stops_the_next_start_and_says_so() {
    let Some(disk) = SmallDisk::mount(16) else { return };
    let logs = tempfile::tempdir().unwrap();
    let data = disk.path().display().to_string();
    let environment = [("JETBRIDGE_DATA_DIR", data.as_str())];
    let served = Served::start_with(&url_in(disk.path()), logs.path(), &[], &environment);
    assert_eq!(post(&served, &new_delivery()).await.status, 200);
    let (status, _) = served.terminate();
    assert!(status.success());
    disk.make_read_only();
    refuses_to_start(disk.path(), "make it writable");
}

/// A database with some hundred deliveries in it, its process ended in order.
async fn a_used_database() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let url = url_in(folder.path());
    let served = Served::start(&url, folder.path(), &[]);
    let mut client = served.connect().await;
    for _ in 0..200 {
        assert_eq!(client.post(&new_delivery()).await.unwrap().status, 200);
    }
    assert_eq!(stored(&url).await, 200);
    assert!(served.terminate().0.success());
    let path = folder.path().join("jetbridge.db");
    (folder, path)
}

fn overwrite(path: &Path, from: u64, length: usize) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![0x5a; length], from).unwrap();
}

#[tokio::test]
async fn a_database_whose_head_is_damaged_stops_the_start_and_names_the_remedy() {
    let (folder, path) = a_used_database().await;
    overwrite(&path, 0, 100);
    refuses_to_start(folder.path(), "jetbridge restore FILE");
}

#[tokio::test]
async fn damage_inside_a_database_is_never_a_false_200_and_names_the_remedy() {
    let (folder, path) = a_used_database().await;
    let length = path.metadata().unwrap().len();
    overwrite(&path, 8192, usize::try_from(length - 8192).unwrap());
    refuses_to_start(folder.path(), "jetbridge restore FILE");
}

#[tokio::test]
async fn damage_that_comes_while_it_runs_ends_nothing_and_is_named_once_it_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let url = url_in(folder.path());
    let served = Served::start(&url, folder.path(), &[]);
    let mut client = served.connect().await;
    for _ in 0..50 {
        assert_eq!(client.post(&new_delivery()).await.unwrap().status, 200);
    }
    // What the process has in its cache is not read again, so it may be long before it notices.
    for name in ["jetbridge.db", "jetbridge.db-wal"] {
        let path = folder.path().join(name);
        let length = usize::try_from(path.metadata().map_or(0, |m| m.len())).unwrap();
        if length > 0 {
            overwrite(&path, 0, length);
        }
    }
    let mut refused = 0;
    for _ in 0..50 {
        let answer = client.post(&new_delivery()).await.expect("an answer");
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        refused += usize::from(answer.status == 503);
    }
    let alive = served.connect().await.get("/healthz", "").await.expect("an answer");
    assert_eq!(alive.status, 200);
    println!("refused {refused} of 50 after all files were overwritten");
    if refused > 0 {
        let log = log_of(folder.path());
        assert!(log.contains("jetbridge restore FILE") || log.contains("not reachable"), "{log}");
    }
}

fn open_files(served: &Served) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", served.id())).unwrap().count()
}

fn limit_handles(served: &Served, soft: &str) {
    let limits = [format!("--pid={}", served.id()), format!("--nofile={soft}")];
    let status = Command::new("prlimit").args(limits).status();
    assert!(status.expect("prlimit is part of util-linux").success());
}

#[tokio::test]
async fn with_too_few_file_handles_it_goes_on_with_what_it_has_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let url = url_in(folder.path());
    let served = Served::start(&url, folder.path(), &[]);
    let mut first = served.connect().await;
    assert_eq!(first.post(&new_delivery()).await.unwrap().status, 200);
    limit_handles(&served, &format!("{}:", open_files(&served) + 4));
    let mut crowd = Vec::new();
    for _ in 0..64 {
        crowd.push(served.connect().await);
    }
    let mut accepted = 1;
    for _ in 0..20 {
        match first.post(&new_delivery()).await.expect("an answer").status {
            200 => accepted += 1,
            503 => {}
            other => panic!("{other}"),
        }
    }
    assert!(accepted > 1, "who is connected is served");
    drop(crowd);
    eventually("a new connection being served", || {
        let connecting = served.connect();
        async move { connecting.await.post(&new_delivery()).await.is_some_and(|r| r.status == 200) }
    })
    .await;
    accepted += 1;
    assert_eq!(stored(&url).await, accepted);
    assert!(served.memory_kib() > 0, "it is the same process");
}
