//! Indents JSON without reading it into values, so that the order of keys, numbers of any size
//! and escapes stay as they were sent.

use std::fmt::Write;

use serde::de::IgnoredAny;

/// The text indented by two spaces; `None` when it is not JSON.
pub(super) fn indented(json: &[u8]) -> Option<String> {
    serde_json::from_slice::<IgnoredAny>(json).ok()?;
    let text = std::str::from_utf8(json).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut chars = text.chars().peekable();
    let (mut in_string, mut escaped) = (false, false);
    while let Some(c) = chars.next() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            push_visible(&mut out, c);
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                out.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_string = true;
                out.push(c);
            }
            other => out.push(other),
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// JSON lets some characters through that steer a terminal; escaped they mean the same.
fn push_visible(out: &mut String, c: char) {
    if c.is_control() {
        // Writing into a text does not fail.
        let _ = write!(out, "\\u{:04x}", u32::from(c));
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_nothing_else() {
        let json =
            br#"{"b":[1,2.50,{}],"a":"x, \"y\": {\\","n":123456789012345678901234567890,"e":[ ]}"#;
        let expected = r#"{
  "b": [
    1,
    2.50,
    {}
  ],
  "a": "x, \"y\": {\\",
  "n": 123456789012345678901234567890,
  "e": []
}"#;
        assert_eq!(indented(json).unwrap(), expected);
    }

    #[test]
    fn what_is_not_json_is_left_to_the_caller() {
        for text in [&b"{"[..], b"", b"payload=%7B%7D", b"\"\xff\"", b"{} {}"] {
            assert_eq!(indented(text), None);
        }
    }

    #[test]
    fn a_string_can_not_steer_the_terminal() {
        assert_eq!(indented("\"\u{9b}31m\u{7f}\"".as_bytes()).unwrap(), r#""\u009b31m\u007f""#);
    }
}
