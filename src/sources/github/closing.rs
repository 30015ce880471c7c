//! Which issues a pull request says that it closes, and which work items of Plane it names. Pure.
//!
//! GitHub's documented rule: one of nine words, then a reference (`#12`, `owner/name#12`, the
//! issue's address), with a colon and blanks between them and nothing else; whatever the case.
//! Text in code, in a comment of HTML or in a quotation of code does not count.
//!
//! A work item is named by its key in brackets, `[SYNC-12]`, in title or text, or by its key as a
//! part of the branch's name, `feature/sync-12-thing`. Whether there is such an item is for whoever
//! looks it up: `[UTF-8]` names none. Deliberately
//! absent: that GitHub closes issues only from the default branch, which the item does not tell,
//! and words in commit messages.

use std::collections::BTreeSet;

use crate::config::RepositoryName;
use crate::work_items::Snapshot;

/// Issues that one pull request may name; the rest is somebody's joke.
const MOST: usize = 50;
/// Plane takes identifiers of up to twelve characters.
const LONGEST_PROJECT: usize = 12;
const WORDS: [&str; 9] =
    ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];

/// Everything that a pull request is about, by its text and by GitHub's own account: issues as
/// `owner/name#12`, work items as `sync-12`.
pub fn named(pull: &Snapshot) -> BTreeSet<String> {
    let body = pull.description.as_ref().map_or("", |text| text.text.as_str());
    let branch = pull.pull.course.as_ref().and_then(|course| course.branch.as_deref());
    let mut named = issues(&pull.project_ref, &pull.title, body);
    named.extend(keys(&pull.title, body, branch.unwrap_or_default()));
    named.extend(pull.pull.closes.iter().flat_map(|closes| closes.issues.iter().cloned()));
    named
}

/// The keys of Plane that a pull request names, lower case.
pub fn keys(title: &str, body: &str, branch: &str) -> BTreeSet<String> {
    let body = without_code(body);
    let in_brackets = [title, &body]
        .into_iter()
        .flat_map(|text| text.split('[').skip(1).filter_map(|rest| key(rest.split_once(']')?.0)));
    let parts: Vec<&str> = branch.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    let in_branch = parts.iter().flat_map(|part| {
        let words: Vec<&str> = part.split('-').collect();
        words.windows(2).filter_map(|two| key(&two.join("-"))).collect::<Vec<_>>()
    });
    in_brackets.chain(in_branch).take(MOST).collect()
}

/// A key: a project's identifier and a number.
fn key(text: &str) -> Option<String> {
    let (project, number) = text.trim().split_once('-')?;
    let is_word = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric());
    let is_project = (1..=LONGEST_PROJECT).contains(&project.len())
        && is_word(project)
        && project.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    let number: u32 = number.parse().ok().filter(|number| is_number && *number > 0)?;
    is_project.then(|| format!("{}-{number}", project.to_ascii_lowercase()))
}

/// The issues that a pull request of `repository` closes, each as `owner/name#12`, lower case.
pub fn issues(repository: &str, title: &str, body: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in [title.to_owned(), without_code(body)] {
        let mut rest = text.as_str();
        while let Some((before, word, after)) = next_word(rest) {
            rest = after;
            let stands_alone =
                !before.ends_with(|c: char| c.is_alphanumeric() || "_-/#@.".contains(c));
            if stands_alone && WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)) {
                found.extend(reference(after, repository));
            }
            if found.len() >= MOST {
                return found;
            }
        }
    }
    found
}

/// What stands before the next run of ASCII letters, the run, and the rest.
fn next_word(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find(|c: char| c.is_ascii_alphabetic())?;
    let length = text[start..].find(|c: char| !c.is_ascii_alphabetic());
    let end = length.map_or(text.len(), |length| start + length);
    Some((&text[..start], &text[start..end], &text[end..]))
}

