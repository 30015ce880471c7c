//! From committed deliveries to worked-off ones: who works on what, and when again.
//!
//! `retry` decides (pure), `worker` acts, `hints` carries word to other processes; the table
//! itself is in `store/jobs`.

pub mod hints;
pub mod retry;
pub mod turns;
pub mod worker;

use std::sync::Arc;

use tokio::sync::Notify;

use crate::store::jobs::Stage;

/// Tells workers that something is due. A hint: they also look by themselves, so a lost hint costs
/// time, never a job.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Hinted>);

#[derive(Debug, Default)]
struct Hinted {
    reader: Notify,
    syncer: Notify,
    announcer: Arc<Notify>,
}

impl Wake {
    /// This process committed something that is due.
    pub fn work_is_due(&self) {
        self.0.reader.notify_one();
        self.0.announcer.notify_one();
    }

    /// Something that was read is now to be brought in step.
    pub fn sync_is_due(&self) {
        self.0.syncer.notify_one();
    }

    /// Another process said that something is due; nobody else needs to hear it from us.
    pub fn work_is_due_elsewhere(&self) {
        self.0.reader.notify_one();
    }

    /// Waits until something is said to be due in a stage.
    pub async fn wait(&self, stage: Stage) {
        match stage {
            Stage::Read => self.0.reader.notified().await,
            Stage::Sync => self.0.syncer.notified().await,
        }
    }

    /// Rings when this process committed something that is due.
    pub fn work_to_announce(&self) -> Arc<Notify> {
        Arc::clone(&self.0.announcer)
    }
}
