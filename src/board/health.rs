//! How a card's two sides stand, with the reason in words. Pure: what is recorded in, the worst of
//! it out.
//!
//! The rule is that a newer success ends an older failure: a dead job counts only while nothing
//! was carried over after it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::words::cut;
use crate::clock::Timestamp;
use crate::sync::plan::LinkStatus;
use crate::work_items::UnknownWord;

/// Characters of a reason on a card; the item's page has all of it.
const REASON: usize = 300;

/// How a card stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// In one word.
    pub state: HealthState,
    /// Why, in a sentence; empty where the word says it all.
    pub reason: String,
    /// When it failed, or when it is tried again.
    pub at: Option<Timestamp>,
}

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $name:literal;)+) => {
        /// The words for how a card stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum HealthState { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl HealthState {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that is stored and stands in addresses.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What people read.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl FromStr for HealthState {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().copied().find(|s| s.as_str() == text);
                found.ok_or_else(|| UnknownWord::new(text, &[$($word),+]))
            }
        }
    };
}

states! {
    /// Both sides say the same.
    InSync = "in_sync", "In sync";
    /// Waits for its turn.
    Pending = "pending", "Pending";
    /// Failed and waits for its next attempt, or for a quota.
    Retry = "retry", "Waiting to retry";
    /// Failed for good.
    Failed = "failed", "Failed";
    /// Both sides changed the same text.
    Conflict = "conflict", "Conflict";
    /// Somebody on GitHub is nobody in Plane.
    Unmapped = "unmapped", "Unmapped user";
    /// Not in Plane, as its repository's filter or rules want it.
    LeftOut = "left_out", "Left out";
}

impl HealthState {
    /// Those that wait for a person.
    pub const NEEDS_A_PERSON: [Self; 3] = [Self::Failed, Self::Conflict, Self::Unmapped];
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is recorded of an issue's link with its work item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// How it stands.
    pub status: LinkStatus,
    /// Why the last attempt failed, where it did.
    pub last_error: Option<String>,
    /// When both sides were last brought in step.
    pub synced_at: Option<Timestamp>,
    /// Logins on GitHub that are nobody in Plane.
    pub unmapped: Vec<String>,
    /// Whether the issue is known to be gone from GitHub.
    pub issue_gone: bool,
}

/// A job about one of the sides that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// Whether it is to be read or to be carried over.
    pub stage: JobStage,
    /// When it ended for good; `None` while it is tried again.
    pub dead_since: Option<Timestamp>,
    /// Why the last attempt failed, where it did.
    pub error: Option<String>,
    /// When it is due.
    pub due: Timestamp,
}

/// How far a job's delivery is worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStage {
    /// It is being read.
    Read,
    /// It is being carried over.
    Sync,
}

/// The worst of what is known. `ingested_at` is when the newest state was stored, `left_out` what
/// keeps an issue without a work item out of Plane.
pub fn health(
    link: Option<&LinkState>,
    jobs: &[JobState],
    ingested_at: Option<Timestamp>,
    left_out: Option<&str>,
) -> Option<Health> {
    failed(link, jobs, ingested_at)
        .or_else(|| torn(link))
        .or_else(|| waiting(jobs))
        .or_else(|| left_out.map(not_in_plane))
        .or_else(|| behind(link?))
        .or_else(|| link.and_then(settled))
}

fn not_in_plane(by: &str) -> Health {
    of(HealthState::LeftOut, &format!("Not in Plane: left out by {by}"), None)
}

fn of(state: HealthState, reason: &str, at: Option<Timestamp>) -> Health {
    Health { state, reason: cut(reason, REASON), at }
}

fn failed(
    link: Option<&LinkState>,
    jobs: &[JobState],
    ingested_at: Option<Timestamp>,
) -> Option<Health> {
    let still_counts = |job: &&JobState| {
        let Some(dead) = job.dead_since else { return false };
        let success = match job.stage {
            JobStage::Read => ingested_at,
            JobStage::Sync => link.and_then(|link| link.synced_at),
        };
        success.is_none_or(|success| success < dead)
    };
    let dead = jobs.iter().filter(still_counts).max_by_key(|job| job.dead_since)?;
    let error = dead.error.as_deref().unwrap_or("a delivery failed for good");
    Some(of(HealthState::Failed, error, dead.dead_since))
}

/// What only a person can mend.
fn torn(link: Option<&LinkState>) -> Option<Health> {
    const CONFLICT: &str =
        "Both sides changed the description: Plane’s was left as it is, bring the two together";
    const BROKEN: &str = "The Plane item is gone (deleted or archived) and was not made again";
    match link?.status {
        LinkStatus::Conflict => Some(of(HealthState::Conflict, CONFLICT, None)),
        LinkStatus::Broken => Some(of(HealthState::Failed, BROKEN, None)),
        LinkStatus::Ok | LinkStatus::Pending => None,
    }
}

fn waiting(jobs: &[JobState]) -> Option<Health> {
    let mut open = jobs.iter().filter(|job| job.dead_since.is_none());
    let retried = open.clone().filter(|job| job.error.is_some()).max_by_key(|job| job.due);
    if let Some(job) = retried {
        return Some(of(
            HealthState::Retry,
            job.error.as_deref().unwrap_or_default(),
            Some(job.due),
        ));
    }
    open.any(|job| job.stage == JobStage::Sync)
        .then(|| of(HealthState::Pending, "The newest webhook waits to be carried over", None))
}

