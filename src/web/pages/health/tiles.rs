//! The tiles: one for each source, one for Jetbridge itself, one for each repository and project.

use std::time::Duration;

use super::words::{self, Said};
use crate::clock::Timestamp;
use crate::figures::Ended;
use crate::health::{Health, Stream};
use crate::store::flow::LastError;
use crate::store::quotas::QuotaNow;
use crate::web::pages::Mark;
use crate::work_items::System;

/// Icon, tone and word of how something stands.
pub(super) struct Tag {
    pub(super) icon: &'static str,
    pub(super) tone: &'static str,
    pub(super) word: String,
}

impl Tag {
    pub(super) fn new(icon: &'static str, tone: &'static str, word: impl Into<String>) -> Self {
        Self { icon, tone, word: word.into() }
    }
}

/// One figure of a tile.
pub(super) struct Stat {
    pub(super) name: &'static str,
    pub(super) said: Said,
    /// The class of its tone; empty when it is as it should be.
    pub(super) tone: &'static str,
}

/// A limit of another system.
pub(super) struct Meter {
    pub(super) name: &'static str,
    /// Used, of a hundred.
    pub(super) used: f64,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) tone: &'static str,
}

/// What failed last.
pub(super) struct ErrorNote {
    pub(super) text: String,
    pub(super) link: String,
    pub(super) age: String,
}

/// A tile.
pub(super) struct Tile {
    pub(super) mark: Mark,
    pub(super) name: String,
    /// What it is kept in step with.
    pub(super) twin: Option<String>,
    pub(super) note: &'static str,
    pub(super) tag: Tag,
    pub(super) stats: Vec<Stat>,
    pub(super) meters: Vec<Meter>,
    pub(super) error: Option<ErrorNote>,
}

fn stat(name: &'static str, said: Said) -> Stat {
    Stat { name, said, tone: "" }
}

fn plain(name: &'static str, number: String) -> Stat {
    stat(name, Said::of(number, ""))
}

/// The tiles of the sources, and Jetbridge's own.
pub(super) fn sources(health: &Health) -> Vec<Tile> {
    let mut tiles: Vec<_> = health.sources.iter().map(|stream| source(stream, health)).collect();
    tiles.push(own(health));
    tiles
}

/// The tiles of repositories or projects.
pub(super) fn places(streams: &[Stream], health: &Health) -> Vec<Tile> {
    streams.iter().map(|stream| place(stream, health)).collect()
}

fn source(stream: &Stream, health: &Health) -> Tile {
    let system = system(stream);
    let quotas = health.quotas.iter().filter(|q| q.seen.client == stream.source);
    let meters: Vec<_> = quotas.map(|quota| meter(quota, health.now)).collect();
    let used_up = meters.iter().any(|meter| !meter.tone.is_empty());
    let mut tag = tag(stream, health);
    if used_up && tag.tone != "is-bad" {
        tag = Tag::new("clock", "is-warn", "quota used up");
    }
    let mut stats = flow_stats(stream, health);
    stats.insert(3, bad_count("dead", stream.dead));
    stats.extend(lag_stats(stream));
    stats.push(queue(stream, health.now, "queue, oldest"));
    Tile {
        mark: system.into(),
        name: Mark::from(system).name.to_owned(),
        twin: None,
        note: "",
        tag,
        stats,
        meters,
        error: error(stream.last_error.as_ref(), health.now),
    }
}

fn place(stream: &Stream, health: &Health) -> Tile {
    let is_project = stream.source == "plane";
    let twin = stream.plane_project.as_ref().map(|id| project_name(health, id));
    let board_only = !is_project && twin.is_none();
    Tile {
        mark: system(stream).into(),
        name: if is_project { project_name(health, &stream.place) } else { stream.place.clone() },
        twin,
        note: if board_only { "board only" } else { "" },
        tag: tag(stream, health),
        stats: if is_project {
            project_stats(stream, health)
        } else {
            repository_stats(stream, health)
        },
        meters: Vec::new(),
        error: error(stream.last_error.as_ref(), health.now),
    }
}

