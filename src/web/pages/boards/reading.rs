//! From what the address asks for to columns and lanes. Everything read is capped: cards of a
//! cell, lanes, and what is counted.

use super::asked::{Asked, ColumnsBy, LanesBy, NOBODY};
use super::names::ProjectNames;
use crate::board::{
    Cell, Column, ColumnKey, Count, Lane, Meter, keep_each_once, take_common_missing,
};
use crate::store::cards::read::{CardFilter, LaneFilter, LaneKind};
use crate::store::directory::EntryKind;
use crate::store::{Store, StoreResult};
use crate::work_items::StateGroup;

/// Cards of one cell among others.
const CARDS: i64 = 25;
/// The same where there are lanes.
const CARDS_IN_LANE: i64 = 10;
/// Cards of a column alone.
const CARDS_ALONE: i64 = 50;
/// Lanes that are shown open.
const OPEN_LANES: usize = 3;
/// Lanes at most.
const LANES: usize = 60;
/// Columns of a project's own states at most.
const STATES: usize = 30;

/// The board as it is read.
pub(super) struct Read {
    pub(super) columns: Vec<Column>,
    pub(super) lanes: Vec<Lane>,
    /// What no card has.
    pub(super) missing: Vec<String>,
    /// Whether there are more lanes than are shown.
    pub(super) more_lanes: bool,
}

impl Read {
    pub(super) fn total(&self) -> Count {
        self.columns.iter().fold(Count::default(), |sum, column| sum + column.total)
    }
}

/// Reads columns, lanes and cards; the counts of `views` come along.
pub(super) async fn read(
    store: &Store,
    asked: &Asked,
    names: &ProjectNames,
    views: &[CardFilter],
) -> StoreResult<(Read, Vec<Count>)> {
    let keys: Vec<ColumnKey> =
        keys(store, asked, names).await?.into_iter().filter(|key| asked.wants(key)).collect();
    let mut filters: Vec<CardFilter> = keys.iter().map(|key| asked.in_column(key)).collect();
    filters.extend_from_slice(views);
    let mut counts = store.count_cards(&filters).await?;
    let views = counts.split_off(keys.len());
    let limits = store.board_limits(&scope(asked)).await?;
    let column = |(key, total): (ColumnKey, Count)| Column {
        meter: limits.get(&key.slug()).map(|limit| Meter::of(total, *limit)),
        key,
        total,
    };
    let mut columns: Vec<Column> = keys.into_iter().zip(counts).map(column).collect();
    columns.retain(|column| is_shown(column, asked));
    let mut read = Read { columns, lanes: Vec::new(), missing: Vec::new(), more_lanes: false };
    match asked.lanes {
        LanesBy::Project | LanesBy::Assignee if asked.lane.is_none() => {
            lanes(store, asked, names, &mut read).await?;
        }
        _ => {
            let cards = if asked.wants_one_column() { CARDS_ALONE } else { CARDS };
            let totals = read.columns.iter().map(|column| column.total).collect();
            let cells = cells(store, asked, &read.columns, cards).await?;
            read.lanes = vec![Lane { key: None, name: String::new(), totals, cells }];
        }
    }
    keep_each_once(&mut read.lanes);
    read.missing = take_common_missing(&mut read.lanes);
    Ok((read, views))
}

/// Whose limits they are: those over all projects, or a project's own.
pub(super) fn scope(asked: &Asked) -> String {
    match (asked.columns, asked.filter.projects.first()) {
        (ColumnsBy::State, Some(project)) => project.clone(),
        _ => String::new(),
    }
}

/// The five groups always, everything else only with cards in it, or where it alone was asked for.
fn is_shown(column: &Column, asked: &Asked) -> bool {
    match &column.key {
        ColumnKey::Group(Some(_)) => true,
        ColumnKey::Group(None) => column.total.0 > 0 || asked.wants_one_column(),
        ColumnKey::State { group, .. } => column.total.0 > 0 || group.is_some(),
    }
}

