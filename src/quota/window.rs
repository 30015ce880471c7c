//! Requests of the last while, counted by parts of it.
//!
//! A request counts until a whole window has passed after the end of the part in which it was
//! answered: a little longer than the other side counts it, never shorter. So what is kept is
//! bounded whatever the limit is, and clocks of processes may differ by less than a part.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Parts of a window.
const PARTS: u32 = 60;

/// A window that slides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// How long it is.
    pub(super) length: Duration,
}

impl Shape {
    fn part(self) -> i64 {
        let millis = (self.length / PARTS).as_millis();
        i64::try_from(millis).unwrap_or(i64::MAX).max(1)
    }

    fn index(self, at: Timestamp) -> i64 {
        at.timestamp_millis().div_euclid(self.part())
    }

    /// When what was answered in a part no longer counts.
    fn ends(self, index: i64) -> Timestamp {
        let end = index.saturating_add(1).saturating_mul(self.part());
        Timestamp::from_timestamp_millis(end).unwrap_or_default() + self.length
    }
}

/// What counts in a window that slides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted(VecDeque<(i64, u32)>);

impl Counted {
    pub(super) fn add(&mut self, shape: Shape, at: Timestamp, count: u32) {
        let index = shape.index(at);
        if let Some((_, counted)) = self.0.iter_mut().find(|(known, _)| *known == index) {
            *counted = counted.saturating_add(count);
            return;
        }
        let place = self.0.partition_point(|(known, _)| *known < index);
        self.0.insert(place, (index, count));
    }

    /// Forgets what no longer counts, and what lies so far ahead that the clock was set back since.
    pub(super) fn prune(&mut self, shape: Shape, now: Timestamp) {
        let furthest = shape.index(now).saturating_add(i64::from(PARTS));
        self.0.retain(|(index, _)| shape.ends(*index) > now && *index <= furthest);
    }

    /// What counts at `now`.
    pub(super) fn count(&self, shape: Shape, now: Timestamp) -> u32 {
        self.ends(shape, now).map(|(_, count)| count).sum()
    }

    /// Of that what lies within the window whenever in its part it was: a lower bound.
    pub(super) fn within(&self, shape: Shape, now: Timestamp) -> u32 {
        let first = shape.index(now).saturating_sub(i64::from(PARTS));
        self.0.iter().filter(|(index, _)| *index > first).map(|(_, count)| count).sum()
    }

    /// When how much of what counts at `now` ends, the soonest first.
    pub(super) fn ends(
        &self,
        shape: Shape,
        now: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, u32)> {
        let ends = self.0.iter().map(move |(index, count)| (shape.ends(*index), *count));
        ends.filter(move |(ends, _)| *ends > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Shape = Shape { length: Duration::from_mins(1) };

    fn at(seconds: f64) -> Timestamp {
        let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        start + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_request_counts_for_a_whole_window_and_at_most_a_part_longer() {
        for asked in [0.0, 0.001, 0.5, 0.999] {
            let mut counted = Counted::default();
            counted.add(MINUTE, at(asked), 1);
            assert_eq!(counted.count(MINUTE, at(asked + 60.0)), 1, "{asked}");
            assert_eq!(counted.count(MINUTE, at(asked + 61.0)), 0, "{asked}");
        }
    }

    #[test]
    fn however_much_is_asked_what_is_kept_is_bounded() {
        let mut counted = Counted::default();
        for second in 0..500 {
            counted.add(MINUTE, at(f64::from(second)), 40);
            counted.prune(MINUTE, at(f64::from(second)));
        }
        assert!(counted.0.len() <= 62, "{}", counted.0.len());
        assert!(counted.count(MINUTE, at(499.5)) >= 60 * 40);
    }

    #[test]
    fn a_clock_that_is_set_back_blocks_nobody() {
        let mut counted = Counted::default();
        counted.add(MINUTE, at(90_000.0), 60);
        counted.prune(MINUTE, at(5.0));
        assert_eq!(counted.count(MINUTE, at(5.0)), 0);
    }
}
