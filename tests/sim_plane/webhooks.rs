//! The webhooks that the simulated Plane sends, against the recorded ones, and its oddities.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use jetbridge::clock::Clock;
use jetbridge::sim::plane::{Faults, Person, RateLimit, SimPlane, SimPlaneConfig, WebhookFault};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::wire::{Answer, call};

const SECRET: &str = "plane_wh_0123456789abcdef0123456789abcdef";

/// A delivery as it came in.
#[derive(Debug, Clone)]
struct Received {
    headers: HeaderMap,
    body: String,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn field(&self) -> Value {
        self.json()["activity"]["field"].clone()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

type Inbox = Arc<Mutex<Vec<Received>>>;

/// Takes every delivery and answers 500, which ends it as well as a 200 does.
async fn receiver() -> (String, Inbox) {
    async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let body = String::from_utf8(body.to_vec()).unwrap();
        inbox.lock().unwrap().push(Received { headers, body });
        StatusCode::INTERNAL_SERVER_ERROR
    }
    let inbox = Inbox::default();
    let routes = Router::new().route("/hook", post(receive)).with_state(Arc::clone(&inbox));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, inbox)
}

struct Scene {
    plane: SimPlane,
    inbox: Inbox,
    webhook: Uuid,
    project: Uuid,
}

impl Scene {
    async fn new() -> Self {
        Self::with(SimPlaneConfig::default()).await
    }

    async fn with(config: SimPlaneConfig) -> Self {
        let plane = SimPlane::start(config.with_project("SYNC", "Sync Target")).await.unwrap();
        let (url, inbox) = receiver().await;
        let webhook = plane.add_webhook(&url, SECRET);
        let project = plane.project("SYNC").unwrap().id;
        Self { plane, inbox, webhook, project }
    }

    fn ada(&self) -> Person {
        self.plane.person("ada").unwrap()
    }

    fn faults(&self) -> Faults {
        self.plane.faults()
    }

    async fn call(&self, method: &str, below_items: &str, body: Value) -> Answer {
        let path =
            format!("/api/v1/workspaces/acme/projects/{}/work-items/{below_items}", self.project);
        call(&self.plane.api_url(), &self.plane.api_key(), method, &path, body).await
    }

    async fn item(&self) -> Uuid {
        let answer = self.call("POST", "", json!({ "name": "one" })).await;
        self.drain().await;
        answer.body["id"].as_str().unwrap().parse().unwrap()
    }

    /// What came since the last time.
    async fn drain(&self) -> Vec<Received> {
        self.plane.settled().await;
        std::mem::take(&mut *self.inbox.lock().unwrap())
    }
}

fn recorded(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plane/deliveries");
    let file = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&file).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Equal in keys and in the kinds of values, where neither is null.
fn same_shape(at: &str, recorded: &Value, sent: &Value) {
    match (recorded, sent) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(keys(recorded), keys(sent), "{at}");
            a.iter().for_each(|(key, value)| same_shape(&format!("{at}.{key}"), value, &b[key]));
        }
        (Value::Array(a), Value::Array(b)) => {
            a.iter().zip(b).for_each(|(a, b)| same_shape(&format!("{at}[]"), a, b));
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (a, b) => {
            assert_eq!(std::mem::discriminant(a), std::mem::discriminant(b), "{at}: {a} {b}");
        }
    }
}

fn matches_recording(received: &Received, name: &str) {
    let recorded = recorded(name);
    let names = recorded["headers"].as_object().unwrap().keys();
    for header in names.filter(|name| name.starts_with("X-") || *name == "Content-Type") {
        assert!(received.headers.contains_key(header.as_str()), "{name}: {header}");
    }
    let body: Value = serde_json::from_str(recorded["body"].as_str().unwrap()).unwrap();
    let sent = received.json();
    same_shape(name, &body, &sent);
    for same in ["event", "action"] {
        assert_eq!(sent[same], body[same], "{name}");
    }
    assert_eq!(sent["activity"]["field"], body["activity"]["field"], "{name}");
    assert_eq!(received.header("x-plane-event"), sent["event"]);
}

