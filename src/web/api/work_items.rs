//! Work items: listed, shown, with their history.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::parameters::{MOST_LIMIT, Parameters, USUAL_LIMIT};
use super::timeline::TimelineEntry;
use super::{Address, Page, cursor, page_of};
use crate::board::Card;
use crate::comments;
use crate::ids::WorkItemRef;
use crate::store::links::IssueLink;
use crate::store::work_items::{WorkItemCursor, WorkItemFilter};
use crate::web::error::{Problem, ProblemBody};
use crate::web::state::WebState;
use crate::work_items;
use chrono::{DateTime, Utc};

/// Entries of an item's timeline that do not say how many, and at most.
const TIMELINE_LIMIT: usize = 1000;
/// Comments of an item, at most.
const COMMENTS_LIMIT: usize = 1000;

/// A work item; the columns of `ops.work_items`.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the columns' names")]
pub(in crate::web) struct WorkItem {
    /// `{system}:{id there}`.
    work_item_ref: String,
    /// `plane` or `github`.
    system: &'static str,
    /// Its id there.
    external_id: String,
    /// The project's id (Plane) or `owner/name` (GitHub).
    project_ref: String,
    /// As written.
    title: String,
    /// The state's name, `unknown` or `deleted`.
    status: String,
    /// The first assignee's name.
    #[schema(required)]
    assignee: Option<String>,
    /// Where a person opens it.
    #[schema(required)]
    url: Option<String>,
    /// The source's own time of this state.
    updated_at: DateTime<Utc>,
    /// `SYNC-12`, `owner/name#12`.
    #[schema(required)]
    key: Option<String>,
    /// `issue` or `pull_request`.
    kind: &'static str,
    /// `backlog`, `unstarted`, `started`, `completed` or `cancelled`.
    #[schema(required)]
    state_group: Option<&'static str>,
    /// In the source's order.
    labels: Vec<Label>,
    /// In the source's order.
    assignees: Vec<Assignee>,
    /// The source's word.
    #[schema(required)]
    priority: Option<String>,
    /// When it was made at the source.
    #[schema(required)]
    created_at: Option<DateTime<Utc>>,
    /// When it came into a completed state.
    #[schema(required)]
    completed_at: Option<DateTime<Utc>>,
    /// When it went.
    #[schema(required)]
    deleted_at: Option<DateTime<Utc>>,
    /// The `work_item_ref` of the item that it became, where it was transferred.
    #[schema(required)]
    moved_to: Option<String>,
    /// When it was last written here.
    ingested_at: DateTime<Utc>,
    /// What is not known of it, in words for people.
    missing: Vec<String>,
}

/// A work item in a list, with how it stands on the board.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct ListedWorkItem {
    #[serde(flatten)]
    item: WorkItem,
    /// The `work_item_ref` of the same item on the other side; null for one without a twin.
    #[schema(required)]
    twin_ref: Option<String>,
    /// The twin’s key.
    #[schema(required)]
    twin_key: Option<String>,
    /// `in_sync`, `pending`, `retry`, `failed`, `conflict`, `unmapped` or `left_out`; null for an item
    /// without a twin and without trouble.
    #[schema(required)]
    health: Option<&'static str>,
    /// Why, in words.
    #[schema(required)]
    health_reason: Option<String>,
}

impl ListedWorkItem {
    fn new(item: work_items::WorkItem, card: Option<&Card>) -> Self {
        let twin = card.and_then(|card| card.sides.iter().find(|side| side.item != item.item));
        let health = card.and_then(|card| card.health.as_ref());
        let reason = health.map(|health| &health.reason).filter(|reason| !reason.is_empty());
        Self {
            twin_ref: twin.map(|twin| twin.item.to_string()),
            twin_key: twin.map(|twin| twin.key.clone()),
            health: health.map(|health| health.state.as_str()),
            health_reason: reason.cloned(),
            item: item.into(),
        }
    }
}

/// A work item with what it is tied to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct WorkItemWithTwins {
    #[serde(flatten)]
    item: WorkItem,
    /// The `work_item_ref` of the same item on the other side, the one linked last first.
    twins: Vec<String>,
    /// How both are kept in step; null for an item that is not linked.
    #[schema(required)]
    sync: Option<Sync>,
}

/// How an item and its twin stand.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Sync {
    /// `pending`, `ok`, `conflict` or `broken`.
    status: &'static str,
    /// When both were last brought in step.
    #[schema(required)]
    synced_at: Option<DateTime<Utc>>,
    /// Why the last attempt failed, where it did.
    #[schema(required)]
    last_error: Option<String>,
}

impl WorkItemWithTwins {
    /// `links` in the order in which they were made.
    fn new(item: work_items::WorkItem, links: &[IssueLink]) -> Self {
        let twins = links.iter().rev().filter_map(|link| link.twin_of(&item.item));
        let sync = links.last().map(|link| Sync {
            status: link.status.as_str(),
            synced_at: link.synced_at,
            last_error: link.last_error.clone(),
        });
        Self { twins: twins.map(|twin| twin.to_string()).collect(), sync, item: item.into() }
    }
}

