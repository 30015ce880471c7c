//! `jetbridge work-items`: look at items and what happened to them.

use std::borrow::Cow;

use serde::Serialize;

use super::arguments::{Format, WorkItemShowArguments, WorkItemsListArguments};
use super::deliveries::history;
use super::table::{Table, fields, moment, printable};
use super::{Context, Failed, output};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::store::Store;
use crate::store::links::IssueLink;
use crate::store::work_items::WorkItemFilter;
use crate::sync::plan::LinkStatus;
use crate::timeline::TimelineEntry;
use crate::work_items::{DELETED, Kind, Label, Person, StateGroup, System, WorkItem};

/// How many items are looked through for a key.
const KEY_CANDIDATES: i64 = 200;

/// An item as programs read it, with the columns' names.
#[derive(Serialize)]
struct WorkItemJson<'a> {
    work_item_ref: &'a WorkItemRef,
    system: System,
    external_id: &'a str,
    project_ref: &'a str,
    key: Option<&'a str>,
    kind: Option<Kind>,
    title: &'a str,
    status: &'a str,
    state_group: Option<StateGroup>,
    assignee: Option<&'a str>,
    assignees: &'a [Person],
    labels: &'a [Label],
    priority: Option<&'a str>,
    url: Option<&'a str>,
    created_at: Option<Timestamp>,
    updated_at: Timestamp,
    completed_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    moved_to: Option<&'a str>,
    ingested_at: Timestamp,
    missing: &'a [String],
}

impl<'a> WorkItemJson<'a> {
    fn of(item: &'a WorkItem) -> Self {
        let state = item.state.as_ref();
        Self {
            work_item_ref: &item.item,
            system: item.system,
            external_id: &item.external_id,
            project_ref: &item.project_ref,
            key: state.and_then(|s| s.key.as_deref()),
            kind: state.map(|s| s.kind),
            title: title(item),
            status: item.status(),
            state_group: state.and_then(|s| s.state_group),
            assignee: assignee(item),
            assignees: state.map_or(&[], |s| &s.assignees),
            labels: state.map_or(&[], |s| &s.labels),
            priority: state.and_then(|s| s.priority.as_deref()),
            url: state.and_then(|s| s.url.as_deref()),
            created_at: state.and_then(|s| s.created_at),
            updated_at: item.updated_at(),
            completed_at: state.and_then(|s| s.completed_at),
            deleted_at: item.deleted_at,
            moved_to: item.moved_to.as_ref().map(WorkItemRef::as_str),
            ingested_at: item.ingested_at,
            missing: state.map_or(&[], |s| &s.missing),
        }
    }
}

/// What an item is tied to.
#[derive(Default, Serialize)]
struct Ties {
    /// The same item on the other side, the one linked last first.
    twins: Vec<WorkItemRef>,
    sync: Option<Sync>,
}

#[derive(Serialize)]
struct Sync {
    status: LinkStatus,
    synced_at: Option<Timestamp>,
    last_error: Option<String>,
}

impl Ties {
    /// `links` in the order in which they were made.
    fn of(item: &WorkItem, links: &[IssueLink]) -> Self {
        let sync = links.last().map(|link| Sync {
            status: link.status,
            synced_at: link.synced_at,
            last_error: link.last_error.clone(),
        });
        let twins = links.iter().rev().filter_map(|link| link.twin_of(&item.item)).collect();
        Self { twins, sync }
    }
}

fn title(item: &WorkItem) -> &str {
    item.state.as_ref().map_or("", |s| &s.title)
}

fn assignee(item: &WorkItem) -> Option<&str> {
    let first = item.state.as_ref()?.assignees.first()?;
    Some(first.name.as_deref().unwrap_or(&first.id))
}

/// What people call it: the key, or the reference where no key is known.
fn name(item: &WorkItem) -> &str {
    let key = item.state.as_ref().and_then(|s| s.key.as_deref());
    key.unwrap_or_else(|| item.item.as_str())
}

/// `work-items list`.
pub(super) async fn list(
    arguments: &WorkItemsListArguments,
    context: &Context,
) -> Result<(), Failed> {
    let filter = WorkItemFilter {
        system: arguments.system,
        project: arguments.project.clone(),
        status: arguments.status.clone(),
        state_group: arguments.state_group,
        assignee: arguments.assignee.clone(),
        label: arguments.label.clone(),
        q: arguments.q.clone(),
    };
    let store = context.open_store().await?;
    // One more than asked for tells whether there are more.
    let mut found = store.work_items(&filter, None, arguments.limit + 1).await?;
    store.close().await;
    let asked = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let truncated = found.len() > asked;
    found.truncate(asked);
    match arguments.listing.format() {
        Format::Json => {
            #[derive(Serialize)]
            struct Page<'a> {
                items: Vec<WorkItemJson<'a>>,
                truncated: bool,
            }
            let items = found.iter().map(WorkItemJson::of).collect();
            output::print_json(&Page { items, truncated })
        }
        Format::Table => {
            output::print(&table(&found))?;
            if truncated {
                let line = format!("only the last changed {asked} are shown: --limit shows more");
                output::complain(&line);
            }
            Ok(())
        }
    }
}

