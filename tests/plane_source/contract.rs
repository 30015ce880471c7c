//! `ssot/sources/plane/work_items.yaml` and the code say the same, in both directions.

use std::collections::{BTreeMap, BTreeSet};

use jetbridge::sources::plane::normalize::{LabelName, Names, StateName};
use jetbridge::sources::plane::{ENDPOINT, verify};
use jetbridge::work_items::{Change, Decision, decide};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fixtures::{deliver, read_with, received, recorded, sign};

#[derive(Deserialize)]
struct Contract {
    source: String,
    request: Value,
    dialects: BTreeMap<String, Dialect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialect {
    event_id: Option<String>,
    events: Vec<Listed>,
    columns: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Listed {
    event: String,
    action: Option<String>,
    does: String,
}

fn contract() -> Contract {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ssot/sources/plane/work_items.yaml");
    serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const PROJECTS: [&str; 2] =
    ["00000000-0000-4000-8000-0000000000a1", "00000000-0000-4000-8000-0000000000ff"];
/// What every id is changed to.
const OTHER: &str = PROJECTS[1];

/// A payload of the dialect in which every field that is mapped says something, and others too.
fn sample(dialect: &str) -> Value {
    let person =
        |id: &str, name: &str| json!({"id": id, "display_name": name, "email": "a@example.com"});
    let times = json!({"created_at": "2026-11-22T00:44:16Z", "updated_at": "2026-11-22T00:44:17.06727Z",
        "completed_at": "2026-11-22T00:44:18Z"});
    let mut payload = match dialect {
        "v1" => {
            json!({"event": "issue", "action": "updated", "webhook_id": "w", "workspace_id": "ws",
            "activity": {"field": "state", "actor": {"id": "u9", "display_name": "eve"}},
            "data": {"id": "i1", "name": "Title", "sequence_id": 12, "project": PROJECTS[0], "priority": "high",
                "state": {"id": "s1", "name": "Todo", "group": "unstarted", "color": "#000000"},
                "labels": [{"id": "l1", "name": "bug", "color": "#ff0000"}],
                "assignees": [person("u1", "ada"), person("u2", "grace")],
                "workspace": "ws", "parent": null, "archived_at": null, "description_html": "<p></p>"}})
        }
        "v2" => {
            json!({"version": "v2", "event": "workitem.updated", "event_id": "e1", "delivery_id": "d1",
            "entity_id": "i1", "entity_type": "workitem", "webhook_id": "w", "workspace_id": "ws",
            "previous_attributes": {"name": "Old"},
            "data": {"id": "i1", "name": "Title", "sequence_id": 12, "project_id": PROJECTS[0],
                "priority": "high", "state_id": "00000000-0000-4000-8000-0000000000b1",
                "label_ids": ["00000000-0000-4000-8000-0000000000c1"],
                "assignee_ids": ["00000000-0000-4000-8000-0000000000d1", "00000000-0000-4000-8000-0000000000d2"],
                "created_by_id": "00000000-0000-4000-8000-0000000000d1", "parent_id": "None"}})
        }
        "contract" => json!({"event": "issue.updated", "project": {"id": PROJECTS[0], "name": "P"},
            "issue": {"id": "i1", "name": "Title", "state": {"name": "Todo"},
                "assignees": [{"display_name": "ada"}, {"display_name": "grace"}],
                "url": "https://plane.example.com/i1", "updated_at": "2026-11-22T00:44:17.06727Z"}}),
        other => panic!("unknown dialect {other}"),
    };
    if dialect != "contract" {
        let data = payload["data"].as_object_mut().unwrap();
        data.extend(times.as_object().unwrap().clone());
        data.insert("deleted_at".to_owned(), Value::Null);
    }
    payload
}

/// Names of both values of every id in the samples.
fn names() -> Names {
    let mut names = Names::default();
    names.projects.extend([
        (PROJECTS[0].to_owned(), "AAA".to_owned()),
        (PROJECTS[1].to_owned(), "ZZZ".to_owned()),
    ]);
    for (id, name, group) in [("b1", "Todo", "unstarted"), ("ff", "Review", "started")] {
        let (project, name, group) = (PROJECTS[0].to_owned(), name.to_owned(), group.to_owned());
        let id = format!("00000000-0000-4000-8000-0000000000{id}");
        names.states.insert(id, StateName { project, name, group });
    }
    for (id, name) in [("c1", "bug"), ("ff", "chore")] {
        let label = LabelName { name: name.to_owned(), color: None };
        names.labels.insert(format!("00000000-0000-4000-8000-0000000000{id}"), label);
    }
    for (id, name) in [("d1", "ada"), ("d2", "grace"), ("ff", "gus")] {
        names.members.insert(format!("00000000-0000-4000-8000-0000000000{id}"), name.to_owned());
    }
    names
}

/// The columns of `ops.work_items` that a payload gives, signed and read as a request would be.
fn columns(payload: &Value) -> BTreeMap<&'static str, Value> {
    deliver(payload.to_string()).unwrap();
    let change = read_with(payload.to_string(), &names()).unwrap();
    let Decision::Apply { item, .. } = decide(None, &change, received()) else {
        panic!("{payload}")
    };
    let state = item.state.as_ref().unwrap();
    BTreeMap::from([
        ("work_item_ref", json!(item.item)),
        ("system", json!(item.system)),
        ("external_id", json!(item.external_id)),
        ("project_ref", json!(item.project_ref)),
        ("title", json!(state.title)),
        ("status", json!(item.status())),
        ("assignee", json!(state.assignees.first().map(|a| &a.name))),
        ("url", json!(state.url)),
        ("updated_at", json!(item.updated_at())),
        ("key", json!(state.key)),
        ("kind", json!(state.kind)),
        ("state_group", json!(state.state_group)),
        ("labels", json!(state.labels)),
        ("assignees", json!(state.assignees)),
        ("priority", json!(state.priority)),
        ("created_at", json!(state.created_at)),
        ("completed_at", json!(state.completed_at)),
        ("deleted_at", json!(item.deleted_at)),
    ])
}

/// Every value that is neither object nor list, by its path.
fn leaves(value: &Value, path: &str, pointer: &str, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                leaves(value, &path, &format!("{pointer}/{name}"), into);
            }
        }
        Value::Array(entries) => {
            for (i, value) in entries.iter().enumerate() {
                leaves(value, &format!("{path}[{i}]"), &format!("{pointer}/{i}"), into);
            }
        }
        _ => into.push((path.to_owned(), pointer.to_owned())),
    }
}

