//! People of Plane's that were to go back to GitHub and did not: found by comparing, and mended.

use std::collections::BTreeSet;

use jetbridge::config::Direction;
use jetbridge::drift::{Walk, Why};
use jetbridge::jobs::reconcile::Doing;
use jetbridge::sim::github::{NewHook, NewIssue, RequestFault};
use jetbridge::sim::plane::SimPlaneConfig;
use uuid::Uuid;

use crate::ground::{connected, look, lose_planes, reconcile};
use crate::support::databases::Kind;
use crate::world::{GITHUB_SECRET, REPOSITORY, World};

async fn a_world(kind: Kind) -> (World, Uuid) {
    let world = World::both_ways(kind, SimPlaneConfig::default()).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash").assigned_to(["ada"])).unwrap();
    world.settle().await;
    let first = reconcile(&world, Walk::Full).await;
    assert!(first.is_in_sync() && first.put == 0, "{first:#?}");
    let item = world.twin(&world.issue(1)).id;
    (world, item)
}

fn assign_grace(world: &World, item: Uuid) {
    let grace = world.plane.person("grace").unwrap();
    grace.assign(item, &[grace.id()]).unwrap();
}

async fn assert_mended(world: &World) {
    let assigned: BTreeSet<_> = world.issue(1).assignees.into_iter().map(|a| a.login).collect();
    assert_eq!(assigned, BTreeSet::from(["grace".to_owned()]));
    world.assert_equal();
    let written = (world.writes(), world.assignments());
    let again = reconcile(world, Walk::Full).await;
    assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
    assert_eq!((world.writes(), world.assignments()), written, "a second run writes nothing");
}

async fn a_lost_webhook_is_found(kind: Kind) {
    let (world, item) = a_world(kind).await;
    lose_planes(&world, 4);
    assign_grace(&world, item);
    connected(&world).await;
    world.settle().await;
    assert_eq!(world.assignments(), 0);
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync() && report.put > 0, "{report:#?}");
    assert_mended(&world).await;
}

#[tokio::test]
async fn people_whose_webhook_was_lost_are_found_and_go_back_on_sqlite() {
    a_lost_webhook_is_found(Kind::Sqlite).await;
}

#[tokio::test]
async fn people_whose_webhook_was_lost_are_found_and_go_back_on_postgresql() {
    a_lost_webhook_is_found(Kind::Postgres).await;
}

#[tokio::test]
async fn people_whose_sync_failed_for_good_differ_by_what_would_be_written_to_github() {
    let (world, item) = a_world(Kind::Sqlite).await;
    world.github.add_write_faults([RequestFault::Status(500); 4]);
    assign_grace(&world, item);
    world.quiet().await;
    world.github.clear_request_faults();
    let told = look(&world, Walk::Full, Doing::Preview).await.unwrap();
    let reasons: Vec<_> = told.items.iter().flat_map(|item| item.reasons.clone()).collect();
    let writes = vec![
        "take off the assignee ada, since ada was taken off in Plane".to_owned(),
        "add the assignee grace, since grace was added in Plane".to_owned(),
    ];
    assert!(reasons.contains(&Why::TwinBehind { writes }), "{reasons:?}");
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.put > 0, "{report:#?}");
    world.quiet().await;
    assert_mended(&world).await;
}

#[tokio::test]
async fn people_of_a_one_way_repository_in_the_same_project_are_none_of_its_own() {
    let (mut world, _) = a_world(Kind::Sqlite).await;
    world.stop().await;
    let mut other = world.config.repositories[0].clone();
    (other.name, other.direction) = ("octo/other".parse().unwrap(), Direction::GithubToPlane);
    world.config.repositories.push(other);
    world.start().await;
    world.github.add_repository("octo/other").unwrap();
    let url = format!("http://{}/api/webhooks/github-mcp/", world.config.listen);
    world.github.add_hook("octo/other", NewHook::to(url, GITHUB_SECRET)).unwrap();
    let issue = NewIssue::titled("Theirs");
    world.github.acting_as("ada").open_issue("octo/other", &issue).unwrap();
    world.settle().await;
    let theirs = world.github.issues("octo/other").unwrap().remove(0);
    assign_grace(&world, world.twin(&theirs).id);
    world.settle().await;
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync() && report.put == 0, "{report:#?}");
    assert_eq!(world.assignments(), 0);
}
