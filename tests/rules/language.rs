//! What expressions come to.

use jetbridge::rules::expression::{Expression, Scope, Wanted};

use crate::samples::facts;

fn truth(source: &str) -> bool {
    let read = Expression::read(source, Scope::Event, Wanted::Truth);
    read.unwrap_or_else(|e| panic!("{source}: {e}")).truth(&facts()).unwrap()
}

#[test]
fn what_is_true_of_the_sample_is_true() {
    for source in [
        "true",
        "event == 'issue_comment' && action == \"created\"",
        "sender in ['ada', 'grace'] && !(sender in [])",
        "repository == 'octo/hello' && issue.number == 42",
        "issue.title.startsWith('Crash') && issue.title.endsWith('ü')",
        "issue.title.contains('on') && issue.title.lower().contains('start')",
        "issue.title.matches('^Crash.*: .$') && issue.title.matches(r'\\bon\\b')",
        "size(issue.title) == 17 && issue.title.size() == 17",
        "issue.body == '' && !has(issue.body) && has(issue.title)",
        "issue.state == 'open' && issue.state_reason == ''",
        "'bug' in issue.labels && issue.labels[1] == 'P1'",
        "issue.labels.exists(l, l.lower() == 'p1') && issue.labels.all(l, size(l) < 4)",
        "issue.labels.exists_one(l, l == 'bug') && issue.labels.filter(l, l != 'bug') == ['P1']",
        "issue.labels.map(l, l.upper()).join('+') == 'BUG+P1' && issue.labels + ['x'] == ['bug', 'P1', 'x']",
        "issue.assignees.exists(a, issue.labels.exists(l, a == 'ada' && l == 'bug'))",
        "'a-b-c'.split('-') == ['a', 'b', 'c'] && ' x '.trim() == 'x' && 'aXa'.replace('a', 'b') == 'bXb'",
        "string(issue.number) + '!' == '42!' && string(true) == 'true'",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 % 4 == -3 && 0x10 == 16",
        "1 < 2 && 2 <= 2 && 3 > 2 && 'a' < 'b' && 'B' < 'a' && true > false",
        "issue.number > 40 ? true : false",
        "true || false && false",
        "!issue.pull_request && comment.author == sender",
        "'\\u00fc' == 'ü' && '\\x41\\n' == \"A\\n\" && 'it\\'s' == \"it's\" && r'\\n' == '\\\\n'",
        "sender == 'grace' // whoever it was\n  && true",
    ] {
        assert!(truth(source), "{source}");
    }
}

#[test]
fn either_side_decides_although_the_other_comes_to_nothing() {
    for (source, expected) in [
        ("true || issue.labels[9] == 'x'", true),
        ("issue.labels[9] == 'x' || true", true),
        ("issue.labels[9] == 'x' && false", false),
        ("[0, 1].exists(n, 1 / n == 1)", true),
    ] {
        assert_eq!(truth(source), expected, "{source}");
    }
}

#[test]
fn what_comes_to_nothing_says_why() {
    for (source, why) in [
        ("issue.labels[2] == 'x'", "it asks for place 2 of a list that has fewer"),
        ("issue.labels[-1] == 'x'", "it asks for place -1 of a list that has fewer"),
        ("1 / (issue.number - 42) == 1", "it divides by zero"),
        ("issue.number * 9223372036854775807 > 0", "a number became too large"),
    ] {
        let read = Expression::read(source, Scope::Event, Wanted::Truth).unwrap();
        let fault = read.truth(&facts()).unwrap_err();
        assert!(fault.to_string().starts_with(why), "{source}: {fault}");
    }
}
