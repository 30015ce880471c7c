//! During the outage: what is answered, how soon, and what is shown.

use std::time::{Duration, Instant};

use jetbridge::ids::DeliveryId;
use jetbridge::sources::Source;
use jetbridge::store::deliveries::DeliveryStatus;
use serde_json::Value;

use crate::support::github::{self, GithubDelivery};
use crate::support::process::eventually;
use crate::world::{World, drained, figure, get, new_delivery, post, worked_off};

/// GitHub hangs up after ten seconds; all of this must be far from it.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_delivery_is_accepted_while_the_database_is_away_and_processed_when_it_is_back() {
    let world = World::new();
    let served = world.serve();
    let (before, during, later) = (new_delivery(), new_delivery(), new_delivery());
    assert_eq!(post(&served, &before).await.status, 200);
    world.cluster.stop();
    for delivery in [&during, &later] {
        let begun = Instant::now();
        let answer = post(&served, delivery).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    world.cluster.restart();
    drained(&served).await;
    let after = new_delivery();
    assert_eq!(post(&served, &after).await.status, 200);
    let store = world.store().await;
    worked_off(&store).await;
    for delivery in [&before, &during, &later, &after] {
        let found = store.delivery(Source::Plane, &DeliveryId::new(&delivery.id)).await.unwrap();
        let (stored, body) = found.expect("it was accepted");
        assert_eq!(stored.status, DeliveryStatus::Processed);
        assert_eq!(body.as_deref(), Some(delivery.body.as_slice()), "the exact bytes");
    }
    assert!(world.files("segment").is_empty(), "a drained file is removed");
}

