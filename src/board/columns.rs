//! The frame around the cards: columns with their counts and limits, lanes, and what is said once
//! for all cards.

use serde::Serialize;

use super::card::Card;
use super::words::group_name;
use crate::clock::Timestamp;
use crate::work_items::StateGroup;

/// What is counted one by one; beyond that it is only said that there are more.
pub const COUNTED: i64 = 1_000;

/// Which column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum ColumnKey {
    /// A group of states over everything; `None` where an item's group is not known.
    Group(Option<StateGroup>),
    /// One of a project's own states, by name.
    State {
        /// What the project calls it.
        name: String,
        /// Its group, for the icon.
        group: Option<StateGroup>,
    },
}

impl ColumnKey {
    /// The five groups and the items without one.
    pub fn groups() -> Vec<Self> {
        StateGroup::ALL.iter().copied().map(Some).chain([None]).map(Self::Group).collect()
    }

    /// What stands at its head.
    pub fn name(&self) -> &str {
        match self {
            Self::Group(group) => group_name(*group),
            Self::State { name, .. } => name,
        }
    }

    /// The group behind it.
    pub fn group(&self) -> Option<StateGroup> {
        match self {
            Self::Group(group) | Self::State { group, .. } => *group,
        }
    }

    /// How it is called where it has to be told from all others: a limit's key, an element's id.
    pub fn slug(&self) -> String {
        match self {
            Self::Group(group) => group.map_or("none", StateGroup::as_str).to_owned(),
            Self::State { name, .. } => format!("state:{name}"),
        }
    }
}

/// A number of cards, exact up to [`COUNTED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count(pub i64);

impl Count {
    /// Whether there are more than were counted.
    pub fn is_capped(self) -> bool {
        self.0 > COUNTED
    }
}

impl std::ops::Add for Count {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// How a column stands against its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Meter {
    /// Cards that there may be.
    pub limit: i64,
    /// 0 to 100.
    pub percent: i64,
    /// Whether there are more than there may be.
    pub standing: Standing,
}

/// Within a limit or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Standing {
    /// At most as many as there may be.
    Within,
    /// More.
    Over,
}

impl Meter {
    /// A column with `count` cards of which there may be `limit`.
    pub fn of(count: Count, limit: i64) -> Self {
        let percent = if limit <= 0 { 100 } else { (count.0 * 100 / limit).clamp(0, 100) };
        let standing = if count.0 > limit { Standing::Over } else { Standing::Within };
        Self { limit, percent, standing }
    }

    /// `limit 10`, `over limit 7`.
    pub fn words(self) -> String {
        match self.standing {
            Standing::Within => format!("limit {}", self.limit),
            Standing::Over => format!("over limit {}", self.limit),
        }
    }
}

/// A column with its head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Which.
    pub key: ColumnKey,
    /// Cards in it, shown or not.
    pub total: Count,
    /// Its limit, where one is set.
    pub meter: Option<Meter>,
}

/// Where a column and a lane meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Newest change first.
    pub cards: Vec<Card>,
    /// Cards in it, shown or not.
    pub total: Count,
}

impl Cell {
    /// Cards that are counted but not shown.
    pub fn more(&self) -> i64 {
        (self.total.0 - i64::try_from(self.cards.len()).unwrap_or(i64::MAX)).max(0)
    }
}

/// Cards that belong together, one cell a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// The project's id or the assignee's name; `None` where everything is one lane, or for the
    /// lane of nobody.
    pub key: Option<String>,
    /// What stands at its head.
    pub name: String,
    /// Cards in each column.
    pub totals: Vec<Count>,
    /// One a column; empty for a lane that is closed.
    pub cells: Vec<Cell>,
}

impl Lane {
    /// Cards in all columns.
    pub fn total(&self) -> Count {
        self.totals.iter().fold(Count::default(), |sum, count| sum + *count)
    }

    /// Whether its cards were read.
    pub fn is_open(&self) -> bool {
        !self.cells.is_empty()
    }
}

/// The newest change of these lanes' cards.
pub fn newest(lanes: &[Lane]) -> Option<Timestamp> {
    cards_in(lanes).map(|card| card.updated_at).max()
}

