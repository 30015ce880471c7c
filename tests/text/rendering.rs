//! Markdown becomes HTML that Plane stores unchanged, that shows everything and harms nobody.

use chrono::DateTime;
use jetbridge::sim::plane::html::stored;
use jetbridge::sync::github::{Account, Comment, Issue, IssueState};
use jetbridge::sync::markdown::{
    EMPTY, comment_html, description_html, issue_description, sanitized_for_page,
};

use super::pairs;

fn rendered(markdown: &str) -> String {
    let html = description_html(Some(markdown));
    assert_eq!(stored(&html).as_deref(), Ok(&*html), "of {markdown:?}");
    html
}

/// The rendering without the `<div>` around it.
fn inner(markdown: &str) -> String {
    let html = rendered(markdown);
    html.strip_prefix("<div>").unwrap().strip_suffix("</div>").unwrap().to_owned()
}

fn issue(title: &str, body: &str) -> Issue {
    let time = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    Issue {
        id: 1,
        number: 42,
        repository: "octo/repo".into(),
        repository_id: None,
        title: title.into(),
        body: Some(body.into()),
        state: IssueState::Open,
        labels: Vec::new(),
        assignees: Vec::new(),
        author: None,
        html_url: "https://github.com/octo/repo/issues/42".into(),
        pull_request: false,
        created_at: time,
        updated_at: time,
        closed_at: None,
        milestone: jetbridge::sync::github::Milestoned::Unsaid,
        parent: None,
    }
}

fn comment(body: &str) -> Comment {
    let time = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    Comment {
        id: 7,
        body: body.into(),
        author: Some(Account { id: 1, login: "ada".into() }),
        html_url: "https://github.com/octo/repo/issues/42#issuecomment-7".into(),
        created_at: time,
        updated_at: time,
    }
}

#[test]
fn plane_stores_every_rendering_unchanged() {
    for pair in pairs("markdown") {
        rendered(&pair.markdown.unwrap());
    }
    // HTML is Markdown too.
    for pair in pairs("html-edge") {
        rendered(&pair.html);
    }
}

#[test]
fn nothing_is_an_empty_paragraph() {
    assert_eq!(description_html(None), EMPTY);
    for nothing in ["", " \r\n\t\n", "<!-- fill in\n\nall of this -->"] {
        assert_eq!(rendered(nothing), EMPTY);
    }
}

#[test]
fn line_breaks_are_seen_as_on_github() {
    assert_eq!(inner("a\r\nb\rc"), "<p>a<br>\nb<br>\nc</p>");
}

#[test]
fn what_only_looks_like_a_tag_is_text() {
    assert_eq!(
        inner("Vec<T> and vector<int> v; <set>"),
        "<p>Vec&lt;T&gt; and vector&lt;int&gt; v; &lt;set&gt;</p>"
    );
    assert_eq!(inner("<your-name>\n\nx"), "<p>&lt;your-name&gt;</p>\n<p>x</p>");
    assert_eq!(inner("<div>open <b</div>"), "<div>open &lt;b&lt;/div&gt;\n</div>");
}

#[test]
fn comments_are_hidden_and_end_with_their_block() {
    assert_eq!(inner("a <!-- b --> c"), "<p>a  c</p>");
    assert_eq!(inner("- <!-- b\n\nc"), "<ul>\n<li>\n</li>\n</ul>\n<p>c</p>");
}

#[test]
fn tables_keep_their_alignment_as_style() {
    let html = inner("|a|b|\n|-:|-|\n|1|2|");
    assert!(html.contains("<th style=\"text-align:right\">a</th>"), "{html}");
    assert!(html.contains("<td>2</td>"), "{html}");
    assert_eq!(inner("<p align=\"center\">x</p>"), "<p style=\"text-align:center\">x</p>");
}

#[test]
fn github_constructs_survive() {
    let html = inner(
        "- [x] done\n- [ ] ~~not~~\n\n> [!NOTE]\n> see[^1]\n\n[^1]: foot\n\n```rust\nlet x;\n```",
    );
    for part in [
        "<input type=\"checkbox\" checked=\"\"> done",
        "<del>not</del>",
        "class=\"markdown-alert markdown-alert-note\"",
        "<a href=\"#fn-1\" id=\"fnref-1\"",
        "<li id=\"fn-1\">",
        "<code class=\"language-rust\">",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert_eq!(inner("$x$ and `y`"), "<p>$x$ and <code>y</code></p>");
}

#[test]
fn a_video_stays_reachable() {
    assert_eq!(
        inner("<video src=\"https://e.com/v.mp4\" controls></video>"),
        "<p><a href=\"https://e.com/v.mp4\" rel=\"noopener noreferrer\">https://e.com/v.mp4</a></p>"
    );
}

#[test]
fn bold_around_paragraphs_stays_bold() {
    assert_eq!(inner("<div><b>a<p>b</p></b></div>"), "<div><b>a</b><p><b>b</b></p></div>");
}

/// Texts that try to get something run, and what must not be left of each.
const ATTACKS: [&str; 16] = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//e.com/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<a href=\"javascript:alert(1)\">x</a> [y](javascript:alert(1)) <javascript:alert(1)>",
    "<a href=\" java\tscript:alert(1)\">x</a> <a href=\"&#106;avascript:alert(1)\">x</a>",
    "[x](data:text/html;base64,PHNjcmlwdD4=) ![y](data:image/svg+xml,<svg onload=alert(1)>)",
    "<p style=\"position:fixed;background:url(javascript:alert(1))\">x</p>",
    "<td style=\"text-align:left;behavior:url(x)\">x</td>",
    "<svg onload=alert(1)><a xlink:href=\"javascript:alert(1)\">x</a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<form action=javascript:alert(1)><button formaction=javascript:alert(1)>x</button></form>",
    "<details open ontoggle=alert(1)><summary onclick=alert(1)>x</summary></details>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
    "<video src=\"javascript:alert(1)\" onerror=alert(1)></video><object data=\"javascript:alert(1)\">",
    "<a title=\"x\" onmouseover=alert(1) href=x>y</a><base href=//e.com><meta http-equiv=refresh content=0>",
];