/// The reference with which `text` begins, after a colon and blanks.
fn reference(text: &str, repository: &str) -> Option<String> {
    let after_colon = text.strip_prefix(':').unwrap_or(text);
    let rest = after_colon.trim_start_matches([' ', '\t', '\u{a0}']);
    if rest.len() == after_colon.len() {
        return None;
    }
    if let Some(rest) = rest.strip_prefix('#') {
        return Some(format!("{}#{}", repository.to_lowercase(), number(rest)?));
    }
    // Only issues of its own server.
    let host = repository.parse::<RepositoryName>().map(|name| name.host()).unwrap_or_default();
    let servers = match host.name() {
        Some(name) => [name, host.without_port()],
        None => ["github.com"; 2],
    };
    let both = |scheme: &str| servers.map(|server| format!("{scheme}://{server}/"));
    let address = ["https", "http"].map(both).concat();
    if let Some(rest) = address.iter().find_map(|start| strip_prefix_whatever_case(rest, start)) {
        let (name, rest) = name(rest)?;
        return Some(host.named(format!("{name}#{}", number(rest.strip_prefix("/issues/")?)?)));
    }
    let (name, rest) = name(rest)?;
    Some(host.named(format!("{name}#{}", number(rest.strip_prefix('#')?)?)))
}

fn strip_prefix_whatever_case<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let head = text.get(..start.len())?;
    head.eq_ignore_ascii_case(start).then(|| &text[start.len()..])
}

/// `owner/name`, lower case, and what follows.
fn name(text: &str) -> Option<(String, &str)> {
    let part = |text: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.find(|c: char| !is_part(c)).unwrap_or(text.len())
    };
    let owner = part(text);
    let rest = text[owner..].strip_prefix('/')?;
    let length = part(rest);
    if owner == 0 || length == 0 {
        return None;
    }
    Some((format!("{}/{}", &text[..owner], &rest[..length]).to_lowercase(), &rest[length..]))
}

/// The number with which `text` begins, if nothing that could belong to it follows.
fn number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let follows = text[end..].chars().next();
    if follows.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    text[..end].parse().ok().filter(|number| *number > 0)
}

/// The Markdown with its code blocks, code spans and comments blanked out.
fn without_code(markdown: &str) -> String {
    let mut text = String::with_capacity(markdown.len());
    let mut fence: Option<(char, usize)> = None;
    for line in markdown.lines() {
        let start = line.trim_start();
        let mark = start.chars().next().filter(|c| matches!(c, '`' | '~'));
        let length = mark.map_or(0, |mark| start.chars().take_while(|c| *c == mark).count());
        let is_indented = line.starts_with("    ") || line.starts_with('\t');
        match (fence, mark) {
            (Some((open, least)), Some(mark))
                if mark == open && length >= least && start[length..].trim().is_empty() =>
            {
                fence = None;
            }
            (Some(_), _) => {}
            (None, Some(mark)) if length >= 3 => fence = Some((mark, length)),
            (None, _) if is_indented => {}
            (None, _) => text.push_str(line),
        }
        text.push('\n');
    }
    without_spans(&without_comments(&text))
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("<!--") {
        kept.push_str(&rest[..start]);
        kept.push('\n');
        let Some(end) = rest[start..].find("-->") else { return kept };
        rest = &rest[start + end + 3..];
    }
    kept.push_str(rest);
    kept
}

/// A run of backticks up to the next run of the same length is code; one without its end is text.
fn without_spans(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let length = rest[start..].bytes().take_while(|b| *b == b'`').count();
        let after = &rest[start + length..];
        kept.push_str(&rest[..start]);
        kept.push('`');
        rest = end_of_span(after, length).map_or(after, |end| &after[end..]);
    }
    kept.push_str(rest);
    kept
}

