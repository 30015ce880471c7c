//! A repository's filter and rules on the whole way from GitHub to Plane.

use jetbridge::board::HealthState;
use jetbridge::ids::WorkItemRef;
use jetbridge::rules::RuleConfig;
use jetbridge::sim::github::NewIssue;
use jetbridge::sim::plane::{On, RequestFault};
use jetbridge::store::deliveries::{DeliveryFilter, DeliveryStatus};

use crate::support::databases::Kind;
use crate::world::{Asking, REPOSITORY, World};

async fn ruled(kind: Kind, asking: Asking, filter: &str, rules: &str) -> World {
    #[derive(serde::Deserialize)]
    struct Written {
        #[serde(default)]
        rules: Vec<RuleConfig>,
    }
    let mut world = World::new(kind, asking).await;
    world.stop().await;
    let written: Written = toml::from_str(rules).unwrap();
    world.config.repositories[0].filter = Some(filter.to_owned());
    world.config.repositories[0].rules = written.rules;
    world.start().await;
    world
}

/// What came of all deliveries, oldest first.
async fn results(world: &World) -> Vec<String> {
    let filter = DeliveryFilter {
        source: Some(jetbridge::sources::Source::Github),
        ..DeliveryFilter::default()
    };
    let mut found = world.store.deliveries(&filter, None, 100).await.unwrap();
    found.reverse();
    found.into_iter().filter_map(|delivery| delivery.result.or(delivery.last_error)).collect()
}

const LEFT_OUT: &str = "not written to Plane: left out by the filter of octo/hello";

async fn what_does_not_pass_is_not_carried_over_and_says_so(kind: Kind, asking: Asking) {
    let world = ruled(kind, asking, "'bug' in issue.labels && sender != 'robot'", "").await;
    let ada = world.github.acting_as("ada");
    ada.add_label(REPOSITORY, "bug", "d73a4a").unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("A wish")).unwrap();
    world.settle().await;
    assert_eq!(world.twins().len(), 0);
    let made = "written to Plane: make the label “bug”";
    assert_eq!(results(&world).await, [made, LEFT_OUT], "a filter is about issues");
    let known = WorkItemRef::new(format!("github:{}", world.issue(1).id));
    let known = world.store.work_item(&known).await.unwrap().unwrap();
    assert_eq!(known.state.unwrap().title, "A wish", "the board shows it all the same");
    ada.label(REPOSITORY, 1, "bug").unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).name, "A wish");
    world.github.acting_as("robot").retitle(REPOSITORY, 1, "By a robot").unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).name, "A wish", "what is linked stays as it is");
    assert_eq!(results(&world).await.last().unwrap(), LEFT_OUT);
    ada.comment(REPOSITORY, 1, "by a person").unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).name, "By a robot", "as it is now");
}

#[tokio::test]
async fn what_does_not_pass_is_not_carried_over_as_its_webhooks_tell_it() {
    what_does_not_pass_is_not_carried_over_and_says_so(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn what_does_not_pass_is_not_carried_over_as_github_tells_it() {
    what_does_not_pass_is_not_carried_over_and_says_so(Kind::Postgres, Asking::Rest).await;
}

const RULES: &str = r##"
[[rules]]
name = "no chores"
when = '"chore" in issue.labels'
drop = true
[[rules]]
set.title = '"#" + string(issue.number) + " " + issue.title'
[[rules]]
name = "urgent"
when = '"p1" in issue.labels'
set = { priority = '"urgent"', state = '"In Progress"', labels = 'issue.labels.filter(l, l != "p1")' }
"##;

#[tokio::test]
async fn rules_make_the_item_and_a_second_look_writes_nothing() {
    let world = ruled(Kind::Sqlite, Asking::Rest, "", RULES).await;
    let ada = world.github.acting_as("ada");
    for label in ["bug", "p1", "chore"] {
        ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
    }
    ada.open_issue(REPOSITORY, &NewIssue::titled("Crash").with_labels(["bug", "p1"])).unwrap();
    ada.open_issue(REPOSITORY, &NewIssue::titled("Sweep").with_labels(["chore"])).unwrap();
    world.settle().await;
    let item = world.twin(&world.issue(1));
    assert_eq!((item.name.as_str(), item.priority.as_str()), ("#1 Crash", "urgent"));
    assert_eq!(world.state_of(&item), "In Progress");
    assert_eq!(Vec::from_iter(world.labels_of(&item)), ["bug"]);
    assert_eq!(world.twins().len(), 1);
    let results = results(&world).await;
    let said = |words: &str| results.iter().any(|result| result.contains(words));
    assert!(said("By the rules rule 2, urgent"), "{results:?}");
    let dropped = "not written to Plane: left out by the rule “no chores” of octo/hello";
    assert!(said(dropped), "{results:?}");
    let writes = world.writes();
    world.plane.person("grace").unwrap().prioritize(item.id, "low").unwrap();
    ada.rewrite(REPOSITORY, 1, "More of it").unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).priority, "low", "a person's choice stays");
    assert_eq!(world.writes(), writes + 1, "only the text");
    ada.unlabel(REPOSITORY, 1, "p1").unwrap();
    world.settle().await;
    assert_eq!(world.state_of(&world.twin(&world.issue(1))), "Backlog");
}

