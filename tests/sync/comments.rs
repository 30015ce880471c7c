//! What becomes of an issue's comments in Plane.

use jetbridge::sim::github::NewIssue;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

async fn comments_are_mirrored(kind: Kind, asking: Asking) {
    let world = World::new(kind, asking).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Talk")).unwrap();
    let first = ada.comment(REPOSITORY, 1, "One <script>alert(1)</script> *thing*").unwrap();
    let second = world.github.acting_as("grace").comment(REPOSITORY, 1, "Two").unwrap();
    world.settle().await;
    world.assert_equal();
    ada.edit_comment(REPOSITORY, first, "One, edited").unwrap();
    ada.delete_comment(REPOSITORY, second).unwrap();
    world.settle().await;
    world.assert_equal();
    let item = world.twin(&world.issue(1));
    let mirrors = world.plane.comments(item.id);
    assert_eq!(mirrors.len(), 1);
    assert!(mirrors[0].comment_html.contains("ada"), "it says who wrote it");
    assert!(!mirrors[0].comment_html.contains("<script"));
}

#[tokio::test]
async fn comments_are_mirrored_as_webhooks_tell_them() {
    comments_are_mirrored(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn comments_are_mirrored_as_github_tells_them() {
    comments_are_mirrored(Kind::Postgres, Asking::Rest).await;
}

#[tokio::test]
async fn a_mirror_that_a_person_deleted_is_not_made_again() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Talk")).unwrap();
    let comment = ada.comment(REPOSITORY, 1, "Once").unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    let mirror = world.plane.comments(item)[0].id;
    world.plane.person("grace").unwrap().delete_comment(mirror).unwrap();
    ada.edit_comment(REPOSITORY, comment, "Once more").unwrap();
    world.settle().await;
    assert!(world.plane.comments(item).is_empty());
}

#[tokio::test]
async fn comments_that_people_write_in_plane_are_left_alone() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Talk")).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    world.plane.person("grace").unwrap().comment(item, "<p>In Plane only</p>").unwrap();
    ada.comment(REPOSITORY, 1, "From GitHub").unwrap();
    world.settle().await;
    let texts: Vec<_> = world.plane.comments(item).into_iter().map(|c| c.comment_html).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts.iter().any(|text| text == "<p>In Plane only</p>"), "{texts:?}");
}
