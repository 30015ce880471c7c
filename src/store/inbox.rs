//! Writing deliveries: the row and its job in one transaction, many deliveries in one commit.
//!
//! A delivery of Plane's is new when neither its id, nor its event's id, nor its body's hash is
//! known: three unique keys, so that the database decides, whichever process asks. GitHub repeats
//! under the same id, and two deliveries may well say the same, so there the id alone counts.
//! What the batch did not insert is looked up afterwards, one by one, since repeats are rare.

use std::collections::HashSet;
use std::ops::Deref;

use futures_util::future::try_join_all;
use serde::Serialize;
use sqlx::Row;

use super::deliveries::DeliveryStatus;
use super::time::{At, to_text};
use super::{Database, Store, StoreResult};
use crate::clock::Timestamp;
use crate::config::GithubHost;
use crate::ids::{DeliveryId, EventId, Lane};
use crate::sources::{BodyHash, Origin, Source, Verified};

/// What became of a delivery that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Committed, with its job.
    New,
    /// Known before.
    Duplicate(Duplicate),
}

/// How a repeat relates to what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The stored delivery.
    pub of: DeliveryId,
    /// Whether it had failed and is now queued again.
    pub requeued: bool,
    /// Whether the id is the same but the body is another one; the stored one is kept.
    pub other_body: bool,
}

/// One statement, so one transaction: the rows, and the jobs of those that are new. The lanes are
/// unnested apart, so that the bodies are read once and never kept for the join, and in the order of
/// arrival, which jobs keep. The rows come in the order of their keys.
const INSERT_PLANE_POSTGRES: &str = "
    WITH fresh AS (
        INSERT INTO plane_webhook_deliveries
            (delivery_id, event_id, event_type, encoding, body_sha256, body_bytes, received_at, body, origin)
        SELECT delivery_id, event_id, event_type, encoding, body_sha256, octet_length(body), received_at, body, $11
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $6::bytea[], $7::bytea[], $9::timestamptz[])
            AS incoming(delivery_id, event_id, event_type, encoding, body_sha256, body, received_at)
        ON CONFLICT DO NOTHING RETURNING delivery_id
    ), jobs AS (
        INSERT INTO work_queue (source, delivery_id, lane, available_at, class)
        SELECT 'plane', delivery_id, lane, $8, $12
        FROM unnest($10::text[], $5::text[]) WITH ORDINALITY AS arrived(delivery_id, lane, place)
            JOIN fresh USING (delivery_id) ORDER BY place
    )
    SELECT delivery_id FROM fresh";

/// A repository that was removed meanwhile is none, and no reason to refuse the delivery.
const INSERT_GITHUB_POSTGRES: &str = "
    WITH fresh AS (
        INSERT INTO github_webhook_events
            (delivery_id, event_type, action, encoding, repository_sync, body_sha256, body_bytes, created_at, body, origin, github_host)
        SELECT delivery_id, event_type, action, encoding, r.id, body_sha256, octet_length(body), received_at, body, $12, github_host
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $6::bytea[], $7::bytea[], $8::bigint[], $10::timestamptz[], $14::text[])
            AS incoming(delivery_id, event_type, action, encoding, body_sha256, body, repository_sync, received_at, github_host)
            LEFT JOIN repository_syncs r ON r.id = incoming.repository_sync
        ON CONFLICT DO NOTHING RETURNING delivery_id
    ), jobs AS (
        INSERT INTO work_queue (source, delivery_id, lane, available_at, class)
        SELECT 'github', delivery_id, lane, $9, $13
        FROM unnest($11::text[], $5::text[]) WITH ORDINALITY AS arrived(delivery_id, lane, place)
            JOIN fresh USING (delivery_id) ORDER BY place
    )
    SELECT delivery_id FROM fresh";

/// The bodies come as one blob, each row telling where in it its own begins.
const INSERT_PLANE_SQLITE: &str = "
    INSERT INTO plane_webhook_deliveries
        (delivery_id, event_id, event_type, encoding, body_sha256, body_bytes, received_at, body, origin)
    SELECT value ->> 'delivery_id', value ->> 'event_id', value ->> 'event_type', value ->> 'encoding',
        unhex(value ->> 'body_sha256'), value ->> 'length', value ->> 'received_at',
        substr($2, value ->> 'start', value ->> 'length'), $3
    FROM json_each($1) WHERE true
    ON CONFLICT DO NOTHING RETURNING delivery_id";

