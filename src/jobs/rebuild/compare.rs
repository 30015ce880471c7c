//! What was derived against what is stored. Pure: no I/O, no clock.

use std::collections::HashMap;

use super::derive::{Derivation, Derived};
use super::report::{ColumnDifference, Difference, Kind};
use crate::ids::WorkItemRef;
use crate::store::rebuild_rows::{Columns, columns_of_comment, columns_of_item};
use crate::store::rebuild_swap::{Replacement, Row};

const ITEMS: &str = "work_items";
const COMMENTS: &str = "work_item_comments";

/// What differs of one item, and what would put it right.
pub(super) struct Compared {
    pub(super) differences: Vec<Difference>,
    pub(super) replacement: Option<Replacement>,
}

impl Compared {
    /// Whether something is wrong that can't be put right.
    pub(super) fn is_unmendable(&self) -> bool {
        !self.differences.is_empty() && self.replacement.is_none()
    }
}

pub(super) fn compare(derivation: Derivation, prints: Vec<(WorkItemRef, String)>) -> Vec<Compared> {
    let mut prints: HashMap<_, _> = prints.into_iter().collect();
    let compared = derivation.derived.into_iter().map(|(item, derived)| {
        let fingerprint = prints.remove(&item).unwrap_or_default();
        one(&item, &derived, fingerprint)
    });
    compared.filter(|compared| !compared.differences.is_empty()).collect()
}

fn one(item: &WorkItemRef, derived: &Derived, fingerprint: String) -> Compared {
    let why = because(derived);
    let mut differences = Vec::new();
    let mut replacement = Replacement {
        item: item.clone(),
        fingerprint,
        row: Row::Kept,
        comments: Vec::new(),
        gone: Vec::new(),
    };
    let stored = derived.stored.as_ref();
    let told = derived.item.as_ref();
    let wanted = told.map(columns_of_item);
    let stored_columns = stored.map(|stored| &stored.columns);
    if let Some(mut difference) = difference(ITEMS, item.as_str(), stored_columns, wanted.as_ref())
    {
        difference.why.clone_from(&why);
        differences.push(difference);
        replacement.row = match told {
            Some(item) => Row::Written(Box::new(item.clone())),
            None => Row::Removed,
        };
    }
    comments(derived, &why, &mut differences, &mut replacement);
    // Rows that retention left nothing to derive from: all that is known is that there was one.
    if derived.dropped > 0 && told.is_none() {
        let why = "its bodies were dropped, so it can't be derived: restore it from a backup";
        differences.clear();
        differences.push(Difference {
            table: ITEMS,
            key: item.to_string(),
            kind: if stored.is_none() { Kind::Missing } else { Kind::Unreadable },
            columns: Vec::new(),
            why: why.to_owned(),
        });
        return Compared { differences, replacement: None };
    }
    let replacement = (!differences.is_empty()).then_some(replacement);
    Compared { differences, replacement }
}

fn comments(
    derived: &Derived,
    why: &str,
    differences: &mut Vec<Difference>,
    replacement: &mut Replacement,
) {
    let stored: HashMap<_, _> =
        derived.stored_comments.iter().map(|c| (&c.whole.said.comment, &c.columns)).collect();
    for (reference, comment) in &derived.comments {
        let wanted = columns_of_comment(comment);
        let stored = stored.get(reference).copied();
        if let Some(mut found) = difference(COMMENTS, reference.as_str(), stored, Some(&wanted)) {
            why.clone_into(&mut found.why);
            differences.push(found);
            replacement.comments.push(comment.clone());
        }
    }
    for stored in &derived.stored_comments {
        let reference = &stored.whole.said.comment;
        if !derived.comments.contains_key(reference) {
            let found = difference(COMMENTS, reference.as_str(), Some(&stored.columns), None);
            differences.extend(found.map(|found| Difference {
                why: "no delivery of its item tells of it".to_owned(),
                ..found
            }));
            replacement.gone.push(reference.clone());
        }
    }
}

fn because(derived: &Derived) -> String {
    let Derived { deliveries, dropped, unrecorded, .. } = derived;
    match (derived.item.is_some(), dropped, unrecorded) {
        (false, ..) => "no delivery tells of it".to_owned(),
        (true, 1.., _) => format!(
            "the {} deliveries that still have their bodies tell more than is stored",
            deliveries - dropped
        ),
        (true, 0, 1..) => format!(
            "its {deliveries} deliveries say otherwise; {unrecorded} of them were read before it was kept with which of Plane's names, and those are taken as they are now"
        ),
        (true, 0, 0) => format!("its {deliveries} deliveries say otherwise"),
    }
}

fn difference(
    table: &'static str,
    key: &str,
    stored: Option<&Columns>,
    wanted: Option<&Columns>,
) -> Option<Difference> {
    let (kind, columns) = match (stored, wanted) {
        (None, None) => return None,
        (None, Some(_)) => (Kind::Missing, Vec::new()),
        (Some(_), None) => (Kind::Unknown, Vec::new()),
        (Some(stored), Some(wanted)) => (Kind::Differs, differing(stored, wanted)),
    };
    if kind == Kind::Differs && columns.is_empty() {
        return None;
    }
    Some(Difference { table, key: key.to_owned(), kind, columns, why: String::new() })
}

fn differing(stored: &Columns, wanted: &Columns) -> Vec<ColumnDifference> {
    stored
        .iter()
        .filter_map(|(column, stored)| {
            let derived = wanted.get(column).cloned().unwrap_or_default();
            (*stored != derived).then(|| ColumnDifference {
                column: column.clone(),
                stored: stored.clone(),
                derived,
            })
        })
        .collect()
}
