//! Whose turn it is in the second stage: the row of each repository's turns, read and moved on in
//! the transaction that claims, of which there is one at a time. The rule stands in `queue/turns`.

use sqlx::FromRow;

use super::rows::Statement;
use super::time::At;
use super::{Store, StoreResult, on_reader};
use crate::clock::Timestamp;
use crate::queue::turns::{LONGEST_WAIT, RateLimit};
use crate::quota::Class;

/// Whom a claim in the second stage may serve.
#[derive(Clone, Copy)]
pub struct Serving<'a> {
    /// Jobs of this class and of those before it.
    pub up_to: Class,
    /// The limit of a repository by its name, where it has one.
    pub limits: &'a (dyn Fn(&str) -> Option<RateLimit> + Sync),
}

impl Serving<'static> {
    /// Whoever is due.
    pub fn all() -> Self {
        Self { up_to: Class::Backfill, limits: &|_| None }
    }
}

/// The repository with the fewest turns, as its oldest issue of the first class is due.
pub(super) const PICK: Statement = Statement {
    postgres: "
        SELECT p.id AS place, p.repository AS name, c.lane AS lane, COALESCE(t.turn, 0) AS turn, t.next_at AS next_at,
            COALESCE((SELECT turn FROM sync_turns WHERE place = -1), 0) AS served
        FROM repository_syncs p LEFT JOIN sync_turns t ON t.place = p.id
        CROSS JOIN LATERAL (
            SELECT f.id, f.lane, f.class, f.available_at FROM work_queue f
            WHERE f.status = 'queued' AND f.stage = 'sync' AND f.place = p.id AND f.class <= $2 AND f.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue k WHERE k.status = 'claimed' AND k.lane = f.lane)
            ORDER BY f.class, f.available_at, f.id LIMIT 1) c
        WHERE t.next_at IS NULL OR t.next_at <= $1 OR t.next_at > $3
        ORDER BY c.class, GREATEST(COALESCE(t.turn, 0), COALESCE((SELECT turn FROM sync_turns WHERE place = -1), 0)),
            c.available_at, c.id LIMIT 1",
    sqlite: "
        SELECT p.id AS place, p.repository AS name, c.lane AS lane, COALESCE(t.turn, 0) AS turn, t.next_at AS next_at,
            COALESCE((SELECT turn FROM sync_turns WHERE place = -1), 0) AS served
        FROM repository_syncs p LEFT JOIN sync_turns t ON t.place = p.id
        CROSS JOIN work_queue c ON c.id = (
            SELECT f.id FROM work_queue f INDEXED BY work_queue_sync_by_place
            WHERE f.status = 'queued' AND f.stage = 'sync' AND f.place = p.id AND f.class <= $2 AND f.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue k WHERE k.status = 'claimed' AND k.lane = f.lane)
            ORDER BY f.class, f.available_at, f.id LIMIT 1)
        WHERE t.next_at IS NULL OR t.next_at <= $1 OR t.next_at > $3
        ORDER BY c.class, MAX(COALESCE(t.turn, 0), COALESCE((SELECT turn FROM sync_turns WHERE place = -1), 0)),
            c.available_at, c.id LIMIT 1",
};

/// Places with jobs whose repository is no longer there.
macro_rules! left_places {
    () => {
        "WITH RECURSIVE places(place) AS (
            SELECT (SELECT place FROM work_queue WHERE status = 'queued' AND stage = 'sync' ORDER BY place LIMIT 1)
            UNION ALL
            SELECT (SELECT n.place FROM work_queue n
                WHERE n.status = 'queued' AND n.stage = 'sync' AND n.place > places.place ORDER BY n.place LIMIT 1)
            FROM places WHERE places.place IS NOT NULL),
        gone AS (SELECT place FROM places WHERE place IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM repository_syncs p WHERE p.id = places.place)) "
    };
}

/// What is due of a repository that is no longer there: somebody has to end it. The places that have
/// jobs are walked along the index, one step each, since this is asked whenever nobody else is due, also
/// while very much waits for its repository's limit.
pub(super) const PICK_LEFT: Statement = Statement {
    postgres: concat!(
        left_places!(),
        "SELECT c.lane FROM gone CROSS JOIN LATERAL (
            SELECT f.id, f.lane, f.class, f.available_at FROM work_queue f
            WHERE f.status = 'queued' AND f.stage = 'sync' AND f.place = gone.place AND f.class <= $2 AND f.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue k WHERE k.status = 'claimed' AND k.lane = f.lane)
            ORDER BY f.class, f.available_at, f.id LIMIT 1) c
        ORDER BY c.class, c.available_at, c.id LIMIT 1"
    ),
    sqlite: concat!(
        left_places!(),
        "SELECT c.lane FROM gone CROSS JOIN work_queue c ON c.id = (
            SELECT f.id FROM work_queue f INDEXED BY work_queue_sync_by_place
            WHERE f.status = 'queued' AND f.stage = 'sync' AND f.place = gone.place AND f.class <= $2 AND f.available_at <= $1
              AND NOT EXISTS (SELECT 1 FROM work_queue k WHERE k.status = 'claimed' AND k.lane = f.lane)
            ORDER BY f.class, f.available_at, f.id LIMIT 1)
        ORDER BY c.class, c.available_at, c.id LIMIT 1"
    ),
};

pub(super) const MOVE_ON: &str = "
    INSERT INTO sync_turns (place, turn, next_at) VALUES ($1, $2, $3)
    ON CONFLICT (place) DO UPDATE SET turn = excluded.turn, next_at = excluded.next_at";

/// The row that holds the turn which was served last.
pub(super) const SERVED: i64 = -1;

/// Whose turn it is.
#[derive(FromRow)]
pub(super) struct Picked {
    pub(super) place: i64,
    name: String,
    pub(super) lane: String,
    turn: i64,
    next_at: Option<At>,
    served: i64,
}

impl Picked {
    /// The turn that is served now.
    pub(super) fn start(&self) -> i64 {
        self.turn.max(self.served)
    }

    /// When its next one may begin.
    pub(super) fn next_at(&self, serving: Serving<'_>, now: Timestamp) -> Option<At> {
        let limit = (serving.limits)(&self.name)?;
        Some(At(limit.next(self.next_at.as_ref().map(|at| at.0), now)))
    }
}

impl Store {
    /// The repositories that have to wait for their next turn, each with until when.
    pub async fn limited_repositories(
        &self,
        now: Timestamp,
    ) -> StoreResult<Vec<(String, Timestamp)>> {
        const LIMITED: &str = "SELECT p.repository, t.next_at FROM sync_turns t
            JOIN repository_syncs p ON p.id = t.place
            WHERE t.next_at > $1 AND t.next_at <= $2 ORDER BY p.repository";
        let rows: Vec<(String, At)> = on_reader!(self, pool => sqlx::query_as(LIMITED)
            .bind(At(now)).bind(At(now + LONGEST_WAIT)).fetch_all(pool).await?);
        Ok(rows.into_iter().map(|(name, at)| (name, at.0)).collect())
    }
}
