//! Lists: every row exactly once, and exactly those that a filter names.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::browsing::Site;
use crate::on_both_databases;
use crate::support::plane::{Delivery, issue};

const TODO: (&str, &str) = ("Todo", "unstarted");
const SAME_TIME: &str = "2026-11-22T01:00:00Z";

/// Follows the cursors and returns every value of `id`, page after page.
async fn walk(site: &Site, path: &str, id: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let address = match &cursor {
            Some(cursor) => format!("{path}&cursor={cursor}"),
            None => path.to_owned(),
        };
        let seen = site.get(&address).await;
        assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
        let page = seen.json();
        let items = page["items"].as_array().expect("items");
        ids.extend(items.iter().map(|i| i[id].as_str().expect("an id").to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => {
                assert!(!items.is_empty(), "an empty page has no next one");
                cursor = Some(next.to_owned());
            }
            None => return ids,
        }
    }
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// An item with these names on it.
fn named(id: &str, title: &str, assignee: &str, label: &str) -> Delivery {
    let mut payload = issue(id, title, TODO, SAME_TIME);
    payload["data"]["assignees"] = json!([
        {"id": format!("first-of-{id}"), "display_name": "first"},
        {"id": format!("of-{id}"), "display_name": assignee},
    ]);
    payload["data"]["labels"] =
        json!([{"id": format!("label-{id}"), "name": label, "color": "#d73a4a"}]);
    Delivery::new(payload.to_string())
}

/// The references that a filter finds.
async fn found(site: &Site, parameter: &str, value: &str) -> Vec<String> {
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair(parameter, value).finish();
    sorted(walk(site, &format!("/api/v1/work-items?{query}"), "work_item_ref").await)
}

on_both_databases! {
    async fn cursors_walk_all_items_exactly_once_even_at_equal_times(database: TestDatabase) {
        let site = Site::new(database).await;
        let mut expected = Vec::new();
        for number in 0..60 {
            let at = if number % 20 == 0 { "2026-11-22T01:00:00.000001Z" } else { SAME_TIME };
            site.app.post(&Delivery::new(issue(&format!("i{number}"), "A", TODO, at).to_string())).await;
            expected.push(format!("plane:i{number}"));
        }
        site.app.run_jobs().await;
        for limit in [1, 7, 20, 59, 60, 61] {
            let ids = walk(&site, &format!("/api/v1/work-items?limit={limit}"), "work_item_ref").await;
            assert_eq!(sorted(ids), sorted(expected.clone()), "{limit}");
        }
    }

    async fn cursors_walk_all_deliveries_exactly_once_even_at_equal_times(database: TestDatabase) {
        let site = Site::new(database).await;
        let mut expected = Vec::new();
        for number in 0..50 {
            if number == 30 {
                site.app.clock.advance(Duration::from_micros(1));
            }
            let delivery = Delivery::new(issue(&format!("i{number}"), "A", TODO, SAME_TIME).to_string());
            site.app.post(&delivery).await;
            expected.push(delivery.id);
        }
        for limit in [1, 7, 25, 49, 50, 200] {
            let ids = walk(&site, &format!("/api/v1/deliveries?limit={limit}"), "delivery_id").await;
            assert_eq!(sorted(ids), sorted(expected.clone()), "{limit}");
        }
    }

    async fn names_are_compared_whole_and_as_they_are_written(database: TestDatabase) {
        let site = Site::new(database).await;
        let names = ["o'brien", "say \"hi\"", "100%", "a_b", "back\\slash", "Größe", "name", "', 'name':'"];
        for (number, name) in names.iter().enumerate() {
            site.app.post(&named(&format!("i{number}"), "A", name, name)).await;
        }
        site.app.run_jobs().await;
        for (number, name) in names.iter().enumerate() {
            for parameter in ["assignee", "label"] {
                assert_eq!(found(&site, parameter, name).await, [format!("plane:i{number}")], "{parameter} {name}");
            }
        }
        for absent in ["%", "_", "obrien", "nam", "NAME", "aXb", "100", "d73a4a", "of-i0"] {
            assert_eq!(found(&site, "label", absent).await, Vec::<String>::new(), "{absent}");
            assert_eq!(found(&site, "assignee", absent).await, Vec::<String>::new(), "{absent}");
        }
        assert_eq!(found(&site, "assignee", "first").await.len(), names.len());
    }

    async fn a_search_takes_wildcards_literally_and_any_case(database: TestDatabase) {
        let site = Site::new(database).await;
        for (id, title) in [("percent", "Grow by 100% now"), ("under", "snake_case"), ("back", "a\\b"), ("plain", "100 snakeXcase"), ("umlaut", "Ärger im Büro")] {
            site.app.post(&named(id, title, "ada", "bug")).await;
        }
        site.app.run_jobs().await;
        for (q, expected) in [
            ("100%", vec!["plane:percent"]),
            ("%", vec!["plane:percent"]),
            ("SNAKE_CASE", vec!["plane:under"]),
            ("a\\B", vec!["plane:back"]),
            ("grow BY", vec!["plane:percent"]),
            ("100", vec!["plane:percent", "plane:plain"]),
            ("Ärger", vec!["plane:umlaut"]),
            ("' OR 1=1 --", vec![]),
        ] {
            assert_eq!(found(&site, "q", q).await, expected, "{q}");
        }
    }

    async fn each_filter_finds_its_items_and_they_combine(database: TestDatabase) {
        let site = Site::new(database).await;
        site.app.post(&Delivery::new(issue("todo", "A", TODO, SAME_TIME).to_string())).await;
        site.app.post(&Delivery::new(issue("done", "B", ("Done", "completed"), SAME_TIME).to_string())).await;
        let mut gone = issue("gone", "C", TODO, SAME_TIME);
        gone["action"] = json!("deleted");
        site.app.post(&Delivery::new(gone.to_string())).await;
        site.app.run_jobs().await;
        let both = ["plane:done", "plane:todo"];
        assert_eq!(found(&site, "system", "plane").await, both);
        assert_eq!(found(&site, "system", "github").await, Vec::<String>::new());
        assert_eq!(found(&site, "status", "Done").await, ["plane:done"]);
        assert_eq!(found(&site, "status", "deleted").await, ["plane:gone"]);
        assert_eq!(found(&site, "state_group", "completed").await, ["plane:done"]);
        assert_eq!(found(&site, "project", "ce59f358-8bb1-44d5-9060-9d2391371abf").await, both);
        assert_eq!(found(&site, "project", "another").await, Vec::<String>::new());
        let combined = "/api/v1/work-items?state_group=unstarted&label=bug&assignee=ada&q=a";
        assert_eq!(walk(&site, combined, "work_item_ref").await, ["plane:todo"]);
    }

    async fn an_item_shows_every_field_and_its_timeline(database: TestDatabase) {
        let site = Site::new(database).await;
        site.app.post(&Delivery::new(issue("i1", "First", TODO, SAME_TIME).to_string())).await;
        site.app.post(&Delivery::new(issue("i1", "Second", TODO, "2026-11-22T01:00:01Z").to_string())).await;
        site.app.run_jobs().await;
        let item = site.get("/api/v1/work-items/plane:i1").await.json();
        let mut fields: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, [
            "assignee", "assignees", "completed_at", "created_at", "deleted_at", "external_id", "ingested_at", "key",
            "kind", "labels", "missing", "moved_to", "priority", "project_ref", "state_group", "status", "sync", "system",
            "title", "twins", "updated_at", "url", "work_item_ref",
        ]);
        assert_eq!(item["title"], "Second");
        assert_eq!(item["labels"], json!([{"name": "bug", "color": "#d73a4a"}]));
        assert_eq!(item["assignee"], "ada");
        assert_eq!(item["updated_at"], "2026-11-22T01:00:01Z");

        let timeline = site.get("/api/v1/work-items/plane:i1/timeline").await.json();
        assert_eq!(timeline["items"].as_array().unwrap().len(), 2);
        assert_eq!(timeline["next_cursor"], Value::Null);
        let newest = site.get("/api/v1/work-items/plane:i1/timeline?limit=1").await.json();
        assert_eq!(newest["items"][0], timeline["items"][0]);
        let next = newest["next_cursor"].as_str().unwrap();
        let older = site.get(&format!("/api/v1/work-items/plane:i1/timeline?limit=1&cursor={next}")).await.json();
        assert_eq!((&older["items"][0], &older["next_cursor"]), (&timeline["items"][1], &Value::Null));
        let comments = site.get("/api/v1/work-items/plane:i1/comments").await.json();
        assert_eq!(comments, json!({"items": [], "next_cursor": null}));
    }

    async fn comments_are_listed_oldest_first_without_deleted_ones(database: TestDatabase) {
        use crate::support::github::{comment, comment_delivery, issue};
        let site = Site::new(database).await;
        let thing = issue(7, "t", "open", SAME_TIME);
        for (id, text) in [(2, "second"), (1, "first"), (3, "third")] {
            site.app.post_github(&comment_delivery("created", &thing, &comment(id, text, SAME_TIME))).await;
        }
        site.app.post_github(&comment_delivery("deleted", &thing, &comment(3, "third", SAME_TIME))).await;
        site.app.run_jobs().await;
        let comments = site.get("/api/v1/work-items/github:7/comments").await.json();
        let texts: Vec<_> = comments["items"].as_array().unwrap().iter().map(|c| c["body"].clone()).collect();
        assert_eq!(texts, ["first", "second"]);
        assert_eq!(comments["items"][0], json!({
            "comment_ref": "github:1", "work_item_ref": "github:7", "system": "github", "external_id": "1",
            "author": "ada", "body": "first", "body_format": "markdown",
            "url": "https://github.com/Codertocat/Hello-World/issues/12#issuecomment-1",
            "created_at": "2026-11-22T00:30:00Z", "updated_at": SAME_TIME,
        }));
        let one = site.get("/api/v1/work-items/github:7/comments?limit=1").await.json();
        assert_eq!(one["items"].as_array().unwrap().len(), 1);
        let of = |name: &str| format!("/api/v1/deliveries?source=github&repository={name}");
        let found = site.get(&of("codertocat/hello-world")).await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), 4);
        assert_eq!(found["items"][0]["repository"], "Codertocat/Hello-World");
        assert_eq!(site.get(&of("o/n")).await.json()["items"], json!([]));
    }

    async fn deliveries_are_found_by_every_filter(database: TestDatabase) {
        let site = Site::new(database).await;
        let good = Delivery::new(issue("i1", "A", TODO, SAME_TIME).to_string());
        site.app.post(&good).await;
        site.app.clock.advance(Duration::from_mins(1));
        let broken = Delivery::new(r#"{"event":"issue","action":"created","data":{"id":"x"}}"#);
        site.app.post(&broken).await;
        site.app.run_jobs().await;
        let good_event = site.get(&format!("/api/v1/deliveries/plane/{}", good.id)).await.json()["event_type"].clone();
        let event = format!("event={}", good_event.as_str().unwrap());
        for (query, expected) in [
            ("source=plane", vec![&broken.id, &good.id]),
            ("status=failed", vec![&broken.id]),
            ("status=processed", vec![&good.id]),
            ("item=plane:i1", vec![&good.id]),
            (&*event, vec![&good.id]),
            ("since=2026-11-22T02:01:00Z", vec![&broken.id]),
            ("until=2026-11-22T02:01:00Z", vec![&good.id]),
            ("since=2026-11-22T03:00:00%2B01:00&until=2026-11-22T02:00:00.000001Z", vec![&good.id]),
            ("repository=owner/name", vec![]),
            ("event=%25", vec![]),
        ] {
            let ids = walk(&site, &format!("/api/v1/deliveries?{query}"), "delivery_id").await;
            assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{query}");
        }
    }
}
