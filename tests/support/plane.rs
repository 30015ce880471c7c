//! Deliveries as Plane sends them: recorded ones, and new ones made from a recorded shape.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// The secret of all deliveries made here.
pub const SECRET: &str = "plane_wh_0123456789abcdef0123456789abcdef";

/// One signed request.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: String,
    pub signature: String,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Delivery {
    /// Signs `body` under a new delivery id.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            signature: sign(SECRET, &body),
            content_type: "application/json".into(),
            body,
        }
    }

    /// The same under another id.
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }
}

/// Lower-case hex HMAC-SHA256.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// An `issue updated` in the dialect that Plane sends today.
pub fn issue(id: &str, title: &str, state: (&str, &str), updated_at: &str) -> Value {
    let (name, group) = state;
    json!({
        "event": "issue", "action": "updated",
        "webhook_id": "8348df20-3249-465e-95c3-7e02746b6cc0",
        "workspace_id": "9d313cd8-d5ad-4a57-93e4-c6c0963a51d8",
        "data": {
            "id": id, "name": title, "sequence_id": 12, "priority": "high",
            "state": {"id": format!("state-{name}"), "name": name, "color": "#60646C", "group": group},
            "labels": [{"id": "1677995f-d40b-4f06-9f2c-3149403a3f21", "name": "bug", "color": "#d73a4a"}],
            "assignees": [{"id": "557968f7-4009-451b-8478-6f04d7748ad1", "display_name": "ada", "email": "ada@example.com"}],
            "created_at": "2026-11-22T00:44:16.030372Z", "updated_at": updated_at, "completed_at": null, "deleted_at": null,
            "project": "ce59f358-8bb1-44d5-9060-9d2391371abf", "workspace": "9d313cd8-d5ad-4a57-93e4-c6c0963a51d8"
        },
        "activity": {"field": "name", "new_value": title, "old_value": null, "actor": {"id": "ce117c3e", "display_name": "sync-bot"}}
    })
}

/// A delivery of [`issue`].
pub fn issue_delivery(id: &str, title: &str, state: (&str, &str), updated_at: &str) -> Delivery {
    Delivery::new(issue(id, title, state, updated_at).to_string())
}

/// Every recorded delivery, in the order in which they were received, with its own secret.
pub fn recorded() -> Vec<(String, Delivery)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/plane/deliveries");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .map(|e| e.expect("an entry").path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("readable");
        let recorded: Value = serde_json::from_str(&text).expect("JSON");
        let header = |name: &str| recorded["headers"][name].as_str().expect("a header").to_owned();
        let delivery = Delivery {
            id: header("X-Plane-Delivery"),
            signature: header("X-Plane-Signature"),
            content_type: header("Content-Type"),
            body: recorded["body"].as_str().expect("a body").as_bytes().to_vec(),
        };
        (recorded["secret"].as_str().expect("a secret").to_owned(), delivery)
    };
    files.iter().map(read).collect()
}
