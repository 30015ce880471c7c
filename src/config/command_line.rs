//! A command as one writes it in a shell, taken apart into its words.
//!
//! White space parts words; single or double quotes keep it together. Deliberately absent:
//! variables, escapes and everything else that a shell does.

/// A quote was opened and not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnclosedQuote;

/// The words of a command.
pub(super) fn words(text: &str) -> Result<Vec<String>, UnclosedQuote> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(closing) if c == closing => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                // Quotes around nothing are a word too.
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            Some(_) | None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() { Err(UnclosedQuote) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_parts_words_and_quotes_keep_it_together() {
        let cases: [(&str, &[&str]); 6] = [
            ("github-mcp-server stdio", &["github-mcp-server", "stdio"]),
            ("  a\t b  ", &["a", "b"]),
            ("'/opt/my tools/server' stdio", &["/opt/my tools/server", "stdio"]),
            (r#"run --name="a b" 'it"s'"#, &["run", "--name=a b", "it\"s"]),
            (r#"a "" b"#, &["a", "", "b"]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            let expected = expected.iter().map(|w| (*w).to_owned()).collect();
            assert_eq!(words(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_refused() {
        assert_eq!(words("run 'it"), Err(UnclosedQuote));
    }
}
