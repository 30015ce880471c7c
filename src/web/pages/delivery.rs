//! One delivery on a page of its own, its exact body, and the button that runs it again.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::deliveries::{Panel, address};
use super::query::Params;
use super::spans;
use super::{Caller, Frame, Problem, Section, WebState, render};
use crate::access::Outcome;
use crate::board::cut;
use crate::ids::DeliveryId;
use crate::sources::Source;
use crate::store::jobs::Replayed;

/// A raw body is text and nothing else, whatever it holds.
const RAW_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    frame: Frame,
    panel: Panel,
    message: Option<Message>,
}

/// What became of a replay.
struct Message {
    tone: &'static str,
    icon: &'static str,
    text: &'static str,
}

/// How a raw body is handed out.
#[derive(Debug, Clone, Copy)]
enum Raw {
    Shown,
    Saved,
}

/// `GET /deliveries/{source}/{id}`; `?view=raw` is the exact body as text, `?view=download` the
/// same as a file.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    Path((source, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query.as_deref())?;
    let (source, id) = named(&source, id)?;
    let how = match params.text("view").as_deref() {
        Some("raw") => Some(Raw::Shown),
        Some("download") => Some(Raw::Saved),
        _ => None,
    };
    if let Some(how) = how {
        let (_, body) = web.store.delivery(source, &id).await?.ok_or_else(|| unknown(&id))?;
        return Ok(raw(body.ok_or_else(|| dropped(&id))?, how));
    }
    let panel = Panel::read(&web, source, &id, web.clock.now()).await?;
    let page = DeliveryPage {
        frame: Frame::read(&web, Section::Deliveries, caller).await?,
        panel: panel.ok_or_else(|| unknown(&id))?,
        message: message(&params),
    };
    Ok(render(&page)?.into_response())
}

/// `POST /deliveries/{source}/{id}/replay`: runs it again and says so on its page.
pub(super) async fn replay(
    State(web): State<WebState>,
    Path((source, id)): Path<(String, String)>,
) -> Result<(Extension<Outcome>, Redirect), Problem> {
    let (source, id) = named(&source, id)?;
    let (outcome, word) = match web.store.replay(source, &id, web.clock.now()).await? {
        Replayed::Queued => {
            web.wake.work_is_due();
            (Outcome::Done, "queued")
        }
        Replayed::Running => (Outcome::Failed, "running"),
        Replayed::Dropped => (Outcome::Failed, "dropped"),
        Replayed::Unknown => return Err(unknown(&id)),
    };
    let next = Redirect::to(&format!("{}?replay={word}", address(source, &id)));
    Ok((Extension(outcome), next))
}

fn named(source: &str, id: String) -> Result<(Source, DeliveryId), Problem> {
    let source = source.parse().map_err(|_| unknown(&DeliveryId::new(&id)))?;
    let id = DeliveryId::new(id);
    if id.as_str().contains('\0') { Err(unknown(&id)) } else { Ok((source, id)) }
}

fn unknown(id: &DeliveryId) -> Problem {
    Problem::not_found(format!("There is no delivery {}.", cut(id.as_str(), 80)))
}

fn dropped(id: &DeliveryId) -> Problem {
    Problem::not_found(format!("The body of delivery {} is no longer kept.", cut(id.as_str(), 80)))
}

fn message(params: &Params) -> Option<Message> {
    let (tone, icon, text) = match params.text("replay")?.as_str() {
        "queued" => {
            ("is-good", "ok", "Queued again. It runs in a moment; what comes of it is shown below.")
        }
        "running" => ("is-wait", "clock", "Not queued: it is being worked on this very moment."),
        "dropped" => (
            "is-warn",
            "failed",
            "Not queued: its body is no longer kept, so there is nothing to run again. Have its sender deliver it again.",
        ),
        _ => return None,
    };
    Some(Message { tone, icon, text })
}

fn raw(body: Vec<u8>, how: Raw) -> Response {
    let disposition = match how {
        Raw::Shown => "inline; filename=\"delivery.txt\"",
        Raw::Saved => "attachment; filename=\"delivery.txt\"",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(RAW_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
    ];
    (headers, body).into_response()
}
