//! Labels and assignees: three-way merge of sets. What GitHub added and removed since the base is
//! applied to what Plane has now; everything else on the item is somebody's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::sync::mapping::NewLabel;

/// One of GitHub's labels or assignees, and what it is in Plane.
pub(super) struct Wanted {
    /// Lower-case name or login.
    pub(super) key: String,
    pub(super) target: Target,
}

pub(super) enum Target {
    /// This one, by id.
    Known(String),
    /// One that has to be made first.
    New(NewLabel),
    /// Nobody.
    Nobody,
}

/// What a set was at the base.
pub(super) struct SetBase<'a> {
    pub(super) told: &'a BTreeMap<String, Option<String>>,
    pub(super) ours: &'a BTreeSet<String>,
}

/// What a set is to be, and the base after that.
pub(super) struct SetPlan {
    pub(super) set: BTreeSet<String>,
    pub(super) told: BTreeMap<String, Option<String>>,
    pub(super) ours: BTreeSet<String>,
    /// By key; their ids are not known yet.
    pub(super) new: BTreeMap<String, NewLabel>,
}

/// A key that had no counterpart counts as added once it has one, so that a corrected mapping
/// takes effect. A key that is told unchanged is left alone, whatever Plane made of it.
pub(super) fn merge_sets(
    base: &SetBase<'_>,
    wanted: Vec<Wanted>,
    present: &BTreeSet<String>,
) -> SetPlan {
    let (mut told, mut new, mut added) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for Wanted { key, target } in wanted {
        let id = match (base.told.get(&key), target) {
            (Some(Some(known)), _) => Some(known.clone()),
            (_, Target::Known(id)) => {
                added.insert(id.clone());
                Some(id)
            }
            (_, Target::New(label)) => {
                new.insert(key.clone(), label);
                None
            }
            (_, Target::Nobody) => None,
        };
        told.insert(key, id);
    }
    let standing: BTreeSet<&String> = told.values().flatten().collect();
    let gone = base.told.iter().filter(|(key, _)| !told.contains_key(*key));
    let removed: BTreeSet<&String> = gone
        .filter_map(|(_, id)| id.as_ref())
        .filter(|id| base.ours.contains(*id) && !standing.contains(id))
        .collect();
    let kept = |set: &BTreeSet<String>| -> BTreeSet<String> {
        set.iter().filter(|id| !removed.contains(id)).cloned().collect()
    };
    let set: BTreeSet<String> = kept(present).union(&added).cloned().collect();
    let mut ours: BTreeSet<String> = kept(base.ours).intersection(present).cloned().collect();
    ours.extend(added.difference(present).cloned());
    SetPlan { set, told, ours, new }
}
