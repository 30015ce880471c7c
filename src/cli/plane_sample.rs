//! Sample webhooks in the shapes that Plane sends, of an invented project with Plane's own first
//! states. Only ids, times, title and state differ from one to the next.

use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::{PlaneEvent, SampleState};
use crate::clients::webhook_sender::PlaneWebhook;
use crate::clock::Timestamp;
use crate::ids::DeliveryId;

const WEBHOOK: &str = "3f0c7a52-5b1e-4d0e-9a44-0f6a1d1f0001";
const WORKSPACE: &str = "3f0c7a52-5b1e-4d0e-9a44-0f6a1d1f0002";
const PROJECT: &str = "3f0c7a52-5b1e-4d0e-9a44-0f6a1d1f0003";
const LABEL: &str = "3f0c7a52-5b1e-4d0e-9a44-0f6a1d1f0004";
const USER: &str = "3f0c7a52-5b1e-4d0e-9a44-0f6a1d1f0005";

/// What the sample tells of.
pub(super) struct Story<'a> {
    /// What happened.
    pub(super) event: PlaneEvent,
    /// To which work item.
    pub(super) id: Uuid,
    /// Its title.
    pub(super) title: &'a str,
    /// Its state.
    pub(super) state: SampleState,
}

/// The webhook that tells the story, as of `now`, with a delivery id of its own.
pub(super) fn webhook(story: &Story<'_>, now: Timestamp) -> PlaneWebhook {
    let (header, body) = match story.event {
        PlaneEvent::IssueCreated => ("issue", envelope("issue", "created", &issue(story, now))),
        PlaneEvent::IssueUpdated => ("issue", envelope("issue", "updated", &issue(story, now))),
        PlaneEvent::IssueDeleted => ("issue.deleted", deleted(story, now)),
        PlaneEvent::CommentCreated => {
            ("issue_comment", envelope("issue_comment", "created", &comment(story, now)))
        }
    };
    PlaneWebhook {
        delivery_id: DeliveryId::new(Uuid::new_v4().to_string()),
        event: header,
        body: body.to_string().into_bytes(),
    }
}

fn envelope(event: &str, action: &str, data: &Value) -> Value {
    json!({
        "event": event,
        "action": action,
        "webhook_id": WEBHOOK,
        "workspace_id": WORKSPACE,
        "data": data,
        "activity": {
            "field": if action == "updated" { json!("state") } else { Value::Null },
            "new_value": null,
            "old_value": null,
            "actor": person(),
            "old_identifier": null,
            "new_identifier": null,
        },
    })
}

/// The number after the project's identifier, the same at every event of an item.
fn sequence(id: Uuid) -> u32 {
    let bytes = id.as_bytes();
    1 + u32::from(u16::from_be_bytes([bytes[0], bytes[1]]))
}

fn issue(story: &Story<'_>, now: Timestamp) -> Value {
    let done = story.state == SampleState::Done;
    json!({
        "id": story.id.to_string(),
        "labels": [{ "id": LABEL, "name": "bug", "color": "#d73a4a" }],
        "assignees": [person()],
        "state": state(story.state),
        "description": {},
        "created_at": time(now),
        "updated_at": time(now),
        "deleted_at": null,
        "point": null,
        "name": story.title,
        "description_json": {},
        "description_html": "<p>Sent by <code>jetbridge send plane</code>.</p>",
        "description_stripped": "Sent by jetbridge send plane.",
        "description_binary": null,
        "priority": "medium",
        "start_date": null,
        "target_date": null,
        "sequence_id": sequence(story.id),
        "sort_order": 65535.0,
        "completed_at": if done { json!(time(now)) } else { Value::Null },
        "archived_at": null,
        "is_draft": false,
        "external_source": null,
        "external_id": null,
        "created_by": USER,
        "updated_by": null,
        "project": PROJECT,
        "workspace": WORKSPACE,
        "parent": null,
        "estimate_point": null,
        "type": null,
    })
}