/// Takes off the cards what several cards lack and no card has.
pub fn take_common_missing(lanes: &mut [Lane]) -> Vec<String> {
    let mut cards = cards_in(lanes);
    let Some(first) = cards.next() else { return Vec::new() };
    let mut common = first.missing.clone();
    let mut alone = true;
    for card in cards {
        alone = false;
        common.retain(|missing| card.missing.contains(missing));
    }
    if alone {
        return Vec::new();
    }
    let cells = lanes.iter_mut().flat_map(|lane| &mut lane.cells);
    for card in cells.flat_map(|cell| &mut cell.cards) {
        card.missing.retain(|missing| !common.contains(missing));
    }
    common
}

/// A card that moved while the columns were being read came twice: the later change stays.
pub fn keep_each_once(lanes: &mut [Lane]) {
    let mut newest = std::collections::HashMap::new();
    for card in cards_in(lanes) {
        let place = (card.updated_at, card.state_since, card.group);
        let known = newest.entry(card.card.clone()).or_insert(place);
        *known = (*known).max(place);
    }
    for cell in lanes.iter_mut().flat_map(|lane| &mut lane.cells) {
        cell.cards.retain(|card| {
            let place = (card.updated_at, card.state_since, card.group);
            newest.get(&card.card) == Some(&place)
        });
    }
}

fn cards_in(lanes: &[Lane]) -> impl Iterator<Item = &Card> {
    lanes.iter().flat_map(|lane| &lane.cells).flat_map(|cell| &cell.cards)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkItemRef;
    use crate::work_items::Kind;

    fn card(name: &str, group: StateGroup, changed: &str) -> Card {
        Card {
            card: WorkItemRef::new(name),
            lead: WorkItemRef::new(name),
            sides: Vec::new(),
            kind: Kind::Issue,
            title: String::new(),
            status: None,
            group: Some(group),
            labels: Vec::new(),
            more_labels: 0,
            people: Vec::new(),
            more_people: 0,
            pulls: Vec::new(),
            more_pulls: 0,
            health: None,
            missing: Vec::new(),
            updated_at: changed.parse().unwrap(),
            state_since: changed.parse().unwrap(),
        }
    }

    fn lane(cells: Vec<Vec<Card>>) -> Lane {
        let totals: Vec<_> = cells.iter().map(|c| Count(i64::try_from(c.len()).unwrap())).collect();
        let cell = |(cards, total): (Vec<Card>, &Count)| Cell { cards, total: *total };
        let cells = cells.into_iter().zip(&totals).map(cell).collect();
        Lane { key: None, name: String::new(), totals, cells }
    }

    #[test]
    fn a_meter_says_how_full_a_column_is() {
        let meter = Meter::of(Count(7), 10);
        assert_eq!((meter.percent, meter.words().as_str()), (70, "limit 10"));
        let over = Meter::of(Count(8), 7);
        assert_eq!((over.percent, over.words().as_str()), (100, "over limit 7"));
        assert_eq!(Meter::of(Count(0), 0).standing, Standing::Within);
    }

    #[test]
    fn an_item_that_moved_while_being_read_stands_in_one_column() {
        let before = card("a", StateGroup::Unstarted, "2026-11-22T01:00:00Z");
        let after = card("a", StateGroup::Started, "2026-11-22T01:30:00Z");
        for cells in
            [vec![vec![before.clone()], vec![after.clone()]], vec![vec![after], vec![before]]]
        {
            let mut lanes = [lane(cells)];
            keep_each_once(&mut lanes);
            let left: Vec<_> = cards_in(&lanes).map(|card| card.group).collect();
            assert_eq!(left, [Some(StateGroup::Started)]);
        }
    }

    #[test]
    fn what_all_cards_lack_is_said_once_and_what_one_lacks_on_its_card() {
        let mut cards: Vec<_> =
            ["a", "b"].map(|name| card(name, StateGroup::Started, "2026-11-22T01:00:00Z")).into();
        cards[0].missing = vec!["key".to_owned(), "labels".to_owned()];
        cards[1].missing = vec!["key".to_owned()];
        let mut lanes = [lane(vec![cards])];
        assert_eq!(take_common_missing(&mut lanes), ["key"]);
        let lacking: Vec<_> = cards_in(&lanes).map(|c| c.missing.clone()).collect();
        assert_eq!(lacking, [vec!["labels".to_owned()], vec![]]);
    }

    #[test]
    fn what_is_counted_but_not_shown_is_more() {
        let cell = Cell { cards: Vec::new(), total: Count(51) };
        assert_eq!(cell.more(), 51);
        assert!(Count(COUNTED + 1).is_capped() && !Count(COUNTED).is_capped());
    }
}
