//! A repository's filter and rules on the whole way from GitHub to Plane.

use jetbridge::ids::WorkItemRef;
use jetbridge::rules::RuleConfig;
use jetbridge::sim::github::NewIssue;
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
    assert_eq!(results(&world).await, [LEFT_OUT]);
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
