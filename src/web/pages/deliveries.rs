//! The list of deliveries: what came, what became of it, and why.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;

use super::query::{Params, Picker};
use super::spans::{self, exact, length, when};
use super::{Caller, Frame, Mark, Problem, Section, WebState, render};
use crate::board::{cut, short_key};
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::store::deliveries::{Delivery, DeliveryCursor, DeliveryFilter, DeliveryStatus};
use crate::store::stats::DeliveryCount;
use crate::store::{Store, StoreResult};

/// Rows of one page.
const ROWS: usize = 50;
const FILTERS: [&str; 7] = ["source", "status", "event", "repository", "since", "until", "item"];
/// The two halves of the place where an older page starts.
const CURSOR: [&str; 2] = ["before", "before_id"];

#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesPage {
    frame: Frame,
    segments: Vec<Segment>,
    pickers: Vec<Picker>,
    status: Option<DeliveryStatus>,
    since: String,
    until: String,
    item: Option<String>,
    rows: Vec<Row>,
    filtered: bool,
    total: i64,
    older: Option<String>,
    newest: Option<String>,
}

/// A link to the deliveries of one status.
struct Segment {
    name: &'static str,
    link: String,
    count: i64,
    current: bool,
    bad: bool,
}

/// One delivery in words.
struct Row {
    mark: Mark,
    status: Tag,
    link: String,
    event: String,
    item: Option<(WorkItemRef, String)>,
    time: String,
    exact: String,
    lag: String,
    attempts: i64,
    why: String,
}

/// Icon, tone and word of a status.
pub(super) struct Tag {
    pub(super) icon: &'static str,
    pub(super) tone: &'static str,
    pub(super) word: &'static str,
}

impl Tag {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let (icon, tone, word) = match delivery.status {
            DeliveryStatus::Processed => ("ok", "is-good", "processed"),
            DeliveryStatus::Failed => ("dead", "is-bad", "failed"),
            DeliveryStatus::Received if delivery.last_error.is_some() => {
                ("attempt", "is-warn", "retrying")
            }
            DeliveryStatus::Received => ("inbox", "is-wait", "received"),
        };
        Self { icon, tone, word }
    }
}

/// `GET /deliveries`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let params = Params::read(query.as_deref())?;
    let (filter, after) = (filter(&params)?, cursor(&params)?);
    let now = web.clock.now();
    let limit = i64::try_from(ROWS).unwrap_or(i64::MAX) + 1;
    let mut deliveries = web.store.deliveries(&filter, after.as_ref(), limit).await?;
    let more = deliveries.len() > ROWS;
    deliveries.truncate(ROWS);
    let keys = keys(&web.store, &deliveries).await?;
    let counts = web.store.delivery_counts().await?;
    render(&DeliveriesPage {
        frame: Frame::read(&web, Section::Deliveries, caller).await?,
        segments: segments(&params, &filter, &counts),
        pickers: pickers(&params, &counts),
        status: filter.status,
        since: field(filter.since),
        until: field(filter.until),
        item: params.text("item"),
        older: deliveries.last().filter(|_| more).map(|last| older(&params, last)),
        newest: after.map(|_| params.link("/deliveries", &CURSOR.map(|name| (name, None)))),
        rows: deliveries.iter().map(|d| row(d, &keys, now)).collect(),
        filtered: params.any(&FILTERS),
        total: counts.iter().map(|c| c.count).sum(),
    })
}

fn filter(params: &Params) -> Result<DeliveryFilter, Problem> {
    Ok(DeliveryFilter {
        source: params.word("source")?,
        status: params.word("status")?,
        event: params.text("event"),
        repository: params.text("repository"),
        item: params.text("item").map(WorkItemRef::new),
        since: params.time("since")?,
        until: params.time("until")?,
    })
}

fn cursor(params: &Params) -> Result<Option<DeliveryCursor>, Problem> {
    let (time, id) = (params.time(CURSOR[0])?, params.text(CURSOR[1]));
    Ok(time
        .zip(id)
        .map(|(received_at, id)| DeliveryCursor { received_at, delivery_id: DeliveryId::new(id) }))
}

