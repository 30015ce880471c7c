//! Putting what was found by asking into the inbox.
//!
//! The same finding has the same id, so what waits already is left alone. What ended, and what
//! retention took the body of, is told anew under an id of this day: the new delivery says when it
//! was asked for, so it outranks whatever came after the first one. Told on one day for a third time
//! the second one is run again. Deliberately absent: the spool. What was found can be found again.

use std::collections::HashSet;

use super::rows::{Statement, statement, to_json};
use super::{Database, Store, StoreResult};
use crate::clock::Timestamp;
use crate::ids::DeliveryId;
use crate::sources::{Source, Verified};

/// Deliveries of one transaction.
const AT_ONCE: usize = 64;

/// What is told anew of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Only what can't be run again, since its body is gone.
    Dropped,
    /// That, and what was processed: it differs all the same.
    Processed,
    /// That, and what failed for good.
    Failed,
}

/// What became of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutFound {
    /// Not known before.
    pub new: u64,
    /// Known, and told anew or queued again.
    pub again: u64,
    /// Known, and left alone: still waiting, being worked on, or not to be told anew.
    pub waiting: u64,
}

/// How the jobs of these stand; a body that was dropped took its job along.
const STATUS: Statement = statement!(
    "SELECT r.delivery_id, q.status FROM ",
    rows(source "text", delivery_id "text"),
    " LEFT JOIN work_queue q ON q.source = r.source AND q.delivery_id = r.delivery_id"
);

#[derive(serde::Serialize)]
struct NameRow<'a> {
    source: &'static str,
    delivery_id: &'a str,
}

impl Store {
    /// Commits what was found with its jobs, some at a time. All of it comes from one source and
    /// was found by the same one.
    pub async fn put_found(
        &self,
        found: &[Verified],
        again: Again,
        now: Timestamp,
    ) -> StoreResult<PutFound> {
        let mut put = PutFound::default();
        for part in found.chunks(AT_ONCE) {
            let mut ids = HashSet::with_capacity(part.len());
            let batch: Vec<&Verified> =
                part.iter().filter(|d| ids.insert(d.delivery_id())).collect();
            let Some(source) = batch.first().map(|delivery| delivery.source()) else { continue };
            let new: HashSet<_> = self.insert_deliveries(&batch, now).await?.into_iter().collect();
            put.new += new.len() as u64;
            let known: Vec<_> = batch.iter().filter(|d| !new.contains(d.delivery_id())).collect();
            let ids: Vec<_> = known.iter().map(|delivery| delivery.delivery_id()).collect();
            let ended = self.ended(source, &ids, again).await?;
            put.waiting += (known.len() - ended.len()) as u64;
            let anew = known.iter().filter(|d| ended.contains(d.delivery_id()));
            let anew: Vec<Verified> = anew.map(|delivery| delivery.told_again(now)).collect();
            let told = self.insert_deliveries(&anew.iter().collect::<Vec<_>>(), now).await?;
            put.again += told.len() as u64;
            let third = anew.iter().map(Verified::delivery_id).filter(|id| !told.contains(id));
            let third: Vec<&DeliveryId> = third.collect();
            let ended = self.ended(source, &third, again).await?;
            let run: Vec<_> = third.iter().filter(|id| ended.contains(id)).copied().collect();
            let run = self.replay_ended(source, &run, now).await?;
            put.again += run;
            put.waiting += third.len() as u64 - run;
        }
        Ok(put)
    }

    /// Those that nobody works on or will, as far as they are to be told anew.
    async fn ended(
        &self,
        source: Source,
        ids: &[&DeliveryId],
        again: Again,
    ) -> StoreResult<HashSet<DeliveryId>> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let rows =
            ids.iter().map(|id| NameRow { source: source.as_str(), delivery_id: id.as_str() });
        let rows = to_json(&rows.collect::<Vec<_>>())?;
        let jobs: Vec<(String, Option<String>)> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(STATUS.postgres).bind(rows).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(STATUS.sqlite).bind(rows).fetch_all(reader).await?
            }
        };
        let is_told = |status: Option<&str>| match status {
            None => true,
            Some("done") => again != Again::Dropped,
            Some("dead") => again == Again::Failed,
            Some(_) => false,
        };
        let ended = jobs.into_iter().filter(|(_, status)| is_told(status.as_deref()));
        Ok(ended.map(|(id, _)| DeliveryId::new(id)).collect())
    }
}
