//! Deliveries that never arrived: which of them the inbox has meanwhile, which were asked for again,
//! and how far back was looked for each repository.
//!
//! What is missing is noted before it is asked for, so that a process that dies between the two
//! forgets nothing. Asking is taken in the row: of two processes that want the same delivery one does
//! it (`take_request`), and neither does before `again_at`.
//!
//! Whose hook it was says `organization`, and `hook_id` alone where it is the GitHub App's: that one
//! has no number, and stands as 0, which is nobody's.

use serde::Serialize;
use sqlx::FromRow;

use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreError, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::config::RepositoryName;
use crate::ids::DeliveryId;
use crate::recovery::{Gap, Here, HookOwner};

/// What stands for the App's hook.
const OF_THE_APP: i64 = 0;

/// A delivery that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `X-GitHub-Delivery`.
    pub guid: DeliveryId,
    /// The configured repository whose event it is.
    pub repository: RepositoryName,
    /// Whose hook sent it.
    pub owner: HookOwner,
    /// The hook; 0 where it is the App's.
    pub hook: u64,
    /// The attempt that is to be made again.
    pub attempt: u64,
    /// `issues`.
    pub event: String,
    /// When that attempt was made.
    pub sent_at: Timestamp,
    /// How it ended, in GitHub's words.
    pub status: String,
    /// How often it was asked for.
    pub asked: u32,
    /// When it may be asked for again.
    pub again_at: Timestamp,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestEnd {
    /// It is in the inbox.
    Came,
    /// It did not come however often it was asked for.
    GivenUp,
    /// GitHub no longer sends it.
    Expired,
}

impl RequestEnd {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Came => "came",
            Self::GivenUp => "given_up",
            Self::Expired => "expired",
        }
    }
}

/// Whether what was given up before is asked for anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// It stays so.
    Stays,
    /// A person wants it tried again.
    TriedAgain,
}

/// How it stands with a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoverPlace {
    /// As configured.
    pub repository: RepositoryName,
    /// When it was last looked.
    pub looked_at: Timestamp,
    /// Everything that GitHub sent before is known here or asked for.
    pub covered_until: Option<Timestamp>,
    /// What the last look found missing.
    pub missing: u64,
    /// What it asked for.
    pub asked: u64,
    /// A time of which GitHub no longer tells what it sent.
    pub gap: Option<Gap>,
    /// Why it could not be looked, or asked, and what to do.
    pub problem: Option<String>,
}

/// How many deliveries were missing, by how that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RecoverCounts {
    /// Asked for, or about to be.
    pub waiting: u64,
    /// Came in the end.
    pub came: u64,
    /// Never came.
    pub given_up: u64,
    /// GitHub no longer sends them.
    pub expired: u64,
}

#[derive(FromRow)]
struct RequestRow {
    delivery_id: String,
    repository: String,
    organization: Option<String>,
    hook_id: i64,
    attempt_id: i64,
    event_type: String,
    sent_at: At,
    status: String,
    asked: i64,
    again_at: At,
}

impl TryFrom<RequestRow> for Request {
    type Error = StoreError;
    fn try_from(row: RequestRow) -> Result<Self, StoreError> {
        let number = |n: i64| u64::try_from(n).map_err(|e| unreadable("number", e));
        let repository: RepositoryName =
            row.repository.parse().map_err(|e| unreadable("repository", e))?;
        Ok(Self {
            guid: DeliveryId::new(row.delivery_id),
            owner: match (row.organization, row.hook_id) {
                (Some(login), _) => HookOwner::Organization(login),
                (None, OF_THE_APP) => HookOwner::App,
                (None, _) => HookOwner::Repository(repository.clone()),
            },
            repository,
            hook: number(row.hook_id)?,
            attempt: number(row.attempt_id)?,
            event: row.event_type,
            sent_at: row.sent_at.0,
            status: row.status,
            asked: u32::try_from(row.asked).unwrap_or(u32::MAX),
            again_at: row.again_at.0,
        })
    }
}

