//! Times and lengths of time as pages say them. All times are UTC, and so they say.

use crate::clock::Timestamp;

/// `14:02:11` today, `21 Nov 14:02` this year, `21 Nov 2025` before.
pub(super) fn when(at: Timestamp, now: Timestamp) -> String {
    let format = if at.date_naive() == now.date_naive() {
        "%H:%M:%S"
    } else if at.format("%Y").to_string() == now.format("%Y").to_string() {
        "%-d %b %H:%M"
    } else {
        "%-d %b %Y"
    };
    at.format(format).to_string()
}

/// For `datetime` and `title`: milliseconds and the zone.
pub(super) fn exact(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `Today, Sunday 22 November`, `Yesterday, …`, `Friday 20 November`, with the year if it is another.
pub(super) fn day(at: Timestamp, now: Timestamp) -> String {
    let name = at.format("%A %-d %B").to_string();
    match (now.date_naive() - at.date_naive()).num_days() {
        0 => format!("Today, {name}"),
        1 => format!("Yesterday, {name}"),
        2..300 => name,
        _ => at.format("%A %-d %B %Y").to_string(),
    }
}

/// `31 ms`, `9.2 s`, `4 min`, `3 h`, `2 d`; a negative length is none.
pub(super) fn length(from: Timestamp, to: Timestamp) -> String {
    let millis = (to - from).num_milliseconds().max(0);
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..100_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        100_000..7_200_000 => format!("{} min", millis / 60_000),
        7_200_000..172_800_000 => format!("{} h", millis / 3_600_000),
        _ => format!("{} d", millis / 86_400_000),
    }
}

/// `14 208`: thin spaces, so that long numbers can be read.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && !text.ends_with('-') {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_says_as_much_of_its_date_as_it_must() {
        let now = at("2026-11-22T02:00:00Z");
        assert_eq!(when(at("2026-11-22T01:02:03.456Z"), now), "01:02:03");
        assert_eq!(when(at("2026-11-21T01:02:03Z"), now), "21 Nov 01:02");
        assert_eq!(when(at("2025-11-21T01:02:03Z"), now), "21 Nov 2025");
        assert_eq!(day(at("2026-11-21T23:59:59Z"), now), "Yesterday, Saturday 21 November");
        assert_eq!(day(at("2025-11-22T01:00:00Z"), now), "Saturday 22 November 2025");
    }

    #[test]
    fn lengths_are_said_in_a_unit_that_fits() {
        let from = at("2026-11-22T02:00:00Z");
        let said = |millis| length(from, from + chrono::TimeDelta::milliseconds(millis));
        assert_eq!(said(31), "31 ms");
        assert_eq!(said(9_250), "9.2 s");
        assert_eq!(said(240_000), "4 min");
        assert_eq!(said(3 * 86_400_000), "3 d");
        assert_eq!(said(-5), "0 ms");
    }

    #[test]
    fn long_numbers_are_grouped_by_three() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(14_208), "14\u{202f}208");
        assert_eq!(grouped(-123_456), "-123\u{202f}456");
    }
}
