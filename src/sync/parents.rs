//! Sub-issues: which work item is the parent of an issue's own, as GitHub says. Pure.
//!
//! - What GitHub says of an issue's parent is joined: of two words the later one counts, by the
//!   issue's time and then by arrival; an answer to a question counts before all that was told.
//!   So any order and repetition of webhooks ends in one parent.
//! - The item goes under that of the parent as soon as both are there, whichever comes first, and
//!   in the same project.
//! - A parent that people chose in Plane stays. Only the one that we set is changed or taken away,
//!   and what people took away is not put back until GitHub says another one.
//! - Nobody becomes their own ancestor: GitHub has no such circles, but people's own parents in
//!   Plane may make one.
//!
//! Deliberately absent: which item an issue has (`store/links`), requests.

use serde::{Deserialize, Serialize};

use super::plan::Finding;
use crate::clock::Timestamp;

/// An issue that has sub-issues.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParentIssue {
    /// GitHub's numeric id.
    pub id: u64,
    /// `owner/name#12` at that moment, for people.
    pub key: String,
}

/// What GitHub said of an issue's parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentWord {
    /// The parent; `None` for none.
    pub parent: Option<ParentIssue>,
    /// The time of the issue itself then.
    pub at: Timestamp,
    /// Which of two words of one time was told later: the greater.
    pub arrival: i64,
}

/// What was last made of an issue's parent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ParentBase {
    /// What GitHub said last.
    pub told: Option<ParentIssue>,
    /// The issue's time then, and the arrival; `None` before it said anything.
    pub told_at: Option<(Timestamp, i64)>,
    /// The parent's work item for which this was last carried over, by Plane's id.
    pub carried: Option<String>,
    /// The parent that we set, by Plane's id: the only one that we may take away.
    pub ours: Option<String>,
}

impl ParentBase {
    /// Whether nothing was ever said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes in what a webhook told, however late.
    #[must_use]
    pub fn hear(self, word: &ParentWord) -> Self {
        let at = (word.at, word.arrival);
        if self.told_at.is_some_and(|known| known > at) {
            return self;
        }
        Self { told: word.parent.clone(), told_at: Some(at), ..self }
    }

    /// Takes in what GitHub answered when it was asked.
    #[must_use]
    pub fn learn(self, word: &ParentWord) -> Self {
        let at = Some((word.at, word.arrival)).max(self.told_at);
        Self { told: word.parent.clone(), told_at: at, ..self }
    }

    /// The same for an item that was made just now.
    #[must_use]
    pub fn afresh(self) -> Self {
        Self { carried: None, ours: None, ..self }
    }

    /// Whether the item has to be looked at, `target` being the item of its parent.
    pub fn is_behind(&self, target: Option<&str>) -> bool {
        self.carried.as_deref() != target
    }
}

/// What stands in Plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct There<'a> {
    /// The item's parent now, by id.
    pub parent: Option<&'a str>,
    /// Whether the one that it is to go under is below it.
    pub is_circle: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentPlan {
    /// The parent to set, or none; `None` where the item stays as it is.
    pub set: Option<Option<String>>,
    /// What is known once that is done.
    pub base: ParentBase,
    /// For the timeline.
    pub finding: Option<Finding>,
}

