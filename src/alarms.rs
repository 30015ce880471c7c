//! When to raise an alarm, decided from figures alone. What follows from it (keeping, telling) is
//! done by `jobs/watch`.
//!
//! - *Silence*: nothing came for half as long again as the longest silence of the last two weeks,
//!   and for an hour at least. So a source that is quiet at night and over the weekend has nights
//!   and weekends in its rhythm and raises nothing then. What has less than three days or twenty
//!   events behind it has no rhythm yet.
//! - *Failures*: of the last hour's ends, twenty at least, five of a hundred failed for good, and
//!   five at least.
//! - *Dead jobs*: there are some. They stay until they are replayed.
//! - *Queue stuck*: the oldest due job waits longer than five minutes.
//! - *Remote away*: another system has not answered for five minutes. Jobs wait for it without using
//!   up attempts, so none of them would ever say so.
//! - *Plane's webhook off*: the canary was touched and no webhook followed by its deadline.
//! - *Webhooks lost*: GitHub was asked for a webhook as often as it may be, and it never came. What it
//!   told is found by a comparison of both sides.
//! - *Quota used up*: a limit of another system was reached in ten of the last sixty minutes.
//!
//! Deliberately absent: anything that could only be guessed. An alarm tells what to do next.

use std::time::Duration;

use chrono::TimeDelta;

use crate::clock::Timestamp;

/// How far back the rhythm of a source is learned.
pub const RHYTHM: TimeDelta = TimeDelta::days(14);
/// The time over which failures are counted.
pub const WINDOW: TimeDelta = TimeDelta::hours(1);
const LEAST_PAST: TimeDelta = TimeDelta::days(3);
const LEAST_EVENTS: u64 = 20;
const LEAST_SILENCE: TimeDelta = TimeDelta::hours(1);
const LEAST_ENDS: u64 = 20;
const LEAST_FAILED: u64 = 5;
const FAILED_PER_CENT: u64 = 5;
const STANDSTILL: TimeDelta = TimeDelta::minutes(5);
const MINUTES_USED_UP: i64 = 10;

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Jobs failed for good.
    Dead,
    /// Many deliveries fail.
    Failures,
    /// The queue does not move.
    Stuck,
    /// Another system does not answer.
    Away,
    /// Plane's webhook does not come, though something happened.
    WebhookOff,
    /// Webhooks never came, however often they were asked for.
    Lost,
    /// Nothing comes any more.
    Silence,
    /// A limit of another system.
    Quota,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Dead,
        Self::Failures,
        Self::Stuck,
        Self::Away,
        Self::WebhookOff,
        Self::Lost,
        Self::Silence,
        Self::Quota,
    ];

    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead_jobs",
            Self::Failures => "failure_rate",
            Self::Stuck => "queue_stuck",
            Self::Away => "remote_away",
            Self::WebhookOff => "plane_webhook_off",
            Self::Lost => "webhooks_lost",
            Self::Silence => "silence",
            Self::Quota => "quota_used_up",
        }
    }
}

/// Whether an alarm came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It came.
    Raised,
    /// It went.
    Cleared,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// What kind of thing.
    pub kind: Kind,
    /// Whose: a source, a repository, a client; with the kind it is the alarm's name.
    pub subject: String,
    /// What is wrong, in one line.
    pub title: String,
    /// More of it.
    pub detail: String,
    /// The line to paste.
    pub remedy: String,
    /// Since when.
    pub since: Timestamp,
}

/// Everything that alarms are decided from.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// Sources and places with a past.
    pub streams: Vec<Stream>,
    /// Ends of the last [`WINDOW`], by source.
    pub ends: Vec<Ends>,
    /// Dead jobs, by source and repository.
    pub dead: Vec<Dead>,
    /// When the oldest waiting job became due.
    pub oldest_due: Option<Timestamp>,
    /// Whether any process works the queue off.
    pub workers: Workers,
    /// Limits of other systems.
    pub quotas: Vec<Quota>,
    /// Other systems that are not asked, since they do not answer.
    pub away: Vec<Away>,
    /// Webhooks of GitHub's that were given up of late.
    pub given_up: u64,
    /// That Plane's webhooks are missing.
    pub webhook_missing: Option<WebhookMissing>,
}

/// Webhooks that do not follow a change.
#[derive(Debug, Clone, Copy)]
pub struct WebhookMissing {
    /// When the change was made.
    pub since: Timestamp,
    /// How long was waited for it.
    pub deadline: Duration,
}

