//! The fake's payloads have every key that GitHub's recorded ones have.

use std::collections::BTreeSet;

use jetbridge::sim::github::{NewHook, NewIssue};
use serde_json::Value;

use crate::github;
use crate::receiver::{Arrived, Receiver};

fn recorded(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/github");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Keys that recorded payloads have by their circumstances: an app's installation, a milestone,
/// settings that a repository shows in one place only.
const CIRCUMSTANTIAL: [&str; 6] = [
    "installation",
    "milestone",
    "allow_squash_merge",
    "allow_merge_commit",
    "allow_rebase_merge",
    "delete_branch_on_merge",
];

/// Every path of object keys, through the first element of each list.
fn paths(value: &Value, below: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                if CIRCUMSTANTIAL.contains(&key.as_str()) {
                    continue;
                }
                let path = format!("{below}/{key}");
                paths(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(list) => {
            if let Some(first) = list.first() {
                paths(first, below, found);
            }
        }
        _ => {}
    }
}

/// Whether ours lacks a path, although its parent is an object or list with something in it.
fn lacks(ours: &BTreeSet<String>, path: &str) -> bool {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let shown = parent.is_empty() || ours.iter().any(|p| p.starts_with(&format!("{parent}/")));
    shown && !ours.contains(path)
}

async fn a_day() -> Vec<Arrived> {
    let (sim, clock) = github().await;
    sim.add_repository("octo/other").unwrap();
    let receiver = Receiver::start().await;
    sim.add_hook("octo/app", NewHook::to(&receiver.url, "s")).unwrap();
    let ada = sim.acting_as("ada");
    let issue = NewIssue::titled("A").with_body("b").with_labels(["bug"]).assigned_to(["ada"]);
    let number = ada.open_issue("octo/app", &issue).unwrap();
    clock.advance(std::time::Duration::from_secs(1));
    ada.retitle("octo/app", number, "B").unwrap();
    let comment = ada.comment("octo/app", number, "c").unwrap();
    ada.edit_comment("octo/app", comment, "d").unwrap();
    ada.delete_comment("octo/app", comment).unwrap();
    ada.unlabel("octo/app", number, "bug").unwrap();
    ada.recolor_label("octo/app", "bug", "00ff00").unwrap();
    ada.delete_label("octo/app", "bug").unwrap();
    ada.unassign("octo/app", number, "ada").unwrap();
    ada.close("octo/app", number, jetbridge::sim::github::CloseReason::Completed).unwrap();
    ada.reopen("octo/app", number).unwrap();
    ada.transfer_issue("octo/app", number, "octo/other").unwrap();
    let second = ada.open_issue("octo/app", &NewIssue::titled("C")).unwrap();
    ada.delete_issue("octo/app", second).unwrap();
    let pull = ada.open_pull_request("octo/app", &issue, "fix").unwrap();
    ada.ask_for_review("octo/app", pull, "grace").unwrap();
    ada.convert_to_draft("octo/app", pull).unwrap();
    ada.mark_ready("octo/app", pull).unwrap();
    ada.merge("octo/app", pull).unwrap();
    sim.settled().await;
    receiver.arrived()
}

#[tokio::test]
async fn payloads_have_every_key_that_recorded_ones_have() {
    let day = a_day().await;
    let names = [
        "ping",
        "label.created",
        "label.edited",
        "label.deleted",
        "issues.opened",
        "issues.labeled",
        "issues.assigned",
        "issues.unlabeled",
        "issues.unassigned",
        "issues.edited",
        "issues.reopened",
        "issues.transferred",
        "issues.deleted",
        "issue_comment.created",
        "issue_comment.edited",
        "issue_comment.deleted",
        "pull_request.opened",
        "pull_request.labeled",
        "pull_request.assigned",
        "pull_request.converted_to_draft",
        "pull_request.ready_for_review",
        "pull_request.closed",
    ];
    for name in names {
        let ours = day.iter().find(|a| a.name() == name).unwrap_or_else(|| panic!("no {name}"));
        let (mut has, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        paths(&ours.json(), "", &mut has);
        paths(&recorded(name), "", &mut wanted);
        // This recorded transfer was put together by hand: it repeats at the top what GitHub
        // puts under `changes`.
        wanted.retain(|p| !p.starts_with("/new_issue") && !p.starts_with("/new_repository"));
        let missing: Vec<_> = wanted.iter().filter(|path| lacks(&has, path)).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
}
