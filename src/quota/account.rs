//! What was asked of one remote with one key, what the remote said of it, and what follows for the
//! next request.
//!
//! Two reckonings, and the smaller one counts: our own (each request from when it is asked until
//! the remote has surely forgotten it), and the remote's words, from which requests are taken that
//! the words can't know of. What words show beyond ours is other people's use of the same key.
//!
//! Borrowed rules: Plane counts 60 requests of a key in any minute, and `X-RateLimit-Remaining` is
//! the only true word of it. GitHub counts 5,000 an hour up to `x-ratelimit-reset`, and besides 900
//! points a minute (a write is five), 80 writes a minute, 500 an hour, a second between two writes;
//! what it refuses without a time is left alone for a minute, then two, then four. A remote that
//! says nothing of a limit in its answers (an instance of one's own without one) has none.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::breaker::{Breaker, May, Pauses};
use super::window::{Counted, Shape};
use super::words::{Came, Heard, Held, Pass, Said, Why};
use super::{Class, Kind, Remote};
use crate::clock::Timestamp;

const MINUTE: Shape = Shape { length: Duration::from_mins(1) };
const HOUR: Shape = Shape { length: Duration::from_hours(1) };
/// Plane's limit before it has said one.
const PLANE_A_MINUTE: u32 = 60;
/// GitHub's before it has said one.
const GITHUB_AN_HOUR: u32 = 5000;
const GITHUB_POINTS_A_MINUTE: u32 = 900;
const GITHUB_POINTS_OF_A_WRITE: u32 = 5;
const GITHUB_WRITES_A_MINUTE: u32 = 80;
const GITHUB_WRITES_AN_HOUR: u32 = 500;
const GITHUB_BETWEEN_WRITES: Duration = Duration::from_secs(1);
/// A request of which nobody heard again was answered by then, or never will be.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// The longest that a limit is believed: GitHub's hour, and a little for clocks that differ.
const LONGEST_WAIT: Duration = Duration::from_mins(65);
/// The wait after a limit that does not say how long; it doubles while that goes on.
const UNSAID_WAIT: Duration = Duration::from_mins(1);
/// A limit that no answer has shown for so long may have been lowered.
const MOST_HOLDS: TimeDelta = TimeDelta::hours(1);
/// After so many answers in a row without a word on it there is no limit.
const SILENT_AFTER: u32 = 3;
/// Requests that a job of a lower class wants to find free before it begins: about what one needs.
const AHEAD: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct InFlight {
    id: u64,
    at: Timestamp,
    kind: Kind,
    /// How many had been admitted by then.
    admitted: u64,
}

/// What is known of the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    /// Nothing yet: what the remote documents holds.
    #[default]
    Unheard,
    /// There is none.
    Silent,
    /// So many, shown by an answer of that time.
    Said { most: u32, at: Timestamp },
}

/// The account of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Whose limit.
    pub remote: Remote,
    /// Whether the remote is asked at all.
    pub breaker: Breaker,
    limit: Limit,
    in_flight: Vec<InFlight>,
    next: u64,
    /// The newest request whose words were taken.
    word: u64,
    said: Said,
    said_at: Option<Timestamp>,
    /// Answered requests of the last minute; at GitHub their points.
    minute: Counted,
    /// Of those the ones that Plane surely counted, by when they were asked.
    admitted: Counted,
    /// How many that were, ever.
    admitted_ever: u64,
    /// Of Plane's minute, what others used, until then.
    others: Option<(u32, Timestamp)>,
    /// What is left of GitHub's hour, which ends then.
    hour: Option<(u32, Timestamp)>,
    writes_of_a_minute: Counted,
    writes_of_an_hour: Counted,
    wrote_at: Option<Timestamp>,
    blocked_until: Option<Timestamp>,
    /// Until when nothing was last left.
    used_up_until: Option<Timestamp>,
    /// Limits in a row that did not say how long.
    unsaid: u32,
    /// Answers in a row without a word on the limit.
    #[serde(default)]
    wordless: u32,
}

impl Account {
    /// Of a key with which nothing was asked yet.
    pub fn new(remote: Remote) -> Self {
        Self {
            remote,
            breaker: Breaker::default(),
            limit: Limit::Unheard,
            in_flight: Vec::new(),
            next: 1,
            word: 0,
            said: Said::default(),
            said_at: None,
            minute: Counted::default(),
            admitted: Counted::default(),
            admitted_ever: 0,
            others: None,
            hour: None,
            writes_of_a_minute: Counted::default(),
            writes_of_an_hour: Counted::default(),
            wrote_at: None,
            blocked_until: None,
            used_up_until: None,
            unsaid: 0,
            wordless: 0,
        }
    }

