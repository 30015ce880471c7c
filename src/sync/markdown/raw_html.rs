//! Raw HTML in Markdown: harmless elements stay, others of HTML's lose their tags, and what only
//! looks like a tag (`Vec<T>`, `<your-name>`) becomes the text that its author meant.
//!
//! The source is copied, not parsed: safety is the business of [`super::clean`], which comes
//! after. One piece of raw HTML can't reach into the Markdown behind it: an unfinished tag becomes
//! text, an unfinished comment ends with its piece.

use super::{RawHtml, escaped};

/// A block of raw HTML. Loose text gets a paragraph of its own.
pub(super) fn block(source: &str, raw: RawHtml) -> String {
    let (html, tags) = rewritten(source, raw);
    if html.trim().is_empty() {
        return String::new();
    }
    match tags {
        Tags::None => format!("<p>{}</p>\n", html.trim()),
        Tags::Some => html,
    }
}

/// One piece of raw HTML within a paragraph: a tag, a comment.
pub(super) fn inline(source: &str, raw: RawHtml) -> String {
    rewritten(source, raw).0
}

enum Tags {
    None,
    Some,
}

/// Unfinished pieces until the rest of a block counts as text: each is looked for to its end.
const MAX_UNFINISHED: usize = 32;

fn rewritten(source: &str, raw: RawHtml) -> (String, Tags) {
    let mut out = String::with_capacity(source.len());
    let mut tags = Tags::None;
    let mut rest = source;
    let mut unfinished = 0;
    while let Some(at) = rest.find('<') {
        if unfinished > MAX_UNFINISHED {
            out.push_str(&escaped(rest));
            return (out, tags);
        }
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let piece = Piece::first(rest);
        let (taken, after) = rest.split_at(piece.length());
        rest = after;
        match piece {
            Piece::Comment(_) => {}
            Piece::Text => out.push_str("&lt;"),
            Piece::Unfinished => {
                unfinished += 1;
                out.push_str("&lt;");
            }
            Piece::Tag(tag) => match (raw, fate(tag.name, taken)) {
                (RawHtml::AsText, _) | (_, Fate::Shown) => {
                    let content = raw_text_end(tag.name, taken, rest).unwrap_or_else(|| {
                        unfinished += 1;
                        0
                    });
                    out.push_str(&escaped(taken));
                    out.push_str(&escaped(&rest[..content]));
                    rest = &rest[content..];
                }
                (RawHtml::Kept, Fate::Kept) => {
                    out.push_str(taken);
                    tags = Tags::Some;
                }
                (RawHtml::Kept, Fate::Renamed(name)) => {
                    let slash = if taken.starts_with("</") { "/" } else { "" };
                    out.push_str(&format!("<{slash}{name}>"));
                    tags = Tags::Some;
                }
                (RawHtml::Kept, Fate::Link) => {
                    if let Some(address) = attribute(taken, "src") {
                        let address = address.replace('"', "&quot;");
                        let words = address.replace('<', "&lt;");
                        out.push_str(&format!("<a href=\"{address}\">{words}</a>"));
                        tags = Tags::Some;
                    }
                }
                (RawHtml::Kept, Fate::Dropped) => tags = Tags::Some,
            },
        }
    }
    out.push_str(rest);
    (out, tags)
}

/// What a `<` begins, with its length in bytes.
enum Piece<'a> {
    Comment(usize),
    Tag(Found<'a>),
    /// The `<` alone is text.
    Text,
    /// So it is here: a tag that does not end.
    Unfinished,
}

struct Found<'a> {
    name: &'a str,
    length: usize,
}

impl<'a> Piece<'a> {
    fn length(&self) -> usize {
        match self {
            Self::Comment(length) => *length,
            Self::Text | Self::Unfinished => 1,
            Self::Tag(found) => found.length,
        }
    }

    fn first(source: &'a str) -> Self {
        if source.starts_with("<!--") {
            return Self::Comment(comment_length(source));
        }
        let declaration = source.get(..9).is_some_and(|s| s.eq_ignore_ascii_case("<!doctype"));
        if declaration && let Some(end) = source.find('>') {
            return Self::Comment(end + 1);
        }
        let name_at = if source.starts_with("</") { 2 } else { 1 };
        let name = &source[name_at..];
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // `<?php`, `<![CDATA[`, `< 1`: GitHub's parser hides some of them; their authors
            // wanted them seen.
            return Self::Text;
        }
        let name_end = name.find(|c: char| is_space(c) || c == '/' || c == '>');
        let Some((name, length)) = name_end.and_then(|end| {
            let attributes = name_at + end;
            tag_end(&source[attributes..]).map(|length| (&name[..end], attributes + length))
        }) else {
            return Self::Unfinished;
        };
        Self::Tag(Found { name, length })
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

fn comment_length(source: &str) -> usize {
    // `<!-->` and `<!--->` are whole comments.
    [("<!-->", 5), ("<!--->", 6)]
        .into_iter()
        .find_map(|(whole, length)| source.starts_with(whole).then_some(length))
        .or_else(|| {
            ["-->", "--!>"]
                .into_iter()
                .filter_map(|end| source[4..].find(end).map(|at| 4 + at + end.len()))
                .min()
        })
        .unwrap_or(source.len())
}

/// Where a tag ends whose attributes begin here, quotes respected; `None` if it does not.
fn tag_end(attributes: &str) -> Option<usize> {
    let mut scan = Attributes { source: attributes, at: 0 };
    while let Next::Attribute(..) = scan.next_attribute()? {}
    Some(scan.at)
}

/// The value of an attribute as it stands in the source.
pub(super) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let begin = tag.find(|c: char| is_space(c) || c == '/')?;
    let mut scan = Attributes { source: &tag[begin..], at: 0 };
    while let Next::Attribute(key, value) = scan.next_attribute()? {
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
    }
    None
}

