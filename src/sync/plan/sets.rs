//! Labels and assignees: three-way merge of sets. What GitHub added and removed since the base is
//! applied to what Plane has now; everything else on the item is somebody's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::sync::mapping::NewLabel;

/// One of GitHub's labels or assignees, and what it is in Plane.
pub(super) struct Wanted {
    /// Lower-case name or login.
    pub(super) key: String,
    pub(super) target: Target,
    pub(super) before: Before,
}

/// Whose word of the base a wanted one goes on from.
pub(super) enum Before {
    /// That of the same key.
    Same,
    /// It had another key.
    Renamed(String),
    /// The key was another one's.
    Other,
}

impl Before {
    /// Which label of the base one is, by GitHub's id where that is known. `ids` are those of the base,
    /// by key.
    pub(super) fn of(ids: &BTreeMap<String, u64>, key: &str, id: Option<u64>) -> Self {
        let Some(id) = id else { return Self::Same };
        let known = ids.get(key);
        if known == Some(&id) {
            return Self::Same;
        }
        match ids.iter().find(|(_, known)| **known == id) {
            Some((from, _)) => Self::Renamed(from.clone()),
            None if known.is_some() => Self::Other,
            None => Self::Same,
        }
    }
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
/// takes effect. A key that is told unchanged is left alone, whatever Plane made of it; so is one
/// that has another name now, as long as its counterpart is the same one.
pub(super) fn merge_sets(
    base: &SetBase<'_>,
    wanted: Vec<Wanted>,
    present: &BTreeSet<String>,
) -> SetPlan {
    let (mut told, mut new, mut added) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut continued = BTreeSet::new();
    for Wanted { key, target, before } in wanted {
        let was = match &before {
            Before::Same => Some(&key),
            Before::Renamed(from) => Some(from),
            Before::Other => None,
        };
        let known = was.and_then(|was| base.told.get(was)).and_then(Option::as_ref);
        let stays = match (&before, &target) {
            (Before::Renamed(_), Target::Known(id)) => known == Some(id),
            (Before::Renamed(_), Target::New(_)) => false,
            _ => true,
        };
        if stays {
            continued.extend(was.cloned());
        }
        let id = match (known.filter(|_| stays), target) {
            (Some(known), _) => Some(known.clone()),
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
    let gone = base.told.iter().filter(|(key, _)| !continued.contains(*key));
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
