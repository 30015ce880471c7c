//! Minutes or days of load and trouble, and an account of every accepted delivery: `./soak MINUTES`.
//!
//! Two processes on a `PostgreSQL` of their own (one on SQLite) receive signed deliveries of Plane's
//! and GitHub's in any order and carry GitHub's issues over to a simulated Plane, while processes
//! are killed, stopped past their leases and woken, the database is stopped and started, and Plane
//! fails. At the end everything is started and may finish. Exit 1 when something is lost, doubled or
//! wrong. `--seed N` makes the same trouble again, though nobody can repeat its moments; what the
//! simulated Plane would tell by webhooks of its own is left out.
#![expect(
    clippy::cast_precision_loss,
    reason = "figures for people, far from the limits of their types"
)]

mod balance;
mod load;
mod trouble;

use std::process::ExitCode;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use jetbridge::sim::plane::{SimPlane, SimPlaneConfig};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use balance::{Balance, balance, unfinished};
use load::{Load, SENDERS};
use trouble::{Diary, Process};

#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/github.rs"]
mod github;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/plane.rs"]
mod plane;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/process.rs"]
mod process;

const TOKEN: &str = "soak-admin-token-0123456789";
const USAGE: &str = "usage: ./soak MINUTES [postgres|sqlite] [--seed N] [--rate N]";
/// How long everything may take to finish once nothing is done to it any more, at least.
const PATIENCE: Duration = Duration::from_mins(5);

struct Options {
    time: Duration,
    on_postgres: bool,
    seed: u64,
    rate: u32,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(options) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(soak(&options))
}

fn parse(arguments: &[String]) -> Option<Options> {
    let (minutes, mut rest) = arguments.split_first()?;
    let time = Duration::try_from_secs_f64(minutes.parse::<f64>().ok()? * 60.0).ok()?;
    let mut options = Options { time, on_postgres: true, seed: rand::random(), rate: 60 };
    loop {
        rest = match rest {
            [] => return Some(options),
            [word, rest @ ..] if word == "postgres" || word == "sqlite" => {
                options.on_postgres = word == "postgres";
                rest
            }
            [word, n, rest @ ..] if word == "--seed" => {
                options.seed = n.parse().ok()?;
                rest
            }
            [word, n, rest @ ..] if word == "--rate" => {
                options.rate = n.parse().ok()?;
                rest
            }
            _ => return None,
        };
    }
}

/// Everything that runs.
struct Stage {
    processes: Vec<Arc<Process>>,
    plane: Arc<SimPlane>,
    load: Arc<Load>,
    diary: Arc<Diary>,
    begun: Instant,
    /// Resident memory of each process at first, at most and last, KiB.
    memory: Vec<[u64; 3]>,
}

async fn soak(options: &Options) -> ExitCode {
    let cluster = options.on_postgres.then(postgres::Cluster::start).map(Arc::new);
    let mut stage = Stage::set(options, cluster.as_deref()).await;
    let mut troubles = JoinSet::new();
    let random = |n: u64| StdRng::seed_from_u64(options.seed.wrapping_add(n));
    for (n, process) in (1..).zip(&stage.processes) {
        let diary = Arc::clone(&stage.diary);
        troubles.spawn(trouble::for_a_process(Arc::clone(process), diary, random(n)));
    }
    if let Some(cluster) = &cluster {
        let diary = Arc::clone(&stage.diary);
        troubles.spawn(trouble::for_the_database(Arc::clone(cluster), diary, random(10)));
    }
    let (plane, diary) = (Arc::clone(&stage.plane), Arc::clone(&stage.diary));
    troubles.spawn(trouble::for_plane(plane, diary, random(11)));
    let mut senders = JoinSet::new();
    for n in 0..SENDERS {
        senders.spawn(Arc::clone(&stage.load).send(n));
    }
    stage.watch(options.time, Duration::from_secs(10).min(options.time / 10), &mut troubles).await;
    stage.diary.end();
    while let Some(ended) = troubles.join_next().await {
        ended.expect("trouble comes to its end");
    }
    stage.load.close();
    let drained = stage.drain(senders).await;
    stage.print_line().await;
    stage.account(drained).await
}

