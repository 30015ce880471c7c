//! GitHub's Markdown as HTML that Plane stores unchanged.
//!
//! The rule: whatever a reader sees on GitHub, a reader sees in Plane, and what Plane stores is
//! byte for byte what was sent, so that a difference found later is a person's doing. Raw HTML is
//! kept where it is harmless and turned into visible text where it is not HTML at all
//! (`raw_html`); everything is cleaned (`clean`) and brought into the form that survives
//! Plane's two parsers (`settled`). Comments in HTML are dropped: GitHub hides them too.
//!
//! Deliberately absent: GitHub's references (`@user`, `#1`), which stay plain text, and any way
//! back from HTML to Markdown.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options};

mod clean;
mod notes;
mod page;
mod raw_html;
mod settled;
mod title;
mod tokens;

pub use clean::sanitized_for_page;
pub use notes::{comment_html, issue_description};
pub use page::page_html;
pub use title::{CutTitle, MAX_TITLE, title};
pub(in crate::sync) use tokens::{Token, Tokens, top_level};

/// The most bytes of HTML that are sent in one text. Plane takes requests of 5 MiB, in which JSON
/// may double it.
pub const MAX_HTML: usize = 2 * 1024 * 1024;

/// Plane refuses an empty description; this is its own word for one.
pub const EMPTY: &str = "<p></p>";

/// Blocks within blocks beyond which a text is shown as it was typed: libxml2 stops reading at
/// 256 elements.
const MAX_DEPTH: usize = 60;

/// A description as Plane stores it unchanged: one `<div>`, or [`EMPTY`].
pub fn description_html(markdown: Option<&str>) -> String {
    in_one_div(&body_html(markdown.unwrap_or_default()))
}

/// Puts settled HTML below the one top element that keeps Plane from adding its own.
fn in_one_div(html: &str) -> String {
    if html.is_empty() { EMPTY.into() } else { format!("<div>{html}</div>") }
}

/// Clean and settled HTML without the `<div>` around it.
fn body_html(markdown: &str) -> String {
    let markdown = markdown.replace("\r\n", "\n").replace('\r', "\n");
    rendered(&markdown, RawHtml::Kept)
        .and_then(|html| settled::settled(&html))
        .or_else(|| rendered(&markdown, RawHtml::AsText).and_then(|html| settled::settled(&html)))
        .unwrap_or_else(|| as_typed(&markdown))
}

/// Elements left open beyond which raw HTML is shown as text: each holds all that follows.
const MAX_LEFT_OPEN: usize = 50;

#[derive(Clone, Copy)]
enum RawHtml {
    /// Harmless tags stay tags.
    Kept,
    /// Every tag is shown as it was typed.
    AsText,
}

/// The source itself, for what is nested too deeply or comes to no rest.
fn as_typed(markdown: &str) -> String {
    format!("<pre><code>{}</code></pre>", escaped(markdown))
}

fn rendered(markdown: &str, raw: RawHtml) -> Option<String> {
    let arena = Arena::new();
    let options = options();
    let root = comrak::parse_document(&arena, markdown, &options);
    let mut depth = 0_usize;
    for edge in root.traverse() {
        match edge {
            comrak::arena_tree::NodeEdge::Start(_) => depth += 1,
            comrak::arena_tree::NodeEdge::End(_) => depth -= 1,
        }
        if depth > MAX_DEPTH {
            return None;
        }
    }
    for node in root.descendants() {
        match &mut node.data.borrow_mut().value {
            NodeValue::HtmlBlock(block) => block.literal = raw_html::block(&block.literal, raw),
            NodeValue::HtmlInline(literal) => *literal = raw_html::inline(literal, raw),
            _ => {}
        }
    }
    let mut html = String::new();
    comrak::format_html(root, &options, &mut html).ok()?;
    (tokens::left_open(&html) <= MAX_LEFT_OPEN).then_some(html)
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.alerts = true;
    extension.autolink = true;
    extension.footnotes = true;
    extension.strikethrough = true;
    extension.table = true;
    extension.tasklist = true;
    // As GitHub shows issues and comments: a line break typed is a line break seen.
    options.render.hardbreaks = true;
    // Raw HTML has been made harmless before it is printed, and everything is cleaned after.
    options.render.r#unsafe = true;
    options
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
