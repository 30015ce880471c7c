//! Durations and sizes as people write them: `10s`, `5m`, `25MiB`.
//!
//! One number, one unit, nothing else: `1h30m` is refused rather than guessed at.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration with its unit: `500ms`, `10s`, `5m`, `2h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(pub Duration);

/// A number of bytes: `26214400`, `25MiB`, `1GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

/// The text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a whole number with its unit (ms, s, m, h or d), such as 10s")]
pub struct InvalidDuration;

/// The text is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a whole number of bytes, or one with a unit (KiB, MiB, GiB, KB, MB, GB), such as 25MiB"
)]
pub struct InvalidSize;

const MILLIS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const BYTES: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("kib", 1 << 10),
    ("mb", 1_000_000),
    ("mib", 1 << 20),
    ("gb", 1_000_000_000),
    ("gib", 1 << 30),
];

impl FromStr for HumanDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let millis = number_and_unit(text, &MILLIS).ok_or(InvalidDuration)?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for HumanDuration {
    /// In the largest unit that loses nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, factor) = MILLIS
            .into_iter()
            .rev()
            .find(|(_, factor)| millis != 0 && millis.is_multiple_of(*factor))
            .unwrap_or(("s", 1_000));
        write!(f, "{}{unit}", millis / factor)
    }
}

impl FromStr for ByteSize {
    type Err = InvalidSize;

    fn from_str(text: &str) -> Result<Self, InvalidSize> {
        let bytes = number_and_unit(&text.to_ascii_lowercase(), &BYTES).ok_or(InvalidSize)?;
        usize::try_from(bytes).map(Self).map_err(|_| InvalidSize)
    }
}

fn number_and_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_one_number_and_one_unit() {
        let cases = [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("7 d", 604_800_000),
        ];
        for (text, millis) in cases {
            assert_eq!(text.parse(), Ok(HumanDuration(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1.5s", "1h30m", "10 seconds", "99999999999999999999s"] {
            assert_eq!(text.parse::<HumanDuration>(), Err(InvalidDuration), "{text}");
        }
    }

    #[test]
    fn a_duration_is_written_as_it_may_be_read() {
        for text in ["500ms", "10s", "10m", "2h", "7d", "1500ms", "0s"] {
            assert_eq!(text.parse::<HumanDuration>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_size_is_bytes_unless_it_says_otherwise() {
        let cases = [
            ("4096", 4_096),
            ("1B", 1),
            ("1KB", 1_000),
            ("1KiB", 1_024),
            ("25MiB", 26_214_400),
            ("25mib", 26_214_400),
            ("1 GB", 1_000_000_000),
            ("1GiB", 1 << 30),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "25 MiB/s", "1TB", "99999999999GiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(InvalidSize), "{text}");
        }
    }
}
