//! The health page: what is wrong and what to do about it, then how it went, then each part.
//!
//! Ranges are links, charts are SVG with their values as a table below, and every figure is in a
//! part that the live view swaps. How links stand is told as the sync last wrote it; whether both
//! sides are really equal is told as the last comparison found it, with its time.

mod charts;
mod lost;
mod remotes;
mod tiles;
mod words;

use std::time::Duration;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Html;

use self::charts::Scale;
use self::remotes::{RemoteRow, WaitingRow};
use self::tiles::Tile;
use super::query::Params;
use super::{Frame, Mark, Problem, Section, WebState, render, spans};
use crate::access::Caller;
use crate::clock::Timestamp;
use crate::figures::Ended;
use crate::health::{self, Health, Range, Slot};
use crate::store::alarms::RaisedAlarm;
use crate::work_items::System;

/// Kinds of events that are listed.
const MOST_EVENTS: usize = 12;
/// Repositories of which all are told at once.
const FEW: usize = 5;
/// Projects that are listed.
const MOST_FLOWS: usize = 20;
/// Words along the bottom of a chart.
const TIME_MARKS: usize = 5;

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage {
    frame: Frame,
    /// What waits in this process's spool, in words.
    spooled: Option<String>,
    health: Health,
    /// Webhooks that GitHub sent in vain.
    lost: Option<lost::Lost>,
    charts: [Chart; 3],
    remotes: Vec<RemoteRow>,
    /// How Plane's webhook followed on the canary's last touch, in words.
    canary: Option<String>,
    waiting: Vec<WaitingRow>,
    sources: Vec<Tile>,
    repositories: Vec<Tile>,
    projects: Vec<Tile>,
    events: Vec<EventRow>,
    flows: Vec<FlowRow>,
}

/// A chart with its words.
struct Chart {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    /// What it shows, in words.
    said: String,
    legend: Vec<Legend>,
    y: [String; 3],
    /// Class and path of each part, the lowest first.
    paths: Vec<(&'static str, String)>,
    x: Vec<String>,
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
}

/// What a color or a line stands for.
struct Legend {
    /// A class and the path of its sample; nothing where it is only a figure.
    sample: Option<(&'static str, &'static str)>,
    text: String,
}

struct EventRow {
    mark: Mark,
    event: String,
    count: String,
    /// Of a hundred, of the most frequent one.
    width: f64,
    failed: u64,
    share: String,
}

struct FlowRow {
    mark: Mark,
    project: String,
    completed: usize,
    p50: String,
    p90: String,
    open: i64,
    ages: [i64; 4],
}

impl HealthPage {
    fn range_link(range: Range) -> String {
        format!("/health?range={range}")
    }

    /// `24 h`.
    fn range_name(range: Range) -> String {
        let word = range.as_str();
        let (number, unit) = word.split_at(word.len() - 1);
        format!("{number} {unit}")
    }

    fn is_current(&self, range: Range) -> bool {
        self.health.range == range
    }

    fn since(&self, alarm: &RaisedAlarm) -> String {
        spans::when(alarm.raised_at, self.health.now)
    }

    fn alarm_tone(alarm: &RaisedAlarm) -> &'static str {
        match alarm.kind.as_str() {
            "quota_used_up" | "silence" => "is-warn",
            _ => "is-bad",
        }
    }

    fn alarm_icon(alarm: &RaisedAlarm) -> &'static str {
        match alarm.kind.as_str() {
            "quota_used_up" | "remote_away" => "clock",
            "silence" | "plane_webhook_off" => "ignored",
            "dead_jobs" => "dead",
            _ => "failed",
        }
    }

    fn in_sync(&self) -> String {
        let part = |n: i64| u64::try_from(n).unwrap_or_default();
        let links = &self.health.links;
        match links.total() {
            0 => "–".to_owned(),
            total => words::share(Some(health::ratio(part(links.in_sync), part(total)))),
        }
    }

    fn time(&self, at: Timestamp) -> String {
        spans::when(at, self.health.now)
    }

    /// The repositories that are told at once: all of a few, else those that somebody has to look at.
    fn drift_shown(&self) -> Vec<&health::Drift> {
        let drift = &self.health.drift;
        drift.iter().filter(|one| drift.len() <= FEW || !is_settled(one)).collect()
    }

    /// The others.
    fn drift_folded(&self) -> Vec<&health::Drift> {
        let drift = &self.health.drift;
        drift.iter().filter(|one| drift.len() > FEW && is_settled(one)).collect()
    }

    /// How many items were compared, and how many of those that differ are not shown.
    fn compared(drift: &health::Drift) -> String {
        let number = |n: u64| spans::grouped(i64::try_from(n).unwrap_or(i64::MAX));
        let ledger = &drift.ledger;
        let mut text = format!("{} items compared", number(ledger.compared));
        if ledger.differing > 0 {
            text += &format!(", {} differ", number(ledger.differing));
        }
        let more = ledger.differing.saturating_sub(drift.items.len() as u64);
        if more > 0 {
            text += &format!(", {} of them not shown", number(more));
        }
        text
    }

    fn linked(&self) -> String {
        spans::grouped(self.health.links.total())
    }
}

