//! Repositories whose issues are in several of Plane's projects, and projects of several
//! repositories.

use jetbridge::config::RepositoryConfig;
use jetbridge::drift::{Walk, Why};
use jetbridge::jobs::reconcile::Doing;
use jetbridge::sim::github::{NewHook, NewIssue};
use jetbridge::work_items::System;
use uuid::Uuid;

use crate::ground::{
    connected, drift, inbox, job, known, look, lose, lose_planes, reconcile, repository,
};
use crate::support::databases::Kind;
use crate::world::{Asking, GITHUB_SECRET, REPOSITORY, World};

/// One rule puts what is about mobile into a project of its own.
async fn with_mobile(kind: Kind) -> (World, Uuid) {
    let mut world = World::new(kind, Asking::Rest).await;
    let mobile = world.plane.add_project("MOB", "Mobile");
    world.github.acting_as("ada").add_label(REPOSITORY, "mobile", "d73a4a").unwrap();
    let rule = format!(
        "name = 'mobile'\nwhen = '\"mobile\" in issue.labels'\nset.plane_project = '{mobile}'"
    );
    world.stop().await;
    world.config.repositories[0].rules = vec![toml::from_str(&rule).unwrap()];
    world.start().await;
    (world, mobile)
}

async fn every_project_of_a_repository_is_compared(kind: Kind) {
    let (world, mobile) = with_mobile(kind).await;
    let ada = world.github.acting_as("ada");
    let issue = |title: &str, labels: &'static [&'static str]| {
        NewIssue::titled(title).with_labels(labels.iter().copied())
    };
    ada.open_issue(REPOSITORY, &issue("Plain", &[])).unwrap();
    ada.open_issue(REPOSITORY, &issue("On the phone", &["mobile"])).unwrap();
    world.settle().await;
    let first = reconcile(&world, Walk::Full).await;
    assert!(first.is_in_sync() && first.put == 0, "{first:#?}");
    assert_eq!(first.looked_at.items, 2, "one of each project");

    // Nobody is told of any of this.
    lose(&world, 9);
    lose_planes(&world, 9);
    ada.open_issue(REPOSITORY, &issue("Lost on the phone", &["mobile"])).unwrap();
    ada.comment(REPOSITORY, 2, "A lost word").unwrap();
    let person = world.plane.person("grace").unwrap();
    let of = |number: u64| world.twin(&world.issue(number)).id;
    person.edit_title(of(2), "Called otherwise in Plane").unwrap();
    let own = person.create_item(mobile, "Plane's own, on the phone", "<p></p>").unwrap();
    connected(&world).await;
    for walk in [Walk::Changes, Walk::Full] {
        let report = reconcile(&world, walk).await;
        assert!(report.is_in_sync(), "{walk:?}: {report:#?}");
    }
    let items = known(&world, System::Plane).await;
    assert_eq!(items[&own.to_string()].project_ref, mobile.to_string());
    assert_eq!(world.twin(&world.issue(3)).project, mobile);
    assert_eq!(world.plane.comments(of(2)).len(), 1);
    let title = items[&of(2).to_string()].state.clone().unwrap().title;
    assert_eq!(title, "Called otherwise in Plane", "the board knows what was changed there");

    // What is deleted in the second project is noticed, and what stays where it is is no drift.
    lose_planes(&world, 9);
    world.plane.person("ada").unwrap().delete_item(own).unwrap();
    ada.unlabel(REPOSITORY, 3, "mobile").unwrap();
    world.quiet().await;
    connected(&world).await;
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync(), "{report:#?}");
    assert!(!known(&world, System::Plane).await.contains_key(&own.to_string()));
    assert_eq!(world.twin(&world.issue(3)).project, mobile);
    let (before, writes) = (inbox(&world).await, world.writes());
    let again = reconcile(&world, Walk::Full).await;
    assert_eq!((again.put, inbox(&world).await, world.writes()), (0, before, writes));
}

#[tokio::test]
async fn every_project_of_a_repository_is_compared_on_sqlite() {
    every_project_of_a_repository_is_compared(Kind::Sqlite).await;
}

#[tokio::test]
async fn every_project_of_a_repository_is_compared_on_postgresql() {
    every_project_of_a_repository_is_compared(Kind::Postgres).await;
}

