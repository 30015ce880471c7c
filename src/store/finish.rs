//! Finishing a batch: the ends of its jobs, what they changed, and their timeline in one commit,
//! under the lease that was claimed. The rules of leases stand in `store/jobs`.
//!
//! An item has changed, too, when a delivery about it was tried again or failed for good.

use std::collections::{BTreeSet, HashMap};

use super::cards::refresh;
use super::changes::REVISE;
use super::figures::{ADD_FIGURES, figure_rows};
use super::finished_rows::{comment_row, entry_row, finished_row, item_row};
use super::jobs::{Counted, End, Finish, Finished};
use super::plane_names::{Keys, PUT_NAMES};
use super::rows::{Statement, statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult};
use crate::clock::Timestamp;
use crate::comments::Comment;
use crate::figures::Figure;
use crate::ids::{DeliveryId, JobId, Lease};
use crate::sources::Source;
use crate::sources::plane::read_with::ReadWith;
use crate::timeline::TimelineEntry;
use crate::work_items::WorkItem;

/// What a batch changed besides its jobs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changed<'a> {
    /// Items as they are now.
    pub items: &'a [&'a WorkItem],
    /// Comments as they are now.
    pub comments: &'a [&'a Comment],
    /// What its ends add to the figures.
    pub figures: &'a [Figure],
    /// What deliveries of Plane's were read with, where that tells of an item: it is kept, so that
    /// the item can be derived again.
    pub read_with: &'a [(DeliveryId, ReadWith)],
    /// What to say on the timelines of other items than the deliveries' own.
    pub told: &'a [TimelineEntry],
}

const FINISH_JOBS: Statement = statement!(
    "UPDATE work_queue SET status = r.status, attempts = r.attempts, last_error = r.error,
        available_at = COALESCE(r.available_at, work_queue.available_at), finished_at = r.finished_at,
        place = CASE WHEN r.stage = 'sync' THEN COALESCE(r.place, (SELECT d.repository_sync FROM github_webhook_events d
            WHERE d.delivery_id = work_queue.delivery_id), 0) ELSE work_queue.place END,
        stage = COALESCE(r.stage, work_queue.stage), lane = COALESCE(r.lane, work_queue.lane), lease = NULL, lease_until = NULL
     FROM ",
    rows(id "bigint", status "text", attempts "bigint", error "text", available_at "timestamptz", finished_at "timestamptz",
        stage "text", lane "text", place "bigint"),
    " WHERE work_queue.id = r.id AND work_queue.lease = $2 AND work_queue.status = 'claimed'
     RETURNING work_queue.id, work_queue.lane"
);

const FINISH_PLANE: Statement = statement!(
    "UPDATE plane_webhook_deliveries SET status = r.delivery_status, attempts = attempts + r.counted,
        last_error = r.error, result = COALESCE(r.result, plane_webhook_deliveries.result),
        work_item_ref = COALESCE(r.work_item_ref, plane_webhook_deliveries.work_item_ref), processed_at = r.finished_at,
        names = CASE WHEN r.names IS NULL THEN plane_webhook_deliveries.names
            WHEN plane_webhook_deliveries.names IS NULL THEN r.names
            WHEN plane_webhook_deliveries.names LIKE '%' || r.names || '%' THEN plane_webhook_deliveries.names
            ELSE plane_webhook_deliveries.names || ' ' || r.names END
     FROM ",
    rows(source "text", delivery_id "text", delivery_status "text", counted "bigint", error "text", result "text", work_item_ref "text", finished_at "timestamptz", names "text"),
    " WHERE plane_webhook_deliveries.delivery_id = r.delivery_id AND r.source = 'plane'
     RETURNING plane_webhook_deliveries.work_item_ref"
);

const FINISH_GITHUB: Statement = statement!(
    "UPDATE github_webhook_events
     SET status = CASE r.delivery_status WHEN 'processed' THEN 'completed' WHEN 'failed' THEN 'failed' ELSE 'pending' END,
        attempts = attempts + r.counted,
        retry_count = CASE WHEN attempts + r.counted > 0 THEN attempts + r.counted - 1 ELSE 0 END,
        error_message = r.error, result = COALESCE(r.result, github_webhook_events.result),
        work_item_ref = COALESCE(r.work_item_ref, github_webhook_events.work_item_ref), processed_at = r.finished_at
     FROM ",
    rows(source "text", delivery_id "text", delivery_status "text", counted "bigint", error "text", result "text", work_item_ref "text", finished_at "timestamptz"),
    " WHERE github_webhook_events.delivery_id = r.delivery_id AND r.source = 'github'
     RETURNING github_webhook_events.work_item_ref"
);

