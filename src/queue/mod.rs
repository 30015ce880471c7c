//! From committed deliveries to worked-off ones: who works on what, and when again.
//!
//! `retry` decides (pure), `worker` acts, `hints` carries word to other processes; the table
//! itself is in `store/jobs`.

pub mod hints;
pub mod retry;
pub mod turns;
pub mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::store::jobs::Stage;

/// Tells workers that something is due, and the inbox whether they keep up. Hints: workers also look by
/// themselves, so a lost one costs time, never a job.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Hinted>);

#[derive(Debug, Default)]
struct Hinted {
    reader: Notify,
    syncer: Notify,
    announcer: Arc<Notify>,
    behind: AtomicBool,
    batch_ended: Notify,
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

    /// This process's workers say whether more is due than they have in hand.
    pub fn workers_are_behind(&self, behind: bool) {
        self.0.behind.store(behind, Ordering::Relaxed);
    }

    /// A batch was read and committed, or given up.
    pub fn batch_ended(&self) {
        self.0.batch_ended.notify_one();
    }

    /// Returns at once, unless this process's workers are behind: then with the end of a batch, or
    /// after `most`, which they are then not given again before they claim the next time.
    pub async fn let_workers_catch_up(&self, most: Duration) {
        if !self.0.behind.load(Ordering::Relaxed) {
            return;
        }
        if timeout(most, self.0.batch_ended.notified()).await.is_err() {
            self.workers_are_behind(false);
        }
    }

    /// Rings when this process committed something that is due.
    pub fn work_to_announce(&self) -> Arc<Notify> {
        Arc::clone(&self.0.announcer)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn nobody_waits_for_workers_that_are_not_behind() {
        let wake = Wake::default();
        timeout(Duration::from_secs(5), wake.let_workers_catch_up(HOUR)).await.expect("at once");
    }

    #[tokio::test]
    async fn of_workers_that_are_behind_the_end_of_a_batch_is_waited_for() {
        let wake = Wake::default();
        wake.workers_are_behind(true);
        let mut waiting = std::pin::pin!(wake.let_workers_catch_up(HOUR));
        assert!(waiting.as_mut().now_or_never().is_none(), "a batch in for a batch out");
        wake.batch_ended();
        timeout(Duration::from_secs(5), waiting).await.expect("one ended");
    }

    #[tokio::test]
    async fn workers_that_hang_are_waited_for_once() {
        let wake = Wake::default();
        wake.workers_are_behind(true);
        let most = Duration::from_millis(1);
        timeout(Duration::from_secs(5), wake.let_workers_catch_up(most)).await.expect("in time");
        timeout(Duration::from_secs(5), wake.let_workers_catch_up(HOUR)).await.expect("at once");
    }
}
