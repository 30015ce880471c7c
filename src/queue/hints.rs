//! Carries "something is due" from the process that commits to the processes that work.
//!
//! One hint stands for all commits of 50 ms: a hint is a transaction of its own, and the
//! receivers would rather spend that commit on deliveries.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use super::Wake;
use crate::store::Store;

/// Least time between two hints to other processes.
const REST: Duration = Duration::from_millis(50);
/// Wait after the database did not take or give a hint; workers look by themselves meanwhile.
const AGAIN: Duration = Duration::from_secs(2);

/// Tells other processes of what this one commits, until `stop` says so.
pub async fn announce(store: Store, wake: Wake, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = wake.committed() => {}
            _ = stop.changed() => return,
        }
        let rest = match store.announce_work().await {
            Ok(()) => REST,
            Err(_) => AGAIN,
        };
        sleep(rest).await;
    }
}

/// Wakes this process's worker when another process commits, until `stop` says so.
pub async fn listen(store: Store, wake: Wake, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            ended = hear(&store, &wake) => if ended { return },
            _ = stop.changed() => return,
        }
        sleep(AGAIN).await;
    }
}

/// Whether there will never be anything to hear.
async fn hear(store: &Store, wake: &Wake) -> bool {
    let error = match store.hints().await {
        Ok(None) => return true,
        Ok(Some(mut hints)) => loop {
            match hints.next().await {
                Ok(()) => wake.work_is_due_elsewhere(),
                Err(error) => break error,
            }
        },
        Err(error) => error,
    };
    warn!(error = %error, "hints of other processes can't be heard; the queue is looked at every second meanwhile");
    false
}
