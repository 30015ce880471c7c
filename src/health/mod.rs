//! How it goes: the figures of a range of time, put together for people and programs alike.
//!
//! Everything here comes from the database, so any process can tell it, whichever one does the
//! work. What nobody has proved is not told: how links stand is what the sync last wrote of them.
//!
//! Deliberately absent: deciding what is alarming (`alarms`), and how it looks (`web`).

pub mod range;
mod recovery;
pub mod remotes;
mod streams;

use std::time::Duration;

use uuid::Uuid;

pub use range::Range;
pub use recovery::Recovery;
pub use remotes::{Limited, RemoteNow, WaitingClass};
pub use streams::{Links, Stream};

use crate::alarms::Kind;
use crate::canary::Canary;
use crate::clock::Timestamp;
use crate::config::{RepositoryName, RepositorySettings};
use crate::drift::{DriftItem, Ledger};
use crate::figures::{Ended, Lags};
use crate::rules::named_projects;
use crate::store::alarms::RaisedAlarm;
use crate::store::duties::Process;
use crate::store::flow::{Cycle, OpenWork};
use crate::store::queue_now::QueueSample;
use crate::store::quotas::QuotaNow;
use crate::store::{Store, StoreResult};

/// A process that has not said anything for so long is gone.
pub const GONE_AFTER: Duration = Duration::from_mins(1);

/// How long a touch of the canary is told: where webhooks come by themselves there is none.
pub const CANARY_TOLD: Duration = Duration::from_hours(7 * 24);

/// Items of a repository that are told to differ.
const MOST_DRIFTING: i64 = 10;

/// Ends by how they came about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends {
    counts: [u64; 4],
    /// How long they took; those that failed are not among them.
    pub lags: Lags,
}

impl Ends {
    fn add(&mut self, ended: Ended, lag: crate::figures::LagBucket, count: u64) {
        self.counts[position(ended)] += count;
        if ended != Ended::Failed {
            self.lags.add(lag, count);
        }
    }

    /// How many ended so.
    pub fn count(&self, ended: Ended) -> u64 {
        self.counts[position(ended)]
    }

    /// How many ended.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The share of those that did not fail, 0 to 1; `None` while there are none.
    pub fn success(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| 1.0 - ratio(self.count(Ended::Failed), total))
    }
}

fn position(ended: Ended) -> usize {
    match ended {
        Ended::Done => 0,
        Ended::Ignored => 1,
        Ended::Retried => 2,
        Ended::Failed => 3,
    }
}

/// `part` of `whole`, where rounding far beyond the point does not matter.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// One point of the charts.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// When it begins.
    pub start: Timestamp,
    /// What ended in it.
    pub ends: Ends,
    /// The most jobs that waited, where it was looked.
    pub waiting: Option<i64>,
    /// The longest that the oldest of them had been due, seconds.
    pub oldest_seconds: Option<f64>,
}

/// Events of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCount {
    /// Who sent them.
    pub source: String,
    /// The sender's word for what happened.
    pub event: String,
    /// How they ended.
    pub ends: Ends,
}

/// How work flows through one project.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// `owner/name`, or the id of Plane's project.
    pub project: String,
    /// One of its items' keys, which tells what people call it.
    pub key: Option<String>,
    /// Items completed within the range.
    pub completed: usize,
    /// Seconds from creation to completion: half of them took no longer.
    pub p50: Option<f64>,
    /// Nine of ten took no longer.
    pub p90: Option<f64>,
    /// Open items younger than a day, a week, four weeks, and older.
    pub open: [i64; 4],
}

/// The queue at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct QueueNow {
    /// Jobs that wait.
    pub waiting: i64,
    /// Jobs in work.
    pub working: i64,
    /// Jobs that failed for good.
    pub dead: i64,
    /// When the oldest waiting job became due.
    pub oldest: Option<Timestamp>,
}

/// How far both sides of a repository agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// What is said of it.
    pub ledger: Ledger,
    /// The first of the items that differ.
    pub items: Vec<DriftItem>,
}

