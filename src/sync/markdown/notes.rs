//! What is told beside the text: a whole title, a comment's author, where a cut text goes on.

use super::{MAX_HTML, body_html, escaped, in_one_div, settled, title};
use crate::sync::github::{Comment, Issue};

/// The description of an issue's work item: its text, below the whole title if that had to be
/// cut, and with a link to the rest if it is larger than Plane takes.
pub fn issue_description(issue: &Issue) -> String {
    let head = if title(&issue.title).cut {
        let whole = escaped(&issue.title.replace('\0', "\u{fffd}"));
        format!("<p><strong>Title:</strong> {whole}</p>")
    } else {
        String::new()
    };
    noted(&head, issue.body.as_deref().unwrap_or_default(), &issue.html_url, MAX_HTML)
}

/// A comment as it is sent to Plane: a line with its author, time and address, then its text.
pub fn comment_html(comment: &Comment) -> String {
    let author = match &comment.author {
        Some(account) => {
            let page = format!("{}/{}", origin(&comment.html_url), account.login);
            link(&page, &account.login)
        }
        None => "A deleted account".into(),
    };
    let time = comment.created_at.format("%Y-%m-%d %H:%M UTC").to_string();
    let head = format!("<p>{author} on GitHub, {}:</p>", link(&comment.html_url, &time));
    noted(&head, &comment.body, &comment.html_url, MAX_HTML)
}

fn noted(head: &str, markdown: &str, original: &str, limit: usize) -> String {
    let body = body_html(markdown);
    if head.len() + body.len() > limit {
        let note = format!(
            "<p><em>Too long for Plane.</em> {}</p>",
            link(original, "Read the whole text on GitHub")
        );
        let room = limit.saturating_sub(head.len() + note.len());
        let kept = settled::leading_blocks(&body, room);
        return settled_div(&format!("{head}\n{kept}\n{note}"));
    }
    if head.is_empty() { in_one_div(&body) } else { settled_div(&format!("{head}\n{body}")) }
}

fn settled_div(html: &str) -> String {
    // What is put together from settled parts settles.
    in_one_div(&settled::settled(html).unwrap_or_default())
}

fn link(address: &str, words: &str) -> String {
    let address = escaped(address).replace('"', "&quot;");
    format!("<a href=\"{address}\">{}</a>", escaped(words))
}

/// `https://host` of an address.
fn origin(address: &str) -> &str {
    let host = address.find("://").map_or(0, |at| at + 3);
    address[host..].find('/').map_or(address, |end| &address[..host + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_larger_than_plane_takes_is_cut_between_blocks_and_says_where_it_goes_on() {
        let body = format!("{}\n\n- a\n- b\n\n", "one & two ".repeat(10)).repeat(100);
        let html = noted("", &body, "https://github.com/o/r/issues/1", 4000);
        assert!((3800..=4000 + "<div></div>".len()).contains(&html.len()), "{}", html.len());
        let (text, note) = html.rsplit_once("\n<p>").unwrap_or_default();
        assert!(text.ends_with("</ul>\n") || text.ends_with("two</p>\n"), "{text}");
        assert_eq!(
            note,
            "<em>Too long for Plane.</em> <a href=\"https://github.com/o/r/issues/1\" \
             rel=\"noopener noreferrer\">Read the whole text on GitHub</a></p></div>"
        );
    }

    #[test]
    fn one_block_larger_than_plane_takes_leaves_the_note() {
        let html = noted("", &"x".repeat(5000), "https://github.com/o/r/issues/1", 4000);
        assert!(html.starts_with("<div><p><em>Too long for Plane.</em>"), "{html}");
    }
}
