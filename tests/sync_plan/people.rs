//! Assignees both ways: the table of the rule line by line, and what holds of any course of changes.

use std::collections::{BTreeMap, BTreeSet};

use jetbridge::sync::plan::{Assigning, Finding, Standing, WhenGone, Write, WriteBack};
use proptest::prelude::*;

use crate::model::{Death, World, account, member, set};

/// Both ways, with nobody assigned, and a member who is nobody on GitHub.
fn both_ways() -> World {
    let mut world = World::new();
    world.write_back = WriteBack::Assignees;
    world.issue.assignees.clear();
    world.project.members.push(member("u-own", "Olive Own", "Olive Own", "olive@example.com"));
    world.sync();
    world
}

fn on_github(world: &World) -> BTreeSet<String> {
    world.issue.assignees.iter().map(|account| account.login.clone()).collect()
}

fn in_plane(world: &World) -> BTreeSet<String> {
    world.item.as_ref().unwrap().assignees.clone()
}

fn assign_on_github(world: &mut World, login: &str) {
    if !on_github(world).contains(login) {
        world.issue.assignees.push(account(login));
    }
}

fn unassign_on_github(world: &mut World, login: &str) {
    world.issue.assignees.retain(|account| account.login != login);
}

fn assert_settled(world: &World) {
    let again = world.plan();
    assert_eq!(again.writes, [], "a second plan is empty");
    assert_eq!(again.expected.base, world.link.as_ref().unwrap().base);
}

#[test]
fn each_line_of_the_table_of_people_ends_as_it_says() {
    // Agreed on before, then on GitHub and in Plane, and what both have after it.
    let table = [
        (true, true, true, true),
        (true, true, false, false),
        (true, false, true, false),
        (true, false, false, false),
        (false, true, true, true),
        (false, true, false, true),
        (false, false, true, true),
        (false, false, false, false),
    ];
    for (had, github, plane, ends) in table {
        let mut world = both_ways();
        if had {
            assign_on_github(&mut world, "ada");
            world.sync();
            assert_eq!(in_plane(&world), set(&["u-ada"]));
        }
        unassign_on_github(&mut world, "ada");
        world.item().assignees.clear();
        if github {
            assign_on_github(&mut world, "ada");
        }
        if plane {
            world.item().assignees.insert("u-ada".to_owned());
        }
        world.sync();
        let case = format!("had {had}, GitHub {github}, Plane {plane}");
        assert_eq!(on_github(&world).contains("ada"), ends, "{case}");
        assert_eq!(in_plane(&world).contains("u-ada"), ends, "{case}");
        assert_settled(&world);
    }
}

#[test]
fn one_way_plane_people_are_never_written_to_github() {
    let mut world = both_ways();
    world.write_back = WriteBack::Nothing;
    world.item().assignees.insert("u-ada".to_owned());
    let (plan, _) = world.sync();
    assert_eq!(plan.writes, []);
    world.write_back = WriteBack::Assignees;
    world.sync();
    assert_eq!(on_github(&world), set(&["ada"]), "once it is switched on they go back");
    assert_settled(&world);
}

#[test]
fn an_unknown_person_is_left_alone_on_either_side_and_told() {
    let mut world = both_ways();
    assign_on_github(&mut world, "stranger");
    world.item().assignees.insert("u-own".to_owned());
    let (_, settled) = world.sync();
    let plan = world.plan();
    assert_eq!((on_github(&world), in_plane(&world)), (set(&["stranger"]), set(&["u-own"])));
    assert!(plan.findings.contains(&Finding::UnmappedMember { name: "Olive Own".to_owned() }));
    assert!(plan.findings.contains(&Finding::UnmappedUser { login: "stranger".to_owned() }));
    assert!(settled.findings.is_empty());
    // Once it is said who they are, both go over.
    world.mapping.users.insert("olive".to_owned(), "u-own".to_owned());
    world.mapping.users.insert("stranger".to_owned(), "u-grace".to_owned());
    world.sync();
    assert_eq!(on_github(&world), set(&["stranger", "olive"]));
    assert_eq!(in_plane(&world), set(&["u-own", "u-grace"]));
    assert_settled(&world);
}