const INSERT_GITHUB_SQLITE: &str = "
    INSERT INTO github_webhook_events
        (delivery_id, event_type, action, encoding, repository_sync, body_sha256, body_bytes, created_at, body, origin, github_host)
    SELECT value ->> 'delivery_id', value ->> 'event_type', value ->> 'action', value ->> 'encoding',
        (SELECT r.id FROM repository_syncs r WHERE r.id = value ->> 'repository_sync'),
        unhex(value ->> 'body_sha256'), value ->> 'length', value ->> 'received_at',
        substr($2, value ->> 'start', value ->> 'length'), $3, value ->> 'github_host'
    FROM json_each($1) WHERE true
    ON CONFLICT DO NOTHING RETURNING delivery_id";

const ENQUEUE_SQLITE: &str = "
    INSERT INTO work_queue (source, delivery_id, lane, available_at, class)
    SELECT $3, value ->> 'delivery_id', value ->> 'lane', $2, $4
    FROM json_each($1)";

const FIND_GITHUB_DUPLICATE: &str =
    "SELECT delivery_id, status, body_sha256 FROM github_webhook_events WHERE delivery_id = $1";

const FIND_PLANE_DUPLICATE: &str = "
    SELECT delivery_id, status, body_sha256 FROM plane_webhook_deliveries
    WHERE delivery_id = $1 OR event_id = $2 OR body_sha256 = $3
    ORDER BY CASE WHEN delivery_id = $1 THEN 0 ELSE 1 END LIMIT 1";

/// What is absent is left out of a text that SQLite goes through for each field.
#[derive(Serialize)]
struct IncomingRow<'a> {
    delivery_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    event_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_sync: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    github_host: Option<String>,
    body_sha256: String,
    received_at: String,
    start: usize,
    length: usize,
}

#[derive(Serialize)]
struct IncomingJob<'a> {
    delivery_id: &'a str,
    lane: Option<&'a str>,
}

impl Store {
    /// Commits new deliveries with their jobs and tells which of `batch` were new.
    ///
    /// All deliveries of a batch come from one source, have different ids and came to be in one way:
    /// all sent, or all found by the same one.
    pub async fn insert_deliveries(
        &self,
        batch: &[&Verified],
        now: Timestamp,
    ) -> StoreResult<Vec<DeliveryId>> {
        let batch: Vec<_> = batch.iter().map(|d| Received { delivery: d, at: now }).collect();
        self.insert_received(&batch, now).await
    }

    /// The same for deliveries that were received earlier; their jobs are due from `now` on.
    pub async fn insert_received(
        &self,
        batch: &[Received<'_>],
        now: Timestamp,
    ) -> StoreResult<Vec<DeliveryId>> {
        let Some(source) = batch.first().map(|d| d.source()) else { return Ok(Vec::new()) };
        let origin = batch.first().map_or(Origin::Webhook, |d| d.origin());
        let alike = |d: &Received<'_>| d.source() == source && d.origin() == origin;
        debug_assert!(batch.iter().all(alike), "a batch is of one source and one origin");
        let fresh = match &self.database {
            Database::Postgres(pool) => match (source, self.intake.as_ref().unwrap_or(pool)) {
                (Source::Plane, pool) => insert_plane_postgres(pool, batch, origin, now).await?,
                (Source::Github, pool) => insert_github_postgres(pool, batch, origin, now).await?,
            },
            Database::Sqlite { writer, .. } => {
                insert_sqlite(writer, (source, origin), batch, now).await?
            }
        };
        Ok(fresh.into_iter().map(DeliveryId::new).collect())
    }

    /// Makes the connections of the committers ready: `PostgreSQL` gets to know the statements and the
    /// tables of each, which the first deliveries would wait for.
    pub async fn warm_up(&self) -> StoreResult<()> {
        let (Database::Postgres(_), Some(intake)) = (&self.database, &self.intake) else {
            return Ok(());
        };
        let now = Timestamp::UNIX_EPOCH;
        let warm = || async {
            let mut connection = intake.acquire().await?;
            insert_plane_postgres(&mut *connection, &[], Origin::Webhook, now).await?;
            insert_github_postgres(&mut *connection, &[], Origin::Webhook, now).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        // Both are held until both are made, or the second would be the first again.
        try_join_all((0..self.committers()).map(|_| warm())).await?;
        Ok(())
    }

    /// Finds what a delivery that was not new repeats, and queues it again if that had failed.
    /// `None` when it is gone meanwhile.
    pub async fn resolve_duplicate(
        &self,
        delivery: &Verified,
        now: Timestamp,
    ) -> StoreResult<Option<Duplicate>> {
        let (id, hash) = (delivery.delivery_id(), delivery.body_hash());
        let Some(known) = self.find_duplicate(delivery).await? else { return Ok(None) };
        let requeued = known.status == DeliveryStatus::Failed
            && self.requeue_failed(delivery.source(), &known.delivery_id, now).await?;
        let other_body = known.delivery_id == *id && known.hash != hash;
        Ok(Some(Duplicate { of: known.delivery_id, requeued, other_body }))
    }

    async fn find_duplicate(&self, delivery: &Verified) -> StoreResult<Option<Known>> {
        let id = delivery.delivery_id().as_str();
        let event_id = delivery.event_id().map(EventId::as_str);
        let hash = delivery.body_hash().0.to_vec();
        macro_rules! find {
            ($pool:expr) => {{
                let find = match delivery.source() {
                    Source::Plane => {
                        sqlx::query(FIND_PLANE_DUPLICATE).bind(id).bind(event_id).bind(hash)
                    }
                    Source::Github => sqlx::query(FIND_GITHUB_DUPLICATE).bind(id),
                };
                let row = find.fetch_optional($pool).await?;
                row.map(|row| {
                    Known::from_columns(
                        row.try_get(0)?,
                        &row.try_get::<String, _>(1)?,
                        row.try_get(2)?,
                    )
                })
                .transpose()
            }};
        }
        let known = match &self.database {
            Database::Postgres(pool) => find!(self.intake.as_ref().unwrap_or(pool)),
            Database::Sqlite { writer, .. } => find!(writer),
        };
        Ok(known?)
    }
}

/// A delivery with the moment at which it was received.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The delivery.
    pub delivery: &'a Verified,
    /// When it was received.
    pub at: Timestamp,
}

impl Deref for Received<'_> {
    type Target = Verified;
    fn deref(&self) -> &Self::Target {
        self.delivery
    }
}