#[tokio::test]
async fn webhooks_have_the_shape_of_the_recorded_ones() {
    let scene = Scene::new().await;
    let ada = scene.ada();
    let (state, label) = (scene.plane.states()[3].id, scene.plane.add_label(scene.project, "bug"));
    let wanted = json!({
        "name": "Crash “x” 🚀", "description_html": "<p>Steps</p>", "labels": [label],
        "assignees": [ada.id()], "external_id": "1", "external_source": "github",
        "start_date": "2026-11-01", "target_date": "2026-12-01", "priority": "high",
    });
    let made = scene.call("POST", "", wanted).await;
    let item: Uuid = made.body["id"].as_str().unwrap().parse().unwrap();
    matches_recording(&scene.drain().await[0], "002-issue-created");

    scene.call("PATCH", &format!("{item}/"), json!({ "state": state })).await;
    matches_recording(&scene.drain().await[0], "007-issue-updated-state");
    ada.edit_title(item, "From the UI (edited)").unwrap();
    matches_recording(&scene.drain().await[0], "079-issue-updated-name");
    ada.move_to_state(item, scene.plane.states()[1].id).unwrap();
    matches_recording(&scene.drain().await[0], "080-issue-updated-state_id");
    ada.assign(item, &[]).unwrap();
    matches_recording(&scene.drain().await[0], "082-issue-updated-assignee_ids");
    ada.label(item, &[]).unwrap();
    matches_recording(&scene.drain().await[0], "083-issue-updated-label_ids");
    ada.edit_description(item, "<p>changed in ui</p>").unwrap();
    matches_recording(&scene.drain().await[0], "085-issue-updated-description_html");

    let comment = json!({ "comment_html": "<p>c</p>", "external_id": "c1" });
    let made = scene.call("POST", &format!("{item}/comments/"), comment).await;
    matches_recording(&scene.drain().await[0], "025-issue_comment-created");
    let path = format!("{item}/comments/{}/", made.body["id"].as_str().unwrap());
    scene.call("PATCH", &path, json!({ "comment_html": "<p>edited</p>" })).await;
    matches_recording(&scene.drain().await[0], "026-issue_comment-updated-comment_html");
    let comment = ada.comment(item, "<p>ui comment</p>").unwrap();
    matches_recording(&scene.drain().await[0], "090-issue_comment-created");
    ada.edit_comment(comment, "<p>ui comment edited</p>").unwrap();
    matches_recording(&scene.drain().await[0], "091-issue_comment-updated-comment_html");
}

