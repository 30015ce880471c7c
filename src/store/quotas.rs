//! What other people's servers said of their limits. The clients that hear it live in the working
//! processes; whoever shows it reads it here. One row a minute and client, the worst of it.

use sqlx::FromRow;

use super::time::At;
use super::{Store, StoreResult, on_reader, on_writer};
use crate::clock::Timestamp;

/// What a server said of a client's limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaSeen {
    /// Whose limit: `plane`, `github`.
    pub client: String,
    /// Requests that are left, where that is said.
    pub remaining: Option<i64>,
    /// Requests of a whole window, where that is said.
    pub most: Option<i64>,
    /// When the window ends, or when asking may go on.
    pub resets_at: Option<Timestamp>,
    /// Whether nothing may be asked until then.
    pub used_up: bool,
    /// When it was said.
    pub seen_at: Timestamp,
}

/// The newest of what was said, and how often the limit was reached of late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaNow {
    /// What was said last.
    pub seen: QuotaSeen,
    /// Minutes of the last hour in which it was used up.
    pub minutes_used_up: i64,
}

#[derive(FromRow)]
struct Row {
    client: String,
    remaining: Option<i64>,
    most: Option<i64>,
    resets_at: Option<At>,
    used_up: bool,
    seen_at: At,
    minutes: i64,
}

impl Store {
    /// Keeps what was said in this minute; of several the least that was left counts.
    pub async fn put_quota(&self, quota: &QuotaSeen, minute: Timestamp) -> StoreResult<()> {
        const PUT: &str = "INSERT INTO quota_samples (client, at, remaining, most, resets_at, used_up, seen_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (client, at) DO UPDATE SET
                remaining = CASE WHEN excluded.remaining < quota_samples.remaining OR quota_samples.remaining IS NULL
                    THEN excluded.remaining ELSE quota_samples.remaining END,
                most = COALESCE(excluded.most, quota_samples.most), resets_at = excluded.resets_at,
                used_up = excluded.used_up OR quota_samples.used_up, seen_at = excluded.seen_at
            WHERE excluded.seen_at >= quota_samples.seen_at";
        on_writer!(self, pool => sqlx::query(PUT).bind(&quota.client).bind(At(minute)).bind(quota.remaining)
            .bind(quota.most).bind(quota.resets_at.map(At)).bind(quota.used_up).bind(At(quota.seen_at))
            .execute(pool).await.map(drop))?;
        Ok(())
    }

    /// The newest of each client, with the minutes since `hour_ago` in which it was used up.
    pub async fn quotas(&self, hour_ago: Timestamp) -> StoreResult<Vec<QuotaNow>> {
        const NEWEST: &str = "SELECT client, remaining, most, resets_at, used_up, seen_at,
                (SELECT COUNT(*) FROM quota_samples u WHERE u.client = q.client AND u.at >= $1 AND u.used_up) AS minutes
            FROM quota_samples q
            WHERE at = (SELECT MAX(n.at) FROM quota_samples n WHERE n.client = q.client) ORDER BY client DESC";
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(NEWEST).bind(At(hour_ago)).fetch_all(pool).await?);
        let now = |row: Row| QuotaNow {
            seen: QuotaSeen {
                client: row.client,
                remaining: row.remaining,
                most: row.most,
                resets_at: row.resets_at.map(|at| at.0),
                used_up: row.used_up,
                seen_at: row.seen_at.0,
            },
            minutes_used_up: row.minutes,
        };
        Ok(rows.into_iter().map(now).collect())
    }
}
