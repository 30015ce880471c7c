//! Each rule of a plan by an example.

use jetbridge::sync::github::IssueState;
use jetbridge::sync::mapping::Resolved;
use jetbridge::sync::plan::{Finding, Gone, LinkStatus, WhenGone, Write, plan_gone};
use jetbridge::sync::plane::{ItemChange, ProjectLabel};

use crate::model::{World, account, change_of, label, set};

fn kinds(world: &World) -> Vec<&'static str> {
    world.plan().writes.iter().map(Write::kind).collect()
}

#[test]
fn a_new_issue_becomes_an_item_with_its_labels_people_and_link() {
    let mut world = World::new();
    world.issue.labels.push(label("new"));
    assert_eq!(kinds(&world), ["create_label", "create_item", "create_link"]);
    world.sync();
    let item = world.item();
    assert_eq!((item.name.as_str(), item.description_html.as_str()), ("Crash", "<p>one</p>"));
    assert_eq!((&item.labels, &item.assignees), (&set(&["l-bug", "l-new"]), &set(&["u-ada"])));
    assert_eq!(item.state.as_deref(), Some("backlog"));
    assert_eq!(item.external_id.as_deref(), Some("1001"));
    assert_eq!(world.links_made, ["https://github.com/octo/hello/issues/42"]);
}

#[test]
fn where_nothing_changed_nothing_is_written() {
    let world = World::synced();
    let plan = world.plan();
    assert_eq!((plan.writes, plan.findings, plan.status), (vec![], vec![], LinkStatus::Ok));
    assert_eq!(plan.expected.base, world.link.unwrap().base);
}

#[test]
fn only_what_github_changed_is_written() {
    let mut world = World::synced();
    world.issue.title = "Crash on start".to_owned();
    let change = change_of(&world.plan());
    let expected = ItemChange { name: Some("Crash on start".to_owned()), ..ItemChange::default() };
    assert_eq!(change, expected);
}

#[test]
fn line_ends_alone_are_no_change_of_the_text() {
    let mut world = World::new();
    world.issue.body = Some("one\r\ntwo".to_owned());
    world.sync();
    world.issue.body = Some("one\ntwo".to_owned());
    assert_eq!(kinds(&world), Vec::<&str>::new());
}

#[test]
fn an_open_issue_does_not_drag_back_an_item_that_people_moved() {
    let mut world = World::synced();
    world.item().state = Some("doing".to_owned());
    world.issue.title = "Other".to_owned();
    assert_eq!(change_of(&world.plan()).state, None);
    world.issue.state = IssueState::Reopened;
    assert_eq!(change_of(&world.plan()).state, None, "it was open all the time");
}

#[test]
fn a_closed_issue_closes_its_item_and_a_reopened_one_opens_it() {
    let mut world = World::synced();
    for (state, expected) in [
        (IssueState::Completed, "done"),
        (IssueState::Reopened, "todo"),
        (IssueState::NotPlanned, "cancelled"),
        (IssueState::Completed, "done"),
    ] {
        world.issue.state = state;
        world.sync();
        assert_eq!(world.item().state.as_deref(), Some(expected), "{state:?}");
    }
}

#[test]
fn a_state_that_already_says_so_is_left_and_stays_left() {
    let mut world = World::synced();
    world.item().state = Some("shipped".to_owned());
    world.issue.state = IssueState::Completed;
    let (plan, _) = world.sync();
    assert_eq!(plan.writes, []);
    world.item().state = Some("doing".to_owned());
    assert_eq!(kinds(&world), Vec::<&str>::new(), "GitHub has not changed since");
    world.issue.state = IssueState::Reopened;
    assert_eq!(kinds(&world), Vec::<&str>::new(), "it is being worked on, which is open");
}

#[test]
fn where_both_moved_github_wins_and_says_so() {
    let mut world = World::synced();
    world.item().state = Some("doing".to_owned());
    world.item().name = "Plane's title".to_owned();
    world.issue.state = IssueState::Completed;
    world.issue.title = "GitHub's title".to_owned();
    let (plan, _) = world.sync();
    let (was, now) = ("In Progress".to_owned(), "Done".to_owned());
    assert!(plan.findings.contains(&Finding::StateOverridden { was, now }));
    assert!(plan.findings.contains(&Finding::TitleOverridden { was: "Plane's title".to_owned() }));
    assert_eq!(world.item().name, "GitHub's title");
}

