//! From items, links and jobs to cards. Pure: everything known about some items in, their cards
//! out, and for an item without a card of its own, none.
//!
//! An issue and its twin are one card under the issue's name; it stands where the work item
//! stands, as long as that is known and not deleted, and where the issue stands otherwise. A pull
//! request that closes an issue on the board, or names a work item, is shown on that one's card. An item that was tied
//! to several others belongs to the newest tie; the others stand alone.
//!
//! The time since when a card stands in its column is the one thing that a maximum over all
//! states can't tell: it is kept from the card before, and begins anew with the state that changed
//! the group. States that arrive late may make it too short, never wrong for longer than the
//! next change.

use std::collections::{BTreeSet, HashMap};

use super::card::{Card, FACES, Face, LABELS, PULLS, Pull, Side, TITLE, name_of, shown};
use super::health::{JobState, LinkState, health};
use super::words::{cut, short_key};
use crate::clock::Timestamp;
use crate::ids::WorkItemRef;
use crate::work_items::{Kind, Label, Person, StateGroup, System, WorkItem};

/// Characters of a title that can be searched for.
const SEARCHED: usize = 2_000;
/// Stands around every name in a list of names, so that no name can be found in another.
pub const SEPARATOR: char = '\u{1f}';

/// A link between an issue and a work item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TieState {
    /// Counts up with every link that is made.
    pub id: i64,
    /// The issue.
    pub github: WorkItemRef,
    /// The work item; `None` while none is known to be made.
    pub plane: Option<WorkItemRef>,
    /// How they stand.
    pub link: LinkState,
}

/// A pull request that says which issue it closes, or which work item it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The pull request.
    pub pull: WorkItemRef,
    /// `owner/name#12` or `sync-12`, lower case.
    pub issue: String,
}

/// Everything that is known about some items and about what they are tied to.
#[derive(Debug, Default)]
pub struct Known {
    /// The items, deleted ones too.
    pub items: HashMap<WorkItemRef, WorkItem>,
    /// Links.
    pub ties: Vec<TieState>,
    /// Jobs that are not done, by the item that they are about.
    pub jobs: HashMap<WorkItemRef, Vec<JobState>>,
    /// What leaves an issue out of Plane, by the issue: `the filter of octo/hello`.
    pub left_out: HashMap<WorkItemRef, String>,
    /// What closes what.
    pub closings: Vec<Closing>,
    /// Plane's project of a repository, by its lower-case name.
    pub projects: HashMap<String, String>,
    /// Group and time of the cards as they are now.
    pub before: HashMap<WorkItemRef, (Option<StateGroup>, Timestamp)>,
}

/// A card with what it is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRecord {
    /// What it says.
    pub card: Card,
    /// The project whose lane it stands in: Plane's, where there is one.
    pub home: String,
    /// What people call that project, where a key tells it.
    pub home_name: Option<String>,
    /// `owner/name` of the issue or pull request.
    pub repository: Option<String>,
    /// GitHub's item, if it is shown.
    pub github: Option<WorkItemRef>,
    /// Plane's item, if it is shown.
    pub plane: Option<WorkItemRef>,
    /// Titles and keys of both sides, lower case.
    pub words: String,
    /// All labels of both sides.
    pub labels: BTreeSet<String>,
    /// All assignees of both sides.
    pub assignees: BTreeSet<String>,
    /// Whose lane it stands in.
    pub assignee: Option<String>,
}

/// The names as they are stored: each with a [`SEPARATOR`] on either side.
pub fn listed(names: &BTreeSet<String>) -> String {
    let mut text = String::new();
    for name in names {
        text.push(SEPARATOR);
        text.push_str(&within_list(name));
    }
    if !text.is_empty() {
        text.push(SEPARATOR);
    }
    text
}

/// A name as it stands in a list of names.
pub fn within_list(name: &str) -> String {
    name.replace(SEPARATOR, " ")
}

/// The cards of `items`, at most one each.
pub fn cards<'a>(
    items: impl IntoIterator<Item = &'a WorkItemRef>,
    known: &Known,
) -> Vec<CardRecord> {
    let table = Table::of(known);
    items.into_iter().filter_map(|item| table.card_of(item)).collect()
}