fn older(params: &Params, last: &Delivery) -> String {
    let time = last.received_at.format("%FT%T%.6fZ").to_string();
    let place = [(CURSOR[0], Some(time.as_str())), (CURSOR[1], Some(last.delivery_id.as_str()))];
    params.link("/deliveries", &place)
}

/// A time as a form's field takes it.
fn field(time: Option<Timestamp>) -> String {
    time.map(|t| t.format("%Y-%m-%dT%H:%M").to_string()).unwrap_or_default()
}

/// Each status with how many there are of the chosen source and event.
fn segments(params: &Params, filter: &DeliveryFilter, counts: &[DeliveryCount]) -> Vec<Segment> {
    let count = |status: Option<DeliveryStatus>| {
        counts
            .iter()
            .filter(|c| status.is_none_or(|s| c.status == s.as_str()))
            .filter(|c| filter.source.is_none_or(|s| c.source == s.as_str()))
            .filter(|c| filter.event.as_ref().is_none_or(|e| c.event_type == *e))
            .map(|c| c.count)
            .sum()
    };
    let segment = |name, status: Option<DeliveryStatus>| Segment {
        name,
        link: params.link(
            "/deliveries",
            &[("status", status.map(DeliveryStatus::as_str)), (CURSOR[0], None), (CURSOR[1], None)],
        ),
        count: count(status),
        current: filter.status == status,
        bad: status == Some(DeliveryStatus::Failed) && count(status) > 0,
    };
    vec![
        segment("All", None),
        segment("Failed", Some(DeliveryStatus::Failed)),
        segment("Waiting", Some(DeliveryStatus::Received)),
        segment("Processed", Some(DeliveryStatus::Processed)),
    ]
}

fn pickers(params: &Params, counts: &[DeliveryCount]) -> Vec<Picker> {
    let sources = Source::ALL
        .iter()
        .map(|&source| (source.as_str().to_owned(), Mark::from(source).name.to_owned()));
    let events: BTreeSet<&str> = counts.iter().map(|c| c.event_type.as_str()).collect();
    let events = events.into_iter().take(100).map(|event| (event.to_owned(), cut(event, 60)));
    vec![
        Picker::new("source", "Source", "Any source", sources, params),
        Picker::new("event", "Event", "Any event", events, params),
    ]
}

async fn keys(store: &Store, deliveries: &[Delivery]) -> StoreResult<HashMap<WorkItemRef, String>> {
    let items: BTreeSet<&WorkItemRef> = deliveries.iter().filter_map(|d| d.item.as_ref()).collect();
    let known = store.work_items_by_ref(&items.into_iter().collect::<Vec<_>>()).await?;
    Ok(known.into_iter().map(|item| (item.item.clone(), cut(&short_key(&item), 24))).collect())
}

fn row(delivery: &Delivery, keys: &HashMap<WorkItemRef, String>, now: Timestamp) -> Row {
    let item = delivery.item.as_ref().and_then(|i| Some((i.clone(), keys.get(i)?.clone())));
    let why = delivery.last_error.as_ref().or(delivery.result.as_ref());
    let lag = delivery.processed_at.filter(|_| delivery.status == DeliveryStatus::Processed);
    Row {
        mark: delivery.source.into(),
        status: Tag::of(delivery),
        link: address(delivery.source, &delivery.delivery_id),
        event: cut(&delivery.event(), 60),
        item,
        time: when(delivery.received_at, now),
        exact: exact(delivery.received_at),
        lag: lag.map(|at| length(delivery.received_at, at)).unwrap_or_default(),
        attempts: delivery.attempts,
        why: why.map(|text| cut(text, 300)).unwrap_or_default(),
    }
}

/// Where a delivery's page is.
pub(super) fn address(source: Source, id: &DeliveryId) -> String {
    let id = askama::filters::urlencode_strict(id.as_str()).map(|i| i.to_string());
    format!("/deliveries/{source}/{}", id.unwrap_or_default())
}
