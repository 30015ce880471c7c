//! What milestones become in Plane.

use std::time::Duration;

use jetbridge::ids::WorkItemRef;
use jetbridge::sim::github::{MilestoneEdit, NewIssue, NewMilestone};
use jetbridge::sim::plane::{Bundle, On, RequestFault};
use jetbridge::store::deliveries::DeliveryFilter;
use jetbridge::sync::milestones::BundleKind;
use uuid::Uuid;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

async fn world_of(kind: Kind, asking: Asking, bundles: BundleKind) -> World {
    let mut world = World::with_slow_github(kind, asking).await;
    world.plane.switch_on(world.project, bundles);
    set(&mut world, Some(bundles)).await;
    world
}

async fn set(world: &mut World, bundles: Option<BundleKind>) {
    world.stop().await;
    world.config.repositories[0].milestones = bundles;
    world.start().await;
}

/// Until everything is carried over. What happens next happens in another second.
async fn settle(world: &World) {
    world.settle().await;
    world.github_clock.advance(Duration::from_secs(1));
}

/// An issue and its item, both there.
async fn an_issue(world: &World, title: &str) -> u64 {
    let ada = world.github.acting_as("ada");
    let number = ada.open_issue(REPOSITORY, &NewIssue::titled(title)).unwrap();
    settle(world).await;
    number
}

fn milestone(world: &World, title: &str) -> u64 {
    let ada = world.github.acting_as("ada");
    let due_on = Some("2046-12-24T08:00:00Z".parse().unwrap());
    let new = NewMilestone {
        due_on,
        description: Some("It ships".to_owned()),
        ..NewMilestone::titled(title)
    };
    ada.add_milestone(REPOSITORY, &new).unwrap()
}

fn put(world: &World, issue: u64, milestone: Option<u64>) {
    world.github.acting_as("ada").set_milestone(REPOSITORY, issue, milestone).unwrap();
}

fn item(world: &World, issue: u64) -> Uuid {
    world.twin(&world.issue(issue)).id
}

/// The names of what an issue's item is in.
fn is_in(world: &World, issue: u64) -> Vec<String> {
    world.plane.bundles_of(item(world, issue))
}

fn bundle(world: &World, name: &str) -> Bundle {
    let all = world.plane.bundles();
    all.iter().find(|bundle| bundle.name == name).cloned().unwrap_or_else(|| panic!("{all:#?}"))
}

async fn said(world: &World, issue: u64) -> String {
    let item = WorkItemRef::new(format!("github:{}", world.issue(issue).id));
    let timeline = world.store.item_timeline(&item, 100).await.unwrap();
    timeline.into_iter().map(|entry| entry.reason).collect::<Vec<_>>().join("\n")
}

/// What became of the deliveries that told of milestones.
async fn told(world: &World) -> String {
    let all = world.store.deliveries(&DeliveryFilter::default(), None, 200).await.unwrap();
    let all = all.into_iter().filter(|delivery| delivery.event_type == "milestone");
    all.filter_map(|delivery| delivery.result).collect::<Vec<_>>().join("\n")
}

async fn an_item_is_in_the_bundle_of_its_milestone(kind: Kind, asking: Asking, as_: BundleKind) {
    let world = world_of(kind, asking, as_).await;
    let (one, other) = (milestone(&world, "v1"), milestone(&world, "v2"));
    let issue = an_issue(&world, "A bug").await;
    assert_eq!(world.plane.bundles().len(), 0, "nothing is made before something is in it");
    put(&world, issue, Some(one));
    settle(&world).await;
    assert_eq!(is_in(&world, issue), ["v1"]);
    let made = bundle(&world, "v1");
    assert_eq!((made.kind, made.description.as_str()), (as_, "It ships"));
    assert!(made.last.unwrap().starts_with("2046-12-24"));
    assert_eq!(made.first.is_some(), as_ == BundleKind::Cycle);
    let second = an_issue(&world, "Another").await;
    put(&world, second, Some(one));
    settle(&world).await;
    assert_eq!(world.plane.bundles().len(), 1, "both are in one");
    put(&world, issue, Some(other));
    settle(&world).await;
    assert_eq!(
        (is_in(&world, issue), is_in(&world, second)),
        (vec!["v2".into()], vec!["v1".into()])
    );
    put(&world, issue, None);
    settle(&world).await;
    assert_eq!(is_in(&world, issue), [""; 0]);
    let words = said(&world, issue).await;
    for line in [
        format!("make the {as_} “v1”"),
        format!("put the work item into the {as_} “v1”"),
        format!("take the work item out of the {as_} “v2”"),
    ] {
        assert!(words.contains(&line), "{line}: {words}");
    }
    let writes = world.writes();
    world.github.acting_as("ada").comment(REPOSITORY, second, "Soon").unwrap();
    settle(&world).await;
    assert_eq!(world.writes(), writes + 1, "nothing but the comment");
}

