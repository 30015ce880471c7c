//! Whose turn it is in the second stage, and how soon a repository with a limit has the next. Pure.
//!
//! Start-time fair queueing with one issue as the unit: each repository's turns are counted, whoever
//! has had the fewest is next, and one that comes back after a pause begins where the others are,
//! so that nobody saves turns up. One that floods the queue then delays only itself.
//!
//! Deliberately absent: acceptance. Every delivery is taken in, read and shown at once; only what is
//! written to other systems waits.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// How fast a repository's issues may be brought in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct RateLimit {
    /// On average.
    pub per_minute: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

/// As it is written: a number alone, or with its burst.
#[derive(Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "expected a whole number of issues a minute, or { per_minute = 60, burst = 20 }"
)]
enum Written {
    Number(NonZeroU32),
    Both { per_minute: NonZeroU32, burst: NonZeroU32 },
}

/// No limit makes anybody wait for longer: one issue a minute is the lowest. What waits for longer was
/// told to by a clock that has been set back since.
pub const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(1);

impl RateLimit {
    /// So many a minute; ten seconds' worth of them at once.
    pub fn per_minute(per_minute: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(per_minute.get() / 6).unwrap_or(NonZeroU32::MIN);
        Self { per_minute, burst }
    }

    /// When the next one may begin, after one that began `now`; `next_at` is what was said before.
    pub fn next(self, next_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let interval = TimeDelta::microseconds(60_000_000 / i64::from(self.per_minute.get()));
        let tolerance = interval * i32::try_from(self.burst.get() - 1).unwrap_or(i32::MAX);
        let next_at = next_at.filter(|next_at| *next_at <= now + LONGEST_WAIT);
        let used_up_until = next_at.map_or(now, |next_at| (next_at + tolerance).max(now));
        used_up_until + interval - tolerance
    }
}

impl From<Written> for RateLimit {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(per_minute) => Self::per_minute(per_minute),
            Written::Both { per_minute, burst } => Self { per_minute, burst },
        }
    }
}

impl From<RateLimit> for Written {
    fn from(limit: RateLimit) -> Self {
        let RateLimit { per_minute, burst } = limit;
        if limit == RateLimit::per_minute(per_minute) {
            return Self::Number(per_minute);
        }
        Self::Both { per_minute, burst }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(per_minute: u32, burst: u32) -> RateLimit {
        let number = |number| NonZeroU32::new(number).unwrap();
        RateLimit { per_minute: number(per_minute), burst: number(burst) }
    }

    #[test]
    fn a_number_alone_lets_ten_seconds_of_it_through_at_once() {
        let read = |text: &str| serde_json::from_str::<RateLimit>(text).unwrap();
        assert_eq!(read("60"), limit(60, 10));
        assert_eq!(read("3"), limit(3, 1));
        assert_eq!(read(r#"{"per_minute": 60, "burst": 20}"#), limit(60, 20));
        assert!(serde_json::from_str::<RateLimit>("0").is_err());
    }

    proptest! {
        #[test]
        fn whenever_they_come_no_more_begin_than_the_rate_and_one_burst(
            per_minute in 1..200_u32,
            burst in 1..50_u32,
            gaps in proptest::collection::vec(0..5_000_i64, 1..200),
        ) {
            let limit = limit(per_minute, burst);
            let start: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
            let (mut now, mut next_at, mut begun) = (start, None, Vec::new());
            for gap in gaps {
                now += TimeDelta::milliseconds(gap);
                if next_at.is_none_or(|next_at| next_at <= now) {
                    next_at = Some(limit.next(next_at, now));
                    begun.push(now);
                }
            }
            for (first, from) in begun.iter().enumerate() {
                for (last, to) in begun.iter().enumerate().skip(first) {
                    let seconds = (*to - *from).as_seconds_f64();
                    let allowed = f64::from(burst) + seconds * f64::from(per_minute) / 60.0 + 1e-6;
                    let count = u32::try_from(last - first + 1).unwrap();
                    prop_assert!(f64::from(count) <= allowed.floor().max(1.0) + 1e-9, "{count} in {seconds} s");
                }
            }
        }

        #[test]
        fn after_a_pause_a_whole_burst_may_begin_at_once(per_minute in 1..200_u32, burst in 1..50_u32) {
            let limit = limit(per_minute, burst);
            let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
            let mut next_at = None;
            for place in 0..burst {
                prop_assert!(next_at.is_none_or(|next_at| next_at <= now), "{place} of {burst}");
                next_at = Some(limit.next(next_at, now));
            }
            prop_assert!(next_at > Some(now));
        }
    }
}