/// The tags of printed HTML.
fn tags(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut quoted = false;
    let mut tag: Option<String> = None;
    for c in html.chars() {
        match (&mut tag, c) {
            (None, '<') => tag = Some(String::new()),
            (Some(_), '>') if !quoted => tags.extend(tag.take()),
            (Some(open), c) => {
                quoted ^= c == '"';
                open.push(c);
            }
            (None, _) => {}
        }
    }
    tags
}

fn assert_harmless(html: &str) {
    for tag in tags(html) {
        let name = tag.trim_start_matches('/').split(' ').next().unwrap().to_owned();
        let bad = ["script", "style", "iframe", "svg", "math", "form", "object", "base", "meta"];
        assert!(!bad.contains(&&*name), "<{tag}> in {html}");
        for attribute in tag.split_once(' ').map(|(_, a)| a).unwrap_or_default().split("\" ") {
            let (key, value) = attribute.split_once("=\"").unwrap_or((attribute, ""));
            assert!(!key.starts_with("on") && key != "srcdoc", "<{tag}> in {html}");
            let value = value.trim_end_matches('"');
            match key {
                "href" | "src" => {
                    let scheme = value.split(['/', '?', '#']).next().unwrap();
                    let allowed = ["http:", "https:", "mailto:", "tel:"];
                    assert!(
                        !scheme.contains(':') || allowed.iter().any(|s| scheme.starts_with(s)),
                        "<{tag}>"
                    );
                }
                "style" => assert!(
                    value.strip_prefix("text-align:").is_some_and(|side| !side.contains(';')),
                    "<{tag}>"
                ),
                _ => {}
            }
        }
    }
}

#[test]
fn nothing_runs() {
    for attack in ATTACKS {
        assert_harmless(&rendered(attack));
        assert_harmless(&comment_html(&comment(attack)));
        assert_harmless(&sanitized_for_page(attack));
        let evil =
            Comment { author: Some(Account { id: 1, login: attack.into() }), ..comment("x") };
        assert_harmless(&comment_html(&evil));
        assert_harmless(&issue_description(&issue(&attack.repeat(20), attack)));
    }
}

#[test]
fn a_page_shows_what_plane_holds_and_no_more() {
    let html = "<p class=\"editor-paragraph-block\">a <mention-component id=\"1\"></mention-component>\
        <strong>b</strong></p><script>x()</script>";
    assert_eq!(
        sanitized_for_page(html),
        "<p>a <strong>b</strong></p>&lt;script&gt;x()&lt;/script&gt;"
    );
    assert_eq!(sanitized_for_page(""), "");
}

#[test]
fn a_comment_begins_with_author_time_and_address() {
    let html = comment_html(&comment("**hi**"));
    assert_eq!(
        html,
        "<div><p><a href=\"https://github.com/ada\" rel=\"noopener noreferrer\">ada</a> on GitHub, \
         <a href=\"https://github.com/octo/repo/issues/42#issuecomment-7\" \
         rel=\"noopener noreferrer\">2023-11-14 22:13 UTC</a>:</p>\n<p><strong>hi</strong></p></div>"
    );
    let nobody = Comment { author: None, ..comment("") };
    assert!(comment_html(&nobody).starts_with("<div><p>A deleted account on GitHub, "));
}

#[test]
fn a_cut_title_stands_whole_in_the_description() {
    assert_eq!(issue_description(&issue("short", "x")), "<div><p>x</p></div>");
    let long = "long <title> ".repeat(30);
    let html = issue_description(&issue(&long, "x"));
    let whole = long.trim().replace('<', "&lt;").replace('>', "&gt;");
    assert!(html.starts_with("<div><p><strong>Title:</strong> long &lt;title&gt;"), "{html}");
    assert!(html.contains(&whole) && html.ends_with("\n<p>x</p></div>"), "{html}");
    assert_eq!(stored(&html).as_deref(), Ok(&*html));
}

#[test]
fn too_much_left_open_is_shown_as_text() {
    let html = rendered(&"<b>x\n\n".repeat(5000));
    assert_eq!(html.matches("<p>&lt;b&gt;x</p>").count(), 5000);
    let html = rendered(&format!("<div>{}", "<p title='".repeat(5000)));
    assert_eq!(html.matches("&lt;p title='").count(), 5000);
}

#[test]
fn bottomless_nesting_is_shown_as_typed() {
    let html = rendered(&format!("{}word", "> ".repeat(5000)));
    assert!(html.starts_with("<div><pre><code>&gt; &gt; ") && html.contains("word"));
    let html = rendered(&format!("{}word{}", "<div>".repeat(1000), "</div>".repeat(1000)));
    assert!(html.contains("word") && html.matches("<div>").count() < 250);
}
