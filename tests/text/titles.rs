//! A title fits into Plane without a torn character.

use jetbridge::sync::markdown::{MAX_TITLE, title};
use proptest::prelude::*;

#[test]
fn a_title_that_fits_is_kept() {
    for fitting in ["x", "Ünï 日本 👩‍👩‍👧‍👦", &"é".repeat(MAX_TITLE)] {
        assert_eq!((&*title(fitting).text, title(fitting).cut), (fitting, false));
    }
}

#[test]
fn a_long_title_ends_in_an_ellipsis() {
    let cut = title(&"x".repeat(256));
    assert_eq!(cut.text, format!("{}…", "x".repeat(254)));
    assert!(cut.cut);
}

#[test]
fn a_character_of_many_code_points_is_not_torn() {
    let family = "👩‍👩‍👧‍👦";
    let cut = title(&family.repeat(40)).text;
    let whole = cut.strip_suffix('…').unwrap();
    assert_eq!(whole, family.repeat(254 / 7));
}

#[test]
fn one_endless_character_is_cut_between_code_points() {
    let cut = title(&format!("e{}", "\u{301}".repeat(300)));
    assert_eq!(cut.text.chars().count(), MAX_TITLE);
}

#[test]
fn nothing_gets_a_placeholder() {
    for blank in ["", " \n\t", "\u{a0}", "\0"] {
        assert_eq!(title(blank).text, "(no title)");
    }
}

#[test]
fn a_null_character_goes_and_is_told() {
    assert_eq!((&*title("a\0b").text, title("a\0b").cut), ("ab", true));
}

proptest! {
    #[test]
    fn every_title_is_one_that_plane_takes(written in "\\PC{0,300}|(👩‍👩‍👧|🇩🇪|é|x){0,300}") {
        let cut = title(&written);
        let length = cut.text.chars().count();
        prop_assert!((1..=MAX_TITLE).contains(&length));
        prop_assert_eq!(cut.text.trim(), &cut.text);
        prop_assert!(!cut.text.contains('\0'));
        prop_assert_eq!(title(&cut.text).text, cut.text);
    }
}