#[derive(Serialize)]
struct NoteRow<'a> {
    delivery_id: &'a str,
    repository: &'a str,
    organization: Option<&'a str>,
    hook_id: u64,
    attempt_id: u64,
    event_type: &'a str,
    sent_at: String,
    status: &'a str,
    again_at: String,
}

#[derive(Serialize)]
struct IdRow<'a> {
    delivery_id: &'a str,
}

#[derive(FromRow)]
struct PlaceRow {
    repository: String,
    looked_at: At,
    covered_until: Option<At>,
    missing: i64,
    asked: i64,
    gap_from: Option<At>,
    gap_until: Option<At>,
    problem: Option<String>,
}

impl TryFrom<PlaceRow> for RecoverPlace {
    type Error = StoreError;
    fn try_from(row: PlaceRow) -> Result<Self, StoreError> {
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        let gap = row.gap_from.zip(row.gap_until);
        Ok(Self {
            repository: row.repository.parse().map_err(|e| unreadable("repository", e))?,
            looked_at: row.looked_at.0,
            covered_until: row.covered_until.map(|at| at.0),
            missing: count(row.missing),
            asked: count(row.asked),
            gap: gap.map(|(from, until)| Gap { from: from.0, until: until.0 }),
            problem: row.problem,
        })
    }
}

const HERE: Statement = statement!(
    "SELECT g.delivery_id, g.status FROM ",
    rows(delivery_id "text"),
    " JOIN github_webhook_events g ON g.delivery_id = r.delivery_id"
);

/// What came and is missing all the same was taken away again: it begins anew.
const NOTE: Statement = statement!(
    "INSERT INTO recover_requests
        (delivery_id, repository, organization, hook_id, attempt_id, event_type, sent_at, status, noticed_at, again_at)
     SELECT r.delivery_id, r.repository, r.organization, r.hook_id, r.attempt_id, r.event_type, r.sent_at, r.status,
        r.again_at, r.again_at FROM ",
    rows(delivery_id "text", repository "text", organization "text", hook_id "bigint", attempt_id "bigint",
        event_type "text", sent_at "timestamptz", status "text", again_at "timestamptz"),
    " WHERE true ON CONFLICT (delivery_id) DO UPDATE SET
        repository = excluded.repository, organization = excluded.organization, hook_id = excluded.hook_id,
        attempt_id = excluded.attempt_id, sent_at = excluded.sent_at, status = excluded.status,
        asked = CASE WHEN recover_requests.outcome IS NULL THEN recover_requests.asked ELSE 0 END,
        again_at = CASE WHEN recover_requests.outcome IS NULL THEN recover_requests.again_at ELSE excluded.again_at END,
        outcome = NULL, ended_at = NULL
     WHERE recover_requests.outcome IS NULL OR recover_requests.outcome = 'came' OR $2 = 1"
);

const END: Statement = statement!(
    "UPDATE recover_requests SET outcome = $2, ended_at = $3 FROM ",
    rows(delivery_id "text"),
    " WHERE recover_requests.delivery_id = r.delivery_id AND recover_requests.outcome IS NULL"
);

macro_rules! requests {
    ($after:literal) => {
        concat!(
            "SELECT delivery_id, repository, organization, hook_id, attempt_id, event_type, sent_at, status, asked, again_at
             FROM recover_requests ",
            $after
        )
    };
}

