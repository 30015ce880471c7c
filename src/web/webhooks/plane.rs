//! Plane's endpoint.

use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::response::Response;
use tokio::time::timeout;

use super::answer::{Refused, acceptance, outcome_of, wrong_method};
use super::{Intake, text};
use crate::sources::plane::verify::{DELIVERY_HEADER, EVENT_HEADER, SIGNATURE_HEADER, verify};
use crate::sources::{RawDelivery, Rejection, Source};
use crate::store::inbox::Accepted;

/// `POST /api/webhooks/plane`.
pub(super) async fn receive(State(intake): State<Intake>, request: Request) -> Response {
    let begun = Instant::now();
    let limit = intake.plane.limits.answer;
    let taken = timeout(limit, accept(&intake, request)).await.unwrap_or(Err(Refused::NotStorable));
    match taken {
        Ok((delivery_id, accepted)) => {
            intake.accepted_within(begun.elapsed());
            intake.count(Source::Plane, outcome_of(&accepted));
            acceptance(&delivery_id, None, &accepted)
        }
        Err(refused) => {
            intake.count(Source::Plane, refused.outcome());
            intake.metrics.refused.fetch_add(1, Ordering::Relaxed);
            refused.into_answer(Source::Plane)
        }
    }
}

pub(super) async fn only_post() -> Response {
    wrong_method("POST", "method not allowed: send a POST")
}

async fn accept(intake: &Intake, request: Request) -> Result<(String, Accepted), Refused> {
    let plane = &intake.plane;
    if plane.secrets.is_empty() {
        return Err(Refused::NotConfigured(
            "plane.webhook_secret (JETBRIDGE_PLANE_WEBHOOK_SECRET)",
        ));
    }
    let (head, body) = request.into_parts();
    if !head.headers.contains_key(SIGNATURE_HEADER) {
        return Err(Refused::Rejected(Rejection::InvalidSignature));
    }
    let (body, _in_flight) =
        intake.budget.read(&head.headers, body, plane.limits, &intake.metrics).await?;
    let raw = RawDelivery {
        delivery_id: text(&head.headers, DELIVERY_HEADER),
        signature: text(&head.headers, SIGNATURE_HEADER),
        event: text(&head.headers, EVENT_HEADER),
        content_type: text(&head.headers, "content-type"),
    };
    let verified = verify(&raw, body, &plane.secrets).map_err(Refused::Rejected)?;
    let delivery_id = verified.delivery_id().to_string();
    let accepted = intake.inbox.accept(verified).await.map_err(Refused::from)?;
    Ok((delivery_id, accepted))
}