/// How it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Over which time.
    pub range: Range,
    /// As of when.
    pub now: Timestamp,
    /// The range's slots, the oldest first.
    pub slots: Vec<Slot>,
    /// All of the range.
    pub ends: Ends,
    /// The queue at this moment.
    pub queue: QueueNow,
    /// Each source.
    pub sources: Vec<Stream>,
    /// Each repository, those with trouble first.
    pub repositories: Vec<Stream>,
    /// Each of Plane's projects from which something came.
    pub projects: Vec<Stream>,
    /// How all links stand.
    pub links: Links,
    /// How far both sides of each repository agree.
    pub drift: Vec<Drift>,
    /// What other systems said of their limits.
    pub quotas: Vec<QuotaNow>,
    /// What GitHub sent in vain.
    pub recovery: Recovery,
    /// What is known of the canary, where one was touched of late.
    pub canary: Option<Canary>,
    /// The other systems at this moment.
    pub remotes: Vec<RemoteNow>,
    /// Who waits for them.
    pub waiting: Vec<WaitingClass>,
    /// The repositories that their own limits hold back.
    pub limited: Vec<Limited>,
    /// What is wrong, the gravest first.
    pub alarms: Vec<RaisedAlarm>,
    /// The processes that run.
    pub processes: Vec<Process>,
    /// The database's size.
    pub database_bytes: i64,
    /// Events by kind, the most frequent first.
    pub events: Vec<EventCount>,
    /// How work flows, by project.
    pub flows: Vec<Flow>,
}

/// Reads how it goes over a range that ends now.
pub async fn read(store: &Store, range: Range, now: Timestamp) -> StoreResult<Health> {
    let since = range.start(now);
    let by_slot = store.figures_by_slot(since, range.step_seconds()).await?;
    let samples = store.queue_samples(since, range.step_seconds()).await?;
    let mut slots = empty_slots(range, now);
    let mut ends = Ends::default();
    for sum in &by_slot {
        ends.add(sum.ended, sum.lag, sum.count);
        if let Some(slot) = slots.iter_mut().find(|slot| slot.start.timestamp() == sum.slot) {
            slot.ends.add(sum.ended, sum.lag, sum.count);
        }
    }
    lay_samples(&mut slots, &samples);
    let by_place = store.figures_by_place(since).await?;
    let waiting = store.waiting_by_source().await?;
    let queue = QueueNow {
        waiting: waiting.iter().map(|w| w.queued).sum(),
        working: waiting.iter().map(|w| w.claimed).sum(),
        dead: waiting.iter().map(|w| w.dead).sum(),
        oldest: waiting.iter().filter_map(|w| w.oldest).min().filter(|at| *at <= now),
    };
    let by_repository = store.waiting_by_repository().await?;
    let limited = remotes::limited(store.limited_repositories(now).await?, &by_repository);
    let known = streams::Known {
        sums: &by_place,
        waiting: [waiting, by_repository].concat(),
        seen: store.last_seen().await?,
        errors: store.last_errors().await?,
        links: store.link_counts().await?,
        repositories: store.repositories().await?,
        named: store.repository_settings().await?.into_iter().map(with_projects).collect(),
    };
    let remotes = remotes::remotes(store.kept_accounts().await?, now);
    let (open, cycles) = (store.open_work(now).await?, store.cycles(now - range.length()).await?);
    Ok(Health {
        range,
        now,
        slots,
        ends,
        queue,
        sources: known.sources(),
        repositories: known.repositories(),
        projects: known.projects(),
        links: known.all_links(),
        drift: drift(store).await?,
        quotas: store.quotas(now - Duration::from_hours(1)).await?,
        recovery: Recovery::read(store, now).await?,
        canary: store.last_canary(now - CANARY_TOLD).await?,
        waiting: remotes::waiting(&store.waiting_by_class(now).await?, &remotes),
        remotes,
        limited,
        alarms: grave_first(store.alarms().await?),
        processes: store.processes(now - GONE_AFTER).await?,
        database_bytes: store.database_bytes().await?,
        events: events(&by_place),
        flows: flows(open, cycles),
    })
}

/// A repository with the projects that its rules name.
fn with_projects(
    (name, settings): (RepositoryName, RepositorySettings),
) -> (RepositoryName, Vec<Uuid>) {
    (name, named_projects(&settings.rules))
}

async fn drift(store: &Store) -> StoreResult<Vec<Drift>> {
    let mut all = Vec::new();
    for standing in store.drift_ledgers().await? {
        let items = match standing.ledger.differing {
            0 => Vec::new(),
            _ => store.drift_items(standing.repository, MOST_DRIFTING).await?,
        };
        all.push(Drift { ledger: standing.ledger, items });
    }
    Ok(all)
}

