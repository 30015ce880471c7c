//! docs/rules.md, run: every example comes out as it says, and every name that there is stands
//! there.

use jetbridge::config::RepositoryConfig;
use jetbridge::rules::trial::{Fate, Trial, tried};
use jetbridge::rules::{FACTS, Facts, IssueFacts, Rulebook};
use jetbridge::sync::github::{Account, Issue, IssueLabel, IssueState};

use crate::samples;

const DOCUMENT: &str = include_str!("../../docs/rules.md");

/// The fenced blocks, each with its language.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let fences: Vec<&str> = DOCUMENT.split("\n```").skip(1).step_by(2).collect();
    fences.into_iter().map(|block| block.split_once('\n').unwrap()).collect()
}

fn rulebook(text: &str) -> Rulebook {
    #[derive(serde::Deserialize)]
    struct Written {
        repositories: Vec<RepositoryConfig>,
    }
    let mut written: Written = toml::from_str(text).unwrap();
    let repository = written.repositories.remove(0);
    Rulebook::read(repository.filter.as_deref(), &repository.rules).unwrap()
}

fn list(value: &str) -> Vec<String> {
    value.split(", ").map(str::to_owned).collect()
}

/// An event, from `labels: bug · sender: ada`.
fn event(line: &str) -> (Facts, Issue) {
    let mut issue = Issue { labels: Vec::new(), assignees: Vec::new(), ..samples::issue() };
    let mut facts = Facts { repository: "octo/hello".to_owned(), ..Facts::default() };
    for (key, value) in line.split(" · ").map(|field| field.split_once(": ").unwrap()) {
        let owned = value.to_owned();
        match key {
            "event" => facts.event = owned,
            "action" => facts.action = owned,
            "sender" => facts.sender = owned,
            "title" => issue.title = owned,
            "state" if value == "closed" => issue.state = IssueState::Completed,
            "labels" => {
                let label = |name| IssueLabel { id: None, name, color: None };
                issue.labels = list(value).into_iter().map(label).collect();
            }
            "assignees" => {
                let account = |login| Account { id: 1, login };
                issue.assignees = list(value).into_iter().map(account).collect();
            }
            other => panic!("an example speaks of {other}"),
        }
    }
    facts.issue = IssueFacts::from(&issue);
    (facts, issue)
}

fn in_words(trial: &Trial) -> String {
    let turned: Vec<_> = trial.turned.iter().map(|t| format!("{}: {}", t.field, t.after)).collect();
    match &trial.fate {
        Fate::CarriedOver if turned.is_empty() => "as it is".to_owned(),
        Fate::CarriedOver => turned.join(" · "),
        Fate::LeftOut => "left out".to_owned(),
        Fate::Dropped { rule } => format!("dropped by {rule}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_example_of_the_document_comes_out_as_it_says() {
    let (mut rules, mut examples, mut outcomes) = (None, 0, 0);
    for (language, text) in blocks() {
        match language {
            "toml" => {
                assert!(rules.is_none(), "an example without its outcome");
                rules = Some(rulebook(text));
                examples += 1;
            }
            "text" => {
                let rules = rules.take().expect("an outcome follows its example");
                for line in text.lines() {
                    let (before, after) = line.split_once(" → ").unwrap();
                    let (facts, issue) = event(before);
                    assert_eq!(in_words(&tried(&rules, &facts, Some(&issue))), after, "{line}");
                    outcomes += 1;
                }
            }
            other => panic!("a block in {other} is run by nobody"),
        }
    }
    assert!(rules.is_none() && examples >= 5 && outcomes >= 15, "{examples} {outcomes}");
}

#[test]
fn the_document_names_all_that_an_expression_may_speak_of() {
    for fact in FACTS {
        assert!(DOCUMENT.contains(&format!("`{}`", fact.name)), "{}", fact.name);
    }
}
