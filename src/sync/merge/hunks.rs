//! Where one list of blocks differs from another.

use std::ops::Range;

/// More comparisons than this are not made: what lies between the first and the last difference
/// then counts as changed.
const MAX_COMPARISONS: usize = 4_000_000;

/// Blocks `base` of the base became blocks `side` of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    pub base: Range<usize>,
    pub side: Range<usize>,
}

/// The differences, in order; blocks between them are equal.
pub(super) fn hunks(base: &[String], side: &[String]) -> Vec<Hunk> {
    let front = base.iter().zip(side).take_while(|(a, b)| a == b).count();
    let most = base.len().min(side.len()) - front;
    let back =
        base.iter().rev().zip(side.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let (base_end, side_end) = (base.len() - back, side.len() - back);
    let mut found = Vec::new();
    let (mut from_base, mut from_side) = (front, front);
    let equal = equal_pairs(&base[front..base_end], &side[front..side_end]);
    let ends = [(base_end - front, side_end - front)];
    for (b, s) in equal.into_iter().chain(ends) {
        let (b, s) = (front + b, front + s);
        if (from_base, from_side) != (b, s) {
            found.push(Hunk { base: from_base..b, side: from_side..s });
        }
        (from_base, from_side) = (b + 1, s + 1);
    }
    found
}

/// A longest common subsequence as pairs of places.
fn equal_pairs(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    if a.len().saturating_mul(b.len()) > MAX_COMPARISONS {
        return Vec::new();
    }
    let width = b.len() + 1;
    let mut longest = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
