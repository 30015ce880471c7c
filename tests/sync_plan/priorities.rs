//! Labels that mean a priority.

use jetbridge::rules::{RuleConfig, RuleSet, Rulebook};
use jetbridge::sync::mapping::Mapping;
use jetbridge::sync::plan::{Finding, Write};
use jetbridge::sync::plane::{ItemChange, Priority, ProjectLabel};
use proptest::prelude::*;

use crate::model::{World, change_of, label, set};

fn mapped(pairs: &[(&str, &str)]) -> Mapping {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Mapping { labels: pairs.iter().map(owned).collect(), ..Mapping::default() }
}

fn world() -> World {
    let mut world = World::new();
    world.mapping = mapped(&[("P1", "priority:urgent"), ("prio/*", "priority:low")]);
    world
}

fn nothing() -> Vec<Write> {
    Vec::new()
}

fn to(priority: Priority) -> ItemChange {
    ItemChange { priority: Some(priority), ..ItemChange::default() }
}

#[test]
fn a_label_that_means_a_priority_sets_it_and_is_no_label_in_plane() {
    let mut world = world();
    world.issue.labels = vec![label("bug"), label("p1")];
    let (plan, _) = world.sync();
    assert!(plan.writes.iter().all(|write| write.kind() != "create_label"), "{:?}", plan.writes);
    let item = world.item();
    assert_eq!((item.priority, &item.labels), (Some(Priority::Urgent), &set(&["l-bug"])));
    assert_eq!(world.plan().writes, nothing(), "and a second plan is empty");
}

#[test]
fn of_several_the_most_urgent_counts_and_an_item_without_any_keeps_its_own() {
    let mut world = world();
    world.issue.labels = vec![label("prio/later"), label("P1")];
    world.sync();
    assert_eq!(world.item().priority, Some(Priority::Urgent));
    world.issue.labels.pop();
    assert_eq!(change_of(&world.plan()), to(Priority::Low));
    world.sync();
    world.issue.labels.clear();
    assert_eq!(world.plan().writes, nothing(), "one that no label means any more stays");
    world.sync();
    assert_eq!(world.item().priority, Some(Priority::Low));
}

#[test]
fn a_priority_that_a_person_chose_stays_until_the_labels_mean_another() {
    let mut world = world();
    world.issue.labels = vec![label("prio/later")];
    world.sync();
    world.item().priority = Some(Priority::High);
    world.issue.title = "Other".to_owned();
    let change = ItemChange { name: Some("Other".to_owned()), ..ItemChange::default() };
    assert_eq!(change_of(&world.plan()), change);
    world.sync();
    world.issue.labels.push(label("P1"));
    let (plan, _) = world.sync();
    let (was, now) = (Priority::High, Priority::Urgent);
    assert_eq!(plan.findings, [Finding::PriorityOverridden { was, now }]);
    assert_eq!(world.item().priority, Some(Priority::Urgent));
}

#[test]
fn what_a_rule_wants_counts_before_what_labels_mean() {
    let mut world = world();
    let rule = |priority: &str| RuleConfig {
        set: RuleSet { priority: Some(priority.to_owned()), ..RuleSet::default() },
        ..RuleConfig::default()
    };
    world.issue.labels = vec![label("P1")];
    world.rulebook = Rulebook::read(None, &[rule("'medium'")]).unwrap();
    world.sync();
    assert_eq!(world.item().priority, Some(Priority::Medium));
    world.rulebook = Rulebook::read(None, &[rule("''")]).unwrap();
    world.sync();
    assert_eq!(world.item().priority, Some(Priority::Urgent), "it wants none: as without it");
}

#[test]
fn a_label_that_comes_to_mean_a_priority_leaves_its_item_unless_people_put_it_there() {
    let mut world = World::new();
    world.project.labels.push(ProjectLabel {
        id: "l-P1".to_owned(),
        name: "P1".to_owned(),
        color: None,
        github: None,
    });
    world.issue.labels = vec![label("bug"), label("P1")];
    world.sync();
    assert_eq!(world.item().labels, set(&["l-bug", "l-P1"]));
    let mut by_people = World::new();
    by_people.project = world.project.clone();
    by_people.sync();
    by_people.item().labels.insert("l-P1".to_owned());
    by_people.issue.labels.push(label("P1"));
    by_people.sync();
    for (mut world, labels) in [(world, set(&["l-bug"])), (by_people, set(&["l-bug", "l-P1"]))] {
        world.mapping = mapped(&[("P1", "priority:urgent")]);
        world.sync();
        let item = world.item();
        assert_eq!((item.priority, &item.labels), (Some(Priority::Urgent), &labels));
    }
}

#[test]
fn a_wrong_word_from_an_older_database_is_the_label_that_it_was() {
    let mut world = World::new();
    world.mapping = mapped(&[("P1", "priority:soon")]);
    world.issue.labels = vec![label("P1")];
    world.sync();
    let item = world.item();
    assert_eq!((item.priority, &item.labels), (Some(Priority::None), &set(&["l-priority:soon"])));
}

const LABELS: [&str; 5] = ["bug", "P1", "P2", "prio/later", "docs"];

proptest! {
    #[test]
    fn whatever_was_labeled_before_the_priority_is_what_the_labels_mean_now(
        course in proptest::collection::vec(proptest::collection::btree_set(0..5_usize, 0..5), 1..8),
    ) {
        let mut world = world();
        world.mapping.labels.insert("P2".to_owned(), "priority:high".to_owned());
        let mut last = Priority::None;
        for names in course {
            world.issue.labels = names.iter().map(|at| label(LABELS[*at])).collect();
            world.sync();
            let meant = [(1, Priority::Urgent), (2, Priority::High), (3, Priority::Low)];
            let meant = meant.into_iter().find(|(at, _)| names.contains(at)).map(|(_, meant)| meant);
            last = meant.unwrap_or(last);
            let labels: Vec<_> = names.iter().filter(|at| [0, 4].contains(*at)).collect();
            prop_assert_eq!(world.item().priority, Some(last));
            prop_assert_eq!(world.item().labels.len(), labels.len());
            prop_assert_eq!(world.plan().writes, nothing(), "and a second plan is empty");
        }
    }
}