#[tokio::test]
async fn the_body_is_python_s_json_and_signed_as_it_is() {
    let scene = Scene::new().await;
    scene.call("POST", "", json!({ "name": "naïve 🚀" })).await;
    let received = scene.drain().await.remove(0);
    assert!(received.body.is_ascii());
    assert!(
        received.body.starts_with(r#"{"event": "issue", "action": "created", "webhook_id": ""#)
    );
    assert!(received.body.contains(r#""name": "na\u00efve \ud83d\ude80""#), "{}", received.body);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(received.body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    assert_eq!(received.header("x-plane-signature"), signature);
    assert_eq!(received.header("user-agent"), "Autopilot");
}

#[tokio::test]
async fn each_changed_field_is_told_by_itself_with_the_whole_new_item() {
    let scene = Scene::new().await;
    let item = scene.item().await;
    let change = json!({ "priority": "high", "name": "two", "foo": 1, "is_draft": false });
    scene.call("PATCH", &format!("{item}/"), change.clone()).await;
    let told = scene.drain().await;
    let fields: BTreeSet<String> =
        told.iter().map(|one| one.field().as_str().unwrap().to_owned()).collect();
    assert_eq!(fields, BTreeSet::from(["name".to_owned(), "priority".to_owned()]));
    let ids: BTreeSet<&str> = told.iter().map(|one| one.header("x-plane-delivery")).collect();
    assert_eq!(ids.len(), 2);
    assert!(told.iter().all(|one| one.json()["data"]["name"] == "two"));
    assert!(told.iter().all(|one| one.json()["data"]["priority"] == "high"));

    scene.call("PATCH", &format!("{item}/"), change).await;
    assert!(scene.drain().await.is_empty(), "the same again is told to nobody");
}

#[tokio::test]
async fn a_priority_set_in_the_web_app_is_told_with_its_old_and_new_value() {
    let scene = Scene::new().await;
    let item = scene.item().await;
    scene.ada().prioritize(item, "high").unwrap();
    scene.ada().prioritize(item, "high").unwrap();
    let told = scene.drain().await;
    assert_eq!(told.len(), 1, "the second time nothing changed");
    let activity = told[0].json()["activity"].clone();
    assert_eq!(activity["field"], "priority");
    assert_eq!((&activity["old_value"], &activity["new_value"]), (&json!("none"), &json!("high")));
}

#[tokio::test]
async fn an_item_s_address_shows_it_to_a_person() {
    let scene = Scene::new().await;
    scene.item().await;
    let key = format!("{}-1", scene.plane.project("SYNC").unwrap().identifier);
    let path = format!("/{}/browse/{key}/", scene.plane.workspace());
    let page = crate::wire::send(&scene.plane.api_url(), "GET", &path, &[], None).await.unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.as_str().unwrap().contains(&format!("{key}, Backlog")), "{:?}", page.body);
    assert_eq!(scene.plane.requests().iter().filter(|r| r.path == path).count(), 0);
}

#[tokio::test]
async fn html_that_is_not_in_its_stored_form_is_told_every_time() {
    let scene = Scene::new().await;
    let item = scene.item().await;
    for html in ["<p>a</p><p>b</p>", "<p>a</p><p>b</p>"] {
        scene.call("PATCH", &format!("{item}/"), json!({ "description_html": html })).await;
        assert_eq!(scene.drain().await.len(), 1);
    }
    let stored = scene.plane.item(item).unwrap().description_html;
    scene.call("PATCH", &format!("{item}/"), json!({ "description_html": stored })).await;
    assert!(scene.drain().await.is_empty());
}

#[tokio::test]
async fn deletions_and_archiving_are_told_to_nobody() {
    let scene = Scene::new().await;
    let (item, other, ada) = (scene.item().await, scene.item().await, scene.ada());
    let comment = ada.comment(item, "<p>x</p>").unwrap();
    scene.drain().await;
    ada.delete_comment(comment).unwrap();
    scene.call("DELETE", &format!("{item}/"), Value::Null).await;
    ada.archive_item(other).unwrap();
    ada.delete_item(other).unwrap();
    assert!(scene.drain().await.is_empty());
    assert!(scene.plane.items().is_empty());
}

#[tokio::test]
async fn a_late_webhook_carries_what_is_there_by_then() {
    let scene = Scene::new().await;
    let (item, gone, ada) = (scene.item().await, scene.item().await, scene.ada());
    scene.faults().pause_webhooks();
    ada.edit_title(item, "slow 0").unwrap();
    ada.edit_title(item, "slow 1").unwrap();
    ada.edit_title(gone, "never told").unwrap();
    ada.delete_item(gone).unwrap();
    scene.faults().resume_webhooks();
    let told = scene.drain().await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].json()["activity"]["new_value"], "slow 0");
    assert_eq!(told[0].json()["data"]["name"], "slow 1");
}

#[tokio::test]
async fn updated_at_moves_once_more_after_the_answer() {
    let start = "2026-11-22T00:00:00Z".parse().unwrap();
    let config = SimPlaneConfig::default().with_clock(Clock::manual(start));
    let scene = Scene::with(config).await;
    let item = scene.item().await;
    let answer = scene.call("PATCH", &format!("{item}/"), json!({ "name": "two" })).await;
    let answered: chrono::DateTime<chrono::Utc> =
        answer.body["updated_at"].as_str().unwrap().parse().unwrap();
    let told = scene.drain().await.remove(0).json();
    let told: chrono::DateTime<chrono::Utc> =
        told["data"]["updated_at"].as_str().unwrap().parse().unwrap();
    assert!(told > answered);
}

