//! What people wrote, as our own pages show it: harmless, and quiet.
//!
//! Stricter than what is sent to Plane. A page shows no picture from elsewhere, since its policy
//! forbids them and since each would tell its server who looks: a link takes its place. No
//! attribute stays that could collide with the page's own (`id`, `class`) or that its policy
//! refuses (`style`), headings stand below those of the page, and no form control is left.

use std::sync::LazyLock;

use ammonia::Builder;

use super::clean::{SCHEMES, TEXT_TAGS};
use super::raw_html::attribute;
use super::tokens::{Token, Tokens};
use super::{body_html, sanitized_for_page};
use crate::work_items::{Text, TextFormat};

/// A text as HTML that a page may show as it is. Empty if there is nothing to show.
pub fn page_html(text: &Text) -> String {
    let html = match text.format {
        TextFormat::Markdown => body_html(&text.text),
        TextFormat::Html => sanitized_for_page(&text.text),
    };
    QUIET.clean(&without_pictures(&html)).to_string()
}

/// Pictures and boxes become words, headings go down two levels.
fn without_pictures(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    for token in Tokens(html) {
        match token {
            Token::Text(text) => out.push_str(text),
            Token::Open { name: "img", source } => out.push_str(&picture(source)),
            Token::Open { name: "input", source } => {
                out.push_str(if source.contains(" checked") { "☑ " } else { "☐ " });
            }
            Token::Open { name, source } => match lowered(name) {
                Some(lower) => out.push_str(&format!("<{lower}>")),
                None => out.push_str(source),
            },
            Token::Close { name, source } => match lowered(name) {
                Some(lower) => out.push_str(&format!("</{lower}>")),
                None => out.push_str(source),
            },
        }
    }
    out
}

/// A link with the picture's words. Its values are printed HTML already.
fn picture(tag: &str) -> String {
    let words = attribute(tag, "alt").map(str::trim).filter(|alt| !alt.is_empty());
    let words = words.unwrap_or("picture").replace('<', "&lt;");
    match attribute(tag, "src") {
        Some(address) => {
            format!("<a href=\"{}\">🖼 {words}</a>", address.replace('"', "&quot;"))
        }
        None => words,
    }
}

fn lowered(name: &str) -> Option<&'static str> {
    match name {
        "h1" => Some("h3"),
        "h2" => Some("h4"),
        "h3" => Some("h5"),
        "h4" | "h5" | "h6" => Some("h6"),
        _ => None,
    }
}

static QUIET: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let attributes = [
        ("a", &["href"][..]),
        ("ol", &["start"]),
        ("td", &["colspan", "rowspan"]),
        ("th", &["colspan", "rowspan"]),
    ];
    let mut builder = Builder::default();
    builder
        .tags(TEXT_TAGS.into())
        .tag_attributes(
            attributes.iter().map(|(tag, names)| (*tag, names.iter().copied().collect())).collect(),
        )
        .generic_attributes(["title"].into())
        // What is no address of its own would lead into our pages.
        .url_relative(ammonia::UrlRelative::Deny)
        .url_schemes(SCHEMES.into())
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: TextFormat, text: &str) -> String {
        page_html(&Text { format, text: text.to_owned() })
    }

    #[test]
    fn markdown_and_html_are_shown_and_nothing_in_them_runs() {
        let html =
            shown(TextFormat::Markdown, "# Big\n**bold** <script>alert(1)</script>\n- [x] done");
        assert!(html.contains("<h3>Big</h3>") && html.contains("<strong>bold</strong>"), "{html}");
        assert!(
            html.contains("☑ ") && !html.contains("<script") && !html.contains("<input"),
            "{html}"
        );
        let html = shown(TextFormat::Html, "<p onclick=x style=color:red id=nav class=top>a</p>");
        assert_eq!(html, "<p>a</p>");
        assert_eq!(shown(TextFormat::Html, "<p></p>").trim_matches(['<', 'p', '>', '/']), "");
    }

    #[test]
    fn a_picture_is_a_link_and_addresses_lead_out() {
        let html = shown(TextFormat::Markdown, "![a \"b\" <c>](https://x.example/p.png)");
        assert!(!html.contains("<img"), "{html}");
        assert!(
            html.contains("href=\"https://x.example/p.png\" rel=\"noopener noreferrer nofollow\""),
            "{html}"
        );
        for bad in ["[x](javascript:alert(1))", "[x](/logout)", "<a href=\"//evil.example\">x</a>"]
        {
            let html = shown(TextFormat::Markdown, bad);
            assert!(!html.contains("href"), "{bad}: {html}");
        }
    }
}