fn repository_stats(stream: &Stream, health: &Health) -> Vec<Stat> {
    let links = stream.links;
    let part = |n: i64| u64::try_from(n).unwrap_or_default();
    let in_sync = match links.total() {
        0 => Said::of("", "no twin"),
        total => {
            let share = crate::health::ratio(part(links.in_sync), part(total));
            Said::of(words::share(Some(share)), "")
        }
    };
    let tone = match () {
        () if links.broken > 0 => "is-bad",
        () if links.conflict > 0 => "is-clash",
        () => "",
    };
    let mut stats = flow_stats(stream, health);
    stats.push(Stat { name: "in sync", said: in_sync, tone });
    stats.extend(lag_stats(stream));
    stats.push(queue(stream, health.now, "queue"));
    stats
}

/// When something last came is known of the whole source only, as is what waits.
fn project_stats(stream: &Stream, health: &Health) -> Vec<Stat> {
    let count = |ended| words::count(stream.ends.count(ended));
    let mut stats = flow_stats(stream, health);
    stats[0] = plain("worked off", words::count(stream.ends.total()));
    let failed = i64::try_from(stream.ends.count(Ended::Failed)).unwrap_or(i64::MAX);
    stats.push(bad_count("failed", failed));
    stats.extend(lag_stats(stream));
    stats.push(plain("ignored", count(Ended::Ignored)));
    stats
}

fn own(health: &Health) -> Tile {
    let facts: Vec<_> = health.processes.iter().map(|p| p.facts).collect();
    let worst = |of: fn(&crate::store::duties::Facts) -> Option<f64>| {
        let worst = facts
            .iter()
            .filter_map(of)
            .fold(None, |a: Option<f64>, b| Some(a.map_or(b, |a| a.max(b))));
        words::time_or_none(worst.map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1000.0)))
    };
    let refused: u64 = facts.iter().map(|f| f.refused).sum();
    let (busy, workers) =
        (facts.iter().map(|f| f.busy).sum::<i64>(), facts.iter().map(|f| f.workers).sum::<u64>());
    let newest = health.processes.iter().map(|p| p.started_at).max();
    let up = newest.map_or_else(words::none, |at| Said::of(words::age(at, health.now), ""));
    let mut versions: Vec<_> = health.processes.iter().map(|p| p.version.as_str()).collect();
    versions.dedup();
    let (open, most) =
        facts.iter().fold((0, 0), |(o, m), f| (o + f.connections, m + f.most_connections));
    let used = crate::health::ratio(u64::from(open), u64::from(most)) * 100.0;
    let trouble = health.alarms.iter().any(|a| a.subject == "queue");
    Tile {
        mark: Mark { letters: "JB", name: "Jetbridge", class: "mark-jb" },
        name: "Jetbridge".to_owned(),
        twin: None,
        note: "",
        tag: match health.processes.len() {
            0 => Tag::new("clock", "is-wait", "starting"),
            _ if trouble => Tag::new("failed", "is-bad", "queue stuck"),
            _ => Tag::new("ok", "is-good", "working"),
        },
        stats: vec![
            stat("up", up),
            plain("version", versions.join(", ")),
            plain("accepted p99", worst(|f| f.accepted_p99_ms)),
            plain("refused", words::count(refused)),
            Stat {
                name: "of workers",
                said: Said::of(busy.to_string(), &format!("of {workers} busy")),
                tone: if workers == 0 && !facts.is_empty() { "is-bad" } else { "" },
            },
            stat("database", words::bytes(health.database_bytes)),
            plain("commit p99", worst(|f| f.commit_p99_ms)),
            plain("processes", health.processes.len().to_string()),
        ],
        meters: vec![Meter {
            name: "Connections",
            used,
            title: format!("{open} of {most} database connections open"),
            text: format!("{open} of {most}"),
            tone: "",
        }],
        error: None,
    }
}

fn flow_stats(stream: &Stream, health: &Health) -> Vec<Stat> {
    let success = stream.ends.success();
    vec![
        stat("last seen", words::ago(stream.last_seen, health.now)),
        stat("rate", words::rate(stream.ends.total(), health.range.length())),
        Stat {
            name: "success",
            said: Said::of(words::share(success), ""),
            tone: if success.is_some_and(|share| share < 0.99) { "is-warn" } else { "" },
        },
    ]
}

