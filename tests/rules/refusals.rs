//! What is refused when it is read, where, and why.

use jetbridge::rules::expression::{Expression, Scope, Wanted};
use jetbridge::rules::{RuleConfig, RuleSet, Rulebook};

fn refused(source: &str) -> String {
    let read = Expression::read(source, Scope::Event, Wanted::Truth);
    read.expect_err(source).to_string()
}

#[test]
fn a_wrong_expression_is_refused_with_its_place_and_the_reason() {
    for (source, expected) in [
        ("", "column 1: expected a value, not the end"),
        ("1 +", "column 4: expected a value, not the end"),
        ("issue.titel == 'x'", "column 7: “issue” has no “titel”: use one of number, title"),
        ("titel == 'x'", "column 1: there is no “titel” here: use event, action, sender"),
        ("issue", "column 1: “issue” is no value by itself: name one of its number, title"),
        ("issue.title", "column 1: it comes to a text, and true or false is wanted"),
        ("'ü' == issue.number", "column 5: “==” does not go between a text and a number"),
        ("issue.title + 1 == ''", "column 13: “+” does not go between a text and a number"),
        ("issue.labels == 'bug'", "column 14: “==” does not go between a list of texts and a text"),
        ("'bug' in issue.title", "column 7: “in” does not go between a text and a text"),
        ("issue.title.foo()", "column 13: there is no function “foo” here: use one of size"),
        ("issue.title.contains(1)", "column 22: this is a number, and “contains” is used as"),
        ("startsWith('a')", "column 1: “startsWith” is used as text.startsWith(text)"),
        ("issue.title.matches('(')", "column 21: this pattern can't be used: unclosed group"),
        ("issue.title.matches(sender)", "column 21: the pattern has to be written out"),
        (
            "issue.labels.exists(l, l)",
            "column 24: this is a text, and true or false is wanted here",
        ),
        ("issue.title.exists(l, true)", "column 7: this is a text, and “exists” goes over a list"),
        ("[1, 'a'] == []", "column 5: this is a text in a list whose first is a number"),
        ("sender = 'x'", "column 8: “=” means nothing here: two of them compare"),
        ("sender == “x”", "column 11: ““” means nothing here: texts stand between"),
        ("sender == 'x", "column 11: this text is not closed"),
        ("sender == '\\d'", "column 12: this backslash means nothing"),
        ("1.5 > 1", "column 1: only whole numbers can be written here"),
        ("null == sender", "column 1: there is no null here"),
        ("true true", "column 6: expected an operator or the end, not “true”"),
        ("(true", "column 6: expected “)”, not the end"),
        ("true &&\n  (sender = 'x')", "line 2 column 11: “=” means nothing here"),
        ("has(sender)", "column 5: this is a text, and “has” is used as has(issue.field)"),
        ("event.name == ''", "column 7: “event” is a text and has no “name”"),
    ] {
        let why = refused(source);
        assert!(why.starts_with(expected), "{source}\n  {why}\n  {expected}");
    }
}

#[test]
fn a_rule_may_not_speak_of_what_happened() {
    for word in ["event", "action", "sender", "comment.body"] {
        let source = format!("{word} == 'x'");
        let why = Expression::read(&source, Scope::State, Wanted::Truth).unwrap_err().to_string();
        assert!(why.contains(&format!("a rule may not use “{word}”")), "{why}");
    }
}

fn rule(set: RuleSet) -> RuleConfig {
    RuleConfig { set, ..RuleConfig::default() }
}

#[test]
fn a_wrong_rule_is_refused_with_its_key() {
    let title = |text: &str| RuleSet { title: Some(text.to_owned()), ..RuleSet::default() };
    let priority = RuleSet { priority: Some("'soon'".to_owned()), ..RuleSet::default() };
    let labels = RuleSet { labels: Some("'bug'".to_owned()), ..RuleSet::default() };
    let project = |text: &str| {
        let plane_project = Some(text.to_owned());
        RuleSet { plane_project, ..RuleSet::default() }
    };
    let dropped = RuleConfig { drop: true, ..rule(title("issue.title")) };
    for (rules, expected) in [
        (
            vec![rule(title("issue.title")), rule(title("issue.titel"))],
            "rules[2].set.title: column 7: “issue” has no “titel”",
        ),
        (vec![rule(priority)], "rules[1].set.priority: there is no priority “soon”"),
        (
            vec![rule(labels)],
            "rules[1].set.labels: column 1: it comes to a text, and a list of texts is wanted",
        ),
        (
            vec![rule(project("mobile"))],
            "rules[1].set.plane_project: column 1: there is no “mobile”",
        ),
        (
            vec![rule(project("'mobile'"))],
            "rules[1].set.plane_project: “mobile” is no id: expected",
        ),
        (
            vec![rule(project("issue.title"))],
            "rules[1].set.plane_project: every project has to stand in it as a text",
        ),
        (vec![dropped], "rules[1]: it drops what it sets"),
        (vec![RuleConfig::default()], "rules[1]: it does nothing"),
        (vec![rule(title("issue.title")); 51], "rules: there are more than 50"),
    ] {
        let why = Rulebook::read(None, &rules).unwrap_err().to_string();
        assert!(why.starts_with(expected), "{why}");
    }
    let why = Rulebook::read(Some("sender"), &[]).unwrap_err().to_string();
    assert_eq!(why, "filter: column 1: it comes to a text, and true or false is wanted");
}