/// Decides under which item an item goes, `target` being that of its parent, where there is one.
pub fn plan_parent(base: &ParentBase, target: Option<&str>, there: There<'_>) -> ParentPlan {
    let carried = target.map(str::to_owned);
    let stay = ParentBase { carried: carried.clone(), ours: None, ..base.clone() };
    let plan = |set, ours: Option<String>, finding| ParentPlan {
        set,
        base: ParentBase { ours, ..stay.clone() },
        finding,
    };
    let ours = base.ours.as_deref();
    let is_ours = there.parent.is_some() && there.parent == ours;
    let key = || base.told.as_ref().map(|told| told.key.clone()).unwrap_or_default();
    match target {
        _ if !base.is_behind(target) => ParentPlan { set: None, base: base.clone(), finding: None },
        None => plan(is_ours.then_some(None), None, None),
        Some(target) if there.parent == Some(target) => {
            plan(None, base.ours.clone().filter(|ours| ours == target), None)
        }
        Some(_) if there.parent.is_some() && !is_ours => {
            plan(None, None, Some(Finding::ParentKept { parent: key() }))
        }
        Some(_) if there.is_circle => {
            let finding = Some(Finding::ParentCircle { parent: key() });
            plan(is_ours.then_some(None), None, finding)
        }
        Some(target) => plan(Some(Some(target.to_owned())), Some(target.to_owned()), None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(at: i64, arrival: i64, parent: Option<u64>) -> ParentWord {
        let start: Timestamp = "2026-11-22T02:00:00Z".parse().unwrap();
        ParentWord {
            parent: parent.map(|id| ParentIssue { id, key: format!("o/r#{id}") }),
            at: start + chrono::TimeDelta::seconds(at),
            arrival,
        }
    }

    /// An item in Plane, and those of the issues that may be its parents.
    #[derive(Debug, Default)]
    struct Item {
        base: ParentBase,
        parent: Option<String>,
        made: Vec<u64>,
        writes: usize,
    }

    impl Item {
        fn sync(&mut self) {
            let told = self.base.told.as_ref().filter(|told| self.made.contains(&told.id));
            let target = told.map(|told| format!("item-{}", told.id));
            let there = There { parent: self.parent.as_deref(), is_circle: false };
            let plan = plan_parent(&self.base, target.as_deref(), there);
            if let Some(parent) = plan.set {
                self.parent = parent;
                self.writes += 1;
            }
            self.base = plan.base;
        }

        fn hear(&mut self, word: &ParentWord) {
            self.base = std::mem::take(&mut self.base).hear(word);
            self.sync();
        }
    }

    #[test]
    fn whichever_comes_first_the_item_goes_under_its_parent_once_both_are_there() {
        let mut early = Item { made: vec![1], ..Item::default() };
        early.hear(&word(0, 1, Some(1)));
        let mut late = Item::default();
        late.hear(&word(0, 1, Some(1)));
        assert_eq!(late.parent, None);
        late.made.push(1);
        late.sync();
        for item in [early, late] {
            assert_eq!((item.parent.as_deref(), item.writes), (Some("item-1"), 1));
        }
    }

    #[test]
    fn a_parent_that_people_chose_stays_and_is_told() {
        let base = ParentBase::default().hear(&word(0, 1, Some(1)));
        let there = There { parent: Some("theirs"), is_circle: false };
        let plan = plan_parent(&base, Some("item-1"), there);
        assert_eq!((plan.set, plan.base.ours.as_deref()), (None, None));
        assert!(plan.finding.unwrap().to_string().contains("o/r#1"));
        let gone = plan.base.hear(&word(1, 2, None));
        assert_eq!(plan_parent(&gone, None, there).set, None, "it is not ours to take away");
    }

    #[test]
    fn what_people_took_away_is_not_put_back_until_github_says_another_one() {
        let mut item = Item { made: vec![1, 2], ..Item::default() };
        item.hear(&word(0, 1, Some(1)));
        item.parent = None;
        item.sync();
        assert_eq!(item.parent, None);
        item.hear(&word(1, 2, Some(2)));
        assert_eq!(item.parent.as_deref(), Some("item-2"));
        item.hear(&word(2, 3, None));
        assert_eq!(item.parent, None);
    }

    #[test]
    fn nobody_becomes_their_own_ancestor() {
        let base = ParentBase::default().hear(&word(0, 1, Some(1)));
        let plan = plan_parent(&base, Some("item-1"), There { parent: None, is_circle: true });
        assert_eq!(plan.set, None);
        assert!(plan.finding.is_some());
        assert!(!plan.base.is_behind(Some("item-1")), "it is told once");
    }

    #[test]
    fn an_answer_counts_before_what_was_told() {
        let told = ParentBase::default().hear(&word(5, 9, Some(1)));
        let asked = told.learn(&word(5, 8, Some(2)));
        assert_eq!(asked.told.as_ref().unwrap().id, 2);
        assert_eq!(asked.hear(&word(4, 10, Some(1))).told.unwrap().id, 2, "an older one");
    }

    proptest! {
        #[test]
        fn any_order_and_repetition_of_words_and_items_ends_under_the_same_parent(
            said in prop::collection::vec((0..3_i64, prop::option::of(1..4_u64)), 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
            made_at in 0..10_usize,
        ) {
            let words: Vec<_> = (0_i64..).zip(&said).map(|(i, (at, p))| word(*at, i, *p)).collect();
            let mut one = Item { made: vec![1, 2, 3], ..Item::default() };
            for word in &words {
                one.hear(word);
            }
            let mut other = Item::default();
            for (at, index) in order.iter().enumerate() {
                if at == made_at {
                    other.made = vec![1, 2, 3];
                }
                other.hear(&words[index.index(words.len())]);
            }
            words.iter().rev().for_each(|word| other.hear(word));
            other.made = vec![1, 2, 3];
            other.sync();
            prop_assert_eq!(&one.parent, &other.parent);
            let writes = other.writes;
            other.sync();
            prop_assert_eq!(other.writes, writes, "a second run writes nothing");
        }
    }
}
