//! Starting while the database is away, and refusing to where waiting would not help.

use std::process::{Command, Output};

use crate::ledger::Accounts;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::process::eventually;
use crate::world::{Kill, World, drained, get, new_delivery, post, post_many, worked_off};

#[tokio::test]
async fn it_starts_while_the_database_is_away_and_begins_to_work_when_it_is_there() {
    let world = World::new();
    world.cluster.stop();
    let served = world.serve();
    assert!(served.greeting_link().ends_with("/login"), "{:?}", served.greeting);
    let spool = served.greeting.iter().find(|line| line.starts_with("  Spool ")).unwrap();
    assert!(spool.ends_with("0 deliveries wait in the spool, 0 bytes of 1073741824"), "{spool}");
    for _ in 0..5 {
        assert_eq!(post(&served, &new_delivery()).await.status, 200);
    }
    assert_eq!(get(&served, "/readyz").await.status, 503);
    let session = format!("Cookie: jetbridge_session={}\r\nAccept: text/html\r\n", "0".repeat(64));
    let page = served.connect().await.get("/boards", &session).await.unwrap();
    assert_eq!(page.status, 503);
    assert!(page.body.contains("The database does not answer"), "{}", page.body);
    world.cluster.restart();
    drained(&served).await;
    let store = world.store().await;
    worked_off(&store).await;
    assert_eq!(store.delivery_counts().await.unwrap().iter().map(|c| c.count).sum::<i64>(), 5);
}

#[tokio::test]
async fn a_start_during_the_outage_can_be_stopped_in_order() {
    let world = World::new();
    world.cluster.stop();
    let served = world.serve();
    assert_eq!(post(&served, &new_delivery()).await.status, 200);
    let (status, took) = served.terminate();
    assert!(status.success(), "{status}");
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    assert_eq!(world.files("segment").len(), 1, "what was accepted waits for the next start");
}

fn serve(database_url: &str, folder: &std::path::Path, environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .arg("serve")
        .current_dir(folder)
        .env_clear()
        .env("JETBRIDGE_LISTEN", "127.0.0.1:0")
        .env("JETBRIDGE_DATABASE_URL", database_url)
        .env("JETBRIDGE_DATA_DIR", folder)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_database_that_does_not_exist_stops_the_start_and_says_so() {
    let world = World::new();
    let other = format!("{}nowhere", world.url);
    let output = serve(&other, world.folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("does not exist"), "{error}");
}

#[tokio::test]
async fn without_a_spool_a_start_during_the_outage_fails() {
    let world = World::new();
    world.cluster.stop();
    let output = serve(&world.url, world.folder.path(), &[("JETBRIDGE_SPOOL_MAX_BYTES", "0")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not reachable"));
}

#[tokio::test]
async fn two_processes_with_one_data_folder_have_a_spool_each_and_the_living_drains_the_deads() {
    let world = World::new();
    let mut accounts = Accounts::default();
    let (first, second) = (world.serve(), world.serve());
    world.cluster.stop();
    let ((of_first, first), (of_second, _)) =
        tokio::join!(post_many(first, 200, Kill::Not), post_many(second, 200, Kill::AtTheEnd));
    accounts.add("by the one that lived", of_first);
    accounts.add("by the one that was killed", of_second);
    assert_eq!(world.files("segment").len(), 2);
    world.cluster.restart();
    eventually("draining both", || async { world.files("segment").is_empty() }).await;
    let first = first.unwrap();
    drained(&first).await;
    let store = world.store().await;
    worked_off(&store).await;
    accounts.balance(&store, 400).await;
}

#[tokio::test]
async fn a_spool_that_was_switched_off_is_still_drained() {
    let world = World::new();
    let served = world.serve();
    world.cluster.stop();
    assert_eq!(post(&served, &new_delivery()).await.status, 200);
    served.kill();
    world.cluster.restart();
    let served = world.serve_with(&[("JETBRIDGE_SPOOL_MAX_BYTES", "0")]);
    eventually("draining", || async { world.files("segment").is_empty() }).await;
    drained(&served).await;
    let store = world.store().await;
    worked_off(&store).await;
    assert_eq!(store.delivery_counts().await.unwrap().iter().map(|c| c.count).sum::<i64>(), 1);
}

#[tokio::test]
async fn sqlite_has_no_spool() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let served =
        crate::support::process::Served::start(&database.text, database.folder.path(), &[]);
    assert_eq!(post(&served, &new_delivery()).await.status, 200);
    assert!(!database.folder.path().join("spool").exists());
}
