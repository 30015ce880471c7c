//! Reading work items; they are written by `store/jobs` together with the job that changed them.

use super::{Store, StoreResult};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::work_items::{StateGroup, System, WorkItem};

/// Which items to list; `None` is any. Deleted ones are listed only when `status` asks for them.
#[derive(Debug, Clone, Default)]
pub struct WorkItemFilter {
    pub system: Option<System>,
    pub project: Option<String>,
    pub status: Option<String>,
    pub state_group: Option<StateGroup>,
    pub assignee: Option<String>,
    pub label: Option<String>,
    /// Part of title or key, whatever the case.
    pub q: Option<String>,
}

/// Where the next page starts: after this one (newest `updated_at` first).
#[derive(Debug, Clone)]
pub struct WorkItemCursor {
    pub updated_at: Timestamp,
    pub item: WorkItemRef,
}

impl Store {
    pub async fn work_items(&self, _filter: &WorkItemFilter, _after: Option<&WorkItemCursor>, _limit: i64) -> StoreResult<Vec<WorkItem>> { unimplemented!() }
    pub async fn work_item(&self, _item: &WorkItemRef) -> StoreResult<Option<WorkItem>> { unimplemented!() }
    /// Items on the board (not deleted) by state group; `None` where no group is known.
    pub async fn count_by_state_group(&self, _filter: &WorkItemFilter) -> StoreResult<Vec<(Option<StateGroup>, i64)>> { unimplemented!() }
}
