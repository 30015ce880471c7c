//! Pages of lists that count places: a cursor `size:page:0`, which means the place `size * page`.
//!
//! The rule: from each place on the greatest page is asked for that begins there, and a smaller one
//! where that is longer than what is read of an answer. Each size is a whole number of the next
//! smaller ones, so a list that was walked in small pages for a while comes back to great ones by
//! itself, and no place is passed by.
//!
//! Deliberately absent: asking.

use reqwest::Url;

/// Entries a page, the greatest first; the last one is 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes(pub(super) &'static [u32]);

impl Sizes {
    /// The sizes of pages of which one begins at a place.
    pub(super) fn at(self, place: u32) -> impl Iterator<Item = u32> {
        self.0.iter().copied().filter(move |size| place.is_multiple_of(*size))
    }
}

/// A list's page of so many entries that begins at a place.
pub(super) fn page_url(list: &Url, size: u32, place: u32) -> Url {
    let mut url = list.clone();
    url.query_pairs_mut().append_pair("per_page", &size.to_string());
    if place > 0 {
        url.query_pairs_mut().append_pair("cursor", &format!("{size}:{}:0", place / size));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn great_pages_are_come_back_to_and_every_place_is_passed_once() {
        let sizes = Sizes(&[100, 20, 5, 1]);
        // The entry at 33 is too long alone, what is longer than that all the more.
        let reads = |from: u32, size: u32| !(from..from + size).contains(&33);
        let (mut place, mut walked) = (0, Vec::new());
        while place < 300 {
            let size = sizes.at(place).find(|size| reads(place, *size)).unwrap_or(1);
            walked.push((place, size));
            place += size;
        }
        let expected = [
            (0, 20),
            (20, 5),
            (25, 5),
            (30, 1),
            (31, 1),
            (32, 1),
            (33, 1),
            (34, 1),
            (35, 5),
            (40, 20),
            (60, 20),
            (80, 20),
            (100, 100),
            (200, 100),
        ];
        assert_eq!(walked, expected);
    }

    #[test]
    fn a_place_is_the_same_in_pages_of_any_size() {
        let list = Url::parse("https://plane.example/work-items/?order_by=created_at").unwrap();
        let query = |size, place| page_url(&list, size, place).query().unwrap().to_owned();
        assert_eq!(query(100, 0), "order_by=created_at&per_page=100");
        assert_eq!(query(100, 200), "order_by=created_at&per_page=100&cursor=100%3A2%3A0");
        assert_eq!(query(5, 35), "order_by=created_at&per_page=5&cursor=5%3A7%3A0");
    }
}
