//! Plane's answers, above all its refusals, which come in three shapes and one bare list.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

/// A status and what goes with it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: StatusCode,
    /// `None`: nothing in the body.
    pub body: Option<Value>,
    pub headers: Vec<(HeaderName, String)>,
}

/// Either way an answer; the error is one that ends the request's work early.
pub(super) type Reply = Result<Answer, Answer>;

impl Answer {
    fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new() }
    }

    pub fn ok(body: Value) -> Self {
        Self::new(StatusCode::OK, body)
    }

    pub fn created(body: Value) -> Self {
        Self::new(StatusCode::CREATED, body)
    }

    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, headers: Vec::new() }
    }

    /// 301 to the path with its slash.
    pub fn moved(to: String) -> Self {
        let headers = vec![(header::LOCATION, to)];
        Self { status: StatusCode::MOVED_PERMANENTLY, body: None, headers }
    }

    /// 400 about one field.
    pub fn field(field: &str, words: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, json!({ field: [words.into()] }))
    }

    /// 400 about one entry of a list.
    pub fn entry(field: &str, at: usize, words: impl Into<String>) -> Self {
        let entry = json!({ at.to_string(): [words.into()] });
        Self::new(StatusCode::BAD_REQUEST, json!({ field: entry }))
    }

    pub fn bad_request(words: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, json!({ "error": words }))
    }

    pub fn bad_request_detail(words: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, json!({ "detail": words }))
    }

    pub fn no_credentials() -> Self {
        let words = "Authentication credentials were not provided.";
        Self::new(StatusCode::UNAUTHORIZED, json!({ "detail": words }))
    }

    pub fn bad_key() -> Self {
        Self::new(StatusCode::FORBIDDEN, json!({ "detail": "Given API token is not valid" }))
    }

    pub fn no_permission() -> Self {
        let words = "You do not have permission to perform this action.";
        Self::new(StatusCode::FORBIDDEN, json!({ "detail": words }))
    }

    pub fn not_yours(words: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, json!({ "error": words }))
    }

    pub fn not_found() -> Self {
        let words = "The requested resource does not exist.";
        Self::new(StatusCode::NOT_FOUND, json!({ "error": words }))
    }

    pub fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, json!({ "error": "Page not found." }))
    }

    pub fn wrong_method(method: &str) -> Self {
        let words = format!("Method \"{method}\" not allowed.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, json!({ "detail": words }))
    }

    pub fn conflict(words: &str, existing: Uuid) -> Self {
        Self::new(StatusCode::CONFLICT, json!({ "error": words, "id": existing }))
    }

    pub fn name_taken(words: &str) -> Self {
        Self::new(StatusCode::CONFLICT, json!({ "name": words }))
    }

    pub fn too_large() -> Self {
        let body = json!({
            "error": "REQUEST_BODY_TOO_LARGE",
            "detail": "The size of the request body exceeds the maximum allowed size.",
        });
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, body)
    }

    pub fn wrong_media_type(given: &str) -> Self {
        let words = format!("Unsupported media type \"{given}\" in request.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, json!({ "detail": words }))
    }

    pub fn too_many_requests(seconds: u64) -> Self {
        let body = json!({ "error_code": 5900, "error_message": "RATE_LIMIT_EXCEEDED" });
        let mut answer = Self::new(StatusCode::TOO_MANY_REQUESTS, body);
        answer.headers.push((header::RETRY_AFTER, seconds.to_string()));
        answer
    }

    /// 500, as Plane answers what it did not think of.
    pub fn broken() -> Self {
        let words = "Something went wrong please try again later";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": words }))
    }

    /// What stands before Plane answers when Plane doesn't.
    pub fn gateway(status: StatusCode) -> Self {
        let body = format!("<html><body><h1>{status}</h1></body></html>");
        Self { status, body: Some(Value::String(body)), headers: Vec::new() }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (kind, text) = match self.body {
            None => ("text/html; charset=utf-8", String::new()),
            // Plane answers no bare string: this is a page.
            Some(Value::String(page)) => ("text/html; charset=utf-8", page),
            Some(body) => ("application/json", body.to_string()),
        };
        let mut response = (self.status, [(header::CONTENT_TYPE, kind)], text).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
