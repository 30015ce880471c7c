//! The binary: a sample goes in over a socket, an item comes out.

use std::process::{Command, Output};

use jetbridge::ids::WorkItemRef;
use jetbridge::store::Store;

use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::SECRET;
use crate::support::process::{Served, eventually};

fn send(to: &str, event: &[&str]) -> Output {
    send_from("octo-org/octo-repo", to, event)
}

fn send_from(repository: &str, to: &str, event: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(["send", "github"])
        .args(event)
        .args(["--to", to, "--repository", repository])
        .env_clear()
        .env("JETBRIDGE_GITHUB_WEBHOOK_SECRET", SECRET)
        .output()
        .unwrap()
}

#[tokio::test]
async fn samples_of_every_event_arrive_signed_and_become_items_and_comments() {
    let database = TestDatabase::new(Kind::Sqlite).await;
    let folder = database.folder.path();
    let config = "[[repositories]]\nname = \"octo-org/octo-repo\"\n";
    std::fs::write(folder.join("jetbridge.toml"), config).unwrap();
    let environment = [("JETBRIDGE_GITHUB_WEBHOOK_SECRET", SECRET)];
    let served = Served::start_with(&database.text, folder, &[], &environment);
    let to = format!("http://127.0.0.1:{}", served.port);
    let mut items = Vec::new();
    for event in [
        &["ping"][..],
        &["issues"],
        &["issues", "--action", "closed"],
        &["issue_comment", "--comment", "A comment"],
        &["pull_request", "--number", "2"],
    ] {
        let ended = send(&to, event);
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(
            ended.status.success(),
            "{event:?}: {said}{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        let expected = if event[0] == "ping" { "200 {" } else { "202 {" };
        assert!(said.starts_with(expected), "{said}");
        items.extend(said.split("work-items show ").nth(1).map(|item| item.trim().to_owned()));
    }
    let elsewhere = send_from("octo-org/not-configured", &to, &["issues"]);
    assert_eq!(elsewhere.status.code(), Some(1), "another repository is another one");
    let store = Store::open(&database.url).await.unwrap();
    assert_eq!(items[0], items[2], "the comment is about the same issue");
    let (issue, pull_request) = (WorkItemRef::new(&items[0]), WorkItemRef::new(&items[3]));
    eventually("the samples are worked off", || async {
        let comments = store.item_comments(&issue, 10).await.unwrap();
        comments.len() == 1 && store.work_item(&pull_request).await.unwrap().is_some()
    })
    .await;
    assert!(store.work_item(&issue).await.unwrap().is_some());
    store.close().await;
    served.terminate();
}

#[test]
fn without_a_secret_nothing_is_sent_and_the_key_is_named() {
    let ended = Command::new(env!("CARGO_BIN_EXE_jetbridge"))
        .args(["send", "github", "issues", "--to", "http://127.0.0.1:1"])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("github.webhook_secret is not set"));
}
