//! Which pull requests are about which items. Read only: `store/cards` writes it with the pull
//! requests themselves.

use super::work_items::Row;
use super::{Store, StoreResult, on_reader};
use crate::ids::WorkItemRef;
use crate::work_items::WorkItem;

macro_rules! items {
    ($where:literal) => {
        concat!(
            "SELECT work_item_ref, system, external_id, project_ref, state, deleted_at, moved_to, ingested_at
             FROM work_items WHERE ",
            $where
        )
    };
}

impl Store {
    /// The pull requests about an issue, by its key, or about a work item of Plane, by its
    /// reference; without their descriptions.
    pub async fn pulls_about(
        &self,
        issue: Option<&str>,
        item: Option<&WorkItemRef>,
    ) -> StoreResult<Vec<WorkItem>> {
        const ABOUT: &str = items!(
            "work_item_ref IN (SELECT pull_request_ref FROM closing_links WHERE issue_key = $1
                OR issue_key IN (SELECT lower(key) FROM work_items WHERE work_item_ref = $2))"
        );
        let issue = issue.map(str::to_lowercase);
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(ABOUT).bind(issue.as_deref())
            .bind(item.map(WorkItemRef::as_str)).fetch_all(pool).await?);
        rows.into_iter().map(WorkItem::try_from).collect()
    }

    /// The issues and work items that a pull request is about, as far as they are known; without
    /// their descriptions.
    pub async fn items_of_pull(&self, pull: &WorkItemRef) -> StoreResult<Vec<WorkItem>> {
        const OF: &str = items!(
            "kind = 'issue' AND key IS NOT NULL
                AND lower(key) IN (SELECT issue_key FROM closing_links WHERE pull_request_ref = $1)"
        );
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF).bind(pull.as_str())
            .fetch_all(pool).await?);
        rows.into_iter().map(WorkItem::try_from).collect()
    }
}
