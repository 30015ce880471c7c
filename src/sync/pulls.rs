//! What the pull requests of a work item mean for its state. Pure.
//!
//! The rule: where an item belongs follows from how its pull requests stand now and from nothing
//! that happened on the way, so late and repeated events move nothing. Of several the one that is
//! furthest on counts as long as any is open; merged they are only when none is open any more.
//!
//! - Each standing has a key in the repository's `states`. One that is not set means what the one
//!   before it on the way means; where none of them is set, the item is where it was before its
//!   pull requests. What is merged goes where `merged` says, and else stays.
//! - Closed without a merge, the item goes where `pull_closed` says, else back to where it was.
//! - A person who moves the item meanwhile has the last word until the standing changes. What goes
//!   back goes back only from where we had put it, and nothing is taken out of a state in which
//!   work is over unless we had put it there.
//! - An issue that is closed on GitHub decides for itself: its pull requests move nothing.
//!
//! Deliberately absent: which pull requests belong to an item (`sources/github/closing`), writing.

use serde::{Deserialize, Serialize};

use super::mapping::{Resolved, ends_work};
use super::plan::Finding;
use crate::work_items::PullStanding;

/// What was last made of an item's pull requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PullBase {
    /// How they stood; `None` before there were any.
    pub standing: Option<PullStanding>,
    /// The state in which the item was before they moved it, by id.
    pub before: Option<String>,
    /// The state into which they moved it, by id.
    pub moved_to: Option<String>,
}

impl PullBase {
    /// Whether there never were any.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How all pull requests of an item stand together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullsNow {
    /// Their standing; `None` where there are none.
    pub standing: Option<PullStanding>,
    /// The key of the one that decides: `owner/name#44`.
    pub by: Option<String>,
}

impl PullsNow {
    /// Of all of them, each with its key.
    pub fn of(pulls: impl IntoIterator<Item = (String, PullStanding)>) -> Self {
        let furthest = pulls.into_iter().max_by(|(key, standing), (other_key, other)| {
            let order = standing.is_open().cmp(&other.is_open());
            order.then_with(|| standing.cmp(other)).then_with(|| other_key.cmp(key))
        });
        let (by, standing) = furthest.unzip();
        Self { standing, by }
    }
}

/// Where an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Its state, by id.
    pub state: Option<&'a str>,
    /// What its issue on GitHub says, where it has one.
    pub issue: IssueSays,
}

/// Whether an item's issue decides for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueSays {
    /// It is open, or there is none.
    Nothing,
    /// It is closed.
    Closed,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// What is known from then on.
    pub base: PullBase,
    /// The state to move to, by id; `None` where the item stays.
    pub to: Option<String>,
}

