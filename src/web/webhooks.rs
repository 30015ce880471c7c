//! The webhook endpoints: prove the sender, commit, answer. Nothing else happens here.
//!
//! Every answer is JSON with a body. Overload makes a request wait *before* its body is read,
//! as long as its sender has patience, since no sender repeats what was refused: bytes in flight
//! are counted by two budgets, small bodies and large ones apart, so that a few large and
//! slow ones can't hold up the many small.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::config::Secrets;
use crate::inbox::Inbox;
use crate::metrics::{Metrics, Received};
use crate::sources::plane::verify::verify as verify_plane;
use crate::sources::{RawDelivery, Rejection, Source};
use crate::store::inbox::Accepted;

/// Bodies up to this share the small budget.
const SMALL_BODY: usize = 1024 * 1024;
/// Bytes of small bodies in flight.
const SMALL_BUDGET: usize = 16 * 1024 * 1024;
/// When to come again after a 503, seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// What a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest body, bytes.
    pub max_body: usize,
    /// How long a request waits for its turn: less than its sender waits for an answer.
    pub patience: Duration,
    /// How long a body may take once it is being read.
    pub body: Duration,
}

impl Limits {
    /// Plane hangs up after 30 s; both waits together stay below that.
    pub fn new(max_body: usize) -> Self {
        Self { max_body, patience: Duration::from_secs(15), body: Duration::from_secs(10) }
    }
}

/// What the endpoints need.
#[derive(Clone)]
pub struct Intake {
    inbox: Inbox,
    plane_secrets: Secrets,
    limits: Limits,
    budget: Arc<Budget>,
    metrics: Arc<Metrics>,
}

impl Intake {
    /// Takes bodies within `limits`, signed with any of `plane_secrets`.
    pub fn new(
        inbox: Inbox,
        plane_secrets: Secrets,
        limits: Limits,
        metrics: Arc<Metrics>,
    ) -> Self {
        let budget = Arc::new(Budget::new(limits.max_body));
        Self { inbox, plane_secrets, limits, budget, metrics }
    }
}

/// The endpoints' routes, each with and without its trailing slash.
pub fn routes(intake: Intake) -> Router {
    let plane = || post(receive_plane).fallback(only_post);
    Router::new()
        .route("/api/webhooks/plane", plane())
        .route("/api/webhooks/plane/", plane())
        .with_state(intake)
}

async fn only_post() -> Response {
    let answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "method not allowed: send a POST");
    ([(header::ALLOW, HeaderValue::from_static("POST"))], answer).into_response()
}

async fn receive_plane(State(intake): State<Intake>, request: Request) -> Response {
    let begun = Instant::now();
    match accept_plane(&intake, request).await {
        Ok((delivery_id, accepted)) => {
            intake.metrics.accept_seconds.observe(begun.elapsed().as_secs_f64());
            intake.count(Source::Plane, outcome_of(&accepted));
            acceptance(&delivery_id, &accepted)
        }
        Err(refused) => {
            intake.count(Source::Plane, refused.outcome());
            refused.into_response()
        }
    }
}

async fn accept_plane(intake: &Intake, request: Request) -> Result<(String, Accepted), Refused> {
    if intake.plane_secrets.is_empty() {
        return Err(Refused::NotConfigured(
            "plane.webhook_secret (JETBRIDGE_PLANE_WEBHOOK_SECRET)",
        ));
    }
    let (head, body) = request.into_parts();
    if !head.headers.contains_key("x-plane-signature") {
        return Err(Refused::Rejected(Rejection::InvalidSignature));
    }
    let (body, _in_flight) = intake.read_body(&head.headers, body).await?;
    let raw = RawDelivery {
        delivery_id: text(&head.headers, "x-plane-delivery"),
        signature: text(&head.headers, "x-plane-signature"),
        event: text(&head.headers, "x-plane-event"),
        content_type: text(&head.headers, header::CONTENT_TYPE.as_str()),
    };
    let verified = verify_plane(&raw, body, &intake.plane_secrets).map_err(Refused::Rejected)?;
    let delivery_id = verified.delivery_id().to_string();
    let accepted = intake.inbox.accept(verified).await.map_err(|_| Refused::NotStorable)?;
    Ok((delivery_id, accepted))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Intake {
    fn count(&self, source: Source, outcome: &'static str) {
        self.metrics.received.get_or_create(&Received { source: source.as_str(), outcome }).inc();
    }

    /// Reads a body of at most `limits.max_body` bytes, after waiting for room in the budget.
    async fn read_body(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Bytes, InFlight), Refused> {
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        let most = declared.unwrap_or(self.limits.max_body);
        if most > self.limits.max_body {
            return Err(Refused::TooLarge { max_body: self.limits.max_body });
        }
        let permit = timeout(self.limits.patience, self.budget.reserve(most))
            .await
            .map_err(|_| Refused::Overloaded)?;
        let in_flight = InFlight::new(permit, most, &self.metrics);
        let read = timeout(self.limits.body, Limited::new(body, self.limits.max_body).collect());
        match read.await {
            Ok(Ok(collected)) => Ok((collected.to_bytes(), in_flight)),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                Err(Refused::TooLarge { max_body: self.limits.max_body })
            }
            Ok(Err(_)) => Err(Refused::CutOff),
            Err(_) => Err(Refused::TooSlow),
        }
    }
}