/// What is known, as it is looked things up in.
struct Table<'a> {
    known: &'a Known,
    by_github: HashMap<&'a WorkItemRef, &'a TieState>,
    by_plane: HashMap<&'a WorkItemRef, &'a TieState>,
    /// Issues and work items by lower-case key.
    issues: HashMap<String, &'a WorkItem>,
    pulls: HashMap<&'a str, Vec<&'a WorkItemRef>>,
}

impl<'a> Table<'a> {
    fn of(known: &'a Known) -> Self {
        let mut ties: Vec<&TieState> = known.ties.iter().collect();
        ties.sort_by_key(|tie| tie.id);
        let mut pulls: HashMap<&str, Vec<&WorkItemRef>> = HashMap::new();
        for closing in &known.closings {
            pulls.entry(closing.issue.as_str()).or_default().push(&closing.pull);
        }
        let issues = known.items.values();
        Self {
            known,
            by_github: ties.iter().map(|tie| (&tie.github, *tie)).collect(),
            by_plane: ties.iter().filter_map(|tie| Some((tie.plane.as_ref()?, *tie))).collect(),
            issues: issues.filter_map(|item| Some((key_of(item)?, item))).collect(),
            pulls,
        }
    }

    fn living(&self, item: &WorkItemRef) -> Option<&'a WorkItem> {
        self.known.items.get(item).filter(|item| item.deleted_at.is_none() && item.state.is_some())
    }

    fn card_of(&self, item: &WorkItemRef) -> Option<CardRecord> {
        let known = self.known.items.get(item)?;
        if kind_of(known) == Kind::PullRequest {
            return self.pull_request(item);
        }
        match known.system {
            System::Github => {
                let tie = self.by_github.get(item).copied();
                let twin = tie.and_then(|tie| self.living(tie.plane.as_ref()?));
                self.card(item, self.living(item), twin, tie)
            }
            System::Plane => {
                let tie = self.by_plane.get(item).copied();
                let is_shown_by_issue = |tie: &TieState| {
                    let newest = self.by_github.get(&tie.github).map(|newest| newest.id);
                    newest == Some(tie.id) && self.known.items.contains_key(&tie.github)
                };
                match tie {
                    Some(tie) if is_shown_by_issue(tie) => None,
                    tie => self.card(item, None, self.living(item), tie),
                }
            }
        }
    }

    /// None where an issue shows it.
    fn pull_request(&self, item: &WorkItemRef) -> Option<CardRecord> {
        let pull = self.living(item)?;
        let closed = self.known.closings.iter().filter(|closing| closing.pull == *item);
        let is_shown = |issue: &str| {
            self.issues.get(issue).is_some_and(|issue| self.living(&issue.item).is_some())
        };
        if closed.into_iter().any(|closing| is_shown(&closing.issue)) {
            return None;
        }
        self.card(item, Some(pull), None, None)
    }

    fn card(
        &self,
        name: &WorkItemRef,
        github: Option<&'a WorkItem>,
        plane: Option<&'a WorkItem>,
        tie: Option<&TieState>,
    ) -> Option<CardRecord> {
        let lead = plane.or(github)?;
        let sides: Vec<&WorkItem> = github.into_iter().chain(plane).collect();
        let state = lead.state.as_ref()?;
        let labels = labels_of(&sides);
        let pulls = self.pulls_of(&sides);
        let updated_at = sides.iter().map(|side| side.updated_at()).max()?;
        let card = Card {
            card: name.clone(),
            lead: lead.item.clone(),
            sides: sides.iter().map(|side| side_of(side)).collect(),
            kind: state.kind,
            title: cut(&state.title, TITLE),
            status: state.status.clone(),
            group: state.state_group,
            labels: labels.iter().take(LABELS).map(|label| shown(label)).collect(),
            more_labels: labels.len().saturating_sub(LABELS),
            people: state.assignees.iter().take(FACES).map(Face::from).collect(),
            more_people: state.assignees.len().saturating_sub(FACES),
            more_pulls: pulls.len().saturating_sub(PULLS),
            pulls: pulls.into_iter().take(PULLS).collect(),
            health: self.health_of(name, &sides, tie),
            missing: state.missing.clone(),
            updated_at,
            state_since: self.since(name, lead),
        };
        let (home, home_name) = self.home_of(github, plane);
        Some(CardRecord {
            home,
            home_name,
            repository: github.map(|item| item.project_ref.clone()),
            github: github.map(|item| item.item.clone()),
            plane: plane.map(|item| item.item.clone()),
            words: words_of(&sides),
            labels: labels.iter().map(|label| label.name.clone()).collect(),
            assignees: people_of(&sides).map(|person| name_of(person).to_owned()).collect(),
            assignee: state.assignees.first().map(|person| name_of(person).to_owned()),
            card,
        })
    }

    fn health_of(
        &self,
        name: &WorkItemRef,
        sides: &[&WorkItem],
        tie: Option<&TieState>,
    ) -> Option<super::Health> {
        let names: BTreeSet<_> = sides.iter().map(|side| &side.item).chain([name]).collect();
        let jobs: Vec<JobState> = names
            .into_iter()
            .filter_map(|item| self.known.jobs.get(item))
            .flatten()
            .cloned()
            .collect();
        let ingested_at = sides.iter().map(|side| side.ingested_at).max();
        let left_out = self.known.left_out.get(name).map(String::as_str);
        let left_out = left_out.filter(|_| tie.is_none_or(|tie| tie.plane.is_none()));
        health(tie.map(|tie| &tie.link), &jobs, ingested_at, left_out)
    }

    fn pulls_of(&self, sides: &[&WorkItem]) -> Vec<Pull> {
        let keys = sides.iter().filter_map(|side| key_of(side));
        let pulls: BTreeSet<&WorkItemRef> =
            keys.filter_map(|key| self.pulls.get(key.as_str())).flatten().copied().collect();
        let mut pulls: Vec<&WorkItem> =
            pulls.into_iter().filter_map(|item| self.living(item)).collect();
        pulls.sort_by(|a, b| b.updated_at().cmp(&a.updated_at()).then_with(|| a.item.cmp(&b.item)));
        pulls.into_iter().filter_map(pull_of).collect()
    }

    /// Since when it stands in its column.
    fn since(&self, name: &WorkItemRef, lead: &WorkItem) -> Timestamp {
        let group = lead.state.as_ref().and_then(|state| state.state_group);
        let state = lead.state.as_ref();
        let completed = state
            .filter(|_| group == Some(StateGroup::Completed))
            .and_then(|state| state.completed_at);
        let before = self.known.before.get(name).filter(|(before, _)| *before == group);
        completed.or(before.map(|(_, since)| *since)).unwrap_or_else(|| lead.updated_at())
    }

    /// A project, and what people call it.
    fn home_of(
        &self,
        github: Option<&WorkItem>,
        plane: Option<&WorkItem>,
    ) -> (String, Option<String>) {
        if let Some(plane) = plane {
            let key = plane.state.as_ref().and_then(|state| state.key.as_deref());
            let name = key.and_then(|key| key.rsplit_once('-')).map(|(name, _)| name.to_owned());
            return (plane.project_ref.clone(), name);
        }
        let repository = github.map(|item| item.project_ref.as_str()).unwrap_or_default();
        match self.known.projects.get(&repository.to_lowercase()) {
            Some(project) => (project.clone(), None),
            None => (repository.to_owned(), Some(repository.to_owned())),
        }
    }
}

