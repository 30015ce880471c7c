//! Three-way merge of descriptions, block by block.
//!
//! `ours` is the new rendering of what GitHub holds, `theirs` what Plane holds now, perhaps edited
//! by a person, `base` what Plane stored after our last write. Blocks are the children of the one
//! top-level `<div>`. What only one side changed is taken from that side; what both changed
//! differently is a conflict, which is told and never decided here.
//!
//! Plane's editor writes its own class names into every block and leaves the white space between
//! blocks out, so blocks are compared without both. Deliberately absent: merging within a block.

use std::ops::Range;

use super::markdown::EMPTY;

mod blocks;
mod hunks;

use blocks::Blocks;
use hunks::{Hunk, hunks};

/// How a merge ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// Both sides' changes, together.
    Merged {
        /// The description that holds them.
        html: String,
    },
    /// Both sides changed the same place.
    Conflict {
        /// The places, in order; never empty.
        places: Vec<Conflict>,
    },
}

/// A place that both sides changed differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Where it begins, in blocks of the base, from 0.
    pub block: usize,
    /// The blocks as they were.
    pub base: Vec<String>,
    /// What GitHub's side made of them.
    pub ours: Vec<String>,
    /// What Plane's side made of them.
    pub theirs: Vec<String>,
}

/// Merges two descriptions that grew from one. A side that did not change leaves the other as it
/// is, byte for byte.
pub fn merge(base: &str, ours: &str, theirs: &str) -> Merge {
    let only = |html: &str| Merge::Merged { html: html.into() };
    if theirs == base || ours == theirs {
        return only(ours);
    }
    if ours == base {
        return only(theirs);
    }
    let (old, our, their) = (Blocks::of(base), Blocks::of(ours), Blocks::of(theirs));
    if their.keys == old.keys {
        return only(ours);
    }
    if our.keys == old.keys || our.keys == their.keys {
        return only(theirs);
    }
    both_changed(&old, &our, &their)
}

fn both_changed(old: &Blocks, our: &Blocks, their: &Blocks) -> Merge {
    let mut merged: Vec<&str> = Vec::new();
    let mut places = Vec::new();
    let mut done = 0;
    let (from_ours, from_theirs) = (Side::of(our, old), Side::of(their, old));
    let all = together(&from_ours.hunks, &from_theirs.hunks);
    for place in without_repeats(all, &from_ours, &from_theirs) {
        // Untouched blocks: both sides hold them.
        merged.extend(&old.nodes[done..place.base.start]);
        done = place.base.end;
        let ours = side(&from_ours.hunks[place.ours], &place.base);
        let theirs = side(&from_theirs.hunks[place.theirs], &place.base);
        match (ours, theirs) {
            (Some(ours), None) => merged.extend(&our.nodes[ours]),
            (None, Some(theirs)) => merged.extend(&their.nodes[theirs]),
            (Some(ours), Some(theirs)) if our.keys[ours.clone()] == their.keys[theirs.clone()] => {
                merged.extend(&their.nodes[theirs]);
            }
            (Some(ours), Some(theirs)) => places.push(Conflict {
                block: place.base.start,
                base: old.texts(place.base),
                ours: our.texts(ours),
                theirs: their.texts(theirs),
            }),
            (None, None) => {}
        }
    }
    merged.extend(&old.nodes[done..]);
    if !places.is_empty() {
        return Merge::Conflict { places };
    }
    let html =
        if merged.is_empty() { EMPTY.into() } else { format!("<div>{}</div>", merged.join("\n")) };
    Merge::Merged { html }
}

/// Changes of both sides that touch the same blocks of the base; numbers of hunks.
struct Place {
    base: Range<usize>,
    ours: Range<usize>,
    theirs: Range<usize>,
}

/// What a side made of the blocks `base`; `None` if it did not touch them.
fn side(hunks: &[Hunk], base: &Range<usize>) -> Option<Range<usize>> {
    let (first, last) = (hunks.first()?, hunks.last()?);
    let begin = first.side.start - (first.base.start - base.start);
    let end = last.side.end + (base.end - last.base.end);
    Some(begin..end)
}

/// All changes in order, those that overlap put together.
fn together(ours: &[Hunk], theirs: &[Hunk]) -> Vec<Place> {
    let order = |hunk: &Hunk| (hunk.base.start, hunk.base.end);
    let mut places = Vec::new();
    let (mut our, mut their) = (0, 0);
    loop {
        let first = match (ours.get(our), theirs.get(their)) {
            (Some(a), Some(b)) => std::cmp::min_by_key(a, b, |hunk| order(hunk)),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return places,
        };
        let mut base = first.base.clone();
        let (from_our, from_their) = (our, their);
        loop {
            let before = (our, their);
            for (hunks, next) in [(ours, &mut our), (theirs, &mut their)] {
                while let Some(hunk) = hunks.get(*next).filter(|hunk| overlap(&base, &hunk.base)) {
                    base.end = base.end.max(hunk.base.end);
                    *next += 1;
                }
            }
            if before == (our, their) {
                break;
            }
        }
        places.push(Place { base, ours: from_our..our, theirs: from_their..their });
    }
}

/// Whether two changes touch the same block, or insert at the same point.
fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a == b || (a.start < b.end && b.start < a.end)
}

/// Puts places beside each other together where both sides brought the same block: apart, it
/// would stand twice.
fn without_repeats(places: Vec<Place>, our: &Side, their: &Side) -> Vec<Place> {
    let mut out: Vec<Place> = Vec::new();
    for place in places {
        match out.last_mut() {
            Some(last)
                if last.base.end == place.base.start
                    && (our.brought(&last.ours).any(|key| their.brings(&place.theirs, key))
                        || our.brought(&place.ours).any(|key| their.brings(&last.theirs, key))) =>
            {
                last.base.end = place.base.end;
                last.ours.end = place.ours.end;
                last.theirs.end = place.theirs.end;
            }
            _ => out.push(place),
        }
    }
    out
}

/// One side's blocks, and where they differ from the base.
struct Side<'a> {
    blocks: &'a Blocks<'a>,
    hunks: Vec<Hunk>,
}

impl<'a> Side<'a> {
    fn of(blocks: &'a Blocks<'a>, base: &Blocks) -> Self {
        Self { blocks, hunks: hunks(&base.keys, &blocks.keys) }
    }

    fn brought(&self, hunks: &Range<usize>) -> impl Iterator<Item = &String> {
        self.hunks[hunks.clone()].iter().flat_map(|hunk| &self.blocks.keys[hunk.side.clone()])
    }

    fn brings(&self, hunks: &Range<usize>, key: &String) -> bool {
        self.brought(hunks).any(|own| own == key)
    }
}