    /// Takes leave for one request, which is counted from now on.
    ///
    /// # Errors
    /// When it has to wait.
    pub fn ask(&mut self, class: Class, kind: Kind, now: Timestamp) -> Result<Pass, Held> {
        self.settle(now);
        if let Some(held) = self.held(class, kind, 1, now) {
            return Err(held);
        }
        let is_probe = self.breaker.may(now) == May::Probe;
        if is_probe {
            self.breaker.probing(now);
        }
        let id = self.next;
        self.next += 1;
        self.in_flight.push(InFlight { id, at: now, kind, admitted: self.admitted_ever });
        if self.remote == Remote::Github {
            let (left, ends) = self.hour.unwrap_or((self.most(), now + HOUR.length));
            self.hour = Some((left.saturating_sub(1), ends));
        }
        if kind == Kind::Write {
            self.wrote_at = Some(now);
        }
        Ok(Pass { id, is_probe })
    }

    /// Takes note of what came of a request.
    pub fn heard(&mut self, pass: Pass, heard: &Heard, pauses: Pauses, now: Timestamp) {
        let mut ours = 1;
        if let Some(at) = self.in_flight.iter().position(|asked| asked.id == pass.id) {
            let asked = self.in_flight.swap_remove(at);
            self.count(asked.kind, now);
            if heard.said.remaining.is_some() && self.remote == Remote::Plane {
                ours = self.admit(asked, now);
            }
        }
        match &heard.came {
            Came::Failed { why } => self.breaker.failed(why, pauses, now),
            Came::Turned => self.breaker.answered(now),
            Came::Answer => {
                self.breaker.answered(now);
                self.unsaid = 0;
                self.take_word(pass, heard.said, ours, now);
            }
            Came::Limited { wait } => {
                self.breaker.answered(now);
                if heard.said.remaining.is_some() {
                    self.take_word(pass, heard.said, ours, now);
                }
                let wait = wait.unwrap_or_else(|| {
                    self.unsaid = self.unsaid.saturating_add(1);
                    UNSAID_WAIT.saturating_mul(1 << (self.unsaid - 1).min(6))
                });
                let until = now + wait.min(LONGEST_WAIT);
                self.blocked_until = self.blocked_until.max(Some(until));
                self.used_up_until = self.blocked_until;
                self.said_at = Some(now);
            }
        }
    }

    /// Why a job of this class should not begin now; a lower class wants to find enough for a whole
    /// job beyond what it leaves, so that it does not stop in its middle.
    pub fn look(&self, class: Class, now: Timestamp) -> Option<Held> {
        let want = if class == Class::Live { 1 } else { AHEAD };
        let mut present = self.clone();
        present.settle(now);
        present.held(class, Kind::Read, want, now)
    }

    /// Why a write of this class can't go now.
    pub fn look_write(&self, class: Class, now: Timestamp) -> Option<Held> {
        let mut present = self.clone();
        present.settle(now);
        present.held(class, Kind::Write, 1, now)
    }

    /// Requests that are left by what is known; `None` where there is no limit.
    pub fn left(&self, now: Timestamp) -> Option<u32> {
        let mut present = self.clone();
        present.settle(now);
        if present.limit == Limit::Silent {
            return None;
        }
        let blocked = present.blocked_until.is_some_and(|until| until > now);
        Some(if blocked { 0 } else { present.most().saturating_sub(present.used(now)) })
    }

    /// What was last said of the limit, and when.
    pub fn said(&self) -> Option<(Said, Timestamp)> {
        let most = match self.limit {
            Limit::Said { most, .. } => Some(most),
            Limit::Unheard | Limit::Silent => None,
        };
        Some((Said { most, ..self.said }, self.said_at?))
    }

    /// Until when nothing was last left.
    pub fn used_up_until(&self) -> Option<Timestamp> {
        self.used_up_until
    }