#[test]
fn who_is_nobody_on_github_on_purpose_is_left_alone_and_not_told() {
    let mut world = both_ways();
    world.mapping.apart.insert("u-own".to_owned());
    world.mapping.apart.insert("u-ada".to_owned());
    world.item().assignees.extend(set(&["u-own", "u-ada"]));
    let (plan, _) = world.sync();
    assert_eq!((plan.writes, plan.findings), (vec![], vec![]));
    assert_settled(&world);
}

#[test]
fn of_two_logins_the_one_that_is_assigned_counts_else_the_first() {
    let users = BTreeMap::from([
        ("ada-work".to_owned(), "u-ada".to_owned()),
        ("countess".to_owned(), "u-ada".to_owned()),
    ]);
    let mut world = both_ways();
    world.mapping.users = users;
    assign_on_github(&mut world, "countess");
    world.sync();
    assert_eq!(in_plane(&world), set(&["u-ada"]));
    assert_eq!(world.written, [], "she is there under one of them");
    world.item().assignees.clear();
    world.sync();
    assert!(on_github(&world).is_empty());
    world.item().assignees.insert("u-ada".to_owned());
    world.sync();
    assert_eq!(on_github(&world), set(&["ada-work"]));
    assign_on_github(&mut world, "countess");
    world.sync();
    unassign_on_github(&mut world, "ada-work");
    world.sync();
    assert_eq!(in_plane(&world), set(&["u-ada"]), "she is there under the other one still");
    assert_settled(&world);
}

#[test]
fn whom_github_leaves_out_is_told_once_and_tried_again_when_somebody_asks() {
    let mut world = both_ways();
    world.outsiders.insert("ada".to_owned());
    world.item().assignees.insert("u-ada".to_owned());
    let (_, settled) = world.sync();
    let [Finding::NotAssignable { login, repository, number: 42 }] = &settled.findings[..] else {
        panic!("{:?}", settled.findings)
    };
    assert_eq!((login.as_str(), repository.as_str()), ("ada", "octo/hello"));
    assert_settled(&world);
    assign_on_github(&mut world, "grace");
    world.sync();
    assert_eq!(world.written.len(), 1, "another one's coming is no reason");
    world.outsiders.clear();
    let plan = world.plan_when_gone(WhenGone::Recreate);
    world.carry_out(plan);
    assert_eq!(on_github(&world), set(&["ada", "grace"]));
    assert_settled(&world);
}

#[test]
fn an_issue_takes_ten_people_and_who_is_one_too_many_is_told() {
    let mut world = both_ways();
    for n in 0..12 {
        let (id, name) = (format!("u-{n}"), format!("dev{n:02}"));
        world.project.members.push(member(&id, &name, &name, &format!("{name}@example.com")));
        world.item().assignees.insert(id);
    }
    let (_, settled) = world.sync();
    assert_eq!(on_github(&world).len(), 10);
    assert_eq!(world.written.len(), 2, "ten at once");
    let is_full = |f: &&Finding| matches!(f, Finding::NoRoomForAssignee { .. });
    assert_eq!(settled.findings.iter().filter(is_full).count(), 2);
    assert_eq!(in_plane(&world).len(), 12, "nobody is wiped for it");
    assert_settled(&world);
}

#[test]
fn whom_plane_leaves_out_stays_on_github_and_is_not_written_again() {
    let mut world = both_ways();
    world.guests = set(&["u-grace"]);
    assign_on_github(&mut world, "grace");
    let (_, settled) = world.sync();
    assert!(matches!(&settled.findings[..], [Finding::AssigneesDropped { .. }]));
    assert_settled(&world);
    assign_on_github(&mut world, "ada");
    world.sync();
    assert_eq!((on_github(&world), in_plane(&world)), (set(&["ada", "grace"]), set(&["u-ada"])));
    let people = world.link.as_ref().unwrap().base.people.clone().unwrap();
    assert_eq!(people["u-grace"], Standing::LeftOutByPlane);
    assert_settled(&world);
}

