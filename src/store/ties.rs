//! What is known of linked items while Plane's webhooks about them are read: what both sides last
//! agreed on, and what was written. Read only.

use std::collections::HashMap;

use sqlx::FromRow;
use sqlx::types::Json;

use super::rows::{Statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, unreadable};
use crate::clock::Timestamp;
use crate::config::{Direction, RepositoryName};
use crate::ids::{RepositorySyncId, WorkItemRef};
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
    /// The repository that it is kept in step for; `None` where it no longer is.
    pub repository: Option<TiedRepository>,
    /// Until when somebody works on it, if they do.
    pub held_until: Option<Timestamp>,
}

/// The repository of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TiedRepository {
    /// Its row.
    pub id: RepositorySyncId,
    /// Who may change whom.
    pub direction: Direction,
}

const LINKS: Statement = Statement {
    postgres: "
        SELECT l.id, l.github_ref, l.plane_item_id, l.base, r.id AS place, r.direction, l.lease_until
        FROM issue_links l
        LEFT JOIN repository_syncs r ON r.id = l.repository_sync
        WHERE l.github_ref IN (SELECT json_array_elements_text($1::json)) ORDER BY l.id DESC",
    sqlite: "
        SELECT l.id, l.github_ref, l.plane_item_id, l.base, r.id AS place, r.direction, l.lease_until
        FROM issue_links l
        LEFT JOIN repository_syncs r ON r.id = l.repository_sync
        WHERE l.github_ref IN (SELECT value FROM json_each($1)) ORDER BY l.id DESC",
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

#[derive(FromRow)]
struct LinkRow {
    id: i64,
    github_ref: String,
    plane_item_id: Option<String>,
    base: Option<Json<Base>>,
    place: Option<i64>,
    direction: Option<String>,
    lease_until: Option<At>,
}

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
        let ids = to_json(&links.iter().map(|link| link.id).collect::<Vec<_>>())?;
        let writes: Vec<WriteRow> = all!(WRITES, ids);
        let mut by_link: HashMap<i64, Vec<WriteRow>> = HashMap::new();
        for write in writes {
            by_link.entry(write.0).or_default().push(write);
        }
        let tie = |link: LinkRow| {
            let writes = by_link.remove(&link.id).unwrap_or_default();
            tie(link, writes)
        };
        links.into_iter().map(tie).collect()
    }

    /// The repository that an issue is kept in step for, and its work item's name here; `None` where
    /// it no longer is.
    pub async fn tied_repository(
        &self,
        issue: &WorkItemRef,
    ) -> StoreResult<Option<(RepositoryName, WorkItemRef)>> {
        const OF: &str = "SELECT r.repository, l.plane_ref FROM issue_links l
            JOIN repository_syncs r ON r.id = l.repository_sync
            WHERE l.github_ref = $1 AND l.plane_ref IS NOT NULL ORDER BY l.id DESC LIMIT 1";
        let row: Option<(String, String)> = on_reader!(self, pool => sqlx::query_as(OF)
            .bind(issue.as_str()).fetch_optional(pool).await?);
        let read = |(name, item): (String, String)| {
            let name = name.parse().map_err(|e| unreadable("repository", e))?;
            Ok((name, WorkItemRef::new(item)))
        };
        row.map(read).transpose()
    }
}

fn tie(link: LinkRow, writes: Vec<WriteRow>) -> StoreResult<Tie> {
    let last_settled = writes.iter().filter_map(|write| write.3.map(|At(at)| at)).max();
    let (settled, open): (Vec<_>, Vec<_>) =
        writes.into_iter().partition(|(_, _, status, _)| status == "settled");
    let inner = |writes: Vec<WriteRow>| writes.into_iter().map(|(_, Json(w), ..)| w).collect();
    let repository = |(id, direction): (i64, String)| {
        let direction = direction.parse().map_err(|e| unreadable("direction", e))?;
        StoreResult::Ok(TiedRepository { id: RepositorySyncId(id), direction })
    };
    Ok(Tie {
        issue: WorkItemRef::new(link.github_ref),
        item: link.plane_item_id,
        base: link.base.map(|Json(base)| base).unwrap_or_default(),
        open: inner(open),
        settled: inner(settled),
        last_settled,
        repository: link.place.zip(link.direction).map(repository).transpose()?,
        held_until: link.lease_until.map(|At(at)| at),
    })
}