/// Another system that does not answer.
#[derive(Debug, Clone)]
pub struct Away {
    /// `plane`, `github`.
    pub client: String,
    /// Since when.
    pub since: Timestamp,
    /// What the last question came to.
    pub error: String,
    /// When it is tried again.
    pub next: Timestamp,
}

/// Whether any process works the queue off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Workers {
    /// At least one.
    #[default]
    Some,
    /// None that said so of late.
    None,
}

/// Where events come from.
#[derive(Debug, Clone)]
pub struct Stream {
    /// `plane`, `github`.
    pub source: String,
    /// `owner/name`; empty for the whole source.
    pub place: String,
    /// When something last came.
    pub last: Timestamp,
    /// When something first came within [`RHYTHM`].
    pub first: Timestamp,
    /// How much came since then.
    pub events: u64,
    /// The longest silence since then.
    pub longest_gap: TimeDelta,
}

/// How deliveries ended.
#[derive(Debug, Clone)]
pub struct Ends {
    /// `plane`, `github`.
    pub source: String,
    /// All of them.
    pub all: u64,
    /// Those that failed for good.
    pub failed: u64,
}

/// Jobs that failed for good.
#[derive(Debug, Clone)]
pub struct Dead {
    /// `plane`, `github`.
    pub source: String,
    /// `owner/name`; empty where there is none.
    pub place: String,
    /// How many.
    pub count: i64,
    /// When the first of them died.
    pub since: Timestamp,
    /// What the newest of them died of.
    pub error: String,
}

/// A limit of another system.
#[derive(Debug, Clone)]
pub struct Quota {
    /// `plane`, `github`, or `github HOST` for one of `[[github.hosts]]`.
    pub client: String,
    /// Minutes of the last sixty in which it was used up.
    pub minutes: i64,
    /// Requests of a whole window, where known.
    pub most: Option<i64>,
}

/// The alarms of a situation.
pub fn judge(situation: &Situation, now: Timestamp) -> Vec<Alarm> {
    let mut alarms: Vec<_> = dead(&situation.dead).into_iter().collect();
    alarms.extend(situation.ends.iter().filter_map(|ends| failures(ends, now)));
    alarms.extend(situation.oldest_due.and_then(|due| stuck(due, situation.workers, now)));
    let silent: Vec<_> = situation.streams.iter().filter(|s| is_silent(s, now)).collect();
    // When a whole source is silent, each of its repositories is, too.
    let whole = |s: &Stream| silent.iter().any(|o| o.place.is_empty() && o.source == s.source);
    alarms
        .extend(silent.iter().filter(|s| s.place.is_empty() || !whole(s)).map(|s| silence(s, now)));
    alarms.extend(situation.away.iter().filter_map(|away| remote_away(away, now)));
    alarms.extend(situation.webhook_missing.map(webhook_off));
    alarms.extend(lost(situation.given_up, now));
    alarms.extend(situation.quotas.iter().filter_map(|quota| quota_used_up(quota, now)));
    alarms
}

/// Whether a stream is silent for longer than its rhythm explains.
pub fn is_silent(stream: &Stream, now: Timestamp) -> bool {
    let has_rhythm = now - stream.first >= LEAST_PAST && stream.events >= LEAST_EVENTS;
    let longest = stream.longest_gap + stream.longest_gap / 2;
    has_rhythm && now - stream.last > longest.max(LEAST_SILENCE)
}

fn silence(stream: &Stream, now: Timestamp) -> Alarm {
    let name = source_name(&stream.source);
    let (subject, place) = if stream.place.is_empty() {
        (stream.source.clone(), name.to_owned())
    } else {
        (stream.place.clone(), stream.place.clone())
    };
    let where_to_look = match (stream.source.as_str(), stream.place.as_str()) {
        ("github", place) if place.matches('/').count() == 1 => {
            format!("https://github.com/{place}/settings/hooks")
        }
        _ => "jetbridge doctor".to_owned(),
    };
    Alarm {
        kind: Kind::Silence,
        subject,
        title: format!("Nothing has come from {place} for {}", length(now - stream.last)),
        detail: format!(
            "Its longest silence of the last two weeks was {}. Look at the webhook’s recent deliveries at {name}",
            length(stream.longest_gap)
        ),
        remedy: where_to_look,
        since: stream.last,
    }
}

