//! What a simulation throws away, so that one left running overnight does not grow: deliveries
//! that ended well, with all that was recorded of them, and items that nobody plays any more.
//!
//! Never for real data, where the inbox is what everything can be derived from again.

use super::time::At;
use super::{Store, StoreResult, on_writer};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;

/// Deliveries that failed stay: somebody may still replay them.
const ENDED: [&str; 9] = [
    "DELETE FROM timeline WHERE at < $1",
    "DELETE FROM write_intents WHERE ended_at < $1",
    "DELETE FROM work_queue WHERE status = 'done' AND finished_at < $1",
    "DELETE FROM plane_webhook_deliveries WHERE status = 'processed' AND received_at < $1",
    "DELETE FROM github_webhook_events WHERE status = 'completed' AND created_at < $1",
    // What a late webhook made of an issue that was gone already.
    "DELETE FROM issue_links WHERE status = 'pending' AND created_at < $1",
    "DELETE FROM work_items WHERE deleted_at < $1",
    "DELETE FROM work_item_comments WHERE deleted_at < $1",
    "DELETE FROM work_items WHERE kind = 'pull_request' AND completed_at < $1",
];
/// Links go with their comments' links and their intents.
const ITEM: [&str; 4] = [
    "DELETE FROM issue_links WHERE github_ref = $1 OR plane_ref = $1",
    "DELETE FROM work_item_comments WHERE work_item_ref = $1",
    "DELETE FROM timeline WHERE work_item_ref = $1",
    "DELETE FROM work_items WHERE work_item_ref = $1",
];

impl Store {
    /// Forgets what ended before `before`, and everything about `items`.
    pub async fn sweep(&self, before: Timestamp, items: &[WorkItemRef]) -> StoreResult<()> {
        on_writer!(self, pool => {
            let mut transaction = pool.begin().await?;
            for statement in ENDED {
                sqlx::query(statement).bind(At(before)).execute(&mut *transaction).await?;
            }
            for item in items {
                for statement in ITEM {
                    sqlx::query(statement).bind(item.as_str()).execute(&mut *transaction).await?;
                }
            }
            transaction.commit().await?;
        });
        Ok(())
    }
}