fn lag_stats(stream: &Stream) -> Vec<Stat> {
    let lags = &stream.ends.lags;
    let at = |name, per_cent| plain(name, words::time_or_none(lags.percentile(per_cent)));
    vec![at("lag p50", 50), at("p95", 95), at("p99", 99)]
}

fn queue(stream: &Stream, now: Timestamp, name: &'static str) -> Stat {
    let oldest = stream.oldest.filter(|at| *at <= now).map(|at| words::age(at, now));
    stat(name, Said::of(stream.queued.to_string(), &oldest.unwrap_or_default()))
}

fn bad_count(name: &'static str, count: i64) -> Stat {
    Stat { tone: if count > 0 { "is-bad" } else { "" }, ..plain(name, count.to_string()) }
}

fn tag(stream: &Stream, health: &Health) -> Tag {
    let name = if stream.place.is_empty() { &stream.source } else { &stream.place };
    let silent = health.alarms.iter().any(|a| a.kind == "silence" && a.subject == *name);
    match () {
        () if stream.dead > 0 => Tag::new("dead", "is-bad", format!("{} failed", stream.dead)),
        () if silent => Tag::new("ignored", "is-warn", "silent"),
        () if stream.links.broken > 0 => {
            Tag::new("failed", "is-bad", format!("{} broken", stream.links.broken))
        }
        () if stream.links.conflict > 0 => {
            Tag::new("failed", "is-clash", format!("{} in conflict", stream.links.conflict))
        }
        () if stream.retrying > 0 => {
            Tag::new("attempt", "is-warn", format!("{} retrying", stream.retrying))
        }
        () if stream.last_seen.is_none() && stream.ends.total() == 0 => {
            Tag::new("ignored", "is-off", "nothing yet")
        }
        () => Tag::new("ok", "is-good", "working"),
    }
}

fn meter(quota: &QuotaNow, now: Timestamp) -> Meter {
    let seen = &quota.seen;
    let used_up = seen.used_up && seen.resets_at.is_none_or(|at| at > now);
    let left = seen.remaining.unwrap_or_default().max(0);
    let most = seen.most.unwrap_or(left).max(left).max(1);
    let part = |n: i64| u64::try_from(n).unwrap_or_default();
    let used = if used_up { 1.0 } else { crate::health::ratio(part(most - left), part(most)) };
    let reset =
        seen.resets_at.filter(|at| *at > now).map(|at| format!(", {}", words::age(now, at)));
    let left = if used_up { 0 } else { part(left) };
    let as_of = words::age(seen.seen_at, now);
    Meter {
        name: if seen.client == "plane" { "API key" } else { "REST" },
        used: used * 100.0,
        title: format!("{} of {most} used, as of {as_of} ago", part(most).saturating_sub(left)),
        text: format!("{} left{}", words::count(left), reset.unwrap_or_default()),
        tone: if used_up { "is-warn" } else { "" },
    }
}

fn error(error: Option<&LastError>, now: Timestamp) -> Option<ErrorNote> {
    let error = error?;
    let id = form_urlencoded::byte_serialize(error.delivery_id.as_bytes()).collect::<String>();
    Some(ErrorNote {
        text: error.error.clone(),
        link: format!("/deliveries/{}/{}", error.source, id.replace('+', "%20")),
        age: words::age(error.at, now),
    })
}

fn system(stream: &Stream) -> System {
    if stream.source == "plane" { System::Plane } else { System::Github }
}

/// `SYNC` where an item's key tells it, else the beginning of the id; `owner/name` as it is.
pub(super) fn project_name(health: &Health, project: &str) -> String {
    let key = health.flows.iter().find(|f| f.project == project).and_then(|f| f.key.as_deref());
    match key.and_then(|key| key.rsplit_once('-')) {
        _ if project.contains('/') => project.to_owned(),
        Some((name, _)) => name.to_owned(),
        None => project.chars().take(8).collect(),
    }
}