fn kind_of(item: &WorkItem) -> Kind {
    item.state.as_ref().map_or(Kind::Issue, |state| state.kind)
}

/// The key of an issue or a work item, lower case.
fn key_of(item: &WorkItem) -> Option<String> {
    let state = item.state.as_ref().filter(|state| state.kind == Kind::Issue)?;
    state.key.as_ref().map(|key| key.to_lowercase())
}

fn side_of(item: &WorkItem) -> Side {
    Side { item: item.item.clone(), system: item.system, key: cut(&short_key(item), 80) }
}

fn pull_of(item: &WorkItem) -> Option<Pull> {
    let state = item.state.as_ref()?;
    let key = short_key(item);
    let number = key.rfind('#').map_or(key.as_str(), |at| &key[at..]).to_owned();
    Some(Pull {
        item: item.item.clone(),
        number: cut(&number, 20),
        title: cut(&state.title, TITLE),
        state: state.pull_standing()?.into(),
    })
}

/// The labels of all sides, each name once, whatever the case.
fn labels_of<'a>(sides: &[&'a WorkItem]) -> Vec<&'a Label> {
    let mut seen = BTreeSet::new();
    let all = sides.iter().filter_map(|side| side.state.as_ref()).flat_map(|state| &state.labels);
    all.filter(|label| seen.insert(label.name.to_lowercase())).collect()
}

