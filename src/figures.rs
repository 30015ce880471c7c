//! How deliveries end, counted: what one end adds to the figures, and what is read off their sums.
//!
//! A figure is only ever added: a batch says in its own commit how many of its deliveries ended
//! how, so the figures are exact whatever the split into batches, and two workers never wait for
//! one row. How long a delivery took is kept as one of a fixed list of lengths of time, so that
//! percentiles of any sum of figures can be told, to within the width of one of them.
//!
//! Deliberately absent: when to merge and forget, which is `jobs/watch`, and the tables.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::sources::Source;

/// The shortest time over which ends are counted together.
pub const BUCKET: Duration = Duration::from_mins(5);
/// Longest name of an event or a place that is kept; a sender may say anything.
const LONGEST_NAME: usize = 100;
/// Ends of the lengths of time, in milliseconds: six a decade, up to about a day. What took longer
/// than the last is of the one after it.
const LAG_ENDS_MS: [u64; 48] = [
    1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000,
    3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000, 70_000, 100_000, 150_000, 200_000,
    300_000, 500_000, 700_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000, 7_000_000,
    10_000_000, 15_000_000, 20_000_000, 30_000_000, 50_000_000, 86_400_000,
];

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ended {
    /// Worked off at the first attempt.
    Done,
    /// Nothing was to be done, for a reason that its timeline says.
    Ignored,
    /// Worked off, but not at the first attempt.
    Retried,
    /// Failed for good.
    Failed,
}

impl Ended {
    /// All of them, in the order in which they are stacked.
    pub const ALL: [Self; 4] = [Self::Done, Self::Ignored, Self::Retried, Self::Failed];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Retried => "retried",
            Self::Failed => "failed",
        }
    }

    /// From the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ended| ended.as_str() == word)
    }
}

/// One delivery's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// When it ended.
    pub at: Timestamp,
    /// Who sent it.
    pub source: Source,
    /// `owner/name`, Plane's project, or empty where neither is known.
    pub place: String,
    /// The sender's word for what happened.
    pub event: String,
    /// How.
    pub ended: Ended,
    /// From its commit, or from the wish to run it again, to its end.
    pub lag: Duration,
}

/// So many ends of one kind in one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// When the bucket begins.
    pub bucket: Timestamp,
    /// Who sent them.
    pub source: Source,
    /// Where they belong.
    pub place: String,
    /// What happened.
    pub event: String,
    /// How they ended.
    pub ended: Ended,
    /// After about how long.
    pub lag: LagBucket,
    /// How many.
    pub count: u64,
}

/// The ends of a batch, those of one kind together.
pub fn tally(figures: &[Figure]) -> Vec<Tally> {
    let mut sums = BTreeMap::new();
    for figure in figures {
        let bucket = floor(figure.at, BUCKET);
        let (place, event) = (shortened(&figure.place), shortened(&figure.event));
        let key = (bucket, figure.source, place, event, figure.ended, LagBucket::of(figure.lag));
        *sums.entry(key).or_insert(0) += 1;
    }
    let tally = |((bucket, source, place, event, ended, lag), count): (_, u64)| {
        let (place, event): (&str, &str) = (place, event);
        Tally { bucket, source, place: place.into(), event: event.into(), ended, lag, count }
    };
    sums.into_iter().map(tally).collect()
}

/// The last multiple of `step` since 1970 that is not after `at`.
pub fn floor(at: Timestamp, step: Duration) -> Timestamp {
    let step = i64::try_from(step.as_secs()).unwrap_or(i64::MAX).max(1);
    let seconds = at.timestamp().div_euclid(step) * step;
    Timestamp::from_timestamp(seconds, 0).unwrap_or(at)
}

fn shortened(name: &str) -> &str {
    name.char_indices().nth(LONGEST_NAME).map_or(name, |(end, _)| &name[..end])
}

/// One of the fixed lengths of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LagBucket(u8);

impl LagBucket {
    /// The one that holds `lag`.
    pub fn of(lag: Duration) -> Self {
        let at = LAG_ENDS_MS.partition_point(|end| Duration::from_millis(*end) < lag);
        Self(u8::try_from(at).unwrap_or(u8::MAX))
    }

    /// From the stored number; one that is too great counts as the last.
    pub fn from_index(index: i64) -> Self {
        let last = LAG_ENDS_MS.len();
        let index = usize::try_from(index).unwrap_or(0).min(last);
        Self(u8::try_from(index).unwrap_or(u8::MAX))
    }

    /// The number that is stored.
    pub fn index(self) -> u8 {
        self.0
    }
}

