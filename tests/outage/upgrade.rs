//! Starting on tables of an earlier version, or on none: somebody's open transaction holds up what
//! makes them, for as long as a great upgrade would last.

use std::net::TcpListener;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::process::{Client, Response, Served, Starting, eventually};
use crate::world::{TOKEN, World, drained, new_delivery, worked_off};

/// A process that answers and can't work yet, and what holds it up.
struct Upgrading {
    world: World,
    port: u16,
    held: PgConnection,
    starting: Starting,
}

impl Upgrading {
    async fn of_an_empty_database() -> Self {
        let world = World::new();
        Self::begun(world, "BEGIN; CREATE SCHEMA ops").await
    }

    async fn begun(world: World, by: &str) -> Self {
        let mut held = PgConnection::connect(&world.url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(by.to_owned())).execute(&mut held).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let environment = [("JETBRIDGE_LISTEN", &*listen), ("JETBRIDGE_ADMIN_TOKEN", TOKEN)];
        let starting = Starting::new(&world.url, world.folder.path(), &[], &environment);
        eventually("an answer", || async {
            let Ok(mut client) = Client::to(port).await else { return false };
            client.get("/healthz", "").await.is_some_and(|response| response.status == 200)
        })
        .await;
        Self { world, port, held, starting }
    }

    async fn accept(&self, deliveries: usize) {
        let mut client = Client::to(self.port).await.unwrap();
        for _ in 0..deliveries {
            assert_eq!(client.post(&new_delivery()).await.expect("an answer").status, 200);
        }
    }

    async fn is_upgrading(&self) -> bool {
        let ready = get(self.port, "/readyz").await;
        ready.status == 503 && ready.body.contains("brought up to this version")
    }
}

async fn get(port: u16, path: &str) -> Response {
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    Client::to(port).await.unwrap().get(path, &header).await.expect("an answer")
}

async fn served(starting: Starting) -> Served {
    tokio::task::spawn_blocking(|| starting.greeted()).await.unwrap()
}

async fn all_worked_off(world: &World, served: &Served, deliveries: i64) {
    drained(served).await;
    let store = world.store().await;
    worked_off(&store).await;
    let counts = store.delivery_counts().await.unwrap();
    assert_eq!(counts.iter().map(|c| c.count).sum::<i64>(), deliveries);
}

/// The tables as that version had them.
async fn tables_of_version(world: &World, version: i64) {
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
    let then = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(migrations).unwrap() {
        let (path, name) = file.map(|file| (file.path(), file.file_name())).unwrap();
        if name.to_string_lossy()[..4].parse::<i64>().unwrap() <= version {
            std::fs::copy(path, then.path().join(name)).unwrap();
        }
    }
    let mut connection = PgConnection::connect(&world.url).await.unwrap();
    let schema = sqlx::raw_sql("CREATE SCHEMA ops; SET search_path = ops");
    schema.execute(&mut connection).await.unwrap();
    Migrator::new(then.path()).await.unwrap().run(&mut connection).await.unwrap();
}

#[tokio::test]
async fn while_its_tables_are_made_deliveries_are_accepted_and_everything_else_waits() {
    let upgrading = Upgrading::of_an_empty_database().await;
    upgrading.accept(3).await;
    assert!(upgrading.is_upgrading().await);
    let ready = get(upgrading.port, "/readyz").await;
    assert!(ready.body.contains("3 deliveries wait in the spool"), "{}", ready.body);
    let stats = get(upgrading.port, "/api/v1/stats").await;
    assert_eq!(stats.status, 503);
    assert!(stats.head.contains("retry-after"), "{}", stats.head);
    assert!(stats.body.contains("Its tables are being brought up"), "{}", stats.body);
    let metrics = get(upgrading.port, "/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.body.contains("jetbridge_spool_deliveries 3"), "{}", metrics.body);

    let Upgrading { world, port, held, starting } = upgrading;
    let patient = tokio::spawn(get(port, "/api/v1/stats"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!patient.is_finished(), "it waits");
    held.close().await.unwrap();
    assert_eq!(patient.await.unwrap().status, 200);
    let served = served(starting).await;
    assert!(!served.greeting_link().ends_with("/login"), "{:?}", served.greeting);
    all_worked_off(&world, &served, 3).await;
}

#[tokio::test]
async fn an_upgrade_of_older_tables_costs_no_delivery() {
    let world = World::new();
    tables_of_version(&world, 6).await;
    let upgrading = Upgrading::begun(world, "BEGIN; LOCK TABLE ops.work_queue").await;
    upgrading.accept(2).await;
    assert!(upgrading.is_upgrading().await);
    let Upgrading { world, held, starting, .. } = upgrading;
    held.close().await.unwrap();
    let served = served(starting).await;
    all_worked_off(&world, &served, 2).await;
}

#[tokio::test]
async fn killed_while_its_tables_are_made_it_has_what_it_accepted_at_the_next_start() {
    let upgrading = Upgrading::of_an_empty_database().await;
    upgrading.accept(5).await;
    let Upgrading { world, held, starting, .. } = upgrading;
    starting.kill();
    held.close().await.unwrap();
    let served = world.serve();
    all_worked_off(&world, &served, 5).await;
}

#[tokio::test]
async fn an_upgrade_can_be_stopped_in_order() {
    let upgrading = Upgrading::of_an_empty_database().await;
    upgrading.accept(1).await;
    let Upgrading { world, starting, .. } = upgrading;
    let (status, took) = starting.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(world.files("segment").len(), 1, "what was accepted waits for the next start");
}

#[tokio::test]
async fn an_upgrade_that_fails_ends_the_start_and_says_what_waits() {
    // A table of somebody else's under a name of ours.
    let hold = "BEGIN; CREATE SCHEMA ops; CREATE TABLE ops.work_queue (theirs int)";
    let mut upgrading = Upgrading::begun(World::new(), hold).await;
    upgrading.accept(1).await;
    sqlx::raw_sql("COMMIT").execute(&mut upgrading.held).await.unwrap();
    let Upgrading { world, mut held, starting, .. } = upgrading;
    let status = tokio::task::spawn_blocking(|| starting.ended()).await.unwrap();
    assert_eq!(status.code(), Some(1));
    let log = world.log();
    assert!(log.contains("1 delivery waits in the spool"), "{log}");
    assert!(log.contains("already exists"), "{log}");

    sqlx::raw_sql("DROP SCHEMA ops CASCADE").execute(&mut held).await.unwrap();
    let served = world.serve();
    all_worked_off(&world, &served, 1).await;
}
