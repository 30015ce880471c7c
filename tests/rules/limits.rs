//! No expression and no event takes more than its share, or the process with it.

use jetbridge::rules::expression::{Expression, Fault, LONGEST, Scope, Wanted};
use jetbridge::rules::{Facts, IssueFacts, MOST_ENTRIES, MOST_TEXT};
use proptest::prelude::*;

use crate::samples::facts;

fn large() -> Facts {
    let text = "a".repeat(2 * MOST_TEXT);
    let names: Vec<String> = (0..500).map(|at| format!("label {at}")).collect();
    let issue = IssueFacts {
        title: text.clone(),
        body: text,
        labels: names.clone(),
        assignees: names,
        ..IssueFacts::default()
    };
    Facts { issue: issue.bounded(), ..Facts::default() }
}

#[test]
fn what_is_too_deep_or_too_long_is_refused() {
    let deep = |open: &str, close: &str| {
        let times = LONGEST / 2 - 10;
        format!("{}true{}", open.repeat(times), close.repeat(times))
    };
    for source in [
        deep("(", ")"),
        deep("[", "]"),
        deep("!", ""),
        deep("true ? ", "")[..LONGEST - 1].to_owned(),
        "-".repeat(LONGEST),
        "(".repeat(LONGEST),
        vec!["true"; 500].join("&&"),
        format!("'{}' == ''", "a".repeat(LONGEST)),
    ] {
        let read = Expression::read(&source, Scope::Event, Wanted::Truth);
        assert!(read.is_err(), "{}", &source[..40]);
    }
}

#[test]
fn lists_within_lists_within_lists_are_refused() {
    let source = "issue.labels.all(a, issue.labels.all(b, issue.labels.all(c, a == b)))";
    let why = Expression::read(source, Scope::Event, Wanted::Truth).unwrap_err();
    assert!(why.to_string().contains("only twice"), "{why}");
}

#[test]
fn a_text_or_a_list_is_looked_at_up_to_a_limit() {
    let facts = large();
    assert_eq!((facts.issue.body.len(), facts.issue.labels.len()), (MOST_TEXT, MOST_ENTRIES));
}

#[test]
fn what_takes_too_much_work_is_given_up() {
    let facts = large();
    for source in [
        "issue.labels.all(a, issue.assignees.all(b, issue.body.contains(a + b) || true))",
        "issue.labels.all(a, issue.assignees.all(b, (issue.body + a).matches('(a|b)+c') || true))",
        "size(issue.labels.map(a, issue.assignees.map(b, issue.body + a + b))) > 0",
        "size(issue.body.replace('a', issue.body)) > 0",
        "size(issue.labels.map(a, issue.body).join(issue.body)) > 0",
    ] {
        let read = Expression::read(source, Scope::Event, Wanted::Truth).unwrap();
        assert_eq!(read.truth(&facts), Err(Fault::TooMuch), "{source}");
    }
}

proptest! {
    #[test]
    fn no_text_whatever_ends_the_process(source in "[-a-z()\\[\\]{}.,'\"!?:=<>&|+*/% \\\\ü“0-9\n]{0,60}") {
        if let Ok(read) = Expression::read(&source, Scope::Event, Wanted::Truth) {
            let _ = read.truth(&facts());
        }
    }

    #[test]
    fn words_of_the_language_in_any_order_end_nothing(
        words in proptest::collection::vec(
            prop::sample::select(vec![
                "issue.title", "issue.labels", "issue.number", "(", ")", "[", "]", "'x'", "1", "0",
                "+", "==", "in", "&&", "||", "!", "-", "/", ".exists(x, ", ".map(x, ", ".size()",
                ".lower()", "x", "?", ":", ",", "true", "size(", ".split('')", ".join(",
            ]),
            0..14,
        ),
    ) {
        for wanted in [Wanted::Truth, Wanted::Text, Wanted::Texts] {
            if let Ok(read) = Expression::read(&words.join(" "), Scope::Event, wanted) {
                let fault = match wanted {
                    Wanted::Truth => read.truth(&facts()).err(),
                    Wanted::Text => read.text(&facts()).err(),
                    Wanted::Texts => read.texts(&facts()).err(),
                };
                prop_assert_ne!(fault, Some(Fault::Bug), "{:?}", words);
            }
        }
    }
}