#[tokio::test]
async fn a_database_that_hangs_is_away_too() {
    let world = World::new();
    let served = world.serve();
    assert_eq!(post(&served, &new_delivery()).await.status, 200);
    world.cluster.freeze();
    for _ in 0..3 {
        let begun = Instant::now();
        assert_eq!(post(&served, &new_delivery()).await.status, 200);
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    world.cluster.thaw();
    drained(&served).await;
    let store = world.store().await;
    worked_off(&store).await;
    let counts = store.delivery_counts().await.unwrap();
    assert_eq!(counts.iter().map(|c| c.count).sum::<i64>(), 4, "{counts:?}");
}

#[tokio::test]
async fn what_waits_is_shown_and_pages_say_what_is_wrong() {
    let world = World::new();
    let served = world.serve();
    assert_eq!(figure(&served, "jetbridge_spool_active").await, Some(0.0));
    world.cluster.stop();
    for _ in 0..3 {
        assert_eq!(post(&served, &new_delivery()).await.status, 200);
    }
    let ready = get(&served, "/readyz").await;
    assert_eq!(ready.status, 503);
    let body: Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!(body["problems"][0], "the database does not answer");
    let said = body["spool"].as_str().unwrap();
    assert!(said.starts_with("3 deliveries wait in the spool, "), "{said}");
    assert_eq!(get(&served, "/healthz").await.status, 200);
    assert_eq!(figure(&served, "jetbridge_spool_active").await, Some(1.0));
    assert_eq!(figure(&served, "jetbridge_spool_deliveries").await, Some(3.0));
    assert!(figure(&served, "jetbridge_spool_disk_bytes").await.unwrap() > 0.0);
    assert_eq!(figure(&served, "jetbridge_spool_max_bytes").await, Some(f64::from(1 << 30)));
    assert_eq!(figure(&served, "jetbridge_queue_jobs_queued").await, None, "nobody knows it now");
    let page = get(&served, "/api/v1/stats").await;
    assert_eq!(page.status, 503);
    assert!(page.body.contains("The database does not answer"), "{}", page.body);
    world.cluster.restart();
    drained(&served).await;
    assert_eq!(figure(&served, "jetbridge_spool_drained_total").await, Some(3.0));
    let stats: Value = serde_json::from_str(&get(&served, "/api/v1/stats").await.body).unwrap();
    assert_eq!(stats["spool"]["drained"], 3);
    assert_eq!(stats["spool"]["since"], Value::Null);
}

#[tokio::test]
async fn a_repeat_is_one_across_database_and_spool() {
    let world = World::new();
    let served = world.serve();
    let (before, during) = (new_delivery(), new_delivery());
    assert_eq!(post(&served, &before).await.status, 200);
    world.cluster.stop();
    assert_eq!(post(&served, &during).await.status, 200);
    let again = post(&served, &during).await;
    assert!(again.body.contains("\"duplicate\":true"), "{}", again.body);
    let under_new_id = post(&served, &during.clone().with_id("another id")).await;
    assert!(under_new_id.body.contains("\"duplicate\":true"), "{}", under_new_id.body);
    for repeat in [before.clone(), before.clone().with_id("third id")] {
        assert_eq!(post(&served, &repeat).await.status, 200, "nobody can be asked now");
    }
    world.cluster.restart();
    drained(&served).await;
    let again = post(&served, &during.clone().with_id("fourth id")).await;
    assert!(again.body.contains("\"duplicate\":true"), "{}", again.body);
    let store = world.store().await;
    worked_off(&store).await;
    let counts = store.delivery_counts().await.unwrap();
    assert_eq!(counts.iter().map(|c| c.count).sum::<i64>(), 2, "{counts:?}");
}

#[tokio::test]
async fn a_redelivery_of_something_failed_is_queued_again_by_the_drain() {
    let world = World::new();
    let served = world.serve();
    let broken = r#"{"event":"issue","action":"updated","data":{"id":"x","name":7}}"#;
    let broken = crate::support::plane::Delivery::new(broken);
    assert_eq!(post(&served, &broken).await.status, 200);
    let store = world.store().await;
    let id = DeliveryId::new(&broken.id);
    let attempts = async || {
        let found = store.delivery(Source::Plane, &id).await.unwrap().expect("it is stored").0;
        (found.status == DeliveryStatus::Failed).then_some(found.attempts)
    };
    eventually("its failure", || async { attempts().await == Some(1) }).await;
    world.cluster.stop();
    assert_eq!(post(&served, &broken).await.status, 200);
    world.cluster.restart();
    eventually("the second attempt", || async {
        let found = store.delivery(Source::Plane, &id).await;
        found.is_ok_and(|found| found.is_some_and(|(delivery, _)| delivery.attempts == 2))
    })
    .await;
}

#[tokio::test]
async fn repositories_are_decided_when_the_database_is_back_and_none_is_answered_404_before() {
    let world = World::new();
    let served = world.serve();
    assert_eq!(served.connect().await.post_github(&of("octo/known")).await.unwrap().status, 404);
    add_repository(&world, "octo/known");
    world.cluster.stop();
    let (known, unknown) = (of("octo/known"), of("octo/unknown"));
    let wrong = GithubDelivery { signature: Some("sha256=00".to_owned()), ..of("octo/known") };
    assert_eq!(served.connect().await.post_github(&wrong).await.unwrap().status, 401);
    for delivery in [&known, &unknown] {
        let answer = served.connect().await.post_github(delivery).await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    world.cluster.restart();
    drained(&served).await;
    let store = world.store().await;
    worked_off(&store).await;
    let result = async |delivery: &GithubDelivery| {
        let found = store.delivery(Source::Github, &DeliveryId::new(&delivery.id)).await.unwrap();
        let found = found.expect("it was accepted").0;
        assert_eq!(found.status, DeliveryStatus::Processed);
        (found.repository, found.result.unwrap_or_default())
    };
    assert_eq!(result(&known).await.0.as_deref(), Some("octo/known"));
    let (repository, reason) = result(&unknown).await;
    assert_eq!(repository, None);
    assert!(reason.contains("octo/unknown is not configured"), "{reason}");
}

fn add_repository(world: &World, name: &str) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(["repo", "add", name])
        .current_dir(world.folder.path())
        .env_clear()
        .env("JETBRIDGE_DATABASE_URL", &world.url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An issue of that repository; its number is the name's length, so that no two share one.
fn of(repository: &str) -> GithubDelivery {
    let number = repository.len() as u64;
    let issue = github::issue(number, "t", "open", "2026-11-22T01:00:00Z");
    let body = serde_json::json!({
        "action": "opened", "issue": issue,
        "repository": {"id": number, "name": "r", "full_name": repository}
    });
    GithubDelivery::new("issues", body.to_string())
}
