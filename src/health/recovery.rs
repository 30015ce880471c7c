//! Webhooks that GitHub sent and that never arrived: when it was last looked, and what came of it.

use chrono::TimeDelta;

use crate::clock::Timestamp;
use crate::store::recovery::{RecoverCounts, RecoverPlace, Request};
use crate::store::{Store, StoreResult};

/// How long what ended is told.
const RECENT: TimeDelta = TimeDelta::days(7);
/// Deliveries that are told one by one.
const MOST_TOLD: i64 = 20;

/// How it stands with what GitHub sent in vain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovery {
    /// Each repository that was looked at.
    pub places: Vec<RecoverPlace>,
    /// Deliveries that were missing in the last week, by how that ended.
    pub counts: RecoverCounts,
    /// Those of them that do not come any more.
    pub lost: Vec<Request>,
}

impl Recovery {
    /// As of `now`.
    ///
    /// # Errors
    /// When the database can't tell.
    pub async fn read(store: &Store, now: Timestamp) -> StoreResult<Self> {
        let counts = store.recover_counts(now - RECENT).await?;
        let lost = counts.given_up + counts.expired;
        Ok(Self {
            places: store.recover_places().await?,
            counts,
            lost: if lost > 0 { store.given_up_requests(MOST_TOLD).await? } else { Vec::new() },
        })
    }

    /// When it was last looked, for whichever repository.
    pub fn looked_at(&self) -> Option<Timestamp> {
        self.places.iter().map(|place| place.looked_at).max()
    }

    /// Repositories that could not be looked at, or whose deliveries could not be asked for.
    pub fn problems(&self) -> impl Iterator<Item = (&RecoverPlace, &str)> {
        self.places.iter().filter_map(|place| Some((place, place.problem.as_deref()?)))
    }
}
