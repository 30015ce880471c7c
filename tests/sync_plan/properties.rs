//! Whatever people do on both sides, in whatever order.

use std::collections::BTreeSet;

use jetbridge::sync::github::IssueState;
use jetbridge::sync::plan::{LinkStatus, Recognized, recognize};
use jetbridge::sync::plane::ItemChange;
use proptest::prelude::*;

use crate::model::{Death, World, account, change_of, label, set};

/// Something that somebody does.
#[derive(Debug, Clone)]
enum Action {
    GithubTitle(u8),
    GithubBody(u8),
    GithubState(IssueState),
    GithubLabels(BTreeSet<u8>),
    GithubAssignees(BTreeSet<u8>),
    PlaneTitle(u8),
    PlaneAppends(u8),
    PlaneRewrites(u8),
    PlaneState(u8),
    PlaneLabel(u8),
    PlaneAssignee(u8),
    Sync,
    Die(Death),
}

const LOGINS: [&str; 3] = ["ada", "grace", "stranger"];
const LABELS: [&str; 4] = ["bug", "docs", "own", "UI"];
const USERS: [&str; 3] = ["u-ada", "u-grace", "u-own"];
const STATES: [&str; 6] = ["backlog", "todo", "doing", "done", "shipped", "cancelled"];

fn action() -> impl Strategy<Value = Action> {
    use Action::*;
    let state = prop::sample::select(vec![
        IssueState::Open,
        IssueState::Reopened,
        IssueState::Completed,
        IssueState::NotPlanned,
        IssueState::Duplicate,
    ]);
    prop_oneof![
        (0..3_u8).prop_map(GithubTitle),
        (0..4_u8).prop_map(GithubBody),
        state.prop_map(GithubState),
        prop::collection::btree_set(0..4_u8, 0..4).prop_map(GithubLabels),
        prop::collection::btree_set(0..3_u8, 0..3).prop_map(GithubAssignees),
        (0..3_u8).prop_map(PlaneTitle),
        (0..3_u8).prop_map(PlaneAppends),
        (0..3_u8).prop_map(PlaneRewrites),
        (0..6_u8).prop_map(PlaneState),
        (0..4_u8).prop_map(PlaneLabel),
        (0..3_u8).prop_map(PlaneAssignee),
        Just(Sync),
        Just(Sync),
        prop::sample::select(vec![Death::BeforeTheWrite, Death::AfterTheWrite]).prop_map(Die),
    ]
}

/// Puts an id in, or takes it out.
fn toggle(set: &mut BTreeSet<String>, id: String) {
    if !set.remove(&id) {
        set.insert(id);
    }
}

fn act(world: &mut World, action: &Action) {
    match action {
        Action::GithubTitle(n) => world.issue.title = format!("title {n}"),
        Action::GithubBody(0) => world.issue.body = None,
        Action::GithubBody(n) => world.issue.body = Some(format!("body {n}")),
        Action::GithubState(state) => world.issue.state = *state,
        Action::GithubLabels(labels) => {
            world.issue.labels = labels.iter().map(|n| label(LABELS[usize::from(*n)])).collect();
        }
        Action::GithubAssignees(people) => {
            world.issue.assignees =
                people.iter().map(|n| account(LOGINS[usize::from(*n)])).collect();
        }
        Action::Sync | Action::Die(_) => {}
        by_plane => {
            if let Some(item) = &mut world.item {
                match by_plane {
                    Action::PlaneTitle(n) => item.name = format!("plane {n}"),
                    Action::PlaneAppends(n) => item.description_html += &format!("<p>note {n}</p>"),
                    Action::PlaneRewrites(n) => item.description_html = format!("<p>mine {n}</p>"),
                    Action::PlaneState(n) => item.state = Some(STATES[usize::from(*n)].to_owned()),
                    Action::PlaneLabel(n) => {
                        // Only labels that the project has.
                        let known = world.project.labels.get(usize::from(*n));
                        if let Some(known) = known {
                            toggle(&mut item.labels, known.id.clone());
                        }
                    }
                    Action::PlaneAssignee(n) => {
                        toggle(&mut item.assignees, USERS[usize::from(*n)].to_owned());
                    }
                    _ => unreachable!(),
                }
            }
        }
    }
}