impl Stage {
    async fn set(options: &Options, cluster: Option<&postgres::Cluster>) -> Self {
        let config = SimPlaneConfig::default().with_project("SOAK", "Soak");
        let plane = SimPlane::start(config).await.expect("a Plane");
        let project = plane.project("SOAK").expect("it was made").id;
        let configuration = format!(
            "[[repositories]]\nname = \"Codertocat/Hello-World\"\nplane_project = \"{project}\"\n"
        );
        let environment = [
            ("JETBRIDGE_ADMIN_TOKEN", TOKEN.to_owned()),
            ("JETBRIDGE_LOG", "warn".to_owned()),
            ("JETBRIDGE_PLANE_API_URL", plane.api_url()),
            ("JETBRIDGE_PLANE_API_KEY", plane.api_key()),
            ("JETBRIDGE_PLANE_WORKSPACE", plane.workspace()),
            // Plane is out of order more often than in life: that alone shall make nothing dead.
            ("JETBRIDGE_RETRY_MAX_RETRIES", "50".to_owned()),
            ("JETBRIDGE_RETRY_BASE", "1s".to_owned()),
            ("JETBRIDGE_RETRY_CAP", "5s".to_owned()),
        ];
        let url = cluster.map(postgres::Cluster::new_database);
        let processes: Vec<_> = (1..=if url.is_some() { 2 } else { 1 })
            .map(|n| Process::start(format!("#{n}"), url.as_deref(), &environment, &configuration))
            .collect();
        let ports = processes.iter().map(|process| Arc::clone(&process.port)).collect();
        println!(
            "{} processes on {}, {} deliveries a second, seed {}",
            processes.len(),
            if url.is_some() { "PostgreSQL" } else { "SQLite" },
            options.rate,
            options.seed
        );
        Self {
            load: Arc::new(Load::new(options.seed, options.rate, ports)),
            memory: processes.iter().map(|_| [0; 3]).collect(),
            plane: Arc::new(plane),
            diary: Arc::default(),
            begun: Instant::now(),
            processes,
        }
    }

    /// A line now and then until the time is over. Ends at once where trouble went wrong.
    async fn watch(&mut self, time: Duration, often: Duration, troubles: &mut JoinSet<()>) {
        println!(
            "{:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>10} {:>9} {:>13}  what was done",
            "elapsed",
            "accepted",
            "refused",
            "silent",
            "waiting",
            "oldest",
            "spool",
            "lag p95",
            "MiB"
        );
        let mut next = often;
        while self.begun.elapsed() < time {
            sleep(Duration::from_millis(500)).await;
            self.weigh();
            if let Some(ended) = troubles.try_join_next() {
                ended.expect("trouble goes on");
            }
            if self.begun.elapsed() >= next {
                self.print_line().await;
                next += often;
            }
        }
    }

    fn weigh(&mut self) {
        for (process, memory) in self.processes.iter().zip(&mut self.memory) {
            let Some(kib) = process.memory_kib() else { continue };
            let [first, most, _] = *memory;
            *memory = [if first == 0 { kib } else { first }, most.max(kib), kib];
        }
    }

    /// The statistics of the first process that answers.
    async fn figures(&self) -> Value {
        let header = format!("Authorization: Bearer {TOKEN}\r\n");
        for process in &self.processes {
            let port = process.port.load(std::sync::atomic::Ordering::Relaxed);
            let ask = async {
                let mut client = process::Client::to(port).await.ok()?;
                client.get("/api/v1/stats", &header).await
            };
            match timeout(Duration::from_secs(2), ask).await {
                Ok(Some(answer)) if answer.status == 200 => {
                    return serde_json::from_str(&answer.body).expect("JSON");
                }
                _ => {}
            }
        }
        Value::Null
    }