#[tokio::test]
async fn a_rule_that_comes_to_nothing_loses_nothing() {
    let rules = "[[rules]]\nname = 'first label'\nset.title = 'issue.labels[0]'";
    let mut world = ruled(Kind::Sqlite, Asking::Rest, "", rules).await;
    let ada = world.github.acting_as("ada");
    ada.open_issue(REPOSITORY, &NewIssue::titled("No label")).unwrap();
    world.quiet().await;
    let failed =
        DeliveryFilter { status: Some(DeliveryStatus::Failed), ..DeliveryFilter::default() };
    let dead = world.store.deliveries(&failed, None, 9).await.unwrap();
    let error = dead[0].last_error.clone().unwrap();
    assert!(
        error.starts_with("the rule “first label”: it asks for place 0 of a list")
            && error.ends_with("(of octo/hello); mend it, then replay"),
        "{error}"
    );
    world.stop().await;
    world.config.repositories[0].rules.clear();
    world.start().await;
    let (source, id) = (dead[0].source, &dead[0].delivery_id);
    world.store.replay(source, id, jetbridge::clock::Clock::System.now()).await.unwrap();
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).name, "No label");
}

async fn what_is_left_out_says_so_on_its_card(kind: Kind, asking: Asking) {
    let world = ruled(kind, asking, "!('wish' in issue.labels)", RULES).await;
    let ada = world.github.acting_as("ada");
    for label in ["wish", "chore"] {
        ada.add_label(REPOSITORY, label, "d73a4a").unwrap();
        ada.open_issue(REPOSITORY, &NewIssue::titled(label).with_labels([label])).unwrap();
    }
    world.settle().await;
    let reasons = ["the filter of octo/hello", "the rule “no chores” of octo/hello"];
    for (number, by) in [(1, reasons[0]), (2, reasons[1])] {
        let issue = world.issue(number).id;
        let item = WorkItemRef::new(format!("github:{issue}"));
        let card = world.store.cards_of(&[&item]).await.unwrap().remove(&item).unwrap();
        let health = card.health.unwrap();
        assert_eq!(health.state, HealthState::LeftOut, "{health:?}");
        assert_eq!(health.reason, format!("Not in Plane: left out by {by}"));
        let project = world.project.to_string();
        let link = world.store.link_of_issue(issue, &project).await.unwrap();
        assert_eq!(link, None, "nothing stands for what is not to come");
    }
    // What is carried over after all says nothing of that any more.
    ada.unlabel(REPOSITORY, 2, "chore").unwrap();
    world.settle().await;
    let item = WorkItemRef::new(format!("github:{}", world.issue(2).id));
    let card = world.store.cards_of(&[&item]).await.unwrap().remove(&item).unwrap();
    assert_eq!(card.health.unwrap().state, HealthState::InSync);
    assert_eq!(world.twins().len(), 1);
}

#[tokio::test]
async fn what_is_left_out_says_so_on_its_card_on_sqlite() {
    what_is_left_out_says_so_on_its_card(Kind::Sqlite, Asking::Nobody).await;
}

#[tokio::test]
async fn what_is_left_out_says_so_on_its_card_on_postgresql() {
    what_is_left_out_says_so_on_its_card(Kind::Postgres, Asking::Rest).await;
}

async fn what_waits_is_tried_again_with_the_newest_state(kind: Kind) {
    let mut world = ruled(kind, Asking::Nobody, "sender != 'robot'", "").await;
    world.receive_only().await;
    let issue = NewIssue::titled("By Ada");
    world.github.acting_as("ada").open_issue(REPOSITORY, &issue).unwrap();
    world.github.settled().await;
    world.github.acting_as("robot").retitle(REPOSITORY, 1, "By a robot").unwrap();
    world.github.settled().await;
    // The first attempt to make the item fails; what passes the filter is tried again.
    world.plane.faults().next_requests(1, On::Writes, RequestFault::Status(502));
    world.stop().await;
    world.start().await;
    world.settle().await;
    assert_eq!(world.twin(&world.issue(1)).name, "By a robot", "as it was then");
    assert_eq!(results(&world).await.last().unwrap(), LEFT_OUT);
}

#[tokio::test]
async fn what_waits_beside_a_left_out_delivery_is_tried_again_with_its_state_on_sqlite() {
    what_waits_is_tried_again_with_the_newest_state(Kind::Sqlite).await;
}

#[tokio::test]
async fn what_waits_beside_a_left_out_delivery_is_tried_again_with_its_state_on_postgresql() {
    what_waits_is_tried_again_with_the_newest_state(Kind::Postgres).await;
}