#[tokio::test]
async fn what_stayed_in_a_former_project_is_compared_too_while_rules_place_items() {
    let (mut world, _) = with_mobile(Kind::Sqlite).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("From before")).unwrap();
    world.settle().await;
    let next = world.plane.add_project("NEXT", "Next");
    world.stop().await;
    world.config.repositories[0].plane_project = Some(next);
    world.start().await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("From now on")).unwrap();
    world.settle().await;
    let of = |number: u64| world.twin(&world.issue(number));
    assert_eq!([of(1).project, of(2).project], [world.project, next]);

    lose(&world, 9);
    lose_planes(&world, 9);
    ada.retitle(REPOSITORY, 1, "Changed unheard").unwrap();
    let person = world.plane.person("grace").unwrap();
    person.edit_title(of(2).id, "Called otherwise in Plane").unwrap();
    connected(&world).await;
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync(), "{report:#?}");
    assert_eq!(report.looked_at.items, 2, "one of each project");
    assert_eq!(of(1).name, "Changed unheard");
}

#[tokio::test]
async fn a_project_that_the_key_does_not_show_is_told_and_the_others_are_compared() {
    let nowhere = Uuid::from_u128(0x1111_2222_4333_8444_5555_5555_5555_5555);
    let mut world = World::new(Kind::Sqlite, Asking::Rest).await;
    world.stop().await;
    let rule = format!("when = '\"mobile\" in issue.labels'\nset.plane_project = '{nowhere}'");
    world.config.repositories[0].rules = vec![toml::from_str(&rule).unwrap()];
    world.start().await;
    world.github.acting_as("ada").open_issue(REPOSITORY, &NewIssue::titled("Plain")).unwrap();
    world.settle().await;
    let report = look(&world, Walk::Full, Doing::Preview).await.unwrap();
    assert!(report.is_in_sync(), "{report:#?}");
    assert_eq!(report.looked_at.items, 1);
    let [hidden] = &report.hidden[..] else { panic!("{report:#?}") };
    assert!(hidden.starts_with(&nowhere.to_string()) && hidden.contains("403"), "{hidden}");
    assert!(!drift(&world).await.iter().any(|item| item.reasons.contains(&Why::NoTwin)));
}

#[tokio::test]
async fn repositories_that_share_a_project_are_each_in_sync() {
    const OTHER: &str = "octo/other";
    let mut world = World::new(Kind::Sqlite, Asking::Rest).await;
    world.stop().await;
    let second =
        RepositoryConfig { name: OTHER.parse().unwrap(), ..world.config.repositories[0].clone() };
    world.config.repositories.push(second);
    world.github.add_repository(OTHER).unwrap();
    let port = world.config.listen.port();
    let url = format!("http://127.0.0.1:{port}/api/webhooks/github-mcp/");
    world.github.add_hook(OTHER, NewHook::to(url, GITHUB_SECRET)).unwrap();
    world.start().await;
    let ada = world.github.acting_as("ada");
    for repository in [REPOSITORY, OTHER] {
        ada.open_issue(repository, &NewIssue::titled(repository)).unwrap();
    }
    world.settle().await;
    let all = world.store.repositories().await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(repository(&world).await.name.as_str(), REPOSITORY);
    for walk in [Walk::Full, Walk::Changes] {
        for repository in &all {
            let job = job(&world);
            let report = job.look(repository, walk, Doing::Act, &mut |_, _| {}).await.unwrap();
            assert!(report.is_in_sync() && report.put == 0, "{report:#?}");
        }
    }
    assert_eq!(world.twins().len(), 2);
}

#[tokio::test]
async fn both_sides_are_compared_in_the_repositorys_workspace() {
    let mut world = World::new(Kind::Sqlite, Asking::Rest).await;
    let project = world.plane.add_project_in("beta", "LAB", "Lab");
    world.stop().await;
    let repository = &mut world.config.repositories[0];
    repository.plane_project = Some(project);
    repository.plane_workspace = Some("beta".parse().unwrap());
    world.start().await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("In beta")).unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).project, project);
    // No webhook of that workspace is set up: all that people do there has to be found.
    let person = world.plane.person("grace").unwrap();
    let own = person.create_item(project, "By hand", "<p></p>").unwrap();
    let report = reconcile(&world, Walk::Full).await;
    assert!(report.is_in_sync() && report.put > 0, "{report:#?}");
    let items = known(&world, System::Plane).await;
    assert_eq!(items.len(), 2);
    let url = items[&own.to_string()].state.clone().unwrap().url;
    assert_eq!(url.as_deref(), Some("https://plane.example.com/beta/browse/LAB-2/"));
    let again = reconcile(&world, Walk::Full).await;
    assert!(again.is_in_sync() && again.put == 0, "{again:#?}");
}
