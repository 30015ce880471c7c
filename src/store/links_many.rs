//! Many links at once, for whoever compares whole repositories. Read only.

use std::collections::BTreeMap;

use super::links::{IssueLink, Row, columns, github_id};
use super::rows::{Statement, to_json};
use super::{Database, Store, StoreResult, on_reader, unreadable};
use crate::config::RepositoryName;
use crate::ids::{RepositorySyncId, WorkItemRef};
use crate::sync::plan::{CommentStanding, LinkStatus};

/// How the comments of a linked issue stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrors {
    /// The issue's number.
    pub number: u64,
    /// How the link stands.
    pub status: LinkStatus,
    /// By GitHub's id: how each stands, and the hash of what its mirror shows.
    pub comments: BTreeMap<u64, (CommentStanding, String)>,
}

impl Store {
    /// The links of issues with a project.
    pub async fn links_of_issues(
        &self,
        issues: &[u64],
        plane_project: &str,
    ) -> StoreResult<Vec<IssueLink>> {
        const OF: Statement = Statement {
            postgres: concat!(
                "SELECT ",
                columns!(),
                " FROM issue_links WHERE github_issue_id IN (SELECT json_array_elements_text($1::json)::bigint)
                 AND plane_project = $2"
            ),
            sqlite: concat!(
                "SELECT ",
                columns!(),
                " FROM issue_links WHERE github_issue_id IN (SELECT value FROM json_each($1)) AND plane_project = $2"
            ),
        };
        let issues = to_json(issues)?;
        let rows: Vec<Row> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(OF.postgres).bind(issues).bind(plane_project).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(OF.sqlite).bind(issues).bind(plane_project).fetch_all(reader).await?
            }
        };
        rows.into_iter().map(IssueLink::try_from).collect()
    }

    /// The links of work items, by their names here.
    pub async fn links_of_twins(&self, items: &[&WorkItemRef]) -> StoreResult<Vec<IssueLink>> {
        const OF: Statement = Statement {
            postgres: concat!(
                "SELECT ",
                columns!(),
                " FROM issue_links WHERE plane_ref IN (SELECT json_array_elements_text($1::json))"
            ),
            sqlite: concat!(
                "SELECT ",
                columns!(),
                " FROM issue_links WHERE plane_ref IN (SELECT value FROM json_each($1))"
            ),
        };
        let items = to_json(items)?;
        let rows: Vec<Row> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(OF.postgres).bind(items).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(OF.sqlite).bind(items).fetch_all(reader).await?
            }
        };
        rows.into_iter().map(IssueLink::try_from).collect()
    }

    /// Links of a repository's issues with a project whose work items are made, the newest first.
    pub async fn links_of_repository(
        &self,
        repository: &RepositoryName,
        plane_project: &str,
        limit: i64,
    ) -> StoreResult<Vec<IssueLink>> {
        const OF: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM issue_links WHERE repository_sync =
                (SELECT id FROM repository_syncs WHERE lower(repository) = lower($1))
             AND plane_project = $2 AND plane_item_id IS NOT NULL ORDER BY id DESC LIMIT $3"
        );
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF)
            .bind(repository.as_str()).bind(plane_project).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(IssueLink::try_from).collect()
    }

    /// How comments on linked issues stand, by the issues' numbers: each comment with the hash of
    /// what its mirror shows.
    pub async fn mirrors_of(
        &self,
        repository: RepositorySyncId,
        plane_project: &str,
        numbers: &[u64],
    ) -> StoreResult<Vec<Mirrors>> {
        const OF: Statement = Statement {
            postgres: "SELECT l.github_number, l.status, c.github_comment_id, c.status, c.markdown_sha256
                FROM issue_links l LEFT JOIN comment_links c ON c.issue_link = l.id
                WHERE l.repository_sync = $2 AND l.plane_project = $3 AND l.plane_item_id IS NOT NULL
                  AND l.github_number IN (SELECT json_array_elements_text($1::json)::bigint)",
            sqlite: "SELECT l.github_number, l.status, c.github_comment_id, c.status, c.markdown_sha256
                FROM issue_links l LEFT JOIN comment_links c ON c.issue_link = l.id
                WHERE l.repository_sync = $2 AND l.plane_project = $3 AND l.plane_item_id IS NOT NULL
                  AND l.github_number IN (SELECT value FROM json_each($1))",
        };
        type Found = (i64, String, Option<i64>, Option<String>, Option<String>);
        let numbers = to_json(numbers)?;
        macro_rules! found {
            ($statement:expr, $pool:expr) => {
                sqlx::query_as($statement)
                    .bind(numbers)
                    .bind(repository.0)
                    .bind(plane_project)
                    .fetch_all($pool)
                    .await?
            };
        }
        let rows: Vec<Found> = match &self.database {
            Database::Postgres(pool) => found!(OF.postgres, pool),
            Database::Sqlite { reader, .. } => found!(OF.sqlite, reader),
        };
        let mut all: BTreeMap<u64, Mirrors> = BTreeMap::new();
        for (number, status, comment, standing, hash) in rows {
            let number = github_id(number)?;
            let status = status.parse().map_err(|e| unreadable("link", e))?;
            let mirrors = all.entry(number).or_insert_with(|| Mirrors {
                number,
                status,
                comments: BTreeMap::new(),
            });
            if let (Some(comment), Some(standing), Some(hash)) = (comment, standing, hash) {
                let standing = standing.parse().map_err(|e| unreadable("comment link", e))?;
                mirrors.comments.insert(github_id(comment)?, (standing, hash));
            }
        }
        Ok(all.into_values().collect())
    }
}