    async fn print_line(&self) {
        let figures = self.figures().await;
        let shown = |pointer: &str| figures.pointer(pointer).and_then(Value::as_f64);
        let figure = |pointer: &str, unit: &str| {
            shown(pointer).map_or_else(|| "–".to_owned(), |n| format!("{n:.0}{unit}"))
        };
        let waiting = shown("/queue/queued").zip(shown("/queue/claimed"));
        let waiting = waiting.map_or_else(|| "–".to_owned(), |(q, c)| format!("{:.0}", q + c));
        let memory = self.processes.iter().map(|process| match process.memory_kib() {
            Some(kib) => format!("{:.1}", kib as f64 / 1024.0),
            None => "dead".to_owned(),
        });
        let memory = memory.collect::<Vec<_>>().join(" ");
        let spool: u64 = self.processes.iter().map(|process| process.spool_bytes()).sum();
        let (accepted, refused, silent) = {
            let book = self.load.book.lock().unwrap_or_else(PoisonError::into_inner);
            (book.accepted.len(), book.refused.values().sum::<u64>(), book.unanswered)
        };
        println!(
            "{:>8.0}s {accepted:>9} {refused:>8} {silent:>8} {waiting:>8} {:>8} {spool:>10} {:>9} {memory:>13}  {}",
            self.begun.elapsed().as_secs_f64(),
            figure("/queue/oldest_due_seconds", "s"),
            figure("/lag/p95_ms", "ms"),
            self.diary.take()
        );
    }

    /// Until all is accepted and worked off; how long that took, or what is left.
    async fn drain(&mut self, senders: JoinSet<()>) -> Result<Duration, String> {
        let begun = Instant::now();
        let patience = PATIENCE.max(self.begun.elapsed() / 4);
        if timeout(patience, senders.join_all()).await.is_err() {
            return Err("not everything could be sent".to_owned());
        }
        loop {
            self.weigh();
            let jobs = unfinished(self.processes[0].url()).await;
            let spool: u64 = self.processes.iter().map(|process| process.spool_bytes()).sum();
            if jobs == 0 && spool == 0 {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > patience {
                return Err(format!("{jobs} jobs and {spool} bytes of spool are left"));
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Prints the account; what the whole ends with.
    async fn account(self, drained: Result<Duration, String>) -> ExitCode {
        let checked = self.processes[0].run(&["rebuild", "--check"]);
        let book =
            std::mem::take(&mut *self.load.book.lock().unwrap_or_else(PoisonError::into_inner));
        let balance = balance(self.processes[0].url(), &book, &self.plane).await;
        let Balance { accepted, lost, doubled, wrong } = &balance;
        for line in lost.iter().take(20) {
            println!("lost: {line}");
        }
        for line in doubled.iter().take(20) {
            println!("doubled: {line}");
        }
        for line in wrong.iter().take(20) {
            println!("wrong: {line}");
        }
        let of = book.newest.len();
        println!("\n| | |\n|---|---:|\n| accepted deliveries | {accepted} |");
        println!("| answers 2xx, repeats included | {} |", book.yes);
        println!("| answers otherwise, by status | {:?} |", book.refused);
        println!("| without an answer | {} |", book.unanswered);
        println!("| lost | {} |\n| doubled | {} |", lost.len(), doubled.len());
        println!("| wrong, of {of} items | {} |", wrong.len());
        println!("| `rebuild --check` | {} |", if checked { "exit 0" } else { "failed" });
        match &drained {
            Ok(time) => println!("| worked off after | {:.1} s |", time.as_secs_f64()),
            Err(left) => println!("| worked off | no: {left} |"),
        }
        for (process, memory) in self.processes.iter().zip(&self.memory) {
            let [first, most, last] = memory.map(|kib| kib as f64 / 1024.0);
            println!(
                "| {} MiB at first, at most, at last | {first:.1}, {most:.1}, {last:.1} |",
                process.name
            );
        }
        if balance.is_even() && checked && drained.is_ok() {
            return ExitCode::SUCCESS;
        }
        for process in &self.processes {
            let kept = process.keep_logs();
            println!("what {} said is in {}", process.name, kept.display());
        }
        ExitCode::FAILURE
    }
}