/// Whether nobody has to look at how a repository stands.
fn is_settled(drift: &health::Drift) -> bool {
    let ledger = &drift.ledger;
    ledger.proven_at.is_some() && ledger.differing == 0 && ledger.last_error.is_none()
}

/// `GET /health`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Html<String>, Problem> {
    let params = Params::read(query.as_deref())?;
    let range = params.word::<Range>("range")?.unwrap_or_default();
    let health = health::read(&web.store, range, web.clock.now()).await?;
    render(&HealthPage {
        frame: Frame::read(&web, Section::Health, caller).await?,
        spooled: web.spool.as_ref().and_then(|spool| spool.state().said()),
        lost: lost::lost(&health.recovery, health.now),
        charts: [throughput(&health), lag(&health), depth(&health)],
        remotes: remotes::remotes(&health),
        canary: remotes::canary(&health),
        waiting: remotes::waiting(&health),
        sources: tiles::sources(&health),
        repositories: tiles::places(&health.repositories, &health),
        projects: tiles::places(&health.projects, &health),
        events: events(&health),
        flows: flows(&health),
        health,
    })
}

const BOX: &str = "M0 0h14v10h-14z";
const DASH: &str = "M0 5h14";

#[expect(clippy::cast_precision_loss, reason = "points of a chart")]
fn throughput(health: &Health) -> Chart {
    const LAYERS: [(Ended, &str, &str); 4] = [
        (Ended::Done, "a-done", "done"),
        (Ended::Ignored, "a-ignored", "ignored"),
        (Ended::Retried, "a-retried", "done after retry"),
        (Ended::Failed, "a-failed", "failed"),
    ];
    let most = health.slots.iter().map(|slot| slot.ends.total()).max().unwrap_or(0);
    let layers: Vec<Vec<f64>> = LAYERS
        .iter()
        .map(|(ended, ..)| health.slots.iter().map(|s| s.ends.count(*ended) as f64).collect())
        .collect();
    let scale = Scale::round(most as f64);
    let paths = charts::stacked(&layers, scale);
    let legend = LAYERS.iter().map(|(ended, class, word)| Legend {
        sample: Some((*class, BOX)),
        text: format!("{word} {}", words::count(health.ends.count(*ended))),
    });
    let row = |slot: &Slot| LAYERS.map(|(ended, ..)| words::count(slot.ends.count(ended))).to_vec();
    Chart {
        id: "throughput",
        title: "Throughput",
        unit: health.range.step_name(),
        said: format!(
            "Deliveries {}, stacked by how they ended: {} in all, at most {}",
            health.range.step_name(),
            words::count(health.ends.total()),
            words::count(most)
        ),
        legend: legend.collect(),
        y: scale.marks().map(whole),
        paths: LAYERS.iter().zip(paths).map(|((_, class, _), path)| (*class, path)).collect(),
        x: time_marks(health),
        columns: LAYERS.map(|(.., word)| word).to_vec(),
        rows: rows(health, row),
    }
}

fn lag(health: &Health) -> Chart {
    const LINES: [(u8, &str, &str); 3] =
        [(50, "l-50", "p50"), (95, "l-95", "p95"), (99, "l-99", "p99")];
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let lines = LINES.map(|(per_cent, ..)| {
        let value = |slot: &Slot| slot.ends.lags.percentile(per_cent).map(millis);
        health.slots.iter().map(value).collect::<Vec<_>>()
    });
    let scale = Scale::decades(lines.iter().flatten().filter_map(|value| *value));
    let legend = LINES.iter().map(|(per_cent, class, word)| Legend {
        sample: Some((*class, DASH)),
        text: format!("{word} {}", words::time_or_none(health.ends.lags.percentile(*per_cent))),
    });
    let row = |slot: &Slot| {
        LINES
            .map(|(per_cent, ..)| words::time_or_none(slot.ends.lags.percentile(per_cent)))
            .to_vec()
    };
    let mark = |ms: f64| words::time(Duration::from_secs_f64(ms / 1000.0)).replace(".0", "");
    Chart {
        id: "lag",
        title: "Lag, received to done",
        unit: "log scale",
        said: format!(
            "Time from receipt to the end of work: half within {}, 99 of 100 within {}",
            words::time_or_none(health.ends.lags.percentile(50)),
            words::time_or_none(health.ends.lags.percentile(99))
        ),
        legend: legend.collect(),
        y: scale.marks().map(mark),
        paths: LINES
            .iter()
            .zip(&lines)
            .map(|((_, class, _), values)| (*class, charts::line(values, scale)))
            .collect(),
        x: time_marks(health),
        columns: LINES.map(|(.., word)| word).to_vec(),
        rows: rows(health, row),
    }
}

