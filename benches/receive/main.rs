//! How fast deliveries are taken in, against what the machine can do at all.
//!
//! `cargo bench --bench receive` runs, interleaved and on both databases, with 9 KB bodies at 64
//! connections: the product's receiver, the same HTTP and HMAC with no store, one transaction a
//! request, batched inserts without HTTP, and the whole product from an empty database. It prints
//! rates, ratios, percentiles and memory. Figures of different runs are not comparable on a
//! shared machine; the ratios of one run are. Before each run what the ones before it wrote is brought to
//! the disk, and its server rests for half a second after its start. Options: `--requests N`, `--rounds N`,
//! `--only sqlite|postgres`, `--variant NAME` (a part of a line's name, for a look at one of them).
//! The databases lie in the folder for temporary files: `TMPDIR=/dev/shm` shows what is left where no
//! disk makes anybody wait.
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, far from the limits of their types"
)]

mod disk;
mod load;
mod report;
mod servers;

use std::time::{Duration, Instant};

use jetbridge::clock::Clock;
use jetbridge::store::{DatabaseUrl, Store};
use sqlx::Connection;

use disk::Disk;
use load::{Pace, Requests};
use report::{Figures, Observed, Report};
use servers::{Child, Variant};

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/postgres.rs"]
mod postgres;

const CONNECTIONS: usize = 64;
/// As many as there are connections: no commit of the product's can hold more.
const BATCH: usize = 64;
/// Between a server's start and its load.
const REST: Duration = Duration::from_millis(500);

struct Options {
    requests: usize,
    rounds: usize,
    only: Option<String>,
    variant: Option<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments.first().is_some_and(|a| a == "--server") {
        return servers::serve_child(&arguments[1..]);
    }
    let options = parse(&arguments);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(compare(&options));
}

fn parse(arguments: &[String]) -> Options {
    let mut options = Options { requests: 30_000, rounds: 3, only: None, variant: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--requests" => options.requests = value.parse().expect("a number of requests"),
            "--rounds" => options.rounds = value.parse().expect("a number of rounds"),
            "--only" => options.only = Some(value.clone()),
            "--variant" => options.variant = Some(value.clone()),
            other => panic!("unknown option {other}: --requests, --rounds, --only or --variant"),
        }
    }
    options
}

async fn compare(options: &Options) {
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let looked_at = |name: &str| options.variant.as_deref().is_none_or(|part| name.contains(part));
    let cluster = wanted("postgres").then(postgres::Cluster::start);
    println!(
        "{} requests of {} bytes a run, {CONNECTIONS} connections, {} rounds",
        options.requests,
        load::BODY_BYTES,
        options.rounds
    );
    let requests = Requests::new(options.requests);
    let mut report = Report::default();
    for round in 1..=options.rounds {
        settle(None).await;
        let disk = Disk::probe();
        println!("  {disk}");
        report.disks.push(disk);
        if looked_at("no store") {
            let bare = run(Variant::NoStore, None, &requests, Pace::FlatOut).await;
            report.add("no store", bare);
        }
        for database in ["sqlite", "postgres"].into_iter().filter(|d| wanted(d)) {
            let mut target = Target::new(database, cluster.as_ref());
            let mut flat_out = 0.0;
            for variant in [
                Variant::OneTransaction,
                Variant::OneStatement,
                Variant::Receiver,
                Variant::SteadyReceiver,
                Variant::Whole,
            ] {
                let nothing_to_halve = variant == Variant::SteadyReceiver && flat_out <= 0.0;
                if nothing_to_halve || !looked_at(variant.name()) {
                    continue;
                }
                let url = target.fresh();
                let pace = match variant {
                    Variant::SteadyReceiver => Pace::PerSecond(flat_out / 2.0),
                    _ => Pace::FlatOut,
                };
                let figures = run(variant, Some(&url), &requests, pace).await;
                if variant == Variant::Receiver {
                    flat_out = figures.rate;
                }
                report.add(&format!("{database}: {}", variant.name()), figures);
            }
            if looked_at("batched insert") {
                let rate = insert_batches(&target.fresh(), &requests).await;
                report.add(&format!("{database}: batched insert"), Figures::of_rate(rate));
            }
        }
        println!("round {round} of {} done", options.rounds);
    }
    report.print();
}