fn failures(ends: &Ends, now: Timestamp) -> Option<Alarm> {
    let many = ends.all >= LEAST_ENDS && ends.failed >= LEAST_FAILED;
    if !many || ends.failed * 100 < ends.all * FAILED_PER_CENT {
        return None;
    }
    let name = source_name(&ends.source);
    Some(Alarm {
        kind: Kind::Failures,
        subject: ends.source.clone(),
        title: format!("{} of 100 deliveries from {name} fail", ends.failed * 100 / ends.all),
        detail: format!("{} of {} failed for good within an hour", ends.failed, ends.all),
        remedy: format!("jetbridge deliveries list --source {} --status failed", ends.source),
        since: now,
    })
}

fn dead(dead: &[Dead]) -> Option<Alarm> {
    let count: i64 = dead.iter().map(|d| d.count).sum();
    let since = dead.iter().map(|d| d.since).min()?;
    if count == 0 {
        return None;
    }
    let reason = |d: &Dead| {
        let place = if d.place.is_empty() { source_name(&d.source) } else { &d.place };
        format!("{} × {place}: {}", d.count, cut(&d.error))
    };
    let remedy = match dead {
        [one] if !one.place.is_empty() => {
            format!("jetbridge deliveries replay --status failed --repository {}", one.place)
        }
        [one] => format!("jetbridge deliveries replay --status failed --source {}", one.source),
        _ => "jetbridge deliveries replay --status failed".to_owned(),
    };
    let deliveries = if count == 1 { "delivery" } else { "deliveries" };
    Some(Alarm {
        kind: Kind::Dead,
        subject: "deliveries".to_owned(),
        title: format!("{count} {deliveries} failed for good"),
        detail: dead.iter().take(3).map(reason).collect::<Vec<_>>().join("; "),
        remedy,
        since,
    })
}

fn stuck(due: Timestamp, workers: Workers, now: Timestamp) -> Option<Alarm> {
    if now - due < STANDSTILL {
        return None;
    }
    let (detail, remedy) = match workers {
        Workers::None => ("No process works it off", "jetbridge serve --role worker"),
        Workers::Some => {
            ("It is worked off too slowly, or not at all: look at the log, too", "jetbridge doctor")
        }
    };
    Some(Alarm {
        kind: Kind::Stuck,
        subject: "queue".to_owned(),
        title: format!("The oldest job has been due for {}", length(now - due)),
        detail: detail.to_owned(),
        remedy: remedy.to_owned(),
        since: due,
    })
}

fn webhook_off(missing: WebhookMissing) -> Alarm {
    let waited = TimeDelta::from_std(missing.deadline).unwrap_or_default();
    Alarm {
        kind: Kind::WebhookOff,
        subject: "plane".to_owned(),
        title: "Plane’s webhook does not come".to_owned(),
        detail: format!(
            "A work item was changed, and no webhook followed within {}. Plane switches a webhook off after some failed tries, and what happens meanwhile is lost: afterwards run jetbridge reconcile",
            length(waited)
        ),
        remedy: "Plane: Workspace settings → Webhooks → this one’s address → switch it on"
            .to_owned(),
        since: missing.since,
    }
}

fn remote_away(away: &Away, now: Timestamp) -> Option<Alarm> {
    if now - away.since < STANDSTILL {
        return None;
    }
    let name = source_name(&away.client);
    Some(Alarm {
        kind: Kind::Away,
        subject: away.client.clone(),
        title: format!("{name} has not answered for {}", length(now - away.since)),
        detail: format!(
            "{}. What needs it waits and loses nothing; it is tried by itself, next at {}",
            cut(&away.error),
            away.next.format("%H:%M:%S")
        ),
        remedy: "jetbridge doctor".to_owned(),
        since: away.since,
    })
}

fn lost(given_up: u64, now: Timestamp) -> Option<Alarm> {
    let webhooks = if given_up == 1 { "webhook" } else { "webhooks" };
    (given_up > 0).then(|| Alarm {
        kind: Kind::Lost,
        subject: "github".to_owned(),
        title: format!("{given_up} {webhooks} of GitHub’s never came"),
        detail: "GitHub was asked for them as often as it may be, and sent them in vain: look at the webhook’s recent deliveries there. What they told is found by jetbridge reconcile".to_owned(),
        remedy: "jetbridge recover".to_owned(),
        since: now,
    })
}

