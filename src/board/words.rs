//! Short words for cards and pages: keys, ages, initials, and what may be drawn.

use crate::clock::Timestamp;
use crate::work_items::{StateGroup, WorkItem};

/// How many hues faces have.
pub(super) const HUES: u32 = 6;

/// What a column is called.
pub fn group_name(group: Option<StateGroup>) -> &'static str {
    match group {
        Some(StateGroup::Backlog) => "Backlog",
        Some(StateGroup::Unstarted) => "Todo",
        Some(StateGroup::Started) => "In progress",
        Some(StateGroup::Completed) => "Done",
        Some(StateGroup::Cancelled) => "Cancelled",
        None => "No state",
    }
}

/// `SYNC-12`, or the first eight characters of the id where no key is known.
pub fn short_key(item: &WorkItem) -> String {
    let key = item.state.as_ref().and_then(|s| s.key.clone());
    key.unwrap_or_else(|| item.external_id.chars().take(8).collect())
}

/// A label's color if it is one that can be drawn: `#rrggbb`.
pub fn drawable(color: Option<&str>) -> Option<&str> {
    color.filter(|c| {
        c.len() == 7 && c.starts_with('#') && c[1..].bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// `now`, `5 min`, `6 h`, `2 d`.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let age = now - since;
    match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (1.., _, _) => format!("{} d", age.num_days()),
        (_, 1.., _) => format!("{} h", age.num_hours()),
        (_, _, 1..) => format!("{} min", age.num_minutes()),
        _ => "now".to_owned(),
    }
}

/// At most `limit` characters of `text`, and an ellipsis where there were more.
pub fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// The first letters of the first and the last word, or the first two of the only one.
pub(super) fn initials(name: &str) -> String {
    let words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let letters: String = match words.as_slice() {
        [] => "?".to_owned(),
        [word] => word.chars().take(2).collect(),
        [first, .., last] => first.chars().take(1).chain(last.chars().take(1)).collect(),
    };
    letters.to_uppercase()
}

/// FNV-1a: a person keeps the hue over restarts and on every page.
pub(super) fn hue(id: &str) -> u32 {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(16_777_619));
    hash % HUES + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_their_largest_unit() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let said = |since| age(at(since), at("2026-11-22T02:00:00Z"));
        assert_eq!(said("2026-11-22T01:59:30Z"), "now");
        assert_eq!(said("2026-11-22T01:55:00Z"), "5 min");
        assert_eq!(said("2026-11-21T20:00:00Z"), "6 h");
        assert_eq!(said("2026-11-20T01:00:00Z"), "2 d");
        assert_eq!(said("2026-11-23T00:00:00Z"), "now", "a sender's clock may be ahead of ours");
    }

    #[test]
    fn only_a_color_that_can_be_drawn_is_one() {
        assert_eq!(drawable(Some("#d73A4a")), Some("#d73A4a"));
        for bad in
            ["red", "#fff", "#12345g", "d73a4a0", "\"><script>", "url(#x)", "#12345\u{e9}", ""]
        {
            assert_eq!(drawable(Some(bad)), None, "{bad}");
        }
    }

    #[test]
    fn initials_are_letters_of_the_first_and_the_last_word() {
        assert_eq!(initials("Mira Karlsson"), "MK");
        assert_eq!(initials("ada"), "AD");
        assert_eq!(initials("داليا عمر"), "دع");
        assert_eq!(initials("🚀"), "?");
        assert!((1..=HUES).contains(&hue("557968f7")));
    }
}
