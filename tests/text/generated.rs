//! What holds for any Markdown, tried on generated texts.

use jetbridge::sim::plane::html::stored;
use jetbridge::sync::markdown::{description_html, sanitized_for_page};
use proptest::prelude::*;

/// A piece of Markdown; `%` stands for a word that has to stay visible.
const PIECES: [&str; 83] = [
    "%",
    "% %",
    "%\n",
    "%\r\n",
    "\n\n",
    "\n",
    "  ",
    "\t",
    "    %\n",
    "# %\n",
    "## % ##\n",
    "%\n===\n",
    "- %\n",
    "-\n",
    "- [x] %\n",
    "- [ ] %\n",
    "  - %\n",
    "1. %\n",
    "7) %\n",
    "> %\n",
    "> > %\n",
    "> [!NOTE]\n> %\n",
    "> [!NOTE]\n",
    "---\n",
    "**%**",
    "*%",
    "_%_",
    "~~%~~",
    "`%`",
    "`` % ` ``",
    "```\n%\n```\n",
    "```rust\n%\n",
    "~~~\n",
    "\n\n|%|%|\n|-|-:|\n|%|%|\n\n",
    "[%](/x \"t\")",
    "[%](<a b>)",
    "![%](x.png)",
    "<https://e.com/%>",
    "https://e.com/%?a=1&b=é ",
    "[^1]",
    "\\<",
    "&amp;",
    "&lt;b&gt;",
    "&copy;",
    "&#13;",
    "&#0;",
    "&nbsp;",
    "😀👩‍👩‍👧",
    "\u{200b}",
    "\u{feff}",
    "é",
    "<T>",
    "</T>",
    "<int>",
    "<%>",
    "<div>",
    "</div>\n",
    "\n\n<div>%",
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<i title=\"x\">",
    "<a href=\"é b\">",
    "</a>",
    "<pre>\n\n%",
    "</pre>",
    "<ul>",
    "<li>",
    "</li>",
    "</ul>",
    "<table>",
    "<tr><td>",
    "</table>",
    "<details><summary>%</summary>\n\n",
    "</details>\n",
    "<h2>",
    "</h2>",
    "<center>",
    "<br <",
    "< %",
    "<!-- c -->",
    "<br/>",
];

/// Pieces in a row, every word a new one, and the words.
fn markdown() -> impl Strategy<Value = (String, Vec<String>)> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24).prop_map(|pieces| {
        let mut words = Vec::new();
        let mut text = String::new();
        for part in pieces.concat().split_inclusive('%') {
            let Some(before) = part.strip_suffix('%') else {
                text.push_str(part);
                continue;
            };
            let word = format!("word{}q", words.len());
            text.push_str(before);
            text.push_str(&word);
            words.push(word);
        }
        (text, words)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn plane_stores_it_unchanged((text, _) in markdown()) {
        let html = description_html(Some(&text));
        prop_assert_eq!(stored(&html).ok(), Some(html));
    }

    #[test]
    fn no_word_is_lost((text, words) in markdown()) {
        let html = description_html(Some(&text));
        for word in words {
            prop_assert!(html.contains(&word), "{} of {:?} in {}", word, text, html);
        }
    }

    #[test]
    fn what_is_shown_on_a_page_is_complete_and_clean((text, words) in markdown()) {
        let page = sanitized_for_page(&description_html(Some(&text)));
        for word in words {
            prop_assert!(page.contains(&word), "{} of {:?} in {}", word, text, page);
        }
        prop_assert_eq!(sanitized_for_page(&page), page);
    }
}
