//! Aligned columns for people. What comes from outside is shown without control characters, which
//! could otherwise write anything onto the reader's terminal.

use std::borrow::Cow;

use crate::clock::Timestamp;

/// Rows of one width in cells.
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// With its head.
    pub(super) fn new(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_owned)] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: [Cow<'_, str>; N]) {
        self.rows.push(cells.map(|cell| printable(&cell)));
    }

    /// The text; the last column is as wide as it is.
    pub(super) fn render(&self) -> String {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let lines = self.rows.iter().map(|row| {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            cells.join("  ").trim_end().to_owned() + "\n"
        });
        lines.collect()
    }
}

/// Names and values, one a line; those without a value are left out.
pub(super) fn fields(pairs: &[(&str, Option<Cow<'_, str>>)]) -> String {
    let shown = pairs.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let width = shown.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        shown.map(|(name, value)| format!("{name:width$}  {}\n", printable(value))).collect();
    lines.concat()
}

/// The text without characters that steer a terminal or turn the reading direction.
pub(super) fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// A moment for people, whole seconds in UTC.
pub(super) fn moment(time: Timestamp) -> Cow<'static, str> {
    time.format("%F %TZ").to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["ID", "TITLE"]);
        table.row(["naïve".into(), "x".into()]);
        table.row(["1".into(), "".into()]);
        assert_eq!(table.render(), "ID     TITLE\nnaïve  x\n1\n");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let mut table = Table::new(["TITLE"]);
        table.row(["\u{1b}[31mred\u{9b}0m\nnext\u{202e}".into()]);
        assert_eq!(table.render(), "TITLE\n\u{fffd}[31mred\u{fffd}0m\u{fffd}next\u{fffd}\n");
    }

    #[test]
    fn a_field_without_a_value_is_left_out() {
        let text = fields(&[("title", Some("a".into())), ("url", None), ("id", Some("b".into()))]);
        assert_eq!(text, "title  a\nid     b\n");
    }
}
