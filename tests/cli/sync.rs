//! `sync OWNER/NAME#NUMBER`.

use jetbridge::sim::github::{NewIssue, NewMilestone};
use jetbridge::sim::plane::{On, RequestFault};
use jetbridge::sync::milestones::BundleKind;

use crate::Place;
use crate::places::{REPOSITORY, Sides, TOKEN};

const ISSUE: &str = "octo/hello#1";

async fn with_an_issue() -> Sides {
    let sides = Sides::start().await;
    let ada = sides.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash").with_body("It *crashes*.")).unwrap();
    ada.comment(REPOSITORY, 1, "Here, too.").unwrap();
    sides
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_is_brought_in_step_and_then_there_is_nothing_to_write() {
    let sides = with_an_issue().await;
    let place = sides.place("");
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.starts_with("written to Plane: "), "{said}");
    let items = sides.plane.items();
    assert_eq!((items.len(), items[0].name.as_str()), (1, "Crash"));
    assert_eq!(sides.plane.comments(items[0].id).len(), 1);

    let writes = sides.plane.writes().len();
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.starts_with("Plane already says so: nothing to write"), "{said}");
    assert_eq!(sides.plane.writes().len(), writes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_was_deleted_in_plane_is_made_again_on_demand() {
    let sides = with_an_issue().await;
    let project = sides.plane.project("SYNC").unwrap().id;
    sides.plane.switch_on(project, BundleKind::Module);
    let ada = sides.github.acting_as("ada");
    let milestone = ada.add_milestone(REPOSITORY, &NewMilestone::titled("v1")).unwrap();
    ada.set_milestone(REPOSITORY, 1, Some(milestone)).unwrap();
    let place = sides.place("milestones = 'module'\n");
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.contains("make the module “v1”; put the work item into the module"), "{said}");
    let first = sides.plane.bundles()[0].id;
    sides.plane.person("ada").unwrap().delete_bundle(first).unwrap();
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.contains("make the module “v1”; put the work item into the module"), "{said}");
    assert_eq!(sides.plane.bundles_of(sides.plane.items()[0].id), ["v1"]);
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.starts_with("Plane already says so"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_was_deleted_in_plane_is_made_again_on_demand() {
    let sides = with_an_issue().await;
    let place = sides.place("");
    place.run(&["sync", ISSUE]).done();
    let first = sides.plane.items()[0].id;
    sides.plane.person("ada").unwrap().delete_item(first).unwrap();
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.starts_with("written to Plane: "), "{said}");
    let items = sides.plane.items();
    assert_eq!(items.len(), 1);
    assert_ne!(items[0].id, first);
    assert_eq!(sides.plane.comments(items[0].id).len(), 1, "its comments came along");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_was_archived_in_plane_is_brought_back_on_demand() {
    let sides = with_an_issue().await;
    let place = sides.place("");
    place.run(&["sync", ISSUE]).done();
    let item = sides.plane.items()[0].id;
    sides.plane.person("ada").unwrap().archive_item(item).unwrap();
    sides.github.acting_as("ada").retitle(REPOSITORY, 1, "Again").unwrap();
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.starts_with("written to Plane: "), "{said}");
    let items = sides.plane.items();
    assert_eq!((items.len(), items[0].name.as_str()), (1, "Again"));
    assert_eq!(items[0].archived_at, None, "people see it again");
    assert_eq!(sides.plane.comments(item).len(), 1, "no comment twice");
    let said = place.run(&["sync", ISSUE]).done();
    assert!(said.starts_with("Plane already says so: nothing to write"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_was_made_again_is_found_when_the_answer_was_lost() {
    let sides = with_an_issue().await;
    let place = sides.place("");
    place.run(&["sync", ISSUE]).done();
    let first = sides.plane.items()[0].id;
    sides.plane.person("ada").unwrap().delete_item(first).unwrap();
    sides.plane.faults().next_requests(1, On::Writes, RequestFault::CutAfter);
    place.run(&["sync", ISSUE]).refused(1);
    let made = sides.plane.items()[0].id;
    assert_ne!(made, first);
    place.run(&["sync", ISSUE]).done();
    let items = sides.plane.items();
    assert_eq!(items.iter().map(|item| item.id).collect::<Vec<_>>(), [made]);
    assert_eq!(sides.plane.comments(made).len(), 1, "its comments came along");
    assert_eq!(sides.plane.links(made).len(), 1, "and its link");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_brought_in_step_is_said_with_its_remedy() {
    let sides = with_an_issue().await;
    let ada = sides.github.acting_as("ada");
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("Mend it"), "mend").unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("Gone")).unwrap();
    ada.delete_issue(REPOSITORY, 3).unwrap();
    let place = sides.place("");
    for (issue, remedy) in [
        ("octo/other#1", "octo/other is not configured: jetbridge repo add octo/other"),
        ("octo/hello#2", "octo/hello#2 is a pull request: only issues are kept in step"),
        ("octo/hello#3", "octo/hello#3 was deleted at GitHub"),
        ("octo/hello#9", "GitHub shows no octo/hello#9 (404): check the number"),
    ] {
        let line = place.run(&["sync", issue]).refused(1);
        assert!(line.starts_with(remedy), "{issue}: {line}");
    }
    assert!(sides.plane.items().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_missing_or_refused_is_named() {
    let sides = with_an_issue().await;
    let token = format!("token = '{TOKEN}'\n");
    let key = format!("api_key = '{}'\n", sides.plane.api_key());
    let project = format!("plane_project = '{}'\n", sides.project);
    for (there, instead, remedy) in [
        (token.as_str(), "", "GitHub can't be asked: set github.token"),
        (&token, "token = 'ghp_wrong'\n", "GitHub refused the token (401): set github.token"),
        (&key, "", "not written to Plane: set plane.api_url, plane.api_key"),
        (&key, "api_key = 'plane_api_wrong'\n", "Plane refused the API key"),
        (&project, "", "not written to Plane: its repository is kept in step with no Plane"),
    ] {
        let place = Place::with_config(&sides.config("").replace(there, instead));
        place.run(&["migrate"]).done();
        let line = place.run(&["sync", ISSUE]).refused(1);
        assert!(line.starts_with(remedy), "{instead}: {line}");
        assert!(!line.contains("ghp_") && !line.contains("plane_api_"), "{line}");
    }
}
