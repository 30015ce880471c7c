//! The queue's table: leases, and the words for how an attempt ends. Claims are made by
//! `store/claim`, the ends written by `store/finish`, jobs queued again by `store/replays`. The rules
//! of the queue stand in `queue/`; here is what makes them hold.
//!
//! Races, and what decides them:
//! - *A worker that comes back late.* Finishing names the lease; where the row holds another one
//!   (or none) nothing of the whole batch is written.
//! - *A clock that is set back.* A lease or a first attempt that lies further ahead than any is ever
//!   made for was written by the clock as it was before: neither is waited for.

use chrono::TimeDelta;

use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult, on_writer};
use crate::clock::Timestamp;
use crate::config::GithubHost;
use crate::ids::{DeliveryId, JobId, Lane, Lease, RepositorySyncId};
use crate::quota::Class;
use crate::sources::{Origin, Source};
use crate::timeline::TimelineEntry;

/// Clocks of machines that share a database may differ by this.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);
/// Leases are given for seconds: one that ends later than this is from before the clock was set.
const LONGEST_LEASE: TimeDelta = TimeDelta::minutes(10);

/// A job under our lease, with the delivery it is about.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job.
    pub id: JobId,
    /// Whose delivery.
    pub source: Source,
    /// Which delivery.
    pub delivery_id: DeliveryId,
    /// The sender's word for what happened.
    pub event_type: String,
    /// The configured repository that it came from, as `owner/name`.
    pub repository: Option<String>,
    /// The GitHub that it came from.
    pub github_host: GithubHost,
    /// Whether it was sent, or found by asking.
    pub origin: Origin,
    /// Its lane.
    pub lane: Option<Lane>,
    /// How soon it has a claim on other systems' quotas.
    pub class: Class,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Why the one before it did not come to its end, where it did not.
    pub last_error: Option<String>,
    /// `json` or `form`.
    pub encoding: String,
    /// The exact bytes; `None` when retention dropped them.
    pub body: Option<Vec<u8>>,
    /// When the delivery was committed.
    pub received_at: Timestamp,
    /// Since when it waits for its end: its commit, or the last wish to run it again.
    pub since: Timestamp,
}

/// How far a delivery is worked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is read, and what it tells is stored.
    Read,
    /// What it tells of is brought in step with the other side.
    Sync,
}

/// How an attempt ended, for the queue and for the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Worked off.
    Done {
        /// What came of it.
        result: String,
    },
    /// Read; now to be brought in step, in a lane of its own and with attempts of its own.
    Handed {
        /// What came of reading it.
        result: String,
        /// The lane to wait in.
        lane: Lane,
        /// The repository whose turn it takes; that of the delivery itself without one.
        place: Option<RepositorySyncId>,
    },
    /// To be tried again from `at` on.
    Again {
        /// When.
        at: Timestamp,
        /// Why not now.
        error: String,
        /// Whether this attempt counts.
        counted: Counted,
    },
    /// No further attempt.
    Dead {
        /// Why.
        error: String,
    },
}

/// Whether an attempt uses up a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It does.
    Attempt,
    /// It only waited.
    Waiting,
}

/// A job's end with what it leaves on the timeline.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The job.
    pub id: JobId,
    /// Its attempts so far, this one included.
    pub attempts: u32,
    /// The error that it was claimed with.
    pub last_error: Option<String>,
    /// How it ended.
    pub end: End,
    /// The timeline's line for it.
    pub entry: TimelineEntry,
}

/// Whether a batch was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// All of it.
    Committed,
    /// Nothing of it: these jobs are no longer ours.
    Lost(Vec<JobId>),
}

/// What became of a wish to run a delivery again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// It is queued.
    Queued,
    /// It is being worked on this moment.
    Running,
    /// Retention dropped its body, so there is nothing to read: [`Store::body_dropped_at`] says when.
    Dropped,
    /// There is no such delivery.
    Unknown,
}

/// What only GitHub's table says: that a delivery is no longer being worked on.
const MARK_PENDING: Statement = Statement {
    postgres: "
        UPDATE github_webhook_events SET status = 'pending'
        WHERE status = 'processing' AND delivery_id IN (SELECT json_array_elements_text($1::json))",
    sqlite: "
        UPDATE github_webhook_events SET status = 'pending'
        WHERE status = 'processing' AND delivery_id IN (SELECT value FROM json_each($1))",
};

