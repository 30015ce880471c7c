//! Issues, pull requests and comments from before a repository was connected, open and closed: read
//! page by page from GitHub, and put into the inbox as found deliveries, with which they take the way
//! of any other.
//!
//! Its rule: live traffic first. What is found has the last claim on the remotes' quotas, only so much
//! of it waits at a time.
//!
//! Races, and what decides them:
//! - *A kill at any moment.* A page is put in before the place after it is kept. What was put in twice
//!   has one id, made of what it says, and the inbox knows it.
//! - *Somebody changes what was not yet read.* The list is in the order of changes: it moves to the end,
//!   where it is met.
//! - *Two of them for one repository.* They put in the same, and each page once.

use std::time::Duration;

use serde::Deserialize;

use crate::clients::github_rest::GitHubRest;
use crate::clients::github_rest::listing::{ListedIssue, Place};
use crate::clock::{Clock, Timestamp};
use crate::failure::Failure;
use crate::jobs::reconcile::another;
use crate::quota::Class;
use crate::replay::{Progress as Replayed, Selection, replay};
use crate::sources::github::found::{Finding, LaneOf};
use crate::sources::{Origin, Source, Verified};
use crate::store::backfills::{BackfillCounts, BackfillRow};
use crate::store::deliveries::{DeliveryFilter, DeliveryStatus};
use crate::store::found::Again;
use crate::store::repositories::Repository;
use crate::store::{Store, StoreError};

/// Found deliveries that may wait before the next page is put in.
pub const MOST_WAITING: u64 = 200;

/// Deliveries that are held before they are put in: each comment carries its whole issue.
const HELD: usize = 64;

/// Why it does not go on.
#[derive(Debug, thiserror::Error)]
pub enum Halted {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// GitHub.
    #[error("{0}")]
    GitHub(Failure),
}

impl From<Failure> for Halted {
    fn from(failure: Failure) -> Self {
        Self::GitHub(failure)
    }
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Where it was left off; what failed is run again where it had come to its end.
    WhereItWas,
    /// At the first issue.
    TheBeginning,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A page was put in.
    Moved,
    /// Enough waits to be worked off.
    Waits,
    /// GitHub's hour is used up as far as a backfill may.
    Quota(Duration),
    /// Everything is put in and worked off.
    Done,
}

/// A walk over one repository.
#[derive(Debug)]
pub struct Backfill {
    store: Store,
    clock: Clock,
    github: GitHubRest,
    repository: Repository,
    row: BackfillRow,
}

impl Backfill {
    /// Begins, or goes on.
    ///
    /// # Errors
    /// When GitHub does not show the repository, or the database does not do what is asked.
    pub async fn begin(
        store: &Store,
        clock: &Clock,
        github: &GitHubRest,
        repository: Repository,
        from: Begin,
    ) -> Result<Self, Halted> {
        let now = clock.now();
        let known = store.backfills().await?.into_iter().find(|b| b.repository == repository.id);
        let row = match known.filter(|_| from == Begin::WhereItWas) {
            Some(row) => row,
            None => BackfillRow {
                repository: repository.id,
                started_at: now,
                moved_at: now,
                since: None,
                page: 1,
                total: github.count_issues(&repository.name).await?,
                walked_at: None,
                problem: None,
            },
        };
        store.put_backfill(&row).await?;
        let begun = Self {
            store: store.clone(),
            clock: clock.clone(),
            github: github.clone().in_class(Class::Backfill),
            repository,
            row,
        };
        if begun.row.walked_at.is_some() {
            begun.retry_failed().await?;
        }
        Ok(begun)
    }

    /// Runs again what failed for good.
    async fn retry_failed(&self) -> Result<(), Halted> {
        let filter = DeliveryFilter {
            source: Some(Source::Github),
            status: Some(DeliveryStatus::Failed),
            origin: Some(Origin::Backfill),
            repository: Some(self.repository.name.to_string()),
            ..DeliveryFilter::default()
        };
        let selection = Selection::new(filter, self.clock.now());
        let mut progress = Replayed::default();
        replay(&self.store, &self.clock, &selection, usize::MAX, &mut progress, |_| {}).await?;
        Ok(())
    }

    /// Issues and pull requests that there were at the beginning, where GitHub told.
    pub fn total(&self) -> Option<u64> {
        self.row.total
    }

    /// What became of what was put in.
    ///
    /// # Errors
    /// When the database can't tell.
    pub async fn counts(&self) -> Result<BackfillCounts, Halted> {
        Ok(self.store.backfill_counts(self.repository.id).await?)
    }

