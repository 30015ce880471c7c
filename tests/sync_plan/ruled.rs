//! A repository's rules, on the way from the issue to what is written.

use jetbridge::rules::{RuleConfig, Rulebook};
use jetbridge::sync::github::IssueState;
use jetbridge::sync::plan::{Finding, Write};
use jetbridge::sync::plane::{ItemChange, Priority};
use proptest::prelude::*;

use crate::model::{World, change_of, label, set};

fn rulebook(text: &str) -> Rulebook {
    #[derive(serde::Deserialize)]
    struct Written {
        rules: Vec<RuleConfig>,
    }
    let written: Written = toml::from_str(text).unwrap();
    Rulebook::read(None, &written.rules).unwrap()
}

/// Of every kind one.
const ALL: &str = r#"
[[rules]]
set.title = '"[" + repository + "] " + issue.title'
[[rules]]
when = 'issue.labels.exists(l, l.startsWith("p:"))'
set.priority = 'issue.labels.filter(l, l.startsWith("p:"))[0].replace("p:", "")'
set.labels = 'issue.labels.filter(l, !l.startsWith("p:"))'
[[rules]]
when = '"review" in issue.labels && issue.state == "open"'
set.state = '"In Progress"'
[[rules]]
when = 'size(issue.assignees) == 0'
set.assignees = '["grace"]'
"#;

fn ruled() -> World {
    let mut world = World::new();
    world.rulebook = rulebook(ALL);
    world
}

fn nothing() -> Vec<Write> {
    Vec::new()
}

#[test]
fn an_item_is_made_as_the_rules_want_it() {
    let mut world = ruled();
    world.issue.labels = vec![label("bug"), label("p:high"), label("review")];
    world.issue.assignees.clear();
    world.sync();
    let item = world.item();
    assert_eq!(item.name, "[octo/hello] Crash");
    assert_eq!(item.labels, set(&["l-bug", "l-review"]));
    assert_eq!((item.priority, item.state.as_deref()), (Some(Priority::High), Some("doing")));
    assert_eq!(item.assignees, set(&["u-grace"]));
    assert_eq!(world.plan().writes, nothing(), "and a second plan is empty");
}

#[test]
fn what_a_person_chose_stays_until_something_else_is_wanted() {
    let mut world = ruled();
    world.issue.labels = vec![label("p:high"), label("review")];
    world.sync();
    let item = world.item();
    (item.state, item.priority) = (Some("todo".to_owned()), Some(Priority::Low));
    world.issue.title = "Other".to_owned();
    let change =
        ItemChange { name: Some("[octo/hello] Other".to_owned()), ..ItemChange::default() };
    assert_eq!(change_of(&world.plan()), change);
    world.issue.labels = vec![label("p:urgent"), label("review")];
    let (plan, _) = world.sync();
    assert_eq!(world.item().priority, Some(Priority::Urgent));
    assert_eq!(world.item().state.as_deref(), Some("todo"));
    let (was, now) = (Priority::Low, Priority::Urgent);
    assert!(plan.findings.contains(&Finding::PriorityOverridden { was, now }));
}

#[test]
fn a_state_that_is_no_longer_wanted_gives_way_to_the_issues_own() {
    let mut world = ruled();
    world.issue.labels = vec![label("review")];
    world.sync();
    world.issue.labels.clear();
    world.sync();
    assert_eq!(world.item().state.as_deref(), Some("backlog"));
    world.issue.labels = vec![label("review")];
    world.sync();
    world.issue.state = IssueState::Completed;
    world.sync();
    assert_eq!(world.item().state.as_deref(), Some("done"));
}

#[test]
fn a_priority_that_is_no_longer_wanted_stays() {
    let mut world = ruled();
    world.issue.labels = vec![label("p:high")];
    world.sync();
    world.issue.labels.clear();
    world.sync();
    assert_eq!(world.item().priority, Some(Priority::High));
    world.issue.labels = vec![label("p:high")];
    world.item().priority = Some(Priority::Low);
    world.sync();
    assert_eq!(world.item().priority, Some(Priority::High), "it is wanted anew");
}

#[test]
fn a_wanted_state_that_is_not_there_is_told_and_written_once_it_is() {
    let mut world = World::synced();
    world.rulebook = rulebook("[[rules]]\nset.state = '\"Nowhere\"'");
    let (plan, _) = world.sync();
    assert_eq!(plan.writes, nothing());
    let is_it =
        |f: &Finding| matches!(f, Finding::NoRuledState { wanted, .. } if wanted == "Nowhere");
    assert!(plan.findings.iter().any(is_it), "{:?}", plan.findings);
    world.project.states[2].name = "Nowhere".to_owned();
    world.sync();
    assert_eq!(world.item().state.as_deref(), Some("doing"));
}

/// What an issue may be like.
#[derive(Debug, Clone)]
struct Shape {
    title: u8,
    labels: Vec<u8>,
    assigned: u8,
    closed: bool,
}

const LABELS: [&str; 5] = ["bug", "review", "p:high", "p:low", "p:urgent"];

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = (0..3_u8, proptest::collection::vec(0..5_u8, 0..4), 0..2_u8, any::<bool>());
    let shape = shape.prop_map(|(title, labels, assigned, closed)| Shape {
        title,
        labels,
        assigned,
        closed,
    });
    proptest::collection::vec(shape, 1..8)
}

fn put_on(world: &mut World, shape: &Shape) {
    world.issue.title = format!("Title {}", shape.title);
    let names: std::collections::BTreeSet<_> = shape.labels.iter().copied().collect();
    world.issue.labels = names.into_iter().map(|at| label(LABELS[usize::from(at)])).collect();
    world.issue.assignees.clear();
    if shape.assigned > 0 {
        world.issue.assignees.push(crate::model::account("ada"));
    }
    world.issue.state = if shape.closed { IssueState::Completed } else { IssueState::Reopened };
}

proptest! {
    #[test]
    fn whatever_was_seen_before_the_same_issue_ends_the_same_and_a_second_plan_is_empty(
        courses in (shapes(), shapes()),
    ) {
        let last = Shape { title: 9, labels: vec![0, 1, 2], assigned: 0, closed: false };
        let ended = |course: &[Shape]| {
            let mut world = ruled();
            for shape in course.iter().chain([&last]) {
                put_on(&mut world, shape);
                world.sync();
                assert_eq!(world.plan().writes, nothing(), "after {shape:?}");
            }
            world.item().clone()
        };
        let (one, other) = (ended(&courses.0), ended(&courses.1));
        prop_assert_eq!(one, other);
    }
}
