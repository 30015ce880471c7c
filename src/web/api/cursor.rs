//! Where the next page starts, as an opaque text: hex of JSON, so that it needs no escaping in
//! an address and nobody is tempted to build one.

use chrono::{DateTime, Datelike};

use crate::clock::Timestamp;
use crate::web::error::Problem;

/// The last row's time and its id among those of the same time.
pub(super) fn encode(at: Timestamp, id: &str) -> String {
    hex::encode(serde_json::json!([at.timestamp_micros(), id]).to_string())
}

/// What [`encode`] wrote.
///
/// # Errors
/// A 400 problem for anything else.
pub(super) fn decode(cursor: &str) -> Result<(Timestamp, String), Problem> {
    let read = || {
        let json = hex::decode(cursor).ok()?;
        let (micros, id): (i64, String) = serde_json::from_slice(&json).ok()?;
        let at = DateTime::from_timestamp_micros(micros)?;
        ((0..=9999).contains(&at.year()) && !id.contains('\0')).then_some((at, id))
    };
    let expected = "expected the next_cursor of the page before, unchanged";
    read().ok_or_else(|| Problem::bad_parameter("cursor", expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was(micros in 0_i64..250_000_000_000_000_000, id in "[^\0]{0,40}") {
            let at = DateTime::from_timestamp_micros(micros).unwrap();
            proptest::prop_assert_eq!(decode(&encode(at, &id)).unwrap(), (at, id));
        }

        #[test]
        fn a_damaged_cursor_is_refused_and_never_panics(text in ".{0,80}") {
            proptest::prop_assert!(decode(&text).is_err());
        }
    }

    #[test]
    fn times_that_no_row_can_have_are_refused() {
        for micros in [i64::MIN, i64::MAX, -90_000_000_000_000_000] {
            let json = serde_json::json!([micros, "id"]).to_string();
            assert!(decode(&hex::encode(json)).is_err());
        }
        assert!(decode(&hex::encode(r#"[0,"a\u0000b"]"#)).is_err());
    }
}
