//! What belongs to what: an issue and its work item, a comment and its mirror.
//!
//! Whoever works on a link *holds* it: the row carries a lease, which the first one takes and
//! everybody else finds taken until it is released or has ended. The row is made by the first
//! holder, before anything is made in Plane, and its key is unique, so creations of one external
//! id happen one after the other, over processes on `PostgreSQL` and over tasks on SQLite alike.
//!
//! Races, and what decides them:
//! - *Two take a link at once.* One upsert, one row: the second one's condition is tested against
//!   what the first one wrote.
//! - *A holder comes back late.* Every write names the lease; where the row holds another one
//!   nothing at all is written ([`Save::Lost`]). A remote write can't be fenced like that, so a
//!   holder renews before each one, and whoever takes over looks for the item before making it.

use super::cards::refresh;
use super::changes::REVISE;
use super::intents::{END_INTENTS, IntentEnd, end_row};
use super::link_rows::{Row, columns, comment_row, database_id, github_id, update_row};
use super::rows::{Statement, statement, to_json};
use super::time::At;
use super::{Database, Store, StoreResult, on_reader, on_writer, unreadable};
use crate::clock::Timestamp;
use crate::config::WorkspaceSlug;
use crate::ids::{Lease, WorkItemRef};
use crate::sync::home::{Placed, Standing};
use crate::sync::plan::{Base, CommentLink, Link, LinkStatus};

/// `ops.issue_links.id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub i64);

/// Which issue is tied to which project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkKey {
    /// `owner/name` at this moment.
    pub repository: String,
    /// GitHub's numeric id.
    pub github_issue: u64,
    /// The number people see.
    pub number: u64,
    /// Plane's id of the project.
    pub plane_project: String,
    /// The project's workspace; `None` for `plane.workspace`.
    pub plane_workspace: Option<WorkspaceSlug>,
}

/// One row of `ops.issue_links`.
#[derive(Debug, Clone, PartialEq)]
pub struct IssueLink {
    /// The row.
    pub id: LinkId,
    /// Which issue, and which project.
    pub key: LinkKey,
    /// GitHub's time of the newest state that was carried over.
    pub github_updated_at: Option<Timestamp>,
    /// Which of the states of that second it was, in their order of arrival; `None` for one that
    /// GitHub was asked for.
    pub github_arrival: Option<i64>,
    /// Plane's id of the work item; `None` while none is known to be made.
    pub item: Option<String>,
    /// What both sides last agreed on.
    pub base: Base,
    /// The issue's Markdown behind that.
    pub markdown: Option<String>,
    /// How it stands.
    pub status: LinkStatus,
    /// Why the last attempt failed, where it did.
    pub last_error: Option<String>,
    /// Counts up with every change of the row.
    pub revision: i64,
    /// When both sides were last brought in step.
    pub synced_at: Option<Timestamp>,
    /// The rule that put the item into its project; `None` where it is the repository's own.
    pub placed_by: Option<String>,
    /// Another project that is wanted for the item, which stays where it is.
    pub wanted_project: Option<String>,
}

impl Placed for IssueLink {
    fn placed(&self) -> Standing<'_> {
        Standing {
            age: self.id.0,
            project: &self.key.plane_project,
            has_item: self.item.is_some(),
            is_by_rule: self.placed_by.is_some(),
        }
    }
}

impl IssueLink {
    /// The link as a plan needs it; `None` while no item is known to be made.
    pub fn link(&self) -> Option<Link> {
        let item = self.item.clone()?;
        Some(Link { item, base: self.base.clone() })
    }

    /// The issue's own item.
    pub fn issue_ref(&self) -> WorkItemRef {
        github_ref(self.key.github_issue)
    }

    /// The same work item on the other side than `item`.
    pub fn twin_of(&self, item: &WorkItemRef) -> Option<WorkItemRef> {
        let (github, plane) = (github_ref(self.key.github_issue), self.item.as_ref()?);
        let plane = WorkItemRef::new(format!("plane:{plane}"));
        Some(if *item == github { plane } else { github })
    }
}

/// What came of the wish to hold a link.
#[derive(Debug, Clone, PartialEq)]
pub enum Held {
    /// It is ours.
    Ours(Box<IssueLink>),
    /// Somebody else works on it: come back later.
    Busy,
}

