use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    "2026-11-22T02:00:00Z".parse::<Timestamp>().unwrap() + chrono::TimeDelta::seconds(second)
}

fn milestone(second: i64, title: &str, due: Option<&str>) -> Milestone {
    Milestone {
        updated_at: at(second),
        id: 7,
        number: 1,
        title: title.to_owned(),
        description: Some("What ships".to_owned()),
        due_on: due.map(|day| format!("{day}T08:00:00Z").parse().unwrap()),
        created_at: Some(at(0)),
    }
}

#[test]
fn a_module_has_its_last_day_and_a_cycle_both_or_none() {
    let due = milestone(1, " v1 ", Some("2026-12-01"));
    let module = BundleFields::of(BundleKind::Module, &due);
    assert_eq!((module.name.as_str(), module.description.as_str()), ("v1", "What ships"));
    let last = Some("2026-12-01".to_owned());
    assert_eq!(module.days, Days { first: None, last: last.clone() });
    let cycle = BundleFields::of(BundleKind::Cycle, &due);
    assert_eq!(cycle.days, Days { first: Some("2026-11-22".to_owned()), last });
    let past = milestone(1, "v1", Some("2026-11-02"));
    let day = Some("2026-11-02".to_owned());
    let days = BundleFields::of(BundleKind::Cycle, &past).days;
    assert_eq!(days, Days { first: day.clone(), last: day }, "it ends no sooner than it begins");
    for kind in BundleKind::ALL {
        let none = BundleFields::of(kind, &milestone(1, "v1", None));
        assert_eq!(none.days, Days::default());
    }
}

/// A bundle in Plane, what is known of it, and how often it was written.
#[derive(Debug, Clone, Default, PartialEq)]
struct Kept {
    base: BundleBase,
    there: BundleFields,
    writes: usize,
}

impl Kept {
    fn made_for(kind: BundleKind, milestone: &Milestone) -> Self {
        let fields = BundleFields::of(kind, milestone);
        let base = BundleBase {
            milestone: Some(milestone.clone()),
            told: fields.clone(),
            plane: fields.clone(),
        };
        Self { base, there: fields, writes: 0 }
    }

    fn told(&mut self, kind: BundleKind, milestone: &Milestone) -> Vec<Finding> {
        let plan = plan_bundle(kind, &self.base, milestone, Word::Told, &self.there);
        let change = plan.change;
        self.writes += usize::from(!change.is_empty());
        if let Some(name) = &change.name {
            self.there.name.clone_from(name);
        }
        if let Some(text) = &change.description {
            self.there.description.clone_from(text);
        }
        if let Some(days) = &change.days {
            self.there.days.clone_from(days);
        }
        self.base = settle_bundle(plan.base, &change, &self.there);
        plan.findings
    }
}

#[test]
fn what_a_person_wrote_into_a_bundle_stays_and_the_rest_follows_in_one_write() {
    let kind = BundleKind::Module;
    let mut kept = Kept::made_for(kind, &milestone(1, "v1", None));
    kept.there.name = "Winter".to_owned();
    let told = kept.told(kind, &milestone(2, "v1.0", Some("2026-12-24")));
    assert_eq!(kept.there.name, "Winter");
    assert_eq!(kept.there.days.last.as_deref(), Some("2026-12-24"));
    assert_eq!(kept.writes, 1);
    assert!(told[0].to_string().contains("Winter"), "{told:?}");
    assert_eq!(kept.told(kind, &milestone(2, "v1.0", Some("2026-12-24"))), []);
    assert_eq!(kept.writes, 1, "a second plan writes nothing");
}

#[test]
fn planes_moments_are_the_days_that_they_begin_with() {
    let wanted = Days { first: Some("2026-12-01".into()), last: Some("2026-12-14".into()) };
    let there = Days {
        first: Some("2026-12-01T00:00:01Z".into()),
        last: Some("2026-12-14T23:59:00Z".into()),
    };
    assert!(same_days(&wanted, &there));
    assert!(!same_days(&wanted, &Days::default()));
    assert!(same_days(&Days::default(), &Days::default()));
}

/// An item in Plane and what is known of it.
#[derive(Debug, Default)]
struct Item {
    base: MilestoneBase,
    modules: BTreeSet<u64>,
    cycle: Option<u64>,
    /// Modules into which people put it.
    theirs: BTreeSet<u64>,
    moves: usize,
}

fn bundle(kind: BundleKind, milestone: u64) -> Bundle {
    let id = milestone.to_string();
    Bundle { kind, name: id.clone(), id }
}

fn milestoned(now: Option<u64>) -> Milestoned {
    match now {
        None => Milestoned::Nowhere,
        Some(id) => Milestoned::In(Milestone { id, ..milestone(1, "v1", None) }),
    }
}

