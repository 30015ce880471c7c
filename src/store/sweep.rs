//! What a simulation throws away, so that one left running overnight does not grow: deliveries
//! that ended well, with all that was recorded of them, and items that nobody plays any more.
//! Their cards go in the same transaction, and open pages are told.
//!
//! Never for real data, where the inbox is what everything can be derived from again.

use super::cards::refresh;
use super::changes::REVISE;
use super::rows::to_json;
use super::time::At;
use super::{Database, Store, StoreResult};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;

/// Deliveries that failed stay: somebody may still replay them.
const ENDED: [&str; 7] = [
    "DELETE FROM timeline WHERE at < $1",
    "DELETE FROM write_intents WHERE ended_at < $1",
    "DELETE FROM work_queue WHERE status = 'done' AND finished_at < $1",
    "DELETE FROM plane_webhook_deliveries WHERE status = 'processed' AND received_at < $1",
    "DELETE FROM github_webhook_events WHERE status = 'completed' AND created_at < $1",
    "DELETE FROM work_item_comments WHERE deleted_at < $1",
    // What a late webhook made of an issue that was gone already.
    "DELETE FROM issue_links WHERE status = 'pending' AND created_at < $1",
];
/// GitHub deletes no pull request, so the closed ones go when they are old.
const ENDED_ITEMS: &str = "SELECT work_item_ref FROM work_items
    WHERE deleted_at < $1 OR (kind = 'pull_request' AND completed_at < $1)";
/// Links go with their comments' links and their intents.
const ITEM: [&str; 5] = [
    "DELETE FROM issue_links WHERE github_ref = $1 OR plane_ref = $1",
    "DELETE FROM closing_links WHERE pull_request_ref = $1",
    "DELETE FROM work_item_comments WHERE work_item_ref = $1",
    "DELETE FROM timeline WHERE work_item_ref = $1",
    "DELETE FROM work_items WHERE work_item_ref = $1",
];

impl Store {
    /// Forgets what ended before `before`, and everything about `items`.
    pub async fn sweep(&self, before: Timestamp, items: &[WorkItemRef]) -> StoreResult<()> {
        let named: Vec<String> = items.iter().map(|item| item.as_str().to_owned()).collect();
        macro_rules! sweep {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                for statement in ENDED {
                    sqlx::query(statement).bind(At(before)).execute(&mut *transaction).await?;
                }
                let ended = sqlx::query_scalar(ENDED_ITEMS).bind(At(before));
                let mut gone: Vec<String> = ended.fetch_all(&mut *transaction).await?;
                gone.extend(named);
                for item in &gone {
                    for statement in ITEM {
                        sqlx::query(statement).bind(item).execute(&mut *transaction).await?;
                    }
                }
                let revised = to_json(&gone)?;
                refresh::$dialect(&mut transaction, gone, Vec::new()).await?;
                sqlx::query(REVISE.$dialect).bind(revised).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        match &self.database {
            Database::Postgres(pool) => sweep!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                sweep!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        self.tell_changed();
        Ok(())
    }
}
