//! `ssot/sources/github/work_items.yaml` is the code's contract, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use jetbridge::config::GithubHost;
use jetbridge::sources::github::normalize::{normalize, sync_label};
use jetbridge::sources::github::payload::parse;
use jetbridge::sources::github::{ENDPOINT, EVENTS, verify};
use jetbridge::sync::labels::Happened;
use jetbridge::work_items::Change;
use serde::Deserialize;
use serde_json::{Value, json};

const TEXT: &str = include_str!("../../ssot/sources/github/work_items.yaml");

#[derive(Deserialize)]
struct Contract {
    source: String,
    request: Value,
    events: BTreeMap<String, Listed>,
}

#[derive(Deserialize)]
struct Listed {
    actions: BTreeMap<String, String>,
    columns: BTreeMap<String, BTreeSet<String>>,
}

fn contract() -> Contract {
    serde_yaml_ng::from_str(TEXT).unwrap()
}

fn person(id: u64) -> Value {
    json!({"id": id, "login": format!("user-{id}")})
}

fn sample(event: &str) -> Value {
    let thing = json!({
        "id": 7, "number": 12, "title": "T", "body": "B", "state": "closed", "state_reason": "completed",
        "labels": [{"name": "bug", "color": "d73a4a"}], "assignees": [person(1), person(2)], "user": person(3),
        "html_url": "https://github.com/o/n/issues/12", "created_at": "2026-11-22T00:00:00Z",
        "updated_at": "2026-11-22T01:00:00Z", "closed_at": "2026-11-22T01:00:00Z"
    });
    let mut payload = json!({"action": "edited", "repository": {"id": 5, "full_name": "o/n"}});
    match event {
        "pull_request" => {
            payload["pull_request"] = thing;
            payload["pull_request"]["merged"] = json!(true);
            payload["pull_request"]["head"] = json!({"ref": "a-branch"});
            payload["pull_request"].as_object_mut().unwrap().remove("state_reason");
        }
        "pull_request_review" => {
            payload["pull_request"] = thing;
            payload["pull_request"]["state"] = json!("open");
            payload["pull_request"]["head"] = json!({"ref": "a-branch"});
            payload["pull_request"].as_object_mut().unwrap().remove("state_reason");
            payload["review"] = json!({
                "id": 80, "user": person(4), "state": "approved", "submitted_at": "2026-11-22T01:00:00Z"
            });
        }
        "label" => {
            payload["label"] = json!({"id": 90, "name": "bug", "color": "d73a4a"});
            payload["changes"] = json!({"name": {"from": "b"}, "color": {"from": "cb1f00"}});
        }
        "issue_comment" => {
            // What it says of the issue is what `issues` says.
            payload["issue"] = thing;
            payload["comment"] = json!({
                "id": 70, "body": "C", "user": person(3), "html_url": "https://github.com/o/n/issues/12#issuecomment-70",
                "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T01:00:00Z"
            });
        }
        "milestone" => {
            payload["milestone"] = json!({
                "id": 90, "number": 2, "title": "v1", "description": "D", "due_on": "2026-12-24T08:00:00Z",
                "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T01:00:00Z"
            });
        }
        "sub_issues" => {
            payload["parent_issue"] = thing.clone();
            payload["sub_issue"] = thing;
        }
        _ => payload["issue"] = thing,
    }
    payload
}

/// Every column that the payload fills.
fn columns(event: &str, payload: &Value) -> BTreeMap<&'static str, Value> {
    let parsed = parse(&GithubHost::default(), event, payload.to_string().as_bytes()).unwrap();
    if let Some(step) = sync_label(&parsed) {
        return BTreeMap::from([
            ("step.id", json!(step.id)),
            ("step.name", json!(step.face.name)),
            ("step.color", json!(step.face.color)),
            ("step.name_from", json!(step.name_from)),
            ("step.color_from", json!(step.color_from)),
        ]);
    }
    let told = normalize(&parsed).unwrap();
    let s = match &told.item {
        Change::State(s) => s,
        Change::Nothing { .. } => return BTreeMap::new(),
        other @ Change::Gone(..) => panic!("{other:?}"),
    };
    let mut columns = BTreeMap::from([
        ("work_item_ref", json!(s.item)),
        ("external_id", json!(s.external_id)),
        ("project_ref", json!(s.project_ref)),
        ("title", json!(s.title)),
        ("status", json!(s.status)),
        ("assignee", json!(s.assignees.first())["name"].clone()),
        ("url", json!(s.url)),
        ("updated_at", json!(s.updated_at)),
        ("key", json!(s.key)),
        ("kind", json!(s.kind)),
        ("state_group", json!(s.state_group)),
        ("labels", json!(s.labels)),
        ("assignees", json!(s.assignees)),
        ("priority", json!(s.priority)),
        ("created_at", json!(s.created_at)),
        ("completed_at", json!(s.completed_at)),
        ("description", json!(s.description.as_ref().map(|d| &d.text))),
        ("pull.standing", json!(s.pull_standing())),
        ("pull.branch", json!(s.pull.course.as_ref().and_then(|course| course.branch.as_deref()))),
    ]);
    if let Some(change) = &told.comment {
        let said = &change.said;
        columns.extend([
            ("comment_ref", json!(said.comment)),
            ("comment.external_id", json!(said.external_id)),
            ("comment.body", json!(said.text.text)),
            ("comment.author", json!(said.author)),
            ("comment.url", json!(said.url)),
            ("comment.created_at", json!(said.created_at)),
            ("comment.updated_at", json!(said.updated_at)),
        ]);
    }
    columns
}