/// Whether something was written under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Save {
    /// All of it.
    Committed,
    /// Nothing of it: the link is no longer ours.
    Lost,
}

impl Save {
    /// By the rows that a statement with the lease in its condition wrote.
    pub(super) fn of(rows: u64) -> Self {
        if rows == 1 { Self::Committed } else { Self::Lost }
    }
}

/// What a link is from now on.
#[derive(Debug, Clone)]
pub struct LinkUpdate<'a> {
    /// Plane's id of the work item. Another one than before makes all comments pending again.
    pub item: Option<&'a str>,
    /// What both sides agree on.
    pub base: &'a Base,
    /// The issue's Markdown.
    pub markdown: Option<&'a str>,
    /// GitHub's time of the state that was carried over.
    pub github_updated_at: Option<Timestamp>,
    /// Which of the states of that second it was.
    pub github_arrival: Option<i64>,
    /// How it stands.
    pub status: LinkStatus,
    /// Why the attempt failed, where it did.
    pub last_error: Option<&'a str>,
}

const HOLD: &str = concat!(
    "INSERT INTO issue_links (repository_sync, repository, github_issue_id, github_number, github_ref,
        plane_project, lease, lease_until, created_at, plane_workspace)
     VALUES ((SELECT id FROM repository_syncs WHERE lower(repository) = lower($1)), $1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (github_issue_id, plane_project) DO UPDATE SET
        repository_sync = excluded.repository_sync, repository = excluded.repository,
        github_number = excluded.github_number,
        plane_workspace = CASE WHEN issue_links.plane_item_id IS NULL THEN excluded.plane_workspace
            ELSE issue_links.plane_workspace END,
        lease = excluded.lease, lease_until = excluded.lease_until,
        revision = issue_links.revision + 1
     WHERE issue_links.lease IS NULL OR issue_links.lease_until < $8 OR issue_links.lease = excluded.lease
     RETURNING ",
    columns!()
);

/// The row lock that keeps others from taking the link while we write, and the proof that it is
/// still ours.
pub(super) const FENCE: &str =
    "UPDATE issue_links SET revision = revision + 1 WHERE id = $1 AND lease = $2";

/// The items of both sides.
const REFS: &str = "SELECT github_ref, plane_ref FROM issue_links WHERE id = $1";

const FORGET_MIRRORS: &str = "
    UPDATE comment_links SET plane_comment_id = NULL, status = 'pending'
    WHERE issue_link = $1 AND status <> 'deleted' AND EXISTS (
        SELECT 1 FROM issue_links WHERE id = $1 AND plane_item_id IS NOT NULL AND plane_item_id <> $2)";

const UPDATE: Statement = statement!(
    "UPDATE issue_links SET plane_item_id = r.item, plane_ref = r.plane_ref, base = r.base, markdown = r.markdown,
        github_updated_at = COALESCE(r.github_updated_at, issue_links.github_updated_at),
        github_arrival = r.github_arrival, github_parent_id = r.github_parent_id, status = r.status,
        last_error = r.last_error, synced_at = COALESCE(r.synced_at, issue_links.synced_at)
     FROM ",
    rows(id "bigint", item "text", plane_ref "text", base "json", markdown "text", github_updated_at "timestamptz",
        github_arrival "bigint", github_parent_id "bigint", status "text", last_error "text", synced_at "timestamptz"),
    " WHERE issue_links.id = r.id"
);

const PUT_COMMENTS: Statement = statement!(
    "INSERT INTO comment_links (issue_link, github_comment_id, plane_comment_id, status, markdown_sha256,
        stored_html, synced_at, deleted_at)
     SELECT r.issue_link, r.github_comment_id, r.plane_comment_id, r.status, r.markdown_sha256, r.stored_html,
        r.synced_at, r.deleted_at
     FROM ",
    rows(issue_link "bigint", github_comment_id "bigint", plane_comment_id "text", status "text",
        markdown_sha256 "text", stored_html "text", synced_at "timestamptz", deleted_at "timestamptz"),
    " WHERE true
     ON CONFLICT (issue_link, github_comment_id) DO UPDATE SET plane_comment_id = excluded.plane_comment_id,
        status = excluded.status, markdown_sha256 = excluded.markdown_sha256, stored_html = excluded.stored_html,
        synced_at = excluded.synced_at, deleted_at = excluded.deleted_at"
);

