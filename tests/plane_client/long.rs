//! Answers that are longer than what is read of one.

use std::collections::BTreeMap;

use jetbridge::clients::plane::listing::{ListedItem, Order};
use jetbridge::clients::plane::{PlaneClient, Refusal};
use jetbridge::failure::Failure;

use crate::scene::{Scene, id};

/// What the client reads of an answer here.
const LONGEST: usize = 100_000;

fn paragraph(length: usize) -> String {
    format!("<p>{}</p>", "x".repeat(length))
}

/// What is listed from the first place to the last, by name, and how often.
async fn walked(client: &PlaneClient, project: &str) -> (BTreeMap<String, ListedItem>, usize) {
    let (mut all, mut count, mut place) = (BTreeMap::new(), 0, Some(0));
    while let Some(from) = place {
        let page = client.list_items(project, Order::Made, from).await.unwrap();
        assert_eq!(page.total, 42);
        count += page.items.len();
        all.extend(page.items.into_iter().map(|item| (item.id.clone(), item)));
        place = page.next;
    }
    (all, count)
}

#[tokio::test]
async fn a_page_that_is_too_long_is_read_in_smaller_ones_and_an_item_that_is_too_long_is_named() {
    let scene = Scene::new().await;
    let ada = scene.person("ada");
    let mut made = Vec::new();
    for number in 1..=42 {
        let length = if number == 8 { LONGEST } else { 6_000 };
        let name = format!("Item {number}");
        made.push(ada.create_item(id(&scene.project), &name, &paragraph(length)).unwrap());
    }
    let client = scene.client.clone().reading_at_most(LONGEST);
    let before = scene.plane.requests().len();
    let (listed, count) = walked(&client, &scene.project).await;
    assert_eq!((listed.len(), count), (42, 42), "each of them once");
    let unread: Vec<&ListedItem> = listed.values().filter(|item| item.raw.is_none()).collect();
    assert_eq!(unread.len(), 1, "{unread:?}");
    assert_eq!(unread[0].id, made[7].to_string());
    let text = listed[&made[8].to_string()].raw.as_ref().unwrap();
    assert!(text.get().contains(&"x".repeat(6_000)));
    let asked = scene.plane.requests().len() - before;
    assert!(asked < 42, "asked {asked} times");
    let alone = client.fetch_item(&scene.project, &made[7].to_string()).await.unwrap_err();
    assert_eq!(alone, Refusal::TooLong);
    assert!(!alone.concerns_all(), "what is asked for next may be shorter");
    let Failure::Permanent { reason } = alone.failure() else { panic!("{alone:?}") };
    assert!(reason.contains("shorten"), "{reason}");
}

#[tokio::test]
async fn comments_that_are_too_long_together_are_read_in_smaller_pages() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    let ada = scene.person("ada");
    for number in 1..=45 {
        ada.comment(id(&item), &format!("<p>{number}{}</p>", "x".repeat(9_000))).unwrap();
    }
    let client = scene.client.clone().reading_at_most(LONGEST);
    let listed = client.list_comments(&scene.project, &item).await.unwrap();
    let texts: std::collections::BTreeSet<_> = listed.iter().map(|c| &c.comment_html).collect();
    assert_eq!((listed.len(), texts.len()), (45, 45));
    ada.comment(id(&item), &paragraph(LONGEST)).unwrap();
    let refused = client.list_comments(&scene.project, &item).await;
    assert_eq!(refused.unwrap_err(), Refusal::TooLong, "none may be taken for deleted");
}

#[tokio::test]
async fn a_list_that_is_too_long_as_a_whole_is_refused() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    let ada = scene.person("ada");
    for _ in 0..10 {
        ada.comment(id(&item), &paragraph(LONGEST - 2_000)).unwrap();
    }
    let client = scene.client.clone().reading_at_most(LONGEST);
    let refused = client.list_comments(&scene.project, &item).await;
    assert_eq!(refused.unwrap_err(), Refusal::TooLong);
}
