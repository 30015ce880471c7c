//! JSON as a page shows it: laid out and colored, every character of every value as it was sent.
//!
//! It reads tokens, not values: numbers keep all their digits, repeated keys stay, escapes stay
//! escapes, and what is no JSON comes out as the text that it is. Input and output are bounded,
//! so that a body of brackets can't become a page of spaces.

/// Bytes of a body that are looked at.
pub(super) const INPUT: usize = 200 * 1024;
/// Bytes of text after which no more is laid out.
const OUTPUT: usize = 600 * 1024;
/// Levels that are indented; deeper ones stand under each other.
const LEVELS: usize = 24;

/// A run of text of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The style's class; empty for none.
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// A body ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonText {
    pub(super) runs: Vec<Run>,
    /// Whether there is more than is shown.
    pub(super) end: End,
}

/// Whether all of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Cut,
}

/// Lays out the beginning of `body`.
pub(super) fn lay_out(body: &[u8]) -> JsonText {
    let mut end = if body.len() > INPUT { End::Cut } else { End::Whole };
    let text = String::from_utf8_lossy(&body[..body.len().min(INPUT)]);
    let mut page = Page::default();
    let mut rest = text.as_ref();
    while let Some(first) = rest.chars().next() {
        if page.length > OUTPUT {
            end = End::Cut;
            break;
        }
        let length = token(rest, first);
        let (word, after) = rest.split_at(length);
        page.put(word, first, after);
        rest = after;
    }
    JsonText { runs: page.runs, end }
}

/// Length of the token at the beginning of `text`.
fn token(text: &str, first: char) -> usize {
    match first {
        '"' => {
            let mut escaped = false;
            let closing = text.char_indices().skip(1).find(|(_, c)| {
                let closes = *c == '"' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
            closing.map_or(text.len(), |(at, _)| at + 1)
        }
        '{' | '}' | '[' | ']' | ',' | ':' => 1,
        c if c.is_ascii_whitespace() => {
            text.find(|c: char| !c.is_ascii_whitespace()).unwrap_or(text.len())
        }
        _ => text
            .find(|c: char| c.is_ascii_whitespace() || "{}[],:\"".contains(c))
            .unwrap_or(text.len()),
    }
}

#[derive(Default)]
struct Page {
    runs: Vec<Run>,
    length: usize,
    depth: usize,
    /// Text without a class that is still growing.
    plain: String,
}

impl Page {
    fn put(&mut self, word: &str, first: char, after: &str) {
        let next = after.trim_ascii_start().chars().next();
        match first {
            '{' | '[' => {
                self.plain(word);
                self.depth += 1;
                if !matches!(next, Some('}' | ']') | None) {
                    self.new_line();
                }
            }
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                if !(self.plain.ends_with(['{', '['])) {
                    self.new_line();
                }
                self.plain(word);
            }
            ',' => {
                self.plain(word);
                self.new_line();
            }
            ':' => self.plain(": "),
            c if c.is_ascii_whitespace() => {}
            '"' if next == Some(':') => self.run("k", word),
            '"' => self.run("s", word),
            _ => self.run("n", word),
        }
        if next.is_none() {
            self.flush();
        }
    }

    fn plain(&mut self, text: &str) {
        self.length += text.len();
        self.plain.push_str(text);
    }

    fn new_line(&mut self) {
        let indent = "  ".repeat(self.depth.min(LEVELS));
        self.plain("\n");
        self.plain(&indent);
    }

    fn run(&mut self, class: &'static str, text: &str) {
        self.flush();
        self.length += text.len();
        self.runs.push(Run { class, text: text.to_owned() });
    }

    fn flush(&mut self) {
        if !self.plain.is_empty() {
            let text = std::mem::take(&mut self.plain);
            self.runs.push(Run { class: "", text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str) -> String {
        lay_out(body.as_bytes()).runs.into_iter().map(|run| run.text).collect()
    }

    #[test]
    fn values_stand_under_each_other_as_they_were_sent() {
        let body = r#"{"b":[1.50,{}, []],"a":"x\"\u0000{,}","b":12345678901234567890}"#;
        let expected = "{\n  \"b\": [\n    1.50,\n    {},\n    []\n  ],\n  \"a\": \"x\\\"\\u0000{,}\",\n  \"b\": 12345678901234567890\n}";
        assert_eq!(shown(body), expected);
    }

    #[test]
    fn keys_texts_and_numbers_have_their_classes() {
        let classes: Vec<_> = lay_out(br#"{"k" : "s", "n": 1, "t": true}"#)
            .runs
            .into_iter()
            .filter(|run| !run.class.is_empty())
            .map(|run| (run.class, run.text))
            .collect();
        let expected = [
            ("k", "\"k\""),
            ("s", "\"s\""),
            ("k", "\"n\""),
            ("n", "1"),
            ("k", "\"t\""),
            ("n", "true"),
        ];
        assert_eq!(classes, expected.map(|(class, text)| (class, text.to_owned())));
    }

    #[test]
    fn what_is_no_json_comes_out_as_text() {
        for body in ["nope", "\"open", "}{", "", "<script>"] {
            let text = shown(body).replace(['\n', ' '], "");
            assert_eq!(text, body);
        }
        assert!(shown("a\u{fffd}").contains('\u{fffd}'));
    }

    #[test]
    fn a_bomb_of_brackets_stays_small() {
        let bomb = "[1,".repeat(INPUT);
        let text = lay_out(bomb.as_bytes());
        assert_eq!(text.end, End::Cut);
        assert!(text.runs.iter().map(|run| run.text.len()).sum::<usize>() < 2 * OUTPUT);
    }
}