#[tokio::test]
async fn an_item_is_in_the_module_of_its_milestone_as_webhooks_tell_it() {
    an_item_is_in_the_bundle_of_its_milestone(Kind::Sqlite, Asking::Nobody, BundleKind::Module)
        .await;
}

#[tokio::test]
async fn an_item_is_in_the_module_of_its_milestone_as_github_tells_it() {
    an_item_is_in_the_bundle_of_its_milestone(Kind::Postgres, Asking::Rest, BundleKind::Module)
        .await;
}

#[tokio::test]
async fn an_item_is_in_the_cycle_of_its_milestone_as_webhooks_tell_it() {
    an_item_is_in_the_bundle_of_its_milestone(Kind::Postgres, Asking::Nobody, BundleKind::Cycle)
        .await;
}

#[tokio::test]
async fn an_item_is_in_the_cycle_of_its_milestone_as_github_tells_it() {
    an_item_is_in_the_bundle_of_its_milestone(Kind::Sqlite, Asking::Rest, BundleKind::Cycle).await;
}

async fn a_milestone_that_changes_changes_its_module(kind: Kind, asking: Asking) {
    let world = world_of(kind, asking, BundleKind::Module).await;
    let ada = world.github.acting_as("ada");
    let (one, issue) = (milestone(&world, "v1"), an_issue(&world, "A bug").await);
    put(&world, issue, Some(one));
    settle(&world).await;
    let edit = MilestoneEdit {
        title: Some("v1.0".to_owned()),
        due_on: Some(Some("2047-01-02T08:00:00Z".parse().unwrap())),
        ..MilestoneEdit::default()
    };
    let writes = world.writes();
    ada.edit_milestone(REPOSITORY, one, &edit).unwrap();
    settle(&world).await;
    let module = bundle(&world, "v1.0");
    assert_eq!(module.last.as_deref(), Some("2047-01-02"));
    assert_eq!(world.writes(), writes + 1, "one write for both");
    assert!(told(&world).await.contains("change the module “v1”: name, days"));
    ada.close_milestone(REPOSITORY, one).unwrap();
    ada.reopen_milestone(REPOSITORY, one).unwrap();
    settle(&world).await;
    assert_eq!(world.writes(), writes + 1, "open or closed is not carried over");
    world.plane.person("grace").unwrap().rename_bundle(module.id, "Winter").unwrap();
    let edit = MilestoneEdit {
        title: Some("v1.1".to_owned()),
        description: Some(None),
        ..MilestoneEdit::default()
    };
    ada.edit_milestone(REPOSITORY, one, &edit).unwrap();
    settle(&world).await;
    assert_eq!(bundle(&world, "Winter").description, "", "the rest follows");
    assert!(told(&world).await.contains("“Winter” was changed in Plane"));
    ada.delete_milestone(REPOSITORY, one).unwrap();
    settle(&world).await;
    assert_eq!(is_in(&world, issue), [""; 0], "its issues say that they are in none");
    assert_eq!(world.plane.bundles().len(), 1);
    assert!(told(&world).await.contains("“v1.1” was deleted; its module stays in Plane"));
}

#[tokio::test]
async fn a_milestone_that_changes_changes_its_module_as_webhooks_tell_it() {
    a_milestone_that_changes_changes_its_module(Kind::Postgres, Asking::Nobody).await;
}

