//! The list of deliveries: what came, what became of it, and why; one opened beside it.
//!
//! Every figure is read from an index, and counted no further than a person would read.

mod panel;
pub(super) mod replay;
mod rows;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use chrono::TimeDelta;

pub(super) use panel::Panel;
pub(super) use rows::address;
use rows::{Row, keys};

use super::query::{Params, Picker};
use super::spans;
use super::{Caller, Frame, Mark, Problem, Section, WebState, render};
use crate::board::cut;
use crate::clock::Timestamp;
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::{Origin, Source};
use crate::store::deliveries::{Delivery, DeliveryCursor, DeliveryFilter, DeliveryStatus};
use crate::store::{Store, StoreResult};

/// Rows of one page.
const ROWS: usize = 50;
/// Counts go no further.
const MOST_COUNTED: i64 = 1000;
/// What a filter is made of; `range` is a time before now, the others are the filter's fields.
const FILTERS: [&str; 10] =
    ["source", "status", "event", "origin", "repository", "range", "since", "until", "item", "q"];
/// The two halves of the place where an older page starts.
const CURSOR: [&str; 2] = ["before", "before_id"];
/// What an address says beside the filter.
const BESIDE: [&str; 5] = ["before", "before_id", "open", "queued", "left"];
/// Words of `range`, what they are called, and how long they are.
const RANGES: [(&str, &str, TimeDelta); 4] = [
    ("1h", "Last hour", TimeDelta::hours(1)),
    ("24h", "Last 24 hours", TimeDelta::hours(24)),
    ("7d", "Last 7 days", TimeDelta::days(7)),
    ("30d", "Last 30 days", TimeDelta::days(30)),
];

#[derive(Template)]
#[template(path = "deliveries.html")]
struct DeliveriesPage {
    frame: Frame,
    segments: Vec<Segment>,
    pickers: Vec<Picker>,
    status: Option<DeliveryStatus>,
    q: String,
    since: String,
    until: String,
    item: Option<String>,
    rows: Vec<Row>,
    filtered: bool,
    older: Option<String>,
    newest: Option<String>,
    replay_all: String,
    close: String,
    panel: Option<Panel>,
    done: Option<String>,
}

/// A link to the deliveries of one status.
struct Segment {
    name: &'static str,
    link: String,
    count: String,
    current: bool,
    bad: bool,
}

/// `GET /deliveries`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let params = Params::read(query.as_deref())?;
    let now = web.clock.now();
    let (filter, after) = (filter(&params, now)?, cursor(&params)?);
    let limit = i64::try_from(ROWS).unwrap_or(i64::MAX) + 1;
    let mut deliveries = web.store.deliveries(&filter, after.as_ref(), limit).await?;
    let more = deliveries.len() > ROWS;
    deliveries.truncate(ROWS);
    let keys = keys(&web.store, &deliveries).await?;
    let opened = params.text("open").unwrap_or_default();
    let bare = BESIDE.map(|name| (name, None));
    render(&DeliveriesPage {
        frame: Frame::read(&web, Section::Deliveries, caller).await?,
        segments: segments(&web.store, &params, &filter).await?,
        pickers: pickers(&web.store, &params).await?,
        status: filter.status,
        q: params.text("q").unwrap_or_default(),
        since: field(params.time("since")?),
        until: field(params.time("until")?),
        item: params.text("item"),
        older: deliveries.last().filter(|_| more).map(|last| older(&params, last)),
        newest: after.map(|_| params.link("/deliveries", &CURSOR.map(|name| (name, None)))),
        rows: deliveries.iter().map(|d| Row::new(d, &keys, &params, now)).collect(),
        filtered: params.any(&FILTERS),
        replay_all: params.link("/deliveries/replay", &bare),
        close: params.link("/deliveries", &[("open", None)]),
        panel: opened_panel(&web, &opened, now).await?,
        done: done(&params)?,
    })
}

/// The delivery that `?open=source/id` names.
async fn opened_panel(
    web: &WebState,
    opened: &str,
    now: Timestamp,
) -> Result<Option<Panel>, Problem> {
    let Some((source, id)) = named(opened) else { return Ok(None) };
    Panel::read(web, source, &id, now).await
}

/// `plane/7f3c…`, as addresses and forms name a delivery.
fn named(text: &str) -> Option<(Source, DeliveryId)> {
    let (source, id) = text.split_once('/')?;
    Some((source.parse().ok()?, DeliveryId::new(id)))
}

/// What the address asks for, seen from `now`.
fn filter(params: &Params, now: Timestamp) -> Result<DeliveryFilter, Problem> {
    let range = params.text("range");
    let range = range.and_then(|word| RANGES.iter().find(|(known, ..)| *known == word));
    Ok(DeliveryFilter {
        source: params.word("source")?,
        status: params.word("status")?,
        event: params.text("event"),
        origin: params.word("origin")?,
        repository: params.text("repository"),
        item: params.text("item").map(WorkItemRef::new),
        since: params.time("since")?.or(range.map(|(.., length)| now - *length)),
        until: params.time("until")?,
        text: params.text("q").map(|text| cut(&text, 200)),
        chosen: Vec::new(),
    })
}