#[test]
fn whom_plane_loses_while_another_comes_is_not_assigned_on_github() {
    let mut world = both_ways();
    world.item().assignees.insert("u-grace".to_owned());
    world.guests = set(&["u-grace"]);
    assign_on_github(&mut world, "ada");
    world.sync();
    assert_eq!((on_github(&world), in_plane(&world)), (set(&["ada"]), set(&["u-ada"])));
    assert_settled(&world);
}

#[test]
fn who_leaves_the_project_is_not_taken_off_on_github() {
    let mut world = both_ways();
    assign_on_github(&mut world, "ada");
    world.sync();
    world.project.members.retain(|member| member.id != "u-ada");
    world.item().assignees.clear();
    world.sync();
    assert_eq!(on_github(&world), set(&["ada"]));
    assert_settled(&world);
}

#[test]
fn who_goes_makes_room_before_somebody_comes() {
    let mut world = both_ways();
    assign_on_github(&mut world, "ada");
    world.sync();
    world.item().assignees = set(&["u-grace"]);
    world.sync();
    let ways: Vec<_> = world
        .written
        .iter()
        .filter_map(|write| match write {
            Write::ChangeAssignees { assigning, .. } => Some(*assigning),
            _ => None,
        })
        .collect();
    assert_eq!(ways, [Assigning::Remove, Assigning::Add]);
    let words: Vec<_> = world.written.iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "take off the assignee ada, since ada was taken off in Plane",
            "add the assignee grace, since Grace was added in Plane"
        ]
    );
}

#[test]
fn where_rules_set_the_assignees_nothing_goes_back() {
    use jetbridge::rules::{RuleConfig, Rulebook};
    let mut world = both_ways();
    let rule: RuleConfig = toml::from_str("set = { assignees = '[\"ada\"]' }").unwrap();
    world.rulebook = Rulebook::read(None, &[rule]).unwrap();
    world.sync();
    assert_eq!(in_plane(&world), set(&["u-ada"]));
    world.item().assignees = set(&["u-grace"]);
    world.sync();
    assert!(on_github(&world).is_empty() && world.written.is_empty());
    assert_settled(&world);
}

/// Something that somebody does to one of the people.
#[derive(Debug, Clone)]
enum Step {
    Github(usize, bool),
    Plane(usize, bool),
    Sync,
    Die(Death),
}

/// Known on both sides but for the last two: one is nobody in Plane, one nobody on GitHub.
const LOGINS: [&str; 4] = ["ada", "grace", "hedy", "stranger"];
const USERS: [&str; 4] = ["u-ada", "u-grace", "u-hedy", "u-own"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let death = prop::sample::select(vec![Death::BeforeTheWrite, Death::AfterTheWrite]);
    let step = prop_oneof![
        3 => (0..4_usize, any::<bool>()).prop_map(|(who, on)| Step::Github(who, on)),
        3 => (0..4_usize, any::<bool>()).prop_map(|(who, on)| Step::Plane(who, on)),
        2 => Just(Step::Sync),
        1 => death.prop_map(Step::Die),
    ];
    prop::collection::vec(step, 1..40)
}

fn with_hedy() -> World {
    let mut world = both_ways();
    world.project.members.push(member("u-hedy", "hedy", "Hedy Lamarr", "hedy@example.com"));
    world
}

fn take(world: &mut World, step: &Step) {
    match *step {
        Step::Github(who, true) => assign_on_github(world, LOGINS[who]),
        Step::Github(who, false) => unassign_on_github(world, LOGINS[who]),
        Step::Plane(who, true) => {
            world.item().assignees.insert(USERS[who].to_owned());
        }
        Step::Plane(who, false) => {
            world.item().assignees.remove(USERS[who]);
        }
        Step::Sync => {
            world.sync();
            assert_settled(world);
        }
        Step::Die(death) => world.die(death),
    }
}

