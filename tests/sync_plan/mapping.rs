//! Whose words mean what.

use jetbridge::sync::github::{IssueLabel, IssueState};
use jetbridge::sync::mapping::{LabelTarget, Mapping, NewLabel, Resolved};
use jetbridge::sync::plan::Finding;
use jetbridge::sync::plane::ProjectLabel;

use crate::model::{label, member, project};

fn mapping(states: &[(&str, &str)]) -> Mapping {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Mapping { states: states.iter().map(owned).collect(), ..Mapping::default() }
}

#[test]
fn unconfigured_states_are_the_first_of_a_fitting_group() {
    let (mapping, mut project) = (Mapping::default(), project());
    let id = |project: &_, state| Resolved::new(&mapping, project).state(state).unwrap().id.clone();
    assert_eq!(id(&project, IssueState::Open), "backlog", "the project's default");
    assert_eq!(id(&project, IssueState::Reopened), "todo");
    assert_eq!(id(&project, IssueState::Completed), "done");
    assert_eq!(id(&project, IssueState::NotPlanned), "cancelled");
    assert_eq!(id(&project, IssueState::Duplicate), "cancelled");
    project.states[0].default = false;
    assert_eq!(id(&project, IssueState::Open), "todo");
}

#[test]
fn configured_states_are_found_whatever_their_case() {
    let project = project();
    let mapping =
        mapping(&[("Open", "in progress"), ("closed", "SHIPPED"), ("not-planned", "Done")]);
    let resolved = Resolved::new(&mapping, &project);
    let id = |state| resolved.state(state).unwrap().id.as_str();
    assert_eq!(id(IssueState::Open), "doing");
    assert_eq!(id(IssueState::Reopened), "doing", "as open, unless configured");
    assert_eq!(id(IssueState::Completed), "shipped");
    assert_eq!(id(IssueState::Duplicate), "done", "as not planned, unless configured");
    assert_eq!(resolved.problems(), []);
}

#[test]
fn a_state_that_does_not_exist_is_told_with_those_that_do() {
    let project = project();
    let mapping = mapping(&[("open", "Doing"), ("opened", "Todo")]);
    let resolved = Resolved::new(&mapping, &project);
    let told = resolved.state(IssueState::Open).unwrap_err().to_string();
    assert_eq!(
        told,
        "states.open is “Doing”, which Plane's project does not have: choose one of Backlog, Todo, In Progress, Done, Shipped, Cancelled"
    );
    let problems = resolved.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_eq!(problems[0], Finding::UnknownStateKey { key: "opened".to_owned() });
}

#[test]
fn a_project_without_a_fitting_state_is_told() {
    let mapping = Mapping::default();
    let mut project = project();
    project.states.truncate(3);
    let told = Resolved::new(&mapping, &project).state(IssueState::Duplicate);
    assert_eq!(told, Err(Finding::NoStateFits { state: IssueState::Duplicate }));
}

#[test]
fn labels_go_by_the_map_then_by_the_same_name_then_by_case() {
    let mut project = project();
    let mut mapping = Mapping::default();
    project.labels.push(ProjectLabel {
        id: "l-Bug".to_owned(),
        name: "Bug".to_owned(),
        color: None,
        github: None,
    });
    mapping.labels.insert("Kind/Error".to_owned(), "bug".to_owned());
    mapping.labels.insert("docs".to_owned(), "Documentation".to_owned());
    let resolved = Resolved::new(&mapping, &project);
    let known = |id: &str| LabelTarget::Known(id.to_owned());
    assert_eq!(resolved.label(&label("Bug")), known("l-Bug"));
    assert_eq!(resolved.label(&label("bug")), known("l-bug"));
    assert_eq!(resolved.label(&label("BUG")), known("l-bug"), "the first of the same letters");
    assert_eq!(resolved.label(&label("kind/error")), known("l-bug"));
    let color = Some("#d73a4a".to_owned());
    let missing = NewLabel { name: "Documentation".to_owned(), color, github: None };
    assert_eq!(resolved.label(&label("docs")), LabelTarget::Missing(missing));
    let plain = IssueLabel { id: None, name: "x".to_owned(), color: None };
    let missing = NewLabel { name: "x".to_owned(), color: None, github: None };
    assert_eq!(resolved.label(&plain), LabelTarget::Missing(missing));
}

#[test]
fn people_go_by_the_map_then_by_address_or_name() {
    let mut project = project();
    project.members.push(member("u-hopper", "Hopper", "", "hopper@example.com"));
    let mut mapping = Mapping::default();
    mapping.users.insert("octocat".to_owned(), "GRACE@example.com".to_owned());
    mapping.users.insert("gone".to_owned(), "nobody@example.com".to_owned());
    let resolved = Resolved::new(&mapping, &project);
    let id = |login| resolved.member(login).map(|member| member.unwrap().id.as_str());
    assert_eq!(id("ADA"), Ok("u-ada"));
    assert_eq!(id("Octocat"), Ok("u-grace"));
    assert_eq!(id("hopper"), Ok("u-hopper"));
    assert_eq!(id("stranger"), Err(Finding::UnmappedUser { login: "stranger".to_owned() }));
    let name = "nobody@example.com".to_owned();
    assert_eq!(id("gone"), Err(Finding::NoSuchMember { login: "gone".to_owned(), name }));
}

#[test]
fn nobody_is_guessed_among_several() {
    let mut project = project();
    project.members.push(member("u-ada2", "Ada", "", "ada@example.org"));
    let mapping = Mapping::default();
    let told = Resolved::new(&mapping, &project).member("ada");
    assert!(matches!(told, Err(Finding::SeveralMembers { .. })));
}
