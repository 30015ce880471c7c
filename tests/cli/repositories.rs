//! `repo add`, `repo list`, `repo remove`.

use serde_json::{Value, json};

use crate::Place;

const PROJECT: &str = "ce59f358-8bb1-44d5-9060-9d2391371abf";

fn listed(place: &Place) -> Vec<Value> {
    let out = place.run(&["repo", "list", "--json"]).done();
    let listing: Value = serde_json::from_str(&out).unwrap();
    listing["items"].as_array().unwrap().clone()
}

#[test]
fn a_repository_is_added_listed_and_removed() {
    let place = Place::new();
    let said = place.run(&["repo", "add", "octo/hello"]).done();
    assert!(said.starts_with("added octo/hello: shown on the board only"), "{said}");
    assert!(said.contains("http://127.0.0.1:8080/api/webhooks/github-mcp/"), "{said}");
    let all = listed(&place);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (&all[0]["repository"], &all[0]["plane_project"], &all[0]["direction"], &all[0]["origin"]),
        (&json!("octo/hello"), &Value::Null, &json!("github-to-plane"), &json!("manual"))
    );
    let table = place.run(&["repo", "list"]).done();
    assert!(table.contains("REPOSITORY") && table.contains("board only"), "{table}");
    let said = place.run(&["repo", "remove", "Octo/Hello"]).done();
    assert!(said.contains("what it sent stays"), "{said}");
    assert!(place.run(&["repo", "list"]).done().starts_with("no repository is configured"));
    assert!(listed(&place).is_empty());
}

#[test]
fn adding_it_again_changes_what_is_given_and_leaves_the_rest() {
    let place = Place::new();
    place.run(&["repo", "add", "octo/hello", "--direction", "both"]).done();
    let said = place.run(&["repo", "add", "octo/hello", "--plane-project", PROJECT]).done();
    let expected = format!("changed octo/hello: kept in step with Plane's project {PROJECT}");
    assert!(said.starts_with(&expected), "{said}");
    let all = listed(&place);
    assert_eq!((all.len(), &all[0]["direction"]), (1, &json!("both")));
    assert_eq!(all[0]["plane_project"], PROJECT);
}

#[test]
fn what_the_configuration_file_names_is_changed_there() {
    let place = Place::with_config("[[repositories]]\nname = 'octo/hello'\n");
    for arguments in [&["repo", "add", "Octo/hello"][..], &["repo", "remove", "octo/hello"]] {
        let line = place.run(arguments).refused(1);
        let expected = "octo/hello stands in the configuration file: change its [[repositories]]";
        assert!(line.to_lowercase().starts_with(&expected.to_lowercase()), "{line}");
    }
    let all = listed(&place);
    assert_eq!((all.len(), &all[0]["origin"]), (1, &json!("config")));
}

#[test]
fn projects_that_only_rules_name_are_listed_too() {
    let place = Place::with_config(&format!(
        "[[repositories]]\nname = 'octo/hello'\n[[repositories.rules]]\nwhen = 'true'\nset.plane_project = '{PROJECT}'\n"
    ));
    place.run(&["repo", "add", "octo/hello"]).refused(1);
    let table = place.run(&["repo", "list"]).done();
    assert!(table.contains(&format!("by rules {PROJECT}")), "{table}");
}

#[test]
fn what_the_configuration_file_names_no_more_can_be_removed_and_added() {
    let place = Place::with_config("[[repositories]]\nname = 'octo/hello'\n");
    place.run(&["repo", "add", "octo/hello"]).refused(1);
    std::fs::write(place.path().join("jetbridge.toml"), "").unwrap();
    let said = place.run(&["repo", "add", "octo/hello"]).done();
    assert!(said.starts_with("changed octo/hello"), "{said}");
    assert_eq!(listed(&place)[0]["origin"], "manual");
    place.run(&["repo", "remove", "octo/hello"]).done();
}

#[test]
fn a_repository_that_is_not_configured_can_not_be_removed() {
    let place = Place::new();
    place.run(&["migrate"]).done();
    let line = place.run(&["repo", "remove", "octo/hello"]).refused(1);
    assert!(line.starts_with("octo/hello is not configured: jetbridge repo list"), "{line}");
}

#[test]
fn a_repositorys_workspace_is_set_from_the_command_line() {
    let place = Place::new();
    let add = ["repo", "add", "octo/hello", "--plane-project", PROJECT];
    let said = place.run(&[&add[..], &["--plane-workspace", "research"]].concat()).done();
    assert!(said.contains(&format!("{PROJECT} in the workspace research")), "{said}");
    assert_eq!(listed(&place)[0]["plane_workspace"], "research");
    place.run(&["repo", "add", "octo/hello", "--direction", "both"]).done();
    assert_eq!(listed(&place)[0]["plane_workspace"], "research", "it stays");
    let line = place.run(&["repo", "add", "octo/hello", "--plane-workspace", "a/b"]).refused(2);
    assert!(line.contains("expected a workspace's slug"), "{line}");
}
