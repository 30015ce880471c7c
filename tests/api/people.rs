//! Who people are on the other side, over the API and the page: GitHub's and Plane's.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use jetbridge::ids::Lease;
use jetbridge::store::links::{Held, LinkKey};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::browsing::{Seen, Site, TOKEN};
use crate::on_both_databases;

const ALL: &str = "/api/v1/people";
const GRACE: &str = "5579f1a8-8bb1-44d5-9060-9d2391371abf";

async fn send(site: &Site, method: Method, path: &str, body: &Value) -> Seen {
    let headers = [("authorization", &*format!("Bearer {TOKEN}"))];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    site.ask(method, path, &headers, &body).await
}

async fn listed(site: &Site) -> Vec<(Value, String, Value)> {
    let all = site.get(ALL).await.json();
    let row = |item: &Value| {
        let status = item["status"].as_str().unwrap().to_owned();
        (item["login"].clone(), status, item["member"].clone())
    };
    all["items"].as_array().unwrap().iter().map(row).collect()
}

/// A linked issue to which Grace is assigned in Plane, of whom GitHub knows nothing.
async fn with_grace(site: &Site) {
    let key = LinkKey {
        repository: "octo/hello".to_owned(),
        github_issue: 7,
        number: 7,
        plane_project: GRACE.to_owned(),
        plane_workspace: None,
    };
    let (store, now) = (&site.app.store, site.app.clock.now());
    let held = store.hold_link(&key, Lease(Uuid::new_v4()), now + Duration::from_mins(1), now);
    let Held::Ours(link) = held.await.unwrap() else { panic!("nobody else holds it") };
    let grace = BTreeMap::from([(GRACE.to_owned(), "Grace".to_owned())]);
    store.note_unmapped_members(link.id, &grace, now).await.unwrap();
}

on_both_databases! {
    async fn a_member_who_is_not_known_on_github_is_listed_decided_about_and_forgotten(database: TestDatabase) {
        let site = Site::new(database).await;
        with_grace(&site).await;
        let unmapped = (Value::Null, "unmapped_member".to_owned(), json!(GRACE));
        assert_eq!(listed(&site).await, std::slice::from_ref(&unmapped));

        let apart = json!({"login": null, "member": GRACE, "member_name": "Grace"});
        let decided = send(&site, Method::POST, ALL, &apart).await;
        assert_eq!(decided.status, StatusCode::OK, "{decided:?}");
        assert_eq!(listed(&site).await, [(Value::Null, "apart".to_owned(), json!(GRACE))]);
        let one = format!("{ALL}/{GRACE}");
        assert_eq!(send(&site, Method::DELETE, &one, &Value::Null).await.status, StatusCode::NO_CONTENT);
        assert_eq!(send(&site, Method::DELETE, &one, &Value::Null).await.status, StatusCode::NOT_FOUND);
        assert_eq!(listed(&site).await, [unmapped]);

        let mapped = json!({"login": "Hopper", "member": GRACE, "member_name": "Grace"});
        assert_eq!(send(&site, Method::POST, ALL, &mapped).await.status, StatusCode::OK);
        let known = (json!("hopper"), "member".to_owned(), json!(GRACE));
        assert!(listed(&site).await.contains(&known));
        let nobody = json!({"login": null, "member": null});
        assert_eq!(send(&site, Method::POST, ALL, &nobody).await.status, StatusCode::BAD_REQUEST);
    }
}
