//! Assignees both ways: what people change in Plane reaches GitHub, and nothing is written twice.

use std::collections::BTreeSet;

use jetbridge::app::outside::issue_sync;
use jetbridge::clock::Clock;
use jetbridge::config::{Direction, RepositoryName, RepositorySettings};
use jetbridge::ids::WorkItemRef;
use jetbridge::jobs::sync_issue::Manner;
use jetbridge::people::{Login, decide, decide_apart};
use jetbridge::sim::github::{NewIssue, RequestFault, Switched};
use jetbridge::sim::plane::{Role, SimPlaneConfig, User, WebhookFault};
use jetbridge::sources::Source;
use jetbridge::store::deliveries::{Delivery, DeliveryFilter, DeliveryStatus};
use jetbridge::store::people::Counterpart;
use jetbridge::timeline::WriteStanding;
use uuid::Uuid;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

/// One issue with its item, nobody assigned.
async fn linked(kind: Kind) -> (World, Uuid) {
    let world = World::both_ways(kind, SimPlaneConfig::default()).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    (world, item)
}

#[tokio::test]
async fn people_of_an_item_in_a_rules_project_go_back_as_well() {
    let mut world = World::both_ways(Kind::Sqlite, SimPlaneConfig::default()).await;
    let mobile = world.plane.add_project("MOB", "Mobile");
    world.stop().await;
    let rule = format!("set = {{ plane_project = '{mobile}' }}");
    world.config.repositories[0].rules = vec![toml::from_str(&rule).unwrap()];
    world.start().await;
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1));
    assert_eq!(item.project, mobile);
    assign_in_plane(&world, item.id, &["grace"]);
    world.settle().await;
    assert_eq!(on_github(&world), names(&["grace"]));
}

