//! Walks over both sides, holds what they say against what is known here, and puts what differs
//! into the inbox: its ordinary processing mends it.
//!
//! The order is GitHub's issues, the comments on them, Plane's items, and at the end of a whole walk
//! what was met nowhere. A walk's place is kept with every page, so that one that was killed goes
//! on. Nothing is written to either side from here.
//!
//! Races, and the decision for each:
//! - *Pages shift while they are walked.* GitHub's lists are followed by time, not by page
//!   (`clients/github_rest/listing`). Plane's count places: a whole walk goes in the order in which
//!   items were made, which changes do not move, and again while the count went down; a walk over
//!   what changed goes again while it met something new on more than one page.
//! - *A webhook arrives while its item is compared.* An answer that is older than what is known
//!   proves nothing, and what is found twice is one delivery.
//! - *An item is missing from a list.* It is asked for by its id, and taken for deleted only where
//!   there is proof of that (`missing`), and only so many at once (`deletions`).
//! - *A repository is another one, or its issues are switched off in the midst.* The walk ends with
//!   words. Where they are off from the start its pull requests are compared (`pulls`).
//! - *What was put in is not worked off yet.* It stays in the ledger until a later look proves it
//!   mended; a look goes back as far as to the oldest of those.
//!
//! Deliberately absent: who may walk when (`schedule`), and what people did in Plane, which stays.

mod comments;
mod deletions;
mod github;
mod missing;
mod plane;
mod pulls;
mod report;
pub mod schedule;
mod walker;

use std::time::Duration;

use tokio::time::sleep;

use super::process_delivery::PlaneAddress;
use super::sync_issue::IssueSync;
use crate::clients::github::GitHub;
use crate::clients::github_rest::GitHubRest;
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::drift::{Pauses, Walk};
use crate::failure::Failure;
use crate::quota::Class;
use crate::store::StoreError;
use crate::store::announcements::Topic;
use crate::store::repositories::Repository;
pub use report::{Report, Tally};
use walker::{Purpose, Walker};

/// How long between two asks for what is missing.
const APART: Duration = Duration::from_secs(10);
/// The longest wait for a quota.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often a side that does not answer is asked again, and after how long the first time.
const TRIES: u32 = 4;
const AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked whether what was put in is worked off.
const LOOK: Duration = Duration::from_millis(250);

/// Whether a walk acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It puts what differs into the inbox and keeps what it found out.
    Act,
    /// It tells what it would do, and changes nothing.
    Preview,
}

/// What becomes of what a side no longer shows without saying that it was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is told, and so are deletions of which there are too many at once.
    IsTold,
    /// It counts as deleted: a person said so.
    IsDeleted,
}

/// Compares repositories. One for the whole process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// Store, clock and clients.
    pub sync: IssueSync,
    /// Where people open Plane.
    pub address: PlaneAddress,
    /// How long between two asks for what is missing.
    pub apart: Duration,
    /// The longest wait for a quota.
    pub patience: Duration,
    /// What becomes of what is missing.
    pub missing: Missing,
    /// How soon what was put in and mended nothing is put in again.
    pub again: Pauses,
}

/// How far a walk is: of an estimate.
pub type Progress<'a> = &'a mut (dyn FnMut(u64, u64) + Send);

/// What to do where nothing can be compared.
const NO_TOKEN: &str = "GitHub's REST API is needed to compare both sides (no MCP server lists what changed): set github.token";

impl Reconcile {
    /// With the usual waits, asking both sides behind live changes and replays.
    pub fn new(sync: IssueSync, address: PlaneAddress) -> Self {
        let sync = sync.in_class(Class::Reconcile);
        let missing = Missing::IsTold;
        let again = Pauses::NONE;
        Self { sync, address, apart: APART, patience: PATIENCE, missing, again }
    }

    /// Doing so with what is missing.
    #[must_use]
    pub fn with_missing(self, missing: Missing) -> Self {
        Self { missing, ..self }
    }

    /// Whom to ask about a repository: a REST API is needed.
    ///
    /// # Errors
    /// Without a token for its server.
    pub fn rest(&self, repository: &RepositoryName) -> Result<&GitHubRest, Failure> {
        let rest = self.sync.github.as_ref().and_then(|github| github.rest(repository));
        rest.ok_or_else(|| {
            let host = repository.host();
            Failure::permanent(match host.name() {
                Some(host) => format!(
                    "the REST API of {host} is needed to compare {repository} with Plane: set token in the [[github.hosts]] of {host}"
                ),
                None => NO_TOKEN.to_owned(),
            })
        })
    }

