//! The board: columns by state group, and what a card says. Pure: items, counts and the moment in,
//! columns out, the same for HTML and JSON.
//!
//! An item that moved while the columns were being read comes twice; the later reading wins, so
//! that no card stands in two columns.
//!
//! Deliberately absent: markup, addresses, the database.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::work_items::{Label, Person, StateGroup, System, WorkItem};

/// A card's title is cut after this many characters; the item's page has all of it.
const TITLE: usize = 300;
/// Labels on one card; the others are counted.
const LABELS: usize = 6;
/// Faces on one card; the others are counted.
const FACES: usize = 4;
/// An open item without a change for this long is called stale.
const STALE: TimeDelta = TimeDelta::days(14);
/// How many hues faces have.
const HUES: u32 = 6;

/// Which columns to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// The five groups, and the items without one if there are any.
    All,
    /// One alone; `None` is the items without a group.
    Only(Option<StateGroup>),
}

/// All columns with their cards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Board {
    /// From left to right.
    pub columns: Vec<Column>,
    /// Items in all columns, shown or not.
    pub total: i64,
    /// The newest change of all cards.
    pub newest: Option<Timestamp>,
    /// What is not known of any card, so that it is said once and not on each.
    pub missing: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its group; `None` where an item's group is not known.
    pub group: Option<StateGroup>,
    /// Newest change first.
    pub cards: Vec<Card>,
    /// Items in it, shown or not.
    pub total: i64,
}

impl Column {
    /// What stands at its head.
    pub fn name(&self) -> &'static str {
        group_name(self.group)
    }

    /// Items that are counted but not shown.
    pub fn more(&self) -> i64 {
        self.total - i64::try_from(self.cards.len()).unwrap_or(i64::MAX)
    }
}

/// One item on the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Card {
    /// Which item.
    pub item: WorkItemRef,
    /// Where it lives.
    pub system: System,
    /// `SYNC-12`, or the beginning of its id.
    pub key: String,
    /// The title, cut.
    pub title: String,
    /// The state's name, where it is known.
    pub status: Option<String>,
    /// The first labels.
    pub labels: Vec<Label>,
    /// How many labels are left out.
    pub more_labels: usize,
    /// The first assignees.
    pub people: Vec<Face>,
    /// How many assignees are left out.
    pub more_people: usize,
    /// The source's time of its newest state.
    pub updated_at: Timestamp,
    /// How long ago that was: `2 d`.
    pub age: String,
    /// Whether that is too long ago for an open item.
    pub freshness: Freshness,
    /// What is not known of it, in words.
    pub missing: Vec<String>,
}

/// Whether an open item has been left alone for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Freshness {
    /// Changed of late, or closed.
    Fresh,
    /// Open, and not changed for two weeks.
    Stale,
}

/// A person in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Face {
    /// The name; the id where only that is known.
    pub name: String,
    /// One or two letters.
    pub initials: String,
    /// 1 to 6, always the same for the same id.
    pub hue: u32,
}

impl From<&Person> for Face {
    fn from(person: &Person) -> Self {
        let name = person.name.as_deref().filter(|n| !n.trim().is_empty()).unwrap_or(&person.id);
        Self { name: cut(name, TITLE), initials: initials(name), hue: hue(&person.id) }
    }
}

/// Makes the columns from what was read: `items` of all columns in any order, `counts` of all
/// that match.
pub fn board(
    columns: Columns,
    items: Vec<WorkItem>,
    counts: &[(Option<StateGroup>, i64)],
    now: Timestamp,
) -> Board {
    let mut by_group: HashMap<Option<StateGroup>, Vec<WorkItem>> = HashMap::new();
    for item in latest(items) {
        by_group.entry(group_of(&item)).or_default().push(item);
    }
    let counted = |group| counts.iter().find(|(g, _)| *g == group).map_or(0, |(_, count)| *count);
    let groups: Vec<Option<StateGroup>> = match columns {
        Columns::Only(group) => vec![group],
        Columns::All => StateGroup::ALL.iter().copied().map(Some).chain([None]).collect(),
    };
    let mut columns: Vec<Column> = groups
        .into_iter()
        .map(|group| {
            let cards = cards(by_group.remove(&group).unwrap_or_default(), now);
            let shown = i64::try_from(cards.len()).unwrap_or(i64::MAX);
            Column { group, total: counted(group).max(shown), cards }
        })
        .filter(|column| columns != Columns::All || column.group.is_some() || column.total > 0)
        .collect();
    let missing = take_common_missing(&mut columns);
    Board {
        missing,
        total: columns.iter().map(|column| column.total).sum(),
        newest: columns.iter().flat_map(|c| &c.cards).map(|card| card.updated_at).max(),
        columns,
    }
}

