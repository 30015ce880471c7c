//! What the board shows of what GitHub says, and what the sync gets to see.

use jetbridge::comments::Comment;
use jetbridge::config::GithubHost;
use jetbridge::ids::WorkItemRef;
use jetbridge::sources::github::normalize::{normalize, sync_comment, sync_issue};
use jetbridge::sources::github::payload::{CommentAction, parse};
use jetbridge::sync::github::IssueState;
use jetbridge::timeline::EntryOutcome;
use jetbridge::work_items::{Change, Kind, Snapshot, StateGroup, WorkItem};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::support::app::TestApp;
use crate::support::github::{
    GithubDelivery, comment, comment_delivery, examples, issue, issue_delivery, repository,
};

const AT: &str = "2026-11-22T01:00:00Z";
const LATER: &str = "2026-11-22T01:00:05Z";

fn payload(action: &str, part: &str, thing: &Value) -> String {
    json!({"action": action, part: thing, "repository": repository()}).to_string()
}

fn state_of(event: &str, body: &str) -> Snapshot {
    match normalize(&parse(&GithubHost::default(), event, body.as_bytes()).unwrap()).unwrap().item {
        Change::State(snapshot) => *snapshot,
        other => panic!("expected a state, got {other:?}"),
    }
}

fn pull_request(state: &str, merged: Value, merged_at: Value) -> Value {
    let mut pull_request = issue(99, "A change", state, AT);
    pull_request["merged"] = merged;
    pull_request["merged_at"] = merged_at;
    pull_request
}

async fn item(app: &TestApp, reference: &str) -> WorkItem {
    app.store.work_item(&WorkItemRef::new(reference)).await.unwrap().unwrap()
}

async fn comments(app: &TestApp, reference: &str) -> Vec<Comment> {
    app.store.item_comments(&WorkItemRef::new(reference), 10).await.unwrap()
}

async fn receive(app: &TestApp, deliveries: &[GithubDelivery]) {
    for delivery in deliveries {
        assert_eq!(app.post_github(delivery).await.status, 202);
    }
    app.run_jobs().await;
    app.assert_queue_is_empty().await;
}

#[test]
fn an_issue_becomes_an_item_with_all_its_fields() {
    let told = state_of("issues", &payload("opened", "issue", &issue(7, "A title", "open", AT)));
    assert_eq!(told.item, WorkItemRef::new("github:7"));
    assert_eq!((told.external_id.as_str(), told.kind), ("7", Kind::Issue));
    assert_eq!(told.project_ref, "Codertocat/Hello-World");
    assert_eq!(told.key.as_deref(), Some("Codertocat/Hello-World#12"));
    assert_eq!((told.title.as_str(), told.status.as_deref()), ("A title", Some("open")));
    assert_eq!(told.assignees[0].name.as_deref(), Some("ada"));
    assert_eq!(told.labels[0].color.as_deref(), Some("#d73a4a"));
    assert_eq!(told.url.as_deref(), Some("https://github.com/Codertocat/Hello-World/issues/12"));
    assert_eq!(told.description.unwrap().text, "Some **Markdown**.");
    assert!(told.missing.is_empty());
}

#[test]
fn a_close_goes_to_the_column_of_its_reason() {
    let cases = [
        ("open", json!(null), StateGroup::Unstarted),
        ("open", json!("reopened"), StateGroup::Unstarted),
        ("closed", json!(null), StateGroup::Completed),
        ("closed", json!("completed"), StateGroup::Completed),
        ("closed", json!("not_planned"), StateGroup::Cancelled),
        ("closed", json!("duplicate"), StateGroup::Cancelled),
        ("closed", json!("a new reason"), StateGroup::Completed),
    ];
    for (state, reason, group) in cases {
        let mut thing = issue(7, "t", state, AT);
        thing["state_reason"] = reason.clone();
        thing["closed_at"] = json!(AT);
        let told = state_of("issues", &payload("closed", "issue", &thing));
        assert_eq!(told.state_group, Some(group), "{state} {reason}");
        assert_eq!(told.status.as_deref(), Some(state));
        assert_eq!(told.completed_at.is_some(), group == StateGroup::Completed, "{state} {reason}");
    }
}