impl Store {
    /// What the inbox says of these deliveries; what is not told of is missing.
    pub async fn deliveries_here(
        &self,
        guids: &[&DeliveryId],
    ) -> StoreResult<Vec<(DeliveryId, Here)>> {
        let ids = to_json(&id_rows(guids))?;
        let rows: Vec<(String, String)> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(HERE.postgres).bind(&ids).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(HERE.sqlite).bind(&ids).fetch_all(reader).await?
            }
        };
        let here = |status: &str| if status == "failed" { Here::Failed } else { Here::Kept };
        Ok(rows.into_iter().map(|(id, status)| (DeliveryId::new(id), here(&status))).collect())
    }

    /// The requests that have not ended, the oldest delivery first.
    pub async fn open_requests(&self) -> StoreResult<Vec<Request>> {
        const OPEN: &str = requests!("WHERE outcome IS NULL ORDER BY sent_at, attempt_id");
        let rows: Vec<RequestRow> =
            on_reader!(self, pool => sqlx::query_as(OPEN).fetch_all(pool).await?);
        rows.into_iter().map(Request::try_from).collect()
    }

    /// Those that never came, the newest first, at most `most`.
    pub async fn given_up_requests(&self, most: i64) -> StoreResult<Vec<Request>> {
        const GIVEN_UP: &str =
            requests!("WHERE outcome IN ('given_up', 'expired') ORDER BY ended_at DESC LIMIT $1");
        let rows: Vec<RequestRow> =
            on_reader!(self, pool => sqlx::query_as(GIVEN_UP).bind(most).fetch_all(pool).await?);
        rows.into_iter().map(Request::try_from).collect()
    }

    /// Notes what is missing; of what is noted already the newest attempt is kept.
    pub async fn note_missing(&self, missing: &[Request], given_up: GivenUp) -> StoreResult<()> {
        let rows: Vec<_> = missing.iter().map(note_row).collect();
        let anew = i64::from(given_up == GivenUp::TriedAgain);
        let rows = to_json(&rows)?;
        match &self.database {
            Database::Postgres(pool) => {
                sqlx::query(NOTE.postgres).bind(&rows).bind(anew).execute(pool).await?;
            }
            Database::Sqlite { writer, .. } => {
                sqlx::query(NOTE.sqlite).bind(&rows).bind(anew).execute(writer).await?;
            }
        }
        Ok(())
    }

    /// Takes the asking for a delivery, which is due again at `again_at`; whether it is the caller's.
    pub async fn take_request(
        &self,
        guid: &DeliveryId,
        again_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<bool> {
        const TAKE: &str = "UPDATE recover_requests SET asked = asked + 1, again_at = $2
            WHERE delivery_id = $1 AND outcome IS NULL AND again_at <= $3";
        let taken = on_writer!(self, pool => sqlx::query(TAKE).bind(guid.as_str()).bind(At(again_at)).bind(At(now))
            .execute(pool).await?.rows_affected());
        Ok(taken > 0)
    }

    /// Gives back what was taken and not asked for.
    pub async fn put_request_back(&self, guid: &DeliveryId, now: Timestamp) -> StoreResult<()> {
        const PUT: &str = "UPDATE recover_requests SET asked = asked - 1, again_at = $2
            WHERE delivery_id = $1 AND outcome IS NULL AND asked > 0";
        on_writer!(self, pool => sqlx::query(PUT).bind(guid.as_str()).bind(At(now)).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Ends requests.
    pub async fn end_requests(
        &self,
        guids: &[&DeliveryId],
        end: RequestEnd,
        now: Timestamp,
    ) -> StoreResult<()> {
        let ids = to_json(&id_rows(guids))?;
        let end = end.as_str();
        match &self.database {
            Database::Postgres(pool) => {
                sqlx::query(END.postgres).bind(&ids).bind(end).bind(At(now)).execute(pool).await?;
            }
            Database::Sqlite { writer, .. } => {
                sqlx::query(END.sqlite).bind(&ids).bind(end).bind(At(now)).execute(writer).await?;
            }
        }
        Ok(())
    }

    /// How it stands with each repository that was looked at and is still configured.
    pub async fn recover_places(&self) -> StoreResult<Vec<RecoverPlace>> {
        const LIST: &str = "SELECT p.repository, p.looked_at, p.covered_until, p.missing, p.asked, p.gap_from, p.gap_until, p.problem
            FROM recover_places p JOIN repository_syncs s ON s.repository = p.repository ORDER BY lower(p.repository)";
        let rows: Vec<PlaceRow> =
            on_reader!(self, pool => sqlx::query_as(LIST).fetch_all(pool).await?);
        rows.into_iter().map(RecoverPlace::try_from).collect()
    }

    /// Says how it stands with a repository. A gap stays until it is closed.
    pub async fn put_recover_place(&self, place: &RecoverPlace) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO recover_places
                (repository, looked_at, covered_until, missing, asked, gap_from, gap_until, problem)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (repository) DO UPDATE SET looked_at = excluded.looked_at,
                covered_until = COALESCE(excluded.covered_until, recover_places.covered_until),
                missing = excluded.missing, asked = excluded.asked, problem = excluded.problem,
                gap_from = CASE WHEN excluded.gap_from IS NULL OR recover_places.gap_from < excluded.gap_from
                    THEN COALESCE(recover_places.gap_from, excluded.gap_from) ELSE excluded.gap_from END,
                gap_until = COALESCE(excluded.gap_until, recover_places.gap_until)";
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        on_writer!(self, pool => sqlx::query(PUT).bind(place.repository.as_str()).bind(At(place.looked_at))
            .bind(place.covered_until.map(At)).bind(count(place.missing)).bind(count(place.asked))
            .bind(place.gap.map(|gap| At(gap.from))).bind(place.gap.map(|gap| At(gap.until)))
            .bind(place.problem.as_deref()).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Closes the gap of a repository whose two sides were compared since `compared_at`.
    pub async fn close_recover_gap(
        &self,
        repository: &RepositoryName,
        compared_at: Timestamp,
    ) -> StoreResult<()> {
        const CLOSE: &str = "UPDATE recover_places SET gap_from = NULL, gap_until = NULL
            WHERE lower(repository) = lower($1) AND gap_until <= $2";
        on_writer!(self, pool => sqlx::query(CLOSE).bind(repository.as_str()).bind(At(compared_at))
            .execute(pool).await.map(drop))?;
        Ok(())
    }

    /// How many deliveries are waited for, and how many ended since `since`.
    pub async fn recover_counts(&self, since: Timestamp) -> StoreResult<RecoverCounts> {
        const COUNT: &str = "SELECT COALESCE(outcome, 'waiting') AS outcome, count(*) AS count FROM recover_requests
            WHERE outcome IS NULL OR ended_at >= $1 GROUP BY COALESCE(outcome, 'waiting')";
        let rows: Vec<(String, i64)> =
            on_reader!(self, pool => sqlx::query_as(COUNT).bind(At(since)).fetch_all(pool).await?);
        let of = |word: &str| {
            let found = rows.iter().find(|(outcome, _)| outcome == word);
            found.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or_default())
        };
        Ok(RecoverCounts {
            waiting: of("waiting"),
            came: of("came"),
            given_up: of("given_up"),
            expired: of("expired"),
        })
    }

    /// Forgets what ended before.
    pub async fn purge_requests(&self, before: Timestamp) -> StoreResult<()> {
        const PURGE: &str =
            "DELETE FROM recover_requests WHERE outcome IS NOT NULL AND ended_at < $1";
        on_writer!(self, pool => sqlx::query(PURGE).bind(At(before)).execute(pool).await.map(drop))?;
        Ok(())
    }
}

fn id_rows<'a>(guids: &[&'a DeliveryId]) -> Vec<IdRow<'a>> {
    guids.iter().map(|guid| IdRow { delivery_id: guid.as_str() }).collect()
}

fn note_row(request: &Request) -> NoteRow<'_> {
    NoteRow {
        delivery_id: request.guid.as_str(),
        repository: request.repository.as_str(),
        organization: match &request.owner {
            HookOwner::Organization(login) => Some(login),
            HookOwner::Repository(_) | HookOwner::App => None,
        },
        hook_id: request.hook,
        attempt_id: request.attempt,
        event_type: &request.event,
        sent_at: to_text(request.sent_at),
        status: &request.status,
        again_at: to_text(request.again_at),
    }
}