/// A label.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Label {
    /// Its name.
    name: String,
    /// `#rrggbb`.
    #[schema(required)]
    color: Option<String>,
}

/// Somebody at an item.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web) struct Assignee {
    /// The id at the source.
    id: String,
    /// Null while only the id is known.
    #[schema(required)]
    name: Option<String>,
}

/// A comment on an item.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the columns' names")]
pub(in crate::web) struct Comment {
    /// `{system}:{id there}`.
    comment_ref: String,
    /// The item that it is on.
    work_item_ref: String,
    /// `plane` or `github`.
    system: &'static str,
    /// Its id there.
    external_id: String,
    /// The author's name in the source's words; null for a deleted account.
    #[schema(required)]
    author: Option<String>,
    /// As written.
    body: String,
    /// `markdown` or `html`.
    body_format: &'static str,
    /// Where a person opens it.
    #[schema(required)]
    url: Option<String>,
    /// When it was written.
    #[schema(required)]
    created_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl From<comments::Comment> for Comment {
    fn from(comment: comments::Comment) -> Self {
        let said = comment.said;
        Self {
            comment_ref: said.comment.to_string(),
            work_item_ref: said.item.to_string(),
            system: said.system.as_str(),
            external_id: said.external_id,
            author: said.author,
            body: said.text.text,
            body_format: said.text.format.as_str(),
            url: said.url,
            created_at: said.created_at,
            updated_at: said.updated_at,
        }
    }
}

impl From<work_items::WorkItem> for WorkItem {
    fn from(item: work_items::WorkItem) -> Self {
        let (status, updated_at) = (item.status().to_owned(), item.updated_at());
        let state = item.state.as_ref();
        let label = |l: &work_items::Label| Label { name: l.name.clone(), color: l.color.clone() };
        let assignee = |p: &work_items::Person| Assignee { id: p.id.clone(), name: p.name.clone() };
        Self {
            title: state.map(|s| s.title.clone()).unwrap_or_default(),
            status,
            assignee: state.and_then(|s| s.assignees.first()).and_then(|p| p.name.clone()),
            url: state.and_then(|s| s.url.clone()),
            updated_at,
            key: state.and_then(|s| s.key.clone()),
            kind: state.map_or(work_items::Kind::Issue, |s| s.kind).as_str(),
            state_group: state.and_then(|s| s.state_group).map(work_items::StateGroup::as_str),
            labels: state.map(|s| s.labels.iter().map(label).collect()).unwrap_or_default(),
            assignees: state
                .map(|s| s.assignees.iter().map(assignee).collect())
                .unwrap_or_default(),
            priority: state.and_then(|s| s.priority.clone()),
            created_at: state.and_then(|s| s.created_at),
            completed_at: state.and_then(|s| s.completed_at),
            missing: state.map(|s| s.missing.clone()).unwrap_or_default(),
            work_item_ref: item.item.to_string(),
            system: item.system.as_str(),
            external_id: item.external_id,
            project_ref: item.project_ref,
            deleted_at: item.deleted_at,
            moved_to: item.moved_to.map(|to| to.to_string()),
            ingested_at: item.ingested_at,
        }
    }
}

/// What [`list`] takes; for the documentation, read by [`WorkItemQuery`].
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters, which are read by name")]
pub(in crate::web) struct ListParameters {
    /// `plane` or `github`.
    system: Option<String>,
    /// The project's id or `owner/name`.
    project: Option<String>,
    /// The exact name of the state; `deleted` for items that are gone, which are left out otherwise.
    status: Option<String>,
    /// `backlog`, `unstarted`, `started`, `completed` or `cancelled`.
    state_group: Option<String>,
    /// The exact name of one of the assignees.
    assignee: Option<String>,
    /// The exact name of one of the labels.
    label: Option<String>,
    /// Part of the title or the key, whatever the case.
    q: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items on the page, 1 to 200; 50 if not given.
    limit: Option<u32>,
}

const LIST_PARAMETERS: &str =
    "system, project, status, state_group, assignee, label, q, cursor, limit";

struct WorkItemQuery {
    filter: WorkItemFilter,
    after: Option<WorkItemCursor>,
    limit: usize,
}

impl WorkItemQuery {
    fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut given = Parameters::parse(query)?;
        let filter = WorkItemFilter {
            system: given.word("system")?,
            project: given.text("project")?,
            status: given.text("status")?,
            state_group: given.word("state_group")?,
            assignee: given.text("assignee")?,
            label: given.text("label")?,
            q: given.text("q")?,
        };
        let cursor = given.cursor()?;
        let after = cursor
            .map(|(updated_at, item)| WorkItemCursor { updated_at, item: WorkItemRef::new(item) });
        let limit = given.limit(USUAL_LIMIT, MOST_LIMIT)?;
        given.finish(LIST_PARAMETERS)?;
        Ok(Self { filter, after, limit })
    }
}

