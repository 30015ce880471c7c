//! What pull requests do to work items.

use std::collections::BTreeMap;
use std::time::Duration;

use jetbridge::ids::WorkItemRef;
use jetbridge::sim::github::{CloseReason, NewIssue, ReviewVerdict, Switched};
use jetbridge::sim::plane::{Item, On, RequestFault};
use jetbridge::store::deliveries::DeliveryFilter;
use uuid::Uuid;

use crate::support::databases::Kind;
use crate::support::process::eventually;
use crate::world::{Asking, REPOSITORY, TOKEN, World};

async fn with_states(kind: Kind, asking: Asking, states: &[(&str, &str)]) -> World {
    let mut world = World::with_slow_github(kind, asking).await;
    world.stop().await;
    let states = states.iter().map(|(key, state)| ((*key).to_owned(), (*state).to_owned()));
    world.config.repositories[0].states = states.collect::<BTreeMap<_, _>>();
    world.start().await;
    world
}

/// Until everything is carried over. What happens next happens in another second.
async fn settle(world: &World) {
    world.settle().await;
    world.github_clock.advance(Duration::from_secs(1));
}

/// Settles and says where the twin of issue 1 is.
async fn place(world: &World) -> String {
    settle(world).await;
    world.state_of(&world.twin(&world.issue(1)))
}

fn item(world: &World, id: Uuid) -> Item {
    world.plane.items().into_iter().find(|item| item.id == id).unwrap()
}

fn state(world: &World, name: &str) -> Uuid {
    world.plane.states().into_iter().find(|state| state.name == name).unwrap().id
}

const STATES: [(&str, &str); 3] =
    [("pull_draft", "Todo"), ("pull_opened", "In Progress"), ("approved", "Todo")];

async fn an_item_goes_where_its_pull_request_stands(kind: Kind, asking: Asking) {
    let world = with_states(kind, asking, &STATES).await;
    let (ada, grace) = (world.github.acting_as("ada"), world.github.acting_as("grace"));
    ada.open_issue(REPOSITORY, &NewIssue::titled("A bug")).unwrap();
    assert_eq!(place(&world).await, "Backlog");
    let pull = NewIssue::titled("Mend it").with_body("Fixes #1");
    ada.open_pull_request(REPOSITORY, &pull, "mend").unwrap();
    assert_eq!(place(&world).await, "In Progress");
    ada.convert_to_draft(REPOSITORY, 2).unwrap();
    assert_eq!(place(&world).await, "Todo");
    ada.mark_ready(REPOSITORY, 2).unwrap();
    assert_eq!(place(&world).await, "In Progress");
    let writes = world.writes();
    ada.ask_for_review(REPOSITORY, 2, "grace").unwrap();
    assert_eq!(place(&world).await, "In Progress");
    assert_eq!(world.writes(), writes, "it is there already");
    grace.review(REPOSITORY, 2, ReviewVerdict::Approve).unwrap();
    assert_eq!(place(&world).await, "Todo");
    ada.close(REPOSITORY, 2, CloseReason::Completed).unwrap();
    assert_eq!(place(&world).await, "Backlog", "where it was before");
    ada.reopen(REPOSITORY, 2).unwrap();
    assert_eq!(place(&world).await, "Todo");
    ada.merge(REPOSITORY, 2).unwrap();
    assert_eq!(place(&world).await, "Todo", "what merged means is left to the issue");
    ada.close(REPOSITORY, 1, CloseReason::Completed).unwrap();
    assert_eq!(place(&world).await, "Done");
    let issue = WorkItemRef::new(format!("github:{}", world.issue(1).id));
    let timeline = world.store.item_timeline(&issue, 100).await.unwrap();
    let said: Vec<_> = timeline.iter().map(|entry| entry.reason.as_str()).collect();
    for words in
        ["pull request octo/hello#2 is draft", "octo/hello#2 is approved", "octo/hello#2 is closed"]
    {
        assert!(said.iter().any(|reason| reason.contains(words)), "{words}: {said:#?}");
    }
}