fn end_of_span(text: &str, length: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(start) = text[at..].find('`') {
        let run = text[at + start..].bytes().take_while(|b| *b == b'`').count();
        at += start + run;
        if run == length {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(body: &str) -> Vec<String> {
        issues("Octo/API", "A title", body).into_iter().collect()
    }

    #[test]
    fn each_of_the_nine_words_closes_whatever_its_case() {
        for word in WORDS {
            for word in [word.to_owned(), word.to_uppercase()] {
                assert_eq!(closed(&format!("This {word} #12.")), ["octo/api#12"], "{word}");
            }
        }
    }

    #[test]
    fn an_issue_is_named_by_number_by_repository_or_by_address() {
        assert_eq!(closed("Fixes octo-org/Web.site#7"), ["octo-org/web.site#7"]);
        let address = "resolves https://github.com/octo/web/issues/9#issuecomment-1";
        assert_eq!(closed(address), ["octo/web#9"]);
        assert_eq!(closed("closes: #3, fixes #4 and #5"), ["octo/api#3", "octo/api#4"]);
        assert_eq!(issues("o/r", "Fix #8: a crash", "").into_iter().collect::<Vec<_>>(), ["o/r#8"]);
    }

    #[test]
    fn a_pull_request_closes_issues_of_its_own_server() {
        let of = |body: &str| {
            issues("ghe.example.com/octo/api", "", body).into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("Fixes #12"), "ghe.example.com/octo/api#12");
        assert_eq!(of("Fixes octo/web#7"), "ghe.example.com/octo/web#7");
        let address = "fixes https://ghe.example.com/octo/web/issues/9";
        assert_eq!(of(address), "ghe.example.com/octo/web#9");
        assert_eq!(closed(address), Vec::<String>::new(), "of another server");
        assert_eq!(of("fixes https://github.com/octo/web/issues/9"), "");
    }

    #[test]
    fn what_only_looks_like_it_closes_nothing() {
        for text in [
            "see #12",
            "fixes#12",
            "fixes the bug of #12",
            "prefix #12",
            "hot-fix #12",
            "fixes #12a",
            "fixes #",
            "fixes #0",
            "fixes https://github.com/octo/web/pull/9",
            "fixes https://evil.example/octo/web/issues/9",
            "closing #12",
            "fixes\n\n#12",
        ] {
            assert_eq!(closed(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn code_and_comments_close_nothing() {
        for text in [
            "`fixes #12`",
            "``a ` fixes #12``",
            "```\nfixes #12\n```",
            "~~~ text\nfixes #12\n~~~",
            "    fixes #12",
            "<!-- fixes #12 -->",
            "<!-- fixes #12",
        ] {
            assert_eq!(closed(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(closed("`code` fixes #12 ` alone"), ["octo/api#12"]);
        assert_eq!(closed("```\ncode\n```\nfixes #12"), ["octo/api#12"]);
    }

    #[test]
    fn a_work_item_is_named_in_brackets_or_in_the_branch() {
        let named = |title, body, branch| Vec::from_iter(keys(title, body, branch));
        assert_eq!(named("[SYNC-12] A thing", "for [WEB-7](https://x)", ""), ["sync-12", "web-7"]);
        for branch in ["sync-12", "feature/SYNC-12-thing", "ada/fix_sync-12", "sync-12-13"] {
            assert_eq!(named("", "", branch), ["sync-12"], "{branch}");
        }
        for text in ["SYNC-12", "[SYNC-0]", "[SYNC-12a]", "[12-12]", "[SYNC 12]", "`[SYNC-12]`"] {
            assert_eq!(named("", text, ""), Vec::<String>::new(), "{text}");
        }
        assert_eq!(named("", "", "release/2-0-1"), Vec::<String>::new());
    }

    proptest::proptest! {
        #[test]
        fn any_branch_is_read_without_a_panic(branch in "[a-zA-Z0-9/_\\-é]{0,40}", body in "[A-Z0-9\\[\\] -]{0,60}") {
            keys(&branch, &body, &branch);
        }

        #[test]
        fn any_text_is_read_without_a_panic(title in ".{0,80}", body in "[a-z`~#<!> \\-\n/:0-9é]{0,200}") {
            issues("o/r", &title, &body);
        }
    }
}