#[test]
fn a_pull_request_is_started_until_it_is_merged_or_closed() {
    let cases = [
        ("open", json!(false), json!(null), StateGroup::Started),
        ("closed", json!(true), json!(AT), StateGroup::Completed),
        ("closed", json!(false), json!(null), StateGroup::Cancelled),
    ];
    for (state, merged, merged_at, group) in cases {
        let thing = pull_request(state, merged, merged_at);
        let told = state_of("pull_request", &payload("closed", "pull_request", &thing));
        assert_eq!(told.state_group, Some(group));
        assert_eq!(told.kind, Kind::PullRequest);
        assert_eq!(told.item, WorkItemRef::new("github:pull_request:186853002:12"));
    }
}

#[test]
fn an_action_that_is_not_known_is_a_change_of_state() {
    for action in ["typed", "untyped", "field_changed", "", "opened twice"] {
        let told = state_of("issues", &payload(action, "issue", &issue(7, "t", "open", AT)));
        assert_eq!(told.title, "t", "{action}");
    }
    let body = json!({"issue": issue(7, "t", "open", AT), "repository": repository()}).to_string();
    assert_eq!(state_of("issues", &body).title, "t", "no action at all");
}

#[test]
fn every_example_is_read_and_the_sync_sees_the_whole_issue() {
    for (name, payload) in examples() {
        let event = parse(
            &GithubHost::default(),
            name.split('.').next().unwrap(),
            payload.to_string().as_bytes(),
        )
        .unwrap();
        normalize(&event).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let has_issue = name.starts_with("issue");
        let is_partial = name.ends_with("pinned");
        let seen = sync_issue(&event);
        assert_eq!(seen.is_some(), has_issue && !is_partial, "{name}");
        if let Some(seen) = seen {
            assert_eq!(seen.title, payload["issue"]["title"], "{name}");
            assert_eq!(seen.body.as_deref(), payload["issue"]["body"].as_str(), "{name}");
            assert_eq!(seen.repository, payload["repository"]["full_name"], "{name}");
            assert_eq!(seen.state.is_closed(), payload["issue"]["state"] == "closed", "{name}");
        }
        let action = sync_comment(&event).map(|(action, comment)| {
            assert_eq!(comment.body, payload["comment"]["body"], "{name}");
            action
        });
        let expected = match name.as_str() {
            "issue_comment.deleted" => Some(CommentAction::Deleted),
            _ if name.starts_with("issue_comment") => Some(CommentAction::Written),
            _ => None,
        };
        assert_eq!(action, expected, "{name}");
    }
}

#[test]
fn the_sync_sees_why_an_issue_was_closed_and_a_text_that_was_emptied() {
    let mut thing = issue(7, "t", "closed", AT);
    thing["state_reason"] = json!("not_planned");
    thing["body"] = json!(null);
    let event =
        parse(&GithubHost::default(), "issues", payload("closed", "issue", &thing).as_bytes())
            .unwrap();
    let seen = sync_issue(&event).unwrap();
    assert_eq!((seen.state, seen.body), (IssueState::NotPlanned, None));
    assert_eq!((seen.id, seen.number, seen.repository_id), (7, 12, Some(186_853_002)));
}