/// Lags of many deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lags([u64; LAG_ENDS_MS.len() + 1]);

impl Default for Lags {
    fn default() -> Self {
        Self([0; LAG_ENDS_MS.len() + 1])
    }
}

impl Lags {
    /// Adds `count` of one length.
    pub fn add(&mut self, lag: LagBucket, count: u64) {
        self.0[usize::from(lag.0)] += count;
    }

    /// Adds all of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The time that `per_cent` of them did not exceed, within the width of the length of time
    /// that it falls into; `None` while there are none.
    pub fn percentile(&self, per_cent: u8) -> Option<Duration> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let rank = (total * u64::from(per_cent.min(100))).div_ceil(100).max(1);
        let mut below = 0;
        for (at, &count) in self.0.iter().enumerate() {
            if below + count >= rank {
                return Some(within(at, rank - below, count));
            }
            below += count;
        }
        None
    }
}

/// The `nth` of `count` that are spread evenly over one length of time.
fn within(at: usize, nth: u64, count: u64) -> Duration {
    let start = at.checked_sub(1).map_or(0, |before| LAG_ENDS_MS[before]);
    let end = LAG_ENDS_MS.get(at).copied().unwrap_or(start);
    let micros = (end - start) * 1000;
    Duration::from_micros(start * 1000 + micros * nth / count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn figure(time: &str, ended: Ended, millis: u64) -> Figure {
        Figure {
            at: at(time),
            source: Source::Github,
            place: "octo/api".to_owned(),
            event: "issues".to_owned(),
            ended,
            lag: Duration::from_millis(millis),
        }
    }

    #[test]
    fn ends_of_one_kind_are_counted_together_and_others_apart() {
        let figures = [
            figure("2026-11-22T02:04:59Z", Ended::Done, 80),
            figure("2026-11-22T02:00:00Z", Ended::Done, 90),
            figure("2026-11-22T02:05:00Z", Ended::Done, 90),
            figure("2026-11-22T02:04:59Z", Ended::Failed, 90),
        ];
        let tallies = tally(&figures);
        assert_eq!(tallies.iter().map(|t| t.count).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(tallies[0].bucket, at("2026-11-22T02:00:00Z"));
        assert_eq!(tallies.iter().map(|t| t.count).sum::<u64>(), 4);
    }

    #[test]
    fn any_split_into_batches_adds_up_to_the_same() {
        let ended = [Ended::Done, Ended::Ignored, Ended::Retried, Ended::Failed];
        let figures: Vec<_> =
            (0..40).map(|n| figure("2026-11-22T02:00:00Z", ended[n % 4], n as u64 * 37)).collect();
        let sums = |tallies: Vec<Tally>| {
            let mut sums = BTreeMap::new();
            for t in tallies {
                *sums.entry((t.ended, t.lag)).or_insert(0) += t.count;
            }
            sums
        };
        let whole = sums(tally(&figures));
        for size in [1, 3, 7, 39] {
            assert_eq!(sums(figures.chunks(size).flat_map(tally).collect()), whole, "{size}");
        }
    }

    #[test]
    fn every_length_falls_into_one_bucket_and_the_buckets_rise() {
        assert!(LAG_ENDS_MS.is_sorted_by(|a, b| a < b));
        for (millis, index) in [(0, 0), (1, 0), (2, 1), (90, 12), (100, 12), (101, 13)] {
            assert_eq!(LagBucket::of(Duration::from_millis(millis)).index(), index, "{millis}");
        }
        let longest = LagBucket::of(Duration::from_hours(100));
        assert_eq!(usize::from(longest.index()), LAG_ENDS_MS.len());
        assert_eq!(LagBucket::from_index(999), longest);
    }

    #[test]
    fn a_percentile_lies_in_the_bucket_that_holds_it() {
        let mut lags = Lags::default();
        assert_eq!(lags.percentile(50), None);
        for millis in 1..=1000 {
            lags.add(LagBucket::of(Duration::from_millis(millis)), 1);
        }
        for (per_cent, expected) in [(50, 500.0), (95, 950.0), (99, 990.0), (100, 1000.0)] {
            let told = lags.percentile(per_cent).unwrap().as_secs_f64() * 1000.0;
            assert!((told - expected).abs() / expected < 0.02, "p{per_cent}: {told}");
        }
    }

    #[test]
    fn a_name_of_any_length_is_kept_short_without_tearing_a_character() {
        let mut long = figure("2026-11-22T02:00:00Z", Ended::Done, 1);
        long.event = "ä".repeat(5000);
        assert_eq!(tally(&[long])[0].event.chars().count(), LONGEST_NAME);
    }
}
