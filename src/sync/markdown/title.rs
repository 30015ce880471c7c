//! A title within Plane's limit.

use unicode_segmentation::UnicodeSegmentation;

/// The most Unicode code points that Plane takes in a title.
pub const MAX_TITLE: usize = 255;

/// Stands for a title with nothing in it, which Plane refuses.
const PLACEHOLDER: &str = "(no title)";

/// A title as Plane takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutTitle {
    /// 1 to [`MAX_TITLE`] code points, without white space at the ends and without U+0000.
    pub text: String,
    /// Whether something of the title is missing, so that the description has to say it.
    pub cut: bool,
}

/// The title as Plane takes it; one that is too long ends in `…`, between two characters as a
/// reader counts them.
pub fn title(written: &str) -> CutTitle {
    // Plane refuses U+0000 and cuts white space off.
    let whole = written.replace('\0', "");
    let whole =
        whole.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c));
    let cut = written.contains('\0');
    if whole.is_empty() {
        return CutTitle { text: PLACEHOLDER.into(), cut };
    }
    if whole.chars().count() <= MAX_TITLE {
        return CutTitle { text: whole.into(), cut };
    }
    let mut room = MAX_TITLE - 1;
    let mut end = 0;
    for character in whole.graphemes(true) {
        let points = character.chars().count();
        if points > room {
            break;
        }
        room -= points;
        end += character.len();
    }
    if end == 0 {
        // One endless character: cut between code points.
        end = whole.char_indices().nth(MAX_TITLE - 1).map_or(whole.len(), |(at, _)| at);
    }
    CutTitle { text: format!("{}…", whole[..end].trim_end()), cut: true }
}
