//! A disk whose fsync is slow or fails: nothing is answered before it, and nothing that it did not
//! take is answered 2xx. A small library put before the system's own stands for the disk.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use jetbridge::store::Store;
use tempfile::TempDir;

use crate::support::databases::{Kind, TestDatabase};
use crate::support::process::Served;
use crate::world::{World, drained, new_delivery, post, worked_off};

const SLOW: Duration = Duration::from_millis(700);
const SENDERS: u32 = 16;

struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Rust needs a C compiler to link with, so there is one.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outage/disk.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]);
        let output = compiler.arg(folder.path().join("disk.so")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder }
    }

    fn environment(&self) -> [(&'static str, String); 2] {
        let library = self.folder.path().join("disk.so").display().to_string();
        [("LD_PRELOAD", library), ("DISK_TROUBLE", self.trouble().display().to_string())]
    }

    fn trouble(&self) -> PathBuf {
        self.folder.path().join("trouble")
    }

    fn is_slow(&self) {
        std::fs::write(self.trouble(), format!("delay {}", SLOW.as_millis())).unwrap();
    }

    fn fails(&self) {
        std::fs::write(self.trouble(), "fail").unwrap();
    }

    fn is_mended(&self) {
        std::fs::remove_file(self.trouble()).unwrap();
    }
}

/// A process on such a disk that accepts onto it: into the spool, or into SQLite.
struct OnDisk {
    disk: Disk,
    served: Served,
    place: Place,
}

enum Place {
    Spool(Box<World>),
    Sqlite(TestDatabase),
}

impl OnDisk {
    fn spool() -> Self {
        let (disk, world) = (Disk::new(), World::new());
        let environment = disk.environment();
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        let served = world.serve_with(&environment);
        world.cluster.stop();
        Self { disk, served, place: Place::Spool(Box::new(world)) }
    }

    async fn sqlite() -> Self {
        let (disk, database) = (Disk::new(), TestDatabase::new(Kind::Sqlite).await);
        let environment = disk.environment();
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        let served = Served::start_with(&database.text, database.folder.path(), &[], &environment);
        Self { disk, served, place: Place::Sqlite(database) }
    }

    /// How many there are in the database in the end.
    async fn stored(&self) -> i64 {
        let url = match &self.place {
            Place::Spool(world) => {
                world.cluster.restart();
                drained(&self.served).await;
                world.url.parse().unwrap()
            }
            Place::Sqlite(database) => database.url.clone(),
        };
        let store = Store::open(&url).await.unwrap();
        worked_off(&store).await;
        store.delivery_counts().await.unwrap().iter().map(|c| c.count).sum()
    }

    async fn waits_for_a_slow_fsync(&self) {
        assert_eq!(post(&self.served, &new_delivery()).await.status, 200);
        self.disk.is_slow();
        let begun = Instant::now();
        assert_eq!(post(&self.served, &new_delivery()).await.status, 200);
        assert!(begun.elapsed() >= SLOW, "answered after {:?}", begun.elapsed());
        let begun = Instant::now();
        let mut clients = Vec::new();
        for _ in 0..SENDERS {
            clients.push(self.served.connect().await);
        }
        let mut senders = tokio::task::JoinSet::new();
        for mut client in clients {
            senders.spawn(
                async move { client.post(&new_delivery()).await.expect("an answer").status },
            );
        }
        assert!(senders.join_all().await.iter().all(|status| *status == 200));
        let took = begun.elapsed();
        println!("{SENDERS} at once with an fsync of {SLOW:?}: {took:?}");
        assert!(took >= SLOW && took < SLOW * SENDERS, "they share their fsyncs: {took:?}");
        self.disk.is_mended();
        assert_eq!(self.stored().await, i64::from(2 + SENDERS));
    }

    async fn refuses_when_fsync_fails(&self) {
        assert_eq!(post(&self.served, &new_delivery()).await.status, 200);
        self.disk.fails();
        for _ in 0..5 {
            let answer = post(&self.served, &new_delivery()).await;
            assert_eq!(answer.status, 503, "{answer:?}");
        }
        self.disk.is_mended();
        for _ in 0..3 {
            assert_eq!(post(&self.served, &new_delivery()).await.status, 200);
        }
        assert_eq!(self.stored().await, 4, "what was refused is not there, what was accepted is");
    }
}

#[tokio::test]
async fn nothing_is_answered_before_a_slow_fsync_of_the_spool() {
    OnDisk::spool().waits_for_a_slow_fsync().await;
}

#[tokio::test]
async fn nothing_is_answered_before_a_slow_fsync_of_sqlite() {
    OnDisk::sqlite().await.waits_for_a_slow_fsync().await;
}

#[tokio::test]
async fn an_fsync_of_the_spool_that_fails_is_a_503_and_never_a_false_2xx() {
    OnDisk::spool().refuses_when_fsync_fails().await;
}

#[tokio::test]
async fn an_fsync_of_sqlite_that_fails_is_a_503_and_never_a_false_2xx() {
    OnDisk::sqlite().await.refuses_when_fsync_fails().await;
}
