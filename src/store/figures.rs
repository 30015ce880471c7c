//! The figures' table: adding in the commit of a batch, sums for pages, merging, forgetting.
//!
//! Rows of one kind mean their sum, so adding waits for nobody, and merging is a move: what is
//! deleted is inserted again as sums, in one statement (`PostgreSQL`) or one writing transaction
//! (SQLite). Whoever reads sees all of it before or all of it after.
//!
//! Races, and what decides them:
//! - *Two that merge at once.* Each puts back only what it deleted itself.
//! - *A batch that commits into a bucket which is merged already.* Its rows are not merged ones, so
//!   the bucket is merged again.

use std::time::Duration;

use serde::Serialize;
use sqlx::FromRow;

use super::rows::{Statement, statement, to_json};
use super::time::{At, to_text};
use super::{Database, Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;
use crate::figures::{BUCKET, Ended, Figure, LagBucket, Tally, floor, tally};

/// Rows that one statement of a purge takes away.
const PURGED_AT_ONCE: i64 = 5000;
/// Buckets and hours that one turn merges; the next one goes on.
const MERGED_AT_ONCE: usize = 200;

pub(super) const ADD_FIGURES: Statement = statement!(
    "INSERT INTO figures (bucket, seconds, source, place, event, outcome, lag, count)
     SELECT r.bucket, r.seconds, r.source, r.place, r.event, r.outcome, r.lag, r.count FROM ",
    rows(bucket "timestamptz", seconds "bigint", source "text", place "text", event "text", outcome "text",
        lag "bigint", count "bigint"),
    " WHERE true"
);

#[derive(Serialize)]
struct TallyRow<'a> {
    bucket: String,
    seconds: u64,
    source: &'static str,
    place: &'a str,
    event: &'a str,
    outcome: &'static str,
    lag: u8,
    count: u64,
}

/// What a batch's ends add, as [`ADD_FIGURES`] takes it.
pub(super) fn figure_rows(figures: &[Figure]) -> StoreResult<String> {
    let tallies = tally(figures);
    to_json(&tallies.iter().map(tally_row).collect::<Vec<_>>())
}

fn tally_row(tally: &Tally) -> TallyRow<'_> {
    TallyRow {
        bucket: to_text(tally.bucket),
        seconds: BUCKET.as_secs(),
        source: tally.source.as_str(),
        place: &tally.place,
        event: &tally.event,
        outcome: tally.ended.as_str(),
        lag: tally.lag.index(),
        count: tally.count,
    }
}

/// So many ends of one kind, added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Seconds since 1970 at which the slot begins; 0 where the sum is over all of the time.
    pub slot: i64,
    /// Who sent them.
    pub source: String,
    /// Where they belong; empty where not asked for.
    pub place: String,
    /// What happened; empty where not asked for.
    pub event: String,
    /// How they ended.
    pub ended: Ended,
    /// After about how long.
    pub lag: LagBucket,
    /// How many.
    pub count: u64,
}

#[derive(FromRow)]
struct SumRow {
    slot: i64,
    source: String,
    place: String,
    event: String,
    outcome: String,
    lag: i64,
    count: i64,
}

impl From<SumRow> for Sum {
    fn from(row: SumRow) -> Self {
        Self {
            slot: row.slot,
            source: row.source,
            place: row.place,
            event: row.event,
            // The table's own check lets no other word in.
            ended: Ended::from_word(&row.outcome).unwrap_or(Ended::Failed),
            lag: LagBucket::from_index(row.lag),
            count: u64::try_from(row.count).unwrap_or_default(),
        }
    }
}

/// Sums by one thing; `$1` is since when, `$2` the length of a slot in seconds.
macro_rules! sums {
    ($slot:literal, $place:literal, $event:literal) => {
        concat!(
            "SELECT CAST(",
            $slot,
            " AS bigint) AS slot, source, ",
            $place,
            " AS place, ",
            $event,
            " AS event, outcome, lag, CAST(SUM(count) AS bigint) AS count FROM figures
            WHERE bucket >= $1 AND CAST($2 AS bigint) > 0 GROUP BY 1, 2, 3, 4, 5, 6"
        )
    };
}
/// By time.
const BY_SLOT: Statement = Statement {
    postgres: sums!(
        "floor(extract(epoch FROM bucket) / CAST($2 AS bigint)) * CAST($2 AS bigint)",
        "''",
        "''"
    ),
    sqlite: sums!("unixepoch(bucket) / $2 * $2", "''", "''"),
};
/// By place and event, over all of the time.
const BY_PLACE_AND_EVENT: Statement =
    Statement { postgres: sums!("0", "place", "event"), sqlite: sums!("0", "place", "event") };