#[expect(clippy::cast_precision_loss, reason = "points of a chart")]
fn depth(health: &Health) -> Chart {
    let values: Vec<_> = health.slots.iter().map(|s| s.waiting.map(|w| w as f64)).collect();
    let highest =
        health.slots.iter().filter_map(|s| Some((s.waiting?, s.start))).max_by_key(|s| s.0);
    let scale = Scale::round(values.iter().flatten().copied().fold(0.0, f64::max));
    let oldest = health.queue.oldest.map(|at| words::age(at, health.now));
    let mut legend = vec![Legend {
        sample: Some(("depth", DASH)),
        text: format!("waiting {}", spans::grouped(health.queue.waiting)),
    }];
    let mut say = |text: String| legend.push(Legend { sample: None, text });
    if let Some(oldest) = &oldest {
        say(format!("oldest {oldest}"));
    }
    if let Some((most, at)) = highest {
        let at = spans::when(at, health.now);
        say(format!(
            "highest {} at {}",
            spans::grouped(most),
            at.strip_suffix(":00").unwrap_or(&at)
        ));
    }
    let row = |slot: &Slot| {
        let waiting = slot.waiting.map_or_else(|| "–".to_owned(), spans::grouped);
        let oldest = slot.oldest_seconds.filter(|s| *s > 0.0);
        vec![waiting, words::span(oldest)]
    };
    Chart {
        id: "depth",
        title: "Queue depth",
        unit: "jobs waiting",
        said: match highest {
            Some((most, _)) => {
                format!("Jobs waiting: {} now, at most {most}", health.queue.waiting)
            }
            None => format!("Jobs waiting: {} now; not sampled yet", health.queue.waiting),
        },
        legend,
        y: scale.marks().map(whole),
        paths: vec![
            ("depth-area", charts::area(&values, scale)),
            ("depth", charts::line(&values, scale)),
        ],
        x: time_marks(health),
        columns: vec!["waiting", "oldest"],
        rows: rows(health, row),
    }
}

/// A value on a linear scale.
fn whole(mark: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "counts far below 2^52")]
    spans::grouped(mark.round() as i64)
}

/// The newest slots first, those alone in which anything is known.
fn rows(health: &Health, row: impl Fn(&Slot) -> Vec<String>) -> Vec<(String, Vec<String>)> {
    let known = |slot: &&Slot| slot.ends.total() > 0 || slot.waiting.is_some();
    let name = |at: Timestamp| slot_name(health.range, at);
    health.slots.iter().rev().filter(known).map(|slot| (name(slot.start), row(slot))).collect()
}

fn slot_name(range: Range, at: Timestamp) -> String {
    let format = match range {
        Range::Hour | Range::Day => "%H:%M",
        Range::Week | Range::Month => "%-d %b %H:%M",
    };
    at.format(format).to_string()
}

fn time_marks(health: &Health) -> Vec<String> {
    let format = match health.range {
        Range::Hour | Range::Day => "%H:%M",
        Range::Week | Range::Month => "%-d %b",
    };
    let last = health.slots.len().saturating_sub(1);
    let at = |nth: usize| health.slots.get(last * nth / (TIME_MARKS - 1));
    let marks = (0..TIME_MARKS).filter_map(at);
    marks.map(|slot| slot.start.format(format).to_string()).collect()
}

fn mark_of(source: &str) -> Mark {
    if source == "plane" { System::Plane.into() } else { System::Github.into() }
}

fn events(health: &Health) -> Vec<EventRow> {
    let most = health.events.first().map_or(0, |event| event.ends.total());
    let row = |event: &health::EventCount| EventRow {
        mark: mark_of(&event.source),
        event: event.event.clone(),
        count: words::count(event.ends.total()),
        width: health::ratio(event.ends.total(), most) * 100.0,
        failed: event.ends.count(Ended::Failed),
        share: format!("{:.0} %", health::ratio(event.ends.total(), health.ends.total()) * 100.0),
    };
    health.events.iter().take(MOST_EVENTS).map(row).collect()
}

fn flows(health: &Health) -> Vec<FlowRow> {
    let row = |flow: &health::Flow| FlowRow {
        mark: mark_of(if flow.project.contains('/') { "github" } else { "plane" }),
        project: tiles::project_name(health, &flow.project),
        completed: flow.completed,
        p50: words::span(flow.p50),
        p90: words::span(flow.p90),
        open: flow.open.iter().sum(),
        ages: flow.open,
    };
    health.flows.iter().take(MOST_FLOWS).map(row).collect()
}