/// Syncs, and checks what must hold of every sync.
fn sync(world: &mut World) {
    world.recover();
    let before = world.item.clone();
    let base = world.link.as_ref().map(|link| link.base.clone());
    let issue_before = base.as_ref().map(|base| base.github.clone());
    let (plan, _) = world.sync();
    let after = world.item.clone().unwrap();

    // Nothing is left to write, and nothing more is learned.
    let again = world.plan();
    assert_eq!(again.writes, [], "a second plan is empty");
    assert_eq!(again.status, plan.status);
    assert_eq!(again.expected.base, world.link.as_ref().unwrap().base);

    let (Some(before), Some(base), Some(github)) = (before, base, issue_before) else { return };
    let change = change_of(&plan);
    monotone(world, &change, &github);

    // What was not ours before is still there.
    let lost: BTreeSet<_> = before.labels.difference(&after.labels).cloned().collect();
    assert!(lost.is_subset(&base.our_labels), "{lost:?} was not ours");
    // Whom Plane takes no longer it drops from any list that is written; that is told.
    let kept = after.assignees.union(&world.guests).cloned().collect();
    let lost: BTreeSet<_> = before.assignees.difference(&kept).cloned().collect();
    assert!(lost.is_subset(&base.our_assignees), "{lost:?} was not ours");

    // What people appended is still there, and so is what they rewrote in a conflict.
    let conflict = plan.status == LinkStatus::Conflict;
    let edited = before.description_html != github.rendered_html;
    if edited && (conflict || change.description_html.is_none()) {
        assert_eq!(after.description_html, before.description_html);
    } else if edited {
        let note = before.description_html.strip_prefix(&github.rendered_html).unwrap();
        assert!(after.description_html.ends_with(note));
    }
}

/// A field is written only where GitHub changed it since the base.
fn monotone(world: &World, change: &ItemChange, github: &jetbridge::sync::plan::GithubSide) {
    if change.name.is_some() {
        assert_ne!(world.issue.title, github.title);
    }
    if change.description_html.is_some() {
        let now = &world.link.as_ref().unwrap().base.github.markdown_sha256;
        assert_ne!(*now, github.markdown_sha256);
    }
    if change.state.is_some() {
        let was = github.state.unwrap();
        assert!(was != world.issue.state && (was.is_closed() || world.issue.state.is_closed()));
    }
    let names: BTreeSet<_> = world.issue.labels.iter().map(|l| l.name.to_lowercase()).collect();
    if change.labels.is_some() {
        assert_ne!(names, github.labels.keys().cloned().collect());
    }
    let logins: BTreeSet<_> = world.issue.assignees.iter().map(|a| a.login.clone()).collect();
    if change.assignees.is_some() {
        assert_ne!(logins, github.assignees.keys().cloned().collect());
    }
}

proptest! {
    #[test]
    fn any_course_of_changes_keeps_the_rules(
        actions in prop::collection::vec(action(), 1..40),
        rewrites in prop::sample::select(vec!["", "<br>"]),
        guests in prop::sample::select(vec![vec![], vec!["u-grace"]]),
    ) {
        let mut world = World::new();
        world.rewrites = rewrites;
        world.guests = set(&guests);
        for action in &actions {
            act(&mut world, action);
            match action {
                Action::Sync => sync(&mut world),
                Action::Die(death) => world.die(*death),
                _ => {}
            }
        }
        sync(&mut world);
    }

    #[test]
    fn where_only_github_changes_both_sides_end_equal_whenever_we_die(actions in prop::collection::vec(action(), 1..40)) {
        let mut world = World::new();
        for action in &actions {
            match action {
                Action::Sync => sync(&mut world),
                Action::Die(death) => world.die(*death),
                Action::GithubTitle(_) | Action::GithubBody(_) | Action::GithubState(_)
                | Action::GithubLabels(_) | Action::GithubAssignees(_) => act(&mut world, action),
                _ => {}
            }
        }
        sync(&mut world);
        let expected = crate::model::render(&world.issue);
        let item = world.item().clone();
        prop_assert_eq!(&item.name, &expected.title);
        prop_assert_eq!(&item.description_html, &expected.description_html);
        let closed = ["done", "cancelled"].contains(&item.state.as_deref().unwrap());
        prop_assert_eq!(closed, world.issue.state.is_closed());
        let labels: BTreeSet<_> = world.issue.labels.iter().map(|l| format!("l-{}", l.name)).collect();
        prop_assert_eq!(&item.labels, &labels);
        let people: BTreeSet<_> = world.issue.assignees.iter().filter(|a| a.login != "stranger")
            .map(|a| format!("u-{}", a.login)).collect();
        prop_assert_eq!(&item.assignees, &people);
        let base = &world.link.as_ref().unwrap().base;
        prop_assert_eq!(recognize(&item, base, &[]), Recognized::Echo);
    }

    #[test]
    fn a_change_in_plane_alone_is_never_undone(actions in prop::collection::vec(action(), 1..40)) {
        let mut world = World::synced();
        for action in &actions {
            match action {
                Action::GithubTitle(_) | Action::GithubBody(_) | Action::GithubState(_)
                | Action::GithubLabels(_) | Action::GithubAssignees(_) => {}
                Action::Sync => {
                    let before = world.item.clone();
                    let (plan, _) = world.sync();
                    prop_assert_eq!(plan.writes, vec![]);
                    prop_assert_eq!(&world.item, &before);
                }
                _ => act(&mut world, action),
            }
        }
    }
}
