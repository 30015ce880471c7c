//! Printed HTML piece by piece. For HTML that a printer wrote (ours, ammonia's, Plane's): every
//! `<` outside of a value begins a tag, and values stand in double quotes.

use std::collections::HashMap;

/// A piece of printed HTML; `source` is its exact text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync) enum Token<'a> {
    Text(&'a str),
    Open { name: &'a str, source: &'a str },
    Close { name: &'a str, source: &'a str },
}

impl<'a> Token<'a> {
    fn source(self) -> &'a str {
        match self {
            Self::Text(source) | Self::Open { source, .. } | Self::Close { source, .. } => source,
        }
    }
}

/// The pieces of printed HTML, in order; together they are all of it.
pub(in crate::sync) struct Tokens<'a>(pub(in crate::sync) &'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let source = self.0;
        let first = source.chars().next()?;
        let tag = (first == '<').then(|| tag_length(source)).flatten();
        let length = tag.unwrap_or_else(|| {
            let behind = first.len_utf8();
            source[behind..].find('<').map_or(source.len(), |at| behind + at)
        });
        let (piece, rest) = source.split_at(length);
        self.0 = rest;
        if tag.is_none() {
            return Some(Token::Text(piece));
        }
        let (closing, inner) = match piece[1..].strip_prefix('/') {
            Some(inner) => (true, inner),
            None => (false, &piece[1..]),
        };
        let end = inner.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(inner.len());
        let name = &inner[..end];
        Some(if closing {
            Token::Close { name, source: piece }
        } else {
            Token::Open { name, source: piece }
        })
    }
}

fn tag_length(source: &str) -> Option<usize> {
    let name = source[1..].strip_prefix('/').unwrap_or(&source[1..]);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let mut quoted = false;
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether an element has neither content nor an end tag.
pub(in crate::sync) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// How many elements are never closed, those aside that end by themselves.
pub(super) fn left_open(html: &str) -> usize {
    let mut open: HashMap<String, usize> = HashMap::new();
    for token in Tokens(html) {
        match token {
            Token::Open { name, .. } if !is_void(name) && !ends_by_itself(name) => {
                *open.entry(name.to_ascii_lowercase()).or_default() += 1;
            }
            Token::Close { name, .. } => {
                if let Some(count) = open.get_mut(&name.to_ascii_lowercase()) {
                    *count = count.saturating_sub(1);
                }
            }
            Token::Open { .. } | Token::Text(_) => {}
        }
    }
    open.values().sum()
}

fn ends_by_itself(name: &str) -> bool {
    let names = ["dd", "dt", "li", "p", "rp", "rt", "tbody", "td", "th", "thead", "tr"];
    names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// The top-level nodes of printed HTML, elements and runs of text; together they are all of it.
pub(in crate::sync) fn top_level(html: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let (mut begin, mut at, mut depth) = (0, 0, 0_usize);
    for token in Tokens(html) {
        at += token.source().len();
        match token {
            Token::Open { name, .. } if !is_void(name) => depth += 1,
            Token::Close { .. } => depth = depth.saturating_sub(1),
            Token::Open { .. } | Token::Text(_) => {}
        }
        if depth == 0 {
            blocks.push(&html[begin..at]);
            begin = at;
        }
    }
    if begin < html.len() {
        blocks.push(&html[begin..]);
    }
    blocks
}
