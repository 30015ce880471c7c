//! Writing, and what Plane makes of it.

use jetbridge::clients::plane::{Creation, PlaneClient, Refusal};
use jetbridge::sync::mapping::NewLabel;
use jetbridge::sync::plane::{Item, ItemChange};

use crate::scene::{Scene, id, new_item, set};

async fn created(client: &PlaneClient, scene: &Scene, external_id: &str) -> Item {
    let made = client.create_item(&scene.project, &new_item(external_id)).await.unwrap();
    let Creation::Created(item) = made else { panic!("{made:?}") };
    item
}

#[tokio::test]
async fn an_item_is_made_once_for_an_external_id() {
    let scene = Scene::new().await;
    let item = created(&scene.client, &scene, "1").await;
    let stored = scene.plane.item(id(&item.id)).unwrap();
    assert_eq!(stored.external.id.as_deref(), Some("1"));
    assert_eq!(stored.external.source.as_deref(), Some("github"));
    assert_eq!(item.state, Some(stored.state.to_string()), "the project's default");
    let again = scene.client.create_item(&scene.project, &new_item("1")).await.unwrap();
    assert_eq!(again, Creation::AlreadyThere(item.id));
}

#[tokio::test]
async fn what_plane_drops_is_not_in_what_comes_back() {
    let scene = Scene::new().await;
    let (ada, guest, outsider) = (scene.user("ada"), scene.user("guest"), scene.user("outsider"));
    let ours = scene.plane.add_label(id(&scene.project), "bug").to_string();
    let elsewhere = scene.plane.add_project("OTHER", "Another one");
    let foreign = scene.plane.add_label(elsewhere, "bug").to_string();
    let mut item = new_item("1");
    item.assignees = set(&[&ada, &guest, &outsider]);
    item.labels = set(&[&ours, &foreign]);
    let made = scene.client.create_item(&scene.project, &item).await.unwrap();
    let Creation::Created(item) = made else { panic!("{made:?}") };
    assert_eq!((item.assignees, item.labels), (set(&[&ada]), set(&[&ours])));

    let change = ItemChange { assignees: Some(set(&[&guest])), ..ItemChange::default() };
    let item = scene.client.update_item(&scene.project, &item.id, &change).await.unwrap();
    assert!(item.assignees.is_empty());
    assert_eq!(item.labels, set(&[&ours]), "what a change leaves out stays");
}

#[tokio::test]
async fn a_change_writes_only_what_it_names() {
    let scene = Scene::new().await;
    let item = created(&scene.client, &scene, "1").await;
    let done = scene.plane.states()[3].id;
    let change = ItemChange {
        name: Some("other".to_owned()),
        description_html: Some("<p>a</p><p>b</p>".to_owned()),
        state: Some(done.to_string()),
        ..ItemChange::default()
    };
    let changed = scene.client.update_item(&scene.project, &item.id, &change).await.unwrap();
    assert_eq!(changed.name, "other");
    assert_eq!(changed.description_html, "<div><p>a</p><p>b</p></div>", "as Plane stores it");
    assert_eq!(changed.external_id, item.external_id);
    assert!(scene.plane.item(id(&item.id)).unwrap().completed_at.is_some());
    let fetched = scene.client.fetch_item(&scene.project, &item.id).await.unwrap();
    assert_eq!(fetched, Some(changed));
}

#[tokio::test]
async fn deleting_what_is_gone_is_no_refusal() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    let made = scene.client.create_comment(&scene.project, &item, "<p>x</p>", "c1").await.unwrap();
    let Creation::Created(comment) = made else { panic!("{made:?}") };
    for _ in 0..2 {
        scene.client.delete_comment(&scene.project, &item, &comment.id).await.unwrap();
    }
    for _ in 0..2 {
        scene.client.delete_item(&scene.project, &item).await.unwrap();
    }
    assert!(scene.plane.items().is_empty());
}

#[tokio::test]
async fn a_comment_is_made_once_and_changed_in_place() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    let create = || scene.client.create_comment(&scene.project, &item, "<p>x</p>", "c1");
    let Creation::Created(comment) = create().await.unwrap() else { panic!("not made") };
    assert_eq!(comment.external_source.as_deref(), Some("github"));
    assert_eq!(create().await.unwrap(), Creation::AlreadyThere(comment.id.clone()));
    let changed = scene.client.update_comment(&scene.project, &item, &comment.id, "<p>y</p>").await;
    assert_eq!(changed.unwrap().comment_html, "<p>y</p>");
    assert_eq!(scene.plane.comments(id(&item)).len(), 1);
}

#[tokio::test]
async fn a_link_that_is_there_is_no_refusal() {
    let scene = Scene::new().await;
    let item = scene.item("1").await;
    for _ in 0..2 {
        let url = "https://github.example.com/octo/repo/issues/1";
        scene.client.create_link(&scene.project, &item, url, "octo/repo#1").await.unwrap();
    }
    assert_eq!(scene.plane.links(id(&item)).len(), 1);
    scene.client.create_link(&scene.project, &item, "javascript:1", "x").await.unwrap_err();
}

#[tokio::test]
async fn a_label_is_made_once_and_case_makes_another() {
    let scene = Scene::new().await;
    let create = |name: &str, color: Option<&str>, github| {
        let label = NewLabel { name: name.to_owned(), color: color.map(str::to_owned), github };
        let (client, project) = (scene.client.clone(), scene.project.clone());
        async move { client.create_label(&project, &label).await.unwrap() }
    };
    let Creation::Created(bug) = create("bug", Some("#d73a4a"), Some(7)).await else { panic!() };
    assert_eq!((bug.color.as_deref(), bug.github), (Some("#d73a4a"), Some(7)));
    let again = Creation::AlreadyThere(bug.id.clone());
    assert_eq!(create("bug", None, None).await, again, "the name is there");
    assert_eq!(create("fault", None, Some(7)).await, again, "the mark is there");
    let Creation::Created(other) = create("Bug", None, None).await else { panic!() };
    assert_eq!((other.color, other.github), (None, None));
    let labels = scene.plane.labels();
    assert_eq!(labels.iter().map(|l| l.color.as_str()).collect::<Vec<_>>(), ["#d73a4a", ""]);
}

#[tokio::test]
async fn a_label_gets_another_name_unless_that_is_taken() {
    let scene = Scene::new().await;
    let bug = scene.plane.add_label(scene.project.parse().unwrap(), "bug").to_string();
    scene.plane.add_label(scene.project.parse().unwrap(), "docs");
    let change = |name, color| scene.client.update_label(&scene.project, &bug, name, color);
    let changed = change(Some("defect"), Some("#00ff00")).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.color.as_deref()), ("defect", Some("#00ff00")));
    assert!(matches!(change(Some("docs"), None).await, Err(Refusal::Conflict { .. })));
    let gone = uuid::Uuid::new_v4().to_string();
    let none = scene.client.update_label(&scene.project, &gone, Some("x"), None).await;
    assert_eq!(none.unwrap(), None);
}
