//! Many links at once, for whoever compares whole repositories. Read only.

use std::collections::BTreeMap;

use super::link_rows::{Row, columns, github_id};
use super::links::IssueLink;
use super::rows::{Statement, to_json};
use super::{Database, Store, StoreResult, on_reader, unreadable};
use crate::config::{RepositoryName, WorkspaceSlug};
use crate::ids::{RepositorySyncId, WorkItemRef};
use crate::sync::home::{Placed, PlacedBy, Standing};
use crate::sync::plan::{CommentStanding, LinkStatus};

/// How the comments of a linked issue stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrors {
    /// The issue's number.
    pub number: u64,
    /// How the link stands.
    pub status: LinkStatus,
    /// The greater, the newer.
    link: i64,
    plane_project: String,
    is_by_rule: bool,
    /// By GitHub's id: how each stands, and the hash of what its mirror shows.
    pub comments: BTreeMap<u64, (CommentStanding, String)>,
}

impl Placed for Mirrors {
    fn placed(&self) -> Standing<'_> {
        Standing {
            age: self.link,
            project: &self.plane_project,
            has_item: true,
            is_by_rule: self.is_by_rule,
        }
    }
}

impl Store {
    /// The projects in which a repository's issues have items that count, each with its workspace:
    /// where no rule speaks of projects, those alone into which rules had put some.
    pub async fn projects_of_items(
        &self,
        repository: &RepositoryName,
        by: PlacedBy,
    ) -> StoreResult<Vec<(String, Option<WorkspaceSlug>)>> {
        const OF: &str = "SELECT DISTINCT plane_project, plane_workspace FROM issue_links WHERE repository_sync =
                (SELECT id FROM repository_syncs WHERE lower(repository) = lower($1))
             AND (placed_by IS NOT NULL OR $2) AND plane_item_id IS NOT NULL ORDER BY plane_project";
        let rows: Vec<(String, Option<String>)> = on_reader!(self, pool => sqlx::query_as(OF)
            .bind(repository.as_str()).bind(by == PlacedBy::Rules).fetch_all(pool).await?);
        let read = |(project, slug): (String, Option<String>)| {
            let slug = slug.map(|slug| slug.parse()).transpose();
            Ok((project, slug.map_err(|e| unreadable("plane_workspace", e))?))
        };
        rows.into_iter().map(read).collect()
    }

    /// The links of issues, whatever the project.
    pub async fn links_of_issues(&self, issues: &[u64]) -> StoreResult<Vec<IssueLink>> {
        const OF: Statement = Statement {
            postgres: concat!(
                "SELECT ",
                columns!(),
                " FROM issue_links WHERE github_issue_id IN (SELECT json_array_elements_text($1::json)::bigint)"
            ),
            sqlite: concat!(
                "SELECT ",
                columns!(),
                " FROM issue_links WHERE github_issue_id IN (SELECT value FROM json_each($1))"
            ),
        };
        let issues = to_json(issues)?;
        let rows: Vec<Row> = match &self.database {
            Database::Postgres(pool) => {
                sqlx::query_as(OF.postgres).bind(issues).fetch_all(pool).await?
            }
            Database::Sqlite { reader, .. } => {
                sqlx::query_as(OF.sqlite).bind(issues).fetch_all(reader).await?
            }
        };
        rows.into_iter().map(IssueLink::try_from).collect()
    }

    /// The links of an issue's sub-issues with a project, as GitHub last told which they are.
    pub async fn links_of_sub_issues(
        &self,
        parent: u64,
        plane_project: &str,
    ) -> StoreResult<Vec<IssueLink>> {
        const OF: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM issue_links WHERE github_parent_id = $1 AND plane_project = $2 ORDER BY id"
        );
        let parent = i64::try_from(parent).map_err(|e| unreadable("GitHub id", e))?;
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF).bind(parent)
            .bind(plane_project).fetch_all(pool).await?);
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

    /// Links of a repository's issues whose work items are made, the newest first, whatever the
    /// project.
    pub async fn links_of_repository(
        &self,
        repository: &RepositoryName,
        limit: i64,
    ) -> StoreResult<Vec<IssueLink>> {
        const OF: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM issue_links WHERE repository_sync =
                (SELECT id FROM repository_syncs WHERE lower(repository) = lower($1))
             AND plane_item_id IS NOT NULL ORDER BY id DESC LIMIT $2"
        );
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF)
            .bind(repository.as_str()).bind(limit).fetch_all(pool).await?);
        rows.into_iter().map(IssueLink::try_from).collect()
    }

    /// How comments on linked issues stand, each comment with the hash of what its mirror shows:
    /// for each project in which the issue has a work item.
    pub async fn mirrors_of(
        &self,
        repository: RepositorySyncId,
        numbers: &[u64],
    ) -> StoreResult<Vec<Mirrors>> {
        const OF: Statement = Statement {
            postgres: "SELECT l.id, l.plane_project, l.placed_by IS NOT NULL, l.github_number, l.status, c.github_comment_id, c.status, c.markdown_sha256
                FROM issue_links l LEFT JOIN comment_links c ON c.issue_link = l.id
                WHERE l.repository_sync = $2 AND l.plane_item_id IS NOT NULL
                  AND l.github_number IN (SELECT json_array_elements_text($1::json)::bigint)",
            sqlite: "SELECT l.id, l.plane_project, l.placed_by IS NOT NULL, l.github_number, l.status, c.github_comment_id, c.status, c.markdown_sha256
                FROM issue_links l LEFT JOIN comment_links c ON c.issue_link = l.id
                WHERE l.repository_sync = $2 AND l.plane_item_id IS NOT NULL
                  AND l.github_number IN (SELECT value FROM json_each($1))",
        };
        type Found = (i64, String, bool, i64, String, Option<i64>, Option<String>, Option<String>);
        let numbers = to_json(numbers)?;
        macro_rules! found {
            ($statement:expr, $pool:expr) => {
                sqlx::query_as($statement).bind(numbers).bind(repository.0).fetch_all($pool).await?
            };
        }
        let rows: Vec<Found> = match &self.database {
            Database::Postgres(pool) => found!(OF.postgres, pool),
            Database::Sqlite { reader, .. } => found!(OF.sqlite, reader),
        };
        let mut all: BTreeMap<i64, Mirrors> = BTreeMap::new();
        for (link, plane_project, is_by_rule, number, status, comment, standing, hash) in rows {
            let number = github_id(number)?;
            let status = status.parse().map_err(|e| unreadable("link", e))?;
            let mirrors = all.entry(link).or_insert_with(|| Mirrors {
                number,
                status,
                link,
                plane_project,
                is_by_rule,
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