#[tokio::test]
async fn an_item_goes_where_its_pull_request_stands_as_webhooks_tell_it() {
    an_item_goes_where_its_pull_request_stands(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn an_item_goes_where_its_pull_request_stands_as_github_tells_it() {
    an_item_goes_where_its_pull_request_stands(Kind::Postgres, Asking::Rest).await;
}

#[tokio::test]
async fn an_item_that_is_made_after_its_pull_request_begins_where_that_stands() {
    let world = with_states(Kind::Sqlite, Asking::Nobody, &STATES).await;
    let ada = world.github.acting_as("ada");
    let pull = NewIssue::titled("Mend it").with_body("Fixes #2");
    ada.open_pull_request(REPOSITORY, &pull, "mend").unwrap();
    settle(&world).await;
    ada.open_issue(REPOSITORY, &NewIssue::titled("A bug")).unwrap();
    settle(&world).await;
    assert_eq!(world.state_of(&world.twin(&world.issue(2))), "In Progress");
    ada.close(REPOSITORY, 1, CloseReason::Completed).unwrap();
    settle(&world).await;
    assert_eq!(world.state_of(&world.twin(&world.issue(2))), "Backlog");
}

#[tokio::test]
async fn what_a_person_moves_stays_until_the_pull_request_stands_otherwise() {
    let world = with_states(Kind::Sqlite, Asking::Rest, &STATES).await;
    let (ada, grace) = (world.github.acting_as("ada"), world.github.acting_as("grace"));
    ada.open_issue(REPOSITORY, &NewIssue::titled("A bug")).unwrap();
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("Fix #1"), "mend").unwrap();
    assert_eq!(place(&world).await, "In Progress");
    let twin = world.twin(&world.issue(1)).id;
    world.plane.person("grace").unwrap().move_to_state(twin, state(&world, "Backlog")).unwrap();
    ada.retitle(REPOSITORY, 2, "Fix #1 well").unwrap();
    ada.retitle(REPOSITORY, 1, "A bad bug").unwrap();
    assert_eq!(place(&world).await, "Backlog");
    grace.review(REPOSITORY, 2, ReviewVerdict::Approve).unwrap();
    assert_eq!(place(&world).await, "Todo");
}

async fn an_item_of_planes_own_is_moved_by_the_key(kind: Kind) {
    let world = with_states(kind, Asking::Nobody, &STATES).await;
    let ada = world.github.acting_as("ada");
    let people = world.plane.person("ada").unwrap();
    let own = people.create_item(world.project, "A wish", "<p>Please</p>").unwrap();
    settle(&world).await;
    let place = || world.state_of(&item(&world, own));
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("Grant it"), "feature/sync-1-wish")
        .unwrap();
    settle(&world).await;
    assert_eq!(place(), "In Progress");
    let writes = world.writes();
    ada.comment(REPOSITORY, 1, "Soon").unwrap();
    ada.retitle(REPOSITORY, 1, "Grant it at last").unwrap();
    settle(&world).await;
    assert_eq!(world.writes(), writes, "it stands as before");
    let by_title = NewIssue::titled("[SYNC-1] Another way");
    ada.open_pull_request(REPOSITORY, &by_title, "another").unwrap();
    settle(&world).await;
    ada.convert_to_draft(REPOSITORY, 2).unwrap();
    ada.close(REPOSITORY, 1, CloseReason::Completed).unwrap();
    settle(&world).await;
    assert_eq!(place(), "Todo", "the other one is a draft");
    ada.close(REPOSITORY, 2, CloseReason::Completed).unwrap();
    settle(&world).await;
    assert_eq!(place(), "Backlog");
    let reference = WorkItemRef::new(format!("plane:{own}"));
    let timeline = world.store.item_timeline(&reference, 100).await.unwrap();
    let words = "pull request octo/hello#1 is open: moved from “Backlog” to “In Progress”";
    assert!(timeline.iter().any(|entry| entry.reason.contains(words)), "{timeline:#?}");
    let card = world.store.cards_of(&[&reference]).await.unwrap().remove(&reference).unwrap();
    let numbers: Vec<_> = card.pulls.iter().map(|pull| pull.number.as_str()).collect();
    assert_eq!(numbers, ["#2", "#1"], "the one that changed last comes first");
    assert!(world.twins().is_empty());
}

