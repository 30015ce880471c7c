//! Each row of the table from an answer to its meaning.

use std::time::Duration;

use jetbridge::clients::plane::Refusal;
use jetbridge::failure::Failure;
use jetbridge::sim::plane::{On, RequestFault};
use jetbridge::sync::plane::ItemChange;

use crate::scene::{PATIENCE, Scene, client, new_item};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn invalid(words: &str) -> Refusal {
    Refusal::Invalid { words: words.to_owned() }
}

#[tokio::test]
async fn a_field_that_plane_refuses_is_named_in_planes_words() {
    let scene = Scene::new().await;
    let mut item = new_item("1");
    item.name = "x".repeat(256);
    let refused = scene.client.create_item(&scene.project, &item).await.unwrap_err();
    assert_eq!(refused, invalid("name: Ensure this field has no more than 255 characters."));
    item.name = "🚀".repeat(255);
    item.description_html = String::new();
    let refused = scene.client.create_item(&scene.project, &item).await.unwrap_err();
    assert_eq!(refused, invalid("Invalid HTML passed"));
    item.description_html = "<p>private</p>".to_owned();
    item.labels = ["bug".to_owned()].into();
    let refused = scene.client.create_item(&scene.project, &item).await.unwrap_err();
    assert_eq!(refused, invalid("labels 0: “bug” is not a valid UUID."));
    let Failure::Permanent { reason } = refused.failure() else { panic!("{refused:?}") };
    assert!(reason.contains("not a valid UUID") && !reason.contains("private"), "{reason}");
    assert!(!refused.concerns_all());
}

#[tokio::test]
async fn a_comment_on_an_item_that_is_gone_is_refused_for_good() {
    let scene = Scene::new().await;
    let refused = scene.client.create_comment(&scene.project, NOBODY, "<p>x</p>", "1").await;
    assert_eq!(refused.unwrap_err(), invalid("The payload is not valid"));
}

#[tokio::test]
async fn a_bad_key_a_missing_permission_and_a_missing_project_are_told_apart_as_far_as_plane_does()
{
    let scene = Scene::new().await;
    let stranger = client(&scene.plane, "plane_api_wrong", PATIENCE);
    let bad = stranger.fetch_item(&scene.project, NOBODY).await.unwrap_err();
    assert_eq!(bad, Refusal::BadKey);
    assert!(matches!(bad.failure(), Failure::Permanent { .. }));
    let guest = scene.client_of("guest");
    let refused = guest.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(refused, Refusal::NoAccess);
    assert_eq!(scene.client.fetch_item(NOBODY, NOBODY).await, Err(Refusal::NoAccess));
    assert!(matches!(Refusal::NoAccess.failure(), Failure::Permanent { .. }));
}

#[tokio::test]
async fn a_change_of_an_item_that_is_gone_is_not_found() {
    let scene = Scene::new().await;
    let change = ItemChange { name: Some("x".to_owned()), ..ItemChange::default() };
    let refused = scene.client.update_item(&scene.project, NOBODY, &change).await;
    assert_eq!(refused, Err(Refusal::NotFound));
    let refused = scene.client.update_comment(&scene.project, NOBODY, NOBODY, "<p>x</p>").await;
    assert_eq!(refused, Err(Refusal::NotFound));
    let refused = scene.client.update_item(&scene.project, "../../me", &change).await;
    assert_eq!(refused, Err(Refusal::NotFound));
}

#[tokio::test]
async fn a_text_that_is_too_long_for_plane_is_refused_for_good() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    let html = format!("<p>{}</p>", "x".repeat(6 * 1024 * 1024));
    let refused = scene.client.create_comment(&scene.project, &item, &html, "c1").await;
    assert_eq!(refused, Err(Refusal::TooLarge));
    assert!(matches!(Refusal::TooLarge.failure(), Failure::Permanent { .. }));
}

#[tokio::test]
async fn a_server_that_can_not_now_may_be_able_later() {
    let scene = Scene::new().await;
    for status in [500, 502, 503, 504] {
        scene.faults().next_requests(1, On::Any, RequestFault::Status(status));
        let refused = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap_err();
        assert_eq!(refused, Refusal::Unavailable { what: format!("it answered {status}") });
        assert!(matches!(refused.failure(), Failure::Retry { after: None, .. }));
        assert!(refused.concerns_all());
    }
    assert!(scene.plane.items().is_empty());
}

#[tokio::test]
async fn a_server_that_says_when_to_come_again_is_believed() {
    let scene = Scene::new().await;
    let wait = Duration::from_secs(7);
    let fault = RequestFault::RetryLater { status: 503, retry_after: wait };
    scene.faults().next_requests(1, On::Writes, fault);
    let refused = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(refused, Refusal::Busy { status: 503, wait });
    let Failure::Retry { after, .. } = refused.failure() else { panic!("{refused:?}") };
    assert_eq!(after, Some(wait));
    let longest = Duration::from_hours(1);
    let fault = RequestFault::RetryLater { status: 503, retry_after: longest * 9 };
    scene.faults().next_requests(1, On::Writes, fault);
    let refused = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(refused, Refusal::Busy { status: 503, wait: longest });
}

#[tokio::test]
async fn a_proxy_s_404_is_no_deletion() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    scene.faults().next_requests(3, On::Any, RequestFault::Status(404));
    let page = Refusal::Unreadable { what: "404 with a web page".to_owned() };
    assert_eq!(scene.client.fetch_item(&scene.project, &item).await, Err(page.clone()));
    assert_eq!(scene.client.find_item_by_external(&scene.project, "1").await, Err(page.clone()));
    assert_eq!(scene.client.delete_item(&scene.project, &item).await, Err(page));
    assert_eq!(scene.plane.items().len(), 1);
}

#[tokio::test]
async fn other_refusals_ask_for_a_report() {
    let scene = Scene::new().await;
    scene.faults().next_requests(1, On::Any, RequestFault::Status(405));
    let refused = scene.client.fetch_me().await.unwrap_err();
    assert_eq!(refused, Refusal::Rejected { status: 405 });
    scene.faults().next_requests(1, On::Any, RequestFault::Status(409));
    let refused = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap_err();
    assert_eq!(refused, Refusal::Conflict { words: "a web page".to_owned() });
    assert!(matches!(refused.failure(), Failure::Retry { .. }));
}