#[tokio::test]
async fn webhooks_are_dropped_doubled_and_reordered_on_demand() {
    let scene = Scene::new().await;
    let (item, ada) = (scene.item().await, scene.ada());
    let names = |told: &[Received]| -> Vec<String> {
        told.iter()
            .map(|one| one.json()["activity"]["new_value"].as_str().unwrap().into())
            .collect()
    };
    scene.faults().next_webhooks(1, WebhookFault::Drop);
    ada.edit_title(item, "dropped").unwrap();
    assert!(scene.drain().await.is_empty());

    scene.faults().next_webhooks(1, WebhookFault::Duplicate);
    ada.edit_title(item, "doubled").unwrap();
    let told = scene.drain().await;
    assert_eq!(names(&told), ["doubled", "doubled"]);
    assert_eq!(told[0].body, told[1].body);
    assert_ne!(told[0].header("x-plane-delivery"), told[1].header("x-plane-delivery"));

    scene.faults().next_webhooks(1, WebhookFault::AfterNext);
    ada.edit_title(item, "first").unwrap();
    ada.edit_title(item, "second").unwrap();
    assert_eq!(names(&scene.drain().await), ["second", "first"]);

    scene.faults().next_webhooks(1, WebhookFault::AfterNext);
    ada.edit_title(item, "alone").unwrap();
    assert_eq!(names(&scene.drain().await), ["alone"]);

    scene.faults().next_webhooks(1, WebhookFault::Delay(Duration::from_millis(500)));
    ada.edit_title(item, "late").unwrap();
    ada.edit_title(item, "early").unwrap();
    assert_eq!(names(&scene.drain().await), ["early", "late"]);
}

#[tokio::test]
async fn only_a_lost_connection_is_tried_again_and_six_switch_the_webhook_off() {
    let config = SimPlaneConfig { webhook_retry_wait: Duration::ZERO, ..SimPlaneConfig::default() };
    let scene = Scene::with(config).await;
    let ada = scene.ada();
    let item = scene.item().await;
    ada.edit_title(item, "answered 500").unwrap();
    assert_eq!(scene.drain().await.len(), 1);

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = scene.plane.add_webhook(&format!("http://{closed}/"), SECRET);
    ada.edit_title(item, "lost").unwrap();
    assert_eq!(scene.drain().await.len(), 1, "the other webhook has its own deliveries");
    let tried: Vec<_> =
        scene.plane.sent_webhooks().into_iter().filter(|sent| sent.status.is_none()).collect();
    assert_eq!(tried.len(), 6);
    let ids: BTreeSet<Uuid> = tried.iter().map(|sent| sent.delivery_id).collect();
    assert_eq!(ids.len(), 6);
    assert!(tried.iter().all(|sent| sent.body == tried[0].body));
    assert!(!scene.plane.webhook_is_active(nobody));
    assert!(scene.plane.webhook_is_active(scene.webhook));
}

#[tokio::test]
async fn creates_that_overlap_make_twins() {
    let config =
        SimPlaneConfig { race_window: Duration::from_secs(1), ..SimPlaneConfig::default() };
    let scene = Scene::with(config).await;
    let create = || {
        let body = json!({ "name": "race", "external_id": "7", "external_source": "github" });
        scene.call("POST", "", body)
    };
    let (a, b, c) = tokio::join!(create(), create(), create());
    assert_eq!([a.status, b.status, c.status], [201, 201, 201]);
    assert_eq!(create().await.status, 409);
    let found = scene.call("GET", "?external_id=7&external_source=github", Value::Null).await;
    assert_eq!(found.status, 500);
}

#[tokio::test]
async fn the_quota_is_a_sliding_minute() {
    let clock = Clock::manual("2026-11-22T00:00:00Z".parse().unwrap());
    let config = SimPlaneConfig {
        rate_limit: RateLimit::PerMinute(2),
        clock: clock.clone(),
        ..SimPlaneConfig::default()
    };
    let scene = Scene::with(config).await;
    let ask = || scene.call("GET", "", Value::Null);
    let first = ask().await;
    assert_eq!(
        (first.status, &first.headers["x-ratelimit-remaining"]),
        (200, &"1".parse().unwrap())
    );
    clock.advance(Duration::from_secs(20));
    assert_eq!(ask().await.headers["x-ratelimit-remaining"], "0");
    let refused = ask().await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &"40".parse().unwrap()));
    assert_eq!(refused.body["error_message"], "RATE_LIMIT_EXCEEDED");
    assert!(!refused.headers.contains_key("x-ratelimit-remaining"));
    clock.advance(Duration::from_secs(40));
    assert_eq!(ask().await.status, 200);
    assert_eq!(ask().await.status, 429);
}