/// What becomes of rows between `$1` and `$2`: the bucket they go to, and its length.
macro_rules! moved {
    ($which:literal, $bucket_postgres:literal, $bucket_sqlite:literal, $seconds:literal) => {
        (
            concat!(
                "WITH gone AS (DELETE FROM figures WHERE ", $which, " RETURNING *)
                INSERT INTO figures (bucket, seconds, source, place, event, outcome, lag, count, merged)
                SELECT ", $bucket_postgres, ", ", $seconds, ", source, place, event, outcome, lag, SUM(count), true
                FROM gone GROUP BY 1, 2, source, place, event, outcome, lag"
            ),
            [
                "CREATE TEMP TABLE IF NOT EXISTS moved AS SELECT * FROM figures WHERE false",
                concat!("INSERT INTO moved SELECT * FROM figures WHERE ", $which),
                "DELETE FROM figures WHERE id IN (SELECT id FROM moved)",
                concat!(
                    "INSERT INTO figures (bucket, seconds, source, place, event, outcome, lag, count, merged)
                    SELECT ", $bucket_sqlite, ", ", $seconds, ", source, place, event, outcome, lag, SUM(count), true
                    FROM moved GROUP BY 1, 2, source, place, event, outcome, lag"
                ),
                "DELETE FROM moved",
            ],
        )
    };
}

type Moved = (&'static str, [&'static str; 5]);

/// One bucket that holds rows which are not merged.
const MERGE: Moved = moved!("bucket >= $1 AND bucket < $2", "bucket", "bucket", "seconds");
/// One hour.
const COARSEN: Moved = moved!(
    "seconds < 3600 AND bucket >= $1 AND bucket < $2",
    "date_trunc('hour', bucket, 'UTC')",
    "substr(bucket, 1, 13) || ':00:00.000000Z'",
    "3600"
);
const OLDEST_UNMERGED: &str = "SELECT MIN(bucket) FROM figures WHERE NOT merged AND bucket < $1";
const OLDEST_FINE: &str = "SELECT MIN(bucket) FROM figures WHERE seconds < 3600 AND bucket < $1";

impl Store {
    /// Sums by slots of `step` seconds, since a time that is the beginning of one.
    pub async fn figures_by_slot(&self, since: Timestamp, step: i64) -> StoreResult<Vec<Sum>> {
        self.sums(BY_SLOT, since, step).await
    }

    /// Sums by place and event since `since`.
    pub async fn figures_by_place(&self, since: Timestamp) -> StoreResult<Vec<Sum>> {
        self.sums(BY_PLACE_AND_EVENT, since, 1).await
    }

    async fn sums(&self, sums: Statement, since: Timestamp, step: i64) -> StoreResult<Vec<Sum>> {
        let rows: Vec<SumRow> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(sums.postgres).bind(At(since)).bind(step).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(sums.sqlite).bind(At(since)).bind(step).fetch_all(reader).await?
            }
        };
        Ok(rows.into_iter().map(Sum::from).collect())
    }

    /// Merges the rows of buckets before `open`, and those before `hourly`, a whole hour, into
    /// hours: one at a time, so that nobody waits long for the database, and a limited number.
    pub async fn merge_figures(&self, open: Timestamp, hourly: Timestamp) -> StoreResult<()> {
        let hour = Duration::from_hours(1);
        for (oldest, before, step, moved) in
            [(OLDEST_UNMERGED, open, BUCKET, MERGE), (OLDEST_FINE, hourly, hour, COARSEN)]
        {
            for _ in 0..MERGED_AT_ONCE {
                let found: Option<At> = on_reader!(self, pool => sqlx::query_scalar(oldest).bind(At(before)).fetch_one(pool).await?);
                let Some(At(found)) = found else { break };
                let from = floor(found, step);
                self.move_figures(moved, from, from + step).await?;
            }
        }
        Ok(())
    }

    async fn move_figures(
        &self,
        moved: Moved,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreResult<()> {
        match &self.database {
            Database::Postgres(pool) => {
                sqlx::query(moved.0).bind(At(from)).bind(At(until)).execute(pool).await?;
            }
            Database::Sqlite { writer, .. } => {
                let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                for (at, step) in moved.1.into_iter().enumerate() {
                    let step = sqlx::query(step);
                    let step = if at == 1 { step.bind(At(from)).bind(At(until)) } else { step };
                    step.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    /// Forgets figures before `before`, a limited number at a time; how many.
    pub async fn purge_figures(&self, before: Timestamp) -> StoreResult<u64> {
        const PURGE: &str =
            "DELETE FROM figures WHERE id IN (SELECT id FROM figures WHERE bucket < $1 LIMIT $2)";
        let mut purged = 0;
        loop {
            let gone = on_writer!(self, pool => sqlx::query(PURGE).bind(At(before)).bind(PURGED_AT_ONCE).execute(pool).await?.rows_affected());
            purged += gone;
            if gone < PURGED_AT_ONCE.unsigned_abs() {
                return Ok(purged);
            }
        }
    }
}