/// Room for bytes of bodies, counted in KiB.
#[derive(Debug)]
struct Budget {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Budget {
    /// Large bodies come one at a time.
    fn new(max_body: usize) -> Self {
        let small = Arc::new(Semaphore::new(kib(SMALL_BUDGET) as usize));
        Self { small, large: Arc::new(Semaphore::new(kib(max_body) as usize)) }
    }

    async fn reserve(&self, bytes: usize) -> OwnedSemaphorePermit {
        let side = if bytes <= SMALL_BODY { &self.small } else { &self.large };
        let acquired = Arc::clone(side).acquire_many_owned(kib(bytes)).await;
        acquired.unwrap_or_else(|_| unreachable!("the budget is never closed"))
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Bytes reserved until this is dropped.
struct InFlight {
    _permit: OwnedSemaphorePermit,
    bytes: i64,
    metrics: Arc<Metrics>,
}

impl InFlight {
    fn new(permit: OwnedSemaphorePermit, bytes: usize, metrics: &Arc<Metrics>) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        metrics.bytes_in_flight.inc_by(bytes);
        Self { _permit: permit, bytes, metrics: Arc::clone(metrics) }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.bytes_in_flight.dec_by(self.bytes);
    }
}

/// Why a request was not taken in.
#[derive(Debug)]
enum Refused {
    NotConfigured(&'static str),
    Rejected(Rejection),
    TooLarge { max_body: usize },
    CutOff,
    TooSlow,
    Overloaded,
    NotStorable,
}

impl Refused {
    fn outcome(&self) -> &'static str {
        match self {
            Self::NotConfigured(_) => "not_configured",
            Self::Rejected(Rejection::InvalidSignature) => "invalid_signature",
            Self::Rejected(Rejection::MissingHeader(_)) => "missing_header",
            Self::Rejected(Rejection::InvalidJson) => "invalid_json",
            Self::TooLarge { .. } => "too_large",
            Self::CutOff => "cut_off",
            Self::TooSlow => "too_slow",
            Self::Overloaded => "overloaded",
            Self::NotStorable => "not_stored",
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NotConfigured(key) => {
                not_now(&format!("{key} is not set: nothing can be verified until it is"))
            }
            Self::Rejected(Rejection::InvalidSignature) => {
                refusal(StatusCode::FORBIDDEN, "invalid signature")
            }
            Self::Rejected(Rejection::MissingHeader(name)) => {
                refusal(StatusCode::BAD_REQUEST, &format!("missing {name} header"))
            }
            Self::Rejected(Rejection::InvalidJson) => {
                refusal(StatusCode::BAD_REQUEST, "invalid JSON")
            }
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

/// `{"ok":false,"error":…}` with a status, as all webhook endpoints answer.
fn refusal(status: StatusCode, error: &str) -> Response {
    json(status, &RefusalBody { ok: false, error })
}

#[derive(Serialize)]
struct AcceptanceBody<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    requeued: bool,
    delivery_id: &'a str,
}

fn acceptance(delivery_id: &str, accepted: &Accepted) -> Response {
    let (duplicate, requeued) = match accepted {
        Accepted::New => (false, false),
        Accepted::Duplicate(of) => (true, of.requeued),
    };
    json(StatusCode::OK, &AcceptanceBody { ok: true, duplicate, requeued, delivery_id })
}

fn outcome_of(accepted: &Accepted) -> &'static str {
    match accepted {
        Accepted::New => "accepted",
        Accepted::Duplicate(of) if of.requeued => "requeued",
        Accepted::Duplicate(_) => "duplicate",
    }
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let text = serde_json::to_vec(body)
        .unwrap_or_else(|_| br#"{"ok":false,"error":"internal error"}"#.to_vec());
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text)
        .into_response()
}
