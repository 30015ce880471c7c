//! What rules make of an issue.

use jetbridge::rules::trial::{Fate, tried};
use jetbridge::rules::{Admission, Facts, RuleConfig, Rulebook, Verdict};
use jetbridge::sync::plane::Priority;

use crate::samples::{facts, issue};

fn rulebook(text: &str) -> Rulebook {
    #[derive(serde::Deserialize)]
    struct Written {
        rules: Vec<RuleConfig>,
    }
    let written: Written = toml::from_str(text).unwrap();
    Rulebook::read(None, &written.rules).unwrap()
}

fn carried(text: &str) -> jetbridge::rules::Carried {
    match rulebook(text).applied("octo/hello", &issue()).unwrap() {
        Verdict::Carried(carried) => *carried,
        Verdict::Dropped { rule } => panic!("dropped by {rule}"),
    }
}

#[test]
fn a_filter_lets_through_what_meets_it_and_none_lets_all_through() {
    let admission =
        |filter: &str| Rulebook::read(Some(filter), &[]).unwrap().admits(&facts()).unwrap();
    assert_eq!(admission("sender == 'grace'"), Admission::Admitted);
    assert_eq!(admission("sender == 'ada'"), Admission::LeftOut);
    assert_eq!(admission("  "), Admission::Admitted);
    assert!(Rulebook::read(None, &[]).unwrap().is_empty());
}

#[test]
fn a_trial_says_which_pull_requests_the_filter_leaves_out() {
    let mut pull = facts();
    pull.issue.pull_request = true;
    let fate = |filter: &str| {
        let rulebook = Rulebook::read(Some(filter), &[]).unwrap();
        tried(&rulebook, &pull, None).fate
    };
    assert_eq!(fate("sender == 'ada'"), Fate::LeftOut);
    assert_eq!(fate("sender == 'grace'"), Fate::NothingToCarry);
    let unread = tried(&Rulebook::read(Some("false"), &[]).unwrap(), &Facts::default(), None);
    assert_eq!(unread.fate, Fate::NothingToCarry, "a label's event asks no filter");
}

#[test]
fn without_rules_an_issue_is_carried_over_as_it_is() {
    let Verdict::Carried(carried) = Rulebook::default().applied("o/h", &issue()).unwrap() else {
        panic!("nothing drops it");
    };
    assert_eq!((carried.issue, carried.ruled.own), (issue(), None));
}

#[test]
fn a_rule_sees_what_those_before_it_made_and_its_parts_see_the_same() {
    let carried = carried(
        r#"
        [[rules]]
        name = "first"
        set = { title = "issue.title + '!'", labels = "issue.labels + [issue.title]" }
        [[rules]]
        set.title = "issue.title + string(size(issue.labels))"
        "#,
    );
    assert_eq!(carried.issue.title, "Crash on Start: ü!3");
    assert_eq!(carried.issue.labels[2].name, "Crash on Start: ü");
    assert_eq!(carried.issue.labels[0].color.as_deref(), Some("d73a4a"));
    assert_eq!(carried.rules, ["first", "rule 2"]);
    assert_eq!(carried.ruled.own.unwrap().title, "Crash on Start: ü");
}

#[test]
fn stop_ends_the_list_for_those_that_it_is_for() {
    let rules = |when: &str| {
        format!("[[rules]]\nwhen = \"{when}\"\nstop = true\n[[rules]]\nset.priority = '\"low\"'")
    };
    assert_eq!(carried(&rules("'bug' in issue.labels")).ruled.wish.priority, None);
    let wish = carried(&rules("'feature' in issue.labels")).ruled.wish;
    assert_eq!(wish.priority, Some(Priority::Low));
}

#[test]
fn what_is_dropped_says_by_which_rule() {
    let rules = "[[rules]]\nname = 'no bugs'\nwhen = \"'bug' in issue.labels\"\ndrop = true";
    let verdict = rulebook(rules).applied("octo/hello", &issue()).unwrap();
    assert_eq!(verdict, Verdict::Dropped { rule: "no bugs".to_owned() });
}

#[test]
fn an_empty_state_or_priority_wishes_for_none_and_blank_names_are_left_out() {
    let carried = carried(
        "[[rules]]\nset = { state = \"''\", priority = \"''\", labels = \"['', 'Bug', 'bug']\", assignees = \"[]\" }",
    );
    assert_eq!(carried.ruled.wish, jetbridge::sync::plan::Wish::default());
    assert_eq!(carried.issue.labels.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["Bug"]);
    assert!(carried.issue.assignees.is_empty());
}

#[test]
fn a_rule_that_comes_to_nothing_says_which_and_why() {
    for (set, why) in [
        ("set.title = 'issue.labels[7]'", "the rule “rule 1”: it asks for place 7"),
        ("set.title = \"' '\"", "the rule “rule 1”: the title that it sets is empty"),
        (
            "set.priority = 'issue.title'",
            "the rule “rule 1”: there is no priority “Crash on Start: ü”",
        ),
        (
            "when = '1 / size(issue.body) == 1'\ndrop = true",
            "the rule “rule 1”: it divides by zero",
        ),
    ] {
        let broken = rulebook(&format!("[[rules]]\n{set}")).applied("octo/hello", &issue());
        let said = broken.unwrap_err().to_string();
        assert!(said.starts_with(why), "{said}");
    }
}
