//! The spool's bound, and a disk that takes no more.

use jetbridge::store::Store;

use crate::support::process::{Served, eventually};
use crate::world::{World, drained, figure, new_delivery, post, worked_off};

/// Accepts until it is refused; how many were accepted.
async fn fill(served: &Served, says: &str) -> i64 {
    let mut accepted = 0;
    loop {
        let answer = post(served, &new_delivery()).await;
        match answer.status {
            200 => accepted += 1,
            503 => {
                assert!(answer.head.contains("retry-after: "), "{}", answer.head);
                assert!(answer.body.contains(says), "{}", answer.body);
                return accepted;
            }
            _ => panic!("{answer:?}"),
        }
        assert!(accepted < 5000, "the bound is never reached");
    }
}

async fn stored(store: &Store) -> i64 {
    worked_off(store).await;
    store.delivery_counts().await.unwrap().iter().map(|c| c.count).sum()
}

#[tokio::test]
async fn a_full_spool_refuses_with_503_and_takes_in_again_when_it_is_drained() {
    let world = World::new();
    let served = world.serve_with(&[("JETBRIDGE_SPOOL_MAX_BYTES", "64KiB")]);
    world.cluster.stop();
    let accepted = fill(&served, "the spool is full").await;
    assert!(accepted > 10, "{accepted}");
    assert!(figure(&served, "jetbridge_spool_disk_bytes").await.unwrap() <= 65536.0);
    world.cluster.restart();
    drained(&served).await;
    assert_eq!(post(&served, &new_delivery()).await.status, 200);
    assert_eq!(stored(&world.store().await).await, accepted + 1, "none too few, none too many");
}

/// A limit on the size of files stands for a full disk: it needs no root, and can be lifted.
#[tokio::test]
async fn a_disk_that_takes_no_more_is_a_503_and_no_accepted_delivery_is_torn() {
    let world = World::new();
    let served = world.serve();
    world.cluster.stop();
    for _ in 0..3 {
        assert_eq!(post(&served, &new_delivery()).await.status, 200);
    }
    limit_files(&served, "20000:");
    let accepted = 3 + fill(&served, "the spool can't be written").await;
    limit_files(&served, "unlimited:");
    let mut again = 0;
    eventually("being accepted again", || {
        again += 1;
        let (connecting, delivery) = (served.connect(), new_delivery());
        async move { connecting.await.post(&delivery).await.is_some_and(|r| r.status == 200) }
    })
    .await;
    assert_eq!(again, 1, "the first one after the disk has room is taken");
    world.cluster.restart();
    drained(&served).await;
    assert_eq!(stored(&world.store().await).await, accepted + 1);
}

fn limit_files(served: &Served, soft: &str) {
    let limits = [format!("--pid={}", served.id()), format!("--fsize={soft}")];
    let status = std::process::Command::new("prlimit").args(limits).status();
    assert!(status.expect("prlimit is part of util-linux").success());
}