#[test]
fn a_state_that_is_not_there_is_told_and_written_once_it_is() {
    let mut world = World::synced();
    world.mapping.states.insert("completed".to_owned(), "Finished".to_owned());
    world.issue.state = IssueState::Completed;
    let (plan, _) = world.sync();
    assert_eq!(plan.writes, []);
    assert!(
        matches!(&plan.findings[..], [Finding::NoSuchState { wanted, .. }] if wanted == "Finished")
    );
    world.mapping.states.insert("completed".to_owned(), "shipped".to_owned());
    world.sync();
    assert_eq!(world.item().state.as_deref(), Some("shipped"));
}

#[test]
fn labels_of_plane_people_stay_and_githubs_come_and_go() {
    let mut world = World::synced();
    world.project.labels.push(ProjectLabel {
        id: "l-own".to_owned(),
        name: "own".to_owned(),
        color: None,
        github: None,
    });
    world.item().labels.insert("l-own".to_owned());
    world.issue.labels = vec![label("crash")];
    world.sync();
    assert_eq!(world.item().labels, set(&["l-own", "l-crash"]));
}

#[test]
fn a_label_that_a_person_put_there_first_is_not_taken_away() {
    let mut world = World::synced();
    world.project.labels.push(ProjectLabel {
        id: "l-own".to_owned(),
        name: "own".to_owned(),
        color: None,
        github: None,
    });
    world.item().labels.insert("l-own".to_owned());
    world.issue.labels.push(label("own"));
    world.sync();
    world.issue.labels = Vec::new();
    world.sync();
    assert_eq!(world.item().labels, set(&["l-own"]));
}

#[test]
fn a_label_renamed_on_github_is_neither_lost_nor_doubled_on_its_items() {
    let mut world = World::synced();
    world.issue.labels = vec![label("defect")];
    let (plan, _) = world.sync();
    assert_eq!(world.item().labels, set(&["l-defect"]));
    let lines: Vec<_> = plan.writes.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["make the label “defect”", "change the work item's labels"]);
    let there: Vec<_> = world.project.labels.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(there, ["bug", "defect"], "people may use the old one elsewhere");
}

#[test]
fn what_a_person_took_away_is_not_put_back() {
    let mut world = World::synced();
    world.item().labels.clear();
    world.item().assignees.clear();
    world.issue.title = "Other".to_owned();
    world.sync();
    assert_eq!((world.item().labels.len(), world.item().assignees.len()), (0, 0));
    world.issue.labels.clear();
    world.sync();
    world.issue.labels.push(label("bug"));
    world.sync();
    assert_eq!(world.item().labels, set(&["l-bug"]));
}

#[test]
fn a_label_deleted_in_the_project_is_not_made_again_by_itself() {
    let mut world = World::synced();
    world.item().labels.clear();
    world.project.labels.clear();
    world.issue.title = "Other".to_owned();
    assert_eq!(kinds(&world), ["update_item"]);
}

#[test]
fn two_labels_that_are_one_in_plane_leave_together() {
    let mut world = World::new();
    world.mapping.labels.insert("error".to_owned(), "bug".to_owned());
    world.issue.labels.push(label("error"));
    world.sync();
    world.issue.labels.remove(0);
    world.sync();
    assert_eq!(world.item().labels, set(&["l-bug"]));
    world.issue.labels.clear();
    world.sync();
    assert_eq!(world.item().labels, set(&[]));
}

#[test]
fn an_unmapped_login_is_told_and_wipes_nobody_and_counts_once_mapped() {
    let mut world = World::synced();
    world.item().assignees.insert("u-own".to_owned());
    world.issue.assignees = vec![account("stranger")];
    let (plan, _) = world.sync();
    assert_eq!(plan.findings, [Finding::UnmappedUser { login: "stranger".to_owned() }]);
    assert_eq!(world.item().assignees, set(&["u-own"]), "ada was ours and left on GitHub");
    world.mapping.users.insert("Stranger".to_owned(), "grace@example.com".to_owned());
    world.sync();
    assert_eq!(world.item().assignees, set(&["u-own", "u-grace"]));
}

#[test]
fn an_edit_in_plane_stays_until_github_changes_and_is_then_merged() {
    let mut world = World::synced();
    world.item().description_html.push_str("<p>note</p>");
    assert_eq!(kinds(&world), Vec::<&str>::new());
    world.issue.body = Some("two".to_owned());
    let (plan, _) = world.sync();
    assert_eq!(plan.findings, [Finding::DescriptionMerged]);
    assert_eq!(world.item().description_html, "<p>two</p><p>note</p>");
    world.issue.body = Some("three".to_owned());
    world.sync();
    assert_eq!(
        world.item().description_html,
        "<p>three</p><p>note</p>",
        "the note is still a person's"
    );
}

