//! Deliveries as GitHub sends them: examples, and new ones made from their shape.

use axum::http::Request;
use serde_json::{Value, json};

use super::plane::sign;

/// The secret of all deliveries made here.
pub const SECRET: &str = "a secret typed at GitHub";

/// One request.
#[derive(Debug, Clone)]
pub struct GithubDelivery {
    pub id: String,
    pub event: String,
    pub signature: Option<String>,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl GithubDelivery {
    /// Signs `body` under a new delivery id.
    pub fn new(event: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            event: event.to_owned(),
            signature: Some(format!("sha256={}", sign(SECRET, &body))),
            content_type: "application/json".to_owned(),
            body,
        }
    }

    /// The same, as a hook made over REST sends it by default.
    pub fn form(event: &str, json: &str) -> Self {
        let form: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish();
        Self {
            content_type: "application/x-www-form-urlencoded".to_owned(),
            ..Self::new(event, form)
        }
    }

    /// The same under another id.
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }
}

/// A POST to GitHub's endpoint, without its body.
pub fn request(delivery: &GithubDelivery) -> axum::http::request::Builder {
    let request = Request::post("/api/webhooks/github-mcp/")
        .header("content-type", &delivery.content_type)
        .header("content-length", delivery.body.len())
        .header("x-github-delivery", &delivery.id)
        .header("x-github-event", &delivery.event)
        .header("x-github-hook-id", "292430182")
        .header("user-agent", "GitHub-Hookshot/044aadd");
    match &delivery.signature {
        Some(signature) => request.header("x-hub-signature-256", signature),
        None => request,
    }
}

/// The repository of everything that is made here.
pub fn repository() -> Value {
    json!({"id": 186_853_002, "name": "Hello-World", "full_name": "Codertocat/Hello-World"})
}

/// An issue's object.
pub fn issue(id: u64, title: &str, state: &str, updated_at: &str) -> Value {
    json!({
        "id": id, "number": 12, "title": title, "body": "Some **Markdown**.", "state": state,
        "state_reason": null, "labels": [{"id": 1, "name": "bug", "color": "d73a4a"}],
        "assignees": [{"id": 21_031_067, "login": "ada"}], "user": {"id": 21_031_067, "login": "ada"},
        "html_url": "https://github.com/Codertocat/Hello-World/issues/12",
        "created_at": "2026-11-22T00:00:00Z", "updated_at": updated_at, "closed_at": null
    })
}

/// A comment's object.
pub fn comment(id: u64, body: &str, updated_at: &str) -> Value {
    json!({
        "id": id, "body": body, "user": {"id": 21_031_067, "login": "ada"},
        "html_url": format!("https://github.com/Codertocat/Hello-World/issues/12#issuecomment-{id}"),
        "created_at": "2026-11-22T00:30:00Z", "updated_at": updated_at
    })
}

/// An `issues` delivery.
pub fn issue_delivery(action: &str, issue: &Value) -> GithubDelivery {
    let body = json!({"action": action, "issue": issue, "repository": repository()});
    GithubDelivery::new("issues", body.to_string())
}

/// An `issue_comment` delivery.
pub fn comment_delivery(action: &str, issue: &Value, comment: &Value) -> GithubDelivery {
    let body =
        json!({"action": action, "issue": issue, "comment": comment, "repository": repository()});
    GithubDelivery::new("issue_comment", body.to_string())
}

/// Every example, by its file's name (`issues.opened`), in the order of names.
pub fn examples() -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/github");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .map(|e| e.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("readable");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, serde_json::from_str(&text).expect("JSON"))
    };
    files.iter().map(read).collect()
}

/// The delivery of an example; its event is the first part of its name.
pub fn example_delivery(name: &str, payload: &Value) -> GithubDelivery {
    let event = name.split('.').next().unwrap_or_default();
    GithubDelivery::new(event, payload.to_string())
}
