//! `apply`: repositories as a file says.

use serde_json::{Value, json};

use crate::Place;

const FILE: &str = "[[repositories]]\nname = 'octo/api'\nlabels = { bug = 'Bug' }\nrate_limit = 30\n\
    [[repositories]]\nname = 'octo/web'\ndirection = 'both'\n";

fn write(place: &Place, text: &str) -> String {
    let file = place.path().join("repositories.toml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

fn names(place: &Place) -> Vec<String> {
    let out = place.run(&["repo", "list", "--json"]).done();
    let listing: Value = serde_json::from_str(&out).unwrap();
    let items = listing["items"].as_array().unwrap().iter();
    items.map(|item| item["repository"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_is_shown_then_applied_and_once_more_changes_nothing() {
    let place = Place::new();
    let file = write(&place, FILE);
    let shown = place.run(&["apply", &file, "--dry-run"]).done();
    assert!(
        shown.contains("+ octo/api\n") && shown.contains("    + labels.bug = Bug\n"),
        "{shown}"
    );
    assert!(shown.ends_with("2 to put, 0 to remove, 0 as the file says; nothing was changed\n"));
    assert!(names(&place).is_empty());
    let done = place.run(&["apply", &file]).done();
    assert!(done.ends_with("applied: 2 to put, 0 to remove, 0 as the file says\n"), "{done}");
    assert_eq!(names(&place), ["octo/api", "octo/web"]);
    let again = place.run(&["apply", &file]).done();
    assert_eq!(again, "nothing to change: 2 as the file says\n");
}

#[test]
fn a_workspace_is_one_of_the_keys_that_are_shown_and_applied() {
    let place = Place::new();
    let with = |slug: &str| {
        write(&place, &format!("[[repositories]]\nname = 'octo/api'\nplane_workspace = '{slug}'\n"))
    };
    let shown = place.run(&["apply", &with("research"), "--dry-run"]).done();
    assert!(shown.contains("    + plane_workspace = research\n"), "{shown}");
    place.run(&["apply", &with("research")]).done();
    let shown = place.run(&["apply", &with("lab"), "--dry-run"]).done();
    assert!(shown.contains("    ~ plane_workspace = research → lab\n"), "{shown}");
    let again = place.run(&["apply", &with("research")]).done();
    assert_eq!(again, "nothing to change: 1 as the file says\n");
    let refused = place.run(&["apply", &with("a b")]).refused(2);
    assert!(refused.contains("expected a workspace's slug"), "{refused}");
}

#[test]
fn a_change_is_told_key_by_key_and_what_is_not_named_is_removed_only_when_asked() {
    let place = Place::new();
    place.run(&["apply", &write(&place, FILE)]).done();
    let other = write(&place, "[[repositories]]\nname = 'octo/api'\nlabels = { bug = 'Defect' }\n");
    let told = place.run(&["apply", &other, "--dry-run", "--json"]).done();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        told["steps"],
        json!([{"repository": "octo/api", "action": "change", "differences": [
            {"key": "labels.bug", "from": "Bug", "to": "Defect"},
            {"key": "rate_limit", "from": "30", "to": null},
        ]}])
    );
    place.run(&["apply", &other]).done();
    assert_eq!(names(&place), ["octo/api", "octo/web"]);
    let pruned = place.run(&["apply", &other, "--prune"]).done();
    assert!(pruned.starts_with("- octo/web\n"), "{pruned}");
    assert_eq!(names(&place), ["octo/api"]);
}

#[test]
fn a_wrong_file_is_refused_with_its_line_and_nothing_is_changed() {
    let place = Place::new();
    for (text, said) in [
        ("[[repositories]]\nname = 'octo'\n", "repositories.toml:2"),
        ("[[repositories]]\nname = 'a/b'\ncolour = 'red'\n", "repositories.toml:3"),
        ("[[repositories]]\nname = 'a/b'\n[[repositories]]\nname = 'A/b'\n", "a/b is there twice"),
    ] {
        let line = place.run(&["apply", &write(&place, text)]).refused(2);
        assert!(line.contains(said), "{line}");
    }
    let missing = place.run(&["apply", "nowhere.toml"]).refused(2);
    assert!(missing.contains("nowhere.toml: can't be read"), "{missing}");
    assert!(!place.path().join("jetbridge-data/jetbridge.db").exists());
}

#[test]
fn what_the_configuration_file_says_is_changed_there_or_by_applying_that_file() {
    let place = Place::with_config("[[repositories]]\nname = 'octo/api'\n");
    let other = write(&place, FILE);
    let line = place.run(&["apply", &other]).refused(2);
    assert!(line.contains("octo/api stands in the service's configuration file"), "{line}");
    let own = place.path().join("jetbridge.toml").display().to_string();
    let done = place.run(&["apply", &own]).done();
    assert!(done.ends_with("applied: 1 to put, 0 to remove, 0 as the file says\n"), "{done}");
    assert_eq!(place.run(&["apply", &own]).done(), "nothing to change: 1 as the file says\n");
    let out = place.run(&["repo", "list", "--json"]).done();
    let listing: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listing["items"][0]["origin"], "config");
}
