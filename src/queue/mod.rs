//! From committed deliveries to worked-off ones: who works on what, and when again.
//!
//! `retry` decides (pure), `worker` acts; the table itself is in `store/jobs`.

pub mod retry;
pub mod worker;

use std::sync::Arc;

use tokio::sync::Notify;

/// Tells the worker of this process that something is due. A hint: the worker also looks by
/// itself, so a lost hint costs time, never a job.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Something is due.
    pub fn work_is_due(&self) {
        self.0.notify_one();
    }

    /// Waits until something is said to be due.
    pub async fn wait(&self) {
        self.0.notified().await;
    }
}
