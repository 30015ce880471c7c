//! Reading projects, items and their parts.

use jetbridge::clients::plane::{Found, Refusal};
use jetbridge::sim::plane::{External, On, RequestFault};
use jetbridge::work_items::StateGroup;

use crate::scene::{Scene, id};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn external(id: &str) -> External {
    External { id: Some(id.to_owned()), source: Some("github".to_owned()) }
}

#[tokio::test]
async fn a_project_comes_with_its_states_in_order_its_labels_and_its_members() {
    let scene = Scene::new().await;
    let label = scene.plane.add_label(id(&scene.project), "bug").to_string();
    let project = scene.client.fetch_project_parts(&scene.project).await.unwrap();
    assert_eq!(project.id, scene.project);
    let groups: Vec<_> = project.states.iter().map(|state| state.group.unwrap()).collect();
    assert_eq!(groups, StateGroup::ALL[..5]);
    assert!(project.states[0].default && !project.states[1].default);
    assert_eq!(project.labels.len(), 1);
    assert_eq!((&project.labels[0].id, project.labels[0].name.as_str()), (&label, "bug"));
    let ada = project.members.iter().find(|m| m.display_name == "ada").unwrap();
    assert_eq!(ada.full_name, "Ada Lovelace");
    assert_eq!(ada.email.as_deref(), Some("ada@example.com"));
}

#[tokio::test]
async fn an_item_that_was_deleted_or_archived_is_not_there() {
    let scene = Scene::new().await;
    let (kept, archived) = (scene.item("1").await, scene.item("2").await);
    scene.person("ada").archive_item(id(&archived)).unwrap();
    let item = scene.client.fetch_item(&scene.project, &kept).await.unwrap().unwrap();
    assert_eq!((item.id, item.name.as_str()), (kept, "issue 1"));
    assert_eq!(item.external_source.as_deref(), Some("github"));
    for gone in [archived.as_str(), NOBODY] {
        assert_eq!(scene.client.fetch_item(&scene.project, gone).await, Ok(None));
    }
}

#[tokio::test]
async fn a_twin_is_found_by_its_external_id_even_when_it_is_archived() {
    let scene = Scene::new().await;
    let find = || scene.client.find_item_by_external(&scene.project, "1");
    assert_eq!(find().await, Ok(Found::None));
    let item = scene.item("1").await;
    scene.person("ada").archive_item(id(&item)).unwrap();
    let Found::One(found) = find().await.unwrap() else { panic!("not found") };
    assert_eq!(found.id, item);
}

#[tokio::test]
async fn of_several_twins_the_oldest_is_picked() {
    let scene = Scene::new().await;
    let items = [scene.item("1").await, scene.item("2").await, scene.item("3").await];
    for item in &items[1..] {
        scene.plane.set_external(id(item), external("1"));
    }
    let found = scene.client.find_item_by_external(&scene.project, "1").await.unwrap();
    let Found::Several { oldest, others } = found else { panic!("{found:?}") };
    assert_eq!(oldest.id, items[0]);
    assert_eq!(others, items[1..]);
}

#[tokio::test]
async fn a_500_that_means_something_else_never_says_that_there_is_none() {
    let scene = Scene::new().await;
    scene.faults().next_requests(1, On::Any, RequestFault::Status(500));
    let refused = scene.client.find_item_by_external(&scene.project, "1").await;
    assert_eq!(refused, Err(Refusal::Unavailable { what: "it answered 500".to_owned() }));
    let item = scene.item("1").await;
    scene.faults().next_requests(1, On::Any, RequestFault::Status(500));
    let found = scene.client.find_item_by_external(&scene.project, "1").await.unwrap();
    assert!(matches!(found, Found::One(found) if found.id == item));
}

#[tokio::test]
async fn times_in_another_zone_make_no_other_twin_the_oldest() {
    let scene = Scene::new().await;
    let items = [scene.item("1").await, scene.item("2").await];
    scene.plane.set_external(id(&items[1]), external("1"));
    scene.plane.move_user(scene.person("sync-bot").id(), 330);
    let found = scene.client.find_item_by_external(&scene.project, "1").await.unwrap();
    assert!(matches!(found, Found::Several { oldest, .. } if oldest.id == items[0]));
}

#[tokio::test]
async fn comments_and_links_are_listed() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    scene.person("ada").comment(id(&item), "<p>by hand</p>").unwrap();
    scene.client.create_comment(&scene.project, &item, " <p>ours</p>\n", "c1").await.unwrap();
    let comments = scene.client.list_comments(&scene.project, &item).await.unwrap();
    let texts: Vec<_> = comments.iter().map(|comment| comment.comment_html.as_str()).collect();
    assert_eq!(texts, ["<p>ours</p>", "<p>by hand</p>"]);
    assert_eq!(comments[0].external_id.as_deref(), Some("c1"));
    assert_eq!(comments[1].external_source, None);
    assert!(scene.client.list_comments(&scene.project, NOBODY).await.unwrap().is_empty());

    scene.client.create_link(&scene.project, &item, "https://x.example/1", "#1").await.unwrap();
    let links = scene.client.list_links(&scene.project, &item).await.unwrap();
    assert_eq!(
        (links[0].url.as_str(), links[0].title.as_deref()),
        ("https://x.example/1", Some("#1"))
    );
}
