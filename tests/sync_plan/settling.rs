//! Answers, crashes and echoes.

use jetbridge::sync::github::IssueState;
use jetbridge::sync::plan::{Finding, ItemField, Link, Recognized, Write, recognize, resume};

use crate::model::{World, account, label, set};

#[test]
fn what_plane_drops_is_told_and_not_sent_again() {
    let mut world = World::new();
    world.guests = set(&["u-grace"]);
    world.issue.assignees.push(account("grace"));
    let (_, settled) = world.sync();
    assert_eq!(settled.findings, [Finding::AssigneesDropped { members: vec!["Grace".to_owned()] }]);
    assert_eq!(world.plan().writes, []);
    world.issue.assignees.clear();
    world.sync();
    assert_eq!(world.item().assignees, set(&[]));
}

#[test]
fn what_plane_rewrites_is_the_base_and_no_persons_edit() {
    let mut world = World::new();
    world.rewrites = "<br>";
    let (_, settled) = world.sync();
    assert_eq!(settled.findings, [Finding::DescriptionAltered]);
    assert_eq!(world.plan().writes, []);
    world.issue.body = Some("two".to_owned());
    let (plan, _) = world.sync();
    assert_eq!(plan.findings, [], "nothing was merged");
    assert_eq!(world.item().description_html, "<br><p>two</p>");
}

#[test]
fn a_label_that_could_not_be_made_is_left_out_and_tried_again() {
    let mut world = World::synced();
    world.issue.labels.push(label("new"));
    let plan = world.plan().with_labels(&std::collections::BTreeMap::new());
    let mut without = plan.clone();
    without.writes.retain(|write| write.kind() != "create_label");
    let settled = world.carry_out(without);
    assert_eq!(settled.findings, [Finding::LabelNotMade { name: "new".to_owned() }]);
    world.sync();
    assert_eq!(world.item().labels, set(&["l-bug", "l-new"]));
    world.issue.labels.clear();
    world.sync();
    assert_eq!(world.item().labels, set(&[]));
}

#[test]
fn our_own_write_is_an_echo_before_and_after_it_is_settled() {
    let mut world = World::synced();
    world.issue.title = "Other".to_owned();
    world.issue.state = IssueState::Completed;
    let plan = world.plan();
    let base = world.link.clone().unwrap().base;
    assert_eq!(recognize(world.item(), &base, &plan.writes), Recognized::Echo, "sent, not made");
    world.write(&plan.writes[0]);
    assert_eq!(recognize(world.item(), &base, &plan.writes), Recognized::Echo, "made, not settled");
    let changed = Recognized::Change(vec![ItemField::Title, ItemField::State]);
    assert_eq!(recognize(world.item(), &base, &[]), changed, "nobody intended it");
    world.carry_out(plan);
    let base = world.link.clone().unwrap().base;
    assert_eq!(recognize(world.item(), &base, &[]), Recognized::Echo);
    world.item().labels.clear();
    assert_eq!(recognize(world.item(), &base, &[]), Recognized::Change(vec![ItemField::Labels]));
}

#[test]
fn a_creation_that_was_made_before_a_crash_is_taken_up() {
    let mut world = World::new();
    let plan = world.plan();
    world.write(&plan.writes[0]);
    world.issue.title = "Changed meanwhile".to_owned();
    world.issue.body = Some("two".to_owned());
    let base = resume(&plan.expected, &plan.writes[0], world.item()).unwrap();
    world.link = Some(Link { item: "i1".to_owned(), base });
    let (next, _) = world.sync();
    assert_eq!(next.findings, []);
    assert_eq!(world.item().name, "Changed meanwhile");
    assert_eq!(world.item().description_html, "<p>two</p>");
    assert_eq!(world.item().labels, set(&["l-bug"]));
}

#[test]
fn a_change_that_was_made_before_a_crash_is_no_persons_edit() {
    let mut world = World::synced();
    world.issue.body = Some("two".to_owned());
    let plan = world.plan();
    world.write(&plan.writes[0]);
    world.issue.body = Some("three".to_owned());
    let base = resume(&plan.expected, &plan.writes[0], world.item()).unwrap();
    world.link = Some(Link { item: "i1".to_owned(), base });
    let (next, _) = world.sync();
    assert_eq!(next.findings, []);
    assert_eq!(world.item().description_html, "<p>three</p>");
}

#[test]
fn a_change_that_was_not_made_before_a_crash_is_planned_anew() {
    let mut world = World::synced();
    world.issue.title = "Other".to_owned();
    world.issue.labels.clear();
    let plan = world.plan();
    assert_eq!(resume(&plan.expected, &plan.writes[0], world.item()), None);
    assert_eq!(
        resume(
            &plan.expected,
            &Write::CreateLink { url: String::new(), title: String::new() },
            world.item()
        ),
        None
    );
}

#[test]
fn a_write_says_in_words_what_it_will_do() {
    let mut world = World::synced();
    world.issue.title = "Other".to_owned();
    world.issue.labels = vec![label("new")];
    let lines: Vec<_> = world.plan().writes.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["make the label “new”", "change the work item's title, labels"]);
}