fn assign_in_plane(world: &World, item: Uuid, names: &[&str]) {
    let grace = world.plane.person("grace").unwrap();
    let ids: Vec<Uuid> = names.iter().map(|name| world.plane.user(name).unwrap().id).collect();
    grace.assign(item, &ids).unwrap();
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn on_github(world: &World) -> BTreeSet<String> {
    world.issue(1).assignees.into_iter().map(|account| account.login).collect()
}

fn in_plane(world: &World, item: Uuid) -> BTreeSet<String> {
    world.assignees_of(&world.plane.item(item).unwrap())
}

/// The newest of Plane's deliveries that was carried over.
async fn told_by_plane(world: &World) -> Delivery {
    let plane = DeliveryFilter { source: Some(Source::Plane), ..DeliveryFilter::default() };
    let all = world.store.deliveries(&plane, None, 1000).await.unwrap();
    let said = |d: &Delivery| d.result.as_ref().is_some_and(|r| r.contains("written to GitHub"));
    all.into_iter().find(said).expect("a delivery of Plane's that was carried over")
}

async fn people_go_both_ways(kind: Kind) {
    let (world, item) = linked(kind).await;
    assign_in_plane(&world, item, &["grace"]);
    world.settle().await;
    assert_eq!(on_github(&world), names(&["grace"]));
    assert_eq!(world.assignments(), 1, "our own webhooks come back and set off nothing");
    let told = told_by_plane(&world).await;
    assert_eq!(
        told.result.as_deref().unwrap(),
        format!(
            "written to GitHub: add the assignee grace, since grace was added in Plane (its webhook {})",
            told.delivery_id
        )
    );

    world.github.acting_as("ada").assign(REPOSITORY, 1, "ada").unwrap();
    world.settle().await;
    assert_eq!(in_plane(&world, item), names(&["ada", "grace"]));
    world.github.acting_as("ada").unassign(REPOSITORY, 1, "grace").unwrap();
    world.settle().await;
    assert_eq!(in_plane(&world, item), names(&["ada"]));
    assign_in_plane(&world, item, &[]);
    world.settle().await;
    assert!(on_github(&world).is_empty());
    assert_eq!(world.assignments(), 2);
    world.assert_equal();

    let items = [WorkItemRef::new(format!("github:{}", world.issue(1).id))];
    let history = world.store.history(&items, None, 100).await.unwrap();
    let plane = [WorkItemRef::new(format!("plane:{item}"))];
    let of_plane = world.store.history(&plane, None, 100).await.unwrap();
    let entries: Vec<_> = history.into_iter().chain(of_plane).map(|(_, entry)| entry).collect();
    let writes = world.store.writes_beside(&items, &entries, None).await.unwrap();
    let kinds: Vec<_> = writes.iter().filter(|w| w.kind.ends_with("assign")).collect();
    assert_eq!(kinds.len(), 2, "{writes:?}");
    assert!(kinds.iter().all(|w| w.standing == WriteStanding::Settled && w.cause.is_some()));
}

#[tokio::test]
async fn who_is_assigned_on_one_side_is_assigned_on_the_other_on_sqlite() {
    people_go_both_ways(Kind::Sqlite).await;
}

#[tokio::test]
async fn who_is_assigned_on_one_side_is_assigned_on_the_other_on_postgresql() {
    people_go_both_ways(Kind::Postgres).await;
}

async fn everything_again(world: &World) {
    for delivery in world.store.deliveries(&DeliveryFilter::default(), None, 1000).await.unwrap() {
        let now = Clock::System.now();
        world.store.replay(delivery.source, &delivery.delivery_id, now).await.unwrap();
    }
    world.settle().await;
}

async fn what_is_run_again_writes_nothing(kind: Kind) {
    let (world, item) = linked(kind).await;
    for fault in [WebhookFault::Duplicate, WebhookFault::AfterNext] {
        world.plane.faults().next_webhooks(1, fault);
    }
    assign_in_plane(&world, item, &["grace"]);
    assign_in_plane(&world, item, &["grace", "ada"]);
    assign_in_plane(&world, item, &["ada"]);
    world.settle().await;
    assert_eq!((on_github(&world), in_plane(&world, item)), (names(&["ada"]), names(&["ada"])));
    let written = (world.writes(), world.assignments());
    assert!(written.1 <= 3, "{written:?}");
    everything_again(&world).await;
    assert_eq!((world.writes(), world.assignments()), written);
    assert_eq!(on_github(&world), names(&["ada"]));
}

#[tokio::test]
async fn a_series_of_edits_ends_equal_and_run_again_it_writes_nothing_on_sqlite() {
    what_is_run_again_writes_nothing(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_series_of_edits_ends_equal_and_run_again_it_writes_nothing_on_postgresql() {
    what_is_run_again_writes_nothing(Kind::Postgres).await;
}

#[tokio::test]
async fn one_way_what_people_do_in_plane_is_not_written_to_github() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    assign_in_plane(&world, item, &["grace"]);
    world.settle().await;
    ada.comment(REPOSITORY, 1, "Something happens").unwrap();
    world.settle().await;
    assert!(on_github(&world).is_empty());
    assert_eq!(world.assignments(), 0);
    assert_eq!(in_plane(&world, item), names(&["grace"]));
}

#[tokio::test]
async fn whom_github_leaves_out_is_told_with_the_remedy_and_not_written_again() {
    let (world, item) = linked(Kind::Sqlite).await;
    world.github.set_assignable(REPOSITORY, "grace", Switched::Off).unwrap();
    assign_in_plane(&world, item, &["grace"]);
    world.settle().await;
    let told = told_by_plane(&world).await.result.unwrap();
    assert!(told.contains("grace can't be assigned in octo/hello: give grace access"), "{told}");
    world.github.acting_as("ada").comment(REPOSITORY, 1, "Something happens").unwrap();
    world.github.acting_as("ada").assign(REPOSITORY, 1, "ada").unwrap();
    world.settle().await;
    everything_again(&world).await;
    assert_eq!(world.assignments(), 1);
    assert_eq!(in_plane(&world, item), names(&["ada", "grace"]), "nobody is wiped for it");
    // Access is given, and they are assigned anew.
    world.github.set_assignable(REPOSITORY, "grace", Switched::On).unwrap();
    assign_in_plane(&world, item, &["ada"]);
    world.settle().await;
    assign_in_plane(&world, item, &["ada", "grace"]);
    world.settle().await;
    assert_eq!(on_github(&world), names(&["ada", "grace"]));
}

#[tokio::test]
async fn a_token_that_may_not_write_delays_nothing_of_plane_and_names_the_remedy() {
    let (world, item) = linked(Kind::Sqlite).await;
    world.github.add_write_faults(std::iter::repeat_n(RequestFault::Status(403), 20));
    assign_in_plane(&world, item, &["grace"]);
    world.github.acting_as("ada").retitle(REPOSITORY, 1, "Other").unwrap();
    let twin = WorkItemRef::new(format!("plane:{item}"));
    crate::support::process::eventually("the failure", || async {
        let mut links = world.store.links_of_twins(&[&twin]).await.unwrap();
        let link = links.pop().unwrap();
        link.last_error.is_some_and(|e| e.contains("Issues: read and write"))
            && world.plane.item(item).unwrap().name == "Other"
    })
    .await;
    assert!(on_github(&world).is_empty());
}

async fn a_stranger_to_github_is_listed(kind: Kind) {
    let world = World::both_ways(kind, named_otherwise()).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash").assigned_to(["ada"])).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    let olive = world.plane.user("Olive Oyl").unwrap();
    let me = world.plane.user("ada").unwrap().id;
    world.plane.person("ada").unwrap().assign(item, &[me, olive.id]).unwrap();
    world.settle().await;
    let listed = world.store.unmapped_members().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].name.as_str(), listed[0].issues), ("Olive Oyl", 1));
    assert_eq!(on_github(&world), names(&["ada"]));
    assert_eq!(world.plane.item(item).unwrap().assignees.len(), 2, "and left alone in Plane");

    let id = olive.id.to_string();
    decide_apart(&world.store, &Clock::System, (&id, "Olive Oyl"), "admin").await.unwrap();
    world.settle().await;
    assert!(world.store.unmapped_members().await.unwrap().is_empty());
    let login: Login = "swee-pea".parse().unwrap();
    let counterpart = Counterpart::Member { id, name: "Olive Oyl".to_owned() };
    decide(&world.store, &Clock::System, &login, &counterpart, "admin").await.unwrap();
    ada.comment(REPOSITORY, 1, "Something happens").unwrap();
    world.settle().await;
    assert_eq!(on_github(&world), names(&["ada", "swee-pea"]));
    assert!(world.store.members_apart().await.unwrap().is_empty(), "somebody with a login");
}