/// Plane itself sends nothing when an item is deleted; this is the contract's own shape.
fn deleted(story: &Story<'_>, now: Timestamp) -> Value {
    json!({
        "event": "issue.deleted",
        "event_id": Uuid::new_v4().to_string(),
        "issue": {
            "id": story.id.to_string(),
            "name": story.title,
            "sequence_id": sequence(story.id),
            "deleted_at": time(now),
        },
        "project": { "id": PROJECT, "identifier": "SAMPLE", "name": "Sample" },
        "workspace_id": WORKSPACE,
    })
}

fn comment(story: &Story<'_>, now: Timestamp) -> Value {
    json!({
        "id": Uuid::new_v4().to_string(),
        "created_at": time(now),
        "updated_at": time(now),
        "deleted_at": null,
        "comment_html": "<p>A comment by <code>jetbridge send plane</code>.</p>",
        "attachments": [],
        "access": "INTERNAL",
        "external_source": null,
        "external_id": null,
        "edited_at": null,
        "created_by": USER,
        "updated_by": null,
        "project": PROJECT,
        "workspace": WORKSPACE,
        "description": Uuid::new_v4().to_string(),
        "issue": story.id.to_string(),
        "actor": USER,
        "parent": null,
    })
}

fn person() -> Value {
    json!({
        "id": USER,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "avatar": "",
        "avatar_url": null,
        "display_name": "ada",
    })
}

fn state(state: SampleState) -> Value {
    let (number, name, color, group) = match state {
        SampleState::Backlog => (1, "Backlog", "#60646C", "backlog"),
        SampleState::Todo => (2, "Todo", "#60646C", "unstarted"),
        SampleState::InProgress => (3, "In Progress", "#F59E0B", "started"),
        SampleState::Done => (4, "Done", "#46A758", "completed"),
        SampleState::Cancelled => (5, "Cancelled", "#9AA4BC", "cancelled"),
    };
    let id = format!("3f0c7a52-5b1e-4d0e-9a44-0f6a1d1f001{number}");
    json!({ "id": id, "name": name, "color": color, "group": group })
}

fn time(now: Timestamp) -> String {
    now.format("%FT%T%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sample(event: PlaneEvent) -> (PlaneWebhook, Value) {
        let story =
            Story { event, id: Uuid::from_u128(7), title: "naïve 🚀", state: SampleState::Done };
        let webhook = webhook(&story, "2026-11-22T00:44:16Z".parse().unwrap());
        let body = serde_json::from_slice(&webhook.body).unwrap();
        (webhook, body)
    }

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    fn recorded(text: &str) -> Value {
        let recorded: Value = serde_json::from_str(text).unwrap();
        serde_json::from_str(recorded["body"].as_str().unwrap()).unwrap()
    }

    #[test]
    fn samples_have_the_keys_of_recorded_deliveries() {
        let issue = include_str!("../../tests/fixtures/plane/deliveries/002-issue-created.json");
        let comment =
            include_str!("../../tests/fixtures/plane/deliveries/025-issue_comment-created.json");
        for (event, text) in
            [(PlaneEvent::IssueCreated, issue), (PlaneEvent::CommentCreated, comment)]
        {
            let (recorded, (_, ours)) = (recorded(text), sample(event));
            assert_eq!(keys(&ours), keys(&recorded));
            assert_eq!(keys(&ours["data"]), keys(&recorded["data"]));
            assert_eq!(keys(&ours["activity"]), keys(&recorded["activity"]));
            for list in ["assignees", "labels"] {
                if recorded["data"][list].is_array() {
                    assert_eq!(keys(&ours["data"][list][0]), keys(&recorded["data"][list][0]));
                }
            }
        }
    }

    #[test]
    fn every_run_is_a_delivery_of_its_own() {
        for event in [PlaneEvent::IssueUpdated, PlaneEvent::IssueDeleted] {
            assert_ne!(sample(event).0.delivery_id, sample(event).0.delivery_id);
        }
    }

    #[test]
    fn a_finished_item_says_when() {
        let (_, body) = sample(PlaneEvent::IssueUpdated);
        assert_eq!(body["data"]["completed_at"], "2026-11-22T00:44:16.000000Z");
        assert_eq!(body["data"]["state"]["group"], "completed");
    }
}
