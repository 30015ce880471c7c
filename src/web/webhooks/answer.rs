//! What the endpoints answer: JSON with a body, whatever happens.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::config::RepositoryName;
use crate::inbox::NotStored;
use crate::sources::{Rejection, Source};
use crate::store::inbox::Accepted;

/// When to come again after a 503, seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Why a request was not taken in.
#[derive(Debug)]
pub(super) enum Refused {
    NotConfigured(&'static str),
    Rejected(Rejection),
    UnknownRepository(RepositoryName),
    TooLarge { max_body: usize },
    CutOff,
    TooSlow,
    Overloaded,
    NotStorable,
    SpoolFull,
    SpoolUnwritable,
}

impl From<NotStored> for Refused {
    fn from(why: NotStored) -> Self {
        match why {
            NotStored::Refused(_) => Self::NotStorable,
            NotStored::SpoolFull(_) => Self::SpoolFull,
            NotStored::SpoolUnwritable(_) => Self::SpoolUnwritable,
        }
    }
}

impl Refused {
    /// The word that the metrics count it under.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::NotConfigured(_) => "not_configured",
            Self::Rejected(Rejection::InvalidSignature) => "invalid_signature",
            Self::Rejected(Rejection::MissingHeader(_)) => "missing_header",
            Self::Rejected(Rejection::InvalidJson) => "invalid_json",
            Self::Rejected(Rejection::MissingRepository) => "missing_repository",
            Self::UnknownRepository(_) => "unknown_repository",
            Self::TooLarge { .. } => "too_large",
            Self::CutOff => "cut_off",
            Self::TooSlow => "too_slow",
            Self::Overloaded => "overloaded",
            Self::NotStorable => "not_stored",
            Self::SpoolFull => "spool_full",
            Self::SpoolUnwritable => "spool_unwritable",
        }
    }

    /// The answer that a sender of this source expects.
    pub(super) fn into_answer(self, source: Source) -> Response {
        match self {
            Self::NotConfigured(key) => {
                not_now(&format!("{key} is not set: nothing can be verified until it is"))
            }
            Self::Rejected(rejection) => rejected(rejection, source),
            Self::UnknownRepository(name) => json(
                StatusCode::NOT_FOUND,
                &UnknownRepositoryBody {
                    ok: false,
                    error: "repository not configured",
                    repository: name.as_str(),
                },
            ),
            Self::TooLarge { max_body } => {
                let error = format!("the body is larger than max_body ({max_body} bytes)");
                // The rest of the body is not worth reading, so the connection can't go on.
                (
                    [(header::CONNECTION, HeaderValue::from_static("close"))],
                    refusal(StatusCode::PAYLOAD_TOO_LARGE, &error),
                )
                    .into_response()
            }
            Self::CutOff => {
                refusal(StatusCode::BAD_REQUEST, "the body ended before its declared length")
            }
            Self::TooSlow => {
                refusal(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")
            }
            Self::Overloaded => not_now("too much is being received at this moment"),
            Self::NotStorable => not_now("the delivery can't be stored now"),
            Self::SpoolFull => not_now("the database is away and the spool is full"),
            Self::SpoolUnwritable => not_now("the database is away and the spool can't be written"),
        }
    }
}

fn rejected(rejection: Rejection, source: Source) -> Response {
    match rejection {
        Rejection::InvalidSignature => {
            let status = match source {
                Source::Plane => StatusCode::FORBIDDEN,
                Source::Github => StatusCode::UNAUTHORIZED,
            };
            refusal(status, "invalid signature")
        }
        Rejection::MissingHeader(name) => {
            refusal(StatusCode::BAD_REQUEST, &format!("missing {name} header"))
        }
        Rejection::InvalidJson => refusal(StatusCode::BAD_REQUEST, "invalid JSON"),
        Rejection::MissingRepository => {
            refusal(StatusCode::BAD_REQUEST, "missing repository.full_name in the payload")
        }
    }
}

fn not_now(error: &str) -> Response {
    ([(header::RETRY_AFTER, RETRY_AFTER)], refusal(StatusCode::SERVICE_UNAVAILABLE, error))
        .into_response()
}

#[derive(Serialize)]
struct RefusalBody<'a> {
    ok: bool,
    error: &'a str,
}

#[derive(Serialize)]
struct UnknownRepositoryBody<'a> {
    ok: bool,
    error: &'static str,
    repository: &'a str,
}

/// `{"ok":false,"error":…}` with a status, as all webhook endpoints answer.
fn refusal(status: StatusCode, error: &str) -> Response {
    json(status, &RefusalBody { ok: false, error })
}

/// 405 with the methods that would do.
pub(super) fn wrong_method(allowed: &'static str, error: &str) -> Response {
    let answer = refusal(StatusCode::METHOD_NOT_ALLOWED, error);
    ([(header::ALLOW, HeaderValue::from_static(allowed))], answer).into_response()
}

#[derive(Serialize)]
struct AcceptanceBody<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    requeued: bool,
    delivery_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
}

/// The answer for a delivery that is stored: Plane's has no event and is always a 200, GitHub's
/// names it and is a 202 when new.
pub(super) fn acceptance(delivery_id: &str, event: Option<&str>, accepted: &Accepted) -> Response {
    let (duplicate, requeued) = match accepted {
        Accepted::New => (false, false),
        Accepted::Duplicate(of) => (true, of.requeued),
    };
    let later = event.is_some() && !duplicate;
    let status = if later { StatusCode::ACCEPTED } else { StatusCode::OK };
    let word = later.then_some("accepted");
    json(
        status,
        &AcceptanceBody { ok: true, status: word, duplicate, requeued, delivery_id, event },
    )
}

/// The word that the metrics count an acceptance under.
pub(super) fn outcome_of(accepted: &Accepted) -> &'static str {
    match accepted {
        Accepted::New => "accepted",
        Accepted::Duplicate(of) if of.requeued => "requeued",
        Accepted::Duplicate(_) => "duplicate",
    }
}

pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let text = serde_json::to_vec(body)
        .unwrap_or_else(|_| br#"{"ok":false,"error":"internal error"}"#.to_vec());
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text)
        .into_response()
}