/// A new, empty database for each run.
struct Target<'a> {
    database: &'static str,
    cluster: Option<&'a postgres::Cluster>,
    folders: Vec<tempfile::TempDir>,
}

impl<'a> Target<'a> {
    fn new(database: &'static str, cluster: Option<&'a postgres::Cluster>) -> Self {
        Self { database, cluster, folders: Vec::new() }
    }

    fn fresh(&mut self) -> String {
        if let ("postgres", Some(cluster)) = (self.database, self.cluster) {
            cluster.new_database()
        } else {
            let folder = tempfile::tempdir().expect("a folder");
            let url = format!("sqlite://{}", folder.path().join("jetbridge.db").display());
            self.folders.push(folder);
            url
        }
    }
}

async fn run(variant: Variant, url: Option<&str>, requests: &Requests, pace: Pace) -> Figures {
    settle(url).await;
    let mut child = Child::start(variant, url);
    let mut starts_ms = vec![child.first_answer_ms().await];
    if variant.is_the_product() {
        // Again, as everybody starts it but once: the tables are there.
        child.is_ready().await;
        child.stop();
        child = Child::start(variant, url);
        starts_ms.push(child.first_answer_ms().await);
        child.is_ready().await;
    }
    settle(url).await;
    let idle_kib = child.memory_kib();
    let sent = load::send_all(child.port, requests, CONNECTIONS, pace).await;
    let peak_kib = child.peak_memory_kib();
    let worked_off = match (variant, url) {
        (Variant::Whole, Some(url)) => worked_off(url, requests.len()).await,
        _ => f64::NAN,
    };
    let rows_a_commit =
        if variant.is_the_product() { load::rows_a_commit(child.port).await } else { f64::NAN };
    child.stop();
    let observed = Observed { idle_kib, peak_kib, starts_ms, rows_a_commit, worked_off };
    Figures::new(sent, &observed)
}

/// Brings what earlier runs wrote to the disk, so that no run waits for another one's pages, and lets
/// the server rest for a moment after its start.
async fn settle(url: Option<&str>) {
    if let Some(url) = url.filter(|url| url.starts_with("postgres")) {
        let mut connection = sqlx::PgConnection::connect(url).await.expect("a connection");
        sqlx::query("CHECKPOINT").execute(&mut connection).await.expect("a checkpoint");
    }
    let synced = std::process::Command::new("sync").status().expect("sync");
    assert!(synced.success(), "sync failed");
    tokio::time::sleep(REST).await;
}

/// Share of the accepted deliveries that are worked off the moment the load ends.
async fn worked_off(url: &str, accepted: usize) -> f64 {
    let store = open(url).await;
    let queue = store.queue_stats(Clock::System.now()).await.expect("the queue's figures");
    store.close().await;
    let left = usize::try_from(queue.queued + queue.claimed).unwrap_or(0);
    accepted.saturating_sub(left) as f64 / accepted as f64
}

/// Rows a second.
async fn insert_batches(url: &str, requests: &Requests) -> f64 {
    let store = open(url).await;
    let verified = requests.verified();
    settle(Some(url)).await;
    let begun = Instant::now();
    let tasks = store.committers();
    let parts: Vec<Vec<_>> = (0..tasks)
        .map(|task| verified.iter().skip(task).step_by(tasks).cloned().collect())
        .collect();
    let mut running = tokio::task::JoinSet::new();
    for part in parts {
        let store = store.clone();
        running.spawn(async move {
            for batch in part.chunks(BATCH / tasks) {
                let batch: Vec<_> = batch.iter().collect();
                store.insert_deliveries(&batch, Clock::System.now()).await.expect("inserted");
            }
        });
    }
    running.join_all().await;
    let seconds = begun.elapsed().as_secs_f64();
    store.close().await;
    requests.len() as f64 / seconds
}

async fn open(url: &str) -> Store {
    let url: DatabaseUrl = url.parse().expect("a database URL");
    Store::open(&url).await.expect("the database")
}