fn behind(link: &LinkState) -> Option<Health> {
    if let Some(error) = &link.last_error {
        return Some(of(HealthState::Failed, error, None));
    }
    (link.status == LinkStatus::Pending)
        .then(|| of(HealthState::Pending, "Not carried over to Plane yet", None))
}

fn settled(link: &LinkState) -> Option<Health> {
    if let [first, others @ ..] = link.unmapped.as_slice() {
        let more =
            if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        let reason = format!("No Plane user for “{}”{more}: assignee not written", cut(first, 60));
        return Some(of(HealthState::Unmapped, &reason, None));
    }
    // An issue that ended on GitHub leaves a work item that nothing is written to any more.
    (!link.issue_gone).then(|| of(HealthState::InSync, "", link.synced_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> Timestamp {
        format!("2026-11-22T02:{minute:02}:00Z").parse().unwrap()
    }

    fn link(status: LinkStatus) -> LinkState {
        LinkState {
            status,
            last_error: None,
            synced_at: Some(at(10)),
            unmapped: Vec::new(),
            issue_gone: false,
        }
    }

    fn dead(stage: JobStage, minute: u32) -> JobState {
        let since = Some(at(minute));
        JobState { stage, dead_since: since, error: Some("Plane answered 502".into()), due: at(0) }
    }

    fn state(link: Option<&LinkState>, jobs: &[JobState]) -> Option<HealthState> {
        health(link, jobs, Some(at(10)), None).map(|health| health.state)
    }

    #[test]
    fn an_item_without_a_twin_and_without_trouble_has_no_health() {
        assert_eq!(state(None, &[]), None);
    }

    #[test]
    fn a_dead_job_counts_until_something_newer_was_carried_over() {
        let link = link(LinkStatus::Ok);
        for stage in [JobStage::Read, JobStage::Sync] {
            assert_eq!(state(Some(&link), &[dead(stage, 11)]), Some(HealthState::Failed));
            assert_eq!(state(Some(&link), &[dead(stage, 9)]), Some(HealthState::InSync));
        }
        let failed = health(Some(&link), &[dead(JobStage::Sync, 11)], None, None).unwrap();
        assert_eq!((failed.reason.as_str(), failed.at), ("Plane answered 502", Some(at(11))));
    }

    #[test]
    fn what_waits_says_what_for() {
        let link = link(LinkStatus::Ok);
        let job = |error: Option<&str>| JobState {
            stage: JobStage::Sync,
            dead_since: None,
            error: error.map(str::to_owned),
            due: at(12),
        };
        assert_eq!(state(Some(&link), &[job(None)]), Some(HealthState::Pending));
        let retry = health(Some(&link), &[job(None), job(Some("quota"))], None, None).unwrap();
        assert_eq!((retry.state, retry.at), (HealthState::Retry, Some(at(12))));
    }

    #[test]
    fn a_conflict_and_a_broken_link_wait_for_a_person_whatever_waits_besides() {
        let job = JobState { stage: JobStage::Sync, dead_since: None, error: None, due: at(1) };
        let conflict = state(Some(&link(LinkStatus::Conflict)), std::slice::from_ref(&job));
        assert_eq!(conflict, Some(HealthState::Conflict));
        assert_eq!(state(Some(&link(LinkStatus::Broken)), &[job]), Some(HealthState::Failed));
    }

    #[test]
    fn what_is_left_out_says_by_what_and_is_no_trouble() {
        let left_out = |link: Option<&LinkState>, jobs: &[JobState]| {
            health(link, jobs, None, Some("the filter of octo/hello")).unwrap()
        };
        let alone = left_out(None, &[]);
        assert_eq!(alone.reason, "Not in Plane: left out by the filter of octo/hello");
        assert_eq!(alone.state, HealthState::LeftOut);
        assert!(!HealthState::NEEDS_A_PERSON.contains(&alone.state));
        let pending = link(LinkStatus::Pending);
        assert_eq!(left_out(Some(&pending), &[]).state, HealthState::LeftOut);
        let failed = left_out(Some(&pending), &[dead(JobStage::Sync, 11)]);
        assert_eq!(failed.state, HealthState::Failed, "trouble is said first");
    }

    #[test]
    fn an_unmapped_person_is_named() {
        let mut link = link(LinkStatus::Ok);
        link.unmapped = vec!["evren-v".to_owned(), "b".to_owned()];
        let health = health(Some(&link), &[], None, None).unwrap();
        assert_eq!(health.state, HealthState::Unmapped);
        assert!(health.reason.contains("“evren-v” and 1 more"), "{}", health.reason);
    }

    #[test]
    fn a_sync_that_was_asked_for_by_hand_and_failed_is_a_failure() {
        let mut link = link(LinkStatus::Ok);
        link.last_error = Some("Plane refused the key".to_owned());
        assert_eq!(state(Some(&link), &[]), Some(HealthState::Failed));
    }

    #[test]
    fn every_word_is_read_back() {
        for &state in HealthState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("ill".parse::<HealthState>().is_err());
    }
}
