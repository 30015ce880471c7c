//! The other systems in words: whether they are asked, what is left of their limits, who waits.

use super::tiles::Tag;
use super::words;
use crate::clock::Timestamp;
use crate::health::remotes::reason;
use crate::health::{Health, Limited, RemoteNow, WaitingClass};
use crate::quota::Circuit;
use crate::web::pages::{Mark, spans};
use crate::work_items::System;

/// One of the other systems.
pub(super) struct RemoteRow {
    pub(super) mark: Mark,
    pub(super) name: String,
    pub(super) tag: Tag,
    /// What is left of its limit.
    pub(super) left: String,
    /// Why it is not asked, and what to do.
    pub(super) trouble: Option<String>,
}

/// Jobs that wait.
pub(super) struct WaitingRow {
    pub(super) class: String,
    pub(super) jobs: String,
    pub(super) said: String,
    /// Whether they could go on and don't.
    pub(super) tone: &'static str,
}

pub(super) fn remotes(health: &Health) -> Vec<RemoteRow> {
    health.remotes.iter().map(|remote| row(remote, health.now)).collect()
}

/// What became of the canary's last touch.
pub(super) fn canary(health: &Health) -> Option<String> {
    let canary = health.canary.as_ref()?;
    let at = spans::when(canary.touched_at?, health.now);
    Some(match (canary.heard_after, canary.missing_since) {
        (Some(after), _) => {
            format!("webhook came {} after the last touch at {at}", words::time(after))
        }
        (None, Some(_)) => format!("no webhook came after the last touch at {at}"),
        (None, None) => format!("touched at {at}, no webhook yet"),
    })
}

fn row(remote: &RemoteNow, now: Timestamp) -> RemoteRow {
    let name = match &remote.server {
        Some(server) => format!("{} ({server})", remote.remote.name()),
        None => remote.remote.name().to_owned(),
    };
    let system = match remote.remote {
        crate::quota::Remote::Plane => System::Plane,
        crate::quota::Remote::Github => System::Github,
    };
    RemoteRow {
        mark: system.into(),
        name,
        tag: tag(remote, now),
        left: left(remote, now),
        trouble: trouble(remote, now),
    }
}

fn tag(remote: &RemoteNow, now: Timestamp) -> Tag {
    match remote.breaker.circuit {
        Circuit::Closed if remote.left == Some(0) => Tag::new("clock", "is-wait", "quota used up"),
        Circuit::Closed => Tag::new("ok", "is-good", "answers"),
        Circuit::Open { until } => {
            Tag::new("failed", "is-bad", format!("away, tried again {}", clock(until, now)))
        }
        Circuit::HalfOpen { .. } => Tag::new("clock", "is-warn", "away, being tried"),
    }
}

fn left(remote: &RemoteNow, now: Timestamp) -> String {
    let number = |count: u32| spans::grouped(i64::from(count));
    let until = remote.resets_at.map(|at| format!(" until {}", clock(at, now)));
    match (remote.left, remote.most) {
        (None, _) => "no limit".to_owned(),
        (Some(left), None) => format!("{} requests left", number(left)),
        (Some(left), Some(most)) => {
            let until = until.unwrap_or_default();
            format!("{} of {} requests left{until}", number(left), number(most))
        }
    }
}

fn trouble(remote: &RemoteNow, now: Timestamp) -> Option<String> {
    let remedy = remote.remedy?;
    let since = remote.breaker.since.map(|at| format!("since {}: ", spans::when(at, now)));
    let error = remote.breaker.last_error.as_deref().unwrap_or("no answer");
    Some(format!("{}{error}; {remedy}", since.unwrap_or_default()))
}

pub(super) fn waiting(health: &Health) -> Vec<WaitingRow> {
    let row = |waiting: &WaitingClass| WaitingRow {
        class: waiting.class.as_str().to_owned(),
        jobs: spans::grouped(waiting.jobs),
        said: said(waiting, health.now),
        tone: if waiting.held.is_some() { "is-wait" } else { "" },
    };
    let limited = |limited: &Limited| WaitingRow {
        class: format!("of {}", limited.repository),
        jobs: spans::grouped(limited.jobs),
        said: format!("for its own limit: the next at {}", clock(limited.until, health.now)),
        tone: "is-wait",
    };
    health.waiting.iter().map(row).chain(health.limited.iter().map(limited)).collect()
}

fn said(waiting: &WaitingClass, now: Timestamp) -> String {
    match waiting.held {
        Some((remote, held)) => {
            format!("until {}: {}", clock(held.until, now), reason(remote, held.why))
        }
        None if waiting.due > 0 => format!("{} due now", spans::grouped(waiting.due)),
        None => format!("the next at {}", clock(waiting.next, now)),
    }
}

/// To the second within the next hours: quotas are counted by minutes.
fn clock(at: Timestamp, now: Timestamp) -> String {
    let format = if (at - now).num_hours() < 20 { "%H:%M:%S" } else { "%-d %b %H:%M" };
    at.format(format).to_string()
}