fn table(items: &[WorkItem]) -> String {
    let mut table = Table::new(["ITEM", "STATUS", "GROUP", "ASSIGNEE", "UPDATED", "TITLE"]);
    for item in items {
        let group = item.state.as_ref().and_then(|s| s.state_group);
        table.row([
            name(item).into(),
            item.status().into(),
            group.map_or("", StateGroup::as_str).into(),
            assignee(item).unwrap_or_default().into(),
            moment(item.updated_at()),
            title(item).into(),
        ]);
    }
    table.render()
}

/// `work-items show`.
pub(super) async fn show(
    arguments: &WorkItemShowArguments,
    context: &Context,
) -> Result<(), Failed> {
    let store = context.open_store().await?;
    let Some(item) = find(&store, &arguments.item).await? else {
        return Err(Failed::Operation(format!(
            "there is no work item {}: jetbridge work-items list shows those there are",
            printable(&arguments.item)
        )));
    };
    let timeline = store.item_timeline(&item.item, arguments.limit).await?;
    let ties = Ties::of(&item, &store.links_of(&item.item).await?);
    store.close().await;
    match arguments.listing.format() {
        Format::Json => {
            #[derive(Serialize)]
            struct Whole<'a> {
                #[serde(flatten)]
                item: WorkItemJson<'a>,
                #[serde(flatten)]
                ties: &'a Ties,
                timeline: &'a [TimelineEntry],
            }
            let item = WorkItemJson::of(&item);
            output::print_json(&Whole { item, ties: &ties, timeline: &timeline })
        }
        Format::Table => output::print(&page(&item, &ties, &timeline)),
    }
}

/// By reference (`plane:…`), otherwise by key, whatever its case; deleted ones too.
async fn find(store: &Store, text: &str) -> Result<Option<WorkItem>, Failed> {
    if text.split_once(':').is_some_and(|(system, _)| system.parse::<System>().is_ok()) {
        return Ok(store.work_item(&WorkItemRef::new(text)).await?);
    }
    for status in [None, Some(DELETED.to_owned())] {
        let q = Some(text.to_owned());
        let filter = WorkItemFilter { status, q, ..WorkItemFilter::default() };
        let found = store.work_items(&filter, None, KEY_CANDIDATES).await?;
        let same = |item: &WorkItem| name(item).eq_ignore_ascii_case(text);
        if let Some(item) = found.into_iter().find(same) {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

fn page(item: &WorkItem, ties: &Ties, timeline: &[TimelineEntry]) -> String {
    let list = |names: Vec<&str>| (!names.is_empty()).then(|| names.join(", ").into());
    let state = item.state.as_ref();
    let text = |value: Option<&'_ String>| value.cloned().map(Cow::from);
    let people: &[Person] = state.map_or(&[], |s| &s.assignees);
    let labels: &[Label] = state.map_or(&[], |s| &s.labels);
    let missing: &[String] = state.map_or(&[], |s| &s.missing);
    let mut page = fields(&[
        ("item", Some(item.item.as_str().into())),
        ("key", text(state.and_then(|s| s.key.as_ref()))),
        ("title", Some(title(item).into())),
        ("status", Some(item.status().into())),
        ("group", state.and_then(|s| s.state_group).map(|g| g.as_str().into())),
        ("kind", state.map(|s| s.kind.as_str().into())),
        ("project", Some(item.project_ref.as_str().into())),
        ("assignees", list(people.iter().map(|p| p.name.as_deref().unwrap_or(&p.id)).collect())),
        ("labels", list(labels.iter().map(|l| l.name.as_str()).collect())),
        ("priority", text(state.and_then(|s| s.priority.as_ref()))),
        ("url", text(state.and_then(|s| s.url.as_ref()))),
        ("created", state.and_then(|s| s.created_at).map(moment)),
        ("updated", Some(moment(item.updated_at()))),
        ("completed", state.and_then(|s| s.completed_at).map(moment)),
        ("deleted", item.deleted_at.map(moment)),
        ("moved to", item.moved_to.as_ref().map(|to| to.as_str().into())),
        ("ingested", Some(moment(item.ingested_at))),
        ("twins", list(ties.twins.iter().map(WorkItemRef::as_str).collect())),
        ("sync", ties.sync.as_ref().map(|sync| sync.status.as_str().into())),
        ("in step", ties.sync.as_ref().and_then(|sync| sync.synced_at).map(moment)),
        ("sync error", text(ties.sync.as_ref().and_then(|sync| sync.last_error.as_ref()))),
        ("missing", list(missing.iter().map(String::as_str).collect())),
    ]);
    if !timeline.is_empty() {
        page += "\n";
        page += &history(timeline);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone() -> WorkItem {
        WorkItem {
            item: WorkItemRef::new("plane:1"),
            system: System::Plane,
            external_id: "1".to_owned(),
            project_ref: String::new(),
            state: None,
            deleted_at: Some("2026-11-22T00:44:16Z".parse().unwrap()),
            moved_to: None,
            ingested_at: "2026-11-22T00:45:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn an_item_that_was_only_ever_gone_can_be_listed() {
        let line = "plane:1  deleted                   2026-11-22 00:44:16Z";
        assert_eq!(table(&[gone()]).lines().nth(1), Some(line));
        let json = serde_json::to_value(WorkItemJson::of(&gone())).unwrap();
        assert_eq!(json["status"], "deleted");
        assert_eq!(json["title"], "");
    }

    #[test]
    fn a_page_leaves_out_what_is_not_known() {
        let page = page(&gone(), &Ties::default(), &[]);
        assert!(page.contains("status    deleted\n"), "{page}");
        assert!(!page.contains("assignees"), "{page}");
    }
}