#[tokio::test]
async fn an_item_of_planes_own_is_moved_by_the_key_on_sqlite() {
    an_item_of_planes_own_is_moved_by_the_key(Kind::Sqlite).await;
}

#[tokio::test]
async fn an_item_of_planes_own_is_moved_by_the_key_on_postgresql() {
    an_item_of_planes_own_is_moved_by_the_key(Kind::Postgres).await;
}

#[tokio::test]
async fn a_move_whose_answer_is_lost_is_found_and_not_made_twice() {
    let world = with_states(Kind::Sqlite, Asking::Nobody, &STATES).await;
    let ada = world.github.acting_as("ada");
    let people = world.plane.person("ada").unwrap();
    let own = people.create_item(world.project, "A wish", "<p>Please</p>").unwrap();
    settle(&world).await;
    let moves = || world.plane.writes().len();
    for fault in [RequestFault::CutAfter, RequestFault::CutBefore, RequestFault::Status(500)] {
        let before = moves();
        world.plane.faults().next_requests(1, On::Writes, fault);
        let number = ada
            .open_pull_request(REPOSITORY, &NewIssue::titled("[SYNC-1] Grant it"), "grant")
            .unwrap();
        settle(&world).await;
        assert_eq!(world.state_of(&item(&world, own)), "In Progress", "{fault:?}");
        ada.close(REPOSITORY, number, CloseReason::Completed).unwrap();
        settle(&world).await;
        assert_eq!(world.state_of(&item(&world, own)), "Backlog", "{fault:?}");
        let tried = if fault == RequestFault::CutAfter { 2 } else { 3 };
        assert_eq!(moves() - before, tried, "{fault:?}");
    }
}

#[tokio::test]
async fn without_states_for_them_pull_requests_move_nothing() {
    let world = World::new(Kind::Sqlite, Asking::Rest).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("A bug")).unwrap();
    assert_eq!(place(&world).await, "Backlog");
    let (writes, asked) = (world.writes(), world.plane.requests().len());
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("Fix #1"), "mend").unwrap();
    ada.merge(REPOSITORY, 2).unwrap();
    assert_eq!(place(&world).await, "Backlog");
    assert_eq!((world.writes(), world.plane.requests().len()), (writes, asked));
}

/// What the newest delivery about a pull request came to.
async fn result(world: &World) -> String {
    let event = Some("pull_request".to_owned());
    let filter = DeliveryFilter { event, ..DeliveryFilter::default() };
    let newest = world.store.deliveries(&filter, None, 1).await.unwrap().remove(0);
    newest.result.unwrap_or_default()
}

async fn what_is_linked_by_hand_moves_as_well(kind: Kind) {
    let world = with_states(kind, Asking::Rest, &STATES).await;
    let ada = world.github.acting_as("ada");
    for title in ["A bug", "Another"] {
        ada.open_issue(REPOSITORY, &NewIssue::titled(title)).unwrap();
    }
    settle(&world).await;
    let pull = NewIssue::titled("Mend both").with_body("Fixes #2");
    ada.open_pull_request(REPOSITORY, &pull, "mend").unwrap();
    assert_eq!(place(&world).await, "Backlog");
    let second = || world.state_of(&world.twin(&world.issue(2)));
    assert_eq!(second(), "In Progress");
    ada.link_issue(REPOSITORY, 3, 1).unwrap();
    assert_eq!(place(&world).await, "Backlog", "no webhook tells it");
    ada.retitle(REPOSITORY, 3, "Mend both at once").unwrap();
    assert_eq!(place(&world).await, "In Progress", "its next one has it asked for");
    assert_eq!(second(), "In Progress", "what its text names counts beside it");
    let issue = WorkItemRef::new(format!("github:{}", world.issue(1).id));
    let card = world.store.cards_of(&[&issue]).await.unwrap().remove(&issue).unwrap();
    assert_eq!(card.pulls.iter().map(|pull| pull.number.as_str()).collect::<Vec<_>>(), ["#3"]);
    ada.convert_to_draft(REPOSITORY, 3).unwrap();
    assert_eq!(place(&world).await, "Todo");
    ada.unlink_issue(REPOSITORY, 3, 1).unwrap();
    ada.mark_ready(REPOSITORY, 3).unwrap();
    assert_eq!((place(&world).await.as_str(), second().as_str()), ("Todo", "In Progress"));
    let mut asked = world.github.requests();
    asked.retain(|request| request.target == "/graphql");
    assert_eq!(asked.len(), 4, "once for each: {asked:#?}");
}

