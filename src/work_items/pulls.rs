//! How a pull request stands. Pure.
//!
//! Its state (open, merged, closed) is the item's and comes with the winning snapshot; whether it
//! is a draft, whose review is asked for and what reviewers said is told by some events only, and
//! a comment's event would forget it. So it is kept beside the snapshot, and joined: of what is
//! told whole the newest counts, of each reviewer the newest review. A maximum does not care for
//! order or repetition, so neither does the standing.
//!
//! A review is dismissed under its own time, so a dismissal outranks it. One that asks a reviewer
//! again takes back what they said before. Remarks without a verdict say nothing here.
//!
//! Which issues it closes by GitHub's own account is told to those who ask: the newest answer counts.
//!
//! Deliberately absent: what follows from it for a work item (`sync/pulls`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Readiness, StateGroup};
use crate::clock::Timestamp;

/// What only a pull request has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PullFacts {
    /// The newest that was told whole; `None` before anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// The newest verdict of each reviewer, by their id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reviews: BTreeMap<String, Review>,
    /// The issues that it closes by the source's own account, as it was last told when asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes: Option<Closes>,
}

/// The issues that a pull request closes by the source's own account: those that its text names, and
/// those that a person linked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Closes {
    /// When it was asked.
    pub at: Timestamp,
    /// Each as `owner/name#12`, lower case.
    pub issues: BTreeSet<String>,
}

/// How far it has come on its way to be reviewed, at one time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Course {
    /// The source's time.
    pub at: Timestamp,
    /// Whose review is asked for: ids of people and, as `team:7`, of teams.
    #[serde(default)]
    pub asked: BTreeSet<String>,
    /// Whether its author still works on it.
    #[serde(default)]
    pub readiness: Readiness,
    /// The branch that is to be merged.
    #[serde(default)]
    pub branch: Option<String>,
}

/// What a reviewer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Review {
    /// When it was submitted.
    pub at: Timestamp,
    /// The source's id of it.
    pub id: u64,
    /// What it says.
    pub verdict: Verdict,
}

/// What a review says of the whole. In this order: of one review that is told twice the later
/// word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may be merged.
    Approved,
    /// It may not be merged as it is.
    ChangesRequested,
    /// It does not count any more.
    Dismissed,
}

/// How a pull request stands. Those that are open stand in the order of their progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullStanding {
    /// Open, and its author still works on it.
    Draft,
    /// Open.
    Opened,
    /// Somebody is asked to review it.
    ReviewRequested,
    /// A reviewer wants it changed.
    ChangesRequested,
    /// Reviewed, and nobody wants it changed.
    Approved,
    /// Closed without being merged.
    Closed,
    /// Merged.
    Merged,
}

impl PullStanding {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Opened,
        Self::ReviewRequested,
        Self::ChangesRequested,
        Self::Approved,
        Self::Closed,
        Self::Merged,
    ];

    /// Whether it may still be merged.
    pub fn is_open(self) -> bool {
        match self {
            Self::Draft
            | Self::Opened
            | Self::ReviewRequested
            | Self::ChangesRequested
            | Self::Approved => true,
            Self::Closed | Self::Merged => false,
        }
    }

    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Opened => "open",
            Self::ReviewRequested => "review requested",
            Self::ChangesRequested => "changes requested",
            Self::Approved => "approved",
            Self::Closed => "closed",
            Self::Merged => "merged",
        }
    }
}

