//! The drain: its order, its times, and what is in its way.

use std::io::Write;

use jetbridge::clock::Clock;
use jetbridge::ids::DeliveryId;
use jetbridge::sources::Source;
use sqlx::Connection;

use crate::world::{World, drained, new_delivery, post, worked_off};

#[tokio::test]
async fn what_was_accepted_first_is_queued_first_and_keeps_its_time() {
    let world = World::new();
    let served = world.serve();
    let mut order = Vec::new();
    let mut accept = async |count: usize| {
        for _ in 0..count {
            let delivery = new_delivery();
            assert_eq!(post(&served, &delivery).await.status, 200);
            order.push(delivery.id);
        }
    };
    accept(5).await;
    world.cluster.stop();
    accept(20).await;
    let back = Clock::System.now();
    world.cluster.restart();
    accept(20).await;
    drained(&served).await;
    accept(5).await;
    let mut connection = sqlx::PgConnection::connect(&world.url).await.unwrap();
    let queued = "SELECT delivery_id FROM ops.work_queue ORDER BY id";
    let queued: Vec<String> = sqlx::query_scalar(queued).fetch_all(&mut connection).await.unwrap();
    assert_eq!(queued, order);
    let store = world.store().await;
    let spooled = store.delivery(Source::Plane, &DeliveryId::new(&order[5])).await.unwrap();
    let received_at = spooled.unwrap().0.received_at;
    assert!(received_at < back, "{received_at} is when it was accepted, not when it was drained");
}

#[tokio::test]
async fn what_the_database_never_takes_is_set_aside_and_holds_nobody_up() {
    let world = World::new();
    let served = world.serve();
    // Nothing is known that verification lets through and the database does not take.
    let mut connection = sqlx::PgConnection::connect(&world.url).await.unwrap();
    let refuse = "ALTER TABLE ops.plane_webhook_deliveries ADD CHECK (delivery_id <> 'poison')";
    sqlx::query(refuse).execute(&mut connection).await.unwrap();
    world.cluster.stop();
    let poison = new_delivery().with_id("poison");
    let (first, last) = (new_delivery(), new_delivery());
    for delivery in [&first, &poison, &last] {
        assert_eq!(post(&served, delivery).await.status, 200);
    }
    world.cluster.restart();
    drained(&served).await;
    let store = world.store().await;
    worked_off(&store).await;
    for (delivery, stored) in [(&first, true), (&poison, false), (&last, true)] {
        let found = store.delivery(Source::Plane, &DeliveryId::new(&delivery.id)).await.unwrap();
        assert_eq!(found.is_some(), stored);
    }
    assert_eq!(world.files("refused").len(), 1);
    assert!(world.log().contains("is kept in a file of its own"), "{}", world.log());
}

#[tokio::test]
async fn a_torn_end_is_cut_off_at_the_start_and_the_rest_is_drained() {
    let world = World::new();
    let served = world.serve();
    world.cluster.stop();
    let whole = new_delivery();
    assert_eq!(post(&served, &whole).await.status, 200);
    served.kill();
    let segment = world.files("segment").remove(0);
    let record = std::fs::read(&segment).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&segment).unwrap();
    file.write_all(&record[..record.len() - 7]).unwrap();
    world.cluster.restart();
    let served = world.serve();
    drained(&served).await;
    let found = world.store().await.delivery(Source::Plane, &DeliveryId::new(&whole.id)).await;
    assert!(found.unwrap().is_some());
    assert!(world.files("damaged").is_empty());
}