/// Alarms about what is lost or stands still before those about what merely waits.
fn grave_first(mut alarms: Vec<RaisedAlarm>) -> Vec<RaisedAlarm> {
    let order = |kind: &str| Kind::ALL.into_iter().position(|known| known.as_str() == kind);
    alarms.sort_by_key(|alarm| (order(&alarm.kind), alarm.raised_at));
    alarms
}

fn empty_slots(range: Range, now: Timestamp) -> Vec<Slot> {
    let slot = |start| Slot { start, ends: Ends::default(), waiting: None, oldest_seconds: None };
    range.slots(now).map(slot).collect()
}

fn lay_samples(slots: &mut [Slot], samples: &[QueueSample]) {
    for sample in samples {
        if let Some(slot) = slots.iter_mut().find(|slot| slot.start.timestamp() == sample.slot) {
            slot.waiting = Some(sample.waiting);
            slot.oldest_seconds = Some(sample.oldest_seconds);
        }
    }
}

fn events(sums: &[crate::store::figures::Sum]) -> Vec<EventCount> {
    let mut events: Vec<EventCount> = Vec::new();
    for sum in sums {
        let known = events.iter().position(|e| e.source == sum.source && e.event == sum.event);
        let at = known.unwrap_or_else(|| {
            let (source, event) = (sum.source.clone(), sum.event.clone());
            events.push(EventCount { source, event, ends: Ends::default() });
            events.len() - 1
        });
        events[at].ends.add(sum.ended, sum.lag, sum.count);
    }
    events.sort_by_key(|e| (std::cmp::Reverse(e.ends.total()), e.source.clone(), e.event.clone()));
    events
}

fn flows(open: Vec<OpenWork>, cycles: Vec<Cycle>) -> Vec<Flow> {
    let mut flows: Vec<(Flow, Vec<f64>)> = open
        .into_iter()
        .map(|o| {
            let flow = Flow {
                project: o.project,
                key: o.key,
                completed: 0,
                p50: None,
                p90: None,
                open: o.ages,
            };
            (flow, Vec::new())
        })
        .collect();
    for cycle in cycles {
        let seconds = cycle.seconds.max(0.0);
        if let Some((_, all)) = flows.iter_mut().find(|(flow, _)| flow.project == cycle.project) {
            all.push(seconds);
            continue;
        }
        let (project, open) = (cycle.project, [0; 4]);
        let flow = Flow { project, key: None, completed: 0, p50: None, p90: None, open };
        flows.push((flow, vec![seconds]));
    }
    let finish = |(flow, mut seconds): (Flow, Vec<f64>)| {
        seconds.sort_by(f64::total_cmp);
        let at = |per_cent: usize| {
            let rank = (seconds.len() * per_cent).div_ceil(100).max(1);
            seconds.get(rank - 1).copied()
        };
        let (p50, p90) = (at(50), at(90));
        Flow { completed: seconds.len(), p50, p90, ..flow }
    };
    flows.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycle_times_are_told_by_project_with_the_open_work_beside_them() {
        let open = OpenWork {
            project: "p".to_owned(),
            key: Some("SYNC-1".to_owned()),
            ages: [1, 2, 3, 4],
        };
        let cycle = |project: &str, seconds| Cycle { project: project.to_owned(), seconds };
        let mut cycles: Vec<_> = (1..=10).map(|n| cycle("p", f64::from(n))).collect();
        cycles.push(cycle("octo/api", -5.0));
        let flows = flows(vec![open], cycles);
        assert_eq!((flows[0].completed, flows[0].p50, flows[0].p90), (10, Some(5.0), Some(9.0)));
        assert_eq!((flows[0].open, flows[1].open), ([1, 2, 3, 4], [0; 4]));
        assert_eq!((flows[1].project.as_str(), flows[1].p50), ("octo/api", Some(0.0)));
    }

    #[test]
    fn success_is_unknown_while_nothing_ended() {
        let mut ends = Ends::default();
        assert_eq!(ends.success(), None);
        let lag = crate::figures::LagBucket::of(Duration::from_millis(5));
        ends.add(Ended::Done, lag, 3);
        ends.add(Ended::Failed, lag, 1);
        assert_eq!((ends.success(), ends.total(), ends.lags.total()), (Some(0.75), 4, 3));
    }
}