/// Decides where an item goes.
///
/// # Errors
/// When the state that is configured does not exist; nothing is moved then, and it is asked again.
pub fn advance(
    base: &PullBase,
    now: &PullsNow,
    place: Place<'_>,
    mapping: Resolved<'_>,
) -> Result<Step, Finding> {
    if base.standing == now.standing {
        return Ok(Step { base: base.clone(), to: None });
    }
    let stay = PullBase { standing: now.standing, ..base.clone() };
    if place.issue == IssueSays::Closed {
        let base = PullBase { before: None, moved_to: None, ..stay };
        return Ok(Step { base, to: None });
    }
    let is_ours = place.state.is_some() && base.moved_to.as_deref() == place.state;
    let group = place.state.and_then(|state| mapping.state_by_id(state)?.group);
    let is_over = group.is_some_and(ends_work);
    let target = now.standing.map(|standing| mapping.pull_state(standing)).transpose()?.flatten();
    let is_open = now.standing.is_some_and(PullStanding::is_open);
    match target {
        Some(_) if is_over && !is_ours => Ok(Step { base: stay, to: None }),
        Some(target) => {
            let to = (place.state != Some(&target.id)).then(|| target.id.clone());
            let before = if to.is_some() && !is_ours {
                place.state.map(str::to_owned)
            } else {
                base.before.clone()
            };
            let before = before.filter(|_| is_open);
            let moved_to = Some(target.id.clone());
            Ok(Step { base: PullBase { before, moved_to, ..stay }, to })
        }
        None if now.standing == Some(PullStanding::Merged) => {
            Ok(Step { base: PullBase { before: None, ..stay }, to: None })
        }
        None => {
            let known = |id: &String| mapping.state_by_id(id).is_some();
            let to = base.before.clone().filter(|_| is_ours).filter(known);
            let to = to.filter(|to| place.state != Some(to));
            Ok(Step { base: PullBase { before: None, moved_to: None, ..stay }, to })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::sync::mapping::Mapping;
    use crate::sync::plane::{Project, ProjectState};
    use crate::work_items::StateGroup;

    const KEYS: [&str; 7] = [
        "pull_draft",
        "pull_opened",
        "review_requested",
        "changes_requested",
        "approved",
        "merged",
        "pull_closed",
    ];

    fn project() -> Project {
        let state = |name: &str, group| ProjectState {
            id: name.to_owned(),
            name: name.to_owned(),
            group: Some(group),
            default: false,
        };
        let mut states: Vec<_> = KEYS.iter().map(|key| state(key, StateGroup::Started)).collect();
        states.push(state("todo", StateGroup::Unstarted));
        states.push(state("blocked", StateGroup::Started));
        states.push(state("done", StateGroup::Completed));
        Project { states, ..Project::default() }
    }

    /// Each of these keys maps to a state of its own name.
    fn mapping<'a>(keys: impl IntoIterator<Item = &'a str>) -> Mapping {
        let states = keys.into_iter().map(|key| (key.to_owned(), key.to_owned())).collect();
        Mapping { states, ..Mapping::default() }
    }

    /// An item whose pull requests come and go.
    struct Item {
        state: String,
        base: PullBase,
        writes: usize,
    }

    impl Item {
        fn new() -> Self {
            Self { state: "todo".to_owned(), base: PullBase::default(), writes: 0 }
        }

        fn now(&mut self, mapping: &Mapping, standing: Option<PullStanding>) {
            let now = PullsNow { standing, by: None };
            let project = project();
            let place = Place { state: Some(&self.state), issue: IssueSays::Nothing };
            let step = advance(&self.base, &now, place, Resolved::new(mapping, &project)).unwrap();
            self.base = step.base;
            if let Some(to) = step.to {
                assert_ne!(to, self.state, "a move to the same state is no write");
                self.state = to;
                self.writes += 1;
            }
        }
    }

    #[test]
    fn the_furthest_open_one_counts_and_merged_they_are_when_none_is_open() {
        use PullStanding as P;
        let of = |all: &[P]| {
            let keyed = all.iter().enumerate().map(|(i, p)| (format!("o/r#{i}"), *p));
            PullsNow::of(keyed)
        };
        assert_eq!(of(&[]), PullsNow::default());
        let now = of(&[P::Merged, P::Draft, P::ReviewRequested, P::Closed]);
        assert_eq!((now.standing, now.by.as_deref()), (Some(P::ReviewRequested), Some("o/r#2")));
        assert_eq!(of(&[P::Closed, P::Merged]).standing, Some(P::Merged));
        assert_eq!(of(&[P::Closed, P::Closed]).by.as_deref(), Some("o/r#0"));
    }

    #[test]
    fn a_key_that_is_not_set_means_what_the_one_before_it_means() {
        use PullStanding as P;
        let mapping = mapping(["pull_opened"]);
        let mut item = Item::new();
        for standing in [P::Opened, P::ReviewRequested, P::ChangesRequested, P::Approved] {
            item.now(&mapping, Some(standing));
            assert_eq!((item.state.as_str(), item.writes), ("pull_opened", 1), "{standing}");
        }
        item.now(&mapping, Some(P::Merged));
        assert_eq!((item.state.as_str(), item.writes), ("pull_opened", 1), "merged is not set");
    }

    #[test]
    fn a_person_who_moves_the_item_has_the_last_word_until_the_standing_changes() {
        use PullStanding as P;
        let mapping = mapping(["pull_opened", "approved"]);
        let mut item = Item::new();
        item.now(&mapping, Some(P::Opened));
        item.state = "blocked".to_owned();
        item.now(&mapping, Some(P::Opened));
        assert_eq!(item.state, "blocked");
        item.now(&mapping, Some(P::Approved));
        assert_eq!(item.state, "approved");
        item.now(&mapping, Some(P::Closed));
        assert_eq!(item.state, "blocked", "it goes back to where people had put it");
        item.now(&mapping, Some(P::Opened));
        item.state = "todo".to_owned();
        item.now(&mapping, Some(P::Closed));
        assert_eq!(item.state, "todo", "only from where we had put it");
    }

    #[test]
    fn what_people_have_finished_stays_finished() {
        let mapping = mapping(KEYS);
        let mut item = Item::new();
        item.state = "done".to_owned();
        for standing in PullStanding::ALL {
            item.now(&mapping, Some(standing));
            assert_eq!(item.state, "done", "{standing}");
        }
    }

    #[test]
    fn a_closed_issue_decides_for_itself() {
        let (mapping, project) = (mapping(KEYS), project());
        let place = Place { state: Some("todo"), issue: IssueSays::Closed };
        for standing in PullStanding::ALL {
            let now = PullsNow { standing: Some(standing), by: None };
            let resolved = Resolved::new(&mapping, &project);
            let step = advance(&PullBase::default(), &now, place, resolved).unwrap();
            assert_eq!((step.to, step.base.standing), (None, Some(standing)));
        }
    }

    #[test]
    fn a_state_that_does_not_exist_is_told_and_asked_for_again() {
        let project = project();
        let states = BTreeMap::from([("pull_opened".to_owned(), "Nowhere".to_owned())]);
        let mapping = Mapping { states, ..Mapping::default() };
        let now = PullsNow { standing: Some(PullStanding::Opened), by: None };
        let place = Place { state: Some("todo"), issue: IssueSays::Nothing };
        let resolved = Resolved::new(&mapping, &project);
        let told = advance(&PullBase::default(), &now, place, resolved).unwrap_err();
        assert!(told.to_string().contains("Nowhere"), "{told}");
    }

    fn keys() -> impl Strategy<Value = Vec<&'static str>> {
        prop::sample::subsequence(KEYS.to_vec(), 0..=KEYS.len())
    }

    fn standings() -> impl Strategy<Value = Vec<PullStanding>> {
        prop::collection::vec(prop::sample::select(PullStanding::ALL.to_vec()), 0..8)
    }

    proptest! {
        /// Whatever was told on the way, late, twice or not at all.
        #[test]
        fn where_an_item_is_follows_from_the_last_standing_alone(
            keys in keys(), open in standings(), last in prop::sample::select(PullStanding::ALL.to_vec()),
        ) {
            let mapping = mapping(keys.iter().copied());
            let said = last != PullStanding::Merged || keys.contains(&"merged");
            let open = open.into_iter().filter(|standing| standing.is_open());
            let (mut long, mut short) = (Item::new(), Item::new());
            for standing in open.chain([last]) {
                long.now(&mapping, Some(standing));
            }
            short.now(&mapping, Some(last));
            if said {
                prop_assert_eq!(&long.state, &short.state);
            }
            let writes = long.writes;
            long.now(&mapping, Some(last));
            prop_assert_eq!(long.writes, writes);
        }

        #[test]
        fn closed_without_a_merge_an_item_is_back_where_it_was(
            keys in keys(), open in standings(),
        ) {
            let mapping = mapping(keys.into_iter().filter(|key| *key != "pull_closed"));
            let mut item = Item::new();
            for standing in open.into_iter().filter(|standing| standing.is_open()) {
                item.now(&mapping, Some(standing));
            }
            item.now(&mapping, Some(PullStanding::Closed));
            prop_assert_eq!(item.state, "todo");
        }
    }
}