#[test]
fn a_conflict_leaves_planes_text_until_it_is_solved() {
    let mut world = World::synced();
    world.item().description_html = "<p>mine</p>".to_owned();
    world.issue.body = Some("two".to_owned());
    for _ in 0..2 {
        let (plan, _) = world.sync();
        assert_eq!((plan.status, plan.writes), (LinkStatus::Conflict, vec![]));
        assert!(matches!(plan.findings[..], [Finding::DescriptionConflict { .. }]));
    }
    world.item().description_html = "<p>two</p>".to_owned();
    let (plan, _) = world.sync();
    assert_eq!((plan.status, plan.findings), (LinkStatus::Ok, vec![]));
    world.issue.body = Some("three".to_owned());
    world.sync();
    assert_eq!(world.item().description_html, "<p>three</p>");
}

#[test]
fn a_cut_title_is_told_when_it_is_written_and_its_rest_is_part_of_the_text() {
    let mut world = World::synced();
    world.issue.title = "x".repeat(300);
    let (plan, _) = world.sync();
    assert!(plan.findings.contains(&Finding::TitleCut { length: 300 }));
    assert_eq!(world.plan().findings, []);
    let before = world.link.clone().unwrap().base.github.markdown_sha256;
    world.issue.title.push('y');
    world.sync();
    assert_ne!(world.link.unwrap().base.github.markdown_sha256, before);
}

#[test]
fn an_item_that_was_there_is_adopted_without_loss() {
    let mut world = World::synced();
    world.link = None;
    world.item().description_html = "<p>Plane's own</p>".to_owned();
    world.item().labels = set(&["l-own"]);
    world.item().state = Some("doing".to_owned());
    let (plan, _) = world.sync();
    assert!(plan.findings.contains(&Finding::Adopted { item: "i1".to_owned() }));
    assert!(plan.findings.contains(&Finding::DescriptionLeft));
    let item = world.item();
    assert_eq!(item.description_html, "<p>Plane's own</p>");
    assert_eq!(item.labels, set(&["l-own", "l-bug"]));
    assert_eq!(item.state.as_deref(), Some("doing"), "open on both sides");
    assert_eq!(kinds(&world), Vec::<&str>::new());
}

#[test]
fn a_renamed_repository_gives_its_items_another_link() {
    let mut world = World::synced();
    world.issue.html_url = "https://github.com/octo/renamed/issues/42".to_owned();
    assert_eq!(kinds(&world), ["create_link"]);
    world.sync();
    assert_eq!(kinds(&world), Vec::<&str>::new());
}

#[test]
fn an_item_gone_from_plane_is_made_again_only_on_demand() {
    let mut world = World::synced();
    world.item = None;
    let plan = world.plan();
    assert_eq!((plan.status, plan.writes), (LinkStatus::Broken, vec![]));
    assert_eq!(plan.findings, [Finding::ItemGone { item: "i1".to_owned() }]);
    let plan = world.plan_when_gone(WhenGone::Recreate);
    let kinds: Vec<_> = plan.writes.iter().map(Write::kind).collect();
    assert_eq!(kinds, ["create_item", "create_link"]);
    world.carry_out(plan);
    assert_eq!(kinds.len(), 2);
    assert_eq!(world.plan().writes, []);
}

#[test]
fn a_deleted_issue_cancels_its_item_once_and_deletes_nothing() {
    let mut world = World::synced();
    let gone = |world: &World, gone: &Gone| {
        let mapping = Resolved::new(&world.mapping, &world.project);
        plan_gone(gone, world.link.as_ref(), world.item.as_ref(), mapping)
    };
    let plan = gone(&world, &Gone::Deleted).unwrap();
    assert_eq!(plan.findings, [Finding::IssueDeleted]);
    let change = ItemChange { state: Some("cancelled".to_owned()), ..ItemChange::default() };
    assert_eq!(change_of(&plan), change);
    world.carry_out(plan);
    world.item().state = Some("doing".to_owned());
    assert_eq!(gone(&world, &Gone::Deleted), None, "whoever goes on working there may");
}

#[test]
fn a_finished_item_stays_finished_when_its_issue_is_transferred() {
    let mut world = World::synced();
    world.item().state = Some("shipped".to_owned());
    let mapping = Resolved::new(&world.mapping, &world.project);
    let to = Some("octo/other#1".to_owned());
    let gone = Gone::Transferred { to: to.clone() };
    let plan = plan_gone(&gone, world.link.as_ref(), world.item.as_ref(), mapping).unwrap();
    assert_eq!((plan.writes, plan.findings), (vec![], vec![Finding::IssueTransferred { to }]));
}
