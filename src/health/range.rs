//! The ranges of time that figures are shown over: each ends now and is cut into slots that begin
//! at whole multiples of their length, so that a slot never changes its bounds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::figures::floor;

/// How far back to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// Twelve slots of five minutes.
    Hour,
    /// Forty-eight slots of half an hour.
    #[default]
    Day,
    /// Fifty-six slots of three hours.
    Week,
    /// Sixty slots of twelve hours.
    Month,
}

impl Range {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// As written in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// How long it is.
    pub fn length(self) -> Duration {
        match self {
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
            Self::Week => Duration::from_hours(7 * 24),
            Self::Month => Duration::from_hours(30 * 24),
        }
    }

    /// How long one slot is.
    pub fn step(self) -> Duration {
        match self {
            Self::Hour => Duration::from_mins(5),
            Self::Day => Duration::from_mins(30),
            Self::Week => Duration::from_hours(3),
            Self::Month => Duration::from_hours(12),
        }
    }

    /// How long one slot is, in seconds.
    pub fn step_seconds(self) -> i64 {
        i64::try_from(self.step().as_secs()).unwrap_or(i64::MAX)
    }

    /// What a slot is called: `per half hour`.
    pub fn step_name(self) -> &'static str {
        match self {
            Self::Hour => "per 5 minutes",
            Self::Day => "per half hour",
            Self::Week => "per 3 hours",
            Self::Month => "per half day",
        }
    }

    /// When its first slot begins.
    pub fn start(self, now: Timestamp) -> Timestamp {
        floor(now, self.step()) + self.step() - self.length()
    }

    /// When its slots begin, the oldest first; the last one is under way.
    pub fn slots(self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        let count = self.length().as_secs() / self.step().as_secs();
        let start = self.start(now);
        (0..count).map(move |n| start + self.step() * u32::try_from(n).unwrap_or_default())
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no range.
#[derive(Debug, thiserror::Error)]
#[error("unknown range “{0}”: expected 1h, 24h, 7d or 30d")]
pub struct UnknownRange(String);

impl FromStr for Range {
    type Err = UnknownRange;

    fn from_str(text: &str) -> Result<Self, UnknownRange> {
        let mut all = Self::ALL.into_iter();
        all.find(|range| range.as_str() == text).ok_or_else(|| UnknownRange(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_with_the_slot_that_is_under_way() {
        let now: Timestamp = "2026-11-22T14:02:11Z".parse().unwrap();
        for range in Range::ALL {
            let slots: Vec<_> = range.slots(now).collect();
            let last = *slots.last().unwrap();
            assert!(last <= now && now < last + range.step(), "{range}");
            assert!(slots.iter().all(|s| s.timestamp() % range.step_seconds() == 0), "{range}");
            assert_eq!(slots[0], range.start(now));
            assert_eq!(range.as_str().parse::<Range>().unwrap(), range);
        }
        assert_eq!(Range::Day.slots(now).count(), 48);
    }
}