/// Another value of the same kind.
fn another(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_u64().unwrap() + 1),
        Value::String(text) if text == "unstarted" => json!("completed"),
        Value::String(text) if text == "Todo" => json!("In Progress"),
        Value::String(text) if text.parse::<uuid::Uuid>().is_ok() => json!(OTHER),
        Value::String(text) if text.starts_with("2026-") => json!("2026-12-01T00:00:00Z"),
        Value::String(text) if text == "None" => json!(OTHER),
        Value::String(text) => json!(format!("{text}x")),
        Value::Null => json!("2026-12-02T00:00:00Z"),
        other => panic!("no leaf: {other}"),
    }
}

#[test]
fn each_field_changes_exactly_the_columns_that_the_contract_lists() {
    for (dialect, listed) in contract().dialects {
        let payload = sample(&dialect);
        let before = columns(&payload);
        let mut fields = Vec::new();
        leaves(&payload, "", "", &mut fields);
        fields.retain(|(path, _)| path != "event" && path != "action");
        for (path, pointer) in &fields {
            let mut changed = payload.clone();
            let leaf = changed.pointer_mut(pointer).unwrap();
            *leaf = another(leaf);
            let after = columns(&changed);
            let differ =
                before.keys().filter(|c| before[**c] != after[**c]).map(|c| (*c).to_owned());
            let expected = listed.columns.get(path).cloned().unwrap_or_default();
            assert_eq!(differ.collect::<BTreeSet<_>>(), expected, "{dialect}: {path}");
        }
        let known: BTreeSet<_> = fields.into_iter().map(|(path, _)| path).collect();
        for path in listed.columns.keys() {
            assert!(known.contains(path), "{dialect}: no sample has {path}");
        }
    }
}

