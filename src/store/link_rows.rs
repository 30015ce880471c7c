//! How a link and its comments stand in their rows.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;

use super::links::{IssueLink, LinkId, LinkKey, LinkUpdate};
use super::time::{At, to_text};
use super::{StoreError, StoreResult, unreadable};
use crate::clock::Timestamp;
use crate::sync::plan::{Base, CommentLink, CommentStanding, LinkStatus};

#[derive(Serialize)]
pub(super) struct UpdateRow<'a> {
    id: i64,
    item: Option<&'a str>,
    plane_ref: Option<String>,
    base: &'a Base,
    markdown: Option<String>,
    github_updated_at: Option<String>,
    github_arrival: Option<i64>,
    github_parent_id: Option<i64>,
    status: &'static str,
    last_error: Option<&'a str>,
    synced_at: Option<String>,
}

#[derive(Serialize)]
pub(super) struct CommentRow<'a> {
    issue_link: i64,
    github_comment_id: i64,
    plane_comment_id: Option<&'a str>,
    status: &'static str,
    markdown_sha256: &'a str,
    stored_html: &'a str,
    synced_at: String,
    deleted_at: Option<String>,
}

#[derive(FromRow)]
pub(super) struct Row {
    id: i64,
    repository: String,
    github_issue_id: i64,
    github_number: i64,
    github_updated_at: Option<At>,
    github_arrival: Option<i64>,
    plane_project: String,
    plane_workspace: Option<String>,
    plane_item_id: Option<String>,
    status: String,
    last_error: Option<String>,
    base: Option<Json<Base>>,
    markdown: Option<String>,
    pub(super) revision: i64,
    synced_at: Option<At>,
    placed_by: Option<String>,
    wanted_project: Option<String>,
}

macro_rules! columns {
    () => {
        "id, repository, github_issue_id, github_number, github_updated_at, github_arrival, plane_project, plane_workspace, \
         plane_item_id, status, last_error, base, markdown, revision, synced_at, placed_by, wanted_project"
    };
}

pub(super) use columns;

impl TryFrom<Row> for IssueLink {
    type Error = StoreError;
    fn try_from(row: Row) -> StoreResult<Self> {
        Ok(Self {
            id: LinkId(row.id),
            key: LinkKey {
                repository: row.repository,
                github_issue: github_id(row.github_issue_id)?,
                number: github_id(row.github_number)?,
                plane_project: row.plane_project,
                plane_workspace: row
                    .plane_workspace
                    .map(|slug| slug.parse().map_err(|e| unreadable("plane_workspace", e)))
                    .transpose()?,
            },
            github_updated_at: row.github_updated_at.map(|At(at)| at),
            github_arrival: row.github_arrival,
            item: row.plane_item_id,
            base: row.base.map(|Json(base)| base).unwrap_or_default(),
            markdown: row.markdown,
            status: row.status.parse().map_err(|e| unreadable("link", e))?,
            last_error: row.last_error,
            revision: row.revision,
            synced_at: row.synced_at.map(|At(at)| at),
            placed_by: row.placed_by,
            wanted_project: row.wanted_project,
        })
    }
}

pub(super) fn update_row<'a>(
    link: LinkId,
    update: &LinkUpdate<'a>,
    now: Timestamp,
) -> StoreResult<UpdateRow<'a>> {
    let parent = update.base.parent.told.as_ref();
    Ok(UpdateRow {
        id: link.0,
        item: update.item,
        plane_ref: update.item.map(|item| format!("plane:{item}")),
        base: update.base,
        // As CommonMark says, and PostgreSQL takes no such character.
        markdown: update.markdown.map(|text| text.replace('\0', "\u{fffd}")),
        github_updated_at: update.github_updated_at.map(to_text),
        github_arrival: update.github_arrival,
        github_parent_id: parent.map(|parent| database_id(parent.id)).transpose()?,
        status: update.status.as_str(),
        last_error: update.last_error,
        synced_at: (update.status == LinkStatus::Ok && update.last_error.is_none())
            .then(|| to_text(now)),
    })
}

pub(super) fn comment_row(
    link: LinkId,
    comment: &CommentLink,
    now: Timestamp,
) -> StoreResult<CommentRow<'_>> {
    let deleted = comment.standing == CommentStanding::Deleted;
    Ok(CommentRow {
        issue_link: link.0,
        github_comment_id: database_id(comment.comment)?,
        plane_comment_id: comment.mirror.as_deref(),
        status: comment.standing.as_str(),
        markdown_sha256: &comment.markdown_sha256,
        stored_html: &comment.stored_html,
        synced_at: to_text(now),
        deleted_at: deleted.then(|| to_text(now)),
    })
}

pub(super) fn database_id(id: u64) -> StoreResult<i64> {
    i64::try_from(id).map_err(|e| unreadable("GitHub id", e))
}

pub(super) fn github_id(id: i64) -> StoreResult<u64> {
    u64::try_from(id).map_err(|e| unreadable("GitHub id", e))
}
