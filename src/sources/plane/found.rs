//! What Plane's REST API answered, as a delivery: the work item as it was given, with its state,
//! labels, people and project written out, in the envelope of Plane's own webhook.
//!
//! The id is made of what was found and not of who found it or when, so the same finding twice is
//! one delivery. Whoever calls this got the answer with our own key: nothing that came from outside
//! takes this way. Deliberately absent: whether it is worth a delivery.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::ids::Lane;
use crate::sources::github::found::found_id;
use crate::sources::{BodyHash, Encoding, Origin, Source, Verified};

/// Who asked, and when.
#[derive(Debug, Clone, Copy)]
pub struct Finding {
    /// Who asked.
    pub origin: Origin,
    /// When Plane answered.
    pub at: Timestamp,
}

#[derive(Serialize)]
struct Envelope<'a> {
    event: &'static str,
    action: &'static str,
    data: &'a RawValue,
    found_at: Timestamp,
}

impl Finding {
    /// A work item as it is now.
    pub fn item(&self, id: &str, item: &RawValue) -> Verified {
        self.delivery("updated", id, item)
    }

    /// A work item that is gone.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn gone_item(&self, id: &str, project: &str) -> serde_json::Result<Verified> {
        let data: Value = json!({"id": id, "project": project});
        Ok(self.delivery("deleted", id, &serde_json::value::to_raw_value(&data)?))
    }

    fn delivery(&self, action: &'static str, id: &str, data: &RawValue) -> Verified {
        let delivery_id = found_id(["plane", action, data.get()]);
        let envelope = Envelope { event: "issue", action, data, found_at: self.at };
        let body = Bytes::from(serde_json::to_vec(&envelope).unwrap_or_default());
        Verified {
            source: Source::Plane,
            delivery_id,
            event_id: None,
            event_type: format!("issue.{action}"),
            action: None,
            lane: Some(Lane::new(format!("plane:issue:{id}"))),
            repository: None,
            repository_sync: None,
            encoding: Encoding::Json,
            body_hash: BodyHash::of(&body),
            body,
            origin: self.origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::plane::normalize::{Names, needs, normalize};
    use crate::sources::plane::payload::parse;
    use crate::work_items::Change;

    const ID: &str = "70169388-cbf7-4386-8a01-efcb5aa00b5b";
    const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";

    fn finding() -> Finding {
        Finding { origin: Origin::Reconcile, at: "2026-11-22T02:00:00Z".parse().unwrap() }
    }

    fn told(delivery: &Verified) -> Change {
        let event = parse(delivery.body()).unwrap();
        assert_eq!(needs(&event), []);
        let at = "2026-11-22T02:00:05Z".parse().unwrap();
        normalize(&event, &Names::default(), Some("acme"), Some("https://p"), at).unwrap()
    }

    #[test]
    fn an_item_with_everything_written_out_needs_no_names_and_counts_as_asked_for() {
        let data = json!({
            "id": ID, "name": "One", "description_html": "<p>text</p>", "priority": "none",
            "sequence_id": 4, "updated_at": "2026-11-22T06:44:16.030372+05:30",
            "state": {"id": "70cbefff-b834-4801-8b2d-c670eee5a161", "name": "Done", "group": "completed"},
            "labels": [{"id": "1677995f-d40b-4f06-9f2c-3149403a3f21", "name": "bug", "color": "#d73a4a"}],
            "assignees": [{"id": "557968f7-4009-451b-8478-6f04d7748ad1", "display_name": "ada"}],
            "project": {"id": PROJECT, "identifier": "SYNC", "name": "Sync Target"},
        });
        let found = finding().item(ID, &serde_json::value::to_raw_value(&data).unwrap());
        let Change::State(snapshot) = told(&found) else { panic!("it is there") };
        assert_eq!(snapshot.key.as_deref(), Some("SYNC-4"));
        assert_eq!(snapshot.status.as_deref(), Some("Done"));
        assert_eq!(snapshot.missing, Vec::<String>::new());
        assert_eq!(snapshot.asked_at, Some(finding().at));
    }

    #[test]
    fn a_gone_item_leaves_a_tombstone() {
        let gone = finding().gone_item(ID, PROJECT).unwrap();
        let Change::Gone(tombstone, None) = told(&gone) else { panic!("it is gone") };
        assert_eq!(tombstone.item.as_str(), format!("plane:{ID}"));
        assert_eq!(tombstone.project_ref.as_deref(), Some(PROJECT));
    }
}
