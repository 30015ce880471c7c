//! Whatever the order and the repetitions, the same deliveries end in the same items.

use std::collections::BTreeMap;

use jetbridge::sources::plane::normalize::{LabelName, Names, StateName, normalize};
use jetbridge::sources::plane::payload::parse;
use jetbridge::work_items::{Change, Decision, WorkItem, decide};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::fixtures::{PROJECT, received, recorded};

/// Folds changes as the queue would, one after the other.
fn fold<'a>(changes: impl IntoIterator<Item = &'a Change>) -> BTreeMap<String, WorkItem> {
    let mut items = BTreeMap::<String, WorkItem>::new();
    for (step, change) in changes.into_iter().enumerate() {
        let Some(item) = change.item() else { continue };
        let now = received() + chrono::Duration::seconds(i64::try_from(step).unwrap());
        if let Decision::Apply { item, .. } = decide(items.get(item.as_str()), change, now) {
            items.insert(item.item.to_string(), *item);
        }
    }
    // When a row was written is the one thing that may depend on the order.
    for item in items.values_mut() {
        item.ingested_at = received();
    }
    items
}

fn names() -> Names {
    let mut names = Names::default();
    names.projects.insert("p1".to_owned(), "ONE".to_owned());
    let (project, name, group) = ("p1".to_owned(), "Doing".to_owned(), "started".to_owned());
    names.states.insert("s1".to_owned(), StateName { project, name, group });
    names.labels.insert("l1".to_owned(), LabelName { name: "bug".to_owned(), color: None });
    names
}

fn recorded_changes() -> Vec<Change> {
    let bodies = recorded();
    bodies.iter().map(|delivery| change(&delivery.body, 0)).collect()
}

fn change(body: &str, delivery: usize) -> Change {
    let event = parse(body.as_bytes()).unwrap();
    let at = received() + chrono::Duration::minutes(i64::try_from(delivery % 7).unwrap());
    normalize(&event, &names(), Some("acme"), Some("https://plane.example.com"), at).unwrap()
}

/// Few ids, few times, few words: so that they meet.
fn generated() -> impl Strategy<Value = Value> {
    let item = prop_oneof![Just("i1"), Just("i2"), Just("70169388-cbf7-4386-8a01-efcb5aa00b5b")];
    let project = prop_oneof![Just("p1"), Just("p2"), Just(PROJECT)];
    let minute = 44..48;
    let word = prop_oneof![Just("A"), Just("B"), Just("Ünï 🚀")];
    let verb = prop_oneof![3 => Just("created"), 5 => Just("updated"), 2 => Just("deleted")];
    let deleted = prop_oneof![4 => Just(None), 1 => (44..48).prop_map(Some)];
    (item, project, minute, word, verb, 0..5, deleted).prop_map(|(id, project, minute, word, verb, shape, deleted)| {
        let time = |minute: i32| format!("2026-11-22T00:{minute}:16.000001Z");
        let deleted_at = deleted.map(time);
        let updated_at = time(minute);
        match shape {
            0 => json!({"event": "issue", "action": verb, "data": {"id": id, "name": word, "project": project,
                "sequence_id": 1, "updated_at": updated_at, "deleted_at": deleted_at, "priority": "low",
                "state": {"id": "s9", "name": word, "group": "started"}, "labels": [], "assignees": []}}),
            1 => json!({"version": "v2", "event": format!("workitem.{verb}"), "event_id": "e", "entity_id": id,
                "data": {"id": id, "name": word, "project_id": project, "sequence_id": 1, "updated_at": updated_at,
                    "deleted_at": deleted_at, "state_id": "s1", "label_ids": ["l1", "l2"], "assignee_ids": ["u1"]}}),
            2 => json!({"event": format!("issue.{verb}"), "project": {"id": project},
                "issue": {"id": id, "name": word, "state": {"name": "Done"}, "url": "https://x/1",
                    "updated_at": updated_at, "assignees": [{"display_name": "ada"}]}}),
            3 => json!({"version": "v2", "event": "WORKITEM_DELETED", "entity_id": id, "data": {},
                "previous_attributes": {"id": id, "name": word, "project_id": project, "updated_at": updated_at,
                    "state_id": "s2", "deleted_at": deleted_at}}),
            _ => json!({"version": "v2", "event": "workitem.deleted", "entity_id": id, "project_id": project, "data": {}}),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_repetition_end_in_the_same_items(
        bodies in prop::collection::vec(generated(), 1..30),
        repeats in prop::collection::vec(any::<Index>(), 0..40),
        seeds in prop::collection::vec(any::<u64>(), 160),
    ) {
        let mut changes = recorded_changes();
        changes.extend(bodies.iter().enumerate().map(|(i, body)| change(&body.to_string(), i)));
        let expected = fold(&changes);
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.extend(repeats.iter().map(|at| at.index(changes.len())));
        let mut keyed: Vec<_> = order.into_iter().zip(seeds).collect();
        keyed.sort_by_key(|(_, seed)| *seed);
        let shuffled = fold(keyed.iter().map(|(i, _)| &changes[*i]));
        prop_assert_eq!(shuffled, expected);
    }
}

#[test]
fn the_recorded_deliveries_end_in_the_last_state_of_each_item() {
    let items = fold(&recorded_changes());
    let mut newest = BTreeMap::<String, (String, String)>::new();
    for delivery in recorded() {
        let json = delivery.json();
        if json["event"] == "issue" {
            let text = |name: &str| json["data"][name].as_str().unwrap().to_owned();
            let seen = newest.entry(format!("plane:{}", text("id"))).or_default();
            *seen = seen.clone().max((text("updated_at"), text("name")));
        }
    }
    let found = items.iter().map(|(id, item)| {
        let state = item.state.as_ref().unwrap();
        let updated_at = item.updated_at().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        (id.clone(), (updated_at, state.title.clone()))
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), newest);
}

#[test]
fn a_deleted_item_stays_deleted_whatever_comes_later() {
    let deleted = change(r#"{"event":"issue","action":"deleted","data":{"id":"7"}}"#, 0);
    let later = change(
        r#"{"event":"issue","action":"updated","data":{"id":"7","name":"T","updated_at":"2027-01-01T00:00:00Z"}}"#,
        0,
    );
    for order in [[&deleted, &later], [&later, &deleted]] {
        let items = fold(order);
        assert_eq!(items["plane:7"].status(), "deleted");
        assert_eq!(items["plane:7"].state.as_ref().unwrap().title, "T");
    }
}