/// Takes off the cards what several cards lack and no card has.
fn take_common_missing(columns: &mut [Column]) -> Vec<String> {
    let mut cards = columns.iter().flat_map(|column| &column.cards);
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
    for card in columns.iter_mut().flat_map(|column| &mut column.cards) {
        card.missing.retain(|missing| !common.contains(missing));
    }
    common
}

/// What a column is called.
pub fn group_name(group: Option<StateGroup>) -> &'static str {
    match group {
        Some(StateGroup::Backlog) => "Backlog",
        Some(StateGroup::Unstarted) => "Todo",
        Some(StateGroup::Started) => "In progress",
        Some(StateGroup::Completed) => "Done",
        Some(StateGroup::Cancelled) => "Cancelled",
        None => "No state",
    }
}

/// `SYNC-12`, or the first eight characters of the id where no key is known.
pub fn short_key(item: &WorkItem) -> String {
    let key = item.state.as_ref().and_then(|s| s.key.clone());
    key.unwrap_or_else(|| item.external_id.chars().take(8).collect())
}

/// A label's color if it is one that can be drawn: `#rrggbb`.
pub fn drawable(color: Option<&str>) -> Option<&str> {
    color.filter(|c| {
        c.len() == 7 && c.starts_with('#') && c[1..].bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// `now`, `5 min`, `6 h`, `2 d`.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let age = now - since;
    match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (1.., _, _) => format!("{} d", age.num_days()),
        (_, 1.., _) => format!("{} h", age.num_hours()),
        (_, _, 1..) => format!("{} min", age.num_minutes()),
        _ => "now".to_owned(),
    }
}

/// At most `limit` characters of `text`, and an ellipsis where there were more.
pub fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// Each item once, as read last; deleted ones not at all.
fn latest(items: Vec<WorkItem>) -> impl Iterator<Item = WorkItem> {
    let mut latest: HashMap<WorkItemRef, WorkItem> = HashMap::with_capacity(items.len());
    for item in items {
        match latest.get(&item.item) {
            Some(known) if known.ingested_at > item.ingested_at => {}
            _ => {
                latest.insert(item.item.clone(), item);
            }
        }
    }
    latest.into_values().filter(|item| item.deleted_at.is_none())
}

fn group_of(item: &WorkItem) -> Option<StateGroup> {
    item.state.as_ref().and_then(|s| s.state_group)
}

fn cards(mut items: Vec<WorkItem>, now: Timestamp) -> Vec<Card> {
    items.sort_by(|a, b| b.updated_at().cmp(&a.updated_at()).then_with(|| a.item.cmp(&b.item)));
    items.iter().map(|item| card(item, now)).collect()
}

fn card(item: &WorkItem, now: Timestamp) -> Card {
    let state = item.state.as_ref();
    let labels = state.map_or(&[][..], |s| &s.labels);
    let people = state.map_or(&[][..], |s| &s.assignees);
    let updated_at = item.updated_at();
    let label = |l: &Label| Label {
        name: cut(&l.name, 80),
        color: drawable(l.color.as_deref()).map(str::to_owned),
    };
    Card {
        item: item.item.clone(),
        system: item.system,
        key: cut(&short_key(item), 40),
        title: state.map(|s| cut(&s.title, TITLE)).unwrap_or_default(),
        status: state.and_then(|s| s.status.clone()),
        labels: labels.iter().take(LABELS).map(label).collect(),
        more_labels: labels.len().saturating_sub(LABELS),
        people: people.iter().take(FACES).map(Face::from).collect(),
        more_people: people.len().saturating_sub(FACES),
        updated_at,
        age: age(updated_at, now),
        freshness: freshness(group_of(item), updated_at, now),
        missing: state.map(|s| s.missing.clone()).unwrap_or_default(),
    }
}

fn freshness(group: Option<StateGroup>, updated_at: Timestamp, now: Timestamp) -> Freshness {
    match group {
        Some(StateGroup::Completed | StateGroup::Cancelled) => Freshness::Fresh,
        _ if now - updated_at < STALE => Freshness::Fresh,
        _ => Freshness::Stale,
    }
}

/// The first letters of the first and the last word, or the first two of the only one.
fn initials(name: &str) -> String {
    let words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let letters: String = match words.as_slice() {
        [] => "?".to_owned(),
        [word] => word.chars().take(2).collect(),
        [first, .., last] => first.chars().take(1).chain(last.chars().take(1)).collect(),
    };
    letters.to_uppercase()
}

/// FNV-1a: a person keeps the hue over restarts and on every page.
fn hue(id: &str) -> u32 {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(16_777_619));
    hash % HUES + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_items::{Extent, Kind, Snapshot, Stage};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-22T02:00:00Z")
    }

    fn item(id: &str, group: Option<StateGroup>, updated_at: &str) -> WorkItem {
        let state = Snapshot {
            item: WorkItemRef::new(format!("plane:{id}")),
            system: System::Plane,
            external_id: id.to_owned(),
            kind: Kind::Issue,
            project_ref: "p".to_owned(),
            key: None,
            title: format!("Title of {id}"),
            status: None,
            state_group: group,
            assignees: Vec::new(),
            labels: Vec::new(),
            priority: None,
            url: None,
            created_at: None,
            completed_at: None,
            updated_at: at(updated_at),
            missing: Vec::new(),
            extent: Extent::Whole,
            stage: Stage::Later,
            asked_at: None,
            description: None,
        };
        WorkItem {
            item: state.item.clone(),
            system: System::Plane,
            external_id: id.to_owned(),
            project_ref: "p".to_owned(),
            state: Some(state),
            deleted_at: None,
            moved_to: None,
            ingested_at: at(updated_at),
        }
    }

    fn state(item: &mut WorkItem) -> &mut Snapshot {
        item.state.as_mut().unwrap()
    }

    #[test]
    fn the_five_columns_stand_even_when_empty_and_no_state_only_with_items() {
        let empty = board(Columns::All, Vec::new(), &[], now());
        let names: Vec<_> = empty.columns.iter().map(Column::name).collect();
        assert_eq!(names, ["Backlog", "Todo", "In progress", "Done", "Cancelled"]);
        let unknown = item("a", None, "2026-11-22T01:00:00Z");
        let board = board(Columns::All, vec![unknown], &[(None, 1)], now());
        assert_eq!(board.columns.len(), 6);
        assert_eq!((board.columns[5].name(), board.columns[5].total), ("No state", 1));
    }

    #[test]
    fn the_newest_change_stands_on_top_and_equal_times_keep_one_order() {
        let group = Some(StateGroup::Started);
        let items = vec![
            item("old", group, "2026-11-20T01:00:00Z"),
            item("b", group, "2026-11-22T01:00:00Z"),
            item("a", group, "2026-11-22T01:00:00Z"),
        ];
        let board = board(Columns::Only(group), items, &[(group, 3)], now());
        let refs: Vec<_> = board.columns[0].cards.iter().map(|c| c.item.as_str()).collect();
        assert_eq!(refs, ["plane:a", "plane:b", "plane:old"]);
        assert_eq!(board.newest, Some(at("2026-11-22T01:00:00Z")));
    }

    #[test]
    fn what_is_counted_but_not_shown_is_more() {
        let group = Some(StateGroup::Backlog);
        let items = vec![item("a", group, "2026-11-22T01:00:00Z")];
        let board = board(Columns::All, items, &[(group, 51)], now());
        assert_eq!((board.columns[0].more(), board.total), (50, 51));
    }

    #[test]
    fn an_item_that_moved_while_being_read_stands_in_one_column() {
        let before = item("a", Some(StateGroup::Unstarted), "2026-11-22T01:00:00Z");
        let after = item("a", Some(StateGroup::Started), "2026-11-22T01:30:00Z");
        for items in [vec![before.clone(), after.clone()], vec![after, before]] {
            let board = board(Columns::All, items, &[], now());
            let cards: Vec<_> = board.columns.iter().map(|c| c.cards.len()).collect();
            assert_eq!(cards, [0, 0, 1, 0, 0]);
        }
    }

    #[test]
    fn a_deleted_item_has_no_card() {
        let mut gone = item("a", Some(StateGroup::Started), "2026-11-22T01:00:00Z");
        gone.deleted_at = Some(now());
        assert_eq!(board(Columns::All, vec![gone], &[], now()).total, 0);
    }

    #[test]
    fn ages_are_said_in_their_largest_unit() {
        let said = |since| age(at(since), now());
        assert_eq!(said("2026-11-22T01:59:30Z"), "now");
        assert_eq!(said("2026-11-22T01:55:00Z"), "5 min");
        assert_eq!(said("2026-11-21T20:00:00Z"), "6 h");
        assert_eq!(said("2026-11-20T01:00:00Z"), "2 d");
        assert_eq!(said("2026-11-23T00:00:00Z"), "now", "a sender's clock may be ahead of ours");
    }

    #[test]
    fn only_open_items_become_stale() {
        let of = |group| freshness(Some(group), at("2026-11-01T00:00:00Z"), now());
        assert_eq!(of(StateGroup::Started), Freshness::Stale);
        assert_eq!(of(StateGroup::Completed), Freshness::Fresh);
    }

    #[test]
    fn only_a_color_that_can_be_drawn_is_one() {
        assert_eq!(drawable(Some("#d73A4a")), Some("#d73A4a"));
        for bad in
            ["red", "#fff", "#12345g", "d73a4a0", "\"><script>", "url(#x)", "#12345\u{e9}", ""]
        {
            assert_eq!(drawable(Some(bad)), None, "{bad}");
        }
    }

    #[test]
    fn long_titles_and_many_labels_are_cut_and_counted() {
        let mut long = item("a", Some(StateGroup::Backlog), "2026-11-22T01:00:00Z");
        state(&mut long).title = "ä".repeat(10_000);
        let label = |i| Label { name: format!("l{i}"), color: Some("nonsense".to_owned()) };
        state(&mut long).labels = (0..9).map(label).collect();
        let board = board(Columns::All, vec![long], &[], now());
        let card = &board.columns[0].cards[0];
        assert_eq!(card.title.chars().count(), TITLE + 1);
        assert_eq!((card.labels.len(), card.more_labels), (LABELS, 3));
        assert_eq!(card.labels[0].color, None);
    }

    #[test]
    fn faces_have_initials_and_a_hue_of_their_own() {
        let face = |name: Option<&str>| {
            Face::from(&Person { id: "557968f7".to_owned(), name: name.map(str::to_owned) })
        };
        assert_eq!(face(Some("Mira Karlsson")).initials, "MK");
        assert_eq!(face(Some("ada")).initials, "AD");
        assert_eq!(face(Some("داليا عمر")).initials, "دع");
        assert_eq!(face(Some("🚀")).initials, "?");
        assert_eq!(face(None).initials, "55");
        assert_eq!(face(None).hue, face(Some("Mira")).hue);
        assert!((1..=HUES).contains(&face(None).hue));
    }

    #[test]
    fn what_all_cards_lack_is_said_once_and_what_one_lacks_on_its_card() {
        let group = Some(StateGroup::Started);
        let mut items: Vec<WorkItem> =
            ["a", "b"].map(|id| item(id, group, "2026-11-22T01:00:00Z")).into();
        state(&mut items[0]).missing = vec!["key".to_owned(), "labels".to_owned()];
        state(&mut items[1]).missing = vec!["key".to_owned()];
        let board = board(Columns::All, items, &[(group, 2)], now());
        assert_eq!(board.missing, ["key"]);
        let lacking: Vec<_> =
            board.columns.iter().flat_map(|c| &c.cards).map(|c| c.missing.clone()).collect();
        assert_eq!(lacking, [vec!["labels".to_owned()], vec![]]);
    }
}