#[tokio::test]
async fn what_is_linked_by_hand_moves_as_well_on_sqlite() {
    what_is_linked_by_hand_moves_as_well(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_is_linked_by_hand_moves_as_well_on_postgresql() {
    what_is_linked_by_hand_moves_as_well(Kind::Postgres).await;
}

#[tokio::test]
async fn where_github_does_not_tell_the_links_the_text_counts_and_nothing_fails() {
    let world = with_states(Kind::Sqlite, Asking::Rest, &STATES).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("A bug")).unwrap();
    settle(&world).await;
    world.github.switch_graphql(Switched::Off);
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("Mend").with_body("Fixes #1"), "m")
        .unwrap();
    assert_eq!(place(&world).await, "In Progress");
    let said = result(&world).await;
    assert!(said.contains("(its GraphQL answered 404): what its text names counts"), "{said}");
    world.github.switch_graphql(Switched::On);
    ada.convert_to_draft(REPOSITORY, 2).unwrap();
    assert_eq!(place(&world).await, "Todo");
    assert!(!result(&world).await.contains("did not tell"), "it does now");
}

#[tokio::test]
async fn while_the_budget_of_graphql_is_used_up_the_text_counts_and_the_rest_waits() {
    let world = with_states(Kind::Sqlite, Asking::Rest, &STATES).await;
    let ada = world.github.acting_as("ada");
    for title in ["A bug", "Another"] {
        ada.open_issue(REPOSITORY, &NewIssue::titled(title)).unwrap();
    }
    settle(&world).await;
    world.github.exhaust_graphql(TOKEN, Duration::from_secs(2));
    world.github.hold_webhooks();
    let pull = NewIssue::titled("Mend").with_body("Fixes #1");
    ada.open_pull_request(REPOSITORY, &pull, "mend").unwrap();
    ada.link_issue(REPOSITORY, 3, 2).unwrap();
    world.github.release_webhooks(|order| order);
    world.github.settled().await;
    eventually("the item that its text names", || async {
        world.state_of(&world.twin(&world.issue(1))) == "In Progress"
    })
    .await;
    assert_eq!(world.state_of(&world.twin(&world.issue(2))), "Backlog");
    // GitHub's hour is over, by its clock, and what waits is asked for once ours says so, too.
    world.github_clock.advance(Duration::from_secs(5));
    settle(&world).await;
    assert_eq!(world.state_of(&world.twin(&world.issue(2))), "In Progress");
}

#[tokio::test]
async fn of_more_issues_than_are_read_the_first_count_and_it_is_said() {
    let world = with_states(Kind::Sqlite, Asking::Rest, &STATES).await;
    let ada = world.github.acting_as("ada");
    world.github.hold_webhooks();
    for at in 0..52 {
        ada.open_issue(REPOSITORY, &NewIssue::titled(format!("Bug {at}"))).unwrap();
    }
    world.github.release_webhooks(|_| Vec::new());
    world.github.hold_webhooks();
    ada.open_pull_request(REPOSITORY, &NewIssue::titled("Mend all"), "mend").unwrap();
    for number in 1..=52 {
        ada.link_issue(REPOSITORY, 53, number).unwrap();
    }
    world.github.release_webhooks(|order| order);
    settle(&world).await;
    let said = result(&world).await;
    assert!(said.contains("52 issues are linked with it on GitHub: the first 50 count"), "{said}");
}
