//! GitHub's assignees who are not known in Plane: shown until somebody says who they are.

use std::collections::BTreeMap;

use jetbridge::app::outside::issue_sync;
use jetbridge::clock::Clock;
use jetbridge::config::{Direction, RepositoryName, RepositorySettings};
use jetbridge::jobs::sync_issue::Manner;
use jetbridge::people::{Login, decide};
use jetbridge::sim::github::NewIssue;
use jetbridge::store::people::Counterpart;
use jetbridge::sync::milestones::BundleKind;

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

async fn unmapped(world: &World) -> Vec<(String, i64)> {
    let people = world.store.unmapped_people().await.unwrap();
    people.into_iter().map(|person| (person.login, person.issues)).collect()
}

fn member(world: &World, name: &str) -> Counterpart {
    let id = world.plane.user(name).unwrap().id.to_string();
    Counterpart::Member { id, name: name.to_owned() }
}

/// Three issues of a stranger, one of them ada's as well.
async fn with_strangers(kind: Kind) -> World {
    let world = World::new(kind, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    for people in [vec!["Octocat"], vec!["Octocat", "ada"], vec!["Octocat", "ci-bot"]] {
        ada.open_issue(REPOSITORY, &NewIssue::titled("Whose?").assigned_to(people)).unwrap();
    }
    world.settle().await;
    world
}

async fn a_stranger_is_listed_until_it_is_said_who_it_is(kind: Kind) {
    let world = with_strangers(kind).await;
    assert_eq!(unmapped(&world).await, [("octocat".to_owned(), 3), ("ci-bot".to_owned(), 1)]);
    let assigned = |number| world.assignees_of(&world.twin(&world.issue(number)));
    assert!(assigned(1).is_empty() && assigned(2).contains("ada"));

    let octocat: Login = "@OctoCat".parse().unwrap();
    let grace = member(&world, "grace");
    let queued = decide(&world.store, &Clock::System, &octocat, &grace, "admin").await.unwrap();
    assert_eq!(queued, 3);
    world.settle().await;
    for number in 1..=3 {
        assert!(assigned(number).contains("grace"), "{number}");
    }
    assert!(assigned(2).contains("ada"), "nobody is taken off");
    assert_eq!(unmapped(&world).await, [("ci-bot".to_owned(), 1)]);

    let ci: Login = "ci-bot".parse().unwrap();
    decide(&world.store, &Clock::System, &ci, &Counterpart::Nobody, "admin").await.unwrap();
    world.settle().await;
    assert!(unmapped(&world).await.is_empty());
    assert_eq!(assigned(3).len(), 1, "nobody stands for the bot");
    let writes = world.writes();
    decide(&world.store, &Clock::System, &octocat, &grace, "admin").await.unwrap();
    world.settle().await;
    assert_eq!(world.writes(), writes, "the same once more writes nothing");
}

#[tokio::test]
async fn a_stranger_is_listed_until_it_is_said_who_it_is_on_sqlite() {
    a_stranger_is_listed_until_it_is_said_who_it_is(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_stranger_is_listed_until_it_is_said_who_it_is_on_postgresql() {
    a_stranger_is_listed_until_it_is_said_who_it_is(Kind::Postgres).await;
}

/// Settings of a repository where nothing goes back to GitHub.
pub fn one_way(settings: &RepositorySettings) -> Manner<'_> {
    Manner { direction: Direction::GithubToPlane, settings }
}

async fn a_changed_mapping_says_what_it_would_write(kind: Kind) {
    let world = with_strangers(kind).await;
    let ada = world.github.acting_as("ada");
    for number in 1..=3 {
        ada.comment(REPOSITORY, number, "Nothing that a mapping is about").unwrap();
    }
    world.settle().await;
    let name: RepositoryName = REPOSITORY.parse().unwrap();
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let users = BTreeMap::from([("octocat".to_owned(), "grace".to_owned())]);
    let (before, after) =
        (RepositorySettings::default(), RepositorySettings { users, ..Default::default() });
    let writes = world.writes();
    let project = (Some(world.project), None);
    let foreseen =
        sync.foresee(&name, project, one_way(&before), one_way(&after)).await.unwrap().unwrap();
    assert_eq!((foreseen.links, foreseen.changing), (3, 3), "{foreseen:?}");
    let (key, told) = &foreseen.samples[0];
    assert!(key.starts_with("octo/hello#"), "{key}");
    assert_eq!(told, &["change the work item's assignees"]);
    assert_eq!(world.writes(), writes, "nothing is written by it");
    let same =
        sync.foresee(&name, project, one_way(&before), one_way(&before)).await.unwrap().unwrap();
    assert_eq!((same.links, same.changing), (3, 0));

    assert!(world.store.put_repository_settings(&name, &after).await.unwrap());
    for number in 1..=3 {
        ada.comment(REPOSITORY, number, "Something happens").unwrap();
    }
    world.settle().await;
    for number in 1..=3 {
        assert!(world.assignees_of(&world.twin(&world.issue(number))).contains("grace"));
    }
    let done =
        sync.foresee(&name, project, one_way(&before), one_way(&after)).await.unwrap().unwrap();
    assert_eq!(done.changing, 0, "what was foreseen is what was written");
}

#[tokio::test]
async fn what_milestones_and_pull_requests_bring_is_said_to_be_unreckoned() {
    let world = with_strangers(Kind::Sqlite).await;
    let name: RepositoryName = REPOSITORY.parse().unwrap();
    let sync = issue_sync(&world.config, &world.store, &Clock::System);
    let plain = RepositorySettings::default();
    let states = BTreeMap::from([("merged".to_owned(), "Done".to_owned())]);
    let pulls = RepositorySettings { states, ..Default::default() };
    let both = RepositorySettings { milestones: Some(BundleKind::Module), ..pulls.clone() };
    let told = async |before: &RepositorySettings, after: &RepositorySettings| {
        let project = (Some(world.project), None);
        let foreseen = sync.foresee(&name, project, one_way(before), one_way(after)).await;
        foreseen.unwrap().unwrap().unreckoned
    };
    assert_eq!(told(&plain, &both).await, ["milestones", "pull requests"]);
    assert_eq!(told(&pulls, &both).await, ["milestones"]);
    assert_eq!(told(&both, &both).await, Vec::<&str>::new());
}

#[tokio::test]
async fn a_changed_mapping_says_what_it_would_write_and_that_is_what_is_written_on_sqlite() {
    a_changed_mapping_says_what_it_would_write(Kind::Sqlite).await;
}

#[tokio::test]
async fn a_changed_mapping_says_what_it_would_write_and_that_is_what_is_written_on_postgresql() {
    a_changed_mapping_says_what_it_would_write(Kind::Postgres).await;
}

#[tokio::test]
async fn who_is_unassigned_waits_no_longer() {
    let world = with_strangers(Kind::Sqlite).await;
    let ada = world.github.acting_as("ada");
    for number in 1..=3 {
        ada.unassign(REPOSITORY, number, "Octocat").unwrap();
    }
    world.settle().await;
    assert_eq!(unmapped(&world).await, [("ci-bot".to_owned(), 1)]);
}
