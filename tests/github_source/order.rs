//! Whatever the order and the repetitions, the same deliveries end in the same rows.

use std::collections::{BTreeMap, BTreeSet};

use jetbridge::clock::Timestamp;
use jetbridge::comments::{self, Comment, CommentDecision};
use jetbridge::config::GithubHost;
use jetbridge::ids::{CommentRef, WorkItemRef};
use jetbridge::sources::Told;
use jetbridge::sources::github::normalize::normalize;
use jetbridge::sources::github::payload::parse;
use jetbridge::work_items::{self, Decision, WorkItem};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::databases::{Kind, TestDatabase};
use crate::support::github::{
    GithubDelivery, comment, example_delivery, examples, issue, repository,
};

fn at(second: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

fn told(event: &str, payload: &Value) -> Told {
    normalize(&parse(&GithubHost::default(), event, payload.to_string().as_bytes()).unwrap())
        .unwrap()
}

/// What the corpus has no example of.
fn made() -> Vec<(String, Value)> {
    let time = |second: i64| at(second).to_rfc3339();
    let event = |action: &str, part: &str, thing: Value| json!({"action": action, part: thing, "repository": repository()});
    let mut closed = issue(501, "Closed", "closed", &time(3));
    closed["state_reason"] = json!("not_planned");
    let mut merged = issue(502, "Merged", "closed", &time(3));
    merged["merged"] = json!(true);
    merged["merged_at"] = json!(time(3));
    let mut half = issue(503, "Merged", "closed", &time(4));
    half["pull_request"] = json!({"url": "x"});
    let mut on_pull_request = event("created", "issue", half);
    on_pull_request["comment"] = comment(601, "on a pull request", &time(4));
    vec![
        ("issues.closed".into(), event("closed", "issue", closed)),
        ("issues.typed".into(), event("typed", "issue", issue(501, "Typed", "open", &time(2)))),
        ("pull_request.closed".into(), event("closed", "pull_request", merged)),
        ("issue_comment.created".into(), on_pull_request),
    ]
}

#[derive(Debug, Default, PartialEq)]
struct Rows {
    items: BTreeMap<WorkItemRef, WorkItem>,
    comments: BTreeMap<CommentRef, Comment>,
}

impl Rows {
    /// Folds what is told as the queue would.
    fn of<'a>(told: impl IntoIterator<Item = &'a Told>) -> Self {
        let mut rows = Self::default();
        for Told { item, comment } in told {
            let Some(reference) = item.item() else { continue };
            let decision = work_items::decide(rows.items.get(reference), item, at(0));
            if let Decision::Apply { item, .. } = decision {
                rows.items.insert(item.item.clone(), *item);
            }
            let Some(change) = comment else { continue };
            let known = rows.comments.get(&change.said.comment);
            if let CommentDecision::Apply { comment, .. } = comments::decide(known, change, at(0)) {
                rows.comments.insert(comment.said.comment.clone(), *comment);
            }
        }
        rows
    }
}

