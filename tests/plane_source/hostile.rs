//! Signed, and still nonsense: a clear error or an item, never a crash.

use jetbridge::sources::Rejection;
use jetbridge::sources::plane::normalize::{Lookup, Names, Need, needs};
use jetbridge::sources::plane::payload::parse;
use jetbridge::work_items::{Change, Snapshot, StateGroup};
use serde_json::{Value, json};

use crate::fixtures::{PROJECT, deliver, permanent, read, read_with, received, recorded, time};

fn state(json: impl AsRef<[u8]>) -> Snapshot {
    match read(json) {
        Ok(Change::State(snapshot)) => *snapshot,
        other => panic!("expected a state, got {other:?}"),
    }
}

fn v1(data: &str) -> String {
    format!(r#"{{"event":"issue","action":"updated","data":{data}}}"#)
}

const WHOLE: &str = r#""id":"7","name":"T","updated_at":"2026-11-22T00:44:16Z","project":"p""#;

#[test]
fn half_a_surrogate_pair_and_nul_are_survived() {
    let body = v1(&format!(
        r#"{{{WHOLE},"name":"a\ud83d b\u0000","priority":"\u0000","\udead":"\udead"}}"#
    ));
    assert_eq!(deliver(body.clone()).unwrap().lane().unwrap().as_str(), "plane:issue:7");
    let item = state(&body);
    assert_eq!(item.title, "a\u{FFFD} b\u{FFFD}");
    assert_eq!(item.priority.as_deref(), Some("\u{FFFD}"));
}

#[test]
fn a_depth_bomb_is_json_like_any_other() {
    let bomb = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(200_000), "}".repeat(200_000));
    for bomb in [&bomb, &objects] {
        deliver(bomb.clone()).unwrap();
        let ignored = v1(&format!(r#"{{{WHOLE},"description_json":{bomb}}}"#));
        deliver(ignored.clone()).unwrap();
        assert_eq!(state(&ignored).title, "T");
    }
    for field in ["name", "state", "labels", "assignees", "project", "id", "updated_at"] {
        permanent(read(v1(&format!(r#"{{{WHOLE},"{field}":{bomb}}}"#))));
    }
    let open = "[".repeat(1_000_000);
    assert_eq!(deliver(open).unwrap_err(), Rejection::InvalidJson);
}

#[test]
fn huge_numbers_are_only_looked_at_where_a_number_belongs() {
    let huge = "9".repeat(10_000);
    let item = state(v1(&format!(r#"{{{WHOLE},"sort_order":1e999,"point":-1e-999,"x":{huge}}}"#)));
    assert_eq!(item.title, "T");
    for number in ["1e999", &huge, "-1", "1.5", "18446744073709551616"] {
        let reason = permanent(read(v1(&format!(r#"{{{WHOLE},"sequence_id":{number}}}"#))));
        assert!(reason.contains("data.sequence_id: expected a whole number"), "{reason}");
        assert!(reason.len() < 200, "the content is not quoted");
    }
    assert_eq!(
        state(v1(&format!(r#"{{{WHOLE},"id":98765432109876543210987}}"#))).external_id,
        "98765432109876543210987"
    );
}

#[test]
fn of_equal_names_the_last_counts_everywhere() {
    let item = state(v1(r#"{"id":"7","name":"A","name":"B","updated_at":"2026-11-22T00:44:16Z"}"#));
    assert_eq!(item.title, "B");
    let twice = r#"{"event":"project","event":"issue","action":"deleted","action":"updated","data":1,"data":{"id":"7","name":"T","updated_at":"2026-11-22T00:44:16Z"}}"#;
    assert_eq!(deliver(twice).unwrap().event_type(), "issue.updated");
    assert_eq!(state(twice).title, "T");
}

/// Replaces every value of the payload, one at a time, with one of every other type.
#[test]
fn a_wrong_type_anywhere_is_an_item_or_a_permanent_failure_that_names_the_place() {
    fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
        into.push(at.to_owned());
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(k, v)| pointers(v, &format!("{at}/{k}"), into));
            }
            Value::Array(list) => {
                list.iter().enumerate().for_each(|(i, v)| pointers(v, &format!("{at}/{i}"), into));
            }
            _ => {}
        }
    }
    let payload = recorded()[1].json();
    let mut places = Vec::new();
    pointers(&payload, "", &mut places);
    let wrong = [
        json!(null),
        json!(true),
        json!(-1.5),
        json!(7),
        json!(""),
        json!("x"),
        json!("None"),
        json!([]),
        json!({}),
        json!([[null, 1, "x", {}]]),
        json!({"id": {"id": []}}),
        json!("x".repeat(100_000)),
    ];
    let mut failures = 0;
    for place in &places {
        for value in &wrong {
            let mut payload = payload.clone();
            *payload.pointer_mut(place).unwrap() = value.clone();
            deliver(payload.to_string()).unwrap();
            match read(payload.to_string()) {
                Ok(_) => {}
                failed => {
                    let reason = permanent(failed);
                    assert!(reason.starts_with("unreadable payload: "), "{reason}");
                    assert!(reason.len() < 200, "{reason}");
                    failures += 1;
                }
            }
        }
    }
    assert!(failures > 100, "{failures}");
}

#[test]
fn what_is_json_and_no_work_item_fails_for_good_and_says_why() {
    for (body, part) in [
        ("[]", "expected an object with event and data"),
        ("7", "expected an object with event and data"),
        ("{}", "event is missing"),
        (r#"{"event":7}"#, "event: expected text, found a number"),
        (r#"{"event":"issue","action":"created"}"#, "data is missing"),
        (r#"{"event":"issue.created","issue":{}}"#, "issue.id is missing"),
        (
            r#"{"event":"issue","action":"created","data":[]}"#,
            "data: expected an object, found a list",
        ),
        (r#"{"event":"issue","action":"created","data":{"id":""}}"#, "data.id is missing"),
        (r#"{"event":"issue","action":"created","data":{"id":"7"}}"#, "data.name is missing"),
        (
            r#"{"event":"issue","action":"created","data":{"id":"7","name":"T"}}"#,
            "data.updated_at is missing",
        ),
        (
            r#"{"event":"issue","action":"created","data":{"id":"7","name":"T","updated_at":"yesterday"}}"#,
            "data.updated_at: expected an RFC 3339 time",
        ),
        (r#"{"event":"issue","action":"deleted","data":{}}"#, "data.id is missing"),
        (
            r#"{"event":"issue.created","issue":{"id":"7","assignees":[{}]}}"#,
            "issue.assignees[0]: expected an id or a display_name",
        ),
    ] {
        deliver(body).unwrap();
        let reason = permanent(read(body));
        assert!(reason.contains(part), "{body}: {reason}");
    }
    permanent(read(b"\xff"));
    permanent(read("{"));
}

#[test]
fn lists_of_any_length_take_no_memory() {
    let labels = vec![r#""l""#; 1001].join(",");
    let reason = permanent(read(v1(&format!(r#"{{{WHOLE},"labels":[{labels}]}}"#))));
    assert!(reason.contains("data.labels: expected a list of at most 1000 entries"), "{reason}");
}

#[test]
fn a_dangerous_url_is_not_kept() {
    for url in [
        "javascript:alert(1)",
        "ftp://x",
        "//x",
        "/i/1",
        "http:x",
        "https://x\\u0007",
        "https://x y",
        "é",
        "",
    ] {
        let body = format!(r#"{{"event":"issue.created","issue":{{{WHOLE},"url":"{url}"}}}}"#);
        let item = state(&body);
        assert_eq!(item.url, None, "{url}");
        assert!(item.missing[0].starts_with("key and url ("), "{:?}", item.missing);
    }
    for url in ["https://x/1", "HTTP://x"] {
        let body = format!(r#"{{"event":"issue.created","issue":{{{WHOLE},"url":"{url}"}}}}"#);
        assert_eq!(state(&body).url.as_deref(), Some(url));
    }
}

#[test]
fn the_text_none_is_null_but_in_a_title() {
    let body = r#"{"version":"v2","event":"workitem.created","event_id":"None","data":{"id":"7","name":"None",
        "state_id":"None","label_ids":"None","assignee_ids":"None","project_id":"None","priority":"None",
        "completed_at":"None","deleted_at":"None","updated_at":"2026-11-22T00:44:16+00:00"}}"#;
    let item = state(body);
    assert_eq!((item.title.as_str(), item.priority.as_deref()), ("None", None));
    assert_eq!(
        item.missing,
        [
            "project (not in the payload)",
            "key and url (the payload has no sequence_id)",
            "state (not in the payload)"
        ]
    );
}

#[test]
fn a_v2_item_without_names_is_kept_with_its_ids_and_says_what_is_missing() {
    let body = format!(
        r#"{{"version":"v2","event":"workitem.created","data":{{"id":"7","name":"T","sequence_id":3,"project_id":"{PROJECT}",
        "state_id":"s","label_ids":["l"],"assignee_ids":["u"],"priority":"low","updated_at":"2026-11-22T00:44:16Z"}}}}"#
    );
    let project = || PROJECT.to_owned();
    assert_eq!(
        needs(&parse(body.as_bytes()).unwrap()),
        [
            Need::Project { project: project() },
            Need::State { project: project(), id: "s".to_owned() },
            Need::Member { project: project(), id: "u".to_owned() },
            Need::Label { project: project(), id: "l".to_owned() },
        ]
    );
    let names = Names { lookup: Lookup::On, ..Names::default() };
    let Ok(Change::State(item)) = read_with(&body, &names) else { panic!() };
    assert_eq!((item.status, item.state_group), (None, None));
    assert_eq!((item.labels[0].name.as_str(), item.assignees[0].id.as_str()), ("l", "u"));
    let parts = ["key and url", "state name", "names of assignees", "names of labels"];
    assert_eq!(item.missing, parts.map(|part| format!("{part} (Plane's API did not say)")));
}

#[test]
fn an_unknown_group_is_looked_up_by_the_state_and_triage_is_backlog() {
    let group = |state: &str| state_group(&v1(&format!(r#"{{{WHOLE},"state":{state}}}"#)));
    assert_eq!(group(r#"{"id":"s","name":"In","group":"triage"}"#), Some(StateGroup::Backlog));
    assert_eq!(group(r#"{"id":"s","name":"Done","group":"novel"}"#), Some(StateGroup::Completed));
    assert_eq!(group(r#"{"id":"s","name":"Odd","group":"novel"}"#), None);
    assert_eq!(group(r#""In Progress""#), Some(StateGroup::Started));
}

fn state_group(body: &str) -> Option<StateGroup> {
    state(body).state_group
}

#[test]
fn a_deletion_needs_no_more_than_an_id() {
    let gone = |body: &str| match read(body) {
        Ok(Change::Gone(tombstone, last)) => (tombstone, last),
        other => panic!("{other:?}"),
    };
    let (bare, last) = gone(r#"{"event":"issue","action":"deleted","data":{"id":"7"}}"#);
    assert_eq!((bare.item.as_str(), bare.at, last), ("plane:7", received(), None));
    let (bare, _) = gone(
        r#"{"version":"v2","event":"workitem.deleted","entity_id":"7","project_id":"p","data":{}}"#,
    );
    assert_eq!((bare.item.as_str(), bare.project_ref.as_deref()), ("plane:7", Some("p")));
    let (whole, last) = gone(
        r#"{"version":"v2","event":"workitem.deleted","data":{},"previous_attributes":{"id":"7","name":"T","project_id":"p",
        "state_id":"s","updated_at":"2026-11-22T00:44:16Z","deleted_at":"None"}}"#,
    );
    assert_eq!(whole.at, time("2026-11-22T00:44:16Z"));
    assert_eq!(last.unwrap().title, "T");
    let (late, last) = gone(&v1(&format!(
        r#"{{{WHOLE},"deleted_at":"2026-11-23T00:00:00Z","state":{{"id":"s"}}}}"#
    )));
    assert_eq!((late.at, last.is_some()), (time("2026-11-23T00:00:00Z"), true));
}