pub(super) const UPSERT_ITEMS: Statement = statement!(
    "INSERT INTO work_items (work_item_ref, system, external_id, project_ref, title, status, assignee, url, updated_at,
        key, kind, state_group, labels, assignees, priority, created_at, completed_at, deleted_at, ingested_at, missing, state,
        description, description_format, moved_to)
     SELECT r.work_item_ref, r.system, r.external_id, r.project_ref, r.title, r.status, r.assignee, r.url, r.updated_at,
        r.key, r.kind, r.state_group, r.labels, r.assignees, r.priority, r.created_at, r.completed_at, r.deleted_at,
        r.ingested_at, r.missing, r.state, r.description, r.description_format, r.moved_to
     FROM ",
    rows(work_item_ref "text", system "text", external_id "text", project_ref "text", title "text", status "text",
        assignee "text", url "text", updated_at "timestamptz", key "text", kind "text", state_group "text", labels "jsonb",
        assignees "jsonb", priority "text", created_at "timestamptz", completed_at "timestamptz",
        deleted_at "timestamptz", ingested_at "timestamptz", missing "jsonb", state "jsonb",
        description "text", description_format "text", moved_to "text"),
    " WHERE true
     ON CONFLICT (work_item_ref) DO UPDATE SET project_ref = excluded.project_ref, title = excluded.title,
        status = excluded.status, assignee = excluded.assignee, url = excluded.url, updated_at = excluded.updated_at,
        key = excluded.key, kind = excluded.kind, state_group = excluded.state_group, labels = excluded.labels,
        assignees = excluded.assignees, priority = excluded.priority, created_at = excluded.created_at,
        completed_at = excluded.completed_at, deleted_at = excluded.deleted_at, ingested_at = excluded.ingested_at,
        missing = excluded.missing, state = excluded.state, description = excluded.description,
        description_format = excluded.description_format, moved_to = excluded.moved_to"
);

pub(super) const UPSERT_COMMENTS: Statement = statement!(
    "INSERT INTO work_item_comments (comment_ref, work_item_ref, system, external_id, author, body, body_format, url,
        created_at, updated_at, deleted_at, ingested_at)
     SELECT r.comment_ref, r.work_item_ref, r.system, r.external_id, r.author, r.body, r.body_format, r.url,
        r.created_at, r.updated_at, r.deleted_at, r.ingested_at
     FROM ",
    rows(comment_ref "text", work_item_ref "text", system "text", external_id "text", author "text", body "text",
        body_format "text", url "text", created_at "timestamptz", updated_at "timestamptz", deleted_at "timestamptz",
        ingested_at "timestamptz"),
    " WHERE true
     ON CONFLICT (comment_ref) DO UPDATE SET work_item_ref = excluded.work_item_ref, author = excluded.author,
        body = excluded.body, body_format = excluded.body_format, url = excluded.url, created_at = excluded.created_at,
        updated_at = excluded.updated_at, deleted_at = excluded.deleted_at, ingested_at = excluded.ingested_at"
);

const PUT_ANSWER: Statement = statement!(
    "INSERT INTO github_answers (work_item_ref, state, description, description_format, answered_at)
     SELECT r.work_item_ref, r.state, r.description, r.description_format, r.ingested_at FROM ",
    rows(work_item_ref "text", state "jsonb", description "text", description_format "text", ingested_at "timestamptz"),
    " WHERE true
     ON CONFLICT (work_item_ref) DO UPDATE SET state = excluded.state, description = excluded.description,
        description_format = excluded.description_format, answered_at = excluded.answered_at"
);

pub(super) const APPEND_TIMELINE: Statement = statement!(
    "INSERT INTO timeline (work_item_ref, source, delivery_id, attempt, at, outcome, reason, changes)
     SELECT r.work_item_ref, r.source, r.delivery_id, r.attempt, r.at, r.outcome, r.reason, r.changes FROM ",
    rows(work_item_ref "text", source "text", delivery_id "text", attempt "bigint", at "timestamptz",
        outcome "text", reason "text", changes "json"),
    " WHERE true"
);