/// Walks a tag's attributes as HTML's tokenizer does.
struct Attributes<'a> {
    source: &'a str,
    at: usize,
}

enum Next<'a> {
    Attribute(&'a str, &'a str),
    /// The tag ended; the walk stands behind its `>`.
    End,
}

impl<'a> Attributes<'a> {
    /// The next name and value, or `None` if the tag is unfinished or none at all.
    fn next_attribute(&mut self) -> Option<Next<'a>> {
        self.skip(|c| is_space(c) || c == '/');
        if self.peek()? == '>' {
            self.at += 1;
            return Some(Next::End);
        }
        let begin = self.at;
        self.at += self.peek()?.len_utf8();
        self.skip(|c| !is_space(c) && !matches!(c, '/' | '>' | '='));
        let name = &self.source[begin..self.at];
        if name.contains(['<', '"', '\'']) {
            return None;
        }
        self.skip(is_space);
        if self.peek()? != '=' {
            return Some(Next::Attribute(name, ""));
        }
        self.at += 1;
        self.skip(is_space);
        let quote = self.peek().filter(|c| matches!(c, '"' | '\''));
        self.at += quote.map_or(0, char::len_utf8);
        let begin = self.at;
        match quote {
            Some(quote) => self.at += self.source[begin..].find(quote)?,
            None => self.skip(|c| !is_space(c) && c != '>'),
        }
        let value = &self.source[begin..self.at];
        self.at += quote.map_or(0, char::len_utf8);
        Some(Next::Attribute(name, value))
    }

    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn skip(&mut self, is: impl Fn(char) -> bool) {
        let rest = &self.source[self.at..];
        self.at += rest.find(|c| !is(c)).unwrap_or(rest.len());
    }
}

/// The length of what a browser would not read as HTML behind a start tag such as `<script>`;
/// `None` if its end tag is missing.
fn raw_text_end(name: &str, tag: &str, rest: &str) -> Option<usize> {
    const RAW_TEXT: [&str; 8] =
        ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];
    if tag.starts_with("</") || !RAW_TEXT.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
        return Some(0);
    }
    let end = format!("</{}", name.to_ascii_lowercase());
    rest.to_ascii_lowercase().find(&end)
}

/// What becomes of a tag.
enum Fate {
    Kept,
    /// An element that Plane does not know, whose place another takes.
    Renamed(&'static str),
    /// It shows something from elsewhere; a link to that stays.
    Link,
    /// It shows nothing of its own.
    Dropped,
    /// No tag that GitHub would act on: its text is shown.
    Shown,
}

fn fate(name: &str, tag: &str) -> Fate {
    match &*name.to_ascii_lowercase() {
        "a" | "abbr" | "article" | "aside" | "bdi" | "bdo" | "blockquote" | "br" | "caption"
        | "center" | "dd" | "details" | "dfn" | "div" | "dl" | "dt" | "figcaption" | "figure"
        | "footer" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "header" | "hgroup" | "hr"
        | "img" | "ins" | "kbd" | "li" | "mark" | "nav" | "ol" | "p" | "pre" | "q" | "rp"
        | "rt" | "ruby" | "samp" | "span" | "sub" | "summary" | "sup" | "table" | "tbody"
        | "td" | "th" | "thead" | "time" | "tr" | "ul" | "var" | "wbr" | "del" => Fate::Kept,
        // Bare: a browser opens these again in every block until they are closed, and with
        // attributes without a limit.
        "b" => Fate::Renamed("b"),
        "cite" => Fate::Renamed("cite"),
        "code" => Fate::Renamed("code"),
        "em" => Fate::Renamed("em"),
        "i" => Fate::Renamed("i"),
        "s" | "strike" => Fate::Renamed("s"),
        "small" => Fate::Renamed("small"),
        "strong" => Fate::Renamed("strong"),
        "tt" => Fate::Renamed("tt"),
        "u" => Fate::Renamed("u"),
        "address" | "dialog" | "fieldset" | "form" | "main" | "search" | "section" => {
            Fate::Renamed("div")
        }
        "tfoot" => Fate::Renamed("tbody"),
        "dir" | "menu" => Fate::Renamed("ul"),
        "acronym" => Fate::Renamed("abbr"),
        "audio" | "embed" | "source" | "video" if !tag.starts_with("</") => Fate::Link,
        "input" if attribute(tag, "type").is_some_and(|t| t.eq_ignore_ascii_case("checkbox")) => {
            Fate::Kept
        }
        "applet" | "area" | "audio" | "base" | "basefont" | "big" | "blink" | "body" | "button"
        | "canvas" | "col" | "colgroup" | "data" | "datalist" | "embed" | "font" | "frame"
        | "frameset" | "g-emoji" | "head" | "html" | "image-component" | "input" | "label"
        | "legend" | "link" | "map" | "marquee" | "mention-component" | "meta" | "meter"
        | "nobr" | "noscript" | "object" | "optgroup" | "option" | "output" | "param"
        | "picture" | "progress" | "rb" | "rtc" | "select" | "slot" | "source" | "template"
        | "track" | "video" => Fate::Dropped,
        _ => Fate::Shown,
    }
}