on_both_databases! {
    async fn a_payload_that_leaves_fields_out_takes_nothing_away(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let mut part = issue(7, "t", "open", LATER);
        for field in ["state", "labels", "body"] {
            part.as_object_mut().unwrap().remove(field);
        }
        receive(&app, &[issue_delivery("pinned", &part)]).await;
        let alone = item(&app, "github:7").await;
        assert_eq!(alone.status(), "unknown");
        assert_eq!(alone.state.unwrap().missing.len(), 3);
        receive(&app, &[issue_delivery("opened", &issue(7, "t", "open", AT))]).await;
        receive(&app, &[issue_delivery("unpinned", &part)]).await;
        let whole = item(&app, "github:7").await;
        assert_eq!(whole.status(), "open");
        let state = whole.state.unwrap();
        assert_eq!((state.labels.len(), state.description.is_some()), (1, true));
        let newest = &app.store.item_timeline(&WorkItemRef::new("github:7"), 1).await.unwrap()[0];
        assert_eq!(newest.outcome, EntryOutcome::Ignored);
        assert!(newest.reason.contains("leaves out what is known"), "{}", newest.reason);
    }

    async fn what_is_told_in_the_second_of_its_making_is_later_than_opened(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let mut bare = issue(7, "z", "open", AT);
        bare["labels"] = json!([]);
        let labeled = issue(7, "a", "open", AT);
        receive(&app, &[issue_delivery("labeled", &labeled), issue_delivery("opened", &bare)]).await;
        assert_eq!(item(&app, "github:7").await.state.unwrap().title, "a");
    }

    async fn in_one_second_closing_counts_after_opening_and_reopening_after_both(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let opened = issue_delivery("opened", &issue(12, "Quick", "open", AT));
        let closed = issue_delivery("closed", &issue(12, "Quick", "closed", AT));
        let labeled = issue_delivery("labeled", &issue(12, "Quick", "open", AT));
        receive(&app, &[closed, opened, labeled]).await;
        assert_eq!(item(&app, "github:12").await.status(), "closed");
        let mut reopened = issue(12, "Quick", "open", AT);
        reopened["state_reason"] = json!("reopened");
        receive(&app, &[issue_delivery("reopened", &reopened)]).await;
        assert_eq!(item(&app, "github:12").await.status(), "open");
    }

    async fn a_deleted_issue_leaves_a_tombstone_and_a_transferred_one_points_to_its_new_place(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let moved = json!({
            "action": "transferred", "issue": issue(8, "Moved", "open", AT), "repository": repository(),
            "changes": {"new_issue": {"id": 80, "number": 3}, "new_repository": {"id": 5, "full_name": "new/home"}}
        });
        receive(&app, &[
            issue_delivery("deleted", &issue(7, "Gone", "open", AT)),
            GithubDelivery::new("issues", moved.to_string()),
            issue_delivery("edited", &issue(7, "Late", "open", LATER)),
        ]).await;
        let gone = item(&app, "github:7").await;
        assert_eq!((gone.status(), &gone.moved_to), ("deleted", &None));
        let moved = item(&app, "github:8").await;
        assert_eq!((moved.status(), &moved.moved_to), ("deleted", &Some(WorkItemRef::new("github:80"))));
        let entry = &app.store.item_timeline(&WorkItemRef::new("github:8"), 1).await.unwrap()[0];
        assert!(entry.reason.contains("moved elsewhere"), "{}", entry.reason);
        assert!(entry.changes.iter().any(|c| c.field == "moved_to" && c.to == "github:80"));
    }

    async fn a_comment_is_stored_changed_and_deleted_without_being_lost(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let on = |at: &str| issue(7, "t", "open", at);
        receive(&app, &[comment_delivery("created", &on(AT), &comment(1, "First *words*\u{0}", AT))]).await;
        let known = comments(&app, "github:7").await;
        assert_eq!(known[0].said.text.text, "First *words*\u{FFFD}");
        assert_eq!(known[0].said.author.as_deref(), Some("ada"));
        assert_eq!(item(&app, "github:7").await.status(), "open", "the issue came with it");
        receive(&app, &[comment_delivery("edited", &on(LATER), &comment(1, "Better", LATER))]).await;
        assert_eq!(comments(&app, "github:7").await[0].said.text.text, "Better");
        let newest = &app.store.item_timeline(&WorkItemRef::new("github:7"), 1).await.unwrap()[0];
        assert!(newest.reason.starts_with("comment by ada changed"), "{}", newest.reason);
        let change = newest.changes.iter().find(|c| c.field == "comment").unwrap();
        assert_eq!(change.to, "Better");
        receive(&app, &[comment_delivery("deleted", &on("2026-11-22T01:00:09Z"), &comment(1, "Better", LATER))]).await;
        assert!(comments(&app, "github:7").await.is_empty());
        receive(&app, &[comment_delivery("edited", &on(LATER), &comment(1, "Late", "2026-11-22T01:00:08Z"))]).await;
        assert!(comments(&app, "github:7").await.is_empty(), "late news of it do not bring it back");
        let back = "2026-11-22T01:00:10Z";
        receive(&app, &[comment_delivery("created", &on(back), &comment(1, "Again", back))]).await;
        assert_eq!(comments(&app, "github:7").await[0].said.text.text, "Again");
    }

    async fn comments_on_a_pull_request_are_on_its_item_whichever_comes_first(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let mut half = issue(7, "A change", "open", AT);
        half["pull_request"] = json!({"merged_at": null, "url": "https://api.github.com/x"});
        let body = payload("opened", "pull_request", &pull_request("open", json!(false), json!(null)));
        receive(&app, &[
            comment_delivery("created", &half, &comment(1, "before", AT)),
            GithubDelivery::new("pull_request", body),
            comment_delivery("created", &half, &comment(2, "after", AT)),
        ]).await;
        let reference = "github:pull_request:186853002:12";
        assert_eq!(comments(&app, reference).await.len(), 2);
        let known = item(&app, reference).await.state.unwrap();
        assert_eq!((known.kind, known.state_group), (Kind::PullRequest, Some(StateGroup::Started)));
    }

    async fn a_comment_on_a_merged_pull_request_does_not_forget_the_merge(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let mut half = issue(7, "A change", "closed", LATER);
        half["pull_request"] = json!({"url": "https://api.github.com/x"});
        let merged = pull_request("closed", json!(true), json!(AT));
        receive(&app, &[
            GithubDelivery::new("pull_request", payload("closed", "pull_request", &merged)),
            comment_delivery("created", &half, &comment(1, "thanks", LATER)),
        ]).await;
        let known = item(&app, "github:pull_request:186853002:12").await.state.unwrap();
        assert_eq!(known.state_group, Some(StateGroup::Completed));
    }

    async fn a_renamed_repository_keeps_its_items(database: TestDatabase) {
        let app = TestApp::new(database).await;
        receive(&app, &[issue_delivery("opened", &issue(7, "t", "open", AT))]).await;
        let renamed = json!({
            "action": "edited", "issue": issue(7, "t2", "open", LATER),
            "repository": {"id": 186_853_002, "full_name": "Codertocat/Renamed"}
        });
        receive(&app, &[GithubDelivery::new("issues", renamed.to_string())]).await;
        let known = item(&app, "github:7").await;
        assert_eq!(known.project_ref, "Codertocat/Renamed");
        assert_eq!(known.state.unwrap().key.as_deref(), Some("Codertocat/Renamed#12"));
    }

    async fn a_long_description_is_kept_whole_and_its_beginning_on_the_timeline(database: TestDatabase) {
        let app = TestApp::new(database).await;
        let mut thing = issue(7, "t", "open", AT);
        let long = "ä".repeat(65_000);
        thing["body"] = json!(long);
        receive(&app, &[issue_delivery("opened", &thing)]).await;
        thing["body"] = json!(format!("{long}!"));
        thing["updated_at"] = json!(LATER);
        receive(&app, &[issue_delivery("edited", &thing)]).await;
        let known = item(&app, "github:7").await.state.unwrap().description.unwrap();
        assert_eq!(known.text.chars().count(), 65_001);
        let entry = &app.store.item_timeline(&WorkItemRef::new("github:7"), 1).await.unwrap()[0];
        assert!(entry.changes[0].to.as_str().unwrap().chars().count() < 600);
        // The description takes part in what is known, so a repetition is none.
        receive(&app, &[issue_delivery("edited", &thing)]).await;
        let entry = &app.store.item_timeline(&WorkItemRef::new("github:7"), 1).await.unwrap()[0];
        assert_eq!(entry.outcome, EntryOutcome::Ignored, "{}", entry.reason);
    }
}