fn quota_used_up(quota: &Quota, now: Timestamp) -> Option<Alarm> {
    if quota.minutes < MINUTES_USED_UP {
        return None;
    }
    let (remote, server) = match quota.client.split_once(' ') {
        Some((remote, server)) => (remote, Some(server)),
        None => (quota.client.as_str(), None),
    };
    let name = source_name(remote);
    let block = server.map(|server| format!("; set it in the [[github.hosts]] of {server}"));
    let block = block.unwrap_or_default();
    let of_server = server.map(|server| format!(" on {server}")).unwrap_or_default();
    let allows = quota.most.map_or_else(String::new, |most| format!(": {most} requests"));
    let (detail, remedy) = if remote == "plane" {
        (
            "Writes wait. Where Plane runs on your own servers, raise its limit for API keys; its default is 60 a minute"
                .to_owned(),
            "API_KEY_RATE_LIMIT=300/minute".to_owned(),
        )
    } else {
        (
            format!(
                "Reads wait until the window is over{allows}. A token of a GitHub App has a larger one{block}"
            ),
            match server {
                Some(_) => "token = 'ghs_…'".to_owned(),
                None => "JETBRIDGE_GITHUB_TOKEN=ghs_…".to_owned(),
            },
        )
    };
    Some(Alarm {
        kind: Kind::Quota,
        subject: quota.client.clone(),
        title: format!("{name}’s quota{of_server} was used up in {} of 60 minutes", quota.minutes),
        detail,
        remedy,
        since: now,
    })
}

fn source_name(source: &str) -> &str {
    match source {
        "plane" => "Plane",
        "github" => "GitHub",
        other => other,
    }
}

/// The beginning of an error.
fn cut(error: &str) -> String {
    const MOST: usize = 160;
    match error.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &error[..end]),
        None => error.to_owned(),
    }
}