    /// Why nothing at all can be compared.
    ///
    /// # Errors
    /// Without any token.
    pub fn any_rest(&self) -> Result<(), Failure> {
        let mut all = self.sync.github.iter().flat_map(GitHub::rests);
        all.next().map(drop).ok_or_else(|| Failure::permanent(NO_TOKEN))
    }

    /// Walks over one repository and its Plane project. What differs is put into the inbox; the
    /// ledger says what was found.
    ///
    /// # Errors
    /// When a side can't be asked; the next call goes on where this one was.
    pub async fn look(
        &self,
        repository: &Repository,
        walk: Walk,
        doing: Doing,
        progress: Progress<'_>,
    ) -> Result<Report, Failure> {
        let purpose = match doing {
            Doing::Act => Purpose::Mend,
            Doing::Preview => Purpose::Tell,
        };
        self.walk(repository, walk, purpose, progress).await
    }

    /// Looks again at what was put in, once it is worked off, and tells what still differs.
    ///
    /// # Errors
    /// When a side can't be asked.
    pub async fn prove(
        &self,
        repository: &Repository,
        progress: Progress<'_>,
    ) -> Result<Report, Failure> {
        self.walk(repository, Walk::Changes, Purpose::Prove, progress).await
    }

    async fn walk(
        &self,
        repository: &Repository,
        walk: Walk,
        purpose: Purpose,
        progress: Progress<'_>,
    ) -> Result<Report, Failure> {
        let walked = match Walker::begin(self, repository, walk, purpose).await {
            Ok(mut walker) => Box::pin(walker.go(progress)).await.map(|()| walker.into_report()),
            Err(failure) => Err(failure),
        };
        let host = repository.name.host();
        let walked = walked.map_err(|failure| failure.reworded(|reason| host.in_words(reason)));
        if let (Err(failure), true) = (&walked, purpose != Purpose::Tell) {
            let (why, now) = (failure.to_string(), self.now());
            let noted = self.sync.store.note_drift_failure(repository.id, &why, now).await;
            noted.map_err(|e| stored(&e))?;
        }
        walked
    }

    /// Waits until what was put in is worked off, at most so long; whether it is.
    ///
    /// # Errors
    /// When the database can't say.
    pub async fn settled(&self, most: Duration) -> Result<bool, StoreError> {
        let end = self.now() + most;
        loop {
            if self.sync.store.found_under_way().await? == 0 {
                return Ok(true);
            }
            if self.now() >= end {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }

    /// Tells those who work the queue off, in whichever process they are.
    ///
    /// # Errors
    /// When the database can't.
    pub async fn tell_workers(&self) -> Result<(), StoreError> {
        self.sync.store.announce(Topic::Work).await
    }

    fn now(&self) -> Timestamp {
        self.sync.clock.now()
    }

    /// Asks until there is an answer: waits for a quota, and asks a side that is away some more
    /// times.
    async fn patiently<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let (mut waited, mut tries) = (Duration::ZERO, 0);
        loop {
            let wait = match ask().await {
                Err(Failure::Quota { wait, .. }) if waited + wait <= self.patience => wait,
                Err(Failure::Retry { after: None, .. }) if tries + 1 < TRIES => {
                    tries += 1;
                    AGAIN * 2_u32.pow(tries - 1)
                }
                Err(Failure::Retry { after: Some(wait), .. })
                    if tries + 1 < TRIES && waited + wait <= self.patience =>
                {
                    tries += 1;
                    wait
                }
                end => return end,
            };
            waited += wait;
            sleep(wait).await;
        }
    }
}

/// Another repository has the name of a configured one: its issues are not the ones that are known.
pub(super) fn another(name: &RepositoryName, known: u64, now: u64) -> Failure {
    Failure::permanent(format!(
        "{name} is another repository at GitHub ({now}) than the one that is known here ({known}): jetbridge repo remove {name}, then jetbridge repo add it under its new name"
    ))
}

/// A failure of our own database.
fn stored(error: &StoreError) -> Failure {
    super::sync_issue::of_database(format!("the comparison could not be kept: {error}"), error)
}