impl Item {
    fn sync(&mut self, kind: BundleKind, now: Option<u64>) {
        if !self.base.is_behind(&milestoned(now)) {
            return;
        }
        let target = now.map(|id| bundle(kind, id));
        let ours = self.base.ours.as_ref().filter(|ours| ours.kind == BundleKind::Cycle);
        let ours = ours.and_then(|ours| ours.id.parse::<u64>().ok());
        let at = match kind {
            BundleKind::Module => Whereabouts {
                in_target: now.is_some_and(|id| self.modules.contains(&id)),
                elsewhere: None,
            },
            BundleKind::Cycle => Whereabouts {
                in_target: self.cycle.is_some() && self.cycle == now,
                elsewhere: self
                    .cycle
                    .filter(|cycle| Some(*cycle) != ours && Some(*cycle) != now)
                    .map(|cycle| cycle.to_string()),
            },
        };
        let moves = moves(&self.base, target.as_ref(), &at);
        let Moves { leave, enter, .. } = &moves;
        if let Some(left) = leave {
            let id = left.id.parse().unwrap();
            match left.kind {
                BundleKind::Module => drop(self.modules.remove(&id)),
                BundleKind::Cycle => self.cycle = self.cycle.filter(|cycle| *cycle != id),
            }
        }
        if let Some(entered) = enter {
            let id = entered.id.parse().unwrap();
            match entered.kind {
                BundleKind::Module => drop(self.modules.insert(id)),
                BundleKind::Cycle => self.cycle = Some(id),
            }
        }
        self.moves += usize::from(leave.is_some()) + usize::from(enter.is_some());
        self.base = self.base.after(now, target.as_ref(), &moves);
    }
}

#[derive(Debug, Clone)]
enum Deed {
    Milestone(Option<u64>),
    Put(u64),
    Take(u64),
    Sync,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        prop::option::of(1..4_u64).prop_map(Deed::Milestone),
        (1..6_u64).prop_map(Deed::Put),
        (1..6_u64).prop_map(Deed::Take),
        Just(Deed::Sync),
    ];
    prop::collection::vec(deed, 0..12)
}

fn kinds() -> impl Strategy<Value = BundleKind> {
    prop::sample::select(BundleKind::ALL.to_vec())
}

fn states() -> impl Strategy<Value = Vec<Milestone>> {
    let title = prop::sample::select(vec!["v1", "v2", "v3"]);
    let due = prop::option::of(prop::sample::select(vec!["2026-12-01", "2026-12-24"]));
    prop::collection::vec((0..4_i64, title, due).prop_map(|(s, t, d)| milestone(s, t, d)), 1..6)
}

proptest! {
    #[test]
    fn any_order_and_repetition_of_a_milestones_states_ends_in_the_same_bundle(
        kind in kinds(),
        states in states(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let first = milestone(-1, "v0", None);
        let (mut one, mut other) = (Kept::made_for(kind, &first), Kept::made_for(kind, &first));
        for state in &states {
            one.told(kind, state);
        }
        for at in order {
            other.told(kind, &states[at.index(states.len())]);
        }
        for state in states.iter().rev() {
            other.told(kind, state);
        }
        prop_assert_eq!(&one.there, &other.there);
        let newest = states.iter().max().unwrap();
        prop_assert_eq!(&one.there, &BundleFields::of(kind, newest));
        let writes = one.writes;
        for state in &states {
            one.told(kind, state);
        }
        prop_assert_eq!(one.writes, writes, "a second run writes nothing");
    }

    #[test]
    fn where_people_put_an_item_it_stays_and_a_second_run_moves_nothing(
        kind in kinds(), deeds in deeds(),
    ) {
        let mut item = Item::default();
        let mut now = None;
        for deed in deeds {
            match (deed, kind) {
                (Deed::Milestone(milestone), _) => now = milestone,
                (Deed::Put(id), BundleKind::Module) => {
                    // What they put back into our module is ours again.
                    let ours = item.base.ours.as_ref().is_some_and(|ours| ours.id == id.to_string());
                    if item.modules.insert(id) && !ours {
                        item.theirs.insert(id);
                    }
                }
                (Deed::Take(id), BundleKind::Module) => {
                    item.modules.remove(&id);
                    item.theirs.remove(&id);
                }
                (Deed::Put(id), BundleKind::Cycle) => item.cycle = Some(id),
                (Deed::Take(_), BundleKind::Cycle) => item.cycle = None,
                (Deed::Sync, _) => {
                    let ours = item.base.ours.as_ref().and_then(|ours| ours.id.parse().ok());
                    let theirs = item.cycle.filter(|cycle| Some(*cycle) != ours);
                    item.sync(kind, now);
                    prop_assert!(theirs.is_none() || item.cycle == theirs, "{item:?}");
                }
            }
        }
        item.sync(kind, now);
        prop_assert!(item.theirs.is_subset(&item.modules), "{item:?}");
        let moves = item.moves;
        item.sync(kind, now);
        prop_assert_eq!(item.moves, moves);
    }

    #[test]
    fn without_people_an_item_is_in_the_bundle_of_its_last_milestone_alone(
        kind in kinds(), past in prop::collection::vec(prop::option::of(1..4_u64), 0..8),
        last in prop::option::of(1..4_u64),
    ) {
        let mut item = Item::default();
        for now in past.into_iter().chain([last]) {
            item.sync(kind, now);
        }
        match kind {
            BundleKind::Module => {
                prop_assert_eq!(item.modules, last.into_iter().collect::<BTreeSet<_>>());
            }
            BundleKind::Cycle => prop_assert_eq!(item.cycle, last),
        }
    }
}
