//! Quota, time, and answers that get lost.

use std::time::Duration;

use jetbridge::clients::plane::{Creation, Found, Refusal};
use jetbridge::failure::Failure;
use jetbridge::sim::plane::{On, RequestFault, SimPlaneConfig};

use crate::scene::{Scene, client, clock, new_item};

#[tokio::test]
async fn what_is_left_of_the_quota_is_known_for_a_minute() {
    let clock = clock();
    let config = SimPlaneConfig::default().with_clock(clock.clone()).with_rate_limit(60);
    let scene = Scene::with(config).await;
    assert_eq!(scene.client.remaining(), None);
    scene.client.fetch_me().await.unwrap();
    assert_eq!(scene.client.remaining().unwrap().requests, 59);
    scene.client.clone().fetch_me().await.unwrap();
    assert_eq!(scene.client.remaining().unwrap().requests, 58);
    clock.advance(Duration::from_mins(1));
    assert_eq!(scene.client.remaining(), None);
}

#[tokio::test]
async fn with_nothing_left_nobody_is_asked_until_there_is_something_again() {
    let clock = clock();
    let config = SimPlaneConfig::default().with_clock(clock.clone()).with_rate_limit(2);
    let scene = Scene::with(config).await;
    scene.client.fetch_me().await.unwrap();
    clock.advance(Duration::from_secs(20));
    scene.client.fetch_me().await.unwrap();
    assert_eq!(scene.client.remaining().unwrap().requests, 0);
    clock.advance(Duration::from_secs(10));
    let refused = scene.client.fetch_me().await.unwrap_err();
    // The first request leaves the window a minute after it was made; a second for safety.
    let wait = Duration::from_secs(31);
    assert_eq!(refused, Refusal::Quota { wait });
    assert!(matches!(refused.failure(), Failure::Quota { wait: w, .. } if w == wait));
    assert_eq!(scene.plane.requests().len(), 2, "it was not asked");
    clock.advance(wait);
    scene.client.fetch_me().await.unwrap();
    assert!(scene.plane.requests().iter().all(|request| request.status == Some(200)));
}

#[tokio::test]
async fn a_429_blocks_every_request_for_as_long_as_it_says() {
    let clock = clock();
    let scene = Scene::with(SimPlaneConfig::default().with_clock(clock.clone())).await;
    let wait = Duration::from_secs(42);
    let fault = RequestFault::RetryLater { status: 429, retry_after: wait };
    scene.faults().next_requests(1, On::Any, fault);
    let refused = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(refused, Refusal::Quota { wait });
    clock.advance(Duration::from_secs(40));
    let left = Duration::from_secs(2);
    assert_eq!(scene.client.fetch_me().await, Err(Refusal::Quota { wait: left }));
    assert_eq!(scene.plane.requests().len(), 1);
    clock.advance(left);
    scene.client.fetch_me().await.unwrap();
}

#[tokio::test]
async fn an_item_whose_answer_was_lost_is_found_by_its_external_id() {
    let scene = Scene::new().await;
    scene.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    let lost = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(lost, Refusal::Unavailable { what: "the answer broke off".to_owned() });
    assert!(matches!(lost.failure(), Failure::Retry { .. }));
    let found = scene.client.find_item_by_external(&scene.project, "1").await.unwrap();
    let Found::One(item) = found else { panic!("{found:?}") };
    let again = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap();
    assert_eq!(again, Creation::AlreadyThere(item.id));
    assert_eq!(scene.plane.items().len(), 1);
}

#[tokio::test]
async fn a_write_is_never_sent_twice_by_itself() {
    let scene = Scene::new().await;
    scene.client.fetch_me().await.unwrap();
    scene.faults().next_requests(1, On::Writes, RequestFault::CutBefore);
    scene.client.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(scene.plane.writes().len(), 1);
    assert!(scene.plane.items().is_empty());
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_told_by_the_next_try() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    scene.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    let create = || scene.client.create_comment(&scene.project, &item, "<p>x</p>", "c1");
    create().await.unwrap_err();
    let stored = &scene.client.list_comments(&scene.project, &item).await.unwrap()[0];
    assert_eq!(create().await.unwrap(), Creation::AlreadyThere(stored.id.clone()));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_not_waited_for() {
    let scene = Scene::new().await;
    let hasty = client(&scene.plane, &scene.plane.api_key(), Duration::from_secs(1));
    scene.faults().next_requests(1, On::Writes, RequestFault::HangAfter(Duration::from_mins(1)));
    let refused = hasty.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(refused, Refusal::Unavailable { what: "no answer in time".to_owned() });
    assert_eq!(scene.plane.items().len(), 1, "it was done all the same");
}