fn cursor(params: &Params) -> Result<Option<DeliveryCursor>, Problem> {
    let (time, id) = (params.time(CURSOR[0])?, params.text(CURSOR[1]));
    Ok(time
        .zip(id)
        .map(|(received_at, id)| DeliveryCursor { received_at, delivery_id: DeliveryId::new(id) }))
}

fn older(params: &Params, last: &Delivery) -> String {
    let time = exact_field(last.received_at);
    let place = [
        (CURSOR[0], Some(time.as_str())),
        (CURSOR[1], Some(last.delivery_id.as_str())),
        ("open", None),
    ];
    params.link("/deliveries", &place)
}

/// A time as a form's field takes it.
fn field(time: Option<Timestamp>) -> String {
    time.map(|t| t.format("%Y-%m-%dT%H:%M").to_string()).unwrap_or_default()
}

/// A time to the microsecond, as a hidden field or an address carries it.
fn exact_field(time: Timestamp) -> String {
    time.format("%FT%T%.6fZ").to_string()
}

/// Each status with how many there are of what else is asked for.
async fn segments(
    store: &Store,
    params: &Params,
    filter: &DeliveryFilter,
) -> StoreResult<Vec<Segment>> {
    let kinds = [
        ("All", None),
        ("Failed", Some(DeliveryStatus::Failed)),
        ("Waiting", Some(DeliveryStatus::Received)),
        ("Processed", Some(DeliveryStatus::Processed)),
    ];
    let mut segments = Vec::new();
    for (name, status) in kinds {
        let of = DeliveryFilter { status, ..filter.clone() };
        let count = store.count_deliveries(&of, MOST_COUNTED + 1).await?;
        let changes = [
            ("status", status.map(DeliveryStatus::as_str)),
            (CURSOR[0], None),
            (CURSOR[1], None),
            ("queued", None),
            ("left", None),
        ];
        segments.push(Segment {
            name,
            link: params.link("/deliveries", &changes),
            count: counted(count),
            current: filter.status == status,
            bad: status == Some(DeliveryStatus::Failed) && count > 0,
        });
    }
    Ok(segments)
}

/// `1 000+` where it was counted no further.
fn counted(count: i64) -> String {
    if count > MOST_COUNTED {
        return format!("{}+", spans::grouped(MOST_COUNTED));
    }
    spans::grouped(count)
}

async fn pickers(store: &Store, params: &Params) -> StoreResult<Vec<Picker>> {
    let sources = Source::ALL
        .iter()
        .map(|&source| (source.as_str().to_owned(), Mark::from(source).name.to_owned()));
    let events = store.event_types().await?.into_iter().map(|event| {
        let name = cut(&event, 60);
        (event, name)
    });
    let repositories = store.repositories().await?.into_iter().map(|repository| {
        let name = repository.name.to_string();
        (name.clone(), name)
    });
    let origins = Origin::ALL.iter().map(|origin| {
        let name = match origin {
            Origin::Webhook => "Sent by a webhook",
            Origin::Reconcile => "Found by reconcile",
            Origin::Backfill => "Found by backfill",
        };
        (origin.as_str().to_owned(), name.to_owned())
    });
    let ranges = RANGES.iter().map(|(word, name, _)| ((*word).to_owned(), (*name).to_owned()));
    Ok(vec![
        Picker::new("source", "Source", "Any source", sources, params),
        Picker::new("event", "Event", "Any event", events, params),
        Picker::new("origin", "Origin", "Sent or found", origins, params),
        Picker::new("repository", "Repository", "Any repository", repositories, params),
        Picker::new("range", "Time", "Any time", ranges, params),
    ])
}

/// What a replay that has just been made came to.
fn done(params: &Params) -> Result<Option<String>, Problem> {
    let Some(queued) = params.word::<u32>("queued")? else { return Ok(None) };
    let left = params.word::<u32>("left")?.unwrap_or(0);
    let alone = match left {
        0 => String::new(),
        1 => {
            " One was left alone: it is being worked on, or its body is no longer kept.".to_owned()
        }
        _ => format!(
            " {left} were left alone: they are being worked on, or their bodies are no longer kept."
        ),
    };
    let queued = match queued {
        1 => "One delivery is queued again.".to_owned(),
        _ => format!("{} deliveries are queued again.", spans::grouped(queued.into())),
    };
    Ok(Some(queued + &alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_goes_on_says_so() {
        assert_eq!(counted(7), "7");
        assert_eq!(counted(1000), "1\u{202f}000");
        assert_eq!(counted(1001), "1\u{202f}000+");
    }

    #[test]
    fn a_range_is_counted_from_now_and_yields_to_an_exact_beginning() {
        let now: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
        let since = |query: &str| filter(&Params::read(Some(query)).unwrap(), now).unwrap().since;
        assert_eq!(since("range=24h"), Some(now - TimeDelta::hours(24)));
        assert_eq!(since("range=odd"), None);
        let exact = since("range=24h&since=2026-11-01T00:00");
        assert_eq!(exact, Some("2026-11-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_delivery_is_named_by_source_and_id() {
        assert_eq!(named("plane/a/b"), Some((Source::Plane, DeliveryId::new("a/b"))));
        assert_eq!(named("jira/a"), None);
        assert_eq!(named("plane"), None);
    }
}
