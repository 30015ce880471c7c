//! The board: every item that is not deleted, in columns by state group.
//!
//! Each column is read by itself, so that a long one hides no other. The page works as a form and
//! links; the script only fetches it again.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};

use super::query::{Params, Picker};
use super::spans;
use super::{Caller, Frame, Mark, Problem, Section, WebState, group_icon, render, welcome};
use crate::board::{Board, Card, Column, Columns, Freshness, board, group_name};
use crate::clock::Timestamp;
use crate::store::work_items::{WorkItemChoices, WorkItemFilter};
use crate::store::{Store, StoreResult};
use crate::work_items::{StateGroup, System, WorkItem};

/// Cards of one column among others.
const CARDS: i64 = 50;
/// Cards of a column alone.
const CARDS_ALONE: i64 = 200;
/// `state_group` of the column of items whose group is not known.
const NO_GROUP: &str = "none";
const FILTERS: [&str; 6] = ["q", "system", "project", "state_group", "assignee", "label"];

#[derive(Template)]
#[template(path = "boards.html")]
struct BoardPage {
    frame: Frame,
    board: Board,
    params: Params,
    pickers: Vec<Picker>,
    q: String,
    now: Timestamp,
}

impl BoardPage {
    fn more_link(&self, column: &Column) -> String {
        let group = column.group.map_or(NO_GROUP, StateGroup::as_str);
        self.params.link("/boards", &[("state_group", Some(group))])
    }

    fn filtered(&self) -> bool {
        self.params.any(&FILTERS)
    }

    fn columns_class(&self) -> &'static str {
        match self.board.columns.len() {
            1 => "columns columns-1",
            6 => "columns columns-6",
            _ => "columns",
        }
    }

    fn mark(card: &Card) -> Mark {
        card.system.into()
    }

    fn icon(column: &Column) -> &'static str {
        group_icon(column.group)
    }

    fn card_class(column: &Column) -> &'static str {
        if column.group == Some(StateGroup::Cancelled) { "card card-muted" } else { "card" }
    }

    fn empty_hint(&self, column: &Column) -> &'static str {
        match column.group {
            _ if self.filtered() => "No item matches the filter",
            Some(StateGroup::Backlog) => "What nobody has planned yet would stand here",
            Some(StateGroup::Unstarted) => "What is planned and not begun would stand here",
            Some(StateGroup::Started) => "What somebody is working on would stand here",
            Some(StateGroup::Completed) => "What is finished would stand here",
            Some(StateGroup::Cancelled) => "What will not be done would stand here",
            None => "Items whose state is not known would stand here",
        }
    }

    fn is_stale(card: &Card) -> bool {
        card.freshness == Freshness::Stale
    }
}

/// `GET /boards`.
pub(super) async fn show(
    State(web): State<WebState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let params = Params::read(query.as_deref())?;
    let (filter, columns) = asked_for(&params)?;
    let now = web.clock.now();
    let counts = web.store.count_by_state_group(&filter).await?;
    if counts.is_empty() && !params.any(&FILTERS) && welcome::nothing_is_stored(&web).await? {
        return Ok(welcome::show(&web, caller).await?.into_response());
    }
    let items = read_items(&web.store, &filter, columns).await?;
    let page = BoardPage {
        frame: Frame::read(&web, Section::Boards, caller).await?,
        board: board(columns, items, &counts, now),
        pickers: pickers(&params, web.store.work_item_choices().await?),
        q: params.text("q").unwrap_or_default(),
        params,
        now,
    };
    Ok(render(&page)?.into_response())
}

fn asked_for(params: &Params) -> Result<(WorkItemFilter, Columns), Problem> {
    let only = match params.text("state_group").as_deref() {
        None => Columns::All,
        Some(NO_GROUP) => Columns::Only(None),
        Some(_) => Columns::Only(params.word("state_group")?),
    };
    let filter = WorkItemFilter {
        system: params.word("system")?,
        project: params.text("project"),
        status: None,
        state_group: match only {
            Columns::All => None,
            Columns::Only(group) => group,
        },
        assignee: params.text("assignee"),
        label: params.text("label"),
        q: params.text("q"),
    };
    Ok((filter, only))
}

async fn read_items(
    store: &Store,
    filter: &WorkItemFilter,
    columns: Columns,
) -> StoreResult<Vec<WorkItem>> {
    match columns {
        Columns::Only(Some(_)) => store.work_items(filter, None, CARDS_ALONE).await,
        Columns::Only(None) => store.work_items_without_group(filter, CARDS_ALONE).await,
        Columns::All => {
            let mut items = store.work_items_without_group(filter, CARDS).await?;
            for &group in StateGroup::ALL {
                let of_group = WorkItemFilter { state_group: Some(group), ..filter.clone() };
                items.extend(store.work_items(&of_group, None, CARDS).await?);
            }
            Ok(items)
        }
    }
}

fn pickers(params: &Params, choices: WorkItemChoices) -> Vec<Picker> {
    let same = |names: Vec<String>| names.into_iter().map(|name| (name.clone(), name));
    let systems = System::ALL
        .iter()
        .map(|&system| (system.as_str().to_owned(), Mark::from(system).name.to_owned()));
    let groups = StateGroup::ALL
        .iter()
        .map(|&group| (group.as_str().to_owned(), group_name(Some(group)).to_owned()))
        .chain([(NO_GROUP.to_owned(), group_name(None).to_owned())]);
    let projects = choices.projects.into_iter().map(|(project, key)| {
        let name = project_name(&project, key.as_deref());
        (project, name)
    });
    vec![
        Picker::new("system", "System", "Any system", systems, params),
        Picker::new("project", "Project", "Any project", projects, params),
        Picker::new("state_group", "State", "Any state", groups, params),
        Picker::new("assignee", "Assignee", "Anyone", same(choices.assignees), params),
        Picker::new("label", "Label", "Any label", same(choices.labels), params),
    ]
}

/// `SYNC` where a key tells it, else the beginning of the id; `owner/name` as it is.
fn project_name(project: &str, key: Option<&str>) -> String {
    match key.and_then(|key| key.rsplit_once('-')) {
        Some((name, _)) if !project.contains('/') => name.to_owned(),
        _ if project.contains('/') => project.to_owned(),
        _ if project.is_empty() => "(no project)".to_owned(),
        _ => project.chars().take(8).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::project_name;

    #[test]
    fn a_project_is_called_by_its_key_its_repository_or_the_beginning_of_its_id() {
        assert_eq!(project_name("ce59f358-8bb1", Some("MY-SYNC-12")), "MY-SYNC");
        assert_eq!(project_name("octo/api", Some("octo/api#12")), "octo/api");
        assert_eq!(project_name("ce59f358-8bb1", None), "ce59f358");
    }
}