impl Store {
    /// Lets a lease that is still held end later.
    pub async fn renew_lease(&self, lease: Lease, until: Timestamp) -> StoreResult<()> {
        const RENEW: &str =
            "UPDATE work_queue SET lease_until = $2 WHERE lease = $1 AND status = 'claimed'";
        let token = lease.0.to_string();
        on_writer!(self, pool => sqlx::query(RENEW).bind(token).bind(At(until)).execute(pool).await?.rows_affected());
        Ok(())
    }

    /// Queues again what is claimed under a lease, as if it had not been claimed: for a worker that
    /// could not come to an end through no fault of its jobs. Returns how many there were.
    pub async fn hand_back(&self, lease: Lease) -> StoreResult<u64> {
        const HAND_BACK: &str =
            "UPDATE work_queue SET status = 'queued', attempts = attempts - 1, lease = NULL, lease_until = NULL
            WHERE lease = $1 AND status = 'claimed' RETURNING source, delivery_id";
        let token = lease.0.to_string();
        macro_rules! hand_back {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let queued: Vec<(String, String)> =
                    sqlx::query_as(HAND_BACK).bind(token).fetch_all(&mut *transaction).await?;
                if let Some(ids) = of_github(queued.iter().map(|row| (&row.0, &row.1)))? {
                    let pending = sqlx::query(MARK_PENDING.$dialect).bind(ids);
                    pending.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                queued.len() as u64
            }};
        }
        Ok(match &self.database {
            Database::Postgres(pool) => hand_back!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                hand_back!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite)
            }
        })
    }

    /// Queues again what was claimed under leases that ended before `now`; returns how many.
    pub async fn reap_leases(&self, now: Timestamp) -> StoreResult<u64> {
        self.bring_forward(now).await?;
        self.reap(Some(now)).await
    }

    /// Makes due what was never tried and would be due only later: the clock was set back since.
    async fn bring_forward(&self, now: Timestamp) -> StoreResult<()> {
        const BRING_FORWARD: &str = "UPDATE work_queue SET available_at = $1
            WHERE status = 'queued' AND stage = 'read' AND claimed_at IS NULL AND available_at > $2";
        on_writer!(self, pool => sqlx::query(BRING_FORWARD).bind(At(now)).bind(At(now + CLOCKS_DIFFER))
            .execute(pool).await?.rows_affected());
        Ok(())
    }

    /// Ends all leases at once: for a database that no other process works on.
    pub async fn reap_all_leases(&self) -> StoreResult<u64> {
        self.reap(None).await
    }

    /// Ends the leases that ended before `now`, or all of them.
    async fn reap(&self, now: Option<Timestamp>) -> StoreResult<u64> {
        const REAP: &str =
            "UPDATE work_queue SET status = 'queued', lease = NULL, lease_until = NULL,
                available_at = CASE WHEN available_at > $1 THEN $1 ELSE available_at END
            WHERE status = 'claimed' AND ($1 IS NULL OR lease_until < $1 OR lease_until > $2)
            RETURNING source, delivery_id";
        macro_rules! reap {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let reaped: Vec<(String, String)> = sqlx::query_as(REAP)
                    .bind(now.map(At))
                    .bind(now.map(|now| At(now + LONGEST_LEASE)))
                    .fetch_all(&mut *transaction)
                    .await?;
                if let Some(ids) = of_github(reaped.iter().map(|row| (&row.0, &row.1)))? {
                    let pending = sqlx::query(MARK_PENDING.$dialect).bind(ids);
                    pending.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                reaped.len() as u64
            }};
        }
        Ok(match &self.database {
            Database::Postgres(pool) => reap!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                reap!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite)
            }
        })
    }
}

/// The ids of GitHub's deliveries among these, as the statements take them; `None` without any.
pub(super) fn of_github<'a>(
    deliveries: impl Iterator<Item = (&'a String, &'a String)>,
) -> StoreResult<Option<String>> {
    let github = Source::Github.as_str();
    let ids: Vec<&str> =
        deliveries.filter(|(source, _)| *source == github).map(|(_, id)| id.as_str()).collect();
    if ids.is_empty() { Ok(None) } else { to_json(&ids).map(Some) }
}
