//! Keeping a delivery that was accepted and turned out to be none of ours: its row, a job that is
//! done, and the reason on its timeline, in one transaction. A person may replay it.

use super::finish::APPEND_TIMELINE;
use super::finished_rows::EntryRow;
use super::inbox::Received;
use super::rows::to_json;
use super::time::{At, to_text};
use super::{Database, Store, StoreResult};
use crate::clock::Timestamp;
use crate::ids::Lane;
use crate::timeline::EntryOutcome;

const INSERT: &str = "
    INSERT INTO github_webhook_events
        (delivery_id, event_type, action, encoding, status, result, body_sha256, body_bytes, created_at, processed_at, body, github_host)
    VALUES ($1, $2, $3, $4, 'completed', $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT DO NOTHING";

const DONE: &str = "
    INSERT INTO work_queue (source, delivery_id, lane, status, available_at, finished_at)
    VALUES ($1, $2, $3, 'done', $4, $4)";

impl Store {
    /// Keeps a delivery of GitHub's that nothing is done with; one that is known stays as it is.
    pub async fn insert_ignored(
        &self,
        received: Received<'_>,
        reason: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        let delivery = received.delivery;
        let id = delivery.delivery_id().as_str();
        let entry = EntryRow {
            work_item_ref: None,
            source: delivery.source().as_str(),
            delivery_id: id,
            attempt: 0,
            at: to_text(now),
            outcome: EntryOutcome::Ignored.as_str(),
            reason,
            changes: &[],
        };
        let entry = to_json(&[entry])?;
        macro_rules! insert {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let inserted = sqlx::query(INSERT)
                    .bind(id)
                    .bind(delivery.event_type())
                    .bind(delivery.action())
                    .bind(delivery.encoding().as_str())
                    .bind(reason)
                    .bind(delivery.body_hash().0.to_vec())
                    .bind(i64::try_from(delivery.body().len()).unwrap_or(i64::MAX))
                    .bind(At(received.at))
                    .bind(At(now))
                    .bind(delivery.body().as_ref())
                    .bind(delivery.github_host().name())
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
                if inserted == 0 {
                    return Ok(());
                }
                sqlx::query(DONE)
                    .bind(delivery.source().as_str())
                    .bind(id)
                    .bind(delivery.lane().map(Lane::as_str))
                    .bind(At(now))
                    .execute(&mut *transaction)
                    .await?;
                sqlx::query(APPEND_TIMELINE.$dialect)
                    .bind(entry)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => insert!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                insert!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        Ok(())
    }
}
