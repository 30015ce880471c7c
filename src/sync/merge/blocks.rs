//! A description's blocks, and what each is compared by.

use std::ops::Range;

use crate::sync::markdown::{EMPTY, Token, Tokens, top_level};

pub(super) struct Blocks<'a> {
    /// Exact text.
    pub nodes: Vec<&'a str>,
    /// The same without what Plane's editor adds and leaves out.
    pub keys: Vec<String>,
}

impl<'a> Blocks<'a> {
    pub fn of(html: &'a str) -> Self {
        let nodes = blocks(inside_one_div(html).unwrap_or(html));
        let (keys, nodes) = nodes
            .into_iter()
            .map(|node| (key(node), node))
            .filter(|(key, _)| !key.is_empty() && key != EMPTY)
            .unzip();
        Self { nodes, keys }
    }

    pub fn texts(&self, range: Range<usize>) -> Vec<String> {
        self.nodes[range].iter().map(|node| (*node).to_owned()).collect()
    }
}

/// The content of the one bare `<div>` that everything stands in.
fn inside_one_div(html: &str) -> Option<&str> {
    let html = html.trim();
    let inner = html.strip_prefix("<div>")?.strip_suffix("</div>")?;
    (top_level(html).len() == 1).then_some(inner)
}

/// Top-level elements; text and what stands in a line with it is one block together.
fn blocks(html: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for node in top_level(html) {
        let end = at + node.len();
        if !is_inline(node) {
            blocks.push(html[begin..at].trim());
            blocks.push(node);
            begin = end;
        }
        at = end;
    }
    blocks.push(html[begin..].trim());
    blocks
}

fn is_inline(node: &str) -> bool {
    let Some(Token::Open { name, .. }) = Tokens(node).next() else { return true };
    matches!(
        name,
        "a" | "abbr"
            | "b"
            | "bdi"
            | "bdo"
            | "br"
            | "cite"
            | "code"
            | "del"
            | "dfn"
            | "em"
            | "i"
            | "img"
            | "input"
            | "ins"
            | "kbd"
            | "label"
            | "mark"
            | "mention-component"
            | "q"
            | "ruby"
            | "s"
            | "samp"
            | "small"
            | "span"
            | "strong"
            | "sub"
            | "sup"
            | "time"
            | "tt"
            | "u"
            | "var"
            | "wbr"
    )
}

/// A block without the editor's classes and without line breaks between tags.
fn key(block: &str) -> String {
    let mut key = String::with_capacity(block.len());
    let mut preformatted = 0_usize;
    for token in Tokens(block) {
        match token {
            Token::Text(text) => {
                let between_tags = text.contains('\n') && text.trim().is_empty();
                if preformatted > 0 || !between_tags {
                    key.push_str(text);
                }
            }
            Token::Close { name, source } => {
                preformatted -= usize::from(name == "pre").min(preformatted);
                key.push_str(source);
            }
            Token::Open { name, source } => {
                preformatted += usize::from(name == "pre");
                key.push_str(&without_editor_classes(source));
            }
        }
    }
    key
}

fn without_editor_classes(tag: &str) -> String {
    let Some((before, value)) = tag.split_once(" class=\"") else { return tag.into() };
    let Some((classes, after)) = value.split_once('"') else { return tag.into() };
    let kept: Vec<&str> =
        classes.split_ascii_whitespace().filter(|class| !class.starts_with("editor-")).collect();
    if kept.is_empty() {
        format!("{before}{after}")
    } else {
        format!("{before} class=\"{}\"{after}", kept.join(" "))
    }
}