struct Known {
    delivery_id: DeliveryId,
    status: DeliveryStatus,
    hash: BodyHash,
}

impl Known {
    fn from_columns(id: String, status: &str, hash: Vec<u8>) -> Result<Self, sqlx::Error> {
        let status =
            if status == "failed" { DeliveryStatus::Failed } else { DeliveryStatus::Received };
        let hash: [u8; 32] = hash
            .try_into()
            .map_err(|_| sqlx::Error::Decode("body_sha256 is not 32 bytes".into()))?;
        Ok(Self { delivery_id: DeliveryId::new(id), status, hash: BodyHash(hash) })
    }
}

async fn insert_plane_postgres(
    executor: impl sqlx::PgExecutor<'_>,
    batch: &[Received<'_>],
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<String>, sqlx::Error> {
    let (arrived, lanes) = arrival_of(batch);
    let batch = &sorted(batch);
    let columns = Columns::of(batch);
    let event_ids: Vec<_> = batch.iter().map(|d| d.event_id().map(EventId::as_str)).collect();
    sqlx::query_scalar(INSERT_PLANE_POSTGRES)
        .bind(columns.delivery_ids)
        .bind(event_ids)
        .bind(columns.event_types)
        .bind(columns.encodings)
        .bind(lanes)
        .bind(columns.hashes)
        .bind(columns.bodies)
        .bind(At(now))
        .bind(columns.times)
        .bind(arrived)
        .bind(origin.as_str())
        .bind(origin.class())
        .fetch_all(executor)
        .await
}

async fn insert_github_postgres(
    executor: impl sqlx::PgExecutor<'_>,
    batch: &[Received<'_>],
    origin: Origin,
    now: Timestamp,
) -> Result<Vec<String>, sqlx::Error> {
    let (arrived, lanes) = arrival_of(batch);
    let batch = &sorted(batch);
    let columns = Columns::of(batch);
    let actions: Vec<_> = batch.iter().map(|d| d.action()).collect();
    let repositories: Vec<_> = batch.iter().map(|d| d.repository_sync().map(|id| id.0)).collect();
    let hosts: Vec<_> = batch.iter().map(|d| d.github_host()).collect();
    let hosts: Vec<_> = hosts.iter().map(GithubHost::name).collect();
    sqlx::query_scalar(INSERT_GITHUB_POSTGRES)
        .bind(columns.delivery_ids)
        .bind(columns.event_types)
        .bind(actions)
        .bind(columns.encodings)
        .bind(lanes)
        .bind(columns.hashes)
        .bind(columns.bodies)
        .bind(repositories)
        .bind(At(now))
        .bind(columns.times)
        .bind(arrived)
        .bind(origin.as_str())
        .bind(origin.class())
        .bind(hosts)
        .fetch_all(executor)
        .await
}

/// Ids and lanes in the order of arrival.
fn arrival_of<'a>(batch: &[Received<'a>]) -> (Vec<&'a str>, Vec<Option<&'a str>>) {
    let deliveries = batch.iter().map(|received| received.delivery);
    deliveries.map(|d| (d.delivery_id().as_str(), d.lane().map(Lane::as_str))).unzip()
}

/// In an order that is the same for everybody who inserts the same deliveries: two that wait for
/// each other's keys would have one of them ended.
fn sorted<'a>(batch: &[Received<'a>]) -> Vec<Received<'a>> {
    let mut sorted = batch.to_vec();
    match batch.first().map(|delivery| delivery.source()) {
        // A repeat has the same body, though it may come under another id.
        Some(Source::Plane) => sorted.sort_by_key(|delivery| delivery.body_hash().0),
        Some(Source::Github) | None => sorted.sort_by(|a, b| a.delivery_id().cmp(b.delivery_id())),
    }
    sorted
}