/// Work items, newest `updated_at` first.
#[utoipa::path(
    get,
    path = "/api/v1/work-items",
    tag = "work items",
    operation_id = "listWorkItems",
    params(ListParameters),
    responses(
        (status = 200, description = "One page.", body = Page<ListedWorkItem>),
        (status = 400, description = "A parameter is not known or can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(
    State(state): State<WebState>,
    uri: Uri,
) -> Result<Json<Page<ListedWorkItem>>, Problem> {
    let query = WorkItemQuery::read(uri.query())?;
    let one_more = i64::try_from(query.limit + 1).unwrap_or(i64::MAX);
    let items = state.store.work_items(&query.filter, query.after.as_ref(), one_more).await?;
    let refs: Vec<&WorkItemRef> = items.iter().map(|item| &item.item).collect();
    let cards = state.store.cards_of(&refs).await?;
    let cursor = |i: &work_items::WorkItem| cursor::encode(i.updated_at(), i.item.as_str());
    let listed = |item: work_items::WorkItem| {
        let card = cards.get(&item.item);
        ListedWorkItem::new(item, card)
    };
    Ok(Json(page_of(items, query.limit, cursor, listed)))
}

/// One work item, deleted or not.
#[utoipa::path(
    get,
    path = "/api/v1/work-items/{ref}",
    tag = "work items",
    operation_id = "showWorkItem",
    params(("ref" = String, Path, description = "Its `work_item_ref`.")),
    responses(
        (status = 200, description = "The item.", body = WorkItemWithTwins),
        (status = 404, description = "There is no such item.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn show(
    State(state): State<WebState>,
    Address(item): Address<WorkItemRef>,
    uri: Uri,
) -> Result<Json<WorkItemWithTwins>, Problem> {
    Parameters::parse(uri.query())?.finish("none")?;
    let known = known(&state, &item).await?;
    let links = state.store.links_of(&item).await?;
    Ok(Json(WorkItemWithTwins::new(known, &links)))
}

/// What happened to an item, newest first, with what was written to either side because of it.
#[utoipa::path(
    get,
    path = "/api/v1/work-items/{ref}/timeline",
    tag = "work items",
    operation_id = "showTimeline",
    params(
        ("ref" = String, Path, description = "Its `work_item_ref`."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, description = "Entries, 1 to 1000; 200 if not given."),
    ),
    responses(
        (status = 200, description = "One page.", body = Page<TimelineEntry>),
        (status = 400, description = "A parameter is not known or can’t be read.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such item.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn timeline(
    State(state): State<WebState>,
    Address(item): Address<WorkItemRef>,
    uri: Uri,
) -> Result<Json<Page<TimelineEntry>>, Problem> {
    let mut given = Parameters::parse(uri.query())?;
    let limit = given.limit(MOST_LIMIT, TIMELINE_LIMIT)?;
    let after = given.cursor()?.map(|(_, place)| place.parse::<i64>()).transpose();
    let after = after.map_err(|_| {
        Problem::bad_parameter("cursor", "expected the next_cursor of the page before, unchanged")
    })?;
    given.finish("limit, cursor")?;
    known(&state, &item).await?;
    let one_more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let items = [item];
    let mut found = state.store.history(&items, after, one_more).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|(place, entry)| cursor::encode(entry.at, &place.to_string()));
    let entries: Vec<_> = found.into_iter().map(|(_, entry)| entry).collect();
    let writes = state.store.writes_beside(&items, &entries, None).await?;
    let writes = crate::timeline::writes_of_each(&entries, writes);
    let items = entries.into_iter().zip(writes);
    let items = items.map(|(entry, writes)| TimelineEntry::from(entry).with(writes)).collect();
    Ok(Json(Page { items, next_cursor }))
}

/// The comments on an item that are not deleted, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/work-items/{ref}/comments",
    tag = "work items",
    operation_id = "listComments",
    description = "Comments are not paged: `next_cursor` is always null, `limit` takes up to 1000.",
    params(
        ("ref" = String, Path, description = "Its `work_item_ref`."),
        ("limit" = Option<u32>, Query, description = "Comments, 1 to 1000; 1000 if not given."),
    ),
    responses(
        (status = 200, description = "The oldest comments.", body = Page<Comment>),
        (status = 404, description = "There is no such item.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn comments(
    State(state): State<WebState>,
    Address(item): Address<WorkItemRef>,
    uri: Uri,
) -> Result<Json<Page<Comment>>, Problem> {
    let mut given = Parameters::parse(uri.query())?;
    let limit = given.limit(COMMENTS_LIMIT, COMMENTS_LIMIT)?;
    given.finish("limit")?;
    known(&state, &item).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let comments = state.store.item_comments(&item, limit).await?;
    Ok(Json(Page { items: comments.into_iter().map(Comment::from).collect(), next_cursor: None }))
}

async fn known(state: &WebState, item: &WorkItemRef) -> Result<work_items::WorkItem, Problem> {
    let unknown =
        || Problem::not_found("No work item has this reference; /api/v1/work-items lists them.");
    state.store.work_item(item).await?.ok_or_else(unknown)
}
