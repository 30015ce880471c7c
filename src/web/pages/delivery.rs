//! One delivery: its facts, its attempts, its body, and the button that runs it again.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::deliveries::{Tag, address};
use super::json_text::{End, INPUT, JsonText, lay_out};
use super::query::Params;
use super::spans::{self, exact, length};
use super::work_item::Entry;
use super::{Caller, Frame, Mark, Problem, Section, WebState, render};
use crate::board::{cut, short_key};
use crate::ids::DeliveryId;
use crate::sources::{Encoding, Source};
use crate::store::deliveries::{Delivery, DeliveryStatus};
use crate::store::jobs::Replayed;

/// A raw body is text and nothing else, whatever it holds.
const RAW_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "delivery.html")]
struct DeliveryPage {
    frame: Frame,
    delivery: Delivery,
    mark: Mark,
    status: Tag,
    event: String,
    address: String,
    /// Reference and key of the item.
    item: Option<(String, String)>,
    attempts: Vec<Entry>,
    body: Option<JsonText>,
    message: Option<Message>,
}

/// What became of a replay.
struct Message {
    tone: &'static str,
    icon: &'static str,
    text: &'static str,
}

impl DeliveryPage {
    fn cut_after(&self) -> Option<String> {
        let body = self.body.as_ref().filter(|body| body.end == End::Cut)?;
        (!body.runs.is_empty()).then(|| format!("{} KiB", INPUT / 1024))
    }

    fn is_failed(&self) -> bool {
        self.delivery.status == DeliveryStatus::Failed
    }

    fn received(&self) -> String {
        exact(self.delivery.received_at)
    }

    fn worked_off(&self) -> Option<(String, String)> {
        let at = self.delivery.processed_at?;
        Some((exact(at), length(self.delivery.received_at, at)))
    }
}

/// `GET /deliveries/{source}/{id}`; `?view=raw` is the exact body as text.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    Path((source, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query.as_deref())?;
    let (source, id) = named(&source, id)?;
    let Some((delivery, body)) = web.store.delivery(source, &id).await? else {
        return Err(unknown(&id));
    };
    if params.text("view").as_deref() == Some("raw") {
        return Ok(raw(body.ok_or_else(|| dropped(&id))?));
    }
    let mut timeline = web.store.delivery_timeline(source, &id).await?;
    timeline.reverse();
    let now = web.clock.now();
    let item = match &delivery.item {
        Some(item) => web.store.work_item(item).await?,
        None => None,
    };
    let page = DeliveryPage {
        frame: Frame::read(&web, Section::Deliveries, caller).await?,
        mark: source.into(),
        status: Tag::of(&delivery),
        event: cut(&delivery.event(), 120),
        address: address(source, &id),
        item: item.map(|item| (item.item.to_string(), cut(&short_key(&item), 40))),
        attempts: timeline.iter().take(200).map(|entry| Entry::new(entry, now)).collect(),
        body: body.map(|body| shown(&delivery, &body)),
        message: message(&params),
        delivery,
    };
    Ok(render(&page)?.into_response())
}

/// `POST /deliveries/{source}/{id}/replay`: runs it again and says so on its page.
pub(super) async fn replay(
    State(web): State<WebState>,
    Path((source, id)): Path<(String, String)>,
) -> Result<Redirect, Problem> {
    let (source, id) = named(&source, id)?;
    let word = match web.store.replay(source, &id, web.clock.now()).await? {
        Replayed::Queued => {
            web.wake.work_is_due();
            "queued"
        }
        Replayed::Running => "running",
        Replayed::Unknown => return Err(unknown(&id)),
    };
    Ok(Redirect::to(&format!("{}?replay={word}", address(source, &id))))
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

fn shown(delivery: &Delivery, body: &[u8]) -> JsonText {
    let encoding =
        if delivery.encoding == Encoding::Form.as_str() { Encoding::Form } else { Encoding::Json };
    match encoding.json_of(body) {
        Some(json) => lay_out(&json),
        None => lay_out(body),
    }
}

fn message(params: &Params) -> Option<Message> {
    let (tone, icon, text) = match params.text("replay")?.as_str() {
        "queued" => (
            "is-good",
            "ok",
            "Queued again. It runs in a moment; reload this page to see what came of it.",
        ),
        "running" => ("is-wait", "clock", "Not queued: it is being worked on this very moment."),
        _ => return None,
    };
    Some(Message { tone, icon, text })
}

fn raw(body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(RAW_POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("inline; filename=\"delivery.txt\""),
        ),
    ];
    (headers, body).into_response()
}
