//! Two processes on one `PostgreSQL`, one of which dies, or stands still past its lease and wakes.

use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::PgConnection;
use tempfile::TempDir;

use crate::ledger::Accounts;
use crate::support::process::{Served, eventually};
use crate::world::{Kill, World, post_many, worked_off};

/// Enough for many batches of a debug build.
const DELIVERIES: usize = 1000;

/// A process with a data folder of its own.
struct Process {
    served: Served,
    folder: TempDir,
}

impl Process {
    fn start(world: &World, role: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // One batch at a time, so that it can be told in what it is.
        let said = [("JETBRIDGE_LOG", "warn"), ("JETBRIDGE_WORKERS", "1")];
        let served = Served::start_with(&world.url, folder.path(), &["--role", role], &said);
        Self { served, folder }
    }

    fn signal(&self, signal: &str) {
        let id = self.served.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr.log")).unwrap()
    }
}

/// In what a process is to be caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Midst {
    /// It has leases and works on their jobs, and no transaction is open.
    OfABatch,
    /// A transaction of its is open, and has locked the jobs that it finishes.
    OfATransaction,
}

impl Midst {
    /// What lets nobody get further than that: a batch is decided from the items, which are then
    /// written in the transaction that finishes its jobs.
    fn barrier(self) -> &'static str {
        match self {
            Self::OfABatch => "LOCK TABLE ops.work_items IN ACCESS EXCLUSIVE MODE",
            Self::OfATransaction => "LOCK TABLE ops.work_items IN SHARE MODE",
        }
    }
}

/// What the database says of the only process that works on it.
#[derive(Debug, Clone, Copy)]
struct Sight {
    /// Sessions that do something.
    running: i64,
    /// Sessions that wait for a lock.
    waiting: i64,
    /// Sessions that stand still in a transaction, and those of them that have locked jobs.
    open: i64,
    locking: i64,
    claimed: i64,
}

async fn look(connection: &mut PgConnection) -> Sight {
    const LOOK: &str = "
        SELECT count(*) FILTER (WHERE state = 'active' AND wait_event_type IS DISTINCT FROM 'Lock'),
            count(*) FILTER (WHERE state = 'active' AND wait_event_type = 'Lock'),
            count(*) FILTER (WHERE state LIKE 'idle in%'),
            count(*) FILTER (WHERE state LIKE 'idle in%' AND EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = a.pid
                AND l.relation = 'ops.work_queue'::regclass AND l.mode = 'RowExclusiveLock')),
            (SELECT count(*) FROM ops.work_queue WHERE status = 'claimed')
        FROM pg_stat_activity a WHERE application_name = 'jetbridge'";
    let (running, waiting, open, locking, claimed) =
        sqlx::query_as(LOOK).fetch_one(connection).await.unwrap();
    Sight { running, waiting, open, locking, claimed }
}