#[tokio::test]
async fn a_milestone_that_changes_changes_its_module_as_github_tells_it() {
    a_milestone_that_changes_changes_its_module(Kind::Sqlite, Asking::Rest).await;
}

#[tokio::test]
async fn modules_that_people_chose_stay_beside_that_of_the_milestone() {
    let world = world_of(Kind::Sqlite, Asking::Nobody, BundleKind::Module).await;
    let grace = world.plane.person("grace").unwrap();
    let (one, two) = (milestone(&world, "v1"), milestone(&world, "v2"));
    let issue = an_issue(&world, "A bug").await;
    let login = grace.make_bundle(world.project, BundleKind::Module, "Login").unwrap();
    let theirs = grace.make_bundle(world.project, BundleKind::Module, "v2").unwrap();
    grace.put_into(login, item(&world, issue)).unwrap();
    grace.put_into(theirs, item(&world, issue)).unwrap();
    for milestone in [Some(one), Some(two), None] {
        put(&world, issue, milestone);
        settle(&world).await;
        let mut expected = vec!["Login".to_owned(), "v2".to_owned()];
        expected.extend((milestone == Some(one)).then(|| "v1".to_owned()));
        assert_eq!(is_in(&world, issue), expected);
    }
    let words = said(&world, issue).await;
    assert!(words.contains("“v2” goes by the module of that name"), "{words}");
}

async fn a_cycle_that_a_person_chose_stays(kind: Kind) {
    let world = world_of(kind, Asking::Rest, BundleKind::Cycle).await;
    let grace = world.plane.person("grace").unwrap();
    let (one, two) = (milestone(&world, "v1"), milestone(&world, "v2"));
    let issue = an_issue(&world, "A bug").await;
    let sprint = grace.make_bundle(world.project, BundleKind::Cycle, "Sprint 7").unwrap();
    grace.put_into(sprint, item(&world, issue)).unwrap();
    put(&world, issue, Some(one));
    settle(&world).await;
    assert_eq!(is_in(&world, issue), ["Sprint 7"]);
    let words = said(&world, issue).await;
    assert!(words.contains("stays in the cycle “Sprint 7”"), "{words}");
    grace.take_out(sprint, item(&world, issue)).unwrap();
    put(&world, issue, Some(two));
    settle(&world).await;
    assert_eq!(is_in(&world, issue), ["v2"]);
    grace.put_into(sprint, item(&world, issue)).unwrap();
    put(&world, issue, Some(one));
    settle(&world).await;
    put(&world, issue, None);
    settle(&world).await;
    assert_eq!(is_in(&world, issue), ["Sprint 7"]);
}

