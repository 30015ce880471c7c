//! What is known of linked items while Plane's webhooks about them are read: what both sides last
//! agreed on, and what was written. Read only.

use std::collections::HashMap;

use sqlx::types::Json;

use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::sync::plan::{Base, Write};

/// A link with the writes of its item.
#[derive(Debug, Clone, PartialEq)]
pub struct Tie {
    /// The issue.
    pub issue: WorkItemRef,
    /// Plane's id of the work item; `None` while it is not recorded.
    pub item: Option<String>,
    /// What both sides last agreed on.
    pub base: Base,
    /// Writes that may or may not have been made.
    pub open: Vec<Write>,
    /// Writes that were made, the newest first.
    pub settled: Vec<Write>,
    /// When the last of them was settled.
    pub last_settled: Option<Timestamp>,
}

const LINKS: Statement = Statement {
    postgres: "
        SELECT id, github_ref, plane_item_id, base FROM issue_links
        WHERE github_ref IN (SELECT json_array_elements_text($1::json)) ORDER BY id DESC",
    sqlite: "
        SELECT id, github_ref, plane_item_id, base FROM issue_links
        WHERE github_ref IN (SELECT value FROM json_each($1)) ORDER BY id DESC",
};

/// More than anybody's webhooks are late by.
const WRITES: Statement = Statement {
    postgres: "
        SELECT issue_link, write, status, ended_at FROM write_intents
        WHERE issue_link IN (SELECT json_array_elements_text($1::json)::bigint)
          AND kind IN ('create_item', 'update_item') AND status <> 'abandoned'
        ORDER BY id DESC LIMIT 1000",
    sqlite: "
        SELECT issue_link, write, status, ended_at FROM write_intents
        WHERE issue_link IN (SELECT value FROM json_each($1))
          AND kind IN ('create_item', 'update_item') AND status <> 'abandoned'
        ORDER BY id DESC LIMIT 1000",
};

type LinkRow = (i64, String, Option<String>, Option<Json<Base>>);
type WriteRow = (i64, Json<Write>, String, Option<At>);

impl Store {
    /// The links of these issues, those made last first.
    pub async fn ties_of(&self, issues: &[WorkItemRef]) -> StoreResult<Vec<Tie>> {
        let refs = to_json(&issues.iter().map(WorkItemRef::as_str).collect::<Vec<_>>())?;
        macro_rules! all {
            ($statement:ident, $bound:expr) => {
                match &self.database {
                    Database::Postgres(pool) => {
                        sqlx::query_as($statement.postgres).bind($bound).fetch_all(pool).await?
                    }
                    Database::Sqlite { reader, .. } => {
                        sqlx::query_as($statement.sqlite).bind($bound).fetch_all(reader).await?
                    }
                }
            };
        }
        let links: Vec<LinkRow> = all!(LINKS, refs);
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let ids = to_json(&links.iter().map(|link| link.0).collect::<Vec<_>>())?;
        let writes: Vec<WriteRow> = all!(WRITES, ids);
        let mut by_link: HashMap<i64, Vec<WriteRow>> = HashMap::new();
        for write in writes {
            by_link.entry(write.0).or_default().push(write);
        }
        let tie = |(id, issue, item, base): LinkRow| {
            tie(issue, item, base, by_link.remove(&id).unwrap_or_default())
        };
        Ok(links.into_iter().map(tie).collect())
    }
}

fn tie(
    issue: String,
    item: Option<String>,
    base: Option<Json<Base>>,
    writes: Vec<WriteRow>,
) -> Tie {
    let last_settled = writes.iter().filter_map(|write| write.3.map(|At(at)| at)).max();
    let (settled, open): (Vec<_>, Vec<_>) =
        writes.into_iter().partition(|(_, _, status, _)| status == "settled");
    let inner = |writes: Vec<WriteRow>| writes.into_iter().map(|(_, Json(w), ..)| w).collect();
    Tie {
        issue: WorkItemRef::new(issue),
        item,
        base: base.map(|Json(base)| base).unwrap_or_default(),
        open: inner(open),
        settled: inner(settled),
        last_settled,
    }
}