/// Those who are known on both sides and assigned, by their place.
fn known(world: &World) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let (github, plane) = (on_github(world), in_plane(world));
    let on = |all: &BTreeSet<String>, names: [&str; 4]| {
        (0..3).filter(|who| all.contains(names[*who])).collect()
    };
    (on(&github, LOGINS), on(&plane, USERS))
}

proptest! {
    #[test]
    fn whatever_people_do_on_both_sides_they_end_equal_and_nobody_unknown_is_lost(steps in steps()) {
        let mut world = with_hedy();
        let (mut stranger, mut own) = (false, false);
        for step in &steps {
            take(&mut world, step);
            match step {
                Step::Github(3, on) => stranger = *on,
                Step::Plane(3, on) => own = *on,
                _ => {}
            }
            prop_assert_eq!(on_github(&world).contains("stranger"), stranger);
            prop_assert_eq!(in_plane(&world).contains("u-own"), own);
        }
        take(&mut world, &Step::Sync);
        let (github, plane) = known(&world);
        prop_assert_eq!(github, plane);
        let written = world.written.len();
        take(&mut world, &Step::Sync);
        prop_assert_eq!(world.written.len(), written);
    }

    #[test]
    fn a_person_whom_one_side_alone_changes_ends_as_that_side_left_them(
        steps in steps(),
        sides in prop::collection::vec(any::<bool>(), 3..4),
    ) {
        let mut world = with_hedy();
        let mut last = [false; 3];
        for step in &steps {
            match *step {
                Step::Github(who, on) if who < 3 && sides[who] => last[who] = on,
                Step::Plane(who, on) if who < 3 && !sides[who] => last[who] = on,
                Step::Github(..) | Step::Plane(..) => continue,
                Step::Sync | Step::Die(_) => {}
            }
            take(&mut world, step);
        }
        take(&mut world, &Step::Sync);
        let expected: BTreeSet<usize> = (0..3).filter(|who| last[*who]).collect();
        prop_assert_eq!(known(&world), (expected.clone(), expected));
    }

    #[test]
    fn in_which_order_both_sides_change_between_two_syncs_makes_no_difference(
        before in steps(),
        github in prop::collection::vec((0..4_usize, any::<bool>()), 0..6),
        plane in prop::collection::vec((0..4_usize, any::<bool>()), 0..6),
    ) {
        let ends = |github_first: bool| {
            let mut world = with_hedy();
            for step in &before {
                take(&mut world, step);
            }
            take(&mut world, &Step::Sync);
            let github = github.iter().map(|(who, on)| Step::Github(*who, *on));
            let plane = plane.iter().map(|(who, on)| Step::Plane(*who, *on));
            let steps: Vec<_> = if github_first { github.chain(plane).collect() } else { plane.chain(github).collect() };
            for step in &steps {
                take(&mut world, step);
            }
            take(&mut world, &Step::Sync);
            (on_github(&world), in_plane(&world))
        };
        prop_assert_eq!(ends(true), ends(false));
    }

    #[test]
    fn with_people_whom_either_side_leaves_out_nothing_is_written_again(
        steps in steps(),
        outsiders in prop::sample::select(vec![vec![], vec!["ada"], vec!["ada", "hedy"]]),
        guests in prop::sample::select(vec![vec![], vec!["u-grace"], vec!["u-ada"]]),
    ) {
        let mut world = with_hedy();
        (world.outsiders, world.guests) = (set(&outsiders), set(&guests));
        for step in &steps {
            take(&mut world, step);
        }
        take(&mut world, &Step::Sync);
        let written = world.written.len();
        for _ in 0..3 {
            take(&mut world, &Step::Sync);
        }
        prop_assert_eq!(world.written.len(), written);
    }
}