/// The same steps on either database; gives the outcome.
macro_rules! finish {
    ($transaction:expr, $dialect:ident, $closings:ident, $moved:ident, $lease:expr, $finished:expr, $items:expr, $rows:expr) => {{
        let (mut transaction, rows) = ($transaction, $rows);
        let kept: Vec<(i64, Option<String>)> = sqlx::query_as(FINISH_JOBS.$dialect)
            .bind(rows.jobs)
            .bind($lease.0.to_string())
            .fetch_all(&mut *transaction)
            .await?;
        if kept.len() < $finished.len() {
            transaction.rollback().await?;
            return Ok(Finish::Lost(lost($finished, &kept)));
        }
        let mut revised = rows.revised;
        for (statement, rows) in rows.deliveries {
            let about: Vec<Option<String>> = sqlx::query_scalar(statement.$dialect)
                .bind(rows)
                .fetch_all(&mut *transaction)
                .await?;
            revised.extend(about.into_iter().flatten());
        }
        refresh::$moved(&mut transaction, $items).await?;
        for (statement, rows) in rows.writes {
            sqlx::query(statement.$dialect).bind(rows).execute(&mut *transaction).await?;
        }
        let keys = refresh::$closings(&mut transaction, $items).await?;
        let shown = shown($finished, &kept, $items);
        revised.extend(refresh::$dialect(&mut transaction, shown, keys).await?);
        if !revised.is_empty() {
            let items = to_json(&Vec::from_iter(&revised))?;
            sqlx::query(REVISE.$dialect).bind(items).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Finish::Committed
    }};
}
impl Store {
    /// Writes the ends of a batch, what they changed and their timeline in one commit, if every
    /// job is still under `lease`.
    pub async fn finish_jobs(
        &self,
        lease: Lease,
        finished: &[Finished],
        changed: Changed<'_>,
    ) -> StoreResult<Finish> {
        let items = changed.items;
        let _turn = self.turn().await;
        // Not before: batches that wait for their turn need not hold their rows as text, too.
        let rows = Rows::of(finished, changed)?;
        let finish = match &self.database {
            Database::Postgres(pool) => {
                finish!(
                    pool.begin().await?,
                    postgres,
                    closings_postgres,
                    moved_postgres,
                    lease,
                    finished,
                    items,
                    rows
                )
            }
            Database::Sqlite { writer, .. } => {
                let transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                finish!(
                    transaction,
                    sqlite,
                    closings_sqlite,
                    moved_sqlite,
                    lease,
                    finished,
                    items,
                    rows
                )
            }
        };
        self.tell_changed();
        Ok(finish)
    }
}

impl Store {
    /// Writes a better state of an item that was read as of `seen`, unless it has changed since
    /// then; whether it was written. The state is what GitHub answered when it was asked, which no
    /// delivery tells, so it is kept apart, too: the highest one is enough, the item being a maximum.
    pub async fn improve_item(&self, item: &WorkItem, seen: Timestamp) -> StoreResult<bool> {
        const UNCHANGED: Statement = Statement {
            postgres: "SELECT 1::bigint FROM work_items WHERE work_item_ref = $1 AND ingested_at = $2 FOR UPDATE",
            sqlite: "SELECT 1 FROM work_items WHERE work_item_ref = $1 AND ingested_at = $2",
        };
        let row = to_json(&[item_row(item)])?;
        macro_rules! improve {
            ($transaction:expr, $dialect:ident, $closings:ident, $moved:ident) => {{
                let mut transaction = $transaction;
                let unchanged: Option<i64> = sqlx::query_scalar(UNCHANGED.$dialect)
                    .bind(item.item.as_str())
                    .bind(At(seen))
                    .fetch_optional(&mut *transaction)
                    .await?;
                if unchanged.is_none() {
                    transaction.rollback().await?;
                    return Ok(false);
                }
                sqlx::query(PUT_ANSWER.$dialect)
                    .bind(row.as_str())
                    .execute(&mut *transaction)
                    .await?;
                refresh::$moved(&mut transaction, &[item]).await?;
                sqlx::query(UPSERT_ITEMS.$dialect).bind(row).execute(&mut *transaction).await?;
                let keys = refresh::$closings(&mut transaction, &[item]).await?;
                let shown = vec![item.item.as_str().to_owned()];
                let mut revised = refresh::$dialect(&mut transaction, shown, keys).await?;
                revised.push(item.item.as_str().to_owned());
                let revised = to_json(&revised)?;
                sqlx::query(REVISE.$dialect).bind(revised).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        let _turn = self.turn().await;
        match &self.database {
            Database::Postgres(pool) => {
                improve!(pool.begin().await?, postgres, closings_postgres, moved_postgres);
            }
            Database::Sqlite { writer, .. } => {
                let transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
                improve!(transaction, sqlite, closings_sqlite, moved_sqlite);
            }
        }
        self.tell_changed();
        Ok(true)
    }
}

/// The batch as the statements take it.
struct Rows {
    jobs: String,
    /// What follows once all jobs are known to be ours, in this order: their deliveries, each with
    /// the item that it is about,
    deliveries: Vec<(Statement, String)>,
    /// and what else there is.
    writes: Vec<(Statement, String)>,
    /// The items that changed, those of the deliveries aside.
    revised: BTreeSet<String>,
}

impl Rows {
    fn of(finished: &[Finished], changed: Changed<'_>) -> StoreResult<Self> {
        let names = Keys::of(changed.read_with);
        let row = |finished| finished_row(finished, names.key(finished));
        let jobs = to_json(&finished.iter().map(row).collect::<Vec<_>>())?;
        let mut deliveries = Vec::new();
        for (source, statement) in [(Source::Plane, FINISH_PLANE), (Source::Github, FINISH_GITHUB)]
        {
            if finished.iter().any(|f| f.entry.source == source) {
                deliveries.push((statement, jobs.clone()));
            }
        }
        let mut writes = Vec::new();
        if !names.is_empty() {
            writes.push((PUT_NAMES, to_json(&names.rows())?));
        }
        if !changed.items.is_empty() {
            let items: Vec<_> = changed.items.iter().map(|item| item_row(item)).collect();
            writes.push((UPSERT_ITEMS, to_json(&items)?));
        }
        if !changed.comments.is_empty() {
            let comments: Vec<_> = changed.comments.iter().map(|c| comment_row(c)).collect();
            writes.push((UPSERT_COMMENTS, to_json(&comments)?));
        }
        let told = finished.iter().filter(|finished| !waits_on(finished));
        let told = told.map(|finished| &finished.entry).chain(changed.told);
        let entries: Vec<_> = told.map(entry_row).collect();
        if !entries.is_empty() {
            writes.push((APPEND_TIMELINE, to_json(&entries)?));
        }
        if !changed.figures.is_empty() {
            writes.push((ADD_FIGURES, figure_rows(changed.figures)?));
        }
        let items = changed.items.iter().map(|item| &item.item);
        let revised = items.chain(changed.comments.iter().map(|comment| &comment.said.item));
        let told = changed.told.iter().filter_map(|entry| entry.item.as_ref());
        let revised = revised.chain(told).map(ToString::to_string).collect();
        Ok(Self { jobs, deliveries, writes, revised })
    }
}

fn lost(finished: &[Finished], kept: &[(i64, Option<String>)]) -> Vec<JobId> {
    let is_kept = |id: &JobId| kept.iter().any(|(kept, _)| *kept == id.0);
    finished.iter().map(|f| f.id).filter(|id| !is_kept(id)).collect()
}

/// Whether it waits for what it waited for already, so that there is nothing new to tell.
fn waits_on(finished: &Finished) -> bool {
    match &finished.end {
        End::Again { error, counted: Counted::Waiting, .. } => {
            finished.last_error.as_ref() == Some(error)
        }
        End::Again { .. } | End::Done { .. } | End::Handed { .. } | End::Dead { .. } => false,
    }
}

/// The items whose cards say something else now: those that were written, and those whose jobs
/// are or were in trouble or are to be carried over.
fn shown(
    finished: &[Finished],
    lanes: &[(i64, Option<String>)],
    items: &[&WorkItem],
) -> Vec<String> {
    let mut shown: BTreeSet<String> =
        items.iter().map(|item| item.item.as_str().to_owned()).collect();
    let lanes: HashMap<i64, &str> =
        lanes.iter().filter_map(|(id, lane)| Some((*id, lane.as_deref()?))).collect();
    for finished in finished {
        let Some(lane) = lanes.get(&finished.id.0) else { continue };
        // The count of attempts does not tell: a replay begins it anew, and a wait is none.
        let was_well = finished.last_error.is_none() && !lane.starts_with("sync:");
        let is_well = was_well && matches!(finished.end, End::Done { .. });
        if !is_well && !waits_on(finished) {
            shown.extend(refresh::item_of_lane(lane));
        }
    }
    shown.into_iter().collect()
}
