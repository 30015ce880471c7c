//! `GET /live`: what changes, as server-sent events, for open pages.
//!
//! A page is told *that* something changed and fetches itself again, so that there is one way in
//! which a page is made. Events: `hello` (where the feed begins), `work-items` (the items that
//! changed, at most four times a second), `activity` (something was received or worked off, at most
//! once a second), `reset` (the page may be wrong: fetch it), `stalled` (the database does not
//! answer), `beat` (all is well; a script sees no comments). The id of an event is the revision that
//! it leads up to, so a browser that comes back says by itself where it was.
//!
//! A page that can't resume from where it says it was is told to begin anew rather than refused:
//! browsers take a refusal for good.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use prometheus_client::metrics::gauge::Gauge;
use serde_json::json;
use tokio::time::{Instant, Interval, interval_at, sleep_until};

use super::{Problem, WebState};
use crate::ids::{Revision, WorkItemRef};
use crate::live::{Feed, News, NoFeed};
use crate::metrics::LiveKind;
use crate::web::auth::guard::Stay;

/// Least time between two events about items.
const ITEMS: Duration = Duration::from_millis(250);
/// Least time between two about activity.
const ACTIVITY: Duration = Duration::from_secs(1);
/// How often the page hears that all is well.
const BEAT: Duration = Duration::from_secs(15);
/// How many beats pass between two looks at the session.
const BEATS_A_LOOK: u8 = 4;
/// When a browser comes back after it lost us.
const RETRY: Duration = Duration::from_secs(1);
/// Items that one event names; of more it only says so.
const MOST_NAMED: usize = 200;
const KIND: LiveKind = LiveKind { kind: "events" };

/// `GET /live`.
pub(super) async fn events(
    State(web): State<WebState>,
    stay: Stay,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (feed, first) = match resumes_from(&headers, query.as_deref()) {
        Where::Now => (web.live.subscribe(None).await, "hello"),
        Where::After(revision) => match web.live.subscribe(Some(revision)).await {
            Err(NoFeed::Ahead { .. }) => (web.live.subscribe(None).await, "reset"),
            feed => (feed, "hello"),
        },
        Where::Unreadable => (web.live.subscribe(None).await, "reset"),
    };
    let stream = Stream::new(feed?, first, web, stay);
    let events = unfold(stream, |mut stream| async {
        stream.next().await.map(|event| (Ok::<_, Infallible>(event), stream))
    });
    // Proxies that gather answers before they pass them on would hold ours for ever.
    let unbuffered =
        [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    Ok((unbuffered, Sse::new(events)).into_response())
}

enum Where {
    Now,
    After(Revision),
    Unreadable,
}

/// What the browser says by itself is newer than what the page asked with.
fn resumes_from(headers: &HeaderMap, query: Option<&str>) -> Where {
    const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
    let asked = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "since")
        .map(|(_, value)| value.into_owned());
    let said = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or("?").to_owned());
    let Some(text) = said.or(asked).filter(|text| !text.is_empty()) else { return Where::Now };
    match text.parse() {
        Ok(revision) if revision >= 0 => Where::After(Revision(revision)),
        _ => Where::Unreadable,
    }
}

/// One page's stream, dropped with its connection.
struct Stream {
    feed: Feed,
    web: WebState,
    stay: Stay,
    first: Option<&'static str>,
    items: BTreeSet<WorkItemRef>,
    active: bool,
    /// From when on the next event of its kind may be sent.
    items_from: Instant,
    activity_from: Instant,
    beat: Interval,
    beats: u8,
    open: Gauge,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl Stream {
    fn new(feed: Feed, first: &'static str, web: WebState, stay: Stay) -> Self {
        let open = web.metrics.live_connections.get_or_create_owned(&KIND);
        open.inc();
        let now = Instant::now();
        Self {
            feed,
            web,
            stay,
            first: Some(first),
            items: BTreeSet::new(),
            active: false,
            items_from: now,
            activity_from: now,
            beat: interval_at(now + BEAT, BEAT),
            beats: 0,
            open,
        }
    }

    /// `None` ends the answer: the process stops, or the session has ended.
    async fn next(&mut self) -> Option<Event> {
        let event = self.event().await?;
        self.web.metrics.live_messages.get_or_create_owned(&KIND).inc();
        Some(event)
    }

    async fn event(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            let at = self.feed.at();
            return Some(beginning(first, at).retry(RETRY));
        }
        loop {
            if let Some(event) = self.due(Instant::now()) {
                return Some(event);
            }
            let waits = self.waits_for();
            tokio::select! {
                news = self.feed.next() => match news? {
                    News::Changed(changes) => {
                        self.items.extend(changes.iter().map(|change| change.item.clone()));
                    }
                    News::Activity => self.active = true,
                    News::AccessEnded(name) => {
                        if *name == *self.stay.name() && !self.may_stay().await {
                            return None;
                        }
                    }
                    News::Stalled => return Some(Event::default().event("stalled").data("{}")),
                    News::Reset(to) => {
                        self.items.clear();
                        return Some(beginning("reset", to));
                    }
                },
                () = sleep_until(waits.unwrap_or(self.items_from)), if waits.is_some() => {}
                _ = self.beat.tick() => {
                    self.beats = (self.beats + 1) % BEATS_A_LOOK;
                    if self.beats == 0 && !self.may_stay().await {
                        return None;
                    }
                    return Some(Event::default().event("beat").data("{}"));
                }
            }
        }
    }

    async fn may_stay(&self) -> bool {
        self.feed.in_turn(self.stay.is_good()).await
    }

    fn due(&mut self, now: Instant) -> Option<Event> {
        if !self.items.is_empty() && now >= self.items_from {
            self.items_from = now + ITEMS;
            let items = std::mem::take(&mut self.items);
            let more = items.len() > MOST_NAMED;
            let named: Vec<_> = items.iter().take(MOST_NAMED).collect();
            let data = json!({"refs": named, "more": more}).to_string();
            let id = self.feed.at().to_string();
            return Some(Event::default().event("work-items").id(id).data(data));
        }
        if self.active && now >= self.activity_from {
            self.activity_from = now + ACTIVITY;
            self.active = false;
            return Some(Event::default().event("activity").data("{}"));
        }
        None
    }

    /// When what waits may be sent.
    fn waits_for(&self) -> Option<Instant> {
        let items = (!self.items.is_empty()).then_some(self.items_from);
        let activity = self.active.then_some(self.activity_from);
        items.into_iter().chain(activity).min()
    }
}

fn beginning(name: &str, at: Revision) -> Event {
    let data = json!({"revision": at}).to_string();
    Event::default().event(name).id(at.to_string()).data(data)
}
