//! `rules test`: a filter and rules tried on what has arrived.

use jetbridge::clock::Clock;
use jetbridge::sources::Origin;
use jetbridge::sources::github::found::{Finding, LaneOf};
use jetbridge::store::Store;
use jetbridge::store::found::Again;
use serde_json::{Value, json};

use crate::Place;

const CONFIG: &str = "[[repositories]]\nname = 'octo/hello'\nfilter = '\"bug\" in issue.labels'\n\
    [[repositories.rules]]\nname = 'loud'\nset.title = 'issue.title.upper()'\n";

/// Two issues in the inbox of a configured repository: a bug and a wish.
async fn with_deliveries() -> Place {
    let place = Place::with_config(CONFIG);
    place.run(&["apply", "jetbridge.toml"]).done();
    let path = place.path().join("jetbridge-data/jetbridge.db");
    let store = Store::open(&format!("sqlite://{}", path.display()).parse().unwrap()).await;
    let store = store.unwrap();
    let name = "octo/hello".parse().unwrap();
    let now = Clock::System.now();
    let row = store.find_repository(&name, None).await.unwrap().unwrap().id;
    let finding =
        Finding { origin: Origin::Reconcile, at: now, repository: name, repository_id: 7, row };
    for (id, label) in [(1, "bug"), (2, "wish")] {
        let issue = json!({"id": id, "number": id, "title": "Crash", "body": "text",
            "state": "open", "labels": [{"name": label}], "assignees": [],
            "user": {"id": 1, "login": "ada"}, "html_url": "https://example.org/1",
            "created_at": "2026-11-22T00:00:00Z", "updated_at": "2026-11-22T01:00:00Z"});
        let raw = serde_json::value::to_raw_value(&issue).unwrap();
        let found = finding.issue(LaneOf::Issue(id), &raw);
        store.put_found(&[found], Again::Dropped, now).await.unwrap();
    }
    store.close().await;
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_become_of_each_is_told_before_and_after_with_counts() {
    let place = with_deliveries().await;
    let said = place.run(&["rules", "test"]).done();
    assert!(
        said.contains("issues found  #1 Crash  → carried over\n    title: “Crash” → “CRASH”\n"),
        "{said}"
    );
    assert!(said.contains("issues found  #2 Crash  → left out\n"), "{said}");
    let counts = "octo/hello: 2 deliveries tried, nothing was changed: 1 would be carried over (1 changed by \
        rules), 1 left out by the filter, 0 dropped by rules, 0 come to nothing, 0 tell of nothing to carry over\n";
    assert!(said.ends_with(counts), "{said}");
    let drop = "name = 'no wishes'\nwhen = '\"wish\" in issue.labels'\ndrop = true";
    let out = place.run(&["rules", "test", "--rule", drop, "--json"]).done();
    let told: Value = serde_json::from_str(&out).unwrap();
    let counts = json!({"tried": 2, "carried_over": 1, "changed": 0, "left_out": 0, "dropped": 1,
        "broken": 0, "passed_over": 0});
    assert_eq!(told["counts"], counts);
    let dropped = told["deliveries"].as_array().unwrap().iter().find(|d| d["issue"] == 2).unwrap();
    assert_eq!((&dropped["fate"], &dropped["reason"]), (&json!("dropped"), &json!("no wishes")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_expression_ends_with_2_and_its_place_and_what_comes_to_nothing_with_1() {
    let place = with_deliveries().await;
    let filter = ["rules", "test", "--filter", "issue.title =="];
    let refused = place.run(&filter).refused(2);
    assert!(refused.starts_with("filter: column 15: "), "{refused}");
    let rule = ["rules", "test", "--rule", "set.title = 'issue.labels'"];
    let refused = place.run(&rule).refused(2);
    assert!(refused.starts_with("--rule 1: column 1: it comes to a list of texts"), "{refused}");
    let untidy = place.run(&["rules", "test", "--rule", "drop = maybe"]).refused(2);
    assert!(untidy.starts_with("--rule 1: "), "{untidy}");
    let broken = place.run(&["rules", "test", "--filter", "issue.labels[3] == 'bug'"]);
    assert_eq!(broken.status, 1, "{broken:?}");
    assert!(broken.out.contains("→ broken: the filter: it asks for place 3"), "{broken:?}");
}
