//! From committed deliveries to worked-off ones: who works on what, and when again.
//!
//! `retry` decides (pure), `worker` acts, `hints` wakes the workers of other processes; the table
//! itself is in `store/jobs`.

pub mod hints;
pub mod retry;
pub mod worker;

use std::sync::Arc;

use tokio::sync::Notify;

/// Tells workers that something is due. A hint: they also look by themselves, so a lost hint costs
/// time, never a job.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Hinted>);

#[derive(Debug, Default)]
struct Hinted {
    worker: Notify,
    announcer: Notify,
}

impl Wake {
    /// This process committed something that is due.
    pub fn work_is_due(&self) {
        self.0.worker.notify_one();
        self.0.announcer.notify_one();
    }

    /// Another process said that something is due; nobody else needs to hear it from us.
    pub fn work_is_due_elsewhere(&self) {
        self.0.worker.notify_one();
    }

    /// Waits until something is said to be due.
    pub async fn wait(&self) {
        self.0.worker.notified().await;
    }

    /// Waits until this process commits something.
    pub async fn committed(&self) {
        self.0.announcer.notified().await;
    }
}
