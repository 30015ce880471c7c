//! Putting what was found by asking into the inbox.
//!
//! The same finding has the same id, so what waits already is left alone, and what ended once is run
//! again: its content was told before, and differs all the same. Deliberately absent: the spool.
//! What was found can be found again.

use std::collections::HashSet;

use super::{Store, StoreResult};
use crate::clock::Timestamp;
use crate::sources::Verified;

/// Deliveries of one transaction.
const AT_ONCE: usize = 64;

/// What became of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutFound {
    /// Not known before.
    pub new: u64,
    /// Known, ended, and queued again.
    pub again: u64,
    /// Known, and still waiting or being worked on.
    pub waiting: u64,
}

impl Store {
    /// Commits what was found with its jobs, some at a time. All of it comes from one source and
    /// was found by the same one.
    pub async fn put_found(&self, found: &[Verified], now: Timestamp) -> StoreResult<PutFound> {
        let mut put = PutFound::default();
        for part in found.chunks(AT_ONCE) {
            let mut ids = HashSet::with_capacity(part.len());
            let batch: Vec<&Verified> =
                part.iter().filter(|d| ids.insert(d.delivery_id())).collect();
            let Some(source) = batch.first().map(|delivery| delivery.source()) else { continue };
            let new = self.insert_deliveries(&batch, now).await?;
            put.new += new.len() as u64;
            let known = batch.iter().map(|delivery| delivery.delivery_id());
            let known: Vec<_> = known.filter(|id| !new.contains(id)).cloned().collect();
            if !known.is_empty() {
                let again = self.replay_ended(source, &known, now).await?;
                put.again += again;
                put.waiting += known.len() as u64 - again;
            }
        }
        Ok(put)
    }
}