/// The columns that deliveries of every source have, as arrays for `unnest`.
struct Columns<'a> {
    delivery_ids: Vec<&'a str>,
    event_types: Vec<&'a str>,
    encodings: Vec<&'static str>,
    hashes: Vec<Vec<u8>>,
    bodies: Vec<&'a [u8]>,
    times: Vec<Timestamp>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a [Received<'a>]) -> Self {
        Self {
            delivery_ids: batch.iter().map(|d| d.delivery_id().as_str()).collect(),
            event_types: batch.iter().map(|d| d.event_type()).collect(),
            encodings: batch.iter().map(|d| d.encoding().as_str()).collect(),
            hashes: batch.iter().map(|d| d.body_hash().0.to_vec()).collect(),
            bodies: batch.iter().map(|d| d.body().as_ref()).collect(),
            times: batch.iter().map(|d| d.at).collect(),
        }
    }
}

async fn insert_sqlite(
    writer: &sqlx::SqlitePool,
    (source, origin): (Source, Origin),
    batch: &[Received<'_>],
    now: Timestamp,
) -> StoreResult<Vec<String>> {
    let (rows, bodies) = incoming_rows(batch);
    let json = super::rows::to_json(&rows)?;
    let insert = match source {
        Source::Plane => INSERT_PLANE_SQLITE,
        Source::Github => INSERT_GITHUB_SQLITE,
    };
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let fresh: Vec<String> = sqlx::query_scalar(insert)
        .bind(json.as_str())
        .bind(bodies)
        .bind(origin.as_str())
        .fetch_all(&mut *transaction)
        .await?;
    if !fresh.is_empty() {
        let jobs = super::rows::to_json(&jobs_of(batch, &fresh))?;
        sqlx::query(ENQUEUE_SQLITE)
            .bind(jobs)
            .bind(to_text(now))
            .bind(source.as_str())
            .bind(origin.class())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(fresh)
}

/// The jobs of those that are new, in the order of arrival.
fn jobs_of<'a>(batch: &[Received<'a>], fresh: &[String]) -> Vec<IncomingJob<'a>> {
    let fresh: HashSet<&str> = fresh.iter().map(String::as_str).collect();
    let ids = batch.iter().map(|d| (d.delivery.delivery_id().as_str(), d.delivery.lane()));
    ids.filter(|(id, _)| fresh.contains(id))
        .map(|(delivery_id, lane)| IncomingJob { delivery_id, lane: lane.map(Lane::as_str) })
        .collect()
}

fn incoming_rows<'a>(batch: &'a [Received<'a>]) -> (Vec<IncomingRow<'a>>, Vec<u8>) {
    let mut bodies = Vec::with_capacity(batch.iter().map(|d| d.body().len()).sum());
    let rows = batch
        .iter()
        .map(|d| {
            let start = bodies.len() + 1; // SQL counts from 1
            bodies.extend_from_slice(d.body());
            IncomingRow {
                delivery_id: d.delivery_id().as_str(),
                event_id: d.event_id().map(EventId::as_str),
                event_type: d.event_type(),
                action: d.action(),
                encoding: d.encoding().as_str(),
                repository_sync: d.repository_sync().map(|id| id.0),
                github_host: d.github_host().name().map(str::to_owned),
                body_sha256: hex::encode(d.body_hash().0),
                received_at: to_text(d.at),
                start,
                length: d.body().len(),
            }
        })
        .collect();
    (rows, bodies)
}