/// Looks until what is seen is what is waited for.
async fn seen(connection: &mut PgConnection, what: &str, is: impl Fn(Sight) -> bool) -> Sight {
    let begun = Instant::now();
    loop {
        let sight = look(connection).await;
        if is(sight) {
            return sight;
        }
        assert!(begun.elapsed().as_secs() < 60, "{what}: {sight:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lets the process begin to work and stand still in the midst of it; how many jobs it then has.
async fn pause(world: &World, process: &Process, midst: Midst, look_on: &mut PgConnection) -> i64 {
    let mut barrier = PgConnection::connect(&world.url).await.unwrap();
    let mut held = barrier.begin().await.unwrap();
    sqlx::query(midst.barrier()).execute(&mut *held).await.unwrap();
    let due = "UPDATE ops.work_queue SET available_at = now() WHERE status = 'queued'";
    sqlx::query(due).execute(&mut *look_on).await.unwrap();
    // A claim for the other stage may be under way, which is once a second and short.
    loop {
        seen(look_on, "it never came to the barrier", |s| s.claimed > 0 && s.waiting > 0).await;
        process.signal("-STOP");
        let sight = seen(look_on, "its sessions never stood still", |s| s.running == 0).await;
        if sight.claimed > 0 && sight.waiting > 0 && sight.open == 0 {
            break;
        }
        process.signal("-CONT");
    }
    held.rollback().await.unwrap();
    let sight =
        seen(look_on, "its sessions never stood still", |s| s.running + s.waiting == 0).await;
    let caught = match midst {
        Midst::OfABatch => sight.claimed > 0 && sight.open == 0,
        Midst::OfATransaction => sight.claimed > 0 && sight.locking > 0,
    };
    assert!(caught, "it is not in the midst {midst:?}: {sight:?}");
    sight.claimed
}

/// A database full of accepted deliveries that are not due yet, and nobody who works them off.
async fn full() -> (World, Accounts, PgConnection) {
    let world = World::new();
    let mut accounts = Accounts::default();
    let receiver = Process::start(&world, "receiver");
    let (ids, receiver) = post_many(receiver.served, DELIVERIES, Kill::Not).await;
    accounts.add("before", ids);
    assert!(receiver.unwrap().terminate().0.success());
    let mut connection = PgConnection::connect(&world.url).await.unwrap();
    // Less than what would be taken for a clock that was set back.
    let later = "UPDATE ops.work_queue SET available_at = now() + interval '50 seconds'";
    sqlx::query(later).execute(&mut connection).await.unwrap();
    (world, accounts, connection)
}

async fn all_leases_are_those_of_the_living(
    connection: &mut PgConnection,
    dead: &[String],
    begun: Instant,
) {
    println!("another one serves {:.1} s after that", begun.elapsed().as_secs_f64());
    loop {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM ops.work_queue WHERE lease = ANY($1) AND status = 'claimed'",
        )
        .bind(dead)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        if left == 0 {
            println!("its jobs are free {:.1} s after it", begun.elapsed().as_secs_f64());
            return;
        }
        assert!(begun.elapsed().as_secs() < 60, "{left} jobs stay claimed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn leases(connection: &mut PgConnection) -> Vec<String> {
    let leases = "SELECT DISTINCT lease FROM ops.work_queue WHERE status = 'claimed'";
    sqlx::query_scalar(leases).fetch_all(connection).await.unwrap()
}

/// All that work writes, as one figure.
async fn written(connection: &mut PgConnection) -> String {
    const TABLES: [&str; 5] =
        ["plane_webhook_deliveries", "work_queue", "work_items", "timeline", "work_item_comments"];
    let mut all = String::new();
    for table in TABLES {
        let rows =
            format!("SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ops.{table} t");
        let rows: Option<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        all.push_str(&rows.unwrap_or_default());
    }
    all
}

#[tokio::test]
async fn the_jobs_of_a_process_that_was_killed_run_elsewhere_when_its_leases_end() {
    let (world, accounts, mut connection) = full().await;
    let first = Process::start(&world, "worker");
    let had = pause(&world, &first, Midst::OfABatch, &mut connection).await;
    let begun = Instant::now();
    let dead = leases(&mut connection).await;
    first.served.kill();
    println!("killed with {had} jobs under {} leases", dead.len());
    let _second = Process::start(&world, "worker");
    all_leases_are_those_of_the_living(&mut connection, &dead, begun).await;
    let store = world.store().await;
    worked_off(&store).await;
    println!("all is worked off {:.1} s after it", begun.elapsed().as_secs_f64());
    accounts.balance(&store, DELIVERIES).await;
}

/// Pauses one process, lets another one take over, wakes the first one, and sees that nothing moves.
async fn a_paused_process_is_replaced(midst: Midst) {
    let (world, mut accounts, mut connection) = full().await;
    let first = Process::start(&world, "worker");
    let had = pause(&world, &first, midst, &mut connection).await;
    let begun = Instant::now();
    let lost = leases(&mut connection).await;
    println!("paused with {had} jobs under {} leases", lost.len());
    let second = Process::start(&world, "worker");
    all_leases_are_those_of_the_living(&mut connection, &lost, begun).await;
    let store = world.store().await;
    worked_off(&store).await;
    println!("all is worked off {:.1} s after it", begun.elapsed().as_secs_f64());
    let before = written(&mut connection).await;
    first.signal("-CONT");
    if midst == Midst::OfABatch {
        eventually("its late finish", || async {
            let log = first.log();
            log.contains("no longer ours") || log.contains("was given up")
        })
        .await;
    }
    let alive = first.served.connect().await.get("/healthz", "").await.expect("an answer");
    assert_eq!(alive.status, 200);
    assert_eq!(written(&mut connection).await, before, "a late finish wrote something");
    second.served.kill();
    let receiver = Process::start(&world, "receiver");
    let (ids, _) = post_many(receiver.served, 50, Kill::Not).await;
    accounts.add("after it woke", ids);
    worked_off(&store).await;
    accounts.balance(&store, DELIVERIES + 50).await;
}

#[tokio::test]
async fn a_process_that_stood_still_past_its_lease_writes_nothing_when_it_wakes() {
    a_paused_process_is_replaced(Midst::OfABatch).await;
}

#[tokio::test]
async fn a_process_that_stands_still_in_a_transaction_does_not_hold_the_others_up() {
    a_paused_process_is_replaced(Midst::OfATransaction).await;
}