/// `9 min`, `5 h`, `3 d`.
fn length(time: TimeDelta) -> String {
    match time.num_minutes().max(0) {
        minutes @ 0..120 => format!("{minutes} min"),
        minutes @ 120..2880 => format!("{} h", minutes / 60),
        minutes => format!("{} d", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T02:00:00Z".parse().unwrap()
    }

    fn stream(place: &str, silent: TimeDelta, longest_gap: TimeDelta) -> Stream {
        Stream {
            source: "github".to_owned(),
            place: place.to_owned(),
            last: now() - silent,
            first: now() - TimeDelta::days(14),
            events: 500,
            longest_gap,
        }
    }

    fn kinds(situation: &Situation) -> Vec<Kind> {
        judge(situation, now()).into_iter().map(|alarm| alarm.kind).collect()
    }

    #[test]
    fn a_source_that_sleeps_at_night_is_not_silent_at_night() {
        let night = TimeDelta::hours(12);
        assert!(!is_silent(&stream("", TimeDelta::hours(14), night), now()));
        assert!(is_silent(&stream("", TimeDelta::hours(19), night), now()));
    }

    #[test]
    fn a_busy_source_is_silent_after_an_hour_and_not_before() {
        let busy = TimeDelta::minutes(5);
        assert!(!is_silent(&stream("", TimeDelta::minutes(60), busy), now()));
        assert!(is_silent(&stream("", TimeDelta::minutes(61), busy), now()));
    }

    #[test]
    fn without_a_past_there_is_no_rhythm_to_fall_silent_in() {
        let long = TimeDelta::days(2);
        let mut young = stream("", long, TimeDelta::minutes(5));
        young.first = now() - TimeDelta::days(2);
        assert!(!is_silent(&young, now()));
        let few = Stream { events: 19, ..stream("", long, TimeDelta::minutes(5)) };
        assert!(!is_silent(&few, now()));
    }

    #[test]
    fn a_silent_source_is_one_alarm_and_not_one_for_each_repository() {
        let gap = TimeDelta::minutes(5);
        let silent = TimeDelta::hours(3);
        let one = stream("octo/api", silent, gap);
        let alone = Situation { streams: vec![one.clone()], ..Situation::default() };
        let alarms = judge(&alone, now());
        assert_eq!((alarms.len(), alarms[0].subject.as_str()), (1, "octo/api"));
        assert_eq!(alarms[0].remedy, "https://github.com/octo/api/settings/hooks");
        let both =
            Situation { streams: vec![one, stream("", silent, gap)], ..Situation::default() };
        let alarms = judge(&both, now());
        assert_eq!((alarms.len(), alarms[0].subject.as_str()), (1, "github"));
    }

    #[test]
    fn failures_count_only_where_there_are_enough_of_them() {
        let ends = |all, failed| Situation {
            ends: vec![Ends { source: "plane".to_owned(), all, failed }],
            ..Situation::default()
        };
        for (all, failed) in [(19, 19), (100, 4), (1000, 49), (20, 0)] {
            assert_eq!(kinds(&ends(all, failed)), [], "{failed} of {all}");
        }
        for (all, failed) in [(20, 5), (100, 5), (1000, 50)] {
            assert_eq!(kinds(&ends(all, failed)), [Kind::Failures], "{failed} of {all}");
        }
    }

    #[test]
    fn a_queue_is_stuck_when_its_oldest_job_waits_for_five_minutes() {
        let due = |ago, workers| Situation {
            oldest_due: Some(now() - ago),
            workers,
            ..Situation::default()
        };
        assert_eq!(kinds(&due(TimeDelta::seconds(299), Workers::Some)), []);
        let nobody = judge(&due(TimeDelta::minutes(5), Workers::None), now());
        assert_eq!(nobody[0].remedy, "jetbridge serve --role worker");
        assert_eq!(nobody[0].since, now() - TimeDelta::minutes(5));
    }

    #[test]
    fn dead_jobs_are_one_alarm_with_the_line_that_replays_them() {
        let dead = |place: &str, minutes| Dead {
            source: "github".to_owned(),
            place: place.to_owned(),
            count: 2,
            since: now() - TimeDelta::minutes(minutes),
            error: "Plane answered 502".to_owned(),
        };
        let one = Situation { dead: vec![dead("octo/api", 5)], ..Situation::default() };
        let alarm = judge(&one, now()).remove(0);
        assert_eq!(alarm.title, "2 deliveries failed for good");
        assert_eq!(alarm.detail, "2 × octo/api: Plane answered 502");
        assert_eq!(
            alarm.remedy,
            "jetbridge deliveries replay --status failed --repository octo/api"
        );
        let dead = vec![dead("octo/api", 5), dead("octo/web", 9)];
        let alarm = judge(&Situation { dead, ..Situation::default() }, now()).remove(0);
        assert_eq!(alarm.remedy, "jetbridge deliveries replay --status failed");
        assert_eq!(alarm.since, now() - TimeDelta::minutes(9));
    }

    #[test]
    fn a_webhook_that_does_not_follow_a_change_is_an_alarm_with_what_to_click() {
        let missing = WebhookMissing { since: now(), deadline: Duration::from_mins(5) };
        let alarm =
            judge(&Situation { webhook_missing: Some(missing), ..Situation::default() }, now())
                .remove(0);
        assert_eq!((alarm.kind.as_str(), alarm.subject.as_str()), ("plane_webhook_off", "plane"));
        assert!(alarm.remedy.contains("Workspace settings → Webhooks"), "{}", alarm.remedy);
    }

    #[test]
    fn a_remote_that_is_away_is_an_alarm_after_five_minutes() {
        let away = |seconds| Situation {
            away: vec![Away {
                client: "plane".to_owned(),
                since: now() - TimeDelta::seconds(seconds),
                error: "no connection".to_owned(),
                next: now(),
            }],
            ..Situation::default()
        };
        assert_eq!(kinds(&away(299)), []);
        let alarm = judge(&away(300), now()).remove(0);
        assert_eq!(alarm.title, "Plane has not answered for 5 min");
        assert!(alarm.detail.starts_with("no connection. "), "{}", alarm.detail);
    }

    #[test]
    fn a_quota_that_is_reached_now_and_then_is_no_alarm() {
        let quota = |minutes| Situation {
            quotas: vec![Quota { client: "plane".to_owned(), minutes, most: None }],
            ..Situation::default()
        };
        assert_eq!(kinds(&quota(9)), []);
        let alarm = judge(&quota(14), now()).remove(0);
        assert_eq!(alarm.title, "Plane’s quota was used up in 14 of 60 minutes");
    }

    #[test]
    fn the_quota_of_another_server_is_named_with_that_servers_key() {
        let client = "github ghe.example.com".to_owned();
        let quotas = vec![Quota { client, minutes: 10, most: Some(5000) }];
        let alarm = judge(&Situation { quotas, ..Situation::default() }, now()).remove(0);
        assert!(alarm.title.starts_with("GitHub’s quota on ghe.example.com was used up"));
        assert!(alarm.detail.ends_with("set it in the [[github.hosts]] of ghe.example.com"));
        assert_eq!(alarm.remedy, "token = 'ghs_…'");
    }
}