/// Few ids, few times, few words: so that they meet.
fn generated() -> impl Strategy<Value = (String, Value)> {
    let verb = prop_oneof![
        Just("opened"),
        Just("edited"),
        Just("closed"),
        Just("reopened"),
        Just("pinned"),
        Just("deleted"),
        Just("transferred")
    ];
    let word = prop_oneof![Just("A"), Just("B"), Just("Ünï 🚀")];
    (1_u64..4, verb, word, 0_i64..4, 0_i64..5, 0_u32..7).prop_map(|(id, verb, word, second, later, shape)| {
        let time = |second: i64| at(second).to_rfc3339();
        let mut thing = issue(id, word, if verb == "closed" { "closed" } else { "open" }, &time(second));
        if verb == "pinned" {
            thing.as_object_mut().unwrap().remove("state");
        }
        if shape == 5 {
            thing["labels"] = json!([]);
            thing["body"] = json!(null);
        }
        let name = if shape == 4 { "o/renamed" } else { "o/n" };
        let repository = json!({"id": 1, "full_name": name});
        let changes = json!({"new_issue": {"id": 100 + later}});
        match shape {
            0 => {
                let action = if verb == "deleted" { "deleted" } else { "edited" };
                let said = comment(id * 10 + u64::from(later > 2), word, &time(later));
                ("issue_comment".into(), json!({"action": action, "issue": thing, "comment": said, "repository": repository}))
            }
            1 => {
                thing["number"] = json!(id);
                thing["merged"] = json!(later > 2);
                thing["draft"] = json!(verb == "reopened");
                if word == "A" {
                    thing["requested_reviewers"] = json!([{"id": 1, "login": "one"}]);
                }
                ("pull_request".into(), json!({"action": verb, "pull_request": thing, "repository": repository}))
            }
            2 => {
                thing["number"] = json!(id);
                thing["merged_at"] = json!(null);
                let state = ["approved", "changes_requested", "dismissed", "commented", "approved"][usize::try_from(later).unwrap()];
                let user = json!({"id": 1 + second % 2, "login": "one"});
                let review = json!({"id": later, "user": user, "state": state, "submitted_at": time(later)});
                ("pull_request_review".into(), json!({"action": "submitted", "review": review, "pull_request": thing, "repository": repository}))
            }
            _ => ("issues".into(), json!({"action": verb, "issue": thing, "repository": repository, "changes": changes})),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_repetition_end_in_the_same_items_and_comments(
        bodies in prop::collection::vec(generated(), 1..30),
        repeats in prop::collection::vec(any::<Index>(), 0..40),
        seeds in prop::collection::vec(any::<u64>(), 160),
    ) {
        let all = examples().into_iter().chain(made()).chain(bodies);
        let all: Vec<Told> = all.map(|(name, payload)| told(name.split('.').next().unwrap(), &payload)).collect();
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.extend(repeats.iter().map(|at| at.index(all.len())));
        let mut keyed: Vec<_> = order.into_iter().zip(seeds).collect();
        keyed.sort_by_key(|(_, seed)| *seed);
        prop_assert_eq!(Rows::of(keyed.iter().map(|(i, _)| &all[*i])), Rows::of(&all));
    }
}

/// Posts the deliveries in this order, working them off now and then, and reads the rows.
async fn rows_after(kind: Kind, deliveries: &[GithubDelivery], at_a_time: usize) -> Rows {
    let app = TestApp::new(TestDatabase::new(kind).await).await;
    for part in deliveries.chunks(at_a_time) {
        for delivery in part {
            assert!(app.post_github(delivery).await.status.is_success());
        }
        app.run_jobs().await;
    }
    app.assert_queue_is_empty().await;
    let told: Vec<Told> = deliveries
        .iter()
        .map(|d| normalize(&parse(&GithubHost::default(), &d.event, &d.body).unwrap()).unwrap())
        .collect();
    let items: BTreeSet<_> = told.iter().filter_map(|t| t.item.item()).collect();
    let comments: BTreeSet<_> =
        told.iter().filter_map(|t| Some(&t.comment.as_ref()?.said.comment)).collect();
    let mut rows = Rows::default();
    for mut item in app.store.work_items_by_ref(&Vec::from_iter(items)).await.unwrap() {
        item.ingested_at = at(0);
        rows.items.insert(item.item.clone(), item);
    }
    for mut comment in app.store.comments_by_ref(&Vec::from_iter(comments)).await.unwrap() {
        comment.ingested_at = at(0);
        rows.comments.insert(comment.said.comment.clone(), comment);
    }
    rows
}

async fn examples_end_in_the_same_rows(kind: Kind) {
    let all: Vec<GithubDelivery> = examples()
        .into_iter()
        .chain(made())
        .map(|(name, payload)| example_delivery(&name, &payload))
        .collect();
    let read = |d: &GithubDelivery| {
        normalize(&parse(&GithubHost::default(), &d.event, &d.body).unwrap()).unwrap()
    };
    let expected = Rows::of(&all.iter().map(read).collect::<Vec<_>>());
    assert!((expected.items.len(), expected.comments.len()) == (5, 2), "{expected:?}");
    assert_eq!(rows_after(kind, &all, 100).await, expected);
    let backwards: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(rows_after(kind, &backwards, 7).await, expected);
    // Each second one first, then the others; each twice under its id, and once under another.
    let (even, odd): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let shuffled = even.into_iter().chain(odd).map(|(_, delivery)| delivery);
    let repeated: Vec<_> = shuffled
        .flat_map(|d| [d.clone().with_id(&format!("again-{}", d.id)), d.clone(), d])
        .collect();
    assert_eq!(rows_after(kind, &repeated, 11).await, expected);
}

#[tokio::test]
async fn examples_end_in_the_same_rows_in_any_order_and_repeated_on_sqlite() {
    examples_end_in_the_same_rows(Kind::Sqlite).await;
}

#[tokio::test]
async fn examples_end_in_the_same_rows_in_any_order_and_repeated_on_postgres() {
    examples_end_in_the_same_rows(Kind::Postgres).await;
}