/// What the code does with an event of the dialect.
fn does(dialect: &str, event: &str, action: Option<&str>) -> &'static str {
    let mut payload = sample(dialect);
    payload["event"] = json!(event);
    payload.as_object_mut().unwrap().remove("action");
    if let Some(action) = action {
        payload["action"] = json!(action);
    }
    match read_with(payload.to_string(), &names()).unwrap() {
        Change::State(_) => "upsert",
        Change::Gone(..) => "delete",
        Change::Nothing { reason } => {
            assert!(reason.starts_with("ignored: "), "{reason}");
            "ignore"
        }
    }
}

#[test]
fn every_listed_event_does_what_the_contract_says() {
    for (dialect, listed) in contract().dialects {
        assert!(!listed.events.is_empty());
        for Listed { event, action, does: expected } in &listed.events {
            assert_eq!(
                does(&dialect, event, action.as_deref()),
                expected,
                "{dialect}: {event} {action:?}"
            );
        }
    }
}

#[test]
fn an_event_that_is_not_listed_is_ignored() {
    let subjects = [
        "issue",
        "workitem",
        "issue_comment",
        "workitem.comment",
        "workitem.link",
        "project",
        "cycle",
        "cycle_issue",
        "module",
        "module_issue",
        "intake_issue",
        "user",
        "page",
    ];
    let verbs = [
        "created",
        "updated",
        "deleted",
        "archived",
        "unarchived",
        "restored",
        "commented",
        "create",
        "",
    ];
    for (dialect, listed) in contract().dialects {
        for subject in subjects {
            for verb in verbs {
                let split = dialect == "v1";
                let event = if split || verb.is_empty() {
                    subject.to_owned()
                } else {
                    format!("{subject}.{verb}")
                };
                let action = (split && !verb.is_empty()).then_some(verb);
                // Which dialect an item's words belong to is no business of the reader's.
                let words = (subject.replace("workitem", "issue"), verb);
                let is_listed = listed.events.iter().any(|l| {
                    let whole = [Some(l.event.as_str()), l.action.as_deref()]
                        .into_iter()
                        .flatten()
                        .collect::<Vec<_>>()
                        .join(".");
                    whole.replace("workitem", "issue") == format!("{}.{}", words.0, words.1)
                });
                let done = does(&dialect, &event, action);
                assert_eq!(done != "ignore", is_listed, "{dialect}: {event} {action:?} → {done}");
            }
        }
    }
}

#[test]
fn the_request_is_proved_as_the_contract_says() {
    let Contract { source, request, dialects } = contract();
    assert_eq!(source, jetbridge::sources::Source::Plane.as_str());
    assert_eq!(request["method"], "POST");
    assert_eq!(request["endpoint"], ENDPOINT);
    assert_eq!(request["signature"]["header"], verify::SIGNATURE_HEADER);
    assert_eq!(request["dedupe"]["header"], verify::DELIVERY_HEADER);
    assert_eq!(request["event"]["header"], verify::EVENT_HEADER);
    assert_eq!(request["signature"]["algorithm"], "hmac-sha256");
    assert_eq!(request["signature"]["format"], "lower-case hex");
    let delivery = &recorded()[0];
    assert_eq!(delivery.raw().signature.unwrap(), sign(&delivery.secret, delivery.body.as_bytes()));
    for (dialect, listed) in dialects {
        let verified = deliver(sample(&dialect).to_string()).unwrap();
        let expected =
            listed.event_id.map(|field| sample(&dialect)[field].as_str().unwrap().to_owned());
        assert_eq!(verified.event_id().map(ToString::to_string), expected, "{dialect}");
    }
}