fn people_of<'a>(sides: &[&'a WorkItem]) -> impl Iterator<Item = &'a Person> {
    let states = sides.iter().filter_map(|side| side.state.as_ref());
    states.flat_map(|state| &state.assignees).collect::<Vec<_>>().into_iter()
}

fn words_of(sides: &[&WorkItem]) -> String {
    let mut words = String::new();
    for side in sides {
        let title = side.state.as_ref().map(|state| state.title.as_str()).unwrap_or_default();
        for part in [cut(&short_key(side), TITLE), cut(title, SEARCHED)] {
            words.push_str(&part.to_lowercase());
            words.push('\n');
        }
    }
    // PostgreSQL takes no such character.
    words.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::LinkState;
    use crate::sync::plan::LinkStatus;
    use crate::work_items::{Extent, Readiness, Snapshot, Stage};

    fn at(minute: u32) -> Timestamp {
        format!("2026-11-22T02:{minute:02}:00Z").parse().unwrap()
    }

    fn item(reference: &str, group: StateGroup, minute: u32) -> WorkItem {
        let (system, external_id) = reference.split_once(':').unwrap();
        let system: System = system.parse().unwrap();
        let is_pull = external_id.starts_with("pull_request");
        let state = Snapshot {
            item: WorkItemRef::new(reference),
            system,
            external_id: external_id.to_owned(),
            kind: if is_pull { Kind::PullRequest } else { Kind::Issue },
            project_ref: if system == System::Github { "Octo/API" } else { "p1" }.to_owned(),
            key: Some(match system {
                System::Github => format!("Octo/API#{}", external_id.rsplit(':').next().unwrap()),
                System::Plane => format!("SYNC-{external_id}"),
            }),
            title: format!("Title of {reference}"),
            status: Some("open".to_owned()),
            state_group: Some(group),
            assignees: Vec::new(),
            labels: Vec::new(),
            priority: None,
            url: None,
            created_at: None,
            completed_at: None,
            updated_at: at(minute),
            missing: Vec::new(),
            extent: Extent::Whole,
            stage: Stage::Later,
            readiness: Readiness::Ready,
            pull: crate::work_items::PullFacts::default(),
            asked_at: None,
            description: None,
        };
        WorkItem {
            item: state.item.clone(),
            system,
            external_id: external_id.to_owned(),
            project_ref: state.project_ref.clone(),
            state: Some(state),
            deleted_at: None,
            moved_to: None,
            ingested_at: at(minute),
        }
    }

    fn tie(id: i64, github: &str, plane: &str) -> TieState {
        let link = LinkState {
            status: LinkStatus::Ok,
            last_error: None,
            synced_at: Some(at(9)),
            unmapped: Vec::new(),
            issue_gone: false,
        };
        let plane = Some(WorkItemRef::new(plane));
        TieState { id, github: WorkItemRef::new(github), plane, link }
    }

    fn known(items: Vec<WorkItem>) -> Known {
        let items = items.into_iter().map(|item| (item.item.clone(), item)).collect();
        Known { items, ..Known::default() }
    }

    fn names(known: &Known) -> Vec<String> {
        let refs: BTreeSet<_> = known.items.keys().cloned().collect();
        cards(&refs, known).into_iter().map(|made| made.card.card.to_string()).collect()
    }

    #[test]
    fn of_two_ties_of_an_issue_the_newest_counts_and_the_other_item_stands_alone() {
        let open = StateGroup::Started;
        let items =
            vec![item("github:7", open, 1), item("plane:old", open, 1), item("plane:new", open, 1)];
        let mut known = known(items);
        known.ties = vec![tie(2, "github:7", "plane:new"), tie(1, "github:7", "plane:old")];
        assert_eq!(names(&known), ["github:7", "plane:old"]);
        let made = cards([&WorkItemRef::new("github:7")], &known);
        assert_eq!(made[0].plane, Some(WorkItemRef::new("plane:new")));
        assert_eq!(made[0].home, "p1");
    }

    #[test]
    fn a_work_item_whose_issue_was_never_seen_stands_for_itself() {
        let mut known = known(vec![item("plane:1", StateGroup::Started, 1)]);
        known.ties = vec![tie(1, "github:7", "plane:1")];
        assert_eq!(names(&known), ["plane:1"]);
    }

    #[test]
    fn an_issue_without_a_twin_stands_by_the_project_that_its_repository_is_kept_in_step_with() {
        let mut known = known(vec![item("github:7", StateGroup::Unstarted, 1)]);
        let home = |known: &Known| cards([&WorkItemRef::new("github:7")], known)[0].home.clone();
        assert_eq!(home(&known), "Octo/API");
        known.projects.insert("octo/api".to_owned(), "p1".to_owned());
        assert_eq!(home(&known), "p1");
    }

    #[test]
    fn a_pull_request_has_a_card_of_its_own_until_its_issue_is_on_the_board() {
        let pull = item("github:pull_request:1:44", StateGroup::Started, 1);
        let mut known = known(vec![pull.clone()]);
        known.closings = vec![Closing { pull: pull.item, issue: "octo/api#7".to_owned() }];
        assert_eq!(names(&known), ["github:pull_request:1:44"]);
        let mut issue = item("github:7", StateGroup::Unstarted, 1);
        known.items.insert(issue.item.clone(), issue.clone());
        assert_eq!(names(&known), ["github:7"]);
        issue.deleted_at = Some(at(2));
        known.items.insert(issue.item.clone(), issue);
        assert_eq!(names(&known), ["github:pull_request:1:44"]);
    }

    #[test]
    fn the_time_in_a_column_is_kept_while_the_group_stays() {
        let mut known = known(vec![item("plane:1", StateGroup::Started, 5)]);
        let since =
            |known: &Known| cards([&WorkItemRef::new("plane:1")], known)[0].card.state_since;
        assert_eq!(since(&known), at(5));
        known.before.insert(WorkItemRef::new("plane:1"), (Some(StateGroup::Started), at(2)));
        assert_eq!(since(&known), at(2));
        known.before.insert(WorkItemRef::new("plane:1"), (Some(StateGroup::Backlog), at(2)));
        assert_eq!(since(&known), at(5));
    }

    #[test]
    fn long_titles_and_many_labels_are_cut_and_counted() {
        let mut long = item("plane:1", StateGroup::Backlog, 1);
        let state = long.state.as_mut().unwrap();
        state.title = "ä".repeat(10_000);
        let label = |i| Label { name: format!("l{i}"), color: Some("nonsense".to_owned()) };
        state.labels = (0..9).map(label).collect();
        let known = known(vec![long]);
        let made = &cards([&WorkItemRef::new("plane:1")], &known)[0];
        assert_eq!(made.card.title.chars().count(), TITLE + 1);
        assert_eq!((made.card.labels.len(), made.card.more_labels), (LABELS, 3));
        assert_eq!((made.card.labels[0].color.as_ref(), made.labels.len()), (None, 9));
    }

    #[test]
    fn a_name_is_found_in_a_list_only_as_a_whole() {
        let names = ["bug", "big bug", "a\u{1f}b"].map(str::to_owned).into();
        let listed = listed(&names);
        let holds =
            |name: &str| listed.contains(&format!("{SEPARATOR}{}{SEPARATOR}", within_list(name)));
        assert!(holds("bug") && holds("big bug") && holds("a\u{1f}b"));
        assert!(!holds("big") && !holds("b"));
        assert_eq!(super::listed(&BTreeSet::new()), "");
    }
}