/// Every leaf of the payload: its path in the contract's words, and its JSON pointer.
fn leaves(value: &Value, path: &str, pointer: &str, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            leaves(value, &path, &format!("{pointer}/{name}"), into);
        }),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, value)| {
            leaves(value, &format!("{path}[{i}]"), &format!("{pointer}/{i}"), into);
        }),
        _ => into.push((path.to_owned(), pointer.to_owned())),
    }
}

/// Another value of the same kind.
fn another(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_u64().unwrap() + 1),
        Value::Bool(b) => json!(!b),
        Value::String(text) if text == "closed" => json!("open"),
        Value::String(text) if text == "completed" => json!("not_planned"),
        Value::String(text) if text == "d73a4a" => json!("00ff00"),
        Value::String(text) if text.starts_with("2026-") => json!("2026-12-01T00:00:00Z"),
        Value::String(text) => json!(format!("{text}x")),
        other => panic!("no leaf: {other}"),
    }
}

#[test]
fn each_field_changes_exactly_the_columns_that_the_contract_lists() {
    for (event, listed) in contract().events {
        let payload = sample(&event);
        let before = columns(&event, &payload);
        let mut fields = Vec::new();
        leaves(&payload, "", "", &mut fields);
        let of_comment = event == "issue_comment";
        fields
            .retain(|(path, _)| path != "action" && (!of_comment || path.starts_with("comment.")));
        for (path, pointer) in &fields {
            let mut changed = payload.clone();
            let leaf = changed.pointer_mut(pointer).unwrap();
            *leaf = another(leaf);
            let after = columns(&event, &changed);
            let differ = before.keys().filter(|c| before[**c] != after[**c]);
            let differ: BTreeSet<String> = differ.map(|c| (*c).to_owned()).collect();
            let expected = listed.columns.get(path).cloned().unwrap_or_default();
            assert_eq!(differ, expected, "{event}: {path}");
        }
        let known: BTreeSet<_> = fields.into_iter().map(|(path, _)| path).collect();
        for path in listed.columns.keys() {
            assert!(known.contains(path), "{event}: no sample has {path}");
        }
    }
}

#[test]
fn every_action_does_what_the_contract_says() {
    let actions = [
        "opened",
        "edited",
        "closed",
        "reopened",
        "deleted",
        "transferred",
        "assigned",
        "unassigned",
        "labeled",
        "unlabeled",
        "milestoned",
        "demilestoned",
        "locked",
        "unlocked",
        "pinned",
        "unpinned",
        "typed",
        "untyped",
        "created",
        "synchronize",
        "something new",
    ];
    for (event, listed) in contract().events {
        for action in actions {
            let mut payload = sample(&event);
            payload["action"] = json!(action);
            let parsed =
                parse(&GithubHost::default(), &event, payload.to_string().as_bytes()).unwrap();
            let expected = listed.actions.get(action).unwrap_or(&listed.actions["*"]);
            if let Some(step) = sync_label(&parsed) {
                let word = match step.happened {
                    Happened::Created => "create",
                    Happened::Edited => "edit",
                    Happened::Deleted => "delete",
                };
                assert_eq!(expected, word, "{event} {action}");
                continue;
            }
            let told = normalize(&parsed).unwrap();
            let does = match (&told.item, &told.comment) {
                (_, Some(comment)) if comment.gone_at.is_some() => "delete",
                (Change::Gone(..), None) => "delete",
                (Change::Nothing { .. }, None) => "beside",
                _ => "upsert",
            };
            assert_eq!(expected, does, "{event} {action}");
        }
    }
}

#[test]
fn the_request_is_proved_as_the_contract_says() {
    let Contract { source, request, events } = contract();
    assert_eq!(source, jetbridge::sources::Source::Github.as_str());
    assert_eq!(request["endpoint"], ENDPOINT);
    assert_eq!(request["signature"]["header"], verify::SIGNATURE_HEADER);
    assert_eq!(request["signature"]["format"], verify::SIGNATURE_PREFIX);
    assert_eq!(request["dedupe"]["header"], verify::DELIVERY_HEADER);
    assert_eq!(request["event"]["header"], verify::EVENT_HEADER);
    assert_eq!(request["server"]["header"], verify::HOST_HEADER);
    let listed: BTreeSet<_> = events.keys().map(String::as_str).collect();
    assert_eq!(listed, BTreeSet::from(EVENTS));
}
