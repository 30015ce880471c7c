//! Figures as the page says them: a number, and its unit in small letters beside it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::web::pages::spans::{grouped, length};

/// A number with what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) number: String,
    pub(super) unit: String,
}

impl Said {
    pub(super) fn of(number: impl Into<String>, unit: &str) -> Self {
        Self { number: number.into(), unit: unit.to_owned() }
    }
}

pub(super) fn none() -> Said {
    Said::of("–", "")
}

pub(super) fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

/// `92 ms`, `1.2 s`, `4 min`, `3 h`.
pub(super) fn time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        m if m < 9.95 => format!("{m:.1} ms"),
        m if m < 999.5 => format!("{m:.0} ms"),
        m if m < 99_950.0 => format!("{:.1} s", m / 1000.0),
        m if m < 7_200_000.0 => format!("{:.0} min", m / 60_000.0),
        m if m < 172_800_000.0 => format!("{:.0} h", m / 3_600_000.0),
        m => format!("{:.0} d", m / 86_400_000.0),
    }
}

pub(super) fn time_or_none(given: Option<Duration>) -> String {
    given.map_or_else(|| "–".to_owned(), time)
}

/// Seconds as a length of days and hours rather than milliseconds.
pub(super) fn span(seconds: Option<f64>) -> String {
    time_or_none(seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()))
}

/// `4 s` `ago`.
pub(super) fn ago(at: Option<Timestamp>, now: Timestamp) -> Said {
    at.map_or_else(none, |at| Said::of(age(at, now), "ago"))
}

/// How long since then, in whole units.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = (now - at).num_seconds().max(0);
    if seconds < 100 { format!("{seconds} s") } else { length(at, now) }
}

/// `99.97 %`; never rounded up to a hundred.
pub(super) fn share(share: Option<f64>) -> String {
    match share {
        None => "–".to_owned(),
        Some(share) if share >= 1.0 => "100 %".to_owned(),
        Some(share) => format!("{:.2} %", (share * 10_000.0).floor() / 100.0),
    }
}

/// `6.2` `/min`.
pub(super) fn rate(count: u64, over: Duration) -> Said {
    let minutes = over.as_secs_f64() / 60.0;
    let rate = crate::health::ratio(count, 1) / minutes.max(1.0);
    let number = match rate {
        r if r <= 0.0 => "0".to_owned(),
        r if r < 0.095 => format!("{r:.2}"),
        r if r < 99.5 => format!("{r:.1}"),
        r => format!("{r:.0}"),
    };
    Said::of(number, "/min")
}

/// `4.2` `GB`.
pub(super) fn bytes(bytes: i64) -> Said {
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let mut size = bytes as f64;
    for unit in ["B", "KB", "MB", "GB", "TB"] {
        if size < 999.5 || unit == "TB" {
            let digits = usize::from(size < 99.95 && unit != "B");
            return Said::of(format!("{size:.digits$}"), unit);
        }
        size /= 1000.0;
    }
    none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_failure_keeps_success_below_a_hundred() {
        assert_eq!(share(Some(1.0)), "100 %");
        assert_eq!(share(Some(0.999_999)), "99.99 %");
        assert_eq!(share(None), "–");
    }

    #[test]
    fn lengths_sizes_and_rates_have_a_unit_that_fits() {
        assert_eq!(time(Duration::from_micros(400)), "0.4 ms");
        assert_eq!(time(Duration::from_millis(92)), "92 ms");
        assert_eq!(time(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(time(Duration::from_mins(7)), "7 min");
        assert_eq!(bytes(4_213_000_000), Said::of("4.2", "GB"));
        assert_eq!(bytes(512), Said::of("512", "B"));
        assert_eq!(rate(372, Duration::from_hours(1)), Said::of("6.2", "/min"));
        assert_eq!(rate(1, Duration::from_hours(1)), Said::of("0.02", "/min"));
    }
}