impl Store {
    /// Takes a link for us until `until`, or for longer if it is ours already; makes its row if
    /// there is none.
    pub async fn hold_link(
        &self,
        key: &LinkKey,
        lease: Lease,
        until: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Held> {
        let (issue, number) = (database_id(key.github_issue)?, database_id(key.number)?);
        let github = github_ref(key.github_issue);
        macro_rules! hold {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let row: Option<Row> = sqlx::query_as(HOLD)
                    .bind(&key.repository)
                    .bind(issue)
                    .bind(number)
                    .bind(github.as_str())
                    .bind(&key.plane_project)
                    .bind(lease.0.to_string())
                    .bind(At(until))
                    .bind(At(now))
                    .bind(key.plane_workspace.as_ref().map(WorkspaceSlug::as_str))
                    .fetch_optional(&mut *transaction)
                    .await?;
                // Nobody sees who holds a link, but that there is one now.
                if row.as_ref().is_some_and(|row| row.revision == 0) {
                    let revise = sqlx::query(REVISE.$dialect).bind(to_json(&[&github])?);
                    revise.execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
                row
            }};
        }
        let row = match &self.database {
            Database::Postgres(pool) => hold!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                hold!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite)
            }
        };
        if row.as_ref().is_some_and(|row| row.revision == 0) {
            self.tell_changed();
        }
        Ok(match row {
            Some(row) => Held::Ours(Box::new(row.try_into()?)),
            None => Held::Busy,
        })
    }

    /// Holds a link for longer, if it is still ours.
    pub async fn renew_hold(
        &self,
        link: LinkId,
        lease: Lease,
        until: Timestamp,
    ) -> StoreResult<Save> {
        const RENEW: &str = "UPDATE issue_links SET lease_until = $3 WHERE id = $1 AND lease = $2";
        let kept = on_writer!(self, pool => sqlx::query(RENEW).bind(link.0).bind(lease.0.to_string())
            .bind(At(until)).execute(pool).await?.rows_affected());
        Ok(Save::of(kept))
    }

    /// Lets go of a link, if it is still ours.
    pub async fn release_hold(&self, link: LinkId, lease: Lease) -> StoreResult<()> {
        const RELEASE: &str =
            "UPDATE issue_links SET lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2";
        on_writer!(self, pool => sqlx::query(RELEASE).bind(link.0).bind(lease.0.to_string())
            .execute(pool).await?.rows_affected());
        Ok(())
    }

    /// Lets go of all links: for a database that no other process works on. Returns how many.
    pub async fn release_all_holds(&self) -> StoreResult<u64> {
        const RELEASE: &str =
            "UPDATE issue_links SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL";
        const OTHERS: [&str; 3] = [
            "UPDATE milestone_bundles SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL",
            "UPDATE label_links SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL",
            "UPDATE pull_moves SET lease = NULL, lease_until = NULL WHERE lease IS NOT NULL",
        ];
        for release in OTHERS {
            on_writer!(self, pool => sqlx::query(release).execute(pool).await?.rows_affected());
        }
        Ok(on_writer!(self, pool => sqlx::query(RELEASE).execute(pool).await?.rows_affected()))
    }

    /// Writes what a link, its comments and its intents are from now on, in one transaction, if
    /// the link is still ours.
    pub async fn save_link(
        &self,
        link: LinkId,
        lease: Lease,
        update: &LinkUpdate<'_>,
        comments: &[CommentLink],
        intents: &[IntentEnd],
        now: Timestamp,
    ) -> StoreResult<Save> {
        let row = to_json(&[update_row(link, update, now)?])?;
        let comments = comments.iter().map(|c| comment_row(link, c, now));
        let comments = to_json(&comments.collect::<StoreResult<Vec<_>>>()?)?;
        let ends: Vec<_> = intents.iter().map(|end| end_row(end, now)).collect();
        let ends = to_json(&ends)?;
        let token = lease.0.to_string();
        macro_rules! save {
            ($transaction:expr, $dialect:ident) => {{
                let mut transaction = $transaction;
                let fence = sqlx::query(FENCE).bind(link.0).bind(token);
                if fence.execute(&mut *transaction).await?.rows_affected() == 0 {
                    transaction.rollback().await?;
                    return Ok(Save::Lost);
                }
                let before: (String, Option<String>) =
                    sqlx::query_as(REFS).bind(link.0).fetch_one(&mut *transaction).await?;
                if let Some(item) = update.item {
                    let forget = sqlx::query(FORGET_MIRRORS).bind(link.0).bind(item);
                    forget.execute(&mut *transaction).await?;
                }
                for (statement, rows) in
                    [(UPDATE, row), (PUT_COMMENTS, comments), (END_INTENTS, ends)]
                {
                    sqlx::query(statement.$dialect).bind(rows).execute(&mut *transaction).await?;
                }
                let after: (String, Option<String>) =
                    sqlx::query_as(REFS).bind(link.0).fetch_one(&mut *transaction).await?;
                refresh::$dialect(&mut transaction, vec![after.0.clone()], Vec::new()).await?;
                let both: Vec<_> =
                    [Some(after.0), before.1, after.1].into_iter().flatten().collect();
                let revise = sqlx::query(REVISE.$dialect).bind(to_json(&both)?);
                revise.execute(&mut *transaction).await?;
                transaction.commit().await?;
            }};
        }
        let _turn = self.turn().await;
        match &self.database {
            Database::Postgres(pool) => save!(pool.begin().await?, postgres),
            Database::Sqlite { writer, .. } => {
                save!(writer.begin_with("BEGIN IMMEDIATE").await?, sqlite);
            }
        }
        self.tell_changed();
        Ok(Save::Committed)
    }

    /// An issue's link with a project.
    pub async fn link_of_issue(
        &self,
        github_issue: u64,
        plane_project: &str,
    ) -> StoreResult<Option<IssueLink>> {
        const ONE: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM issue_links WHERE github_issue_id = $1 AND plane_project = $2"
        );
        let issue = database_id(github_issue)?;
        let row: Option<Row> = on_reader!(self, pool => sqlx::query_as(ONE).bind(issue)
            .bind(plane_project).fetch_optional(pool).await?);
        row.map(IssueLink::try_from).transpose()
    }

    /// The links of a work item of either side.
    pub async fn links_of(&self, item: &WorkItemRef) -> StoreResult<Vec<IssueLink>> {
        const OF: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM issue_links WHERE github_ref = $1 OR plane_ref = $1 ORDER BY id"
        );
        let rows: Vec<Row> = on_reader!(self, pool => sqlx::query_as(OF).bind(item.as_str())
            .fetch_all(pool).await?);
        rows.into_iter().map(IssueLink::try_from).collect()
    }

    /// The same work item on the other side: one, but for an issue whose repository was moved to
    /// another project.
    pub async fn twins_of(&self, item: &WorkItemRef) -> StoreResult<Vec<WorkItemRef>> {
        const TWINS: &str = "
            SELECT CASE github_ref WHEN $1 THEN plane_ref ELSE github_ref END
            FROM issue_links WHERE plane_ref IS NOT NULL AND (github_ref = $1 OR plane_ref = $1) ORDER BY id DESC";
        let rows: Vec<String> = on_reader!(self, pool => sqlx::query_scalar(TWINS).bind(item.as_str())
            .fetch_all(pool).await?);
        Ok(rows.into_iter().map(WorkItemRef::new).collect())
    }

    /// The links of an issue's comments, by GitHub's id.
    pub async fn comment_links(&self, link: LinkId) -> StoreResult<Vec<CommentLink>> {
        const OF: &str = "
            SELECT github_comment_id, plane_comment_id, markdown_sha256, stored_html, status
            FROM comment_links WHERE issue_link = $1 ORDER BY github_comment_id";
        let rows: Vec<(i64, Option<String>, String, String, String)> = on_reader!(self, pool =>
            sqlx::query_as(OF).bind(link.0).fetch_all(pool).await?);
        rows.into_iter()
            .map(|(comment, mirror, markdown_sha256, stored_html, standing)| {
                Ok(CommentLink {
                    comment: github_id(comment)?,
                    mirror,
                    markdown_sha256,
                    stored_html,
                    standing: standing.parse().map_err(|e| unreadable("comment link", e))?,
                })
            })
            .collect()
    }
}

fn github_ref(issue: u64) -> WorkItemRef {
    WorkItemRef::new(format!("github:{issue}"))
}
