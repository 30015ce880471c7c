//! Reading the timeline.

use super::{Store, StoreResult};
use crate::ids::{DeliveryId, WorkItemRef};
use crate::sources::Source;
use crate::timeline::TimelineEntry;

impl Store {
    /// Everything that happened to one item, newest first.
    pub async fn item_timeline(&self, _item: &WorkItemRef, _limit: i64) -> StoreResult<Vec<TimelineEntry>> { unimplemented!() }
    /// Every attempt at one delivery, oldest first.
    pub async fn delivery_timeline(&self, _source: Source, _id: &DeliveryId) -> StoreResult<Vec<TimelineEntry>> { unimplemented!() }
}