    /// Forgets what is over.
    fn settle(&mut self, now: Timestamp) {
        let (given_up, in_flight): (Vec<_>, Vec<_>) = std::mem::take(&mut self.in_flight)
            .into_iter()
            .partition(|asked| asked.at + GIVEN_UP <= now);
        self.in_flight = in_flight;
        for asked in given_up {
            self.count(asked.kind, asked.at + GIVEN_UP);
        }
        self.minute.prune(MINUTE, now);
        self.admitted.prune(MINUTE, now);
        self.writes_of_a_minute.prune(MINUTE, now);
        self.writes_of_an_hour.prune(HOUR, now);
        // What is longer than a minute was written before the clock was set back.
        let minute = now + MINUTE.length;
        self.others = self.others.filter(|(_, until)| *until > now && *until <= minute);
        self.blocked_until = self.blocked_until.filter(|until| *until > now);
        // A wait that is longer than any was written before the clock was set back.
        let longest = now + LONGEST_WAIT;
        self.blocked_until = self.blocked_until.filter(|until| *until <= longest);
        // What is in flight is counted by the new hour.
        let in_flight = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        if self.hour.is_some_and(|(_, ends)| ends <= now || ends > longest) {
            let left = self.most().saturating_sub(in_flight);
            self.hour = (in_flight > 0).then_some((left, now + HOUR.length));
        }
    }

    fn count(&mut self, kind: Kind, at: Timestamp) {
        self.minute.add(MINUTE, at, self.points(kind));
        if kind == Kind::Write && self.remote == Remote::Github {
            self.writes_of_a_minute.add(MINUTE, at, 1);
            self.writes_of_an_hour.add(HOUR, at, 1);
        }
    }

    fn points(&self, kind: Kind) -> u32 {
        match (self.remote, kind) {
            (Remote::Github, Kind::Write) => GITHUB_POINTS_OF_A_WRITE,
            _ => 1,
        }
    }

    fn most(&self) -> u32 {
        match (self.limit, self.remote) {
            (Limit::Said { most, .. }, _) => most,
            (_, Remote::Plane) => PLANE_A_MINUTE,
            (_, Remote::Github) => GITHUB_AN_HOUR,
        }
    }

    /// What is used of the remote's own window.
    fn used(&self, now: Timestamp) -> u32 {
        match self.remote {
            Remote::Plane => {
                let others = self.others.map_or(0, |(others, _)| others);
                self.minute.count(MINUTE, now) + self.flying(|_| 1) + others
            }
            Remote::Github => {
                let left = self.hour.map_or(self.most(), |(left, _)| left);
                self.most().saturating_sub(left)
            }
        }
    }

    fn flying(&self, weight: impl Fn(Kind) -> u32) -> u32 {
        self.in_flight.iter().map(|asked| weight(asked.kind)).sum()
    }

    /// How many of ours Plane surely counted when it answered this one, itself among them: those
    /// that were answered before it was asked.
    fn admit(&mut self, asked: InFlight, now: Timestamp) -> u32 {
        let since = self.admitted_ever.saturating_sub(asked.admitted);
        let since = u32::try_from(since).unwrap_or(u32::MAX);
        let before = self.admitted.within(MINUTE, now).saturating_sub(since);
        self.admitted.add(MINUTE, asked.at, 1);
        self.admitted_ever += 1;
        before + 1
    }

    /// The words of the newest request count; those of one that was asked before it know less.
    fn take_word(&mut self, pass: Pass, said: Said, ours: u32, now: Timestamp) {
        if pass.id < self.word {
            // It was in flight when the word came, which may have counted it as somebody else's.
            self.others = self.others.map(|(others, until)| (others.saturating_sub(1), until));
            return;
        }
        self.word = pass.id;
        let Some(remaining) = said.remaining else {
            // One such answer may be a proxy's own.
            self.wordless = self.wordless.saturating_add(1);
            let is_new = self.said_at.is_none_or(|at| now - at >= MOST_HOLDS);
            if is_new && self.wordless >= SILENT_AFTER {
                self.limit = Limit::Silent;
            }
            return;
        };
        self.wordless = 0;
        (self.said, self.said_at) = (said, Some(now));
        let counted = self.minute.count(MINUTE, now);
        self.limit = self.limit_shown(said.most, remaining, ours, now);
        match self.remote {
            Remote::Plane => {
                let used = self.most().saturating_sub(remaining);
                let others = used.saturating_sub(counted);
                self.others = (others > 0).then_some((others, now + MINUTE.length));
                if remaining == 0 {
                    let held = self.held(Class::Live, Kind::Read, 1, now);
                    self.used_up_until = held.map(|held| held.until);
                }
            }
            Remote::Github => {
                let left = remaining.saturating_sub(self.flying(|_| 1));
                // A second more: it counts whole ones.
                let ends = said.resets_at.map(|at| at + Duration::from_secs(1));
                let ends = ends.or(self.hour.map(|(_, ends)| ends));
                self.hour = Some((left, ends.unwrap_or(now + HOUR.length)));
                if remaining == 0 {
                    self.used_up_until = ends;
                }
            }
        }
    }

