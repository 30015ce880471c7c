//! What Plane makes of a `description_html`: trims it, parses it as libxml2 does, puts it below
//! one top element, prints it, and cleans the print against its allow-list.
//!
//! The rules and both lists are pinned to recorded answers of a running server
//! (`tests/text/stored.rs`). Deliberately absent: comments, which Plane stores as sent but for
//! white space at both ends.

use std::sync::LazyLock;

use ammonia::Builder;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tokenizer, TokenizerOpts};

mod rules;
mod tree;

use tree::Tree;

/// Plane refuses it: there is no element and no text in it (400, `Invalid HTML passed`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid HTML passed")]
pub struct InvalidHtml;

/// The form in which Plane stores a `description_html`, or its refusal.
pub fn stored(html: &str) -> Result<String, InvalidHtml> {
    let sent = html.trim_matches(is_space);
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(sent));
    let tokenizer = Tokenizer::new(tree::Sink::default(), TokenizerOpts::default());
    // The sink never asks for a script to be run, so one feed takes everything.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let tree = tokenizer.sink.into_tree();
    let printed = one_top_element(&tree, sent).ok_or(InvalidHtml)?;
    Ok(raw_angles_in_values(&ALLOW_LIST.clean(&printed).to_string()))
}

/// What Python's `str.strip` takes away.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Prints a lone element as it is, a document with a head or of its own making whole, and
/// everything else in a `<div>` or, without any block in it, in a `<span>`.
fn one_top_element(tree: &Tree, sent: &str) -> Option<String> {
    let root = tree.root()?;
    let (head, body) = (tree.child(root, "head"), tree.child(root, "body"));
    let Some(body) = body.filter(|_| head.is_none() && !is_whole_document(sent)) else {
        return Some(tree.print(root));
    };
    if let Some(only) = tree.only_element(body) {
        return Some(tree.print(only));
    }
    let wrapper = if tree.any_below(body, is_block) { "div" } else { "span" };
    Some(tree.print_as(body, wrapper))
}

fn is_whole_document(sent: &str) -> bool {
    let begins = |word: &str| sent.get(..word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word));
    begins("<html") || begins("<!doctype")
}

/// HTML 4's blocks, as lxml lists them.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "blockquote"
            | "center"
            | "del"
            | "div"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "hr"
            | "ins"
            | "isindex"
            | "noscript"
            | "p"
            | "pre"
            | "dir"
            | "dl"
            | "dt"
            | "dd"
            | "li"
            | "menu"
            | "ol"
            | "ul"
            | "table"
            | "caption"
            | "colgroup"
            | "col"
            | "thead"
            | "tfoot"
            | "tbody"
            | "tr"
            | "td"
            | "th"
            | "fieldset"
            | "form"
            | "legend"
            | "optgroup"
            | "option"
    )
}

static ALLOW_LIST: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let own = ["mention-component", "label", "input", "image-component"];
    let attributes = [
        ("a", &["href", "target"][..]),
        ("img", &["width", "height", "aspectratio", "alignment", "src", "alt", "title"]),
        (
            "image-component",
            &["id", "width", "height", "aspectratio", "src", "alignment", "status"],
        ),
        ("mention-component", &["id", "entity_identifier", "entity_name"]),
        ("th", &["colspan", "rowspan", "colwidth", "background", "style"]),
        ("td", &["colspan", "rowspan", "colwidth", "background", "style", "textcolor"]),
        ("tr", &["background", "style", "textcolor"]),
        ("pre", &["language"]),
        ("code", &["language", "spellcheck"]),
        ("input", &["type", "checked"]),
    ];
    let everywhere = [
        "class",
        "id",
        "title",
        "role",
        "aria-label",
        "aria-hidden",
        "style",
        "start",
        "type",
        "xmlns",
        "data-tight",
        "data-node-type",
        "data-type",
        "data-checked",
        "data-background-color",
        "data-text-color",
        "data-name",
        "data-id",
        "data-icon-name",
        "data-icon-color",
        "data-background",
        "data-emoji-unicode",
        "data-emoji-url",
        "data-logo-in-use",
        "data-block-type",
    ];
    let mut builder = Builder::default();
    builder
        .add_tags(own)
        .tag_attributes(
            attributes.iter().map(|(tag, names)| (*tag, names.iter().copied().collect())).collect(),
        )
        .generic_attributes(everywhere.into())
        .url_schemes(["http", "https", "mailto", "tel"].into());
    builder
});

/// Plane's printer leaves `<` and `>` in attribute values as they are; ours escapes them.
fn raw_angles_in_values(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(tag) = rest.find('<') {
        // In what was printed `<` begins a tag, and `>` ends it: values hold neither.
        let end = rest[tag..].find('>').map_or(rest.len(), |at| tag + at);
        out.push_str(&rest[..tag]);
        out.push_str(&rest[tag..end].replace("&lt;", "<").replace("&gt;", ">"));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
