use std::collections::BTreeSet;

use super::trouble::CALM;
use super::*;

fn issue(number: u64) -> IssueSeen {
    IssueSeen {
        name: IssueName { place: 0, number },
        title: format!("Issue {number}"),
        body: "Words.\n\nMore words.".to_owned(),
        open: true,
        labels: vec!["bug".to_owned()],
        assignees: Vec::new(),
        comments: vec![number],
        changed: "2026-11-22T00:00:00Z".parse().unwrap(),
        twin: Some(Twin {
            item: Uuid::from_u128(number.into()),
            state: "Todo".to_owned(),
            comments: 1,
        }),
    }
}

fn scene() -> Scene {
    Scene { issues: (1..=14).map(issue).collect(), ..Scene::default() }
}

/// The kind of an action.
fn kind(action: &Action) -> String {
    let text = format!("{action:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn the_same_seed_step_and_scene_give_the_same_action() {
    for step in 0..100 {
        assert_eq!(next(7, step, &scene()), next(7, step, &scene()));
    }
    let play = |seed| (0..20).map(|step| next(seed, step, &scene())).collect::<Vec<_>>();
    assert_ne!(play(1), play(2));
    assert_eq!(opening(3), opening(3));
}

#[test]
fn each_trouble_comes_once_in_a_round() {
    let round: Vec<_> = (CALM..CALM + 48).map(|step| kind(&next(1, step, &scene()))).collect();
    let count = |word: &str| round.iter().filter(|kind| kind.starts_with(word)).count();
    assert_eq!((count("Trouble"), count("Clash")), (8, 3), "{round:?}");
}

#[test]
fn nothing_goes_wrong_at_the_beginning() {
    for step in 0..CALM {
        let kind = kind(&next(1, step, &scene()));
        assert!(!["Trouble", "Clash"].iter().any(|word| kind.starts_with(word)), "{step}: {kind}");
    }
}

#[test]
fn people_do_everything_sooner_or_later() {
    let mut there = scene();
    let pull = IssueName { place: 0, number: 90 };
    there.pulls.push(PullSeen { name: pull, open: true, closes: Some(there.issues[0].name) });
    there.issues[13].open = false;
    there.issues[12].labels = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    there.issues[11].assignees = vec!["teo".to_owned(), "mira-okafor".to_owned()];
    there.issues[10].comments = vec![1, 2, 3, 4, 5];
    let done: BTreeSet<_> = (0..4000).map(|step| kind(&next(11, step, &there))).collect();
    let all = [
        "Assign",
        "Clash",
        "Close",
        "Comment",
        "DeleteComment",
        "EditComment",
        "Label",
        "Merge",
        "Move",
        "Open",
        "OpenPull",
        "PlaneComment",
        "Prioritize",
        "Reopen",
        "Retitle",
        "Rewrite",
        "Unassign",
        "Unlabel",
        "WriteItem",
    ];
    for kind in all {
        assert!(done.contains(kind), "{kind} never happens: {done:?}");
    }
}

#[test]
fn a_loose_end_is_mended_after_a_while_and_not_made_twice() {
    let name = IssueName { place: 0, number: 3 };
    for trouble in [Trouble::LostWebhook, Trouble::DeadDelivery, Trouble::Conflict(name)] {
        let loose_ends = vec![LooseEnd { trouble, since: 100 }];
        let there = Scene { loose_ends, ..scene() };
        assert_ne!(next(1, 101, &there), Action::Mend(trouble));
        assert_eq!(next(1, 140, &there), Action::Mend(trouble));
    }
}

#[test]
fn nobody_touches_an_issue_in_conflict_until_it_is_mended() {
    let name = IssueName { place: 0, number: 1 };
    let loose_ends = vec![LooseEnd { trouble: Trouble::Conflict(name), since: u64::MAX }];
    let there = Scene { issues: vec![issue(1)], loose_ends, ..Scene::default() };
    for step in 0..500 {
        let action = format!("{:?}", next(1, step, &there));
        assert!(!action.contains("number: 1 "), "{action}");
    }
}

#[test]
fn what_is_old_is_cleared_away() {
    let mut there = scene();
    there.issues = (1..=30).map(|n| IssueSeen { open: false, ..issue(n) }).collect();
    there.issues[4].changed = "2020-01-01T00:00:00Z".parse().unwrap();
    assert!(matches!(
        next(1, 1, &there),
        Action::ClearIssue { issue: IssueName { number: 5, .. }, twin: Some(_) }
    ));
    there.issues.clear();
    let pull =
        |number| PullSeen { name: IssueName { place: 1, number }, open: false, closes: None };
    there.pulls = (1..=9).map(pull).collect();
    assert!(matches!(next(1, 1, &there), Action::ClearPull { pull: IssueName { number: 1, .. } }));
}
