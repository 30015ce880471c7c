//! Harmless HTML: what is not on these lists is not passed on, whoever wrote it.

use std::sync::LazyLock;

use ammonia::Builder;

use super::{RawHtml, raw_html, settled};

/// Keeps listed elements and attributes only; addresses lead to the web, a mailbox or a phone.
pub(super) fn cleaned(html: &str) -> String {
    ALLOWED.clean(html).to_string()
}

/// HTML that came from Plane, safe to put into a page: comments are stored there as anybody sent
/// them. Empty if there is nothing to show.
pub fn sanitized_for_page(html: &str) -> String {
    let visible = |raw| settled::settled(&raw_html::inline(html, raw));
    visible(RawHtml::Kept).or_else(|| visible(RawHtml::AsText)).unwrap_or_default()
}

/// Elements that shape text, wherever it is shown.
#[rustfmt::skip]
pub(super) const TEXT_TAGS: [&str; 56] = [
    "a", "abbr", "b", "bdi", "bdo", "blockquote", "br", "caption", "center", "cite", "code", "dd",
    "del", "details", "dfn", "div", "dl", "dt", "em", "h3", "h4", "h5", "h6", "hr", "i", "ins",
    "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "small", "span",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "time", "tr", "tt",
    "u", "ul", "var", "wbr",
];

/// What Plane is sent besides: large headings, pictures, boxes, parts of a page.
#[rustfmt::skip]
const PAGE_TAGS: [&str; 12] = [
    "article", "aside", "figcaption", "figure", "footer", "h1", "h2", "header", "hgroup", "img",
    "input", "nav",
];

/// Where an address may lead.
pub(super) const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];

static ALLOWED: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let attributes = [
        ("a", &["href", "aria-label"][..]),
        ("img", &["src", "alt", "width", "height"]),
        ("input", &["type", "checked"]),
        ("ol", &["start"]),
        ("td", &["colspan", "rowspan"]),
        ("th", &["colspan", "rowspan"]),
    ];
    let mut builder = Builder::default();
    builder
        .tags(TEXT_TAGS.into_iter().chain(PAGE_TAGS).collect())
        .tag_attributes(
            attributes.iter().map(|(tag, names)| (*tag, names.iter().copied().collect())).collect(),
        )
        // `align` becomes `style`; what is left of `style`, `class` and `id` is decided there.
        .generic_attributes(["align", "class", "id", "style", "title"].into())
        .url_schemes(SCHEMES.into());
    builder
});