/// All columns in their order.
async fn keys(store: &Store, asked: &Asked, names: &ProjectNames) -> StoreResult<Vec<ColumnKey>> {
    let Some(project) = asked.filter.projects.first().filter(|_| asked.columns == ColumnsBy::State)
    else {
        return Ok(ColumnKey::groups());
    };
    let homes = [Some(project.as_str()), names.project_of(project)];
    let mut states: Vec<(Option<StateGroup>, String)> = Vec::new();
    for home in homes.into_iter().flatten() {
        for entry in store.directory_of(EntryKind::State, home).await? {
            let text = |field: &str| entry[field].as_str().unwrap_or_default();
            // Plane's intake has a group of its own and stands with the backlog.
            let group = text("group").parse().ok().or(Some(StateGroup::Backlog));
            states.push((group, text("name").to_owned()));
        }
        states.extend(store.states_in_use(home).await?);
    }
    let place = |group: Option<StateGroup>| {
        StateGroup::ALL.iter().position(|g| Some(*g) == group).unwrap_or(usize::MAX)
    };
    states.sort_by(|a, b| (place(a.0), &a.1).cmp(&(place(b.0), &b.1)));
    states.dedup();
    states.truncate(STATES);
    Ok(states.into_iter().map(|(group, name)| ColumnKey::State { name, group }).collect())
}

async fn cells(
    store: &Store,
    asked: &Asked,
    columns: &[Column],
    cards: i64,
) -> StoreResult<Vec<Cell>> {
    let mut cells = Vec::with_capacity(columns.len());
    for column in columns {
        let cards = match column.total.0 {
            0 => Vec::new(),
            _ => store.cards(&asked.in_column(&column.key), asked.after.as_ref(), cards).await?,
        };
        cells.push(Cell { cards, total: column.total });
    }
    Ok(cells)
}

/// The lanes in which something stands under the filter, each with the key and the name of its head:
/// nobody's first, the others by name.
async fn used(
    store: &Store,
    asked: &Asked,
    names: &ProjectNames,
) -> StoreResult<Vec<(String, String)>> {
    let kind = match asked.lanes {
        LanesBy::Nothing => return Ok(Vec::new()),
        LanesBy::Project => LaneKind::Project,
        LanesBy::Assignee => LaneKind::Assignee,
    };
    let filter =
        CardFilter { group: asked.group, status: asked.state.clone(), ..asked.filter.clone() };
    let lane = |lane| match lane {
        LaneFilter::Project(home) => (names.of(&home).text(), home),
        LaneFilter::Assignee(Some(name)) => (name.clone(), name),
        LaneFilter::Assignee(None) => ("Nobody".to_owned(), NOBODY.to_owned()),
    };
    let used = store.lanes_in_use(kind, &filter).await?;
    let mut used: Vec<_> = used.into_iter().map(lane).map(|(name, key)| (key, name)).collect();
    used.sort_by_cached_key(|(key, name)| (key != NOBODY, name.to_lowercase(), key.clone()));
    Ok(used)
}

async fn lanes(
    store: &Store,
    asked: &Asked,
    names: &ProjectNames,
    read: &mut Read,
) -> StoreResult<()> {
    let mut used = used(store, asked, names).await?;
    read.more_lanes = used.len() > LANES;
    used.truncate(LANES);
    let in_lane = |key: &str, column: &Column| CardFilter {
        lane: super::asked::lane(asked.lanes, key),
        ..asked.in_column(&column.key)
    };
    let filters: Vec<CardFilter> = used
        .iter()
        .flat_map(|(key, _)| read.columns.iter().map(|column| in_lane(key, column)))
        .collect();
    let counts = store.count_cards(&filters).await?;
    let width = read.columns.len().max(1);
    for ((key, name), totals) in used.into_iter().zip(counts.chunks(width)) {
        if totals.iter().all(|total| total.0 == 0) {
            continue;
        }
        let mut lane = Lane { key: Some(key), name, totals: totals.to_vec(), cells: Vec::new() };
        let key = lane.key.as_deref().unwrap_or_default();
        if read.lanes.len() < OPEN_LANES || asked.open.iter().any(|open| open == key) {
            for (column, total) in read.columns.iter().zip(totals) {
                let cards = match total.0 {
                    0 => Vec::new(),
                    _ => store.cards(&in_lane(key, column), None, CARDS_IN_LANE).await?,
                };
                lane.cells.push(Cell { cards, total: *total });
            }
        }
        read.lanes.push(lane);
    }
    Ok(())
}