    /// The next page, where there is room for it. What keeps from it is kept for whoever looks.
    ///
    /// # Errors
    /// When GitHub or the database does not do what is asked; the next step goes on from the same place.
    pub async fn step(&mut self) -> Result<Step, Halted> {
        let waiting = self.store.backfill_waiting(self.repository.id).await?;
        if self.row.walked_at.is_some() {
            return Ok(if waiting > 0 { Step::Waits } else { Step::Done });
        }
        if waiting >= MOST_WAITING {
            return Ok(Step::Waits);
        }
        match self.put_page().await {
            Ok(()) => Ok(Step::Moved),
            Err(Halted::GitHub(Failure::Quota { wait, .. })) => Ok(Step::Quota(wait)),
            Err(halted) => {
                let host = self.repository.name.host();
                let halted = match halted {
                    Halted::GitHub(failure) => {
                        Halted::GitHub(failure.reworded(|reason| host.in_words(reason)))
                    }
                    Halted::Store(_) => halted,
                };
                self.row.problem = Some(halted.to_string());
                self.store.put_backfill(&self.row).await?;
                Err(halted)
            }
        }
    }

    async fn put_page(&mut self) -> Result<(), Halted> {
        let Some(there) = self.github.fetch_facts(&self.repository.name).await? else {
            return Err(Halted::GitHub(Failure::permanent(format!(
                "GitHub shows no repository {} (404): check its name, and that github.token may read its issues",
                self.repository.name
            ))));
        };
        if let Some(known) = self.repository.github_id.filter(|known| *known != there.id) {
            return Err(Halted::GitHub(another(&self.repository.name, known, there.id)));
        }
        let finding = Finding {
            origin: Origin::Backfill,
            at: self.clock.now(),
            repository: there.name.clone(),
            repository_id: there.id,
            row: self.repository.id,
        };
        let place = Place::since(self.row.since).page(self.row.page);
        let next = self.put_from(&finding, place).await?;
        let now: Timestamp = self.clock.now();
        self.row.moved_at = now;
        self.row.problem = None;
        match next {
            Some(next) => (self.row.since, self.row.page) = (next.since, next.page),
            None => self.row.walked_at = Some(now),
        }
        self.store.put_backfill(&self.row).await?;
        Ok(())
    }

    /// Puts in what is on the page at a place; where the next one is. A page that is read in
    /// smaller ones is put in as a whole: only whole ones are kept.
    async fn put_from(&self, finding: &Finding, from: Place) -> Result<Option<Place>, Halted> {
        let mut place = from;
        loop {
            let part = self.github.list_issues(&finding.repository, &place).await?;
            let mut found = Vec::new();
            for issue in &part.entries {
                self.find(finding, issue, &mut found).await?;
            }
            self.put(&mut found).await?;
            match part.next {
                Some(next) if !next.is_whole() => place = next,
                next => return Ok(next),
            }
        }
    }

    /// An issue with its comments, as deliveries, of which no more are held than a few.
    async fn find(
        &self,
        finding: &Finding,
        listed: &ListedIssue,
        found: &mut Vec<Verified>,
    ) -> Result<(), Halted> {
        let (issue, raw) = (&listed.issue, &listed.raw);
        let lane = if issue.pull_request {
            LaneOf::PullRequest(issue.number)
        } else {
            LaneOf::Issue(issue.id)
        };
        found.push(finding.issue(lane, raw));
        let discussed: Discussed = serde_json::from_str(raw.get()).unwrap_or_default();
        let (mut more, mut place) = (discussed.comments > 0, None);
        while more {
            let name = &finding.repository;
            let page = self.github.fetch_old_comments(name, issue.number, place).await?;
            for comment in &page.comments {
                found.push(finding.comment(lane, raw, comment));
                if found.len() >= HELD {
                    self.put(found).await?;
                }
            }
            (more, place) = (page.next.is_some(), page.next);
        }
        if found.len() >= HELD {
            self.put(found).await?;
        }
        Ok(())
    }

    async fn put(&self, found: &mut Vec<Verified>) -> Result<(), Halted> {
        self.store.put_found(found, Again::Dropped, self.clock.now()).await?;
        found.clear();
        Ok(())
    }
}

/// How much there is to be asked for beside an issue.
#[derive(Default, Deserialize)]
struct Discussed {
    #[serde(default)]
    comments: u64,
}
