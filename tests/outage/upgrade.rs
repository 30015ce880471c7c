//! Starting on tables of an earlier version, or on none: somebody's open transaction holds up the
//! first statement that makes them, for as long as a great upgrade would last.

use std::net::TcpListener;

use sqlx::{Connection, PgConnection};

use crate::support::process::{Client, Response, Served, Starting, eventually};
use crate::world::{TOKEN, World, drained, new_delivery, worked_off};

/// A process that is about to start, and what holds it up.
struct Upgrading {
    world: World,
    port: u16,
    held: PgConnection,
    starting: Starting,
}

impl Upgrading {
    async fn begun() -> Self {
        let world = World::new();
        let mut held = PgConnection::connect(&world.url).await.unwrap();
        sqlx::raw_sql("BEGIN; CREATE SCHEMA ops").execute(&mut held).await.unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let environment = [("JETBRIDGE_LISTEN", &*listen), ("JETBRIDGE_ADMIN_TOKEN", TOKEN)];
        let starting = Starting::new(&world.url, world.folder.path(), &[], &environment);
        let upgrading = Self { world, port, held, starting };
        eventually("an answer", || async { upgrading.answers("/healthz").await }).await;
        upgrading
    }

    async fn answers(&self, path: &str) -> bool {
        let Ok(mut client) = Client::to(self.port).await else { return false };
        client.get(path, "").await.is_some_and(|response| response.status == 200)
    }

    async fn accept(&self, deliveries: usize) {
        let mut client = Client::to(self.port).await.unwrap();
        for _ in 0..deliveries {
            assert_eq!(client.post(&new_delivery()).await.expect("an answer").status, 200);
        }
    }
}

async fn get(port: u16, path: &str) -> Response {
    let header = format!("Authorization: Bearer {TOKEN}\r\n");
    Client::to(port).await.unwrap().get(path, &header).await.expect("an answer")
}

async fn all_worked_off(world: &World, served: &Served, deliveries: i64) {
    drained(served).await;
    let store = world.store().await;
    worked_off(&store).await;
    let counts = store.delivery_counts().await.unwrap();
    assert_eq!(counts.iter().map(|c| c.count).sum::<i64>(), deliveries);
}

#[tokio::test]
async fn while_its_tables_are_made_deliveries_are_accepted_and_everything_else_waits() {
    let upgrading = Upgrading::begun().await;
    upgrading.accept(3).await;
    let ready = get(upgrading.port, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("brought up to this version"), "{}", ready.body);
    assert!(ready.body.contains("3 deliveries wait in the spool"), "{}", ready.body);
    let stats = get(upgrading.port, "/api/v1/stats").await;
    assert_eq!(stats.status, 503);
    assert!(stats.head.contains("retry-after"), "{}", stats.head);
    assert!(stats.body.contains("Its tables are being brought up"), "{}", stats.body);

    let Upgrading { world, port, held, starting } = upgrading;
    let (patient, ()) = tokio::join!(get(port, "/api/v1/stats"), async {
        held.close().await.unwrap();
    });
    assert_eq!(patient.status, 200, "it waited: {}", patient.body);
    let served = tokio::task::spawn_blocking(|| starting.greeted()).await.unwrap();
    assert!(!served.greeting_link().ends_with("/login"), "{:?}", served.greeting);
    all_worked_off(&world, &served, 3).await;
}

#[tokio::test]
async fn killed_while_its_tables_are_made_it_has_what_it_accepted_at_the_next_start() {
    let upgrading = Upgrading::begun().await;
    upgrading.accept(5).await;
    let Upgrading { world, held, starting, .. } = upgrading;
    starting.kill();
    held.close().await.unwrap();
    let served = world.serve();
    all_worked_off(&world, &served, 5).await;
}