impl fmt::Display for PullStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PullFacts {
    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Everything that either of the two knows.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let mut reviews = self.reviews.clone();
        for (reviewer, review) in &other.reviews {
            let known = reviews.entry(reviewer.clone()).or_insert(*review);
            *known = (*known).max(*review);
        }
        let course = self.course.clone().max(other.course.clone());
        Self { course, reviews, closes: self.closes.clone().max(other.closes.clone()) }
    }

    /// How a pull request of this group stands. `readiness` is for one of which no event of its
    /// own was ever told.
    pub fn standing(&self, group: Option<StateGroup>, readiness: Readiness) -> PullStanding {
        match group {
            Some(StateGroup::Completed) => return PullStanding::Merged,
            Some(StateGroup::Cancelled) => return PullStanding::Closed,
            Some(StateGroup::Backlog | StateGroup::Unstarted | StateGroup::Started) | None => {}
        }
        if self.course.as_ref().map_or(readiness, |course| course.readiness) == Readiness::Draft {
            return PullStanding::Draft;
        }
        let verdicts = || self.reviews.iter().filter(|(reviewer, r)| !self.asks_again(reviewer, r));
        let says = |verdict| verdicts().any(|(_, review)| review.verdict == verdict);
        if says(Verdict::ChangesRequested) {
            PullStanding::ChangesRequested
        } else if says(Verdict::Approved) {
            PullStanding::Approved
        } else if self.course.as_ref().is_some_and(|course| !course.asked.is_empty()) {
            PullStanding::ReviewRequested
        } else {
            PullStanding::Opened
        }
    }

    fn asks_again(&self, reviewer: &str, review: &Review) -> bool {
        let course = self.course.as_ref();
        course.is_some_and(|course| course.at > review.at && course.asked.contains(reviewer))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn course(second: i64, asked: &[&str]) -> PullFacts {
        let asked = asked.iter().map(|who| (*who).to_owned()).collect();
        let course = Course { at: at(second), asked, readiness: Readiness::Ready, branch: None };
        PullFacts { course: Some(course), ..PullFacts::default() }
    }

    fn review(who: &str, second: i64, verdict: Verdict) -> PullFacts {
        let review = Review { at: at(second), id: second.unsigned_abs(), verdict };
        PullFacts { reviews: BTreeMap::from([(who.to_owned(), review)]), ..PullFacts::default() }
    }

    fn standing(told: &[PullFacts]) -> PullStanding {
        let all = told.iter().fold(PullFacts::default(), |all, one| all.joined(one));
        all.standing(Some(StateGroup::Started), Readiness::Ready)
    }

    #[test]
    fn one_who_wants_changes_outweighs_all_who_approve() {
        let told = [review("a", 1, Verdict::Approved), review("b", 2, Verdict::ChangesRequested)];
        assert_eq!(standing(&told), PullStanding::ChangesRequested);
        let later = review("b", 3, Verdict::Approved);
        assert_eq!(standing(&[told[0].clone(), told[1].clone(), later]), PullStanding::Approved);
    }

    #[test]
    fn a_reviewer_who_is_asked_again_has_not_spoken_yet() {
        let said = review("a", 2, Verdict::ChangesRequested);
        let before = course(1, &["a"]);
        assert_eq!(standing(&[before.clone(), said.clone()]), PullStanding::ChangesRequested);
        let again = course(3, &["a"]);
        assert_eq!(standing(&[before, said, again]), PullStanding::ReviewRequested);
    }

    #[test]
    fn a_dismissed_review_counts_for_nothing_in_any_order() {
        let said = review("a", 2, Verdict::ChangesRequested);
        let dismissed = review("a", 2, Verdict::Dismissed);
        assert_eq!(standing(&[said.clone(), dismissed.clone()]), PullStanding::Opened);
        assert_eq!(standing(&[dismissed, said]), PullStanding::Opened);
    }

    #[test]
    fn what_is_merged_or_closed_is_that_whatever_was_said() {
        let said = review("a", 2, Verdict::ChangesRequested);
        let of = |group| said.standing(Some(group), Readiness::Draft);
        assert_eq!(of(StateGroup::Completed), PullStanding::Merged);
        assert_eq!(of(StateGroup::Cancelled), PullStanding::Closed);
        assert_eq!(of(StateGroup::Started), PullStanding::Draft);
    }

    fn facts() -> impl Strategy<Value = PullFacts> {
        let names = || prop::sample::select(vec!["a", "b", "c"]);
        let verdict = prop::sample::select(vec![
            Verdict::Approved,
            Verdict::ChangesRequested,
            Verdict::Dismissed,
        ]);
        prop_oneof![
            (0..5_i64, prop::collection::vec(names(), 0..3)).prop_map(|(s, who)| course(s, &who)),
            (names(), 0..5_i64, verdict).prop_map(|(who, s, verdict)| review(who, s, verdict)),
            (0..5_i64, prop::collection::btree_set("[ab]#[12]", 0..3)).prop_map(|(s, issues)| {
                let closes = Some(Closes { at: at(s), issues });
                PullFacts { closes, ..PullFacts::default() }
            }),
        ]
    }

    proptest! {
        #[test]
        fn any_order_and_any_repetition_of_what_is_told_ends_in_the_same_facts(
            told in prop::collection::vec(facts(), 0..8),
            order in prop::collection::vec(0..8_usize, 8..20),
        ) {
            let join = |facts: &PullFacts, one: &PullFacts| facts.joined(one);
            let once = told.iter().fold(PullFacts::default(), |all, one| join(&all, one));
            let mut shuffled = PullFacts::default();
            for place in order {
                shuffled = told.get(place).map_or(shuffled.clone(), |one| join(&shuffled, one));
            }
            let shuffled = told.iter().rev().fold(shuffled, |all, one| join(&all, one));
            prop_assert_eq!(shuffled, once);
        }
    }
}
