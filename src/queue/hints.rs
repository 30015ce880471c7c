//! Carries "something is due" and "something changed" from the process that commits to the others.
//!
//! One hint stands for all commits of 50 ms: a hint is a transaction of its own, and the database
//! would rather spend that commit on deliveries.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tracing::warn;

use crate::store::Store;
use crate::store::announcements::Topic;

/// Least time between two hints to other processes.
const REST: Duration = Duration::from_millis(50);
/// Wait after the database did not take or give a hint; everybody looks by himself meanwhile.
const AGAIN: Duration = Duration::from_secs(2);

/// Tells other processes whenever `committed` rings, until `stop` says so.
pub async fn announce(
    store: Store,
    topic: Topic,
    committed: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = committed.notified() => {}
            _ = stop.changed() => return,
        }
        let rest = match store.announce(topic).await {
            Ok(()) => REST,
            Err(_) => AGAIN,
        };
        sleep(rest).await;
    }
}

/// Passes on what other processes say, until `stop` says so.
pub async fn listen(store: Store, pass_on: impl Fn(Topic) + Send, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            ended = hear(&store, &pass_on) => if ended { return },
            _ = stop.changed() => return,
        }
        sleep(AGAIN).await;
    }
}

/// Whether there will never be anything to hear.
async fn hear(store: &Store, pass_on: &(impl Fn(Topic) + Send)) -> bool {
    let error = match store.hints().await {
        Ok(None) => return true,
        Ok(Some(mut hints)) => loop {
            match hints.next().await {
                Ok(topic) => pass_on(topic),
                Err(error) => break error,
            }
        },
        Err(error) => error,
    };
    warn!(error = %error, "hints of other processes can't be heard; the tables are looked at every second meanwhile");
    false
}