fn named_otherwise() -> SimPlaneConfig {
    let mut config = SimPlaneConfig::default();
    config.users.push(User::new(6, "Olive Oyl", Some(Role::Member)));
    config
}

#[tokio::test]
async fn a_member_without_a_login_is_listed_until_it_is_said_who_it_is_on_sqlite() {
    a_stranger_to_github_is_listed(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_member_without_a_login_is_listed_until_it_is_said_who_it_is_on_postgresql() {
    a_stranger_to_github_is_listed(Kind::Postgres).await;
}

#[tokio::test]
async fn what_switching_it_on_would_write_to_github_is_foreseen_and_that_is_what_is_written() {
    let mut world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash")).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1)).id;
    assign_in_plane(&world, item, &["grace"]);
    world.settle().await;
    let name: RepositoryName = REPOSITORY.parse().unwrap();
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let settings = RepositorySettings::default();
    let manner = |direction| Manner { direction, settings: &settings };
    let (before, after) = (manner(Direction::GithubToPlane), manner(Direction::Both));
    let project = (Some(world.project), None);
    let foreseen = sync.foresee(&name, project, before, after).await.unwrap().unwrap();
    assert_eq!((foreseen.links, foreseen.changing), (1, 1));
    assert_eq!(foreseen.samples[0].1, ["add the assignee grace, since grace was added in Plane"]);
    assert_eq!(world.assignments(), 0, "nothing is written by it");

    world.stop().await;
    world.config.repositories[0].direction = Direction::Both;
    world.start().await;
    world.github.acting_as("ada").comment(REPOSITORY, 1, "Something happens").unwrap();
    world.settle().await;
    assert_eq!(on_github(&world), names(&["grace"]));
}

#[tokio::test]
async fn a_change_in_plane_whose_sync_failed_for_good_is_carried_over_when_it_is_run_again() {
    let (world, item) = linked(Kind::Sqlite).await;
    world.github.add_write_faults([RequestFault::Status(500); 4]);
    assign_in_plane(&world, item, &["grace"]);
    world.quiet().await;
    world.github.clear_request_faults();
    let failed = DeliveryFilter { status: Some(DeliveryStatus::Failed), ..Default::default() };
    for delivery in world.store.deliveries(&failed, None, 10).await.unwrap() {
        let now = Clock::System.now();
        world.store.replay(delivery.source, &delivery.delivery_id, now).await.unwrap();
    }
    world.settle().await;
    assert_eq!(on_github(&world), names(&["grace"]));
}