    /// Plane does not say how many a window has. It has at least what is left and what of ours it
    /// surely counts; the most that was ever shown is what it has.
    fn limit_shown(&self, most: Option<u32>, remaining: u32, ours: u32, now: Timestamp) -> Limit {
        let shown = remaining.saturating_add(ours);
        match (most, self.limit) {
            (Some(most), _) => Limit::Said { most, at: now },
            (None, Limit::Said { most, at }) if shown < most && now - at < MOST_HOLDS => {
                Limit::Said { most, at }
            }
            (None, _) => Limit::Said { most: shown, at: now },
        }
    }

    /// Why a request that wants to find `want` free has to wait.
    fn held(&self, class: Class, kind: Kind, want: u32, now: Timestamp) -> Option<Held> {
        let away = match self.breaker.may(now) {
            May::Wait(until) => Some(Held { why: Why::Away, until }),
            May::Ask | May::Probe => None,
        };
        let blocked = self.blocked_until.filter(|until| *until > now);
        let blocked = blocked.map(|until| Held { why: Why::UsedUp, until });
        let windows = match (self.limit, self.remote) {
            (Limit::Silent, _) => None,
            (_, Remote::Plane) => self.held_by_plane(class, want, now),
            (_, Remote::Github) => self.held_by_github(class, kind, want, now),
        };
        [away, blocked, windows].into_iter().flatten().max_by_key(|held| held.until)
    }

    fn held_by_plane(&self, class: Class, want: u32, now: Timestamp) -> Option<Held> {
        let mut ends: Vec<_> = self.minute.ends(MINUTE, now).collect();
        ends.extend(self.in_flight.iter().map(|asked| (asked.at + MINUTE.length, 1)));
        ends.extend(self.others.map(|(others, until)| (until, others)));
        room(self.most(), self.used(now), class, want, ends, now)
    }

    fn held_by_github(&self, class: Class, kind: Kind, want: u32, now: Timestamp) -> Option<Held> {
        let hour_ends = self.hour.map_or(now, |(_, ends)| ends);
        let hour = room(self.most(), self.used(now), class, want, vec![(hour_ends, u32::MAX)], now);
        let counted =
            |most, counted: &Counted, shape: Shape, weight: &dyn Fn(Kind) -> u32, want| {
                let used = counted.count(shape, now) + self.flying(weight);
                let mut ends: Vec<_> = counted.ends(shape, now).collect();
                let flying = self.in_flight.iter();
                ends.extend(flying.map(|asked| (asked.at + shape.length, weight(asked.kind))));
                room(most, used, class, want, ends, now)
            };
        let points = |kind| self.points(kind);
        let points_wanted = want.saturating_mul(self.points(kind));
        let points = counted(GITHUB_POINTS_A_MINUTE, &self.minute, MINUTE, &points, points_wanted);
        if kind == Kind::Read {
            return [hour, points].into_iter().flatten().max_by_key(|held| held.until);
        }
        let writes = |kind| u32::from(kind == Kind::Write);
        let minute = &self.writes_of_a_minute;
        let a_minute = counted(GITHUB_WRITES_A_MINUTE, minute, MINUTE, &writes, want);
        let an_hour = counted(GITHUB_WRITES_AN_HOUR, &self.writes_of_an_hour, HOUR, &writes, want);
        let apart = self.wrote_at.map(|at| at + GITHUB_BETWEEN_WRITES);
        let apart = apart.filter(|until| *until > now && *until <= now + GITHUB_BETWEEN_WRITES);
        let apart = apart.map(|until| Held { why: Why::Apart, until });
        let all = [hour, points, a_minute, an_hour, apart];
        all.into_iter().flatten().max_by_key(|held| held.until)
    }
}

/// Why `want` requests of a class have to wait in a window of `most`, of which `used` end at `ends`.
fn room(
    most: u32,
    used: u32,
    class: Class,
    want: u32,
    mut ends: Vec<(Timestamp, u32)>,
    now: Timestamp,
) -> Option<Held> {
    let leaves = class.leaves(most);
    let want = want.min((most - leaves).div_ceil(2)).max(1);
    let free = most.saturating_sub(used);
    let missing = (want + leaves).saturating_sub(free);
    if missing == 0 {
        return None;
    }
    ends.sort_unstable();
    let mut freed = 0_u32;
    let enough = ends.iter().find(|(_, count)| {
        freed = freed.saturating_add(*count);
        freed >= missing
    });
    let until = enough.or(ends.last()).map_or(now + MINUTE.length, |(until, _)| *until);
    let why = if free >= 1 { Why::Kept } else { Why::UsedUp };
    Some(Held { why, until })
}
