//! What GitHub sent and never reached the inbox: which deliveries those are, and which of them are
//! asked for again now. Pure; who lists, looks up and asks is `jobs/recover`.
//!
//! Its rule: the inbox decides, not GitHub's word for how an attempt ended. What GitHub noted as
//! timed out may be committed here, and what it noted as taken may be missing since a database was
//! brought back from a backup. Deliberately absent: what GitHub no longer lists. That is told as a
//! gap in time, which only a comparison of both sides can close.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::{GithubHost, RepositoryName};
use crate::ids::DeliveryId;
use crate::sources::github::EVENTS;

/// How often a delivery is asked for before it is given up.
pub const MOST_ASKS: u32 = 5;
/// The wait after the first time; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_mins(5);
/// What GitHub saw us take may not be in the database for so long: a commit under way, a spool that
/// is drained.
const GRACE: Duration = Duration::from_mins(2);
/// How far a run looks back behind the one before it: lists may be late, and so may deliveries.
const OVERLAP: Duration = Duration::from_hours(1);

/// Whose hook it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookOwner {
    /// A repository's.
    Repository(RepositoryName),
    /// An organization's, `host/login` on another server than `github.api_url`'s: it is told of all
    /// its repositories.
    Organization(String),
    /// The GitHub App's: it is told of the repositories in which the App is installed.
    App,
}

impl HookOwner {
    /// The server on which it is.
    pub fn host(&self) -> GithubHost {
        match self {
            Self::Repository(name) => name.host(),
            Self::Organization(login) => {
                let host = login.split_once('/').map(|(host, _)| host.parse());
                host.and_then(Result::ok).unwrap_or_default()
            }
            Self::App => GithubHost::default(),
        }
    }
}

impl fmt::Display for HookOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repository(name) => name.fmt(f),
            Self::Organization(login) => write!(f, "the organization {login}"),
            Self::App => f.write_str("the GitHub App"),
        }
    }
}

/// How an attempt ended, as GitHub noted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Answered with 2xx in time.
    Taken,
    /// Anything else: refused, too late, not reached.
    NotTaken,
}

/// One attempt at a delivery, as GitHub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Of this attempt.
    pub id: u64,
    /// Of the event, equal for all its attempts: `X-GitHub-Delivery`.
    pub guid: DeliveryId,
    /// `issues`.
    pub event: String,
    /// The repository whose event it is, where that is told.
    pub repository_id: Option<u64>,
    /// When it was made.
    pub delivered_at: Timestamp,
    /// How it ended.
    pub noted: Noted,
    /// GitHub's words for that.
    pub status: String,
}

/// What the inbox says of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    /// Nothing: it is missing.
    Missing,
    /// It is there.
    Kept,
    /// It is there and failed for good: a replay runs it again, GitHub need not be asked.
    Failed,
}

/// How often a delivery was asked for already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// How often.
    pub times: u32,
    /// When it may be asked for again.
    pub again_at: Timestamp,
}

/// What to do about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is done with such events.
    NotOurs,
    /// It is in the inbox.
    Kept,
    /// It is in the inbox and failed there.
    FailedHere,
    /// It was taken a moment ago, and is on its way into the database.
    OnItsWay,
    /// It is asked for again now.
    Ask,
    /// It was asked for, and has time left to come.
    Waiting,
    /// It was asked for often enough.
    GiveUp,
    /// GitHub no longer sends it.
    Expired,
}

/// Decides about one delivery by the newest attempt at it; `kept_since` is when the oldest that
/// GitHub still sends again was made.
pub fn judge(
    newest: &Attempt,
    here: Here,
    asked: Option<Asked>,
    kept_since: Timestamp,
    now: Timestamp,
) -> Verdict {
    match (here, asked) {
        _ if !EVENTS.contains(&newest.event.as_str()) => Verdict::NotOurs,
        (Here::Kept, _) => Verdict::Kept,
        (Here::Failed, _) => Verdict::FailedHere,
        (Here::Missing, _) if newest.delivered_at < kept_since => Verdict::Expired,
        (Here::Missing, Some(asked)) if asked.again_at > now => Verdict::Waiting,
        (Here::Missing, Some(asked)) if asked.times >= MOST_ASKS => Verdict::GiveUp,
        (Here::Missing, _) if newest.noted == Noted::Taken && newest.delivered_at > now - GRACE => {
            Verdict::OnItsWay
        }
        (Here::Missing, _) => Verdict::Ask,
    }
}

/// How long a delivery has to come after it was asked for the `times`th time.
pub fn patience(times: u32) -> Duration {
    FIRST_WAIT * 2_u32.saturating_pow(times.saturating_sub(1).min(10))
}

