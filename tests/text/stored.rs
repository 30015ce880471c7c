//! The simulated Plane stores what the real one stored.

use jetbridge::sim::plane::html::stored;

use super::pairs;

#[test]
fn every_recorded_write_is_stored_as_plane_stored_it() {
    for pair in pairs("markdown").into_iter().chain(pairs("html-edge")) {
        assert_eq!(stored(&pair.html).ok(), pair.stored, "{}: {}", pair.id, pair.html);
    }
}

#[test]
fn a_second_write_of_the_stored_form_changes_it_only_where_plane_does() {
    for pair in pairs("markdown") {
        let Some(first) = pair.stored else { continue };
        let second = pair.again.unwrap_or_else(|| first.clone());
        // A form of white space only is refused when it comes back.
        let expected = (!second.is_empty()).then_some(second);
        assert_eq!(stored(&first).ok(), expected, "{}", pair.id);
    }
}