#[tokio::test]
async fn a_cycle_that_a_person_chose_stays_on_sqlite() {
    a_cycle_that_a_person_chose_stays(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_cycle_that_a_person_chose_stays_on_postgresql() {
    a_cycle_that_a_person_chose_stays(Kind::Postgres).await;
}

#[tokio::test]
async fn what_is_switched_off_in_plane_is_told_and_fails_no_delivery() {
    for bundles in BundleKind::ALL {
        let mut world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
        set(&mut world, Some(bundles)).await;
        let (one, issue) = (milestone(&world, "v1"), an_issue(&world, "A bug").await);
        put(&world, issue, Some(one));
        settle(&world).await;
        let words = said(&world, issue).await;
        let told = format!("{} are switched off in Plane's project", bundles.feature());
        assert!(words.contains(&told), "{words}");
        let asked = world.plane.requests().len();
        world.github.acting_as("ada").retitle(REPOSITORY, issue, "A bad bug").unwrap();
        settle(&world).await;
        let asked = world.plane.requests().split_off(asked);
        let about = |path: &str| path.contains("/modules/") || path.contains("/cycles/");
        assert!(!asked.iter().any(|request| about(&request.path)), "{asked:#?}");
        world.plane.switch_on(world.project, bundles);
        set(&mut world, Some(bundles)).await;
        world.github.acting_as("ada").retitle(REPOSITORY, issue, "A bug").unwrap();
        settle(&world).await;
        assert_eq!(is_in(&world, issue), ["v1"], "and done once it is on");
    }
}

#[tokio::test]
async fn a_cycle_that_has_ended_takes_no_item_and_that_is_told() {
    let world = world_of(Kind::Sqlite, Asking::Nobody, BundleKind::Cycle).await;
    let ada = world.github.acting_as("ada");
    let (now, issue) = (milestone(&world, "now"), an_issue(&world, "A bug").await);
    let due_on = Some("2019-12-24T08:00:00Z".parse().unwrap());
    let past = NewMilestone { due_on, ..NewMilestone::titled("past") };
    let past = ada.add_milestone(REPOSITORY, &past).unwrap();
    put(&world, issue, Some(now));
    settle(&world).await;
    put(&world, issue, Some(past));
    settle(&world).await;
    assert_eq!(is_in(&world, issue), [""; 0], "it is no longer in the one that it left");
    let words = said(&world, issue).await;
    assert!(words.contains("already been completed"), "{words}");
}

async fn a_lost_answer_makes_no_second_bundle(kind: Kind) {
    for bundles in BundleKind::ALL {
        let world = world_of(kind, Asking::Rest, bundles).await;
        let (one, issue) = (milestone(&world, "v1"), an_issue(&world, "A bug").await);
        world.plane.faults().next_requests(2, On::Writes, RequestFault::CutAfter);
        put(&world, issue, Some(one));
        settle(&world).await;
        assert_eq!(is_in(&world, issue), ["v1"]);
        assert_eq!(world.plane.bundles().len(), 1);
        put(&world, issue, None);
        settle(&world).await;
        assert_eq!(is_in(&world, issue), [""; 0], "it was known to be our doing");
    }
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_bundle_on_sqlite() {
    a_lost_answer_makes_no_second_bundle(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_bundle_on_postgresql() {
    a_lost_answer_makes_no_second_bundle(Kind::Postgres).await;
}

#[tokio::test]
async fn without_the_key_milestones_stay_on_github_and_with_it_old_ones_come() {
    let mut world = World::with_slow_github(Kind::Sqlite, Asking::Rest).await;
    world.plane.switch_on(world.project, BundleKind::Module);
    let (one, issue) = (milestone(&world, "v1"), an_issue(&world, "A bug").await);
    put(&world, issue, Some(one));
    settle(&world).await;
    assert_eq!(world.plane.bundles().len(), 0);
    assert!(told(&world).await.contains("milestones of its repository stay on GitHub"));
    set(&mut world, Some(BundleKind::Module)).await;
    world.github.acting_as("ada").comment(REPOSITORY, issue, "Now").unwrap();
    settle(&world).await;
    assert_eq!(is_in(&world, issue), ["v1"]);
}

#[tokio::test]
async fn a_module_that_was_deleted_in_plane_is_not_made_again_by_itself() {
    let world = world_of(Kind::Sqlite, Asking::Rest, BundleKind::Module).await;
    let (one, issue) = (milestone(&world, "v1"), an_issue(&world, "A bug").await);
    put(&world, issue, Some(one));
    settle(&world).await;
    let module = bundle(&world, "v1").id;
    world.plane.person("ada").unwrap().delete_bundle(module).unwrap();
    let second = an_issue(&world, "Another").await;
    put(&world, second, Some(one));
    settle(&world).await;
    assert_eq!(world.plane.bundles().len(), 0);
    let words = said(&world, second).await;
    assert!(words.contains("is gone from Plane (deleted or archived)"), "{words}");
}

#[tokio::test]
async fn the_issues_of_a_milestone_that_come_together_make_one_module() {
    let world = world_of(Kind::Postgres, Asking::Rest, BundleKind::Module).await;
    let one = milestone(&world, "v1");
    let ada = world.github.acting_as("ada");
    let mut issues = Vec::new();
    for at in 0..6 {
        let new = NewIssue::titled(format!("Bug {at}"));
        let number = ada.open_issue(REPOSITORY, &new).unwrap();
        put(&world, number, Some(one));
        issues.push(number);
    }
    settle(&world).await;
    assert_eq!(world.plane.bundles().len(), 1);
    for issue in issues {
        assert_eq!(is_in(&world, issue), ["v1"]);
    }
}