/// The newest attempt of each delivery, the newest first.
pub fn newest_of_each(attempts: impl IntoIterator<Item = Attempt>) -> Vec<Attempt> {
    let mut newest: BTreeMap<DeliveryId, Attempt> = BTreeMap::new();
    for attempt in attempts {
        match newest.get(&attempt.guid) {
            Some(known) if (known.delivered_at, known.id) >= (attempt.delivered_at, attempt.id) => {
            }
            _ => {
                newest.insert(attempt.guid.clone(), attempt);
            }
        }
    }
    let mut newest: Vec<_> = newest.into_values().collect();
    newest.sort_by_key(|attempt| std::cmp::Reverse((attempt.delivered_at, attempt.id)));
    newest
}

/// How far back a run looks: to where the one before it began, and a little further.
pub fn look_back_to(covered_until: Option<Timestamp>, kept_since: Timestamp) -> Timestamp {
    covered_until.map_or(kept_since, |at| (at - OVERLAP).max(kept_since))
}

/// A time of which GitHub no longer tells what it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// From then.
    pub from: Timestamp,
    /// Until then.
    pub until: Timestamp,
}

/// What lies between what was covered (`from`, or the beginning where nothing was) and what GitHub
/// still lists.
pub fn gap(from: Timestamp, kept_since: Timestamp) -> Option<Gap> {
    (from < kept_since).then_some(Gap { from, until: kept_since })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap() + chrono::TimeDelta::minutes(minute)
    }

    fn attempt(id: u64, guid: &str, minute: i64, noted: Noted) -> Attempt {
        Attempt {
            id,
            guid: DeliveryId::new(guid),
            event: "issues".to_owned(),
            repository_id: Some(1),
            delivered_at: at(minute),
            noted,
            status: "timed out".to_owned(),
        }
    }

    fn verdict(attempt: &Attempt, here: Here, asked: Option<Asked>, now: i64) -> Verdict {
        judge(attempt, here, asked, at(-4000), at(now))
    }

    #[test]
    fn the_inbox_decides_and_not_what_github_noted() {
        let lost = attempt(1, "a", 0, Noted::NotTaken);
        let taken = attempt(1, "a", 0, Noted::Taken);
        assert_eq!(verdict(&lost, Here::Missing, None, 0), Verdict::Ask);
        assert_eq!(verdict(&lost, Here::Kept, None, 0), Verdict::Kept, "noted as timed out");
        assert_eq!(verdict(&lost, Here::Failed, None, 0), Verdict::FailedHere);
        assert_eq!(verdict(&taken, Here::Missing, None, 1), Verdict::OnItsWay);
        assert_eq!(verdict(&taken, Here::Missing, None, 3), Verdict::Ask, "lost after its 2xx");
        let push = Attempt { event: "push".to_owned(), ..lost.clone() };
        assert_eq!(verdict(&push, Here::Missing, None, 0), Verdict::NotOurs);
        assert_eq!(judge(&lost, Here::Missing, None, at(1), at(2)), Verdict::Expired);
    }

    #[test]
    fn what_was_asked_for_has_time_to_come_and_is_given_up_in_the_end() {
        let lost = attempt(1, "a", 0, Noted::NotTaken);
        let mut now = 0;
        for times in 1..=MOST_ASKS {
            let wait = i64::try_from(patience(times).as_secs()).unwrap() / 60;
            let asked = Some(Asked { times, again_at: at(now + wait) });
            assert_eq!(verdict(&lost, Here::Missing, asked, now), Verdict::Waiting);
            now += wait;
            let then = if times < MOST_ASKS { Verdict::Ask } else { Verdict::GiveUp };
            assert_eq!(verdict(&lost, Here::Missing, asked, now), then, "after {times}");
        }
        assert_eq!(now, 5 + 10 + 20 + 40 + 80);
    }

    #[test]
    fn several_attempts_of_one_delivery_are_one() {
        let attempts = [
            attempt(3, "b", 2, Noted::NotTaken),
            attempt(1, "a", 0, Noted::NotTaken),
            attempt(4, "a", 2, Noted::Taken),
        ];
        let ids: Vec<_> = newest_of_each(attempts).iter().map(|a| a.id).collect();
        assert_eq!(ids, [4, 3]);
    }

    #[test]
    fn a_run_looks_back_behind_the_one_before_it_and_no_further_than_github_keeps() {
        assert_eq!(look_back_to(None, at(-100)), at(-100));
        assert_eq!(look_back_to(Some(at(0)), at(-100)), at(-60));
        assert_eq!(look_back_to(Some(at(-90)), at(-100)), at(-100));
    }

    #[test]
    fn what_lies_before_what_github_keeps_is_a_gap() {
        assert_eq!(gap(at(-200), at(-100)), Some(Gap { from: at(-200), until: at(-100) }));
        assert_eq!(gap(at(-100), at(-100)), None);
    }
}
